//! A call over one link with a queue, in virtual time, alone and beside a download.

extern crate std;

use std::collections::VecDeque;
use std::vec::Vec;

use super::*;

const TICK_US: u64 = 500;
const LIMITS: RateLimits = RateLimits { reserve_bps: 150_000, start_bps: 1_000_000, max_bps: 20_000_000 };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    Voice,
    Video,
    Download,
}

#[derive(Clone, Copy)]
struct Packet {
    flow: Flow,
    counter: u64,
    sent: u64,
    size: u64,
}

/// A link: one queue of bounded length, a rate, a delay, losses by chance.
struct Link {
    rate_bps: u64,
    queue_max_bytes: u64,
    delay_us: u64,
    loss_permille: u64,
    queue: VecDeque<Packet>,
    queued_bytes: u64,
    credit_bits: f64,
    random: u64,
    lost: Vec<Packet>,
    wire: VecDeque<(u64, Packet)>,
}

impl Link {
    fn new(rate_bps: u64, queue_max_bytes: u64, delay_ms: u64) -> Self {
        Self {
            rate_bps,
            queue_max_bytes,
            delay_us: delay_ms * 1000,
            loss_permille: 0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            credit_bits: 0.0,
            random: 0x2545_f491_4f6c_dd1d,
            lost: Vec::new(),
            wire: VecDeque::new(),
        }
    }

    fn send(&mut self, packet: Packet) {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let is_unlucky = self.random % 1000 < self.loss_permille;
        if is_unlucky || self.queued_bytes + packet.size > self.queue_max_bytes {
            self.lost.push(packet);
        } else {
            self.queued_bytes += packet.size;
            self.queue.push_back(packet);
        }
    }

    fn tick(&mut self, now: u64) -> Vec<Packet> {
        self.credit_bits += self.rate_bps as f64 * TICK_US as f64 / 1e6;
        while let Some(front) = self.queue.front() {
            let bits = (front.size * 8) as f64;
            if bits > self.credit_bits {
                break;
            }
            self.credit_bits -= bits;
            self.queued_bytes -= front.size;
            self.wire.extend(self.queue.pop_front().map(|packet| (now + self.delay_us, packet)));
        }
        if self.queue.is_empty() {
            self.credit_bits = self.credit_bits.min(12_000.0);
        }
        let mut arrived = Vec::new();
        while self.wire.front().is_some_and(|(at, _)| *at <= now) {
            arrived.extend(self.wire.pop_front().map(|(_, packet)| packet));
        }
        arrived
    }

    fn queue_delay_ms(&self) -> u64 {
        self.queued_bytes * 8 * 1000 / self.rate_bps
    }
}

/// A download: window, slow start, half after a loss, an answer for every packet.
struct Download {
    window: f64,
    threshold: f64,
    in_flight: u64,
    answers: VecDeque<(u64, bool)>,
    recovered_at: u64,
    bytes: u64,
}

struct Call {
    link: Link,
    controller: RateController,
    now: u64,
    counter: u64,
    sent: VecDeque<Packet>,
    arrived: Vec<(u64, u64)>,
    feedback: VecDeque<(u64, Vec<PacketReport>)>,
    pending_video: VecDeque<(u64, u64)>,
    download: Option<Download>,
    video_max_bps: u64,
    video_bytes: u64,
    voice_lost: u64,
    voice_sent: u64,
    /// The receiver's clock is another one.
    skew: u64,
    has_feedback: bool,
}

impl Call {
    fn new(link: Link) -> Self {
        Self {
            link,
            controller: RateController::new(LIMITS),
            now: 1_000_000,
            counter: 0,
            sent: VecDeque::new(),
            arrived: Vec::new(),
            feedback: VecDeque::new(),
            pending_video: VecDeque::new(),
            download: None,
            video_max_bps: 20_000_000,
            video_bytes: 0,
            voice_lost: 0,
            voice_sent: 0,
            skew: 77_000_000,
            has_feedback: true,
        }
    }

    fn send(&mut self, flow: Flow, size: u64) {
        self.counter += u64::from(flow != Flow::Download);
        let packet = Packet { flow, counter: self.counter, sent: self.now, size };
        if flow != Flow::Download {
            self.sent.push_back(packet);
        }
        self.link.send(packet);
    }

