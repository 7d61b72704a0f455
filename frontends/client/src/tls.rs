//! The client's side of TLS: one cipher suite, and trust in a pinned key instead of in authorities.
//!
//! Two checks make a server the right one: its key has the expected pin, and it has proven in this handshake that it
//! owns that key. Names and dates of the certificate mean nothing here.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, CommonState, DigitallySignedStruct, Error, OtherError, PeerIncompatible,
    SignatureScheme,
};
use sha2::{Digest, Sha256};

/// What client and server agree to speak inside TLS (RFC 7301).
pub const ALPN: &[u8] = b"hph/1";

/// Bytes of the pin that a fingerprint shows.
const FINGERPRINT_BYTES: usize = 16;

/// SHA-256 of a public key in its DER form `SubjectPublicKeyInfo` (as RFC 7469 section 2.4 pins keys).
pub type Pin = [u8; 32];

/// Which key a server must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The key with this pin and no other.
    Expect(Pin),
    /// Any key, this once: nothing is known of the server. Show the fingerprint and remember the pin
    /// (see [`peer_pin`]).
    FirstUse,
}

/// The server has another key than expected: it is another one, or somebody stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinMismatch {
    /// The pin that was expected.
    pub expected: Pin,
    /// The pin of the key that the server showed.
    pub found: Pin,
}

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (expected, found) = (fingerprint(&self.expected), fingerprint(&self.found));
        write!(f, "the server has another key than expected: {found} instead of {expected}")
    }
}

impl std::error::Error for PinMismatch {}

/// TLS 1.3 only, one suite, no resumption, no early data, no server name in the clear.
///
/// # Errors
/// Never with the suite that is built in; the type is rustls's.
pub fn client_config(trust: Trust) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(provider());
    let verifier = PinVerifier { trust, provider: provider.clone() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// The name to connect with. It is neither sent nor checked: the pin says who the server is, its address does not.
pub fn server_name() -> ServerName<'static> {
    ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// The pin of the server at the other end; none before the handshake is complete.
pub fn peer_pin(connection: &CommonState) -> Option<Pin> {
    pin_of(connection.peer_certificates()?.first()?).ok()
}

/// Whether a failed handshake failed because of the pin.
pub fn pin_mismatch(error: &io::Error) -> Option<PinMismatch> {
    match error.get_ref()?.downcast_ref()? {
        Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => cause.downcast_ref().copied(),
        _ => None,
    }
}

/// The start of a pin for people to compare: 16 bytes in groups of four digits.
pub fn fingerprint(pin: &Pin) -> String {
    let (pairs, _) = pin.as_chunks::<2>();
    let groups = pairs.iter().take(FINGERPRINT_BYTES / 2).map(|[high, low]| format!("{high:02x}{low:02x}"));
    groups.collect::<Vec<_>>().join(" ")
}

/// The one set of algorithms: AES-256-GCM with SHA-384, X25519. A choice that is not there cannot be negotiated down.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    }
}

fn pin_of(certificate: &CertificateDer<'_>) -> Result<Pin, Error> {
    let public_key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
    Ok(Sha256::digest(&public_key).into())
}

#[derive(Debug)]
struct PinVerifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = pin_of(certificate)?;
        match self.trust {
            Trust::Expect(expected) if expected != found => {
                let mismatch = PinMismatch { expected, found };
                Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(mismatch)))))
            }
            Trust::Expect(_) | Trust::FirstUse => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig))
    }

    /// Everyone can copy a certificate; only its owner can sign this handshake with its key.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
