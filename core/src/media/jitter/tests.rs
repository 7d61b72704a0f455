//! Tests of the jitter buffer, in virtual time.

extern crate std;

use std::vec::Vec;

use super::*;
use crate::limits::FRAGMENT_PAYLOAD_MAX_BYTES;
use crate::media::red::{RedSender, Redundancy};

/// Samples of a frame of 20 ms.
const FRAME: u32 = 960;
/// Frames without a pause between them, from a voice of 200 Hz; each tells its number.
const TALK: u8 = 9 << 3;

/// Makes of frame `n` the n-th 20 ms of a tone of 200 Hz; what it invents is zero.
struct Voice {
    tone: [f32; FRAME as usize],
    /// Numbers of the frames that were decoded, in this order.
    decoded: Vec<u32>,
}

impl Default for Voice {
    fn default() -> Self {
        // A frame is four periods.
        Self { tone: core::array::from_fn(|index| tone(index as u64)), decoded: Vec::new() }
    }
}

impl VoiceDecoder for Voice {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, DecodeError> {
        let Some(&[_, a, b, c]) = packet.first_chunk::<4>() else {
            out.fill(0.0);
            return if packet.len() == 1 { Ok(out.len()) } else { Err(DecodeError) };
        };
        let n = u32::from_be_bytes([0, a, b, c]);
        let len = out.len().min(self.tone.len());
        out[..len].copy_from_slice(&self.tone[..len]);
        out[len..].fill(0.0);
        self.decoded.push(n);
        Ok(out.len())
    }

    fn conceal(&mut self, out: &mut [f32]) -> usize {
        out.fill(0.0);
        out.len()
    }
}

fn tone(sample: u64) -> f32 {
    let phase = (sample % 240) as f32 / 240.0 * core::f32::consts::TAU;
    0.1 * (phase.sin() + 0.5 * (2.0 * phase).sin())
}

/// Seeded numbers (xorshift64*), so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// A sender, a way and a receiver.
struct Call {
    buffer: JitterBuffer,
    sender: RedSender,
    voice: Voice,
    redundancy: Redundancy,
    start: u32,
    /// Packets on their way: when they come, timestamp, payload.
    on_way: Vec<(u64, u32, Vec<u8>)>,
    now_us: u64,
    last: Pulled,
}

impl Call {
    fn new() -> Self {
        Self {
            buffer: JitterBuffer::new(JitterConfig::default()),
            sender: RedSender::new(),
            voice: Voice::default(),
            redundancy: Redundancy::None,
            start: 0,
            on_way: Vec::new(),
            now_us: 0,
            last: Pulled { kind: PulledKind::Idle, timestamp: None },
        }
    }

    /// Sends frame `n`; its packet comes at that time, or never.
    fn send(&mut self, n: u32, comes_us: Option<u64>) {
        let [_, a, b, c] = n.to_be_bytes();
        self.send_frame(n, &[TALK, a, b, c], comes_us);
    }

    fn send_frame(&mut self, n: u32, frame: &[u8], comes_us: Option<u64>) {
        let timestamp = n.wrapping_mul(FRAME).wrapping_add(self.start);
        let mut out = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
        let len = self.sender.emit(self.redundancy, timestamp, frame, &mut out).expect("a legal frame");
        if let Some(comes_us) = comes_us {
            self.on_way.push((comes_us, timestamp, out[..len].to_vec()));
        }
    }

    /// Lets the time come to `until_us`, with a pull each 10 ms (of the receiver's clock, which is `ppm` slow).
    fn run_until(&mut self, until_us: u64, ppm: i64) {
        while self.now_us < until_us {
            self.tick(ppm);
        }
    }

    fn tick(&mut self, ppm: i64) -> [f32; PULL_SAMPLES] {
        let now_us = self.now_us;
        self.on_way.sort_by_key(|(comes_us, ..)| *comes_us);
        let due = self.on_way.iter().take_while(|(comes_us, ..)| *comes_us <= now_us).count();
        for (comes_us, timestamp, payload) in self.on_way.drain(..due) {
            let _ = self.buffer.insert(Instant::from_micros(comes_us), timestamp, &payload);
        }
        let mut out = [0.0; PULL_SAMPLES];
        self.last = self.buffer.pull(Instant::from_micros(now_us), &mut self.voice, &mut out);
        self.now_us = self.now_us.wrapping_add_signed(10_000 + ppm / 100);
        out
    }

