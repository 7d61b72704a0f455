//! `bench mumble`: what mumble-server takes for people who are signed in, to compare `bench memory` with. Needs Debian's
//! package mumble-server (`scripts/setup bench`).

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use hph_core::time::Duration;
use hph_load::figure::Report;
use hph_load::server::resident_kib;
use hph_platform::clock::Clock;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::memory::{PEOPLE, ROUNDS, Residents, SETTLE};

/// Message numbers of its protocol.
const VERSION: u16 = 0;
const AUTHENTICATE: u16 = 2;
const SERVER_SYNC: u16 = 5;

/// Takes any certificate: it is our own server, on loopback.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A running mumble-server. It ends when this is dropped.
struct Mumble {
    child: Child,
    port: u16,
    _data: tempfile::TempDir,
}

impl Mumble {
    fn start() -> io::Result<Self> {
        let data = tempfile::Builder::new().prefix("hph-mumble-").tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let path = data.path().join("mumble.ini");
        let database = data.path().join("mumble.sqlite");
        fs::write(
            &path,
            format!(
                "host=127.0.0.1\nport={port}\ndatabase={}\nusers=500\nautobanAttempts=0\nuname=root\n",
                database.display()
            ),
        )?;
        let mut command = Command::new("/usr/sbin/murmurd");
        command.arg("-fg").arg("-ini").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let missing =
            |error| io::Error::other(format!("mumble-server does not run (scripts/setup bench installs it): {error}"));
        let child = command.spawn().map_err(missing)?;
        let this = Self { child, port, _data: data };
        for _ in 0..100 {
            Clock::sleep(Duration::from_millis(100));
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                Clock::sleep(SETTLE);
                return Ok(this);
            }
        }
        Err(io::Error::other("mumble-server does not listen"))
    }
}

impl Drop for Mumble {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Signs somebody in and waits until the server has told everything.
fn sign_in(mumble: &Mumble, config: &Arc<ClientConfig>, name: &str) -> io::Result<Stream> {
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, mumble.port))?;
    tcp.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
    let host = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::clone(config), host).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, tcp);
    // Version 1.3.0 as one number; then name and "speaks Opus".
    send(&mut stream, VERSION, &[0x08, 0x80, 0x86, 0x04])?;
    let mut body = vec![0x0a, name.len() as u8];
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(&[0x28, 0x01]);
    send(&mut stream, AUTHENTICATE, &body)?;
    loop {
        let mut header = [0; 6];
        stream.read_exact(&mut header)?;
        let (kind, len) = header.split_at(2);
        let len = u32::from_be_bytes(len.try_into().unwrap_or_default());
        let mut body = vec![0; len as usize];
        stream.read_exact(&mut body)?;
        if kind == SERVER_SYNC.to_be_bytes() {
            return Ok(stream);
        }
    }
}

fn send(stream: &mut Stream, kind: u16, body: &[u8]) -> io::Result<()> {
    stream.write_all(&[&kind.to_be_bytes()[..], &(body.len() as u32).to_be_bytes(), body].concat())?;
    stream.flush()
}

/// Measures and prints.
///
/// # Errors
/// There is no mumble-server, or it refuses somebody.
pub fn run(report: &mut Report, is_quick: bool) -> io::Result<()> {
    let provider = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let versions = provider.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    let config = versions.dangerous().with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth();
    let config = Arc::new(config);
    let mut residents = Residents::default();
    for _ in 0..if is_quick { 1 } else { ROUNDS } {
        let mumble = Mumble::start()?;
        let before = resident_kib(mumble.child.id())?;
        let people = (0..PEOPLE).map(|number| sign_in(&mumble, &config, &format!("bench{number}")));
        let people = people.collect::<io::Result<Vec<_>>>()?;
        Clock::sleep(SETTLE);
        let after = resident_kib(mumble.child.id())?;
        drop(people);
        residents.push(before, after, PEOPLE);
    }
    report.say(&format!("mumble-server with {PEOPLE} people signed in over TLS, in one channel."));
    residents.print(report, "mumble");
    report.end();
    Ok(())
}
