//! Starting a server, running it, stopping it without losing a word.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_channel::Receiver;
use async_io::{Async, Timer};
use async_net::TcpListener;
use futures_lite::FutureExt;
use futures_rustls::TlsAcceptor;
use hph_core::endpoint::server::RateLimits;
use hph_core::id::RoomId;
use hph_core::wire::control::SignOutReason;
use hph_platform::clock::Clock;
use hph_platform::entropy;
use smol::LocalExecutor;
use socket2::SockRef;

use crate::config::ServerConfig;
use crate::hub::Hub;
use crate::meeting::{Meeting, RelayFigures};
use crate::store::{Store, StoreError, StoreHandle, StoreLimits};
use crate::tls::{Identity, Pin, TlsError};
use crate::{connection, relay};

/// Bytes that the kernel may keep for us: a burst of frames from everybody at once.
const SOCKET_BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// Ports to try when the kernel chooses one, since TCP and UDP must have the same.
const PORT_TRIES: usize = 16;
/// Goodbyes are flushed within this.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a server does not start.
#[derive(Debug)]
pub enum StartError {
    /// The address can't be listened at.
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the operating system says.
        error: io::Error,
    },
    /// The key or certificate.
    Tls(TlsError),
    /// The database.
    Store(StoreError),
    /// A thread.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, error } => write!(f, "can't listen at {address}: {error}"),
            Self::Tls(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "can't start a thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Figures of a running server, for whoever wants to see them.
#[derive(Clone, Default)]
pub struct FiguresHandle(Arc<Mutex<RelayFigures>>);

impl FiguresHandle {
    /// The figures of at most a quarter of a second ago.
    pub fn figures(&self) -> RelayFigures {
        self.0.lock().map(|figures| figures.clone()).unwrap_or_default()
    }

    fn set(&self, figures: RelayFigures) {
        if let Ok(mut place) = self.0.lock() {
            *place = figures;
        }
    }
}

/// A server that listens, and has not begun to serve.
pub struct Server {
    config: ServerConfig,
    listener: std::net::TcpListener,
    socket: UdpSocket,
    identity: Identity,
    store: Store,
    figures: FiguresHandle,
}

impl Server {
    /// Opens the data directory, the key and the port.
    ///
    /// # Errors
    /// Any [`StartError`].
    pub fn bind(config: ServerConfig) -> Result<Self, StartError> {
        let limits = StoreLimits {
            accounts_max: config.accounts_max,
            rooms_max: config.rooms_max,
            messages_per_room: config.messages_per_room,
            directs_per_recipient: config.directs_per_recipient,
        };
        let store = Store::open(&config.data_dir, limits).map_err(StartError::Store)?;
        let identity = Identity::load_or_create(&config.data_dir).map_err(StartError::Tls)?;
        let listen_error = |error| StartError::Listen { address: config.listen, error };
        let (listener, socket) = listen(config.listen).map_err(listen_error)?;
        Ok(Self { config, listener, socket, identity, store, figures: FiguresHandle::default() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.config.listen)
    }

    /// What clients compare the server's key with.
    pub fn pin(&self) -> Pin {
        self.identity.pin()
    }

    /// Memory that the tables of sessions, rooms and calls will take, whoever comes. **Units:** bytes.
    pub const fn tables_bytes(&self) -> usize {
        Meeting::tables_bytes(self.config.sessions_max as usize, self.config.rooms_max as usize)
    }

    /// Where the figures will be.
    pub fn figures(&self) -> FiguresHandle {
        self.figures.clone()
    }

    /// Serves until something comes over `stop` or its last sender is dropped; then says goodbye to everybody.
    ///
    /// # Errors
    /// Any [`StartError`] that only shows now.
    pub fn run(self, stop: &Receiver<()>) -> Result<(), StartError> {
        let executor = Rc::new(LocalExecutor::new());
        smol::block_on(executor.run(self.serve(Rc::clone(&executor), stop)))
    }

    async fn serve(self, executor: Rc<LocalExecutor<'static>>, stop: &Receiver<()>) -> Result<(), StartError> {
        let acceptor = TlsAcceptor::from(self.identity.server_config().map_err(StartError::Tls)?);
        let rooms = self.store.rooms().map_err(StartError::Store)?;
        let mut latest = Vec::with_capacity(rooms.len());
        for room in &rooms {
            latest.push(self.store.latest_message_id(room.id).map_err(StartError::Store)?);
        }
        let store = StoreHandle::spawn(self.store).map_err(StartError::Thread)?;
        let socket = Arc::new(Async::new(self.socket).map_err(StartError::Thread)?);
        let listener: TcpListener = Async::new(self.listener).map_err(StartError::Thread)?.into();
        let limits = RateLimits {
            datagrams: (self.config.datagrams_per_second, self.config.datagrams_burst),
            chats: (self.config.messages_per_second, self.config.messages_burst),
            ..RateLimits::default()
        };
        let mut meeting = Meeting::new(
            Arc::clone(&socket),
            self.config.sessions_max as usize,
            self.config.rooms_max as usize,
            limits,
            entropy::array(),
        );
        for (room, latest) in rooms.iter().zip(latest) {
            // As many as the store may hold fit.
            let _ = meeting.machine.add_room(RoomId(room.id), &room.name, latest);
        }
        let hub = Hub::new(self.config, store.clone(), meeting, Rc::clone(&executor));
        hub.spawn(relay::run(Rc::clone(&hub), socket));
        let serving = async {
            accept(&hub, &acceptor, &listener).await;
        };
        let ticking = tick(&hub, &self.figures);
        let stopping = async {
            let _ = stop.recv().await;
        };
        serving.or(ticking).or(stopping).await;
        drop(listener);
        stop_hub(&hub).await;
        self.figures.set(hub.figures());
        store.close().await;
        Ok(())
    }
}

async fn accept(hub: &Rc<Hub>, acceptor: &TlsAcceptor, listener: &TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                hub.spawn(connection::serve(Rc::clone(hub), acceptor.clone(), stream, peer.ip()));
            }
            // Out of file descriptors, for example: those who are here go on, newcomers wait.
            Err(_) => {
                Timer::after(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Drives the machine's timers and publishes the figures.
async fn tick(hub: &Rc<Hub>, figures: &FiguresHandle) {
    loop {
        Timer::after(Duration::from_millis(250)).await;
        hub.act(|machine, out| machine.handle_timeout(Clock::now(), out));
        figures.set(hub.figures());
    }
}

/// Tells everybody that the server stops, and lets them hear it.
async fn stop_hub(hub: &Rc<Hub>) {
    hub.is_stopping.set(true);
    let sessions = hub.sessions();
    let had_sessions = !sessions.is_empty();
    for session in sessions {
        hub.act(|machine, out| machine.close_session(session, SignOutReason::ShuttingDown, out));
    }
    if had_sessions {
        Timer::after(FAREWELL).await;
    }
}

/// Opens the same port for TCP and UDP.
fn listen(address: SocketAddr) -> io::Result<(std::net::TcpListener, UdpSocket)> {
    let mut tries = 0;
    loop {
        let listener = std::net::TcpListener::bind(address)?;
        match UdpSocket::bind(listener.local_addr()?) {
            Ok(socket) => {
                let options = SockRef::from(&socket);
                // The kernel's own limit applies; a smaller buffer works too.
                let _ = options.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
                let _ = options.set_send_buffer_size(SOCKET_BUFFER_BYTES);
                return Ok((listener, socket));
            }
            Err(_) if address.port() == 0 && tries < PORT_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}
