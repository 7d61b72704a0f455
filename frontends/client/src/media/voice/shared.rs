//! What the microphone, the loudspeaker and the frontend share about voices.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hph_platform::voice::Block;

use super::figures::VoiceStages;
use crate::engine::RemoteTrack;

/// Played blocks that may wait for a microphone: half a second.
const REFERENCE_MAX: usize = 50;
/// Volume is told in percent.
const UNITY: u32 = 100;
/// Silence, as in RFC 6464.
const SILENT: u8 = 127;
/// Louder than this nobody is made. **Units:** percent.
pub const VOLUME_MAX: u32 = 400;

/// One for each frontend: made with its [`crate::media::Receiver`], lent to its microphones.
#[derive(Clone, Default)]
pub struct VoiceShared(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_key_held: AtomicBool,
    /// How far our own microphone is above silence: what it takes, and what others hear of it.
    own: (AtomicU8, AtomicU8),
    /// Part of our packets that some receiver lost lately, in thousandths, and how many in a row, in hundredths.
    loss: (AtomicU32, AtomicU32),
    /// What was played lately, for microphones that cancel echoes.
    reference: Mutex<VecDeque<Block>>,
    listeners: AtomicUsize,
    volumes: Mutex<HashMap<RemoteTrack, u32>>,
    stages: Mutex<VoiceStages>,
}

impl VoiceShared {
    /// Holds or releases the key of push-to-talk.
    pub fn hold_key(&self, is_held: bool) {
        self.0.is_key_held.store(is_held, Ordering::Relaxed);
    }

    /// Whether the key is held.
    pub fn is_key_held(&self) -> bool {
        self.0.is_key_held.load(Ordering::Relaxed)
    }

    /// How loud our own microphone is, for meters and rings: what it takes, and what others hear of it while they can. As in
    /// RFC 6464: 0 for overload to 127 for silence, also while no microphone is on.
    pub fn own_level(&self) -> (u8, u8) {
        let level = |above: &AtomicU8| SILENT - above.load(Ordering::Relaxed).min(SILENT);
        (level(&self.0.own.0), level(&self.0.own.1))
    }

    /// A microphone has taken a block.
    pub(super) fn set_own_level(&self, taken: u8, heard: u8) {
        for (above, level) in [(&self.0.own.0, taken), (&self.0.own.1, heard)] {
            above.store(SILENT - level.min(SILENT), Ordering::Relaxed);
        }
    }

    /// Tells what the network loses of ours on the worst way to a receiver: `loss` from 0 to 1, and `burst`, how many
    /// packets are lost in a row on average. How many copies go along follows from it.
    pub fn report_loss(&self, loss: f32, burst: f32) {
        self.0.loss.0.store((loss.clamp(0.0, 1.0) * 1000.0).round() as u32, Ordering::Relaxed);
        self.0.loss.1.store((burst.clamp(1.0, 100.0) * 100.0).round() as u32, Ordering::Relaxed);
    }

    /// What was reported last.
    pub(super) fn loss(&self) -> (f32, f32) {
        let (loss, burst) = (&self.0.loss.0, &self.0.loss.1);
        (loss.load(Ordering::Relaxed) as f32 / 1000.0, burst.load(Ordering::Relaxed) as f32 / 100.0)
    }

    /// Sets how loud somebody is: 100 is as they came, 0 is silence.
    pub fn set_volume(&self, track: RemoteTrack, percent: u32) {
        if let Ok(mut volumes) = self.0.volumes.lock() {
            volumes.insert(track, percent.min(VOLUME_MAX));
        }
    }

    /// How loud somebody is. **Units:** percent.
    pub fn volume(&self, track: RemoteTrack) -> u32 {
        self.0.volumes.lock().ok().and_then(|volumes| volumes.get(&track).copied()).unwrap_or(UNITY)
    }

    /// How long each stage of a voice's way takes.
    pub fn stages(&self) -> VoiceStages {
        self.0.stages.lock().map(|stages| stages.clone()).unwrap_or_default()
    }

    /// The same, since this was called last: how it is now, after hours too.
    pub fn take_stages(&self) -> VoiceStages {
        self.0.stages.lock().map(|mut stages| std::mem::take(&mut *stages)).unwrap_or_default()
    }

    pub(super) fn record(&self, record: impl FnOnce(&mut VoiceStages)) {
        if let Ok(mut stages) = self.0.stages.lock() {
            record(&mut stages);
        }
    }

    /// A block is being played.
    pub(super) fn played(&self, block: &Block) {
        if self.0.listeners.load(Ordering::Relaxed) == 0 {
            return;
        }
        if let Ok(mut reference) = self.0.reference.lock() {
            if reference.len() >= REFERENCE_MAX {
                reference.pop_front();
            }
            reference.push_back(*block);
        }
    }

    /// What is played, from now on.
    pub(super) fn listen(&self) -> EchoReference {
        if self.0.listeners.fetch_add(1, Ordering::Relaxed) == 0
            && let Ok(mut reference) = self.0.reference.lock()
        {
            reference.clear();
        }
        EchoReference(self.clone())
    }
}

/// What is played, for one microphone.
pub(super) struct EchoReference(VoiceShared);

impl EchoReference {
    /// The next block that was played.
    pub fn next(&self) -> Option<Block> {
        self.0.0.reference.lock().ok().and_then(|mut reference| reference.pop_front())
    }
}

impl Drop for EchoReference {
    fn drop(&mut self) {
        self.0.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hph_core::id::{RoomId, Slot, TrackId};
    use hph_platform::voice::SILENCE;

    #[test]
    fn played_sound_is_kept_only_for_a_microphone_that_wants_it_and_not_for_long() {
        let shared = VoiceShared::default();
        shared.played(&SILENCE);
        let reference = shared.listen();
        assert!(reference.next().is_none(), "played before anybody listened");
        for index in 0..200 {
            shared.played(&[index as f32; 480]);
        }
        let kept: Vec<f32> = std::iter::from_fn(|| reference.next()).map(|block| block[0]).collect();
        assert_eq!(kept, (150..200).map(|index| index as f32).collect::<Vec<_>>());
    }

    #[test]
    fn our_own_level_is_silence_until_a_microphone_is_on() {
        let shared = VoiceShared::default();
        assert_eq!(shared.own_level(), (127, 127));
        shared.set_own_level(30, 127);
        assert_eq!(shared.own_level(), (30, 127));
        shared.set_own_level(0, 200);
        assert_eq!(shared.own_level(), (0, 127));
    }

    #[test]
    fn a_volume_is_as_it_came_until_it_is_set_and_has_a_limit() {
        let shared = VoiceShared::default();
        let track = (RoomId(1), Slot(2), TrackId::MICROPHONE);
        assert_eq!(shared.volume(track), 100);
        shared.set_volume(track, 30);
        assert_eq!(shared.volume(track), 30);
        shared.set_volume(track, 100_000);
        assert_eq!(shared.volume(track), VOLUME_MAX);
    }
}
