//! One direction of a call over one hop, in virtual time: a voice with its copies and its jitter buffer, a camera on its
//! ladder behind a pacer, reports back, the rate controller; and, if wanted, a download beside it.
//!
//! The machinery is the product's (`hph_core::media`); what is made up is the scene (how many bytes a picture takes) and
//! the Opus packets (their length and header are true, their sound is not).

use std::collections::VecDeque;

use hph_core::media::jitter::{DecodeError, JitterBuffer, JitterConfig, PULL_SAMPLES, VoiceDecoder};
use hph_core::media::ladder::Ladder;
use hph_core::media::pace::Pacer;
use hph_core::media::rate::{PacketReport, RateController, RateLimits, RateReport};
use hph_core::media::red::{RedSender, Redundancy};
use hph_core::time::{Duration, Instant};

use super::link::{Link, Profile, Random};

/// Steps of virtual time. **Units:** microseconds.
const TICK: u64 = 500;
/// What a datagram has around its payload: hop, media header, seal; IP and UDP on the link.
const OVERHEAD: u64 = 82 + 28;
const STRIP: u64 = 1_118;
const REPORT_EVERY: u64 = 50_000;
/// A reserve as the client's.
const LIMITS: RateLimits = RateLimits { reserve_bps: 150_000, start_bps: 1_000_000, max_bps: 20_000_000 };
/// A picture of a moving camera: what quality 75 in full size takes, after what has not changed was left out.
const SCENE_BYTES: u64 = 20_000;

#[derive(Clone, Debug)]
enum Content {
    Voice(u32, Vec<u8>),
    Picture { frame: u64 },
    Download,
}

#[derive(Clone, Debug)]
struct Packet {
    content: Content,
    counter: u64,
    sent: u64,
    bytes: u64,
}

/// Opus frames of 20 ms that decode to nothing in no time.
struct Silent;

impl VoiceDecoder for Silent {
    fn decode(&mut self, _: &[u8], out: &mut [f32]) -> Result<usize, DecodeError> {
        let samples = out.len().min(960);
        out.iter_mut().take(samples).for_each(|sample| *sample = 0.0);
        Ok(samples)
    }

    fn conceal(&mut self, out: &mut [f32]) -> usize {
        out.fill(0.0);
        out.len()
    }
}

/// A window-based download that fills the queue: slow start, one more a round trip, half after a loss.
struct Download {
    window: f64,
    threshold: f64,
    in_flight: u64,
    answers: VecDeque<(u64, bool)>,
    mended_at: u64,
    bytes: u64,
}

/// Counts of what arrived.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub video_bytes: u64,
    pub frames_sent: u64,
    pub frames_whole: u64,
    pub download_bytes: u64,
    pub concealed_samples: u64,
    pub frames_lost_after_recovery: u64,
    pub skipped_samples: u64,
    pub voice_delay_us: u64,
}

pub struct Call {
    link: Link<Packet>,
    delay: u64,
    pub now: u64,
    random: Random,
    counter: u64,
    /// Sent and not reported yet.
    sent: VecDeque<Packet>,
    arrived: Vec<(u64, u64)>,
    reports: VecDeque<(u64, Vec<PacketReport>)>,
    pub controller: RateController,
    ladder: Ladder,
    pacer: Pacer,
    waiting: VecDeque<(Instant, Packet)>,
    next_frame_at: u64,
    frame: u64,
    frame_parts: VecDeque<(u64, u64, u64)>,
    voice: RedSender,
    redundancy: Redundancy,
    timestamp: u32,
    jitter: JitterBuffer,
    /// The receiver's clock runs faster, in parts per million.
    drift_ppm: u64,
    next_pull_at: u64,
    download: Option<Download>,
    counts: Counts,
}

impl Call {
    pub fn new(profile: Profile, redundancy: Redundancy, drift_ppm: u64, seed: u64) -> Self {
        let config = JitterConfig { min_delay: Duration::from_millis(10), max_delay: Duration::from_millis(400) };
        Self {
            delay: profile.delay_ms * 1000,
            link: Link::new(profile, seed),
            now: 0,
            random: Random::new(seed ^ 0xabcd),
            counter: 0,
            sent: VecDeque::new(),
            arrived: Vec::new(),
            reports: VecDeque::new(),
            controller: RateController::new(LIMITS),
            ladder: Ladder::default(),
            pacer: Pacer::default(),
            waiting: VecDeque::new(),
            next_frame_at: 0,
            frame: 0,
            frame_parts: VecDeque::new(),
            voice: RedSender::new(),
            redundancy,
            timestamp: 0,
            jitter: JitterBuffer::new(config),
            drift_ppm,
            next_pull_at: 0,
            download: None,
            counts: Counts::default(),
        }
    }

