//! Which pages may open a session.
//!
//! A browser lets any page open a WebSocket anywhere; only the server can refuse. The page must come from the very origin that
//! it connects to. That is not enough by itself: a stranger's name can be made to lead to an address inside somebody's network.
//! So the name must be one that the gateway goes by: an address, a name without a dot, `localhost`, `.local`, or one that the
//! owner has named.

use std::net::IpAddr;

/// Names that a gateway goes by.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    hosts: Vec<String>,
}

impl Origins {
    /// Beside addresses and names of the local network, these names (without scheme and port).
    pub fn new(hosts: impl IntoIterator<Item = String>) -> Self {
        Self { hosts: hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect() }
    }

    /// Whether a request with these headers comes from a page of ours.
    pub fn allows(&self, host: Option<&str>, origin: Option<&str>) -> bool {
        let (Some(host), Some(origin)) = (host, origin) else { return false };
        let from = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        from.is_some_and(|from| from.eq_ignore_ascii_case(host)) && self.is_ours(host)
    }

    /// Whether the gateway goes by that name.
    pub fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        if name.is_empty() {
            return false;
        }
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok() || !name.contains('.') || name.ends_with(".local") || self.hosts.contains(&name)
    }
}

/// A host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_the_same_origin_may_and_only_under_a_name_of_ours() {
        let origins = Origins::new(["meet.example.org".to_owned()]);
        for (host, origin) in [
            ("192.168.1.20:7443", "https://192.168.1.20:7443"),
            ("[fe80::1]:7443", "https://[fe80::1]:7443"),
            ("localhost:7443", "http://localhost:7443"),
            ("pi:7443", "https://pi:7443"),
            ("pi.local", "https://pi.local"),
            ("meet.example.org", "https://MEET.example.org"),
        ] {
            assert!(origins.allows(Some(host), Some(origin)), "{host} {origin}");
        }
        for (host, origin) in [
            (Some("192.168.1.20:7443"), Some("https://evil.example")),
            (Some("192.168.1.20:7443"), Some("https://192.168.1.20")),
            (Some("192.168.1.20:7443"), Some("https://192.168.1.20:7443.evil.example")),
            (Some("192.168.1.20:7443"), Some("null")),
            (Some("192.168.1.20:7443"), None),
            (None, Some("https://192.168.1.20:7443")),
            // A name that was made to lead here.
            (Some("evil.example"), Some("https://evil.example")),
            (Some(""), Some("https://")),
        ] {
            assert!(!origins.allows(host, origin), "{host:?} {origin:?}");
        }
    }
}
