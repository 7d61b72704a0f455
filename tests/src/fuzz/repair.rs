//! Reports and questions of repair: those that a peer makes up, and what the logs behind them make of everything.

use std::collections::{BTreeMap, BTreeSet};

use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::limits::HOP_PREFIX_BYTES;
use hph_core::media::feedback::{
    Downstream, FEEDBACK_MAX_BYTES, FEEDBACK_PACKETS_MAX, FeedbackReport, ReceiveLog, SentLog,
};
use hph_core::media::nack::{GapTracker, Gaps, Missing, NACK_ENTRIES_MAX, parse_nack};
use hph_core::media::track_window::TrackKey;
use hph_core::time::{Duration, Instant};
use hph_core::wire::media::{Form, MediaHeader};

use super::input::Input;
use super::reach;

pub(super) const LANDMARKS: &[&str] = &[
    "a tail is asked for",
    "asked",
    "forgotten",
    "length",
    "lost",
    "media_header",
    "only late",
    "own report",
    "received",
    "report of what was sent",
    "unexpected",
];

/// Senders, each with one track.
const SENDERS: u16 = 3;
const ARRIVALS: usize = 64;
const MISSING: usize = 40;

struct World {
    now: Instant,
    sent: SentLog,
    received: ReceiveLog<ARRIVALS>,
    phase: u8,
    counter: u64,
    /// By counter: the length of what was sent, and whether it was said to have come.
    truth: BTreeMap<u64, (u16, bool)>,
    gaps: Gaps<[GapTracker; SENDERS as usize], [Missing; MISSING]>,
    seqs: [u32; SENDERS as usize],
    came: BTreeSet<(u16, u32)>,
}

/// Datagrams that are sent, lost, late, reported, and reported about by somebody who lies; packets of three tracks with gaps,
/// parity and leaps; questions that anybody may ask.
///
/// **Promises:** of what was never sent nothing is settled, and nothing comes twice; a report that was written can be read; a
/// question names only tracks that are known and no packet that came; what is due lies in the future, but for what found no
/// room.
pub fn repair(data: &[u8]) {
    let mut world = World {
        now: Instant::from_micros(5_000_000),
        sent: SentLog::default(),
        received: ReceiveLog::default(),
        phase: 0,
        counter: 0,
        truth: BTreeMap::new(),
        gaps: Gaps::new([GapTracker::EMPTY; SENDERS as usize], [Missing::NONE; MISSING]),
        seqs: [u32::MAX - 300; SENDERS as usize],
        came: BTreeSet::new(),
    };
    let mut input = Input::new(data);
    while !input.is_empty() {
        match input.u8() {
            op @ 0..=79 => world.send(op),
            80..=99 => world.report_about(input.chunk()),
            100..=119 => world.report(),
            op @ 120..=199 => world.packet(op, input.u8()),
            200..=219 => world.ask(),
            220..=229 => question(input.chunk()),
            230 => {
                let sender = input.u8() as u16 % SENDERS;
                world.gaps.forget(1, sender);
                world.came.retain(|(of, _)| *of != sender);
                reach("forgotten");
            }
            231 => (world.phase, world.counter) = (world.phase.wrapping_add(1), 0),
            _ => world.now = world.now + Duration::from_micros(u64::from(input.u16()) * 50),
        }
    }
}

impl World {
    fn send(&mut self, op: u8) {
        if self.counter == 0 {
            self.truth.clear();
        }
        // Some counters are never used, as after a log was lent late.
        self.counter += if op == 79 { 700 } else { 1 + u64::from(op >= 76) };
        let mut prefix = [4; HOP_PREFIX_BYTES];
        prefix[1] = self.phase;
        prefix[6..14].copy_from_slice(&self.counter.to_be_bytes());
        // No two of one report have the same.
        let len_bytes = 40 + (self.counter * 7 % 1009) as u16;
        self.sent.note(self.now, &prefix, len_bytes.into());
        self.truth.insert(self.counter, (len_bytes, false));
        match op % 4 {
            0 => {}
            3 => self.arrive(self.counter.saturating_sub(2).max(1)),
            _ => self.arrive(self.counter),
        }
    }

    fn arrive(&mut self, counter: u64) {
        self.received.note(self.now, self.phase, counter, true, !counter.is_multiple_of(5));
    }

    fn report(&mut self) {
        let mut body = [0; FEEDBACK_MAX_BYTES];
        let Some(len) = self.received.poll_report(self.now, Downstream::default(), &mut body) else { return };
        assert!(self.received.poll_timeout().is_none(), "it is not due twice");
        let report = FeedbackReport::parse(&body[..len]).expect("what was written can be read");
        assert!(report.packets().count() <= ARRIVALS);
        reach("own report");
        self.take(&report);
    }

