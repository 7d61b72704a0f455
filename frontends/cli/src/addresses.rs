//! Under which addresses others reach this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses that routes are looked up for: somewhere in the internet (addresses for documentation, RFC 5737 and 3849),
/// and the last address of every private network. No packet is sent.
const FAR: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(192, 168, 255, 254)),
    IpAddr::V4(Ipv4Addr::new(10, 255, 255, 254)),
    IpAddr::V4(Ipv4Addr::new(172, 31, 255, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 255, 254)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// Where others reach a server that listens at `listening`, the best address first: itself if it names one, else every
/// address from which this machine would send. Loopback only if there is nothing else.
pub fn reachable(listening: IpAddr) -> Vec<IpAddr> {
    if !listening.is_unspecified() {
        return vec![listening];
    }
    let mut found = Vec::new();
    for address in FAR.into_iter().filter(|far| far.is_ipv4() || listening.is_ipv6()).filter_map(source_of) {
        if !found.contains(&address) && is_useful(address) {
            found.push(address);
        }
    }
    if found.is_empty() {
        found.push(Ipv4Addr::LOCALHOST.into());
    }
    found
}

/// From which address this machine would send to `far`: connecting a datagram socket only looks the route up.
fn source_of(far: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if far.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(far, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Not one that only this machine knows, and not one that needs the name of an interface.
fn is_useful(address: IpAddr) -> bool {
    let is_link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    !address.is_loopback() && !address.is_unspecified() && !is_link_local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_names_its_address_is_reached_there() {
        assert_eq!(reachable(Ipv4Addr::LOCALHOST.into()), [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    }

    #[test]
    fn there_is_always_an_address_and_none_comes_twice() {
        let found = reachable(Ipv4Addr::UNSPECIFIED.into());
        assert!(!found.is_empty());
        for (index, address) in found.iter().enumerate() {
            assert!(!found[..index].contains(address) && address.is_ipv4(), "{found:?}");
        }
    }
}
