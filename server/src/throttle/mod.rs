//! Bounds on what a stranger can cost: sign-in attempts, connections without an identity, messages per second.
//!
//! A throttle delays, it never locks an account: a lock would let anyone shut out its owner. Every table has a fixed
//! size and is allocated once. Time is the driver's monotonic clock, passed in; a jump of the wall clock changes
//! nothing here.

mod bucket;
mod codes;
mod connections;
mod login;

use std::net::{IpAddr, Ipv6Addr};

pub use bucket::TokenBucket;
pub use codes::CodeThrottle;
pub use connections::{ConnectionGuard, ConnectionLimits};
pub use login::{LoginThrottle, RetryAfter};

/// Where a connection comes from, as far as limits care: one IPv4 address, or the /64 that one IPv6 subscriber owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(IpAddr);

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into()),
            v4 => Self(v4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_one_ipv4_address_or_one_ipv6_subscriber() {
        let source = |text: &str| Source::of(text.parse().expect("an address"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_eq!(source("2001:db8:1:2::3"), source("2001:db8:1:2:ffff::4"));
        assert_ne!(source("2001:db8:1:2::3"), source("2001:db8:1:3::3"));
    }
}