    /// Sends frames `from..to`, each 20 ms, delayed by what `delay_us` says (none: lost), and plays until the last was sent.
    fn talk(&mut self, from: u32, to: u32, ppm: i64, mut delay_us: impl FnMut(u32) -> Option<u64>) {
        for n in from..to {
            let sent_us = u64::from(n) * 20_000;
            self.send(n, delay_us(n).map(|delay_us| sent_us + delay_us));
            self.run_until(sent_us + 20_000, ppm);
        }
    }

    fn stats(&self) -> JitterStats {
        self.buffer.stats()
    }
}

#[test]
fn frames_that_come_in_time_are_played_in_order_after_ten_milliseconds() {
    let mut call = Call::new();
    call.talk(0, 500, 0, |_| Some(1000));
    assert_eq!(call.voice.decoded, (0..call.voice.decoded.len() as u32).collect::<Vec<_>>());
    assert!(call.voice.decoded.len() >= 499);
    let stats = call.stats();
    assert_eq!((stats.concealed_samples, stats.decelerated_samples), (0, 0));
    assert!(stats.accelerated_samples < 576, "at most once, as the first pull waited for a whole one");
    assert_eq!((stats.lost, stats.late, stats.duplicates), (0, 0, 0));
    assert!((10_000..20_000).contains(&stats.delay_us), "{} us", stats.delay_us);
    assert_eq!(stats.target_us, 10_000);
}

#[test]
fn what_is_played_has_its_timestamp() {
    let mut call = Call::new();
    call.start = u32::MAX - 20_000;
    for n in 0..100 {
        call.send(n, Some(u64::from(n) * 20_000));
    }
    call.run_until(200_000, 0);
    let heard = call.tick(0);
    let place = call.last.timestamp.expect("something is played").wrapping_sub(call.start);
    assert_eq!(heard[0], tone(u64::from(place)), "at sample {place}");
    call.run_until(1_000_000, 0);
    assert_eq!(call.stats().restarts, 0, "the clock wraps on the way");
    assert_eq!(call.stats().concealed_samples, 0);
}

#[test]
fn reordered_and_duplicated_packets_are_put_right() {
    let mut call = Call::new();
    // Early enough that the delay has grown to what the order needs.
    call.talk(0, 100, 0, |n| Some(if n % 2 == 0 { 30_000 } else { 1000 }));
    let before = call.stats();
    for n in 100..300 {
        let sent_us = u64::from(n) * 20_000;
        let delay_us = if n % 2 == 0 { 30_000 } else { 1000 };
        call.send(n, Some(sent_us + delay_us));
        let again = call.on_way.last().cloned().expect("just sent");
        call.on_way.push((again.0 + 3000, again.1, again.2));
        call.run_until(sent_us + 20_000, 0);
    }
    let stats = call.stats();
    assert_eq!(stats.concealed_samples, before.concealed_samples);
    assert_eq!(stats.lost, before.lost);
    assert!(stats.duplicates >= 198, "{stats:?}");
    assert!(call.voice.decoded.windows(2).all(|pair| pair[0] < pair[1]));
    let (_, timestamp, payload) = (0, 299 * FRAME, [0, TALK, 0, 1, 43]);
    assert_eq!(call.buffer.insert(Instant::from_micros(call.now_us), timestamp, &payload), Err(DropReason::Duplicate));
}

#[test]
fn copies_mend_single_losses_and_the_fourth_before_mends_bursts() {
    let cases = [
        (Redundancy::Last, 1, 0),
        (Redundancy::Last, 3, 2),
        (Redundancy::LastAndFourth, 3, 0),
        (Redundancy::None, 1, 1),
    ];
    for (redundancy, burst, lost_each) in cases {
        let mut call = Call::new();
        call.redundancy = redundancy;
        // A delay that leaves time for the fourth copy.
        call.buffer =
            JitterBuffer::new(JitterConfig { min_delay: Duration::from_millis(90), ..JitterConfig::default() });
        call.talk(0, 1000, 0, |n| (n % 20 >= burst || n < 20).then_some(1000));
        let stats = call.stats();
        let bursts = 49;
        assert_eq!(stats.lost, bursts * u64::from(burst), "{redundancy:?}: {stats:?}");
        assert_eq!(stats.lost_after_recovery, bursts * lost_each, "{redundancy:?}: {stats:?}");
        assert_eq!(stats.recovered, bursts * (u64::from(burst) - lost_each));
        let lost_samples = bursts * lost_each * u64::from(FRAME);
        assert!(stats.concealed_samples.abs_diff(lost_samples) <= lost_samples / 100, "{redundancy:?}: {stats:?}");
    }
}

