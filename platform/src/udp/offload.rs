//! What the kernel can do for datagrams, found out once.

use std::fmt;
use std::net::UdpSocket;
use std::str::FromStr;

use super::sys;

/// How datagrams go through the kernel, from the slowest that always works to the fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// One system call for each.
    Plain,
    /// One system call for many (`sendmmsg`, `recvmmsg`).
    Batched,
    /// Many datagrams of one peer as one, many of those in a system call (`UDP_SEGMENT`, `UDP_GRO`).
    Segmented,
}

impl Path {
    /// Every path, slowest first.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Batched, Self::Segmented];

    /// As it is written in an argument.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Batched => "batched",
            Self::Segmented => "segmented",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Path {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|path| path.name() == text).ok_or("one of plain, batched, segmented")
    }
}

/// The paths that a socket uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// Out.
    pub send: Path,
    /// In.
    pub receive: Path,
}

impl Offload {
    /// Finds the best paths of this kernel that are not above `limit`, and sets the socket up for them: with
    /// [`Path::Segmented`] it may receive several datagrams as one, which only [`super::Received`] understands.
    pub fn probe(socket: &UdpSocket, limit: Path) -> Self {
        let can_batch = limit >= Path::Batched && sys::can_batch(socket);
        let batched = if can_batch { Path::Batched } else { Path::Plain };
        let may_segment = can_batch && limit >= Path::Segmented;
        let choose = |is_segmented| if is_segmented { Path::Segmented } else { batched };
        let is_coalescing = sys::set_coalescing(socket, may_segment).is_ok() && may_segment;
        Self { send: choose(may_segment && sys::can_segment(socket)), receive: choose(is_coalescing) }
    }

    /// One line for the log at start: what is used, and what the kernel lacks.
    pub fn describe(&self) -> String {
        let send = match self.send {
            Path::Plain => "one call per datagram",
            Path::Batched => "many datagrams per call (sendmmsg)",
            Path::Segmented => "segmentation offload (UDP_SEGMENT), many receivers per call (sendmmsg)",
        };
        let receive = match self.receive {
            Path::Plain => "one call per datagram",
            Path::Batched => "many datagrams per call (recvmmsg)",
            Path::Segmented => "receive offload (UDP_GRO), many bursts per call (recvmmsg)",
        };
        format!("sends with {send}; receives with {receive}")
    }
}