    fn run_ms(&mut self, ms: u64, mut each: impl FnMut(&mut Self)) {
        let end = self.now + ms * 1000;
        while self.now < end {
            self.tick();
            if self.now.is_multiple_of(10_000) {
                each(self);
            }
        }
    }

    fn tick(&mut self) {
        self.now += TICK_US;
        if self.now.is_multiple_of(20_000) {
            self.voice_sent += 1;
            self.send(Flow::Voice, 300);
        }
        if self.now.is_multiple_of(40_000) {
            let bits = u64::from(self.controller.video_bps()).min(self.video_max_bps) / 25;
            let packets = (bits / 8).div_ceil(1150);
            for index in 0..packets {
                self.pending_video.push_back((self.now + index * 20_000 / packets, bits / 8 / packets));
            }
        }
        while self.pending_video.front().is_some_and(|(at, _)| *at <= self.now) {
            if let Some((_, size)) = self.pending_video.pop_front() {
                self.send(Flow::Video, size.max(100));
            }
        }
        for packet in self.link.tick(self.now) {
            match packet.flow {
                Flow::Download => self.answer(true),
                flow => {
                    self.video_bytes += if flow == Flow::Video { packet.size } else { 0 };
                    self.arrived.push((packet.counter, self.now + self.skew));
                }
            }
        }
        for packet in core::mem::take(&mut self.link.lost) {
            self.voice_lost += u64::from(packet.flow == Flow::Voice);
            if packet.flow == Flow::Download {
                self.answer(false);
            }
        }
        self.exchange_feedback();
        self.run_download();
    }

    fn exchange_feedback(&mut self) {
        if self.now.is_multiple_of(50_000)
            && self.has_feedback
            && let Some(newest) = self.arrived.iter().map(|(counter, _)| *counter).max()
        {
            let mut reports = Vec::new();
            while self.sent.front().is_some_and(|packet| packet.counter <= newest) {
                let packet = self.sent.pop_front().unwrap();
                reports.push(PacketReport {
                    sent_at: Instant::from_micros(packet.sent),
                    size_bytes: packet.size as u16,
                    arrived_us: self.arrived.iter().find(|(counter, _)| *counter == packet.counter).map(|(_, at)| *at),
                });
            }
            self.arrived.clear();
            self.feedback.push_back((self.now + self.link.delay_us, reports));
        }
        while self.feedback.front().is_some_and(|(at, _)| *at <= self.now) {
            let (_, reports) = self.feedback.pop_front().unwrap();
            tell(&mut self.controller, Instant::from_micros(self.now), reports);
        }
        self.controller.handle_timeout(Instant::from_micros(self.now));
    }

    fn answer(&mut self, came: bool) {
        let at = self.now + self.link.delay_us;
        if let Some(download) = &mut self.download {
            download.answers.push_back((at, came));
        }
    }

    fn run_download(&mut self) {
        let Some(mut download) = self.download.take() else { return };
        let round_trip = 2 * self.link.delay_us + self.link.queue_delay_ms() * 1000;
        while download.answers.front().is_some_and(|(at, _)| *at <= self.now) {
            let (_, came) = download.answers.pop_front().unwrap();
            download.in_flight -= 1;
            if came {
                download.bytes += 1448;
                let is_slow_start = download.window < download.threshold;
                download.window += if is_slow_start { 1.0 } else { 1.0 / download.window };
            } else if self.now > download.recovered_at {
                download.threshold = (download.window / 2.0).max(2.0);
                download.window = download.threshold;
                download.recovered_at = self.now + round_trip;
            }
        }
        let mut packets = 0;
        while download.in_flight < download.window as u64 {
            download.in_flight += 1;
            packets += 1;
        }
        self.download = Some(download);
        for _ in 0..packets {
            self.send(Flow::Download, 1448);
        }
    }

    fn begin_download(&mut self) {
        self.download = Some(Download {
            window: 10.0,
            threshold: 1e9,
            in_flight: 0,
            answers: VecDeque::new(),
            recovered_at: 0,
            bytes: 0,
        });
    }

