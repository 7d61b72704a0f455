//! Starting a server, running it, stopping it without losing a word.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_channel::Receiver;
use async_io::{Async, Timer};
use async_net::TcpListener;
use futures_lite::FutureExt;
use futures_rustls::TlsAcceptor;
use hph_core::endpoint::relay::Budgets;
use hph_core::endpoint::server::RateLimits;
use hph_core::id::RoomId;
use hph_core::wire::control::SignOutReason;
use hph_platform::clock::Clock;
use hph_platform::entropy;
use hph_platform::lan::{self, Announcer, LanError};
use smol::LocalExecutor;

use crate::accounts::{Accounts, OWNER_TOKEN_MS};
use crate::admin;
use crate::config::ServerConfig;
use crate::connection;
use crate::gateway::load_or_create_key;
use crate::hub::Hub;
use crate::meeting::Meeting;
use crate::memory::MemoryBill;
use crate::monitor;
use crate::notice::{ALIVE_INTERVAL, Notice, Notices};
use crate::relay::{self, RelayFigures, Relays, Sockets};
use crate::store::{NewTicket, Purpose, Store, StoreError, StoreHandle, StoreLimits};
use crate::tls::{Identity, Pin, TlsError};

/// Ports to try when the kernel chooses one, since TCP and UDP must have the same.
const PORT_TRIES: usize = 16;
/// Other counts of rooms and people are told in the local network not more often than this.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(3);
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
    /// The key of gateways.
    GatewayKey(io::Error),
    /// Another server runs on this data.
    Taken(PathBuf),
    /// A thread.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, error } => write!(f, "can't listen at {address}: {error}"),
            Self::Tls(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::GatewayKey(error) => error.fmt(f),
            Self::Taken(data_dir) => write!(f, "another server runs on the data in {}", data_dir.display()),
            Self::Thread(error) => write!(f, "can't start a thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Figures of a running server, for whoever wants to see them.
#[derive(Clone, Default)]
pub struct FiguresHandle(Arc<Mutex<RelayFigures>>);

impl FiguresHandle {
    /// The figures of at most half a second ago.
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
    sockets: Sockets,
    identity: Identity,
    gateway_key: [u8; 32],
    store: Store,
    figures: FiguresHandle,
    announcer: Result<Option<Announcer>, LanError>,
    admin: io::Result<UnixListener>,
    metrics: Option<std::net::TcpListener>,
    notices: Notices,
    owner_token: Option<String>,
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
            messages_days: config.messages_days,
            room_days: config.messages_days_of.0.clone(),
            directs_per_recipient: config.directs_per_recipient,
            file_max_bytes: u64::from(config.file_max_mb) * 1_000_000,
            files_room_bytes: u64::from(config.files_per_room_mb) * 1_000_000,
            files_total_bytes: u64::from(config.files_total_mb) * 1_000_000,
        };
        // Whoever runs on this data already is not disturbed.
        let admin = admin::listen(&config.data_dir);
        if let Err(error) = &admin
            && error.kind() == io::ErrorKind::AddrInUse
        {
            return Err(StartError::Taken(config.data_dir));
        }
        let mut store = Store::open(&config.data_dir, limits).map_err(StartError::Store)?;
        let owner_token = first_owner_token(&mut store).map_err(StartError::Store)?;
        let identity = Identity::load_or_create(&config.data_dir).map_err(StartError::Tls)?;
        let gateway_key = load_or_create_key(&config.data_dir).map_err(StartError::GatewayKey)?;
        let listen_error = |error| StartError::Listen { address: config.listen, error };
        let (listener, sockets) = listen(&config).map_err(listen_error)?;
        let announcer = announce(&config, listener.local_addr().unwrap_or(config.listen), &identity);
        let metrics = config
            .metrics
            .map(|address| std::net::TcpListener::bind(address).map_err(|error| StartError::Listen { address, error }));
        let (metrics, figures) = (metrics.transpose()?, FiguresHandle::default());
        let notices = Notices::default();
        Ok(Self {
            config,
            listener,
            sockets,
            identity,
            gateway_key,
            store,
            figures,
            announcer,
            admin,
            metrics,
            notices,
            owner_token,
        })
    }

    /// Gives what its owner should know to `notices` from now on.
    pub fn tell(&mut self, notices: Notices) {
        self.notices = notices;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.config.listen)
    }

    /// How datagrams go through this machine, in one line for the log.
    pub fn describe_relay(&self) -> String {
        self.sockets.describe()
    }

    /// What it holds from now on, however few people come.
    pub fn memory(&self) -> MemoryBill {
        MemoryBill::new(&self.config, &self.sockets)
    }

    /// Whether its owner can ask it things.
    ///
    /// # Errors
    /// As the operating system reports them.
    pub fn is_administrable(&self) -> Result<(), &io::Error> {
        self.admin.as_ref().map(|_| ())
    }

    /// Where its figures are, if anywhere.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Whether it says in the local network that it is there.
    ///
    /// # Errors
    /// It shall, and can't.
    pub fn is_announced(&self) -> Result<bool, &LanError> {
        self.announcer.as_ref().map(Option::is_some)
    }

    /// With what whoever reads this becomes the owner: at the first start with this data, and never again.
    pub fn owner_token(&self) -> Option<&str> {
        self.owner_token.as_deref()
    }

    /// What clients compare the server's key with.
    pub fn pin(&self) -> Pin {
        self.identity.pin()
    }

    /// What a gateway needs to say where browsers are.
    pub const fn gateway_key(&self) -> [u8; 32] {
        self.gateway_key
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

    async fn serve(mut self, executor: Rc<LocalExecutor<'static>>, stop: &Receiver<()>) -> Result<(), StartError> {
        let acceptor = TlsAcceptor::from(self.identity.server_config().map_err(StartError::Tls)?);
        self.store.drop_breakouts().map_err(StartError::Store)?;
        let rooms = self.store.rooms().map_err(StartError::Store)?;
        let mut known = Vec::with_capacity(rooms.len());
        for room in &rooms {
            let latest = self.store.latest_message_id(room.id).map_err(StartError::Store)?;
            known.push((latest, self.store.room_staff(room.id).map_err(StartError::Store)?));
        }
        let address = self.listener.local_addr().unwrap_or(self.config.listen);
        let accounts = Accounts::new(address, self.identity.pin());
        let store = StoreHandle::spawn(self.store, self.notices.clone()).map_err(StartError::Thread)?;
        let listener: TcpListener = Async::new(self.listener).map_err(StartError::Thread)?.into();
        let limits = RateLimits {
            datagrams: (self.config.datagrams_per_second, self.config.datagrams_burst),
            chats: (self.config.messages_per_second, self.config.messages_burst),
            ..RateLimits::default()
        };
        let (sessions_max, rooms_max) = (self.config.sessions_max as usize, self.config.rooms_max as usize);
        let budgets = Budgets {
            receiver_bps: self.config.receiver_kbps.saturating_mul(1000),
            room_bps: self.config.room_kbps.saturating_mul(1000),
        };
        let relays = Relays::start(self.sockets, sessions_max, rooms_max, limits.datagrams, budgets)
            .map_err(StartError::Thread)?;
        let mut meeting = Meeting::new(relays, sessions_max, rooms_max, limits, entropy::array());
        for (room, (latest, staff)) in rooms.iter().zip(known) {
            // As many as the store may hold fit.
            let _ = meeting.machine.add_room(RoomId(room.id), &room.name, latest);
            let (hosts, banned) = (staff.hosts.iter(), staff.banned.iter());
            let (hosts, banned) = (hosts.map(String::as_str), banned.map(String::as_str));
            meeting.machine.set_staff(RoomId(room.id), &room.created_by, hosts, banned);
            meeting.machine.set_rules(RoomId(room.id), staff.rules);
        }
        let (notices, shared) = (self.notices, Rc::clone(&executor));
        let hub = Hub::new(self.config, store.clone(), self.gateway_key, accounts, meeting, notices, shared);
        hub.notices.tell(&Notice::Ready);
        let serving = async {
            accept(&hub, &acceptor, &listener).await;
            Ok(())
        };
        let ticking = tick(&hub, &self.figures).or(hear_relays(&hub)).or(hub.keep_house()).or(async {
            hub.pass_tunnelled().await;
            Ok(())
        });
        let announcer = self.announcer.ok().flatten();
        let ticking = ticking.or(say_alive(&hub));
        let ticking =
            ticking.or(announce_changes(&hub, announcer)).or(answer_owner(&hub, self.admin.ok(), self.metrics));
        let stopping = async {
            let _ = stop.recv().await;
            Ok(())
        };
        let result = serving.or(ticking).or(stopping).await;
        drop(listener);
        stop_hub(&hub).await;
        hub.flush_marks().await;
        self.figures.set(hub.stop_relays());
        store.close().await;
        let _ = std::fs::remove_file(admin::socket_path(&hub.config.data_dir));
        result
    }
}

