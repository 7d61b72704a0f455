//! From blocks of a microphone to packets: echo, noise, gain; who speaks; the gate; Opus; copies of earlier frames.

use std::io;

use hph_core::limits::FRAGMENT_PAYLOAD_MAX_BYTES;
use hph_core::media::red::{RedSender, RedundancyPolicy};
use hph_core::time::{Duration, Instant};
use hph_platform::clock::Clock;
use hph_platform::voice::activity::VoiceActivity;
use hph_platform::voice::clock::{MediaClock, stretch};
use hph_platform::voice::gate::Gate;
use hph_platform::voice::mixer::Fader;
use hph_platform::voice::opus::{OpusConfig, OpusEncoder, PACKET_MAX_BYTES, SILENCE_MAX_BYTES};
use hph_platform::voice::processor::VoiceProcessor;
use hph_platform::voice::watch::{MicrophoneWatch, Remark};
use hph_platform::voice::{Block, SILENCE};

use super::config::VoiceConfig;
use super::shared::{EchoReference, VoiceShared};
use crate::engine::MicrophoneRemark;

/// Packets that say only that it is silent are sent at the beginning of a silence ...
const SILENCE_PACKETS: u32 = 2;
/// ... and then once in 400 ms: of frames of 20 ms.
const SILENCE_INTERVAL_MS: u32 = 400;
/// What is lost is looked at this often.
const POLICY_INTERVAL: Duration = Duration::from_secs(1);

/// A packet, ready to be sealed.
pub(super) struct Packet {
    /// Of the first sample, at 48 kHz.
    pub timestamp: u32,
    /// RFC 6464: level, and a bit for voice.
    pub level: u8,
    /// What is sealed.
    pub bytes: Vec<u8>,
}

/// All that happens to one microphone.
pub(super) struct Chain {
    shared: VoiceShared,
    reference: Option<EchoReference>,
    processor: VoiceProcessor,
    watch: MicrophoneWatch,
    activity: VoiceActivity,
    gate: Gate,
    fader: Fader,
    clock: MediaClock,
    framer: Framer,
}

impl Chain {
    /// A chain that has heard nothing.
    ///
    /// # Errors
    /// There is no memory for the encoder.
    pub fn new(config: VoiceConfig, shared: VoiceShared) -> io::Result<Self> {
        let processor = VoiceProcessor::new(config.processor);
        let delay = processor.delay_samples();
        Ok(Self {
            reference: processor.needs_reference().then(|| shared.listen()),
            processor,
            watch: MicrophoneWatch::default(),
            activity: VoiceActivity::default(),
            gate: Gate::new(config.gate),
            fader: Fader::default(),
            clock: MediaClock::default(),
            framer: Framer::new(config, delay)?,
            shared,
        })
    }

    /// Takes a block that was captured at `at`. Packets go to `send`; what is remarkable to `remark`.
    ///
    /// # Errors
    /// The encoder failed.
    pub fn handle_block(
        &mut self,
        mut block: Block,
        at: Instant,
        mut send: impl FnMut(Packet),
        mut remark: impl FnMut(MicrophoneRemark),
    ) -> io::Result<()> {
        let began = Clock::now();
        match self.watch.handle_block(&block) {
            Some(Remark::NoSignal) => remark(MicrophoneRemark::NoSignal),
            Some(Remark::Signal) => remark(MicrophoneRemark::Signal),
            Some(Remark::Clipping) => remark(MicrophoneRemark::Clipping),
            None => {}
        }
        if let Some(reference) = &self.reference {
            while let Some(played) = reference.next() {
                self.processor.handle_played(&played);
            }
        }
        self.processor.process(&mut block);
        let (level, is_voice) = self.activity.handle_block(&block);
        let decision = self.gate.handle_block(is_voice, self.shared.is_key_held());
        if decision.is_talking_while_muted {
            remark(MicrophoneRemark::TalkingWhileMuted);
        }
        let mut heard = SILENCE;
        self.fader.add(&block, f32::from(u8::from(decision.is_heard)), &mut heard);
        let taken = level;
        let (level, is_voice) = if decision.is_heard { (level, is_voice) } else { (127, false) };
        self.shared.set_own_level(taken, level);
        let processed = Clock::now();
        self.shared.record(|stages| {
            stages.fetch.record(began.since(at));
            stages.process.record(processed.since(began));
        });

        let (timestamp, correction) = self.clock.handle_block(at);
        let before = self.framer.pending.len();
        stretch(&heard, correction, &mut self.framer.pending);
        let samples = self.framer.pending.len() - before;
        self.clock.advance(samples);
        self.framer.choose_copies(at, &self.shared);
        self.framer.handle_samples(timestamp, samples, level, is_voice, &mut send)?;
        let encoded = Clock::now();
        self.shared.record(|stages| stages.encode.record(encoded.since(processed)));
        Ok(())
    }

