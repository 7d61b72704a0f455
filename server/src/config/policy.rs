//! From where something is allowed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who may do something, told by the address that they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Loopback, RFC 1918, RFC 4193 and link-local addresses. Not the shared space of carriers (RFC 6598): behind it
    /// are strangers.
    PrivateNetworks,
    /// Every address.
    Everyone,
    /// No address, but whoever was invited.
    Invitation,
    /// No address, and nobody who was invited.
    Nobody,
}

impl Access {
    /// Every policy, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::PrivateNetworks, Self::Everyone, Self::Invitation, Self::Nobody];

    /// As it is written in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateNetworks => "private-networks",
            Self::Everyone => "everyone",
            Self::Invitation => "invitation",
            Self::Nobody => "nobody",
        }
    }

    /// Whether a peer at `address` is allowed.
    pub fn is_allowed(self, address: IpAddr) -> bool {
        match self {
            Self::PrivateNetworks => is_private(address),
            Self::Everyone => true,
            Self::Invitation | Self::Nobody => false,
        }
    }

    /// Whether somebody with an invitation is allowed, wherever they are.
    pub const fn takes_invitations(self) -> bool {
        !matches!(self, Self::Nobody)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || address.is_link_local()
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_networks_are_those_that_no_stranger_is_on() {
        let is_allowed = |text: &str| Access::PrivateNetworks.is_allowed(text.parse().expect("an address"));
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.9.9",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:192.168.1.1",
        ] {
            assert!(is_allowed(inside), "{inside}");
        }
        for outside in [
            "8.8.8.8",
            "100.64.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "0.0.0.0",
            "2001:db8::1",
            "::",
            "::ffff:8.8.8.8",
            "64:ff9b::a00:1",
        ] {
            assert!(!is_allowed(outside), "{outside}");
        }
    }

    #[test]
    fn everyone_and_nobody_look_at_no_address() {
        for address in ["127.0.0.1", "8.8.8.8", "::1"].map(|text| text.parse().expect("an address")) {
            assert!(Access::Everyone.is_allowed(address));
            assert!(!Access::Nobody.is_allowed(address) && !Access::Invitation.is_allowed(address));
        }
    }
}
