//! Which way a session's datagrams take.

use core::net::SocketAddr;

use super::RelayOutput;
use crate::id::SessionId;
use crate::limits::HOP_PREFIX_BYTES;

/// Where a datagram came from, or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Over UDP.
    Address(SocketAddr),
    /// Inside the session's control connection: its network lets no datagrams pass.
    Tunnel,
}

impl Way {
    /// Sends a sealed datagram to a session that way.
    pub fn send(
        self,
        lane: usize,
        session: SessionId,
        prefix: &[u8; HOP_PREFIX_BYTES],
        payload: &[u8],
        out: &mut impl RelayOutput,
    ) {
        match self {
            Self::Address(to) => out.datagram(lane, to, prefix, payload),
            Self::Tunnel => out.tunnel(session, prefix, payload),
        }
    }
}
