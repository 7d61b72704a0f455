//! Servers in the local network: a server says that it is there, programs of people look for it, and nobody types an
//! address. DNS-based service discovery (RFC 6763) over multicast DNS (RFC 6762), without any other program's help.
//!
//! Anybody in the network can say anything: what is found is a list to choose from, never a reason to trust. The key that a
//! server must have comes with it only so that the choice and the connection mean the same server.
//!
//! Layer: driver.

mod announce;
mod browse;
mod notice;

use std::fmt;

pub use announce::Announcer;
pub use browse::{Browser, FOUND_MAX, Found};
pub use notice::Notice;

/// What is looked for.
const SERVICE: &str = "_hph._udp.local.";

/// Multicast DNS can't be used on this machine: no network, or it is forbidden.
#[derive(Debug)]
pub struct LanError(mdns_sd::Error);

impl fmt::Display for LanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "multicast DNS: {}", self.0)
    }
}

impl std::error::Error for LanError {}

impl From<mdns_sd::Error> for LanError {
    fn from(error: mdns_sd::Error) -> Self {
        Self(error)
    }
}
