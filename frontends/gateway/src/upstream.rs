//! The connection to the server, opened for one browser.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use async_io::{Async, Timer};
use async_net::TcpStream;
use futures_lite::FutureExt;
use futures_lite::io::AsyncWriteExt;
use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;
use hph_client::core::crypto::gateway::foreword;
use hph_client::tls::{self, Pin, Trust};
use socket2::SockRef;

/// Reaching the server takes no longer than this.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// What a gateway speaks inside TLS that tells where browsers are (PROTOCOL.md section 3.1).
const ALPN: &[u8] = b"hph-gateway/1";
/// Bytes that the kernel may keep of datagrams: bursts of everybody's pictures.
const SOCKET_BUFFER_BYTES: usize = 1024 * 1024;

/// Which server.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its name or address.
    pub host: String,
    /// Its port, for TCP and UDP.
    pub port: u16,
    /// Its key; no other is taken.
    pub pin: Pin,
    /// The server's key for gateways, to say where browsers are. Without it all count as being where the gateway is.
    pub key: Option<[u8; 32]>,
}

/// An open connection.
pub(crate) struct Opened {
    pub control: TlsStream<TcpStream>,
    pub datagrams: Async<UdpSocket>,
    /// What both ends derive from the connection (PROTOCOL.md section 3): the page needs it, since it is the client.
    pub media: [u8; 32],
    pub binding: [u8; 32],
}

impl Upstream {
    /// Opens a connection for a browser at that address.
    ///
    /// # Errors
    /// The server does not answer, or has another key.
    pub(crate) async fn open(&self, browser: IpAddr) -> io::Result<Opened> {
        let too_late = async {
            Timer::after(CONNECT_MAX).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        self.connect(browser).or(too_late).await
    }

    async fn connect(&self, browser: IpAddr) -> io::Result<Opened> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        let mut config = (*tls::client_config(Trust::Expect(self.pin)).map_err(io::Error::other)?).clone();
        if self.key.is_some() {
            config.alpn_protocols = vec![ALPN.to_vec()];
        }
        let connector = TlsConnector::from(std::sync::Arc::new(config));
        let mut control = connector.connect(tls::server_name(), stream).await?;
        let (_, connection) = control.get_ref();
        let export = |label: &[u8]| connection.export_keying_material([0; 32], label, Some(b""));
        let media = export(b"EXPORTER-hph media v1").map_err(io::Error::other)?;
        let binding = export(b"EXPORTER-Channel-Binding").map_err(io::Error::other)?;
        if let Some(key) = &self.key {
            control.write_all(&foreword(key, &binding, browser)).await?;
        }
        Ok(Opened { control, datagrams: open_socket(peer)?, media, binding })
    }
}

/// A socket that only hears the server.
fn open_socket(peer: SocketAddr) -> io::Result<Async<UdpSocket>> {
    let any: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(peer)?;
    let options = SockRef::from(&socket);
    // The kernel's own limit applies; a smaller buffer works too.
    let _ = options.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = options.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    Async::new(socket)
}
