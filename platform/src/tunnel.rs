//! Datagrams that wait for their turn inside a TCP connection, where no datagram passes the network.
//!
//! TCP keeps an order and loses nothing; media wants neither. So little of it waits, and not for long: pictures make
//! room first, voices last. How much the kernel holds beside that is bounded by [`keep_short`]. What the other end misses
//! it reports, as over UDP, and less is sent then.
//!
//! Layer: driver.

use std::collections::VecDeque;

use hph_core::limits::{HOP_PREFIX_BYTES, MEDIA_HEADER_BYTES};
use hph_core::time::{Duration, Instant};
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::is_sound;
use socket2::SockRef;

/// A picture that waited longer is of no use.
const PICTURES_WAIT: Duration = Duration::from_millis(250);
/// A voice that did is too late for every jitter buffer.
const VOICES_WAIT: Duration = Duration::from_millis(500);
/// Datagrams of pictures that wait at most: a frame of eight cameras. 150 kB.
const PICTURES_MAX: usize = 128;
/// Datagrams of voices, and of those that steer, that wait at most: all voices of a room for a quarter of a second.
const VOICES_MAX: usize = 400;
/// Bytes that the kernel keeps of a connection before it takes no more, beside those on their way.
const UNSENT_MAX_BYTES: u32 = 8 * 1024;

struct Waiting {
    since: Instant,
    bytes: Box<[u8]>,
}

/// The queue. **Bound:** `PICTURES_MAX` and `VOICES_MAX` datagrams.
#[derive(Default)]
pub struct TunnelQueue {
    voices: VecDeque<Waiting>,
    pictures: VecDeque<Waiting>,
    dropped: u64,
}

impl TunnelQueue {
    /// Lets a datagram wait. If there is no room, the oldest of its kind goes.
    pub fn push(&mut self, now: Instant, datagram: &[u8]) {
        let (line, max) =
            if is_urgent(datagram) { (&mut self.voices, VOICES_MAX) } else { (&mut self.pictures, PICTURES_MAX) };
        if line.len() >= max {
            line.pop_front();
            self.dropped += 1;
        }
        line.push_back(Waiting { since: now, bytes: datagram.into() });
    }

    /// The next one to be sent: voices before pictures, nothing that is too old.
    pub fn pop(&mut self, now: Instant) -> Option<Box<[u8]>> {
        for (line, wait) in [(&mut self.voices, VOICES_WAIT), (&mut self.pictures, PICTURES_WAIT)] {
            while let Some(next) = line.pop_front() {
                if now.since(next.since) <= wait {
                    return Some(next.bytes);
                }
                self.dropped += 1;
            }
        }
        None
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.voices.is_empty() && self.pictures.is_empty()
    }

    /// Datagrams that were given up.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Voices, and the short datagrams by which both ends steer.
fn is_urgent(datagram: &[u8]) -> bool {
    let (prefix, payload) = datagram.split_at(datagram.len().min(HOP_PREFIX_BYTES));
    let is_media = prefix.first() == Some(&(Kind::Media as u8)) && payload.len() >= MEDIA_HEADER_BYTES;
    !is_media || is_sound(prefix, payload)
}

/// Makes the kernel keep little of a connection that it can't send yet, so that what is said now is not behind what was
/// said a second ago. Where the system knows no such thing, it goes without.
pub fn keep_short(stream: &impl std::os::fd::AsFd) {
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_MAX_BYTES);
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, UNSENT_MAX_BYTES);
}

#[cfg(test)]
mod tests {
    use hph_core::id::TrackId;
    use hph_core::limits::DATAGRAM_MAX_BYTES;

    use super::*;

    fn at_ms(ms: u64) -> Instant {
        Instant::from_micros(1_000_000 + ms * 1000)
    }

    /// A datagram as the queue sees it, with a number.
    fn datagram(kind: Kind, track: TrackId, number: u8) -> Vec<u8> {
        let mut bytes = vec![0; DATAGRAM_MAX_BYTES];
        bytes[0] = kind as u8;
        bytes[HOP_PREFIX_BYTES + 6] = track.0;
        *bytes.last_mut().expect("not empty") = number;
        bytes
    }

    fn popped(queue: &mut TunnelQueue, now: Instant) -> Vec<u8> {
        std::iter::from_fn(|| queue.pop(now)).map(|bytes| *bytes.last().expect("not empty")).collect()
    }

    #[test]
    fn voices_go_before_pictures_and_nothing_goes_too_late() {
        let mut queue = TunnelQueue::default();
        for (ms, kind, track, number) in [
            (0, Kind::Media, TrackId::CAMERA, 1),
            (0, Kind::Media, TrackId::MICROPHONE, 2),
            (60, Kind::Media, TrackId::CAMERA, 3),
            (60, Kind::Media, TrackId::SCREEN_SOUND, 4),
            (60, Kind::Ping, TrackId::CAMERA, 5),
        ] {
            queue.push(at_ms(ms), &datagram(kind, track, number));
        }
        assert_eq!(popped(&mut queue, at_ms(300)), [2, 4, 5, 3], "the first picture waited for 300 ms");
        assert_eq!(queue.dropped(), 1);
        queue.push(at_ms(0), &datagram(Kind::Media, TrackId::MICROPHONE, 1));
        assert_eq!(popped(&mut queue, at_ms(501)), []);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_flood_of_pictures_takes_no_room_of_voices_and_loses_its_oldest() {
        let mut queue = TunnelQueue::default();
        queue.push(at_ms(0), &datagram(Kind::Media, TrackId::MICROPHONE, 0));
        for number in 0..=255 {
            queue.push(at_ms(0), &datagram(Kind::Media, TrackId::CAMERA, number));
        }
        let order = popped(&mut queue, at_ms(1));
        assert_eq!(order.len(), 1 + PICTURES_MAX);
        assert_eq!((order[0], order[1], order[PICTURES_MAX]), (0, 128, 255));
        assert_eq!(queue.dropped(), 128);
    }
}
