//! A thread that waits for datagrams, and others that wake it.
//!
//! One small wait per thread instead of one reactor for all: with a shared reactor a thread's datagrams are noticed by
//! whichever thread holds it just then, and wait while that one is busy.
//!
//! Layer: driver. Unix only.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use hph_core::time::Duration;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Wakes one thread. Ringing costs a system call only if that thread sleeps.
#[derive(Debug)]
pub struct Doorbell {
    is_waiting: AtomicBool,
    inside: UnixStream,
    outside: UnixStream,
}

impl Doorbell {
    /// A bell that nobody listens to yet.
    ///
    /// # Errors
    /// Out of file descriptors.
    pub fn new() -> std::io::Result<Self> {
        let (inside, outside) = UnixStream::pair()?;
        inside.set_nonblocking(true)?;
        outside.set_nonblocking(true)?;
        Ok(Self { is_waiting: AtomicBool::new(false), inside, outside })
    }

    /// Wakes the thread if it waits, or is about to. Call it after leaving what it shall find.
    pub fn ring(&self) {
        // With the fence of `wait`: either this sees that it waits, or it sees what was left for it.
        fence(Ordering::SeqCst);
        if self.is_waiting.load(Ordering::Relaxed) && self.is_waiting.swap(false, Ordering::AcqRel) {
            // A full pipe rings already.
            let _ = (&self.outside).write(&[1]);
        }
    }

    /// Waits until the socket is readable, the bell rings, or `limit` is over; not at all unless `is_idle` says, asked
    /// when nobody's ringing can be missed any more, that nothing was left. Only one thread may wait.
    pub fn wait(&self, socket: &UdpSocket, limit: Option<Duration>, is_idle: impl FnOnce() -> bool) {
        self.is_waiting.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if is_idle() {
            let limit = limit.map(|limit| Timespec {
                tv_sec: (limit.as_micros() / 1_000_000) as _,
                tv_nsec: (limit.as_micros() % 1_000_000 * 1000) as _,
            });
            let mut both = [PollFd::new(socket, PollFlags::IN), PollFd::new(&self.inside, PollFlags::IN)];
            // A signal wakes too; the caller looks around anyway.
            let _ = poll(&mut both, limit.as_ref());
        }
        if !self.is_waiting.swap(false, Ordering::AcqRel) {
            let _ = (&self.inside).read(&mut [0; 16]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;
    use crate::clock::Clock;

    fn socket() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").expect("a socket")
    }

    #[test]
    fn a_thread_that_waits_is_woken_by_the_bell_by_a_datagram_and_by_time() {
        let (bell, socket) = (Doorbell::new().expect("a bell"), socket());
        std::thread::scope(|scope| {
            let woken = scope.spawn(|| bell.wait(&socket, None, || true));
            while !woken.is_finished() {
                bell.ring();
            }
        });
        socket.send_to(b"x", socket.local_addr().expect("bound")).expect("sent");
        bell.wait(&socket, None, || true);
        socket.recv(&mut [0; 9]).expect("received");
        let began = Clock::now();
        bell.wait(&socket, Some(Duration::from_millis(20)), || true);
        assert!(Clock::now().since(began) >= Duration::from_millis(19));
        bell.wait(&socket, None, || false);
    }

    #[test]
    fn no_ring_is_lost_between_looking_and_waiting() {
        const ROUNDS: u32 = 2_000;
        let (bell, left) = (Arc::new(Doorbell::new().expect("a bell")), Arc::new(AtomicU32::new(0)));
        let (theirs, lefts) = (Arc::clone(&bell), Arc::clone(&left));
        let taker = std::thread::spawn(move || {
            let socket = socket();
            let mut taken = 0;
            while taken < ROUNDS {
                taken += lefts.swap(0, Ordering::Relaxed);
                if taken < ROUNDS {
                    theirs.wait(&socket, None, || lefts.load(Ordering::Relaxed) == 0);
                }
            }
        });
        for _ in 0..ROUNDS {
            left.fetch_add(1, Ordering::Relaxed);
            bell.ring();
        }
        taker.join().expect("everything was taken");
    }
}
