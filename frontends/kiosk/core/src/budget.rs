//! What a picture costs on its way, stage by stage, on this machine: processor time of one thread, on a synthetic camera's own
//! JPEG, through the same code that a meeting uses. Others' time on the same processor does not count.

use std::io;
use std::net::UdpSocket;

use hph_client::core::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use hph_client::core::crypto::sframe::{ReceiverKey, SenderKey, SframeHeader};
use hph_client::core::limits::{HOP_HEADER_BYTES, MEDIA_HEADER_BYTES, TAG_BYTES};
use hph_client::core::time::Instant;
use hph_client::core::wire::datagram::Kind;
use hph_client::platform::camera::{CameraFormat, TestPattern};
use hph_client::platform::jpeg::{self, JpegEncoder};
use hph_client::platform::pacer::Pacing;
use hph_client::platform::picture::Picture;
use hph_client::platform::video::{StripDecoder, StripEncoder, StripFrame, StripParams};

/// Quality of the synthetic camera's JPEG: what webcams give.
const CAMERA_QUALITY: u8 = 85;
/// What the hop's seal covers beside the end-to-end sealed payload.
const CLEAR_BYTES: usize = MEDIA_HEADER_BYTES + 4 + TAG_BYTES;
/// From one picture to the next. **Units:** microseconds.
const INTERVAL_US: u64 = 33_333;

/// One stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name, the same in every version.
    pub name: &'static str,
    /// Processor time of a picture. **Units:** microseconds.
    pub cpu_us: f64,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Sides of the picture. **Units:** pixels.
    pub size: (u16, u16),
    /// Pictures that were measured.
    pub pictures: u32,
    /// Datagrams of a picture.
    pub datagrams: f64,
    /// Bytes of a picture in strips.
    pub bytes: f64,
    /// Bytes of a picture as the camera gives it.
    pub camera_bytes: f64,
    /// In the order of the way: first ours out, then another's in.
    pub stages: Vec<Stage>,
}

/// A clock that runs while this thread does. **Units:** microseconds.
pub fn cpu_us() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Sums up what is done under each name.
#[derive(Default)]
struct Sums(Vec<(&'static str, f64)>);

impl Sums {
    fn add<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let begun = cpu_us();
        let done = work();
        let took = cpu_us() - begun;
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += took,
            None => self.0.push((name, took)),
        }
        done
    }
}

/// The keys and sockets of the way.
struct Way {
    sender: SenderKey,
    receiver: ReceiverKey,
    sealer: HopSealer,
    opener: HopOpener,
    out: UdpSocket,
    back: UdpSocket,
}

impl Way {
    fn new() -> io::Result<Self> {
        let back = UdpSocket::bind("127.0.0.1:0")?;
        let out = UdpSocket::bind("127.0.0.1:0")?;
        out.connect(back.local_addr()?)?;
        Ok(Self {
            sender: SenderKey::new(&[1; 32], 7),
            receiver: ReceiverKey::new(&[1; 32], 7),
            sealer: HopSealer::new(&[2; 32], 5, Direction::ClientToServer),
            opener: HopOpener::new(&[2; 32], 5, Direction::ClientToServer),
            out,
            back,
        })
    }

    /// One datagram there and back; what came of it.
    fn carry(&mut self, sums: &mut Sums, now: Instant, strip: &[u8]) -> io::Result<Vec<u8>> {
        const METADATA: [u8; MEDIA_HEADER_BYTES] = [3; MEDIA_HEADER_BYTES];
        const CLEAR: [u8; CLEAR_BYTES] = [9; CLEAR_BYTES];
        let broken = || io::Error::other("a seal of our own does not open");
        let (packet, header_len, prefix_len) = sums
            .add("seal", || {
                let (mut body, mut header) = (strip.to_vec(), [0; 17]);
                let (len, tag) = self.sender.seal(&METADATA, &mut body, &mut header).ok()?;
                let prefix = self.sealer.seal_clear(now, Kind::Media as u8, &CLEAR).ok()?;
                let packet = [&prefix[..], &header[..len], &tag[..], &body].concat();
                Some((packet, len, prefix.len()))
            })
            .ok_or_else(broken)?;
        sums.add("send", || self.out.send(&packet))?;
        let mut buffer = [0; 2048];
        let len = sums.add("receive", || self.back.recv(&mut buffer))?;
        let received = buffer.get(..len).ok_or_else(broken)?;
        let opened = sums.add("open", || {
            let (prefix, rest) = received.split_at_checked(prefix_len)?;
            let hop = HopHeader::parse(prefix).ok()?;
            let tag = prefix.get(HOP_HEADER_BYTES..)?.try_into().ok()?;
            self.opener.open_clear(now, &hop, tag, &CLEAR).ok()?;
            let (header, rest) = rest.split_at_checked(header_len)?;
            let (tag, body) = rest.split_first_chunk::<TAG_BYTES>()?;
            let (parsed, _) = SframeHeader::parse(header).ok()?;
            let mut body = body.to_vec();
            self.receiver.open(&parsed, header, &METADATA, tag, &mut body).ok()?;
            Some(body)
        });
        opened.ok_or_else(broken)
    }
}