/// A token for the first owner, if none was ever made.
fn first_owner_token(store: &mut Store) -> Result<Option<String>, StoreError> {
    if store.had_owner_token()? {
        return Ok(None);
    }
    let made = store.make_ticket(&NewTicket::of(Purpose::Owner, Clock::unix_time_ms(), OWNER_TOKEN_MS))?;
    Ok(Some(made.secret))
}

async fn accept(hub: &Rc<Hub>, acceptor: &TlsAcceptor, listener: &TcpListener) {
    let mut is_accepting = true;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if !std::mem::replace(&mut is_accepting, true) {
                    hub.notices.tell(&Notice::Accepting);
                }
                hub.spawn(connection::serve(Rc::clone(hub), acceptor.clone(), stream, peer.ip()));
            }
            // Out of file descriptors, for example: those who are here go on, newcomers wait.
            Err(error) => {
                hub.accept_failures.set(hub.accept_failures.get() + 1);
                if std::mem::replace(&mut is_accepting, false) {
                    hub.notices.tell(&Notice::NotAccepting { why: error.to_string() });
                }
                Timer::after(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Says again and again that this loop and those of the relays turn.
async fn say_alive(hub: &Rc<Hub>) -> Result<(), StartError> {
    loop {
        Timer::after(ALIVE_INTERVAL).await;
        if hub.are_relays_turning() {
            let ((rooms, people), disk) = (hub.counts(), hub.store.figures().disk);
            hub.notices.tell(&Notice::Alive { people, rooms, disk });
        }
    }
}

/// Brings what the relay threads find out to the machine.
async fn hear_relays(hub: &Rc<Hub>) -> Result<(), StartError> {
    loop {
        Timer::after(Duration::from_millis(50)).await;
        hub.hear_relays();
    }
}

/// Drives the machine's timers and publishes the figures, as long as datagrams are relayed.
async fn tick(hub: &Rc<Hub>, figures: &FiguresHandle) -> Result<(), StartError> {
    while hub.is_relaying() {
        Timer::after(Duration::from_millis(250)).await;
        hub.act(|machine, out| machine.handle_timeout(Clock::now(), out));
        figures.set(hub.figures());
    }
    Err(StartError::Thread(io::Error::other("a relay thread has failed")))
}

/// Says in the local network that the server is there, if it may.
fn announce(config: &ServerConfig, address: SocketAddr, identity: &Identity) -> Result<Option<Announcer>, LanError> {
    if !config.announce {
        return Ok(None);
    }
    let notice = lan::Notice { name: config.name.clone(), rooms: 0, people: 0, pin: identity.pin() };
    Announcer::start(address, notice)
}

/// Tells now and then how many rooms and people there are; says goodbye when it is dropped.
async fn announce_changes(hub: &Rc<Hub>, mut announcer: Option<Announcer>) -> Result<(), StartError> {
    loop {
        if let Some(announcer) = &mut announcer {
            let (rooms, people) = hub.counts();
            announcer.update(rooms, people);
        }
        Timer::after(ANNOUNCE_INTERVAL).await;
    }
}

/// Answers whoever owns the machine, and whoever watches it.
async fn answer_owner(
    hub: &Rc<Hub>,
    admin: Option<UnixListener>,
    metrics: Option<std::net::TcpListener>,
) -> Result<(), StartError> {
    let answering = async {
        match admin.and_then(|listener| Async::new(listener).ok()) {
            Some(listener) => admin::serve(hub, listener).await,
            None => std::future::pending().await,
        }
    };
    let watched = async {
        match metrics.and_then(|listener| Async::new(listener).ok()) {
            Some(listener) => monitor::serve(hub, listener.into()).await,
            None => std::future::pending().await,
        }
    };
    answering.or(watched).await;
    Ok(())
}

/// Tells everybody that the server stops, and lets them hear it.
async fn stop_hub(hub: &Rc<Hub>) {
    hub.is_stopping.set(true);
    hub.notices.tell(&Notice::Stopping);
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
fn listen(config: &ServerConfig) -> io::Result<(std::net::TcpListener, Sockets)> {
    let (address, shards) = (config.listen, relay::shards(config.relay_threads));
    let mut tries = 0;
    loop {
        let listener = std::net::TcpListener::bind(address)?;
        match Sockets::bind(listener.local_addr()?, shards) {
            Ok(sockets) => return Ok((listener, sockets)),
            Err(_) if address.port() == 0 && tries < PORT_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}
