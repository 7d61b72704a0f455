//! Where the system calls for many datagrams are missing, nothing is offered, and the plain path is used.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};

/// Messages of one call.
pub const MESSAGES_MAX: usize = 64;
/// Parts of one call's messages.
pub const PARTS_MAX: usize = 1024;
/// Datagrams of one message.
pub const SEGMENTS_MAX: usize = 64;
/// Bytes of one message: what IPv4 leaves for UDP.
pub const MESSAGE_MAX_BYTES: usize = 65_507;

/// One message to send: its bytes are the next `parts` parts of the call.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// To whom.
    pub to: SocketAddr,
    /// How many parts.
    pub parts: usize,
    /// Never asked for here.
    pub segment_bytes: Option<u16>,
}

/// One message that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// From whom.
    pub from: SocketAddr,
    /// Bytes in its buffer.
    pub len_bytes: usize,
    /// The whole length.
    pub segment_bytes: usize,
}

/// Never sends.
///
/// # Errors
/// Always [`io::ErrorKind::Unsupported`].
pub fn send(_: &UdpSocket, _: &[Outgoing], _: &[IoSlice<'_>]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Never receives.
///
/// # Errors
/// Always [`io::ErrorKind::Unsupported`].
pub fn receive<'a>(_: &UdpSocket, _: impl Iterator<Item = &'a mut [u8]>, _: &mut Vec<Arrival>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// No.
pub fn can_batch(_: &UdpSocket) -> bool {
    false
}

/// No.
pub fn can_segment(_: &UdpSocket) -> bool {
    false
}

/// Only to switch off what is never on.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] if it shall be on.
pub fn set_coalescing(_: &UdpSocket, is_on: bool) -> io::Result<()> {
    if is_on { Err(io::ErrorKind::Unsupported.into()) } else { Ok(()) }
}

/// No.
///
/// # Errors
/// Always [`io::ErrorKind::Unsupported`].
pub fn steer(_: &UdpSocket, _: u32, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
