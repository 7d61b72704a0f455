//! Opus (RFC 6716), by libopus: mono, 48 kHz, tuned for voice.
//!
//! In-band error correction is off, because it takes its bits from every packet, lost or not; what the network loses is
//! made good by copies of whole frames in later packets, and the rest by the decoder's concealment, which is a neural
//! network here ("deep PLC").

use std::fmt;

use hph_core::media::jitter::{DecodeError, VoiceDecoder};
use opusic_c::{Application, Bitrate, Channels, Decoder, Encoder, ErrorCode, InbandFec, SampleRate, Signal};

use super::BLOCK_SAMPLES;

/// Longest packet that the encoder makes at the bit rates that are used here. **Units:** bytes.
pub const PACKET_MAX_BYTES: usize = 400;
/// Longest sound in a packet that is decoded. **Units:** samples: 60 ms.
pub const PACKET_MAX_SAMPLES: usize = 6 * BLOCK_SAMPLES;
/// Packets of at most so many bytes say only that silence goes on: few of them need to be sent (RFC 6716, DTX).
pub const SILENCE_MAX_BYTES: usize = 2;
/// From this on the decoder conceals with its neural network. **Source:** libopus 1.5 release notes.
const DEEP_CONCEALMENT: u8 = 5;
/// Effort of the encoder, of 10: the best, for a tenth of a millisecond a packet on a PC.
const ENCODER_COMPLEXITY: u8 = 9;

/// How much sound goes into a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameLength {
    /// 10 ms: less delay, more packets. For wired networks.
    Ms10,
    /// 20 ms.
    #[default]
    Ms20,
}

impl FrameLength {
    /// Samples of a frame.
    pub const fn samples(self) -> usize {
        self.blocks() * BLOCK_SAMPLES
    }

    /// Blocks of 10 ms in a frame.
    pub const fn blocks(self) -> usize {
        match self {
            Self::Ms10 => 1,
            Self::Ms20 => 2,
        }
    }
}

/// How to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusConfig {
    /// Sound in a packet.
    pub frame: FrameLength,
    /// Mean bit rate while somebody speaks. **Units:** bits per second. **Bound:** 6000 to 128,000.
    pub bitrate_bps: u32,
    /// Whether silence is not sent.
    pub is_dtx: bool,
}

impl Default for OpusConfig {
    fn default() -> Self {
        Self { frame: FrameLength::default(), bitrate_bps: 32_000, is_dtx: true }
    }
}

/// What libopus says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusError(ErrorCode);

impl fmt::Display for OpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opus: {}", self.0.message())
    }
}

impl std::error::Error for OpusError {}

impl From<ErrorCode> for OpusError {
    fn from(code: ErrorCode) -> Self {
        Self(code)
    }
}

impl From<OpusError> for std::io::Error {
    fn from(error: OpusError) -> Self {
        Self::other(error)
    }
}

/// Sound to packets.
pub struct OpusEncoder {
    inner: Encoder,
    frame: FrameLength,
    delay: usize,
}

impl OpusEncoder {
    /// An encoder for one voice.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new(config: OpusConfig) -> Result<Self, OpusError> {
        let mut inner = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Voip)?;
        inner.set_bitrate(Bitrate::Value(config.bitrate_bps.clamp(6_000, 128_000)))?;
        inner.set_complexity(ENCODER_COMPLEXITY)?;
        inner.set_signal(Signal::Voice)?;
        inner.set_inband_fec(InbandFec::Off)?;
        inner.set_dtx(config.is_dtx)?;
        let delay = inner.get_look_ahead()? as usize;
        Ok(Self { inner, frame: config.frame, delay })
    }

    /// Samples that a call of [`Self::encode`] takes.
    pub const fn frame_samples(&self) -> usize {
        self.frame.samples()
    }

    /// Encodes one frame into `out` (at least [`PACKET_MAX_BYTES`]); the packet's length, at most [`SILENCE_MAX_BYTES`] if
    /// there is only silence.
    ///
    /// # Errors
    /// `frame` has another length than [`Self::frame_samples`], or `out` is too short.
    pub fn encode(&mut self, frame: &[f32], out: &mut [u8]) -> Result<usize, OpusError> {
        if frame.len() != self.frame_samples() {
            return Err(OpusError(ErrorCode::BadArg));
        }
        let space = out.len().min(PACKET_MAX_BYTES);
        Ok(self.inner.encode_float_to_slice(frame, out.get_mut(..space).unwrap_or_default())?)
    }

    /// Changes the bit rate from the next frame on; out of bounds it is taken to the nearest bound.
    pub fn set_bitrate(&mut self, bitrate_bps: u32) {
        // Only an argument out of bounds could be refused.
        let _ = self.inner.set_bitrate(Bitrate::Value(bitrate_bps.clamp(6_000, 128_000)));
    }

    /// Sound that encoder and decoder hold back together. **Units:** samples.
    pub const fn delay_samples(&self) -> usize {
        self.delay
    }
}

