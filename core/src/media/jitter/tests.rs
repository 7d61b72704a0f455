//! Tests of the jitter buffer in virtual time.

extern crate std;

use std::vec::Vec;

use super::*;
use crate::limits::FRAGMENT_PAYLOAD_MAX_BYTES;
use crate::media::red::{RedSender, Redundancy};

/// Says in each sample which frame it belongs to; what it invents is negative.
#[derive(Default)]
struct Tagger;

impl VoiceDecoder for Tagger {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, DecodeError> {
        let tag = packet.get(1).copied().ok_or(DecodeError)?;
        out.fill(f32::from(tag));
        Ok(out.len())
    }

    fn conceal(&mut self, out: &mut [f32]) -> usize {
        out.fill(-1.0);
        out.len()
    }
}

/// The payload of frame `n` (20 ms), which says so.
fn payload(sender: &mut RedSender, redundancy: Redundancy, n: u32) -> Vec<u8> {
    let mut out = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
    let len = sender.emit(redundancy, n.wrapping_mul(960), &[9 << 3, n as u8, 0], &mut out).expect("a legal frame");
    out[..len].to_vec()
}

#[test]
fn frames_that_come_in_time_are_played_in_order_and_nothing_is_invented() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let mut sender = RedSender::new();
    let mut heard = Vec::new();
    for tick in 0..200_u32 {
        let now = Instant::from_micros(u64::from(tick) * 10_000);
        if tick % 2 == 0 {
            let payload = payload(&mut sender, Redundancy::None, tick / 2);
            assert_eq!(buffer.insert(now, tick / 2 * 960, &payload), Ok(Inserted { is_new: true, copies_used: 0 }));
        }
        let mut out = [0.0; PULL_SAMPLES];
        if buffer.pull(now, &mut Tagger, &mut out).kind == PulledKind::Voice {
            heard.push(out[0]);
        }
    }
    let expected: Vec<_> = (0..heard.len()).map(|pull| (pull / 2) as f32).collect();
    assert_eq!(heard, expected);
    assert!(heard.len() >= 198, "{} pulls", heard.len());
    assert_eq!(buffer.stats().concealed_samples, 0);
}

#[test]
fn a_payload_that_is_nonsense_is_refused() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    assert_eq!(buffer.insert(Instant::default(), 0, &[7]), Err(DropReason::VoicePacket));
}