#[test]
fn the_delay_grows_until_copies_come_in_time() {
    let cases = [(Redundancy::Last, 1, 20_000..45_000), (Redundancy::LastAndFourth, 3, 80_000..110_000)];
    for (redundancy, burst, expected_us) in cases {
        let mut call = Call::new();
        call.redundancy = redundancy;
        let mut way = |n: u32| (n % 20 >= burst).then_some(1000);
        call.talk(0, 300, 0, &mut way);
        let warm = call.stats();
        call.talk(300, 1300, 0, &mut way);
        let stats = call.stats();
        assert_eq!(stats.lost_after_recovery, warm.lost_after_recovery, "{redundancy:?}: {stats:?}");
        assert_eq!(stats.concealed_samples, warm.concealed_samples, "{redundancy:?}: {stats:?}");
        assert!(expected_us.contains(&stats.delay_us), "{redundancy:?}: {stats:?}");
    }
}

#[test]
fn a_silence_is_not_a_loss_and_the_delay_is_set_anew_after_it() {
    let mut call = Call::new();
    call.talk(0, 50, 0, |_| Some(1000));
    call.send_frame(50, &[TALK], Some(50 * 20_000 + 1000));
    call.run_until(60 * 20_000, 0);
    assert_eq!(call.last.kind, PulledKind::Silence);
    let due = call.last.timestamp.expect("the silence has a time").wrapping_sub(59 * FRAME);
    assert!(due.cast_signed().abs() <= 960, "{due}");
    call.talk(200, 250, 0, |_| Some(1000));
    let stats = call.stats();
    assert_eq!((stats.concealed_samples, stats.lost, stats.restarts), (0, 0, 0), "{stats:?}");
    assert!(stats.delay_us < 20_000);
}

#[test]
fn a_stall_is_played_on_where_it_stopped_and_the_delay_shrinks_again() {
    let mut call = Call::new();
    // Nothing comes for 80 ms, then all of it at once.
    let stall = |n: u32| Some(if (100..104).contains(&n) { u64::from(104 - n) * 20_000 } else { 1000 });
    call.talk(0, 110, 0, stall);
    let after = call.stats();
    assert!((60_000..110_000).contains(&after.delay_us), "{after:?}");
    assert!(after.concealed_samples <= 48 * 80, "{after:?}");
    assert_eq!((after.lost, after.late), (0, 0), "what was invented was put in, not put instead");
    call.talk(110, 400, 0, |_| Some(1000));
    let later = call.stats();
    assert!(later.delay_us < 20_000, "{later:?}");
    assert!(later.accelerated_samples > 48 * 50);
    assert_eq!(later.concealed_samples, after.concealed_samples);
}

#[test]
fn stalls_that_come_again_are_waited_for() {
    let mut call = Call::new();
    // 60 ms each three seconds: long gone from the window of jitter when the next comes.
    let stall = |n: u32| Some(if n % 150 < 3 { u64::from(3 - n % 150) * 20_000 } else { 1000 });
    call.talk(0, 1000, 0, stall);
    let warm = call.stats();
    call.talk(1000, 3000, 0, stall);
    let stats = call.stats();
    assert_eq!(stats.concealed_samples, warm.concealed_samples, "{stats:?}");
    assert!((50_000..80_000).contains(&stats.delay_us), "{stats:?}");
    call.talk(3000, 4000, 0, |_| Some(1000));
    assert!(call.stats().delay_us < 20_000, "and forgotten");
}