    /// Goes on for `ms`; `each` looks on every 10 ms.
    pub fn run(&mut self, ms: u64, mut each: impl FnMut(&Self)) {
        let end = self.now + ms * 1000;
        while self.now < end {
            self.tick();
            if self.now.is_multiple_of(10_000) {
                each(self);
            }
        }
    }

    pub fn queue_delay_ms(&self) -> u64 {
        self.link.queue_delay(self.now) / 1000
    }

    pub fn counts(&self) -> Counts {
        let stats = self.jitter.stats();
        Counts {
            concealed_samples: stats.concealed_samples,
            frames_lost_after_recovery: stats.lost_after_recovery,
            skipped_samples: stats.skipped_samples,
            voice_delay_us: stats.delay_us,
            download_bytes: self.download.as_ref().map_or(0, |download| download.bytes),
            ..self.counts
        }
    }

    pub fn begin_download(&mut self) {
        self.download = Some(Download {
            window: 10.0,
            threshold: f64::MAX,
            in_flight: 0,
            answers: VecDeque::new(),
            mended_at: 0,
            bytes: 0,
        });
    }

    fn tick(&mut self) {
        self.now += TICK;
        if self.now.is_multiple_of(20_000) {
            self.speak();
        }
        if self.now >= self.next_frame_at {
            self.take_picture();
        }
        while let Some((_, packet)) = self.waiting.pop_front_if(|(due, _)| due.as_micros() <= self.now) {
            self.send(packet.content, packet.bytes);
        }
        while let Some(packet) = self.link.receive(self.now) {
            self.take(packet);
        }
        for packet in std::mem::take(&mut self.link.lost) {
            if matches!(packet.content, Content::Download) {
                self.answer(false);
            }
        }
        self.listen();
        self.exchange_reports();
        self.go_on_downloading();
    }

    fn instant(&self) -> Instant {
        Instant::from_micros(self.now)
    }

    fn send(&mut self, content: Content, bytes: u64) {
        let is_ours = !matches!(content, Content::Download);
        self.counter += u64::from(is_ours);
        let packet = Packet { content, counter: self.counter, sent: self.now, bytes };
        if is_ours {
            // What is reported needs no content.
            self.sent.push_back(Packet { content: Content::Download, ..packet });
        }
        self.link.send(self.now, bytes, packet);
    }

    /// 20 ms of 32 kbit/s.
    fn speak(&mut self) {
        let mut opus = [7u8; 80];
        // Hybrid, 20 ms, one frame.
        opus[0] = 15 << 3;
        let mut payload = [0; 1_118];
        let len = self.voice.emit(self.redundancy, self.timestamp, &opus, &mut payload).unwrap_or(0);
        let bytes = payload.get(..len).unwrap_or_default().to_vec();
        self.send(Content::Voice(self.timestamp, bytes), len as u64 + OVERHEAD);
        self.timestamp = self.timestamp.wrapping_add(960);
    }

    fn take_picture(&mut self) {
        let granted = self.controller.video_bps();
        let rung = self.ladder.choose(self.instant(), granted, 0);
        let interval = 1_000_000 / u64::from(rung.frames_per_s.max(1));
        self.next_frame_at = self.now + interval;
        let size = [1000, 420, 150].get(usize::from(rung.halvings)).copied().unwrap_or(150);
        let quality = match rung.quality {
            85.. => 1400,
            75.. => 1000,
            65.. => 840,
            60.. => 770,
            _ => 660,
        };
        let scene = SCENE_BYTES * size / 1000 * quality / 1000;
        let varied = scene * (85 + self.random.below(30)) / 100;
        // What does not fit follows in the next frame: a picture is never more than half as large again as its share.
        let most = u64::from(granted) / 8 / u64::from(rung.frames_per_s.max(1)) * 3 / 2;
        let bytes = varied.min(most).max(200);
        self.ladder.handle_frame(varied as usize);
        let parts = bytes.div_ceil(STRIP);
        self.frame += 1;
        self.counts.frames_sent += 1;
        self.frame_parts.push_back((self.frame, parts, 0));
        if self.frame_parts.len() > 200 {
            self.frame_parts.pop_front();
        }
        for _ in 0..parts {
            let content = Content::Picture { frame: self.frame };
            let bytes = bytes / parts + OVERHEAD;
            let due = self.pacer.schedule(self.instant(), bytes as usize, self.controller.pace_bps());
            self.waiting.push_back((due, Packet { content, counter: 0, sent: 0, bytes }));
        }
    }

