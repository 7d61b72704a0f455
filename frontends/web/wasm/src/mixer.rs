//! Other people's sound: put in time by the core's jitter buffer, and mixed.
//!
//! It runs where the sound is played, in an instance of its own beside the client's: nothing that the client does holds it up,
//! and its clock is that of the loudspeaker. So a sample is late by what the ear would miss, and by nothing else.
//!
//! The browser decodes Opus, but not at once, and the buffer wants its samples the moment it asks. So packets are decoded as
//! they come, and what the buffer keeps is a place in a ring of decoded samples under a packet's timestamp: it sees the time
//! at which the samples were there. A browser's decoder invents nothing; gaps are bridged by the last sound, fading out.

use hph_core::media::jitter::{DecodeError, JitterBuffer, JitterConfig, JitterStats, PULL_SAMPLES, VoiceDecoder};
use hph_core::media::red::VOICE_FRAME_MAX_SAMPLES;
use hph_core::time::Instant;

/// Decoded frames that wait: as many as the jitter buffer holds.
const RING: usize = 64;
/// Voices at the same time: a room's worth of microphones and shared sounds.
const VOICES_MAX: usize = 64;
/// How much of a bridge is left after each 2.5 ms.
const FADE: f32 = 0.85;

/// One decoded frame.
type Samples = Vec<f32>;

/// Decoded frames, and what to bridge gaps with.
struct Decoded {
    ring: Vec<Samples>,
    next: u16,
    /// The end of what was last handed out.
    tail: Samples,
    gain: f32,
}

impl Decoded {
    fn put(&mut self, samples: &[f32], wanted: usize) -> u16 {
        let place = self.next;
        self.next = (self.next + 1) % RING as u16;
        let frame = &mut self.ring[usize::from(place)];
        frame.clear();
        frame.extend_from_slice(&samples[..samples.len().min(wanted)]);
        frame.resize(wanted, 0.0);
        place
    }
}

impl VoiceDecoder for Decoded {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, DecodeError> {
        let &[_, high, low] = packet else {
            // A silence begins.
            self.gain = 0.0;
            out.fill(0.0);
            return Ok(out.len());
        };
        let frame = self.ring.get(usize::from(u16::from_be_bytes([high, low]))).ok_or(DecodeError)?;
        let len = frame.len().min(out.len());
        out[..len].copy_from_slice(&frame[..len]);
        self.tail.clear();
        self.tail.extend_from_slice(&frame[len - len.min(PULL_SAMPLES)..len]);
        self.gain = 1.0;
        Ok(len)
    }

    fn conceal(&mut self, out: &mut [f32]) -> usize {
        let fallback = [0.0];
        let tail = if self.tail.is_empty() { fallback.as_slice() } else { &self.tail };
        for (piece, chunk) in out.chunks_mut(120).enumerate() {
            self.gain = if self.gain < 0.01 { 0.0 } else { self.gain * FADE };
            for (at, sample) in chunk.iter_mut().enumerate() {
                *sample = tail[(piece * 120 + at) % tail.len()] * self.gain;
            }
        }
        out.len()
    }
}

/// One voice.
struct Voice {
    slot: u16,
    track: u8,
    buffer: Box<JitterBuffer>,
    decoded: Decoded,
}

/// Everybody's.
#[derive(Default)]
pub struct Mixer {
    voices: Vec<Voice>,
}

impl Mixer {
    /// A packet has been decoded, whole; it states `wanted` samples.
    pub fn handle_decoded(
        &mut self,
        now: Instant,
        (slot, track): (u16, u8),
        timestamp: u32,
        begins: bool,
        wanted: u32,
        samples: &[f32],
    ) {
        let wanted = wanted.min(VOICE_FRAME_MAX_SAMPLES);
        let Some(toc) = toc_of(wanted) else { return };
        let Some(voice) = self.voice_or_new(slot, track) else { return };
        let [high, low] = voice.decoded.put(samples, wanted as usize).to_be_bytes();
        let _ = voice.buffer.insert(now, timestamp, &[u8::from(begins) << 7, toc, high, low]);
    }

    /// A voice pauses: a packet of one or two bytes that says so.
    pub fn handle_silence(
        &mut self,
        now: Instant,
        (slot, track): (u16, u8),
        timestamp: u32,
        begins: bool,
        packet: &[u8],
    ) {
        let Some(voice) = self.voice_or_new(slot, track) else { return };
        let mut payload = [u8::from(begins) << 7, 0, 0];
        let Some(space) = payload.get_mut(1..=packet.len()) else { return };
        space.copy_from_slice(packet);
        let _ = voice.buffer.insert(now, timestamp, &payload[..=packet.len()]);
    }

    /// Mixes the next 10 ms of all into `out`, limited; whether anything is to be heard.
    pub fn pull(&mut self, now: Instant, out: &mut [f32; PULL_SAMPLES]) -> bool {
        out.fill(0.0);
        let mut one = [0.0; PULL_SAMPLES];
        let mut is_heard = false;
        for voice in &mut self.voices {
            if voice.buffer.pull(now, &mut voice.decoded, &mut one).timestamp.is_some() {
                is_heard = true;
                out.iter_mut().zip(&one).for_each(|(sum, sample)| *sum += sample);
            }
        }
        out.iter_mut().for_each(|sample| *sample = limit(*sample));
        is_heard
    }

    /// Forgets a voice: its sender left, or all of them.
    pub fn forget(&mut self, slot: Option<u16>) {
        self.voices.retain(|voice| slot.is_some_and(|slot| voice.slot != slot));
    }

    /// Counts of every voice: place, track, figures.
    pub fn stats(&self) -> impl Iterator<Item = (u16, u8, JitterStats)> + '_ {
        self.voices.iter().map(|voice| (voice.slot, voice.track, voice.buffer.stats()))
    }

    fn voice_or_new(&mut self, slot: u16, track: u8) -> Option<&mut Voice> {
        let known = self.voices.iter().position(|voice| (voice.slot, voice.track) == (slot, track));
        if known.is_none() && self.voices.len() < VOICES_MAX {
            self.voices.push(Voice {
                slot,
                track,
                buffer: Box::new(JitterBuffer::new(JitterConfig::default())),
                decoded: Decoded { ring: vec![Vec::new(); RING], next: 0, tail: Vec::new(), gain: 0.0 },
            });
        }
        let at = known.unwrap_or(self.voices.len().saturating_sub(1));
        self.voices.get_mut(at).filter(|voice| (voice.slot, voice.track) == (slot, track))
    }
}

/// The first byte of an Opus packet of that duration (RFC 6716, section 3.1): all that the jitter buffer reads of one. None
/// if no single frame lasts so long.
const fn toc_of(samples: u32) -> Option<u8> {
    Some(match samples {
        120 => 16 << 3,
        240 => 17 << 3,
        480 => 18 << 3,
        960 => 19 << 3,
        1920 => 2 << 3,
        2880 => 3 << 3,
        _ => return None,
    })
}

/// Leaves what is not loud as it is, and bends the rest below full scale.
fn limit(sample: f32) -> f32 {
    const KNEE: f32 = 0.8;
    let above = sample.abs() - KNEE;
    if above <= 0.0 { sample } else { sample.signum() * (KNEE + (1.0 - KNEE) * (1.0 - (-above / (1.0 - KNEE)).exp())) }
}
