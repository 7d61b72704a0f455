//! Listening, and one connection of a browser: TLS or none, one request, then a file or a WebSocket.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use async_io::{Async, Timer};
use async_net::{TcpListener, TcpStream};
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use futures_lite::FutureExt;
use futures_lite::io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsAcceptor;
use rustls::ServerConfig;
use smol::LocalExecutor;
use socket2::SockRef;

use crate::authority::Authority;
use crate::carry;
use crate::figures::FiguresHandle;
use crate::http::{self, Request};
use crate::origin::Origins;
use crate::page::Page;
use crate::upstream::Upstream;

/// A TLS handshake and a request take no longer than this together; and a file no longer than this.
const REQUEST_MAX: Duration = Duration::from_secs(10);
const FILE_MAX: Duration = Duration::from_secs(30);
/// Longest message from a browser: several full datagrams, or a control frame.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Bytes that the kernel may hold unsent for a browser: the rest waits here, where it can be dropped and voices overtake pictures. On
/// 1 Mbit/s it is 65 ms.
const UNSENT_BYTES_MAX: u32 = 8 * 1024;
/// And with those that are on their way.
const SEND_BUFFER_BYTES: usize = 256 * 1024;
/// What the page speaks over the WebSocket.
const PROTOCOL: &str = "hph-web-1";
/// First byte of a TLS connection (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// Where the WebSocket is.
const SOCKET_PATH: &str = "/session";

/// How to serve.
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What browsers see; none: plain HTTP, for loopback or behind a reverse proxy.
    pub tls: Option<Arc<ServerConfig>>,
    /// What vouches for it, for whoever wants to install that; none unless it is of our own making.
    pub authority: Option<Authority>,
    /// Whether a reverse proxy says in `X-Forwarded-For` where browsers are.
    pub is_behind_proxy: bool,
    /// Which pages may open sessions.
    pub origins: Origins,
    /// The files.
    pub page: Page,
    /// The server.
    pub upstream: Upstream,
    /// Connections at once.
    pub connections_max: usize,
    /// Of which from one address.
    pub per_source_max: usize,
}

/// Why it can't serve.
#[derive(Debug)]
pub enum GatewayError {
    /// The address can't be listened at.
    Listen(SocketAddr, io::Error),
    /// The system refuses something else.
    System(io::Error),
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "can't listen at {address}: {error}"),
            Self::System(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for GatewayError {}

/// A gateway that listens, and has not begun to serve.
pub struct Gateway {
    listener: std::net::TcpListener,
    config: Config,
    figures: FiguresHandle,
}

/// What tasks share.
struct Hub {
    config: Config,
    acceptor: Option<TlsAcceptor>,
    figures: FiguresHandle,
    open: RefCell<HashMap<IpAddr, usize>>,
}

/// Where it listens, for whoever announces it.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    /// The address.
    pub address: SocketAddr,
    /// Whether browsers must say `https`.
    pub is_secure: bool,
}

impl Gateway {
    /// Opens the port.
    ///
    /// # Errors
    /// [`GatewayError::Listen`].
    pub fn bind(config: Config) -> Result<Self, GatewayError> {
        let listener =
            std::net::TcpListener::bind(config.listen).map_err(|e| GatewayError::Listen(config.listen, e))?;
        Ok(Self { listener, config, figures: FiguresHandle::default() })
    }

    /// Where it listens.
    pub fn listening(&self) -> Listening {
        let address = self.listener.local_addr().unwrap_or(self.config.listen);
        Listening { address, is_secure: self.config.tls.is_some() }
    }

    /// What vouches for its certificate, if it is of our own making.
    pub fn authority(&self) -> Option<&Authority> {
        self.config.authority.as_ref()
    }

    /// Where the figures will be.
    pub fn figures(&self) -> FiguresHandle {
        self.figures.clone()
    }

    /// Serves until something comes over `stop` or its last sender is dropped. Browsers notice that their connection ends.
    ///
    /// # Errors
    /// [`GatewayError::System`].
    pub fn run(self, stop: &async_channel::Receiver<()>) -> Result<(), GatewayError> {
        let executor = Rc::new(LocalExecutor::new());
        let stopped = async {
            let _ = stop.recv().await;
            Ok(())
        };
        smol::block_on(executor.run(self.serve(Rc::clone(&executor)).or(stopped)))
    }

