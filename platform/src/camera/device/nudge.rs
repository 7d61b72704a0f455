//! Getting a thread out of a call that waits without end. **Unsafe code in one call.**

#![allow(unsafe_code)]

use std::io;
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use hph_core::time::{Duration, Instant};

use crate::clock::Clock;

/// A signal that does nothing to whoever does not ask for it.
const SIGNAL: i32 = libc::SIGURG;
const BETWEEN: Duration = Duration::from_millis(10);

/// Makes the call in which the thread waits return with `Interrupted`, as far as it is one of those that do (`poll` is, always).
/// A signal that comes a moment before the call is lost: ask again until the thread has noticed.
pub fn nudge<T>(thread: &JoinHandle<T>) {
    static IS_READY: OnceLock<bool> = OnceLock::new();
    // Without a handler the signal would be ignored, and a call goes on that nothing handled.
    let is_ready = IS_READY.get_or_init(|| {
        let is_nudged = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGNAL, is_nudged).is_ok()
    });
    if *is_ready && !thread.is_finished() {
        // SAFETY: the thread is not joined, for we have its handle: so its number is valid, even if it has just ended.
        unsafe { libc::pthread_kill(thread.as_pthread_t(), SIGNAL) };
    }
}

/// Ends a thread that was told to stop: nudges it until it has, for at most `limit`.
///
/// # Errors
/// `TimedOut`: the thread goes on, and ends by itself as soon as the call returns in which it waits.
pub fn end<T>(thread: JoinHandle<T>, limit: Duration) -> io::Result<()> {
    let until: Instant = Clock::now() + limit;
    while !thread.is_finished() {
        if Clock::now() >= until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the driver does not let go of the device"));
        }
        nudge(&thread);
        Clock::sleep(BETWEEN);
    }
    let _ = thread.join();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    #[test]
    fn a_thread_that_waits_without_end_is_got_out_and_others_are_not() {
        let (silent, _other_end) = UnixDatagram::pair().unwrap();
        let wait = |socket: UnixDatagram| {
            std::thread::spawn(move || poll(&mut [PollFd::new(&socket.as_fd(), PollFlags::IN)], None))
        };
        let bystander = wait(silent.try_clone().unwrap());
        let begin = Clock::now();
        end(wait(silent), Duration::from_secs(2)).unwrap();
        assert!(Clock::now().since(begin) < Duration::from_secs(1));
        assert!(!bystander.is_finished());
        end(bystander, Duration::from_secs(2)).unwrap();
    }

    #[test]
    fn a_thread_that_does_not_listen_is_left_alone_after_a_while() {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let deaf = std::thread::spawn(move || held.recv());
        assert_eq!(end(deaf, Duration::from_millis(50)).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(hold);
    }
}