/// Packets to sound, and sound for packets that never came.
pub struct OpusDecoder {
    inner: Decoder,
}

impl OpusDecoder {
    /// A decoder for one voice.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new() -> Result<Self, OpusError> {
        let mut inner = Decoder::new(Channels::Mono, SampleRate::Hz48000)?;
        inner.set_complexity(DEEP_CONCEALMENT)?;
        Ok(Self { inner })
    }

    /// Decodes one packet to the start of `out`, for which [`PACKET_MAX_SAMPLES`] is always enough; how many samples.
    ///
    /// # Errors
    /// It is no Opus, or holds more than fits.
    pub fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, OpusError> {
        // To libopus an empty packet is a lost one.
        if packet.is_empty() {
            return Err(OpusError(ErrorCode::InvalidPacket));
        }
        let space = out.len().min(PACKET_MAX_SAMPLES);
        Ok(self.inner.decode_float_to_slice(packet, out.get_mut(..space).unwrap_or_default(), false)?)
    }

    /// Fills `out` with what a lost packet may have sounded like; how many samples: a multiple of 2.5 ms.
    pub fn conceal(&mut self, out: &mut [f32]) -> usize {
        const STEP: usize = BLOCK_SAMPLES / 4;
        let space = out.len().min(PACKET_MAX_SAMPLES) / STEP * STEP;
        let Some(out) = out.get_mut(..space).filter(|out| !out.is_empty()) else { return 0 };
        match self.inner.decode_float_to_slice(&[], out, false) {
            Ok(count) => count,
            Err(_) => {
                out.fill(0.0);
                space
            }
        }
    }
}

impl VoiceDecoder for OpusDecoder {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, DecodeError> {
        Self::decode(self, packet, out).map_err(|_| DecodeError)
    }

