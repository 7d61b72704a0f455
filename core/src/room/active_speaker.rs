//! Who speaks: dominant speaker identification from the levels that voice packets carry in the clear (RFC 6464), so
//! that a server need not decode, and does not hold keys.
//!
//! After I. Volfin and I. Cohen, "Dominant speaker identification for multipoint videoconferencing", Computer Speech and
//! Language 27 (2013): speech activity is judged over three spans that are nested, and a new speaker must beat the
//! present one in all three. So a cough (loud for an instant), a chair (loud for half a second) and a "yes" do not move
//! the picture, and somebody who begins to talk has it after about a second.
//!
//! | Span | Here | Counted in it |
//! |---|---|---|
//! | immediate | one packet | 6 dB steps of its level above -75 dBov, at most 9; 0 if it is not marked as voice |
//! | medium | 5 packets | packets that are voice |
//! | long | 10 mediums | mediums that are mostly voice |
//!
//! A count *k* of *n* has the score of the paper: the logarithm of how much more likely speech makes it (binomial, p =
//! 1/2) than silence does (exponential, one rate for each span). A score below the least one counts as that. The new
//! speaker's score must be a certain multiple of the present one's.

use crate::id::Slot;
use crate::time::{Duration, Instant};

/// Packets of a medium span, and medium spans of the long one.
const MEDIUM: u32 = 5;
const LONG: u32 = 10;
/// Packets that the long span reaches back.
const PACKETS: u32 = MEDIUM * LONG;
/// A medium span with this many voice packets is mostly voice.
const MEDIUM_VOICE: u32 = 3;
/// Nothing quieter is counted. **Units:** -dBov.
const QUIETEST: u8 = 75;
/// Width of a step of the level.
const STEP_DB: u8 = 6;
/// By how much the score must exceed the present speaker's in each span, in thousandths: e^3, e^2, e^0 (the paper's
/// thresholds 3, 2, 0 for the logarithm).
const LEADS: [i64; 3] = [20_086, 7_389, 1_000];
/// Between two decisions.
pub const DECISION_INTERVAL: Duration = Duration::from_millis(300);
/// Time that one packet stands for: what is missing between two of them (silence is not sent) counts as silent.
const PACKET: Duration = Duration::from_millis(20);

/// Scores of the counts, in thousandths: `ln C(n, k) - n ln 2 - ln(rate) + rate x k` with (n, rate) = (13, 0.78), (5,
/// 24), (10, 47), and at least 1. A test works them out.
const IMMEDIATE_SCORES: [i64; 10] = [1, 1, 1, 1, 930, 2298, 3365, 4145, 4638, 4830];
const MEDIUM_SCORES: [i64; 6] = [1, 18966, 43659, 67659, 90966, 113_356];
const LONG_SCORES: [i64; 11] =
    [1, 38521, 87025, 135_006, 182_565, 229_748, 276_565, 323_006, 369_025, 414_521, 459_218];

/// What a microphone sent in the last second. **Bound:** 24 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpeechActivity {
    /// One bit a packet, the newest lowest: whether it is voice.
    packets: u64,
    steps: u8,
    heard_at: Instant,
}

impl SpeechActivity {
    /// Takes the level byte of a voice packet (RFC 6464: top bit voice, then -dBov). Packets that come late count as
    /// if they came in order.
    pub fn handle_packet(&mut self, now: Instant, level: u8) {
        self.let_time_pass(now);
        let (is_voice, quietness) = (level & 0x80 != 0, level & 0x7f);
        self.steps = if is_voice { QUIETEST.saturating_sub(quietness) / STEP_DB } else { 0 };
        self.packets = (self.packets << 1) | u64::from(is_voice && quietness < QUIETEST);
        self.heard_at = self.heard_at.max(now);
    }

    /// Shifts silence in for packets that did not come.
    fn let_time_pass(&mut self, now: Instant) {
        let missing = (now.since(self.heard_at).as_micros() / PACKET.as_micros()).saturating_sub(1);
        if missing > 0 {
            self.packets = u32::try_from(missing).ok().and_then(|n| self.packets.checked_shl(n)).unwrap_or(0);
            self.steps = 0;
        }
    }

