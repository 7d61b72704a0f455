//! The TLS of server and client against each other, and against what they must refuse, over real sockets.

use std::fs;
use std::io;
use std::sync::Arc;

use async_net::{TcpListener, TcpStream};
use futures_lite::future::zip;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use futures_rustls::{TlsAcceptor, TlsConnector, client, server};
use hph_client::link::Invitation;
use hph_client::tls::{Pin, Trust, client_config, peer_pin, pin_mismatch, server_name};
use hph_server::tls::{Identity, fingerprint, invitation_link};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CipherSuite, ClientConfig, Error, ProtocolVersion, ServerConfig};
use tempfile::{TempDir, tempdir};

type Handshake = (io::Result<server::TlsStream<TcpStream>>, io::Result<client::TlsStream<TcpStream>>);

/// A server with a fresh identity, and the directory that it lives in.
struct Server {
    directory: TempDir,
    pin: Pin,
    config: Arc<ServerConfig>,
}

impl Server {
    fn new() -> Self {
        let directory = tempdir().expect("a directory");
        let identity = Identity::load_or_create(directory.path()).expect("made");
        let config = identity.server_config().expect("usable");
        Self { pin: identity.pin(), config, directory }
    }

    fn pem(&self, file: &str) -> Vec<u8> {
        fs::read(self.directory.path().join("tls").join(file)).expect("read")
    }
}

/// One handshake over loopback; both ends then send each other a byte, so that each has seen the other's verdict.
fn handshake(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> Handshake {
    smol::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        let accept = async {
            let (socket, _) = listener.accept().await?;
            let mut stream = TlsAcceptor::from(server).accept(socket).await?;
            exchange(&mut stream).await?;
            Ok(stream)
        };
        let connect = async {
            let socket = TcpStream::connect(address).await?;
            let mut stream = TlsConnector::from(client).connect(server_name(), socket).await?;
            exchange(&mut stream).await?;
            Ok(stream)
        };
        zip(accept, connect).await
    })
}

async fn exchange(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) -> io::Result<()> {
    stream.write_all(b"!").await?;
    stream.flush().await?;
    stream.read_exact(&mut [0]).await
}

fn trusting(trust: Trust) -> Arc<ClientConfig> {
    client_config(trust).expect("usable")
}

fn tls_error(error: io::Error) -> Error {
    error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()).expect("an error of TLS").clone()
}

fn complete(handshake: Handshake) -> (server::TlsStream<TcpStream>, client::TlsStream<TcpStream>) {
    (handshake.0.expect("the server is content"), handshake.1.expect("the client is content"))
}

#[test]
fn both_ends_agree_on_one_suite_and_export_the_same_keys() {
    let there = Server::new();
    let (server, client) = complete(handshake(there.config.clone(), trusting(Trust::Expect(there.pin))));
    let (server, client) = (server.get_ref().1, client.get_ref().1);
    assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let suite = client.negotiated_cipher_suite().expect("chosen").suite();
    assert_eq!(suite, CipherSuite::TLS13_AES_256_GCM_SHA384);
    assert_eq!(client.negotiated_key_exchange_group().expect("chosen").name(), rustls::NamedGroup::X25519);
    assert_eq!((client.alpn_protocol(), server.alpn_protocol()), (Some(&b"hph/1"[..]), Some(&b"hph/1"[..])));
    assert_eq!(server.server_name(), None, "the name would be readable by everyone on the way");
    assert_eq!(client.tls13_tickets_received(), 0);

    let export = |label: &[u8], context: Option<&[u8]>| {
        let ours = client.export_keying_material([0; 32], label, context).expect("exported");
        let theirs = server.export_keying_material([0; 32], label, context).expect("exported");
        assert_eq!(ours, theirs);
        ours
    };
    let keys = [
        export(b"EXPORTER-hph media v1", Some(&[7; 16])),
        export(b"EXPORTER-hph media v1", Some(&[8; 16])),
        export(b"EXPORTER-Channel-Binding", Some(&[])),
    ];
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);

    let (_, again) = complete(handshake(there.config, trusting(Trust::Expect(there.pin))));
    let fresh: [u8; 32] =
        again.get_ref().1.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[])).expect("exported");
    assert_ne!(fresh, keys[2], "another connection has other keys");
}