    fn report_about(&mut self, body: &[u8]) {
        // About our counters, so that something follows from it.
        let mut body = body.to_vec();
        if let Some(first) = body.get_mut(4..12) {
            let back = u64::from(first[7]);
            first.copy_from_slice(&self.counter.saturating_sub(back).to_be_bytes());
            body[0] = self.phase;
        }
        match FeedbackReport::parse(&body) {
            Ok(report) => {
                assert!((1..=FEEDBACK_PACKETS_MAX).contains(&report.packets().count()));
                reach("report of what was sent");
                self.take(&report);
            }
            Err(reason) => reach(reason.name()),
        }
    }

    fn take(&mut self, report: &FeedbackReport<'_>) {
        let known: Vec<u64> =
            report.packets().map(|(counter, _)| counter).filter(|c| self.truth.contains_key(c)).collect();
        let mut settled = Vec::new();
        self.sent.handle_report(self.now, report, |packet| settled.push(*packet));
        assert!(settled.len() <= known.len(), "of what was never sent nothing is known");
        // Oldest first: the lengths must be those of a part of the known ones, in their order.
        let mut left = known.into_iter();
        for packet in settled {
            let is_it = |counter: &u64| {
                let (len, has_come) = self.truth[counter];
                len == packet.size_bytes && !has_come
            };
            let counter = left.find(is_it).expect("it was sent, and had not come");
            assert!(packet.sent_at <= self.now);
            if packet.arrived_us.is_some() {
                reach("received");
            } else {
                reach("lost");
            }
            self.truth.insert(counter, (packet.size_bytes, packet.arrived_us.is_some()));
        }
        let stats = self.sent.stats();
        if stats.lost == 0 && stats.received > 0 && self.truth.len() > 8 {
            reach("only late");
        }
    }

    fn packet(&mut self, op: u8, what: u8) {
        let sender = u16::from(op) % SENDERS;
        let seq = &mut self.seqs[usize::from(sender)];
        let step = match what >> 5 {
            0..=3 => 1,
            4 => 1 + u32::from(what & 31),
            5 => 600,
            6 => 0u32.wrapping_sub(u32::from(what & 31)),
            _ => 100,
        };
        let at = seq.wrapping_add(step);
        if step < 1000 {
            *seq = at;
        }
        let count = 1 + u16::from(op) % 5;
        let index = (at % u32::from(count)) as u16;
        let parity = op & 1;
        let index = if parity == 1 && what & 3 == 3 { count } else { index };
        let header = MediaHeader {
            room: RoomId(1),
            sender: Slot(sender),
            track: TrackId::CAMERA,
            parity,
            seq: if index == count { at.wrapping_sub(at % u32::from(count)) } else { at },
            timestamp: 0,
            frame: at / u32::from(count),
            index,
            count,
            layer: 0,
            level: 127,
            form: Form::Strips,
        };
        if !header.is_parity() {
            self.came.insert((sender, header.seq));
        }
        if what & 63 == 63 {
            self.gaps.handle_made(&header);
        }
        self.gaps.note(self.now, &header, &mut |_, _| ());
    }

    fn ask(&mut self) {
        let was_due = self.now >= self.gaps.due_at();
        let mut body = self.gaps.poll(self.now, Duration::from_millis(30), &mut |_, _| ());
        let body = body.finish();
        if body.is_empty() {
            assert!(self.gaps.due_at() > self.now, "what is due is asked for, or given up");
            return;
        }
        assert!(was_due, "nothing is asked for before it is due");
        let entries: Vec<_> = parse_nack(body).expect("what was written can be read").collect();
        for entry in &entries {
            let TrackKey { room, sender, .. } = entry.key;
            assert!(room == 1 && sender < SENDERS);
            for seq in entry.packets() {
                assert!(!self.came.contains(&(sender, seq)), "{seq} came");
                let ahead = seq.wrapping_sub(self.seqs[usize::from(sender)]);
                if ahead > 0 && ahead < 10 {
                    reach("a tail is asked for");
                }
            }
        }
        reach("asked");
        if entries.len() < NACK_ENTRIES_MAX {
            assert!(self.gaps.due_at() > self.now, "what was asked for is due later");
        }
    }
}

fn question(body: &[u8]) {
    match parse_nack(body) {
        Ok(entries) => {
            let mut count = 0;
            for (entry, bytes) in entries.zip(body.chunks(16)) {
                assert_eq!(entry.emit(), bytes);
                assert!((1..=33).contains(&entry.packets().count()));
                count += 1;
            }
            assert!((1..=NACK_ENTRIES_MAX).contains(&count));
        }
        Err(reason) => reach(reason.name()),
    }
}