    fn scores(&self, now: Instant) -> [i64; 3] {
        let mut present = *self;
        // A packet is on its way all the time.
        present.let_time_pass(now - PACKET);
        let mediums = (0..LONG).map(|index| {
            let packets = present.packets >> index.saturating_mul(MEDIUM);
            (packets & ((1 << MEDIUM) - 1)).count_ones()
        });
        let long = mediums.filter(|count| *count >= MEDIUM_VOICE).count();
        let medium = (present.packets & ((1 << MEDIUM) - 1)).count_ones() as usize;
        let of = |scores: &[i64], count: usize| scores.get(count).or(scores.last()).copied().unwrap_or(1);
        [of(&IMMEDIATE_SCORES, usize::from(present.steps)), of(&MEDIUM_SCORES, medium), of(&LONG_SCORES, long)]
    }

    /// Whether there was voice within the last second.
    pub fn is_active(&self, now: Instant) -> bool {
        let mut present = *self;
        present.let_time_pass(now);
        present.packets & ((1 << PACKETS) - 1) != 0
    }
}

/// Who speaks in a room.
#[derive(Clone, Copy, Debug, Default)]
pub struct ActiveSpeaker {
    speaker: Option<Slot>,
    decided_at: Option<Instant>,
}

impl ActiveSpeaker {
    /// Who speaks, as last decided: who spoke last keeps the floor while all are silent.
    pub const fn speaker(&self) -> Option<Slot> {
        self.speaker
    }

    /// Decides anew, at most every [`DECISION_INTERVAL`]; gives the new speaker if it changed. `voices`: everybody in
    /// the room who has a microphone. A speaker who is not among them has lost the floor.
    pub fn decide<'a>(
        &mut self,
        now: Instant,
        voices: impl Iterator<Item = (Slot, &'a SpeechActivity)> + Clone,
    ) -> Option<Slot> {
        if self.decided_at.is_some_and(|at| now.since(at) < DECISION_INTERVAL) {
            return None;
        }
        self.decided_at = Some(now);
        let present = voices.clone().find(|(slot, _)| Some(*slot) == self.speaker);
        let to_beat = present.map_or([0; 3], |(_, activity)| activity.scores(now));
        let challenger = voices
            .filter(|(slot, activity)| Some(*slot) != self.speaker && activity.is_active(now))
            .map(|(slot, activity)| (slot, activity.scores(now)))
            .filter(|(_, scores)| leads(scores, &to_beat))
            .max_by_key(|(_, [immediate, medium, long])| (*medium, *long, *immediate));
        match challenger {
            Some((slot, _)) => {
                self.speaker = Some(slot);
                Some(slot)
            }
            None => {
                self.speaker = present.map(|(slot, _)| slot);
                None
            }
        }
    }
}

fn leads(scores: &[i64; 3], to_beat: &[i64; 3]) -> bool {
    let pairs = scores.iter().zip(to_beat).zip(LEADS);
    pairs.into_iter().all(|((score, other), lead)| score.saturating_mul(1000) > other.saturating_mul(lead))
}