    async fn serve(self, executor: Rc<LocalExecutor<'static>>) -> Result<(), GatewayError> {
        let listener: TcpListener = Async::new(self.listener).map_err(GatewayError::System)?.into();
        let acceptor = self.config.tls.clone().map(TlsAcceptor::from);
        let hub = Rc::new(Hub { config: self.config, acceptor, figures: self.figures, open: RefCell::default() });
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => executor.spawn(Rc::clone(&hub).handle(stream, peer.ip().to_canonical())).detach(),
                // Out of file descriptors: what is open goes on, and some of it will end.
                Err(_) => {
                    Timer::after(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

/// A connection that counts, until it is dropped.
struct Place {
    hub: Rc<Hub>,
    source: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.hub.open.borrow_mut();
        if let Some(count) = open.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.source);
            }
        }
    }
}

impl Hub {
    fn admit(self: &Rc<Self>, source: IpAddr) -> Option<Place> {
        let mut open = self.open.borrow_mut();
        let all: usize = open.values().sum();
        let of_source = open.get(&source).copied().unwrap_or(0);
        // Behind a proxy all come from one address: there it limits who connects.
        let of_source_max = match source.is_loopback() || self.config.is_behind_proxy {
            true => self.config.connections_max,
            false => self.config.per_source_max,
        };
        if all >= self.config.connections_max || of_source >= of_source_max {
            self.figures.change(|figures| figures.refused += 1);
            return None;
        }
        *open.entry(source).or_default() += 1;
        Some(Place { hub: Rc::clone(self), source })
    }