    /// The microphone is closed: tells it, or those who listen would invent how the voice goes on.
    ///
    /// # Errors
    /// A packet could not be written.
    pub fn end(&mut self, mut send: impl FnMut(Packet)) -> io::Result<()> {
        self.framer.end(&mut send)
    }
}

impl Drop for Chain {
    /// A microphone that is off is silent, however it went off.
    fn drop(&mut self) {
        self.shared.set_own_level(127, 127);
    }
}

/// What says that it is silent, of whatever kind the packets were: the first byte of Opus without a frame (RFC 6716, 3.1).
const fn silence_after(first_byte: u8) -> [u8; 1] {
    [first_byte & 0xfc]
}

/// Samples to frames to packets.
struct Framer {
    pending: Vec<f32>,
    /// The loudest of the blocks in the frame, and whether any is voice.
    level: u8,
    is_voice: bool,
    encoder: OpusEncoder,
    red: RedSender,
    policy: RedundancyPolicy,
    looked_at: Instant,
    /// First byte of the last packet, and the time after it; none while nothing was sent.
    last: Option<(u8, u32)>,
    /// Frames of silence in a row.
    silent: u32,
    silence_interval: u32,
    /// What was done to the sound before took so long. **Units:** samples.
    delay: u32,
}

impl Framer {
    fn new(config: VoiceConfig, delay: u32) -> io::Result<Self> {
        let encoder = OpusEncoder::new(OpusConfig { frame: config.frame, ..OpusConfig::default() })?;
        let frame_ms = config.frame.blocks() as u32 * 10;
        Ok(Self {
            pending: Vec::new(),
            level: 127,
            is_voice: false,
            delay: delay + encoder.delay_samples() as u32,
            encoder,
            red: RedSender::new(),
            policy: RedundancyPolicy::new(),
            looked_at: Instant::default(),
            last: None,
            silent: 0,
            silence_interval: SILENCE_INTERVAL_MS / frame_ms,
        })
    }

    fn choose_copies(&mut self, now: Instant, shared: &VoiceShared) {
        if now.since(self.looked_at) >= POLICY_INTERVAL {
            let (loss, burst) = shared.loss();
            self.policy.update(now, loss, burst);
            self.looked_at = now;
        }
    }

    /// `samples` new ones are pending, the first of which was captured at `timestamp`.
    fn handle_samples(
        &mut self,
        timestamp: u32,
        samples: usize,
        level: u8,
        is_voice: bool,
        send: &mut impl FnMut(Packet),
    ) -> io::Result<()> {
        self.level = self.level.min(level);
        self.is_voice |= is_voice;
        let older = self.pending.len() - samples;
        let mut timestamp = timestamp.wrapping_sub(older as u32).wrapping_sub(self.delay);
        let length = self.encoder.frame_samples();
        let mut used = 0;
        while let Some(frame) = self.pending.get(used..used + length) {
            let mut packet = [0; PACKET_MAX_BYTES];
            let len = self.encoder.encode(frame, &mut packet)?;
            used += length;
            if self.is_worth_sending(len) {
                let level = self.level & 0x7f | u8::from(self.is_voice) << 7;
                self.emit(timestamp, level, packet.get(..len).unwrap_or_default(), send)?;
            }
            (self.level, self.is_voice) = (127, false);
            timestamp = timestamp.wrapping_add(length as u32);
        }
        self.pending.drain(..used);
        Ok(())
    }

