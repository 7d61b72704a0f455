//! The server's identity, and TLS 1.3 with one cipher suite.
//!
//! There is no authority that vouches for a server on a private network. So a server makes one key at its first start
//! and people trust that key: its pin is in every invitation link, and clients refuse another one. The certificate is
//! only the form in which TLS carries the key; it may be renewed, the pin stays.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use sha2::{Digest, Sha256};

use crate::{files, gateway};

/// What client and server agree to speak inside TLS (RFC 7301).
pub const ALPN: &[u8] = b"hph/1";

/// Bytes of the pin that a fingerprint shows.
const FINGERPRINT_BYTES: usize = 16;

/// SHA-256 of a public key in its DER form `SubjectPublicKeyInfo` (as RFC 7469 section 2.4 pins keys).
pub type Pin = [u8; 32];

/// Why the server has no identity.
#[derive(Debug)]
pub enum TlsError {
    /// A file or its directory cannot be used.
    File {
        /// Which one.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A certificate is there, but its key is not. A new key would be another server to every client.
    KeyMissing(PathBuf),
    /// A file holds no P-256 key, or no certificate.
    Unreadable(PathBuf),
    /// The certificate belongs to another key, or cannot be used.
    Certificate(rustls::Error),
    /// The key or the certificate could not be made.
    Make(rcgen::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::KeyMissing(path) => write!(
                f,
                "{} is missing, but its certificate is there: restore the key, or remove the certificate too and send \
                 new invitations",
                path.display()
            ),
            Self::Unreadable(path) => write!(f, "{}: no P-256 key or certificate in PEM form", path.display()),
            Self::Certificate(error) => write!(f, "the certificate cannot be used with the key: {error}"),
            Self::Make(error) => write!(f, "no key or certificate could be made: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// The server's key and the certificate that carries it.
pub struct Identity {
    key: KeyPair,
    certificate: CertificateDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &fingerprint(&self.pin())).finish_non_exhaustive()
    }
}

impl Identity {
    /// Loads `tls/key.pem` and `tls/certificate.pem` below `data_dir`. If neither is there it makes both; if only the
    /// certificate is missing it makes another one of the same key.
    ///
    /// # Errors
    /// A file cannot be read or written, or does not hold what it should. A key is never replaced.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, TlsError> {
        let directory = data_dir.join("tls");
        files::create_directory(&directory).map_err(|error| TlsError::File { path: directory.clone(), error })?;
        let (key_path, certificate_path) = (directory.join("key.pem"), directory.join("certificate.pem"));
        let (key_pem, certificate_pem) = (read(&key_path)?, read(&certificate_path)?);
        let key = match key_pem {
            Some(pem) => parse_key(&pem).ok_or(TlsError::Unreadable(key_path))?,
            None if certificate_pem.is_some() => return Err(TlsError::KeyMissing(key_path)),
            None => make_key(&key_path)?,
        };
        let certificate = match certificate_pem {
            Some(pem) => {
                CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| TlsError::Unreadable(certificate_path))?
            }
            None => make_certificate(&key, &certificate_path)?,
        };
        Ok(Self { key, certificate })
    }

    /// What clients compare, without making anything; none if there is neither key nor certificate yet.
    ///
    /// # Errors
    /// As [`Self::load_or_create`].
    pub fn look(data_dir: &Path) -> Result<Option<Pin>, TlsError> {
        let directory = data_dir.join("tls");
        let (key_path, certificate_path) = (directory.join("key.pem"), directory.join("certificate.pem"));
        let (key_pem, certificate_pem) = (read(&key_path)?, read(&certificate_path)?);
        if certificate_pem.as_ref().is_some_and(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).is_err()) {
            return Err(TlsError::Unreadable(certificate_path));
        }
        match key_pem {
            Some(pem) => {
                let key = parse_key(&pem).ok_or(TlsError::Unreadable(key_path))?;
                Ok(Some(Sha256::digest(key.subject_public_key_info()).into()))
            }
            None if certificate_pem.is_some() => Err(TlsError::KeyMissing(key_path)),
            None => Ok(None),
        }
    }

    /// What clients compare.
    pub fn pin(&self) -> Pin {
        Sha256::digest(self.key.subject_public_key_info()).into()
    }

    /// TLS 1.3 only, one suite, no tickets, no early data: every connection has fresh keys and nothing can be
    /// replayed.
    ///
    /// # Errors
    /// The certificate does not belong to the key.
    pub fn server_config(&self) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::Certificate)?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key.into())
            .map_err(TlsError::Certificate)?;
        config.alpn_protocols = vec![ALPN.to_vec(), gateway::ALPN.to_vec()];
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }
}

/// The one set of algorithms: AES-256-GCM with SHA-384, X25519. A choice that is not there cannot be negotiated down.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    })
}

/// The start of a pin for people to compare: 16 bytes in groups of four digits.
pub fn fingerprint(pin: &Pin) -> String {
    let (pairs, _) = pin.as_chunks::<2>();
    let groups = pairs.iter().take(FINGERPRINT_BYTES / 2).map(|[high, low]| format!("{high:02x}{low:02x}"));
    groups.collect::<Vec<_>>().join(" ")
}

