//! A certificate authority of this gateway alone, for whoever does not want to be warned: made at first start, installed by hand.
//!
//! An authority that somebody installs could vouch for any site. This one is bound, by the certificate itself, to addresses of private
//! networks and to the names that the gateway goes by: a browser refuses everything else that it would sign, whoever has its key.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use hph_client::platform::clock::Clock;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::hash::HashAlgorithm;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};

use crate::certificate::{CertificateError, read_key, write};
use crate::page::File;

const PAGE: &str = include_str!("install.html");
const STYLE: &str = include_str!("install.css");
/// An authority is valid so long.
const YEARS: i64 = 10;
/// And what it signs: some systems take nothing longer, even from an authority that their owner installed. **Units:** days.
const LEAF_DAYS: i64 = 800;
/// Addresses that nobody has on the internet, and this machine's own.
const PRIVATE: [(IpAddr, u8); 9] = [
    (v4(10, 0), 8),
    (v4(172, 16), 12),
    (v4(192, 168), 16),
    (v4(169, 254), 16),
    (v4(100, 64), 10),
    (v4(127, 0), 8),
    (v6(0xfc00), 7),
    (v6(0xfe80), 10),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
];

const fn v4(a: u8, b: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, 0, 0))
}

const fn v6(a: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(a, 0, 0, 0, 0, 0, 0, 0))
}

/// The authority's certificate, as people install it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The certificate.
    pub der: Vec<u8>,
    /// SHA-256 of it, as systems show it: pairs of hexadecimal digits, with colons.
    pub fingerprint: String,
}

/// A file about the authority.
pub(crate) struct AboutIt {
    media_type: &'static str,
    bytes: Vec<u8>,
}

impl AboutIt {
    /// As it is sent.
    pub(crate) fn as_file(&self) -> File<'_> {
        File { media_type: self.media_type, is_fixed: false, is_gzip: false, bytes: &self.bytes }
    }
}

impl Authority {
    /// The page that says how to install it, and the certificate itself.
    pub(crate) fn file(&self, path: &str) -> Option<AboutIt> {
        let (media_type, bytes) = match path {
            "/ca" => ("text/html; charset=utf-8", PAGE.replace("{fingerprint}", &self.fingerprint).into_bytes()),
            "/ca.css" => ("text/css; charset=utf-8", STYLE.as_bytes().to_vec()),
            "/ca.crt" => ("application/x-x509-ca-cert", self.der.clone()),
            _ => return None,
        };
        Some(AboutIt { media_type, bytes })
    }
}

/// The authority of a directory, made if there is none; anew, with another key, if these hosts are not all such that it may vouch for
/// them. Gives what signs, too.
///
/// # Errors
/// Any [`CertificateError`].
pub(crate) fn own(
    directory: &Path,
    hosts: &[String],
) -> Result<(Authority, Issuer<'static, KeyPair>), CertificateError> {
    let file = |name: &str| directory.join(name);
    let (key_path, path, names_path) = (file("authority-key.pem"), file("authority.pem"), file("authority-names"));
    let wanted: Vec<_> = hosts.iter().filter(|host| !is_private(host)).cloned().collect();
    let known = fs::read_to_string(&names_path).ok();
    let known = known.map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let known = known.filter(|known| wanted.iter().all(|host| known.contains(host)) && path.exists());
    let (names, key) = match known {
        Some(names) => (names, read_key(&key_path)?),
        None => {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertificateError::Make)?;
            write(&key_path, &key.serialize_pem())?;
            let certificate = params(&key, &wanted)?.self_signed(&key).map_err(CertificateError::Make)?;
            write(&path, &certificate.pem())?;
            write(&names_path, &wanted.join("\n"))?;
            (wanted, key)
        }
    };
    let der = CertificateDer::from_pem_file(&path).map_err(|_| CertificateError::Unreadable(path))?.to_vec();
    let authority = Authority { fingerprint: fingerprint(&der), der };
    Ok((authority, Issuer::new(params(&key, &names)?, key)))
}

/// What the authority signs for the gateway.
pub(crate) fn leaf(hosts: &[String]) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::new(hosts.to_vec()).map_err(CertificateError::Make)?;
    params.distinguished_name.push(DnType::CommonName, "HPH Meeting gateway");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = valid(Duration::days(LEAF_DAYS));
    Ok(params)
}

