//! One direction of a hop with all that can happen to it, and reports that lie.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;

const START_US: u64 = 1_000_000;
/// The receiver's clock is ahead by this much.
const AHEAD_US: u64 = 77_000_000_000;

fn prefix(phase: u8, counter: u64) -> [u8; HOP_PREFIX_BYTES] {
    let mut prefix = [4; HOP_PREFIX_BYTES];
    prefix[1] = phase;
    prefix[6..14].copy_from_slice(&counter.to_be_bytes());
    prefix
}

/// A direction of a hop: packets that are lost or come after `delay_us`.
#[derive(Default)]
struct Hop {
    sent: SentLog,
    received: ReceiveLog,
    counter: u64,
    phase: u8,
    settled: Vec<PacketReport>,
}

impl Hop {
    /// Sends a packet at `at_us`; it takes `delay_us`, or is lost.
    fn send(&mut self, at_us: u64, delay_us: Option<u64>) {
        self.counter += 1;
        let prefix = prefix(self.phase, self.counter);
        self.sent.note(Instant::from_micros(START_US + at_us), &prefix, 1000);
        if let Some(delay_us) = delay_us {
            self.arrive(at_us + delay_us, self.counter);
        }
    }

    fn arrive(&mut self, at_us: u64, counter: u64) {
        let now = Instant::from_micros(START_US + AHEAD_US + at_us);
        self.received.note(now, self.phase, counter, true, true);
    }

    /// Reports at `at_us`, if something is due; the report takes `delay_us`, or is lost.
    fn report(&mut self, at_us: u64, delay_us: Option<u64>) -> bool {
        let mut body = [0; FEEDBACK_MAX_BYTES];
        let now = Instant::from_micros(START_US + AHEAD_US + at_us);
        let Some(len) = self.received.poll_report(now, Downstream::default(), &mut body) else { return false };
        if let Some(delay_us) = delay_us {
            let report = FeedbackReport::parse(&body[..len]).unwrap();
            let now = Instant::from_micros(START_US + at_us + delay_us);
            self.sent.handle_report(now, &report, |packet| self.settled.push(*packet));
        }
        true
    }

    fn lost(&self) -> usize {
        self.settled.iter().filter(|packet| packet.arrived_us.is_none()).count()
    }
}

#[test]
fn a_report_tells_which_packets_came_and_when_by_the_other_clock() {
    let mut hop = Hop::default();
    for (number, is_lost) in [false, true, false, false].into_iter().enumerate() {
        hop.send(10_000 * number as u64, (!is_lost).then_some(5_000));
    }
    assert!(!hop.report(40_000, Some(5_000)), "nothing is due yet");
    assert!(hop.report(55_000, Some(5_000)));
    let arrivals: Vec<_> =
        hop.settled.iter().map(|packet| packet.arrived_us.map(|us| us - START_US - AHEAD_US)).collect();
    assert_eq!(arrivals, [Some(5_000), None, Some(25_000), Some(35_000)]);
    assert!(hop.settled.iter().all(|packet| packet.size_bytes == 1000));
    let stats = hop.sent.stats();
    assert_eq!((stats.received, stats.lost), (3, 1));
    assert_eq!(stats.rtt, Duration::from_millis(10), "the time that the report waited does not count");
    assert!(!hop.report(200_000, Some(5_000)), "nothing came since");
}

#[test]
fn loss_is_measured_and_told_random_or_in_bursts() {
    for (is_burst, low, high) in [(false, 16, 20), (true, 44, 52)] {
        let mut hop = Hop::default();
        for number in 0..6000u64 {
            // One in twenty, or three in sixty.
            let is_lost = if is_burst { number % 60 < 3 } else { number % 20 == 7 };
            hop.send(number * 1000, (!is_lost).then_some(3_000));
            hop.report(number * 1000 + 3_000, Some(3_000));
        }
        let stats = hop.sent.stats();
        let loss = f64::from(stats.loss) / 65536.0;
        assert!((0.045..0.055).contains(&loss), "{loss}");
        assert!((low..high).contains(&stats.burst), "{}", stats.burst);
        assert!(stats.delay_variation < AGE_UNIT, "{:?}", stats.delay_variation);
    }
}

#[test]
fn a_report_that_is_lost_is_made_good_by_the_next_one_and_a_packet_that_is_late_is_not_lost() {
    let mut hop = Hop::default();
    for number in 0..200u64 {
        hop.send(number * 2000, (number != 30).then_some(1000));
        if number == 60 {
            hop.arrive(number * 2000, 31);
        }
        let is_report_lost = number > 80 && number < 110;
        hop.report(number * 2000 + 1000, (!is_report_lost).then_some(1000));
    }
    assert_eq!(hop.lost(), 1, "as it seemed at first");
    let stats = hop.sent.stats();
    assert_eq!((stats.lost, stats.loss), (0, 0));
    assert!(stats.received > 170, "{}", stats.received);
}