    async fn handle(self: Rc<Self>, stream: TcpStream, peer: IpAddr) {
        let Some(_place) = self.admit(peer) else { return };
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
            heed_loss(&SockRef::from(&stream));
        }
        let kernel: Arc<Async<std::net::TcpStream>> = stream.clone().into();
        match &self.acceptor {
            None => self.serve(stream, &kernel, peer).await,
            Some(_) if self.is_plain(&stream).await => self.lead_to_https(stream).await,
            Some(acceptor) => {
                let stream = within(REQUEST_MAX, acceptor.accept(stream)).await;
                if let Ok(stream) = stream {
                    self.serve(stream, &kernel, peer).await;
                }
            }
        }
    }

    /// Whether somebody speaks plain HTTP where TLS is spoken: who types an address without its scheme.
    async fn is_plain(&self, stream: &TcpStream) -> bool {
        let mut first = [0];
        matches!(within(REQUEST_MAX, stream.peek(&mut first)).await, Ok(1)) && first != [TLS_HANDSHAKE]
    }

    async fn lead_to_https(&self, mut stream: TcpStream) {
        let Ok(request) = within(REQUEST_MAX, http::read_request(&mut stream)).await else { return };
        let host = request.header("host").filter(|host| self.config.origins.is_ours(host));
        let address = host.map(|host| format!("https://{host}{}", request.path));
        let sent = async {
            match &address {
                Some(address) => http::send_elsewhere(&mut stream, address).await,
                None => http::send_status(&mut stream, "400 Bad Request", "This is HTTPS.").await,
            }
        };
        let _ = within(FILE_MAX, sent).await;
    }

    async fn serve(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        kernel: &Async<std::net::TcpStream>,
        peer: IpAddr,
    ) {
        let Ok(request) = within(REQUEST_MAX, http::read_request(&mut stream)).await else { return };
        if request.path == SOCKET_PATH {
            return self.serve_socket(stream, kernel, &request, self.browser(&request, peer)).await;
        }
        let _ = within(FILE_MAX, self.serve_file(&mut stream, &request)).await;
    }

    /// Where the browser is: the proxy's word for it, if there is one that is trusted.
    fn browser(&self, request: &Request, peer: IpAddr) -> IpAddr {
        let said = request.header("x-forwarded-for").filter(|_| self.config.is_behind_proxy);
        let last = said.and_then(|list| list.rsplit(',').next()).and_then(|last| last.trim().parse().ok());
        last.unwrap_or(peer)
    }

    async fn serve_file(&self, stream: &mut (impl AsyncWrite + Unpin), request: &Request) -> io::Result<()> {
        let is_head = request.method == "HEAD";
        if request.method != "GET" && !is_head {
            return http::send_status(stream, "405 Method Not Allowed", "GET only").await;
        }
        if let Some(file) = self.config.authority.as_ref().and_then(|authority| authority.file(&request.path)) {
            return http::send_file(stream, &file.as_file(), is_head).await;
        }
        match self.config.page.file(&request.path, request.has_word("accept-encoding", "gzip")) {
            Some(file) => http::send_file(stream, &file, is_head).await,
            None => http::send_status(stream, "404 Not Found", "There is no such page. Không có trang này.").await,
        }
    }

    async fn serve_socket(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        kernel: &Async<std::net::TcpStream>,
        request: &Request,
        browser: IpAddr,
    ) {
        if !self.config.origins.allows(request.header("host"), request.header("origin")) {
            self.figures.change(|figures| figures.refused += 1);
            let _ = http::send_status(&mut stream, "403 Forbidden", "Only this origin's own page may do that.").await;
            return;
        }
        let key = request.header("sec-websocket-key").filter(|_| {
            request.method == "GET"
                && request.has_word("upgrade", "websocket")
                && request.has_word("connection", "upgrade")
                && request.header("sec-websocket-version") == Some("13")
                && request.has_word("sec-websocket-protocol", PROTOCOL)
        });
        let Some(key) = key else {
            let _ = http::send_status(&mut stream, "400 Bad Request", "This is a WebSocket.").await;
            return;
        };
        if http::send_upgrade(&mut stream, &derive_accept_key(key.as_bytes()), PROTOCOL).await.is_err() {
            return;
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(8 * 1024)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let rest = request.rest.clone();
        let socket = WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(config)).await;
        match self.config.upstream.open(browser).await {
            Ok(opened) => {
                self.figures.change(|figures| {
                    (figures.browsers, figures.browsers_ever) = (figures.browsers + 1, figures.browsers_ever + 1)
                });
                carry::carry(socket, kernel, opened, &self.figures).await;
                self.figures.change(|figures| figures.browsers -= 1);
            }
            Err(_) => {
                let (mut to_browser, _) = socket.split();
                carry::close(&mut to_browser, CloseCode::from(carry::SERVER_GONE), "no server").await;
            }
        }
    }
}

/// Leaves BBR where the system would use it: a call is nearly always less than its way carries, and BBR's first version then keeps for
/// good the highest rate it has ever seen in a burst of acknowledgements, four times what there is. A picture that is whole goes out at
/// that rate, and the loss it makes tells BBR nothing for ten round trips of a full queue, two to three seconds.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn heed_loss(socket: &SockRef<'_>) {
    if socket.tcp_congestion().is_ok_and(|name| name.starts_with(b"bbr")) {
        // Reno is in every kernel and allowed to everybody.
        let _ = socket.set_tcp_congestion(b"cubic").or_else(|_| socket.set_tcp_congestion(b"reno"));
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let too_late = async {
        Timer::after(limit).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    work.or(too_late).await
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;

    fn name_of(socket: &SockRef<'_>) -> String {
        let name = socket.tcp_congestion().unwrap();
        String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned()
    }

    #[test]
    fn a_browsers_socket_heeds_loss_whatever_the_systems_choice_is() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = SockRef::from(&stream);
        // Not every kernel has it: there nothing is to be left.
        if socket.set_tcp_congestion(b"bbr").is_ok() {
            assert_eq!(name_of(&socket), "bbr");
            heed_loss(&socket);
            assert!(["cubic", "reno"].contains(&name_of(&socket).as_str()), "{}", name_of(&socket));
        }
        // What heeds loss stays as the system has chosen it.
        socket.set_tcp_congestion(b"reno").unwrap();
        heed_loss(&socket);
        assert_eq!(name_of(&socket), "reno");
    }
}
