//! Packets of our own pictures on their way out: not faster than our way to the server carries them, so that what we say passes
//! them by. All that the socket is given at once, a voice behind it waits for.

use std::collections::VecDeque;

use hph_core::id::TrackId;
use hph_core::limits::HOP_PREFIX_BYTES;
use hph_core::media::pace::Pacer;
use hph_core::time::{Duration, Instant};

/// Headers, tags and parity are never taken for more of a frame than this. **Units:** thousandths.
const OVERHEAD_MAX: u32 = 600;
/// Receivers whose way is narrower than this are spared bursts. **Units:** bits a second.
const NARROW_BPS: u32 = 1_000_000;

/// A queue of this length is what a lost segment of TCP makes ...
const QUEUE_HARMLESS: Duration = Duration::from_millis(60);
/// ... and at this one pictures get only the least that a frame is made of.
const QUEUE_MAX: Duration = Duration::from_millis(180);

/// A packet that waits for its turn.
pub struct Packet {
    due: Instant,
    /// What `ClientMachine::seal_frame` gave.
    pub payload: Vec<u8>,
    /// How much of it the hop's seal covers only.
    pub clear_len_bytes: usize,
    /// Whose it is.
    pub of: (TrackId, u8),
}

/// Those that wait. **Bound:** what leaves within `WAIT_MAX` of the core's pacer.
#[derive(Default)]
pub struct Paced {
    pacer: Pacer,
    waiting: VecDeque<Packet>,
    /// What packets take beside the frames in them, of late. **Units:** thousandths.
    overhead: u32,
}

impl Paced {
    /// Puts a sealed packet behind the others.
    pub fn push(
        &mut self,
        now: Instant,
        pace_bps: u32,
        of: (TrackId, u8),
        payload: &[u8],
        clear_len_bytes: usize,
    ) -> usize {
        let bytes = payload.len() + HOP_PREFIX_BYTES;
        let due = self.pacer.schedule(now, bytes, pace_bps);
        self.waiting.push_back(Packet { due, payload: payload.to_vec(), clear_len_bytes, of });
        bytes
    }

    /// The next one that is due.
    pub fn pop(&mut self, now: Instant) -> Option<Packet> {
        self.waiting.pop_front_if(|packet| packet.due <= now)
    }

    /// How long until the next one is.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        self.waiting.front().map(|packet| packet.due.since(now))
    }

    /// Nothing is to go any more: the room, the track or the connection is gone.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// A frame of so many bytes became packets of so many.
    pub fn note(&mut self, frame_bytes: usize, packets_bytes: usize) {
        let more = packets_bytes.saturating_sub(frame_bytes).saturating_mul(1000);
        let now = more.checked_div(frame_bytes).map_or(0, |permille| permille.min(OVERHEAD_MAX as usize) as u32);
        self.overhead = (self.overhead * 7 + now).div_ceil(8);
    }

    /// What of the granted is left for the frames themselves.
    pub fn net_of(&self, granted_bps: u32) -> u32 {
        (u64::from(granted_bps) * 1000 / u64::from(1000 + self.overhead)) as u32
    }
}

/// How fast packets may leave, by what our own way takes and what the receivers' ways do (0: nobody's is known).
pub fn pace(uplink_bps: u32, receivers_bps: u32) -> u32 {
    if (1..NARROW_BPS).contains(&receivers_bps) { uplink_bps.min(receivers_bps / 4 * 5) } else { uplink_bps }
}

/// What is left to pictures of what is granted while so much waits on the way. A TCP connection brings nothing for a moment and then
/// all at once: by what arrives then, the way looks wider than it is. What waits does not deceive.
pub fn relieved(bps: u32, queue: Duration) -> u32 {
    let (from, to) = (QUEUE_HARMLESS.as_micros(), QUEUE_MAX.as_micros());
    let left = to.saturating_sub(queue.as_micros().max(from));
    (u64::from(bps) * left / (to - from)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: (TrackId, u8) = (TrackId::CAMERA, 0);

    fn at_ms(ms: u64) -> Instant {
        Instant::from_micros(1_000_000 + ms * 1000)
    }

    #[test]
    fn a_frame_leaves_at_the_pace_of_the_way_and_in_order() {
        let mut paced = Paced::default();
        for n in 0..5 {
            paced.push(at_ms(0), 1_000_000, OF, &[n; 976], 30);
        }
        let left: Vec<u8> = (0..40)
            .map(|ms| std::iter::from_fn(|| paced.pop(at_ms(ms))).map(|packet| packet.payload[0]).collect::<Vec<_>>())
            .inspect(|now| assert!(now.len() <= 1, "a burst: {now:?}"))
            .flatten()
            .collect();
        assert_eq!(left, [0, 1, 2, 3, 4]);
        assert!(paced.wait(at_ms(40)).is_none());
    }

    #[test]
    fn a_narrow_receiver_slows_the_pace_and_a_wide_one_does_not() {
        assert_eq!(pace(10_000_000, 0), 10_000_000);
        assert_eq!(pace(10_000_000, 400_000), 500_000);
        assert_eq!(pace(10_000_000, 20_000_000), 10_000_000);
        assert_eq!(pace(300_000, 400_000), 300_000);
    }

    #[test]
    fn what_waits_takes_from_pictures_until_nothing_is_left() {
        let after = |ms| relieved(1_000_000, Duration::from_millis(ms));
        assert_eq!([after(0), after(60), after(120), after(180), after(5000)], [1_000_000, 1_000_000, 500_000, 0, 0]);
    }

    #[test]
    fn headers_are_paid_from_what_is_granted() {
        let mut paced = Paced::default();
        assert_eq!(paced.net_of(300_000), 300_000);
        for _ in 0..100 {
            paced.note(1000, 1500);
        }
        assert!((195_000..=205_000).contains(&paced.net_of(300_000)), "{}", paced.net_of(300_000));
    }
}