    fn take(&mut self, packet: Packet) {
        if matches!(packet.content, Content::Download) {
            return self.answer(true);
        }
        // Another clock than the sender's, in steps of half a millisecond as reports have it.
        self.arrived.push((packet.counter, (self.now + 77_000_000) / 500 * 500));
        match packet.content {
            Content::Voice(timestamp, bytes) => {
                let now = self.instant();
                let _ = self.jitter.insert(now, timestamp, &bytes);
            }
            Content::Picture { frame } => {
                self.counts.video_bytes += packet.bytes;
                let parts = self.frame_parts.iter_mut().find(|(number, ..)| *number == frame);
                if let Some((_, count, came)) = parts {
                    *came += 1;
                    self.counts.frames_whole += u64::from(*came == *count);
                }
            }
            Content::Download => {}
        }
    }

    /// The loudspeaker asks every 10 ms of its own clock.
    fn listen(&mut self) {
        while self.now >= self.next_pull_at {
            self.next_pull_at += 10_000 - 10_000 * self.drift_ppm / 1_000_000;
            let mut out = [0.0; PULL_SAMPLES];
            self.jitter.pull(Instant::from_micros(self.now), &mut Silent, &mut out);
        }
    }

    fn exchange_reports(&mut self) {
        if self.now.is_multiple_of(REPORT_EVERY)
            && let Some(newest) = self.arrived.iter().map(|(counter, _)| *counter).max()
        {
            self.arrived.sort_unstable();
            let mut packets = Vec::new();
            while self.sent.front().is_some_and(|packet| packet.counter <= newest) {
                let Some(packet) = self.sent.pop_front() else { break };
                let arrival = self.arrived.binary_search_by_key(&packet.counter, |(counter, _)| *counter);
                packets.push(PacketReport {
                    sent_at: Instant::from_micros(packet.sent),
                    size_bytes: packet.bytes as u16,
                    arrived_us: arrival.ok().and_then(|at| self.arrived.get(at)).map(|(_, at)| *at),
                });
            }
            self.arrived.clear();
            self.reports.push_back((self.now + self.delay, packets));
        }
        while self.reports.front().is_some_and(|(at, _)| *at <= self.now) {
            let Some((_, packets)) = self.reports.pop_front() else { break };
            let mut report = RateReport::default();
            packets.iter().for_each(|packet| report.add(packet));
            self.controller.handle_report(self.instant(), &report);
        }
        self.controller.handle_timeout(self.instant());
    }

    fn answer(&mut self, came: bool) {
        let at = self.now + self.delay;
        if let Some(download) = &mut self.download {
            download.answers.push_back((at, came));
        }
    }

    fn go_on_downloading(&mut self) {
        let round_trip = 2 * self.delay + self.link.queue_delay(self.now);
        let Some(download) = &mut self.download else { return };
        while download.answers.front().is_some_and(|(at, _)| *at <= self.now) {
            let Some((_, came)) = download.answers.pop_front() else { break };
            download.in_flight -= 1;
            if came {
                download.bytes += 1448;
                let is_slow_start = download.window < download.threshold;
                download.window += if is_slow_start { 1.0 } else { 1.0 / download.window };
            } else if self.now > download.mended_at {
                download.threshold = (download.window / 2.0).max(2.0);
                download.window = download.threshold;
                download.mended_at = self.now + round_trip;
            }
        }
        let packets = (download.window as u64).saturating_sub(download.in_flight);
        download.in_flight += packets;
        for _ in 0..packets {
            self.send(Content::Download, 1500);
        }
    }
}