#[test]
fn delay_that_varies_is_seen() {
    let mut hop = Hop::default();
    for number in 0..1000u64 {
        hop.send(number * 2000, Some(1000 + number % 2 * 8000));
        hop.report(number * 2000 + 9000, Some(1000));
    }
    let variation = hop.sent.stats().delay_variation.as_micros();
    assert!((7000..9000).contains(&variation), "{variation}");
}

#[test]
fn a_flood_is_reported_before_it_overflows_the_map() {
    let mut hop = Hop::default();
    let mut reports = 0;
    for number in 0..10_000u64 {
        hop.send(number * 20, (number % 10 != 0).then_some(100));
        reports += u32::from(hop.report(number * 20 + 100, Some(100)));
    }
    assert!(reports > 30, "{reports}");
    let stats = hop.sent.stats();
    assert!(stats.received + stats.lost > 9700 && stats.lost > 960 && stats.lost <= 1000, "{stats:?}");
}

#[test]
fn a_leap_and_a_new_key_begin_anew() {
    let mut hop = Hop::default();
    hop.send(0, Some(10));
    hop.counter = 5_000;
    hop.send(10, Some(10));
    assert!(hop.report(60_000, Some(10)));
    assert_eq!(hop.settled.len(), 1, "of what was never sent nothing is told");
    (hop.phase, hop.counter) = (1, 0);
    hop.send(70_000, Some(10));
    // A packet of the former key comes late.
    hop.received.note(Instant::from_micros(START_US + AHEAD_US + 70_000), 0, 5_003, false, true);
    assert!(hop.report(130_000, Some(10)));
    assert_eq!((hop.settled.len(), hop.lost()), (2, 0));
}

#[test]
fn only_media_makes_a_report_due() {
    let mut log = <ReceiveLog>::default();
    log.note(Instant::from_micros(5), 0, 1, true, false);
    assert_eq!(log.poll_timeout(), None);
    log.note(Instant::from_micros(9), 0, 2, true, true);
    assert_eq!(log.poll_timeout(), Some(Instant::from_micros(9) + FEEDBACK_INTERVAL));
    assert_eq!(log.poll_report(Instant::from_micros(10), Downstream::default(), &mut [0; FEEDBACK_MAX_BYTES]), None);
}

#[test]
fn a_report_is_refused_unless_it_is_exactly_what_it_says() {
    let mut log = <ReceiveLog>::default();
    for counter in [3, 4, 6, 12] {
        log.note(Instant::from_micros(1000), 7, counter, true, true);
    }
    let mut body = [0xff; FEEDBACK_MAX_BYTES];
    let downstream = Downstream { loss: 300, rtt_ms: 20 };
    let len = log.poll_report(Instant::from_micros(90_000), downstream, &mut body).unwrap();
    assert_eq!(len, 24 + 2 + 4);
    let report = FeedbackReport::parse(&body[..len]).unwrap();
    assert_eq!((report.at_us, report.downstream), (90_000, downstream));
    let packets: Vec<_> =
        report.packets().filter(|(_, arrival)| arrival.is_some()).map(|(counter, _)| counter).collect();
    assert_eq!((packets, report.packets().count()), (vec![3, 4, 6, 12], 12));
    for short in 0..len {
        assert_eq!(FeedbackReport::parse(&body[..short]), Err(DropReason::Length));
    }
    assert_eq!(FeedbackReport::parse(&body[..len + 1]), Err(DropReason::Length));
    let altered = |at: usize, to: u8| {
        let mut body = body;
        body[at] = to;
        FeedbackReport::parse(&body[..len]).map(|_| ())
    };
    assert_eq!(altered(3, 0), Err(DropReason::Unexpected), "of nothing");
    assert_eq!(altered(2, 3), Err(DropReason::Unexpected), "of too much");
    assert_eq!(altered(11, 0), Err(DropReason::Unexpected), "there is no counter 0");
    assert_eq!(altered(25, 0xf8), Err(DropReason::Length), "a bit behind the last packet");
    let mut last = body;
    last[4..12].fill(0xff);
    assert_eq!(FeedbackReport::parse(&last[..len]), Err(DropReason::Unexpected));
}

#[test]
fn reports_about_what_was_never_sent_change_nothing() {
    let mut sent = SentLog::default();
    let mut received = <ReceiveLog>::default();
    received.note(Instant::from_micros(5), 0, 400, true, true);
    let mut body = [0; FEEDBACK_MAX_BYTES];
    let len = received.poll_report(Instant::from_micros(90_000), Downstream::default(), &mut body).unwrap();
    let report = FeedbackReport::parse(&body[..len]).unwrap();
    sent.handle_report(Instant::from_micros(9), &report, |_| panic!("nothing was sent"));
    sent.note(Instant::from_micros(1), &prefix(0, 9000), 100);
    sent.handle_report(Instant::from_micros(9), &report, |_| panic!("that is long ago"));
    assert_eq!(sent.stats(), HopStats::default());
}