fn params(key: &KeyPair, names: &[String]) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::new(Vec::new()).map_err(CertificateError::Make)?;
    // So that two gateways are told apart in a browser's list.
    let mark: String = fingerprint(key.public_key_raw()).replace(':', "").chars().take(8).collect();
    params.distinguished_name.push(DnType::CommonName, format!("HPH Meeting, own network ({mark})"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let private = PRIVATE.iter().map(|(address, len)| subnet(*address, *len));
    let local = ["local", "localhost"].map(|name| GeneralSubtree::DnsName(name.to_owned()));
    let given = names.iter().map(|name| match name.parse::<IpAddr>() {
        Ok(address) => subnet(address, if address.is_ipv4() { 32 } else { 128 }),
        Err(_) => GeneralSubtree::DnsName(name.clone()),
    });
    let permitted_subtrees = private.chain(local).chain(given).collect();
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    (params.not_before, params.not_after) = valid(Duration::days(YEARS * 365));
    Ok(params)
}

fn subnet(address: IpAddr, len: u8) -> GeneralSubtree {
    GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, len))
}

/// From yesterday on: clocks differ.
fn valid(span: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let seconds = i64::try_from(Clock::unix_time_ms() / 1000).unwrap_or(0);
    let now = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    (now - Duration::DAY, now + span)
}

/// Whether every authority of ours may vouch for that host.
fn is_private(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => PRIVATE
            .iter()
            .any(|&(net, len)| bits(net).1 == bits(address).1 && (bits(net).0 ^ bits(address).0) >> (128 - len) == 0),
        Err(_) => host == "localhost" || host.ends_with(".local"),
    }
}

/// An address as a number whose highest bit is its first, and whether it is of version 4.
fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

fn fingerprint(bytes: &[u8]) -> String {
    let sha256 = ring::default_provider().cipher_suites.iter().find_map(|suite| {
        let hash = suite.tls13()?.common.hash_provider;
        (hash.algorithm() == HashAlgorithm::SHA256).then_some(hash)
    });
    let Some(sha256) = sha256 else { return String::new() };
    let pairs: Vec<_> = sha256.hash(bytes).as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{ServerName, UnixTime};

    use super::*;

    /// Whether somebody who has installed the authority believes a certificate that it signed for that host.
    fn is_believed(authority: &Authority, issuer: &Issuer<'static, KeyPair>, host: &str) -> bool {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let signed = leaf(&[host.to_owned()]).expect("a host").signed_by(&key, issuer).expect("signed");
        let mut roots = RootCertStore::empty();
        roots.add(authority.der.clone().into()).expect("an authority");
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("roots");
        let name = ServerName::try_from(host.to_owned()).expect("a name");
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_millis(Clock::unix_time_ms()));
        verifier.verify_server_cert(signed.der(), &[], &name, &[], now).is_ok()
    }

    #[test]
    fn it_vouches_for_private_addresses_and_its_own_names_and_for_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let (authority, issuer) = own(folder.path(), &["meet.example.org".to_owned()]).expect("made");
        for host in ["192.168.1.20", "10.0.0.1", "172.31.0.1", "127.0.0.1", "fd00::1", "localhost", "pi.local"] {
            assert!(is_believed(&authority, &issuer, host), "{host}");
        }
        assert!(is_believed(&authority, &issuer, "meet.example.org"));
        for host in ["example.org", "bank.example", "192.0.2.1", "172.32.0.1", "2001:db8::1"] {
            assert!(!is_believed(&authority, &issuer, host), "{host}");
        }
        assert_eq!(authority.fingerprint.len(), 32 * 3 - 1, "{}", authority.fingerprint);
    }

    #[test]
    fn it_stays_while_it_may_vouch_for_all_hosts_and_is_another_one_then() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = |hosts: &[&str]| {
            let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
            own(folder.path(), &hosts).expect("made").0.fingerprint
        };
        let first = made(&["localhost", "192.168.1.20"]);
        assert_eq!(made(&["localhost", "10.1.2.3"]), first, "another private address");
        let second = made(&["localhost", "meet.example.org"]);
        assert_ne!(second, first);
        assert_eq!(made(&["localhost"]), second);
    }
}