#[test]
fn a_first_use_learns_the_pin_that_the_server_prints() {
    let there = Server::new();
    let (_, client) = complete(handshake(there.config.clone(), trusting(Trust::FirstUse)));
    assert_eq!(peer_pin(client.get_ref().1), Some(there.pin));
    assert_eq!(hph_client::tls::fingerprint(&there.pin), fingerprint(&there.pin));
}

#[test]
fn the_link_that_a_server_prints_is_the_one_that_a_client_reads() {
    let pin = Server::new().pin;
    for (host, room) in [("192.0.2.1", Some("Nhóm 17/b #1?")), ("2001:db8::1", None), ("meet.example.org", None)] {
        let link = invitation_link(host, 7400, &pin, room);
        let expected =
            Invitation { host: host.into(), port: 7400, pin: Some(pin), room: room.map(Into::into), given: None };
        assert_eq!(link.parse(), Ok(expected.clone()));
        assert_eq!(expected.to_string(), link);
    }
}

#[test]
fn a_server_with_another_key_is_refused_by_name_of_the_keys() {
    let (expected, found) = (Server::new(), Server::new());
    let (server, client) = handshake(found.config.clone(), trusting(Trust::Expect(expected.pin)));
    let mismatch = pin_mismatch(&client.expect_err("refused")).expect("because of the pin");
    assert_eq!((mismatch.expected, mismatch.found), (expected.pin, found.pin));
    server.expect_err("the server hears of it");
}

/// Shows the certificate of one server and signs with the key of another, as a thief of the certificate would.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl ResolvesServerCert for Thief {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

#[test]
fn a_copied_certificate_without_its_key_is_refused() {
    let (victim, thief) = (Server::new(), Server::new());
    let certificate = CertificateDer::from_pem_slice(&victim.pem("certificate.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(&thief.pem("key.pem")).expect("a key");
    let key = ring::sign::any_supported_type(&key).expect("a signing key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("usable")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Thief(Arc::new(CertifiedKey::new(vec![certificate], key)))));
    config.alpn_protocols = vec![b"hph/1".to_vec()];
    let config = Arc::new(config);
    for trust in [Trust::Expect(victim.pin), Trust::FirstUse] {
        let error = handshake(config.clone(), trusting(trust)).1.expect_err("refused");
        assert!(pin_mismatch(&error).is_none(), "the pin fits, the signature does not");
        let error = tls_error(error);
        assert!(matches!(error, Error::InvalidCertificate(rustls::CertificateError::BadSignature)), "{error:?}");
    }
}

/// A client that would come as far as the certificate, with the algorithms of `provider` and the versions that are given.
fn other_client(
    provider: rustls::crypto::CryptoProvider,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("usable")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"hph/1".to_vec()];
    Arc::new(config)
}

#[test]
fn a_client_of_tls_1_2_is_refused() {
    let there = Server::new();
    let (server, client) =
        handshake(there.config.clone(), other_client(ring::default_provider(), &[&rustls::version::TLS12]));
    let refusal = tls_error(client.expect_err("refused"));
    assert_eq!(refusal, Error::AlertReceived(AlertDescription::ProtocolVersion));
    assert!(matches!(tls_error(server.expect_err("refused")), Error::PeerIncompatible(_)));
}

#[test]
fn a_client_without_the_one_suite_or_group_is_refused() {
    let there = Server::new();
    let weaker = rustls::crypto::CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..ring::default_provider()
    };
    let other =
        rustls::crypto::CryptoProvider { kx_groups: vec![ring::kx_group::SECP256R1], ..ring::default_provider() };
    for provider in [weaker, other] {
        let (server, client) = handshake(there.config.clone(), other_client(provider, &[&rustls::version::TLS13]));
        assert!(matches!(tls_error(server.expect_err("refused")), Error::PeerIncompatible(_)));
        let refusal = tls_error(client.expect_err("refused"));
        assert_eq!(refusal, Error::AlertReceived(AlertDescription::HandshakeFailure));
    }
}

#[test]
fn a_client_that_speaks_something_else_inside_is_refused() {
    let there = Server::new();
    let mut config = Arc::unwrap_or_clone(trusting(Trust::FirstUse));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (_, client) = handshake(there.config.clone(), Arc::new(config));
    let refusal = tls_error(client.expect_err("refused"));
    assert_eq!(refusal, Error::AlertReceived(AlertDescription::NoApplicationProtocol));
}
