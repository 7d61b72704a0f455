//! Datagrams by the hundred: many per system call in, many per system call out, and not one byte of payload copied.
//!
//! A relay's loop is always the same: wait until the socket is readable (the caller's matter), take what is there into
//! a scratch that is used again and again ([`Received`]), decide for each datagram who gets it, queue that
//! ([`SendQueue`]: destination, a prefix of its own, and *where in the scratch* the payload lies), and send the whole
//! queue before the scratch is filled again. So a payload stays where the kernel put it, however many receive it.
//!
//! ```text
//! received.receive(&socket)?;
//! while let Some(datagram) = received.next_datagram() {
//!     queue.begin(datagram.place);
//!     decide(datagram, |lane, to, prefix, payload| queue.push(lane, to, prefix, payload));
//!     if queue.free() < FANOUT_MAX { queue.flush(&socket, &received) }
//! }
//! queue.flush(&socket, &received);
//! ```
//!
//! Three paths, chosen by asking the kernel at start ([`Offload::probe`]), each of them possible to force:
//!
//! | path | out | in |
//! |---|---|---|
//! | segmented | datagrams of one receiver leave as one and are cut by kernel or card (`UDP_SEGMENT`) | bursts arrive as one (`UDP_GRO`) |
//! | batched | `sendmmsg` | `recvmmsg` |
//! | plain | one call each | one call each |
//!
//! **Why not quinn-udp, rustix or nix.** quinn-udp cuts *one contiguous* buffer, so each receiver's prefixes would have
//! to be woven with a copy of every payload, and it takes one receiver per call; the figures of both are in
//! `docs/performance.md` (`bench relay` measures them side by side). rustix has neither `recvmmsg` nor the
//! `UDP_SEGMENT` message; nix allocates. What is needed is two system calls: they are wrapped in [`sys`], which
//! names all files of this workspace that contain unsafe code.
//!
//! Layer: driver. It must not know what a datagram means; it takes only the length of the prefix from the core.

mod marking;
mod offload;
mod receive;
mod send;
#[cfg(target_os = "linux")]
pub mod sys;
#[cfg(not(target_os = "linux"))]
#[path = "sys_none.rs"]
pub mod sys;
#[cfg(test)]
mod tests;

use std::net::UdpSocket;

use socket2::SockRef;

pub use marking::{Class, Marking};
pub use offload::{Offload, Path};
pub use receive::{Datagram, Place, Received};
pub use send::{SendCounters, SendQueue};

/// Lets the kernel keep so many bytes of a socket in either direction: more than ordinary programs may have where we
/// have the right (CAP_NET_ADMIN), else as much as the system allows. A smaller buffer works too, and loses more when
/// the program does not get its turn.
pub fn widen(socket: &UdpSocket, bytes: usize) {
    #[cfg(target_os = "linux")]
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, bytes).is_ok() {
        let _ = SockRef::from(socket).set_send_buffer_size(bytes);
        return;
    }
    let _ = SockRef::from(socket).set_recv_buffer_size(bytes);
    let _ = SockRef::from(socket).set_send_buffer_size(bytes);
}
