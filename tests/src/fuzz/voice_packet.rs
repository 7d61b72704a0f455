//! Voice packets, and the buffer that plays them.

use hph_core::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, VOICE_FRAME_MAX_BYTES};
use hph_core::media::jitter::{DecodeError, JitterBuffer, JitterConfig, PULL_SAMPLES, PulledKind, VoiceDecoder};
use hph_core::media::red::{RedPacket, RedSender, Redundancy, VOICE_FRAME_MAX_SAMPLES, opus_samples};
use hph_core::time::Instant;

use super::input::Input;
use super::reach;

pub(super) const LANDMARKS: &[&str] = &[
    "begins anew",
    "concealed",
    "copies",
    "duplicate",
    "faster or slower",
    "late",
    "recovered",
    "sent and received",
    "silence",
    "voice",
    "voice_packet",
];

/// A decoder that does what the bytes say: well, too much, too little, or not at all.
struct Decoder;

impl VoiceDecoder for Decoder {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, DecodeError> {
        assert!(packet.len() <= VOICE_FRAME_MAX_BYTES);
        assert!(out.len() <= VOICE_FRAME_MAX_SAMPLES as usize, "room for more than a frame");
        out.fill(0.25);
        match packet.get(1) {
            Some(255) => Err(DecodeError),
            Some(254) => Ok(usize::MAX),
            Some(253) => Ok(0),
            _ => Ok(out.len()),
        }
    }

    fn conceal(&mut self, out: &mut [f32]) -> usize {
        out.fill(-0.25);
        out.len()
    }
}

/// Any payloads with any timestamps at any times, and pulls between them; and frames that are sent and taken apart again.
///
/// **Promises:** a payload that is taken has one to three frames of legal length and duration; what is sent comes back; a
/// pull always gives 10 ms of what the decoder gave, or silence; nothing is counted twice.
pub fn voice_packet(data: &[u8]) {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let mut sender = RedSender::new();
    let (mut now_us, mut clock, mut played) = (0_u64, 0_u32, 0_u64);
    let mut input = Input::new(data);
    while !input.is_empty() {
        match input.u8() {
            op @ 0..=99 => {
                // Mostly the next 20 ms, as a real sender would.
                let step = if op < 80 { 960 } else { input.u32() };
                clock = clock.wrapping_add(step);
                take(&mut buffer, now_us, clock, input.chunk());
            }
            op @ 100..=149 => {
                clock = clock.wrapping_add(960);
                let redundancy = [Redundancy::None, Redundancy::Last, Redundancy::LastAndFourth][usize::from(op % 3)];
                send(&mut sender, &mut buffer, now_us, clock, redundancy, op >= 140, input.chunk());
            }
            150..=159 => take(&mut buffer, now_us, clock.wrapping_sub(u32::from(input.u16())), input.chunk()),
            op => {
                played += pull(&mut buffer, now_us);
                now_us += if op < 250 { 10_000 } else { u64::from(input.u16()) * 100 };
            }
        }
    }
    let stats = buffer.stats();
    assert_eq!(stats.played_samples, played);
    assert!(stats.recovered + stats.lost_after_recovery <= stats.lost);
    if stats.accelerated_samples + stats.decelerated_samples > 0 {
        reach("faster or slower");
    }
    if stats.recovered > 0 {
        reach("recovered");
    }
    if stats.restarts > 0 {
        reach("begins anew");
    }
}

fn take(buffer: &mut JitterBuffer, now_us: u64, timestamp: u32, payload: &[u8]) {
    if let Ok(packet) = RedPacket::parse(timestamp, payload) {
        for frame in packet.frames() {
            assert!((1..=VOICE_FRAME_MAX_BYTES).contains(&frame.bytes.len()));
            assert!(opus_samples(frame.bytes).is_some_and(|samples| samples <= VOICE_FRAME_MAX_SAMPLES));
        }
        if packet.copies[0].is_some() {
            reach("copies");
        }
    }
    if let Err(reason) = buffer.insert(Instant::from_micros(now_us), timestamp, payload) {
        reach(reason.name());
    }
}

fn send(
    sender: &mut RedSender,
    buffer: &mut JitterBuffer,
    now_us: u64,
    timestamp: u32,
    redundancy: Redundancy,
    is_lost: bool,
    frame: &[u8],
) {
    let mut out = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
    let Ok(len) = sender.emit(redundancy, timestamp, frame, &mut out) else {
        assert!(opus_samples(frame).is_none() || frame.len() > VOICE_FRAME_MAX_BYTES);
        return;
    };
    let packet = RedPacket::parse(timestamp, &out[..len]).expect("what was sent can be read");
    assert_eq!((packet.primary.bytes, packet.primary.timestamp), (frame, timestamp));
    assert!(packet.frames().count() <= 1 + redundancy as usize);
    reach("sent and received");
    if !is_lost {
        take(buffer, now_us, timestamp, &out[..len]);
    }
}

fn pull(buffer: &mut JitterBuffer, now_us: u64) -> u64 {
    let mut out = [f32::NAN; PULL_SAMPLES];
    let pulled = buffer.pull(Instant::from_micros(now_us), &mut Decoder, &mut out);
    assert!(out.iter().all(|sample| sample.abs() <= 0.26), "a sample that no decoder gave");
    match pulled.kind {
        PulledKind::Idle => {
            assert!(out.iter().all(|sample| *sample == 0.0) && pulled.timestamp.is_none());
            return 0;
        }
        PulledKind::Silence => reach("silence"),
        PulledKind::Voice => reach("voice"),
        PulledKind::Concealed => reach("concealed"),
    }
    PULL_SAMPLES as u64
}