    fn conceal(&mut self, out: &mut [f32]) -> usize {
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match Self::conceal(self, rest) {
                0 => break,
                count => filled += count,
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::microphone::{MicrophoneSource, Resampler, SpeechSource};
    use crate::pacer::Pacing;
    use crate::voice::SAMPLE_RATE_HZ;

    fn speech(seconds: usize) -> Vec<f32> {
        let mut source = SpeechSource::new(3, Pacing::Unpaced);
        let mut block = vec![0; seconds * 16_000];
        source.next_block(&mut block).unwrap();
        let samples: Vec<f32> = block.iter().map(|s| f32::from(*s) / 32_768.0).collect();
        let mut out = Vec::new();
        Resampler::new(16_000, SAMPLE_RATE_HZ).push(&samples, &mut out);
        out
    }

    fn energy(samples: &[f32]) -> f64 {
        samples.iter().map(|s| f64::from(s * s)).sum()
    }

    /// Sound through encoder and decoder; `is_lost` says of each packet whether it never comes.
    fn carry(config: OpusConfig, sound: &[f32], is_lost: impl Fn(usize) -> bool) -> (Vec<f32>, usize) {
        let mut encoder = OpusEncoder::new(config).unwrap();
        let mut decoder = OpusDecoder::new().unwrap();
        let (mut packet, mut block) = ([0; PACKET_MAX_BYTES], [0.0; PACKET_MAX_SAMPLES]);
        let (mut heard, mut bytes) = (Vec::new(), 0);
        for (index, frame) in sound.chunks_exact(encoder.frame_samples()).enumerate() {
            let len = encoder.encode(frame, &mut packet).unwrap();
            bytes += len;
            let count = match is_lost(index) {
                false => decoder.decode(&packet[..len], &mut block).unwrap(),
                true => decoder.conceal(&mut block[..frame.len()]),
            };
            assert_eq!(count, frame.len());
            heard.extend_from_slice(&block[..count]);
        }
        (heard, bytes)
    }

    /// The best correlation over the delays of a codec, 1.0 for the same sound.
    fn likeness(sent: &[f32], heard: &[f32]) -> f64 {
        let correlate = |delay: usize| {
            let length = (sent.len().min(heard.len()) - 2000).min(48_000);
            let (a, b) = (&sent[..length], &heard[delay..delay + length]);
            let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum();
            sum / (energy(a) * energy(b)).sqrt()
        };
        (200..600).map(correlate).fold(0.0, f64::max)
    }

    #[test]
    fn speech_survives_at_both_frame_lengths_within_its_bit_rate() {
        let sound = speech(4);
        for frame in [FrameLength::Ms10, FrameLength::Ms20] {
            let config = OpusConfig { frame, ..OpusConfig::default() };
            let (heard, bytes) = carry(config, &sound, |_| false);
            let likeness = likeness(&sound, &heard);
            assert!(likeness > 0.9, "{frame:?}: {likeness}");
            let bps = bytes * 8 / 4;
            assert!((8_000..40_000).contains(&bps), "{frame:?}: {bps}");
        }
    }

    #[test]
    fn a_lost_packet_is_concealed_and_not_a_hole() {
        let sound = speech(4);
        let (whole, _) = carry(OpusConfig::default(), &sound, |_| false);
        let is_lost = |index: usize| index % 10 == 9;
        let (concealed, _) = carry(OpusConfig::default(), &sound, is_lost);
        let in_gaps = |sound: &[f32]| -> f64 {
            let frames = sound.chunks(960).enumerate();
            frames.filter(|(index, _)| is_lost(*index)).map(|(_, frame)| energy(frame)).sum()
        };
        let kept = in_gaps(&concealed) / in_gaps(&whole);
        assert!((0.3..1.5).contains(&kept), "{kept} of the energy of what was lost");
    }

    #[test]
    fn silence_is_not_sent_for_long() {
        let mut encoder = OpusEncoder::new(OpusConfig::default()).unwrap();
        let mut packet = [0; PACKET_MAX_BYTES];
        let mut is_sound = |encoder: &mut OpusEncoder| {
            (0..200).filter(|_| encoder.encode(&[0.0; 960], &mut packet).unwrap() > SILENCE_MAX_BYTES).count()
        };
        let sent = is_sound(&mut encoder);
        // A frame each 400 ms keeps the background alive.
        assert!((1..60).contains(&sent), "{sent} of 200");
        let mut steady = OpusEncoder::new(OpusConfig { is_dtx: false, ..OpusConfig::default() }).unwrap();
        assert_eq!(is_sound(&mut steady), 200);
    }

    #[test]
    fn what_is_no_opus_is_an_error_and_does_no_harm() {
        let mut decoder = OpusDecoder::new().unwrap();
        let mut out = [0.0; PACKET_MAX_SAMPLES];
        assert!(decoder.decode(&[], &mut out).is_err());
        // Code 3 without its count of frames, and a length beyond the packet.
        assert!(decoder.decode(&[0xff], &mut out).is_err());
        assert!(decoder.decode(&[0x7e, 0xfe], &mut out).is_err());
        // 120 ms: more than anybody here sends.
        let long = [0x1b, 6, 0, 0, 0, 0, 0, 0];
        assert!(decoder.decode(&long, &mut out).is_err());
        for seed in 0u32..2000 {
            let noise: Vec<u8> = (0..seed % 90).map(|n| (seed.wrapping_mul(2_654_435_761) >> (n % 24)) as u8).collect();
            if let Ok(count) = decoder.decode(&noise, &mut out) {
                assert!(count <= PACKET_MAX_SAMPLES);
                assert!(out.iter().all(|s| s.is_finite()));
            }
        }
        assert_eq!(decoder.conceal(&mut out[..BLOCK_SAMPLES]), BLOCK_SAMPLES);
        assert_eq!(decoder.conceal(&mut out[..10]), 0);
    }

    #[test]
    fn a_frame_of_another_length_is_refused() {
        let mut encoder = OpusEncoder::new(OpusConfig::default()).unwrap();
        let mut packet = [0; PACKET_MAX_BYTES];
        assert!(encoder.encode(&[0.0; 480], &mut packet).is_err());
        assert!(encoder.encode(&[0.0; 960], &mut []).is_err());
    }
}