    /// Runs on and gives the video rate that arrived meanwhile, in bits a second.
    fn video_bps_over_ms(&mut self, ms: u64) -> u64 {
        let before = self.video_bytes;
        self.run_ms(ms, |_| ());
        (self.video_bytes - before) * 8 * 1000 / ms
    }
}

fn tell(controller: &mut RateController, now: Instant, packets: impl IntoIterator<Item = PacketReport>) {
    let mut report = RateReport::default();
    packets.into_iter().for_each(|packet| report.add(&packet));
    controller.handle_report(now, &report);
}

#[test]
fn a_call_alone_takes_most_of_the_link_and_leaves_its_queue_short() {
    // The last one's queue is full at 34 ms.
    for (rate_bps, delay_ms) in [(1_000_000, 15), (5_000_000, 2), (5_000_000, 50), (15_000_000, 10)] {
        let mut call = Call::new(Link::new(rate_bps, 64_000, delay_ms));
        call.run_ms(8_000, |_| ());
        let mut delays = Vec::new();
        let before = call.video_bytes;
        call.run_ms(10_000, |call| delays.push(call.link.queue_delay_ms()));
        delays.sort_unstable();
        let used = ((call.video_bytes - before) * 8 / 10 + 120_000) * 100 / rate_bps;
        let (median, p95) = (delays[delays.len() / 2], delays[delays.len() * 95 / 100]);
        assert!(used >= 75, "{rate_bps} {delay_ms}: {used} %");
        assert!(median <= 30 && p95 <= 120, "{rate_bps} {delay_ms}: {median} ms, {p95} ms");
        assert!(call.voice_lost <= 9, "{rate_bps} {delay_ms}: {} of {}", call.voice_lost, call.voice_sent);
    }
}

#[test]
fn after_a_drop_to_a_tenth_the_queue_is_short_again_in_two_seconds_and_video_is_back_in_five() {
    // 64 kB are a second of the slower link: what was sent before the drop was noticed must go through it first.
    for queue_bytes in [32_000, 64_000] {
        for delay_ms in [5, 15, 40] {
            let mut call = Call::new(Link::new(5_000_000, queue_bytes, delay_ms));
            call.run_ms(12_000, |_| ());
            let full = call.video_bps_over_ms(5_000);
            call.link.rate_bps = 500_000;
            let (lost, at) = (call.voice_lost, call.now);
            let mut long_at = 0;
            call.run_ms(10_000, |call| {
                if call.link.queue_delay_ms() > 100 {
                    long_at = long_at.max(call.now - at);
                }
            });
            let mut late_long = 0;
            call.run_ms(20_000, |call| late_long += u64::from(call.link.queue_delay_ms() > 100));
            let lost_ms = (call.voice_lost - lost) * 20;
            call.link.rate_bps = 5_000_000;
            let at = call.now;
            let mut back_ms = 0;
            while back_ms == 0 && call.now - at < 20_000_000 {
                if call.video_bps_over_ms(250) * 10 >= full * 9 {
                    back_ms = (call.now - at) / 1000;
                }
            }
            assert_eq!(late_long, 0, "{queue_bytes} {delay_ms}");
            assert!(long_at < 2_000_000, "{queue_bytes} {delay_ms}: {long_at}");
            assert!(lost_ms <= 100, "{queue_bytes} {delay_ms}: voice lost {lost_ms} ms");
            assert!(back_ms > 0 && back_ms <= 5_000, "{queue_bytes} {delay_ms}: {back_ms}");
        }
    }
}

#[test]
fn a_call_and_a_download_both_get_their_share() {
    let links = [
        (5_000_000, 64_000, 15),
        (5_000_000, 160_000, 15),
        (10_000_000, 128_000, 5),
        (2_000_000, 64_000, 30),
        (5_000_000, 32_000, 10),
    ];
    for (rate_bps, queue_bytes, delay_ms) in links {
        let mut call = Call::new(Link::new(rate_bps, queue_bytes, delay_ms));
        call.run_ms(8_000, |_| ());
        call.begin_download();
        call.run_ms(10_000, |_| ());
        let download = call.download.as_ref().unwrap().bytes;
        let before = call.video_bytes;
        call.run_ms(30_000, |_| ());
        let video = (call.video_bytes - before) * 8 / 30 * 100 / rate_bps;
        let download = (call.download.as_ref().unwrap().bytes - download) * 8 / 30 * 100 / rate_bps;
        assert!(video >= 20, "the call starves: {video} %");
        assert!(download >= 25, "the download starves: {download} %");
        call.download = None;
        call.run_ms(8_000, |_| ());
        let alone = call.video_bps_over_ms(5_000) * 100 / rate_bps;
        assert!(alone >= 70, "alone again: {alone} %");
    }
}

