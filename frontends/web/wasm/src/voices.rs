//! Other people's voices: what is new in each packet goes to the browser's decoder, and from there to the [`crate::Mixer`].
//!
//! Copies of earlier frames are decoded only if those did not come.

use hph_core::media::red::{RedPacket, VoiceFrame, opus_samples};
use hph_core::time::Instant;

use crate::host::{Host, VoicePacket};

/// Timestamps that are remembered, to know copies of what came.
const SEEN: usize = 64;
/// Voices at the same time: a room's worth of microphones and shared sounds.
const VOICES_MAX: usize = 64;

/// One voice.
struct Voice {
    slot: u16,
    track: u8,
    seen: [Option<u32>; SEEN],
    seen_next: usize,
    level: u8,
    heard_at: Instant,
}

/// Everybody's.
#[derive(Default)]
pub struct Voices {
    voices: Vec<Voice>,
}

impl Voices {
    /// Takes a packet of somebody: hands what is new in it to the decoder. A packet that contradicts itself is dropped.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        (slot, track): (u16, u8),
        (timestamp, level): (u32, u8),
        payload: &[u8],
        host: &mut impl Host,
    ) {
        let Ok(packet) = RedPacket::parse(timestamp, payload) else { return };
        let Some(voice) = self.voice_or_new(slot, track) else { return };
        (voice.level, voice.heard_at) = (level, now);
        // The oldest first: the browser's decoder goes on where the last packet ended.
        for copy in packet.copies.iter().rev().flatten() {
            voice.take(copy, host);
        }
        voice.take(&packet.primary, host);
    }

    /// Forgets a voice: its sender left, or all of them.
    pub fn forget(&mut self, slot: Option<u16>, host: &mut impl Host) {
        self.voices.retain(|voice| slot.is_some_and(|slot| voice.slot != slot));
        host.forget_voices(slot);
    }

    /// Who was heard since: place, RFC 6464 level with its voice bit.
    pub fn levels(&self, since: Instant) -> impl Iterator<Item = (u16, u8)> + '_ {
        let heard = move |voice: &&Voice| voice.track == 0 && voice.heard_at >= since;
        self.voices.iter().filter(heard).map(|voice| (voice.slot, voice.level))
    }

    fn voice_or_new(&mut self, slot: u16, track: u8) -> Option<&mut Voice> {
        let known = self.voices.iter().position(|voice| (voice.slot, voice.track) == (slot, track));
        if known.is_none() && self.voices.len() < VOICES_MAX {
            let (seen, heard_at) = ([None; SEEN], Instant::default());
            self.voices.push(Voice { slot, track, seen, seen_next: 0, level: 127, heard_at });
        }
        let at = known.unwrap_or(self.voices.len().saturating_sub(1));
        self.voices.get_mut(at).filter(|voice| (voice.slot, voice.track) == (slot, track))
    }
}

impl Voice {
    fn take(&mut self, frame: &VoiceFrame<'_>, host: &mut impl Host) {
        if self.seen.contains(&Some(frame.timestamp)) {
            return;
        }
        self.seen[self.seen_next] = Some(frame.timestamp);
        self.seen_next = (self.seen_next + 1) % SEEN;
        let samples = if frame.is_silence() { Some(0) } else { opus_samples(frame.bytes) };
        let Some(samples) = samples else { return };
        host.voice(&VoicePacket {
            slot: self.slot,
            track: self.track,
            begins: frame.begins,
            timestamp: frame.timestamp,
            samples,
            bytes: frame.bytes,
        });
    }
}