    /// Sends a frame, with copies of earlier ones.
    fn emit(&mut self, timestamp: u32, level: u8, frame: &[u8], send: &mut impl FnMut(Packet)) -> io::Result<()> {
        let mut bytes = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
        let len = self.red.emit(self.policy.current(), timestamp, frame, &mut bytes);
        let len = len.map_err(|reason| io::Error::other(reason.name()))?;
        let after = timestamp.wrapping_add(self.encoder.frame_samples() as u32);
        self.last = frame.first().map(|first| (*first, after));
        send(Packet { timestamp, level, bytes: bytes.get(..len).unwrap_or_default().to_vec() });
        Ok(())
    }

    /// Begins a silence that does not end.
    fn end(&mut self, send: &mut impl FnMut(Packet)) -> io::Result<()> {
        for _ in self.silent..SILENCE_PACKETS {
            let Some((first, timestamp)) = self.last else { break };
            self.emit(timestamp, 127, &silence_after(first), send)?;
        }
        Ok(())
    }

    /// Of a silence only its beginning is told, and now and then that it goes on.
    const fn is_worth_sending(&mut self, len: usize) -> bool {
        if len > SILENCE_MAX_BYTES {
            self.silent = 0;
            return true;
        }
        self.silent = self.silent.saturating_add(1);
        self.silent <= SILENCE_PACKETS || self.silent.is_multiple_of(self.silence_interval)
    }
}

#[cfg(test)]
mod tests {
    use hph_core::media::red::RedPacket;
    use hph_platform::audio::SoundSource;
    use hph_platform::audio::synthetic::Widened;
    use hph_platform::microphone::SpeechSource;
    use hph_platform::pacer::Pacing;

    use super::*;
    use crate::media::voice::config::{FrameLength, GateMode};

    /// What a chain sends and remarks of `blocks`; `each` may meddle before each of them.
    fn run(
        config: VoiceConfig,
        blocks: &[Block],
        mut each: impl FnMut(usize, &VoiceShared),
    ) -> (Vec<Packet>, Vec<MicrophoneRemark>) {
        let shared = VoiceShared::default();
        let mut chain = Chain::new(config, shared.clone()).unwrap();
        let (mut packets, mut remarks) = (Vec::new(), Vec::new());
        for (index, block) in blocks.iter().enumerate() {
            each(index, &shared);
            let at = Instant::from_micros(5_000_000 + index as u64 * 10_000);
            chain.handle_block(*block, at, |packet| packets.push(packet), |remark| remarks.push(remark)).unwrap();
        }
        (packets, remarks)
    }

    fn speech(seconds: usize) -> Vec<Block> {
        let mut source = Widened::new(SpeechSource::new(3, Pacing::Unpaced), Pacing::Unpaced);
        let mut block = SILENCE;
        let next = |_| {
            source.next_block(&mut block).unwrap();
            block
        };
        (0..seconds * 100).map(next).collect()
    }

    #[test]
    fn speech_becomes_packets_in_time_with_level_and_voice() {
        for (frame, length) in [(FrameLength::Ms10, 480), (FrameLength::Ms20, 960)] {
            let (packets, remarks) = run(VoiceConfig { frame, ..VoiceConfig::default() }, &speech(3), |_, _| {});
            assert!(remarks.is_empty(), "{remarks:?}");
            assert!(packets.len() > 200 * 480 / length, "{} packets", packets.len());
            let first = packets.first().unwrap();
            let delay = (5_000_000 * 48 / 1000_u32).wrapping_sub(first.timestamp);
            assert!((0..960).contains(&delay), "{delay}");
            for packet in &packets {
                assert_eq!(packet.timestamp.wrapping_sub(first.timestamp) % length as u32, 0);
                let red = RedPacket::parse(packet.timestamp, &packet.bytes).unwrap();
                assert_eq!(red.copies, [None, None], "nothing is lost");
            }
            let voiced = packets.iter().filter(|packet| packet.level & 0x80 != 0).count();
            assert!(voiced * 3 > packets.len(), "{voiced} of {}", packets.len());
            assert!(packets.iter().any(|packet| packet.level & 0x7f < 40));
        }
    }