/// The link that leads a client to this server, and to one of its rooms: `hph://host:port/room#fp=pin`. The pin is in
/// hexadecimal; in the room's name all but letters, digits and `-._~` of ASCII is percent-encoded (RFC 3986).
pub fn invitation_link(host: &str, port: u16, pin: &Pin, room: Option<&str>) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let room: String = room.unwrap_or_default().bytes().map(percent_encoded).collect();
    let pin: String = pin.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("hph://{host}:{port}/{room}#fp={pin}")
}

fn percent_encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// The text of a file, private from now on; none if there is no such file.
fn read(path: &Path) -> Result<Option<String>, TlsError> {
    let text = files::restrict(path).and_then(|()| fs::read_to_string(path));
    match text {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TlsError::File { path: path.to_owned(), error }),
    }
}

fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    files::write_atomically(path, text.as_bytes()).map_err(|error| TlsError::File { path: path.to_owned(), error })
}

fn parse_key(pem: &str) -> Option<KeyPair> {
    KeyPair::from_pem(pem).ok().filter(|key| key.algorithm() == &PKCS_ECDSA_P256_SHA256)
}

/// P-256, not Ed25519: browsers do not take certificates with the latter.
fn make_key(path: &Path) -> Result<KeyPair, TlsError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(TlsError::Make)?;
    write(path, &key.serialize_pem())?;
    Ok(key)
}

fn make_certificate(key: &KeyPair, path: &Path) -> Result<CertificateDer<'static>, TlsError> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).map_err(TlsError::Make)?;
    params.distinguished_name.push(DnType::CommonName, "HPH Meeting server");
    let certificate = params.self_signed(key).map_err(TlsError::Make)?;
    write(path, &certificate.pem())?;
    Ok(certificate.der().clone())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn the_identity_made_at_the_first_start_is_loaded_at_the_next() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = Identity::load_or_create(directory.path()).expect("made");
        let again = Identity::load_or_create(directory.path()).expect("loaded");
        assert_eq!(first.pin(), again.pin());
        assert_eq!(first.certificate, again.certificate);
        again.server_config().expect("usable");
        let tls = directory.path().join("tls");
        assert_eq!((mode(&tls), mode(&tls.join("key.pem")), mode(&tls.join("certificate.pem"))), (0o700, 0o600, 0o600));
        let other = tempfile::tempdir().expect("a directory");
        assert_ne!(Identity::load_or_create(other.path()).expect("made").pin(), first.pin());
    }

    #[test]
    fn a_lost_certificate_is_made_again_and_the_pin_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let pin = Identity::load_or_create(directory.path()).expect("made").pin();
        fs::remove_file(directory.path().join("tls/certificate.pem")).expect("removed");
        let renewed = Identity::load_or_create(directory.path()).expect("loaded");
        assert_eq!(renewed.pin(), pin);
        renewed.server_config().expect("usable");
    }

    #[test]
    fn a_lost_or_damaged_key_is_never_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        drop(Identity::load_or_create(directory.path()));
        let key = directory.path().join("tls/key.pem");
        fs::write(&key, "").expect("written");
        assert!(matches!(Identity::load_or_create(directory.path()), Err(TlsError::Unreadable(_))));
        assert_eq!(fs::read(&key).expect("read"), b"");
        fs::remove_file(&key).expect("removed");
        assert!(matches!(Identity::load_or_create(directory.path()), Err(TlsError::KeyMissing(_))));
        assert!(!key.exists());
    }

    #[test]
    fn a_key_and_a_certificate_that_do_not_belong_together_are_refused() {
        let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
        for directory in &directories {
            drop(Identity::load_or_create(directory.path()));
        }
        let [here, there] = directories.each_ref().map(|directory| directory.path().join("tls/key.pem"));
        fs::copy(there, here).expect("copied");
        let mixed = Identity::load_or_create(directories[0].path()).expect("both are readable");
        assert!(matches!(mixed.server_config(), Err(TlsError::Certificate(_))));
    }

    #[test]
    fn a_loosened_key_is_made_private_again() {
        let directory = tempfile::tempdir().expect("a directory");
        drop(Identity::load_or_create(directory.path()));
        let key = directory.path().join("tls/key.pem");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("set");
        Identity::load_or_create(directory.path()).expect("loaded");
        assert_eq!(mode(&key), 0o600);
    }

    #[test]
    fn the_key_is_never_printed() {
        let directory = tempfile::tempdir().expect("a directory");
        let identity = Identity::load_or_create(directory.path()).expect("made");
        assert_eq!(
            format!("{identity:?}"),
            format!("Identity {{ fingerprint: {:?}, .. }}", fingerprint(&identity.pin()))
        );
    }

    #[test]
    fn links_and_fingerprints_have_one_form() {
        let pin: Pin = std::array::from_fn(|index| index as u8 * 7);
        assert_eq!(fingerprint(&pin), "0007 0e15 1c23 2a31 383f 464d 545b 6269");
        let hex = "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9";
        assert_eq!(
            invitation_link("192.0.2.1", 7400, &pin, Some("Nhóm 17/b")),
            format!("hph://192.0.2.1:7400/Nh%C3%B3m%2017%2Fb#fp={hex}")
        );
        assert_eq!(invitation_link("2001:db8::1", 1, &pin, None), format!("hph://[2001:db8::1]:1/#fp={hex}"));
    }
}