#[test]
fn loss_by_chance_alone_does_not_slow_a_call_down() {
    for loss in [10, 30, 50] {
        let mut call = Call::new(Link::new(5_000_000, 64_000, 10));
        call.link.loss_permille = loss;
        call.run_ms(10_000, |_| ());
        let used = call.video_bps_over_ms(10_000) * 100 / 5_000_000;
        assert!(used >= 70, "{loss} permille: {used} %");
    }
}

#[test]
fn a_queue_too_short_to_be_noticed_is_noticed_by_its_losses() {
    let mut call = Call::new(Link::new(2_000_000, 6_000, 10));
    call.run_ms(10_000, |_| ());
    let used = call.video_bps_over_ms(10_000) * 100 / 2_000_000;
    let target = u64::from(call.controller.target_bps()) * 100 / 2_000_000;
    assert!((60..=110).contains(&used) && target <= 160);
}

#[test]
fn what_nobody_uses_does_not_grow() {
    let mut call = Call::new(Link::new(50_000_000, 64_000, 10));
    call.video_max_bps = 500_000;
    call.run_ms(20_000, |_| ());
    assert!(call.controller.target_bps() < 2_000_000, "{}", call.controller.target_bps());
    assert_eq!(call.controller.figures().reason, RateReason::Unused);
}

#[test]
fn silence_halves_what_is_granted_down_to_the_reserve_and_reports_bring_it_back() {
    let mut call = Call::new(Link::new(5_000_000, 64_000, 10));
    call.run_ms(5_000, |_| ());
    let before = call.controller.target_bps();
    call.has_feedback = false;
    call.run_ms(1_200, |_| ());
    assert!(call.controller.target_bps() <= before / 2);
    call.run_ms(5_000, |_| ());
    assert_eq!(call.controller.target_bps(), LIMITS.reserve_bps);
    assert_eq!(call.controller.figures().reason, RateReason::Silence);
    call.has_feedback = true;
    call.run_ms(6_000, |_| ());
    assert!(call.controller.target_bps() > before / 2);
}

#[test]
fn no_report_makes_the_rate_leave_its_bounds() {
    let mut controller = RateController::new(LIMITS);
    let mut random = 1u64;
    for turn in 0..20_000u64 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let reports = (0..random % 5).map(|k| PacketReport {
            sent_at: Instant::from_micros(random >> (k * 7)),
            size_bytes: (random >> 40) as u16,
            arrived_us: (random & 8 != 0).then_some(random << (k * 5)),
        });
        tell(&mut controller, Instant::from_micros(turn * 1000), reports);
        controller.handle_timeout(Instant::from_micros(turn * 1000));
        let target = controller.target_bps();
        assert!((LIMITS.reserve_bps..=LIMITS.max_bps).contains(&target), "{target}");
    }
    controller.handle_report(Instant::NEVER, &RateReport::default());
    controller.handle_timeout(Instant::NEVER);
}

#[test]
fn a_controller_costs_less_than_a_kilobyte() {
    assert!(core::mem::size_of::<RateController>() < 1024);
}