    #[test]
    fn silence_is_told_and_then_hardly_sent() {
        let mut blocks = speech(1);
        blocks.extend(std::iter::repeat_n(SILENCE, 1000));
        let (packets, remarks) = run(VoiceConfig::default(), &blocks, |_, _| {});
        assert_eq!(remarks, [MicrophoneRemark::NoSignal]);
        let silent = packets.iter().filter(|packet| packet.bytes.len() <= 3).count();
        assert!(silent >= 2, "the beginning is told");
        let late = packets.iter().filter(|packet| packet.timestamp > 5_000 * 48 + 96_000).count();
        // Opus refreshes its idea of the room each 400 ms, and each time the silence is told anew: without DTX it is 450.
        assert!(late < 110, "{late} packets in nine seconds of silence");
    }

    #[test]
    fn a_closed_microphone_is_told_as_a_silence() {
        let mut chain = Chain::new(VoiceConfig::default(), VoiceShared::default()).unwrap();
        let mut packets = Vec::new();
        for (index, block) in speech(1).into_iter().enumerate() {
            let at = Instant::from_micros(5_000_000 + index as u64 * 10_000);
            chain.handle_block(block, at, |packet| packets.push(packet), |_| {}).unwrap();
        }
        let spoken = packets.len();
        chain.end(|packet| packets.push(packet)).unwrap();
        assert_eq!(packets.len(), spoken + SILENCE_PACKETS as usize);
        for pair in packets[spoken - 1..].windows(2) {
            assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 960);
            let red = RedPacket::parse(pair[1].timestamp, &pair[1].bytes).unwrap();
            assert_eq!((red.primary.bytes.len(), red.primary.begins, pair[1].level), (1, false, 127));
        }
    }

    #[test]
    fn losses_bring_copies() {
        let (packets, _) = run(VoiceConfig::default(), &speech(4), |index, shared| {
            if index == 100 {
                shared.report_loss(0.05, 1.0);
            }
        });
        let copies = |packet: &Packet| {
            RedPacket::parse(packet.timestamp, &packet.bytes).unwrap().copies.into_iter().flatten().count()
        };
        assert!(packets.iter().take(50).all(|packet| copies(packet) == 0));
        let last = packets.iter().rev().take(20).filter(|packet| copies(packet) == 2).count();
        assert!(last > 10, "{last}");
    }

    #[test]
    fn nothing_is_heard_without_the_key_and_whoever_talks_is_told() {
        let config = VoiceConfig { gate: GateMode::PushToTalk, ..VoiceConfig::default() };
        let (packets, remarks) = run(config, &speech(4), |index, shared| shared.hold_key(index >= 200));
        assert_eq!(remarks, [MicrophoneRemark::TalkingWhileMuted]);
        let begin = 5_000 * 48;
        let early = packets.iter().filter(|packet| packet.timestamp < begin + 90_000);
        assert!(early.into_iter().all(|packet| packet.level == 127), "no level of what is not heard");
        let bytes = |from: u32, to: u32| {
            let within = packets.iter().filter(|p| (begin + from..begin + to).contains(&p.timestamp));
            within.map(|packet| packet.bytes.len()).sum::<usize>()
        };
        assert!(bytes(100_000, 190_000) > 5 * bytes(10_000, 90_000));
    }

    #[test]
    fn our_own_level_is_told_apart_from_what_others_hear_of_it() {
        let shared = VoiceShared::default();
        let config = VoiceConfig { gate: GateMode::PushToTalk, ..VoiceConfig::default() };
        let mut chain = Chain::new(config, shared.clone()).unwrap();
        let mut loudest = [(127, 127); 2];
        for (index, block) in speech(4).into_iter().enumerate() {
            let is_held = index >= 200;
            shared.hold_key(is_held);
            let at = Instant::from_micros(5_000_000 + index as u64 * 10_000);
            chain.handle_block(block, at, |_| {}, |_| {}).unwrap();
            let (taken, heard) = shared.own_level();
            let most = &mut loudest[usize::from(is_held)];
            *most = (most.0.min(taken), most.1.min(heard));
        }
        assert!(loudest[0].0 < 40 && loudest[0].1 == 127, "{loudest:?}");
        assert!(loudest[1].0 < 40 && loudest[1].1 == loudest[1].0, "{loudest:?}");
        drop(chain);
        assert_eq!(shared.own_level(), (127, 127), "a microphone that is off is silent");
    }
}
