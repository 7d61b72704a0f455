//! The key that browsers see: our own, made at first start, or one that the owner gives.
//!
//! A browser knows nothing of a key of our own: it warns once, and its owner accepts it for this address. That suffices for a
//! trial in one's own network. Whoever wants no warning installs our authority ([`Authority`]), gives a certificate, or puts a reverse
//! proxy that has one in front.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use hph_client::platform::clock::Clock;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::authority::{self, Authority};

/// Why there is no key or certificate.
#[derive(Debug)]
pub enum CertificateError {
    /// A file can't be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no PEM of a certificate or a key.
    Unreadable(PathBuf),
    /// None could be made.
    Make(rcgen::Error),
    /// Certificate and key do not belong together, or are of a kind that is not known.
    Unusable(rustls::Error),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Unreadable(path) => write!(f, "{} is no certificate or key in PEM", path.display()),
            Self::Make(error) => write!(f, "no certificate could be made: {error}"),
            Self::Unusable(error) => write!(f, "the certificate can't be used: {error}"),
        }
    }
}

impl std::error::Error for CertificateError {}

/// The certificate is made anew when it is so old. Browsers whose owner took it in spite of their warning warn again then.
const RENEW_AFTER_DAYS: u64 = 100;

/// A certificate of our own for these names and addresses, in a directory that only its owner reads, and the authority that signed
/// it. It is made anew when it does not name all of them or is old; the key stays.
///
/// # Errors
/// Any [`CertificateError`].
pub fn own(directory: &Path, hosts: &[String]) -> Result<(Arc<ServerConfig>, Authority), CertificateError> {
    let file = |name: &str| directory.join(name);
    fs::create_dir_all(directory).map_err(|error| CertificateError::File { path: directory.to_owned(), error })?;
    let (key_path, path, names_path) = (file("key.pem"), file("certificate.pem"), file("names"));
    let key = if key_path.exists() {
        read_key(&key_path)?
    } else {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertificateError::Make)?;
        write(&key_path, &key.serialize_pem())?;
        key
    };
    let (authority, issuer) = authority::own(directory, hosts)?;
    // For whom it is, by whom, and since which day.
    let today = Clock::unix_time_ms() / 86_400_000;
    let about = format!("{}\n{}\n", hosts.join("\n"), authority.fingerprint);
    let known = fs::read_to_string(&names_path).unwrap_or_default();
    let made = known.strip_prefix(&about).and_then(|day| day.parse::<u64>().ok());
    if made.is_none_or(|day| today.abs_diff(day) >= RENEW_AFTER_DAYS) || !path.exists() {
        let certificate = authority::leaf(hosts)?.signed_by(&key, &issuer).map_err(CertificateError::Make)?;
        write(&path, &certificate.pem())?;
        write(&names_path, &format!("{about}{today}"))?;
    }
    Ok((given(&path, &key_path)?, authority))
}

/// A key of ours.
pub(crate) fn read_key(path: &Path) -> Result<KeyPair, CertificateError> {
    let pem = fs::read_to_string(path).map_err(|error| CertificateError::File { path: path.to_owned(), error })?;
    KeyPair::from_pem(&pem).map_err(|_| CertificateError::Unreadable(path.to_owned()))
}

/// Writes a file that only its owner reads.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), CertificateError> {
    write_private(path, text).map_err(|error| CertificateError::File { path: path.to_owned(), error })
}

/// A certificate chain and its key, in PEM.
///
/// # Errors
/// Any [`CertificateError`].
pub fn given(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, CertificateError> {
    let chain: Result<Vec<_>, _> = match CertificateDer::pem_file_iter(certificate) {
        Ok(chain) => chain.collect(),
        Err(_) => return Err(CertificateError::Unreadable(certificate.to_owned())),
    };
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| CertificateError::Unreadable(certificate.to_owned()))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|_| CertificateError::Unreadable(key.to_owned()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(CertificateError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(CertificateError::Unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// Names and addresses by which this machine is reached.
pub fn hosts_of(addresses: impl IntoIterator<Item = IpAddr>, names: &[String]) -> Vec<String> {
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    hosts.extend(addresses.into_iter().map(|address| address.to_string()));
    hosts.extend(names.iter().cloned());
    hosts.sort();
    hosts.dedup();
    hosts
}

#[cfg(unix)]
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(not(unix))]
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_and_the_certificate_follows_the_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a file");
        own(folder.path(), &["localhost".to_owned()]).expect("made");
        let (key, certificate) = (text("key.pem"), text("certificate.pem"));
        own(folder.path(), &["localhost".to_owned()]).expect("read");
        assert_eq!((text("key.pem"), text("certificate.pem")), (key.clone(), certificate.clone()));
        own(folder.path(), &["localhost".to_owned(), "192.0.2.1".to_owned()]).expect("made anew");
        assert_eq!(text("key.pem"), key);
        assert_ne!(text("certificate.pem"), certificate);
        fs::write(folder.path().join("key.pem"), "no key").expect("written");
        assert!(matches!(own(folder.path(), &[]), Err(CertificateError::Unreadable(_))));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        own(folder.path(), &["localhost".to_owned()]).expect("made");
        let mode = fs::metadata(folder.path().join("key.pem")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