#[test]
fn what_is_not_answered_for_stops_pictures_until_a_fresh_report_comes() {
    let mut rate = RateController::new(LIMITS);
    let at = Instant::from_micros;
    let report = |now: u64, age_us: u64| {
        let mut report = RateReport::default();
        let sent_us = now - age_us;
        for packet in 0..5 {
            let (sent_at, arrived_us) = (at(sent_us - packet), Some(sent_us - packet + 10_000));
            report.add(&PacketReport { sent_at, size_bytes: 1200, arrived_us });
        }
        report
    };
    for now in (1_000_000..2_000_000).step_by(50_000) {
        rate.handle_sending(at(now));
        rate.handle_report(at(now), &report(now, 20_000));
    }
    let granted = rate.bound_bps(at(2_000_000)).unwrap();
    assert!(granted >= LIMITS.start_bps);
    // A pause of the sender is no stall.
    assert!(!rate.is_stalled(at(2_900_000)));
    rate.handle_sending(at(3_000_000));
    assert_eq!(rate.bound_bps(at(3_200_000)), Some(granted));
    assert_eq!(rate.bound_bps(at(3_300_000)), Some(LIMITS.reserve_bps));
    // It comes late, and tells of a time when the way was free.
    rate.handle_report(at(3_350_000), &report(3_350_000, 320_000));
    assert_eq!(rate.bound_bps(at(3_350_000)), Some(LIMITS.reserve_bps));
    rate.handle_report(at(3_400_000), &report(3_400_000, 30_000));
    assert!(rate.bound_bps(at(3_400_000)).unwrap() >= granted * 9 / 10);
}

/// Reports of five packets every 50 ms until `until_ms`, with that queue and all of that rate arriving.
fn report_until(rate: &mut RateController, now_ms: &mut u64, until_ms: u64, queue_ms: u64, bps: u64) {
    while *now_ms < until_ms {
        *now_ms += 50;
        let sent_at = |packet: u64| Instant::from_micros((*now_ms - queue_ms - 10 - packet) * 1000);
        let size_bytes = (bps / 8 / 20 / 5) as u16;
        let packets = (0..5).map(|packet| PacketReport {
            sent_at: sent_at(packet),
            size_bytes,
            arrived_us: Some((*now_ms - packet) * 1000),
        });
        rate.handle_sending(Instant::from_micros(*now_ms * 1000));
        tell(rate, Instant::from_micros(*now_ms * 1000), packets);
    }
}

/// Among others: the queue stays, and less arrives the less is sent.
fn competing() -> (RateController, u64) {
    let mut rate = RateController::new(LIMITS);
    let mut now_ms = 1000;
    report_until(&mut rate, &mut now_ms, 3000, 0, 4_000_000);
    for step in 0..40 {
        report_until(&mut rate, &mut now_ms, 3000 + step * 50, 40, 2_000_000 - step * 40_000);
    }
    assert_eq!(rate.figures().state, RateState::Competing);
    (rate, now_ms)
}

#[test]
fn who_fills_the_queue_may_back_off_for_a_moment_and_is_still_there() {
    let (mut rate, mut now_ms) = competing();
    assert!(rate.target_bps() >= 1_500_000, "about half of what arrived before: {}", rate.target_bps());
    let until = now_ms + 400;
    report_until(&mut rate, &mut now_ms, until, 0, 1_000_000);
    assert_eq!(rate.figures().state, RateState::Competing);
    report_until(&mut rate, &mut now_ms, until + 500, 0, 1_000_000);
    assert_eq!(rate.figures().state, RateState::Growing);
}

#[test]
fn what_stalls_is_no_queue_of_somebody_else_s() {
    let (mut rate, now_ms) = competing();
    let at = |ms: u64| Instant::from_micros((now_ms + ms) * 1000);
    rate.handle_sending(at(20));
    assert!(!rate.is_stalled(at(200)));
    assert!(rate.is_stalled(at(400)));
    assert_eq!(rate.bound_bps(at(400)), Some(LIMITS.reserve_bps));
    let late = PacketReport { sent_at: at(20), size_bytes: 1200, arrived_us: Some((now_ms + 395) * 1000) };
    tell(&mut rate, at(400), [late]);
    assert_eq!(rate.figures().state, RateState::Draining);
}

#[test]
fn where_there_was_a_queue_lately_pictures_leave_little_faster_than_they_may_on_average() {
    let mut rate = RateController::new(LIMITS);
    let mut now_ms = 1000;
    report_until(&mut rate, &mut now_ms, 3000, 0, 4_000_000);
    assert!(rate.pace_bps() > 20 * rate.video_bps());
    report_until(&mut rate, &mut now_ms, 3100, 30, 4_000_000);
    report_until(&mut rate, &mut now_ms, 6000, 0, 4_000_000);
    assert!(rate.pace_bps() <= 3 * rate.video_bps() / 2);
    report_until(&mut rate, &mut now_ms, 15_000, 0, 4_000_000);
    assert!(rate.pace_bps() > 20 * rate.video_bps());
}
