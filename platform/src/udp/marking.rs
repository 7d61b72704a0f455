//! What a datagram carries, told to the network on its way: routers and radios that look at it let voice go first.
//!
//! **Source:** RFC 8837 (which code points for voice and video), RFC 8325 (what a radio makes of them). A network that does
//! not look at them is none the worse.

use std::net::UdpSocket;

/// What a datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Sound: expedited forwarding (46).
    Voice,
    /// Pictures and all else: assured forwarding 41 (34).
    Video,
}

impl Class {
    /// The byte of the IP header, with the code point in its upper six bits.
    pub const fn traffic_class(self) -> u8 {
        match self {
            Self::Voice => 46 << 2,
            Self::Video => 34 << 2,
        }
    }
}

/// How a socket marks what it sends, so that the kernel is told only when that changes.
#[derive(Clone, Copy, Debug)]
pub struct Marking {
    is_ipv6: bool,
    present: Option<Class>,
}

impl Marking {
    /// Of a socket that was bound.
    pub fn new(socket: &UdpSocket) -> Self {
        Self { is_ipv6: socket.local_addr().is_ok_and(|address| address.is_ipv6()), present: None }
    }

    /// Marks what is sent from now on. A system that refuses sends it unmarked.
    pub fn mark(&mut self, socket: &UdpSocket, class: Class) {
        if self.present != Some(class) {
            self.present = Some(class);
            set(socket, self.is_ipv6, class.traffic_class());
        }
    }
}

#[cfg(target_os = "linux")]
fn set(socket: &UdpSocket, is_ipv6: bool, traffic_class: u8) {
    use rustix::net::sockopt;
    if is_ipv6 {
        let _ = sockopt::set_ipv6_tclass(socket, traffic_class.into());
    }
    // A socket of IPv6 may also send to addresses of IPv4.
    let _ = sockopt::set_ip_tos(socket, traffic_class);
}

#[cfg(not(target_os = "linux"))]
fn set(_: &UdpSocket, _: bool, _: u8) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use rustix::net::sockopt;

    use super::*;

    #[test]
    fn voice_is_marked_as_voice_and_pictures_as_pictures() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut marking = Marking::new(&socket);
        for (class, byte) in [(Class::Voice, 0xb8), (Class::Voice, 0xb8), (Class::Video, 0x88), (Class::Voice, 0xb8)] {
            marking.mark(&socket, class);
            assert_eq!(sockopt::ip_tos(&socket).unwrap(), byte);
        }
        // Where there is no IPv6 there is nothing to mark.
        if let Ok(socket) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) {
            Marking::new(&socket).mark(&socket, Class::Voice);
            assert_eq!(sockopt::ipv6_tclass(&socket).unwrap(), 0xb8);
        }
    }
}