#[test]
fn what_was_said_in_an_outage_of_a_second_is_heard_and_faster_until_the_delay_is_gone() {
    let mut call = Call::new();
    call.talk(0, 150, 0, |n| Some(if (100..150).contains(&n) { u64::from(150 - n) * 20_000 } else { 1000 }));
    call.talk(150, 250, 0, |_| Some(1000));
    let stats = call.stats();
    assert_eq!((stats.skipped_samples, stats.lost), (0, 0), "{stats:?}");
    assert!(stats.delay_us < 350_000, "two seconds later: {stats:?}");
    call.talk(250, 400, 0, |_| Some(1000));
    assert!(call.stats().delay_us < 20_000, "{:?}", call.stats());
    assert!((0..390).all(|n| call.voice.decoded.contains(&n)));
}

#[test]
fn of_an_outage_of_three_seconds_only_the_last_one_is_heard() {
    let mut call = Call::new();
    call.talk(0, 260, 0, |n| Some(if (100..250).contains(&n) { u64::from(250 - n) * 20_000 } else { 1000 }));
    let stats = call.stats();
    assert!((700_000..1_300_000).contains(&stats.delay_us), "{stats:?}");
    assert!(!call.voice.decoded.contains(&150) && call.voice.decoded.contains(&200), "{:?}", call.voice.decoded);
}

#[test]
fn jitter_raises_the_delay_to_what_it_needs_and_no_more() {
    let mut random = Random(5);
    let mut call = Call::new();
    call.talk(0, 500, 0, |_| Some(1000 + random.below(40_000)));
    let warm = call.stats();
    call.talk(500, 3000, 0, |_| Some(1000 + random.below(40_000)));
    let stats = call.stats();
    assert!((40_000..55_000).contains(&stats.target_us), "{stats:?}");
    assert!(stats.concealed_samples - warm.concealed_samples <= 48 * 100, "{stats:?}");
    call.talk(3000, 3300, 0, |_| Some(1000));
    assert!(call.stats().delay_us < 20_000, "{:?}", call.stats());
}

#[test]
fn a_sender_that_begins_anew_is_followed_after_four_packets_and_one_stray_packet_is_not() {
    let mut call = Call::new();
    call.talk(0, 100, 0, |_| Some(1000));
    let now = Instant::from_micros(call.now_us);
    let frame = [0, TALK, 0, 0, 0];
    assert_eq!(call.buffer.insert(now, 3_000_000_000, &frame), Err(DropReason::Late));
    call.talk(100, 110, 0, |_| Some(1000));
    assert_eq!((call.stats().restarts, call.stats().concealed_samples), (0, 0));
    call.start = 3_000_000_000;
    call.sender = RedSender::new();
    call.talk(110, 200, 0, |_| Some(1000));
    let stats = call.stats();
    assert_eq!(stats.restarts, 1);
    assert!(stats.concealed_samples <= 48 * 110, "{stats:?}");
    assert!(call.voice.decoded.last() >= Some(&198));
}

#[test]
fn after_a_second_without_a_packet_the_first_one_is_believed() {
    let mut call = Call::new();
    call.talk(0, 50, 0, |_| Some(1000));
    call.run_until(3_000_000, 0);
    assert_eq!(call.last.kind, PulledKind::Idle);
    call.start = 77;
    call.sender = RedSender::new();
    call.talk(150, 152, 0, |_| Some(1000));
    assert_eq!(call.last.kind, PulledKind::Voice);
}

#[test]
fn clocks_that_drift_are_followed_without_inventing_anything() {
    for ppm in [-1000, -300, 300, 1000] {
        let mut call = Call::new();
        call.talk(0, 15_000, ppm, |_| Some(1000));
        let stats = call.stats();
        assert!((5000..25_000).contains(&stats.delay_us), "{ppm} ppm: {stats:?}");
        assert!(stats.concealed_samples <= 48 * 10, "{ppm} ppm: {stats:?}");
        // The clocks come apart by 5 minutes times the drift.
        let apart = 15_000 * 20 * 48 * ppm.unsigned_abs() / 1_000_000;
        let stretched = if ppm < 0 { stats.decelerated_samples } else { stats.accelerated_samples };
        assert!(stretched.abs_diff(apart) <= 48 * 20, "{ppm} ppm: {stats:?}");
    }
}