const _: () = assert!(PACKETS < 64);

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    const LOUD: u8 = 0x80 | 25;
    const QUIET: u8 = 70;

    /// A room where each member's microphone sends a level every 20 ms, or nothing.
    struct Talk {
        now: u64,
        voices: Vec<SpeechActivity>,
        floor: ActiveSpeaker,
        changes: Vec<(u64, u16)>,
    }

    impl Talk {
        fn new(people: usize) -> Self {
            let voices = std::vec![SpeechActivity::default(); people];
            Self { now: 60_000, voices, floor: ActiveSpeaker::default(), changes: Vec::new() }
        }

        fn run(&mut self, ms: u64, level: impl Fn(usize, u64) -> Option<u8>) {
            let end = self.now + ms;
            while self.now < end {
                self.now += 20;
                let now = Instant::from_micros(self.now * 1000);
                for (index, voice) in self.voices.iter_mut().enumerate() {
                    if let Some(level) = level(index, self.now) {
                        voice.handle_packet(now, level);
                    }
                }
                let voices = self.voices.iter().enumerate().map(|(index, voice)| (Slot(index as u16), voice));
                if let Some(slot) = self.floor.decide(now, voices) {
                    self.changes.push((self.now, slot.0));
                }
            }
        }
    }

    #[test]
    fn scores_are_those_of_the_paper() {
        fn score(n: u32, rate: f64, k: u32) -> i64 {
            let ln_choose: f64 = (1..=k).map(|i| (f64::from(n - k + i) / f64::from(i)).ln()).sum();
            let score = ln_choose - f64::from(n) * 2f64.ln() - rate.ln() + rate * f64::from(k);
            ((score * 1000.0).round() as i64).max(1)
        }
        let near = |table: &[i64], n: u32, rate: f64| {
            table.iter().enumerate().all(|(k, known)| (score(n, rate, k as u32) - known).abs() <= 1)
        };
        assert!(near(&IMMEDIATE_SCORES, 13, 0.78));
        assert!(near(&MEDIUM_SCORES, 5, 24.0));
        assert!(near(&LONG_SCORES, 10, 47.0));
    }

    #[test]
    fn whoever_begins_to_speak_in_a_silent_room_has_the_floor_within_a_second() {
        let mut talk = Talk::new(3);
        talk.run(2_000, |_, _| Some(QUIET));
        assert_eq!(talk.changes, []);
        let began = talk.now;
        talk.run(2_000, |who, _| Some(if who == 1 { LOUD } else { QUIET }));
        let [(at, 1)] = talk.changes[..] else { panic!("{:?}", talk.changes) };
        assert!(at - began <= 1_000, "{}", at - began);
    }

    #[test]
    fn the_floor_passes_on_within_two_seconds_of_the_next_one_speaking() {
        let mut talk = Talk::new(4);
        talk.run(5_000, |who, _| Some(if who == 0 { LOUD } else { QUIET }));
        let began = talk.now;
        talk.run(5_000, |who, _| Some(if who == 3 { LOUD } else { QUIET }));
        let [(_, 0), (at, 3)] = talk.changes[..] else { panic!("{:?}", talk.changes) };
        assert!(at - began <= 2_000, "{}", at - began);
    }

    #[test]
    fn a_cough_and_a_yes_do_not_take_the_floor() {
        let mut talk = Talk::new(2);
        talk.run(5_000, |who, _| Some(if who == 0 { LOUD } else { QUIET }));
        let began = talk.now;
        talk.run(10_000, |who, now| {
            let since = now - began;
            let is_cough = (2_000..2_200).contains(&since);
            let is_yes = (6_000..6_400).contains(&since);
            Some(if who == 0 || is_cough || is_yes { LOUD - 10 } else { QUIET })
        });
        assert_eq!(talk.changes.len(), 1, "{:?}", talk.changes);
    }

    #[test]
    fn a_pause_does_not_lose_the_floor() {
        let mut talk = Talk::new(2);
        talk.run(5_000, |who, _| Some(if who == 0 { LOUD } else { QUIET }));
        talk.run(30_000, |_, _| None);
        assert_eq!(talk.floor.speaker(), Some(Slot(0)));
        assert_eq!(talk.changes.len(), 1);
    }

    #[test]
    fn silence_that_is_not_sent_counts_as_silence() {
        let mut talk = Talk::new(2);
        talk.run(5_000, |who, _| (who == 0).then_some(LOUD));
        talk.run(2_000, |who, _| (who == 1).then_some(LOUD));
        assert_eq!(talk.floor.speaker(), Some(Slot(1)), "{:?}", talk.changes);
    }

    #[test]
    fn loud_noise_that_is_not_voice_does_not_take_the_floor() {
        let mut talk = Talk::new(2);
        talk.run(5_000, |who, _| Some(if who == 0 { LOUD } else { 5 }));
        talk.run(5_000, |_, _| Some(5));
        assert_eq!(talk.changes.len(), 1, "{:?}", talk.changes);
    }

    #[test]
    fn who_left_has_lost_the_floor() {
        let mut talk = Talk::new(2);
        talk.run(5_000, |who, _| Some(if who == 1 { LOUD } else { QUIET }));
        talk.voices.pop();
        talk.run(1_000, |_, _| Some(QUIET));
        assert_eq!(talk.floor.speaker(), None);
    }

    #[test]
    fn a_conversation_does_not_flutter() {
        let mut talk = Talk::new(3);
        // Two people in turn, four seconds each, with words of 300 ms and pauses of 100 ms.
        talk.run(40_000, |who, now| {
            let is_turn = (now / 4_000) % 2 == who as u64;
            Some(if is_turn && now % 400 < 300 { LOUD } else { QUIET })
        });
        assert!((9..=11).contains(&talk.changes.len()), "{:?}", talk.changes);
    }

    #[test]
    fn a_microphone_costs_24_bytes() {
        assert!(core::mem::size_of::<SpeechActivity>() <= 24);
    }
}
