//! Everybody who is heard: a jitter buffer and a decoder each, mixed.

use std::collections::HashMap;

use hph_core::error::DropReason;
use hph_core::id::{RoomId, Slot};
use hph_core::media::jitter::{JitterBuffer, JitterConfig, Pulled, PulledKind};
use hph_core::time::{Duration, Instant};
use hph_platform::level::level_of_power;
use hph_platform::voice::mixer::{Fader, Loudness, SoftLimiter, threshold_of_loudest};
use hph_platform::voice::opus::OpusDecoder;
use hph_platform::voice::{Block, SILENCE};

use super::figures::VoiceFigures;
use super::shared::VoiceShared;
use crate::engine::RemoteTrack;
use crate::media::receive::Received;

/// Voices that are mixed at most: nobody follows more, and each costs a decoder's time anyway.
const MIXED_MAX: usize = 6;
/// Voices that are kept at most. More than this many cannot be in the rooms of a session.
const VOICES_MAX: usize = 128;
/// A voice of which nothing came for so long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// One person.
struct Voice {
    jitter: Box<JitterBuffer>,
    decoder: OpusDecoder,
    fader: Fader,
    loudness: Loudness,
    block: Block,
    pulled: Pulled,
    came_at: Instant,
    is_heard: bool,
    /// Whoever it is has gone: it fades away.
    is_over: bool,
}

/// Everybody.
pub(super) struct Voices {
    voices: HashMap<RemoteTrack, Voice>,
    limiter: SoftLimiter,
    config: JitterConfig,
    powers: Vec<f32>,
}

impl Voices {
    pub fn new(config: JitterConfig) -> Self {
        Self { voices: HashMap::new(), limiter: SoftLimiter::default(), config, powers: Vec::new() }
    }

    /// Takes a packet.
    ///
    /// # Errors
    /// As [`JitterBuffer::insert`]; [`DropReason::ReassemblyFull`] if there are too many voices or no memory.
    pub fn insert(&mut self, packet: &Received) -> Result<(), DropReason> {
        let track = packet.remote_track();
        if !self.voices.contains_key(&track) {
            if self.voices.len() >= VOICES_MAX {
                return Err(DropReason::ReassemblyFull);
            }
            let decoder = OpusDecoder::new().map_err(|_| DropReason::ReassemblyFull)?;
            self.voices.insert(track, Voice::new(decoder, self.config, packet.complete_at));
        }
        let voice = self.voices.get_mut(&track).ok_or(DropReason::ReassemblyFull)?;
        (voice.came_at, voice.is_over) = (packet.complete_at, false);
        voice.jitter.insert(packet.complete_at, packet.timestamp, &packet.bytes).map(|_| ())
    }

    /// Somebody has left the room, or we have: what they say next will not come, and is not to be invented.
    pub fn end(&mut self, room: RoomId, slot: Option<Slot>) {
        for ((of, whose, _), voice) in &mut self.voices {
            voice.is_over |= *of == room && slot.is_none_or(|slot| slot == *whose);
        }
    }

    /// Gives the next 10 ms of everybody together; each voice by itself goes to `each`.
    pub fn pull(
        &mut self,
        now: Instant,
        shared: &VoiceShared,
        mut each: impl FnMut(RemoteTrack, &Block, Pulled),
    ) -> Block {
        let is_left = |voice: &Voice| voice.is_over && voice.fader.is_silent(0.0);
        self.voices.retain(|_, voice| now.since(voice.came_at) < FORGET_AFTER && !is_left(voice));
        self.powers.clear();
        for (track, voice) in &mut self.voices {
            voice.pulled = voice.jitter.pull(now, &mut voice.decoder, &mut voice.block);
            if voice.pulled.kind == PulledKind::Idle {
                voice.block = SILENCE;
            }
            voice.loudness.handle_block(&voice.block);
            self.powers.push(voice.loudness.power());
            each(*track, &voice.block, voice.pulled);
        }
        let threshold = threshold_of_loudest(&mut self.powers, MIXED_MAX);
        let mut mix = SILENCE;
        for (track, voice) in &mut self.voices {
            voice.is_heard = voice.loudness.power() >= threshold && !voice.is_over;
            let volume = if voice.is_heard { shared.volume(*track) as f32 / 100.0 } else { 0.0 };
            if !voice.fader.is_silent(volume) {
                voice.fader.add(&voice.block, volume, &mut mix);
            }
        }
        self.limiter.apply(&mut mix);
        mix
    }

    /// Whether nobody has anything left to say.
    pub fn is_idle(&self) -> bool {
        self.voices.values().all(|voice| voice.pulled.kind == PulledKind::Idle)
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.voices.is_empty()
    }

    /// How everybody fares.
    pub fn figures(&self) -> impl Iterator<Item = (RemoteTrack, VoiceFigures)> + '_ {
        self.voices.iter().map(|(track, voice)| {
            let level = level_of_power(voice.loudness.power());
            (*track, VoiceFigures { jitter: voice.jitter.stats(), level, is_heard: voice.is_heard })
        })
    }
}

impl Voice {
    fn new(decoder: OpusDecoder, config: JitterConfig, now: Instant) -> Self {
        Self {
            jitter: Box::new(JitterBuffer::new(config)),
            decoder,
            fader: Fader::default(),
            loudness: Loudness::default(),
            block: SILENCE,
            pulled: Pulled { kind: PulledKind::Idle, timestamp: None },
            came_at: now,
            is_heard: false,
            is_over: false,
        }
    }
}

#[cfg(test)]
mod tests;
