//! What is heard of each sender, told by the thread of sound to that of pictures: lips move with their voice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::media::playout::SyncClock;
use hph_core::time::{Duration, Instant};

use crate::engine::RemoteTrack;

/// Senders that are kept: all that can be in the rooms of a session.
const SENDERS_MAX: usize = 256;

/// A picture may be so much ahead of its sound: nobody notices less than twice that, and what is seen early is seen sooner.
const AHEAD_ALLOWED: Duration = Duration::from_millis(20);

/// Where both threads meet.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<HashMap<(RoomId, Slot), SyncClock>>>);

impl Heard {
    /// The sample with that timestamp (48 kHz) of a voice is heard at `at`.
    pub fn handle_sound(&self, (room, slot, track): RemoteTrack, at: Instant, timestamp: u32) {
        // Whatever else sounds is not what the lips say.
        let Some(mut heard) = self.0.lock().ok().filter(|_| track == TrackId::MICROPHONE) else { return };
        if heard.len() >= SENDERS_MAX {
            heard.retain(|_, clock| clock.ahead_us(at, 0).is_some());
        }
        heard.entry((room, slot)).or_default().handle_sound(at, timestamp);
    }

    /// When a picture with that timestamp (90 kHz) may be seen; `now` if nothing is heard of its sender.
    pub fn due(&self, picture: RemoteTrack, now: Instant, timestamp: u32) -> Instant {
        let due = self.of(picture).map_or(now, |clock| clock.due(now, timestamp));
        (due - AHEAD_ALLOWED).max(now)
    }

    /// How far a picture that is seen now is ahead of its sound. **Units:** microseconds, negative if it is late. None if
    /// nothing is heard of its sender.
    pub fn ahead_us(&self, picture: RemoteTrack, now: Instant, timestamp: u32) -> Option<i64> {
        self.of(picture)?.ahead_us(now, timestamp)
    }

    fn of(&self, (room, slot, _): RemoteTrack) -> Option<SyncClock> {
        self.0.lock().ok()?.get(&(room, slot)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOICE: RemoteTrack = (RoomId(1), Slot(2), TrackId::MICROPHONE);

    fn at_ms(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    #[test]
    fn pictures_wait_for_the_voice_of_their_sender_and_for_nothing_else() {
        let heard = Heard::default();
        let picture = |slot| (RoomId(1), Slot(slot), TrackId::CAMERA);
        assert_eq!(heard.due(picture(2), at_ms(1000), 0), at_ms(1000));
        heard.handle_sound(VOICE, at_ms(1000), 48 * 500);
        assert_eq!(heard.due(picture(2), at_ms(1000), 90 * 560), at_ms(1040));
        assert_eq!(heard.due(picture(2), at_ms(1000), 90 * 515), at_ms(1000), "hardly ahead");
        assert_eq!(heard.ahead_us(picture(2), at_ms(1060), 90 * 560), Some(0));
        assert_eq!(heard.due(picture(3), at_ms(1000), 90 * 560), at_ms(1000), "somebody else");
        heard.handle_sound((RoomId(1), Slot(3), TrackId::SCREEN_SOUND), at_ms(1000), 48 * 500);
        assert_eq!(heard.ahead_us(picture(3), at_ms(1000), 0), None, "not a voice");
    }

    #[test]
    fn senders_who_are_gone_make_room() {
        let heard = Heard::default();
        for sender in 0..5000u32 {
            heard.handle_sound((RoomId(sender), Slot(0), TrackId::MICROPHONE), at_ms(u64::from(sender) * 100), 0);
        }
        assert!(heard.0.lock().unwrap().len() <= SENDERS_MAX);
    }
}