#[test]
fn a_call_of_four_hours_has_the_same_delay_at_its_end_as_at_its_beginning() {
    let mut random = Random(9);
    let mut call = Call::new();
    call.redundancy = Redundancy::Last;
    call.start = u32::MAX - 50_000_000;
    let mut way = |n: u32| {
        let is_lost = random.below(100) == 0;
        let stall = if n % 1500 < 3 { u64::from(3 - n % 1500) * 20_000 } else { 0 };
        (!is_lost).then(|| 1000 + random.below(8000) + stall)
    };
    let minute = |call: &mut Call, from: u32, way: &mut dyn FnMut(u32) -> Option<u64>| {
        let (mut sum_us, before) = (0, call.stats());
        for n in from..from + 3000 {
            call.talk(n, n + 1, 200, &mut *way);
            sum_us += call.stats().delay_us;
        }
        call.voice.decoded.clear();
        (sum_us / 3000, call.stats().concealed_samples - before.concealed_samples)
    };
    minute(&mut call, 0, &mut way);
    let (first_us, first_concealed) = minute(&mut call, 3000, &mut way);
    let minutes = 4 * 60;
    for n in 2..minutes - 1 {
        minute(&mut call, n * 3000, &mut way);
    }
    let (last_us, last_concealed) = minute(&mut call, (minutes - 1) * 3000, &mut way);
    assert!(last_us.abs_diff(first_us) < 5000, "{first_us} us at first, {last_us} us at last");
    assert!(last_concealed.abs_diff(first_concealed) < 48 * 200, "{first_concealed} and {last_concealed} samples");
    assert_eq!(call.stats().restarts, 0);
}

#[test]
fn a_payload_that_is_nonsense_is_refused_and_a_frame_after_its_time_is_late() {
    let mut call = Call::new();
    assert_eq!(call.buffer.insert(Instant::default(), 0, &[7]), Err(DropReason::VoicePacket));
    call.talk(0, 100, 0, |n| (n != 50).then_some(1000));
    let late = [0, TALK, 0, 0, 50];
    let now = Instant::from_micros(call.now_us);
    assert_eq!(call.buffer.insert(now, 50 * FRAME, &late), Err(DropReason::Late));
    let stats = call.stats();
    assert_eq!((stats.late, stats.lost, stats.lost_after_recovery), (1, 1, 1));
}

#[test]
fn a_frame_that_does_not_decode_is_concealed_and_counted() {
    let mut call = Call::new();
    call.talk(0, 10, 0, |_| Some(1000));
    call.send_frame(10, &[TALK, 0, 0], Some(201_000));
    call.run_until(220_000, 0);
    call.talk(11, 20, 0, |_| Some(1000));
    assert_eq!(call.stats().undecodable, 1);
}

#[test]
fn whatever_comes_and_whenever_it_is_pulled_the_sound_stays_finite_and_the_counts_agree() {
    for seed in 1..60 {
        let mut random = Random(seed);
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        let mut voice = Voice::default();
        let (mut now_us, mut pulls) = (0_u64, 0_u64);
        for _ in 0..2000 {
            if random.below(3) == 0 {
                let tocs = [TALK, 31 << 3, 16 << 3, (9 << 3) | 1, 3 << 3];
                let mut payload = std::vec![0x80 * random.below(2) as u8, tocs[random.below(5) as usize], 0, 1, 2];
                payload.truncate(2 + random.below(4) as usize);
                let near = (now_us / 1000 * 48) as u32;
                let spread = [100, 5000, 500_000, 1 << 32][random.below(4) as usize];
                let timestamp = near.wrapping_add(random.below(spread) as u32);
                let _ = buffer.insert(Instant::from_micros(now_us), timestamp, &payload);
            }
            let mut out = [f32::NAN; PULL_SAMPLES];
            let pulled = buffer.pull(Instant::from_micros(now_us), &mut voice, &mut out);
            assert!(out.iter().all(|sample| sample.abs() <= 1.0), "seed {seed}");
            pulls += u64::from(pulled.kind != PulledKind::Idle);
            now_us += [0, 10_000, 10_000, 10_000, 700_000][random.below(5) as usize];
        }
        let stats = buffer.stats();
        assert_eq!(stats.played_samples, pulls * PULL_SAMPLES as u64);
        assert!(stats.recovered <= stats.lost && stats.lost_after_recovery <= stats.lost);
    }
}