/// Measures so many pictures of that size.
///
/// # Errors
/// The size is none that pictures may have, or loopback does not work.
pub fn measure(size: (u16, u16), pictures: u32) -> io::Result<Budget> {
    let (width, height) = size;
    let pattern = TestPattern::new(CameraFormat { width, height, fps: 30 }, "HPH", Pacing::Unpaced);
    let (mut camera, mut encoder, mut decoder) =
        (JpegEncoder::new(), StripEncoder::new(), StripDecoder::new(width, height));
    let (mut way, mut sums) = (Way::new()?, Sums::default());
    let (mut frame, mut mended, mut decoded, mut smaller) =
        (StripFrame::default(), Vec::new(), Picture::default(), Picture::default());
    let (mut datagrams, mut bytes, mut camera_bytes) = (0usize, 0usize, 0usize);
    let params = StripParams::default();
    // The first picture is whole, and is not like the others.
    for index in 0..=pictures {
        let now = Instant::from_micros(1_000_000 + u64::from(index) * INTERVAL_US);
        let mut own = Vec::new();
        let shown = pattern.render(index as u16, now);
        camera.encode(&shown, CAMERA_QUALITY, &mut own).map_err(io::Error::other)?;
        if index == 1 {
            (sums, datagrams, bytes, camera_bytes) = Default::default();
        }
        camera_bytes += own.len();
        sums.add("capture", || jpeg::mend_camera_jpeg(&own, &mut mended)).map_err(io::Error::other)?;
        sums.add("decode_own", || jpeg::decode_into(&mended, &mut decoded)).map_err(io::Error::other)?;
        sums.add("recode", || encoder.encode(now, index, &decoded, &params, &mut frame)).map_err(io::Error::other)?;
        bytes += frame.bytes.len();
        datagrams += frame.strips.len();
        for strip in &frame.strips {
            let strip = frame.bytes.get(strip.clone()).unwrap_or_default();
            let came = way.carry(&mut sums, now, strip)?;
            sums.add("decode", || decoder.handle(index, &came))
                .map_err(|_| io::Error::other("a strip of our own is broken"))?;
        }
        let picture = sums.add("to_pixels", || decoder.picture());
        sums.add("scale", || picture.halve_into(&mut smaller));
    }
    let each = |sum: f64| sum / f64::from(pictures.max(1));
    let stages = sums.0.into_iter().map(|(name, sum)| Stage { name, cpu_us: each(sum) }).collect();
    Ok(Budget {
        size,
        pictures,
        datagrams: each(datagrams as f64),
        bytes: each(bytes as f64),
        camera_bytes: each(camera_bytes as f64),
        stages,
    })
}

impl Budget {
    /// Adds a stage that was measured elsewhere.
    pub fn push(&mut self, name: &'static str, cpu_us: f64) {
        self.stages.push(Stage { name, cpu_us });
    }

    /// One object a line, for programs.
    pub fn json_lines(&self) -> String {
        let (width, height) = self.size;
        let about = serde_json::json!({
            "budget": "picture", "width": width, "height": height, "pictures": self.pictures,
            "datagrams": self.datagrams, "bytes": self.bytes, "camera_bytes": self.camera_bytes,
        });
        let stage = |stage: &Stage| serde_json::json!({ "stage": stage.name, "cpu_us": stage.cpu_us });
        let lines = std::iter::once(about).chain(self.stages.iter().map(stage));
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// A table, for people.
    pub fn table(&self) -> String {
        let (width, height) = self.size;
        let mut text = format!(
            "{width}x{height}, {} pictures: {:.1} datagrams and {:.1} kB each ({:.1} kB from the camera)\n",
            self.pictures,
            self.datagrams,
            self.bytes / 1000.0,
            self.camera_bytes / 1000.0
        );
        for Stage { name, cpu_us } in &self.stages {
            // 30 pictures a second on one processor: 33.3 ms are all of it.
            text += &format!(
                "  {name:<11} {:>8.3} ms  {:>5.1} % of a processor at 30/s\n",
                cpu_us / 1000.0,
                cpu_us * 30.0 / 1e4
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_of_the_way_is_measured() {
        let mut budget = measure((320, 180), 3).unwrap();
        let names: Vec<_> = budget.stages.iter().map(|stage| stage.name).collect();
        let way =
            ["capture", "decode_own", "recode", "seal", "send", "receive", "open", "decode", "to_pixels", "scale"];
        assert_eq!(names, way);
        assert!(budget.datagrams >= 1.0 && budget.bytes > 100.0 && budget.camera_bytes > budget.bytes, "{budget:?}");
        assert!(budget.stages.iter().all(|stage| stage.cpu_us > 0.0 && stage.cpu_us < 1e6), "{budget:?}");
        budget.push("paint", 1500.0);
        let lines = budget.json_lines();
        assert_eq!(lines.lines().count(), 12);
        assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
        assert!(
            budget.table().ends_with("  paint          1.500 ms    4.5 % of a processor at 30/s\n"),
            "{}",
            budget.table()
        );
    }
}
