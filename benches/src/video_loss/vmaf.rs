//! What people see of a lossy way: real clips, coded, sent through the machines over a hop that loses datagrams, decoded
//! and shown as a receiver does, and judged by VMAF beside the same without loss.
//!
//! Three ways: strips with repair, strips without it (what did not come stays as it was), and what the first version did: a
//! whole JPEG in many datagrams, shown only if all of them came.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use hph_core::time::Instant;
use hph_load::figure::Report;
use hph_platform::jpeg::{self, JpegEncoder};
use hph_platform::picture::Picture;
use hph_platform::video::{StripDecoder, StripEncoder, StripFrame, StripParams};

use super::STRIP_BYTES;
use super::world::{Arrival, Case, Loss, World};
use crate::video::clip::Clip;
use crate::video::judge::Judge;
use crate::video::real_clips;

/// A talking head as webcams give it, a screen, and a camera that moves: the most datagrams a picture.
const CLIPS: [&str; 3] = ["webcam_2_noisy", "screen", "moving_phone"];
/// Pictures until loss has been measured. **Units:** pictures.
const WARM_UP: usize = 120;
/// Pictures that are judged. **Units:** pictures.
const JUDGED: usize = 160;
const RTT_US: u64 = 10_000;
/// A picture is shown this long after its first strip at the latest: rather sooner than a receiver does.
const PATIENCE_US: u64 = 40_000;
const QUALITY: u8 = 75;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Repaired,
    Unrepaired,
    WholeJpegs,
}

/// Runs every clip over every loss, if clips and an ffmpeg with VMAF are there.
///
/// # Errors
/// ffmpeg, or the disk.
pub fn run(report: &Report, is_quick: bool, only: Option<&str>) -> io::Result<()> {
    let is_wanted = |name: &str| only.is_none_or(|only| name.contains(only));
    let names: Vec<String> = CLIPS.map(|clip| format!("video_loss.vmaf.{clip}")).into_iter().collect();
    if !names.iter().any(|name| is_wanted(name)) {
        return Ok(());
    }
    let Some((clips, ffmpeg)) = real_clips(report) else { return Ok(()) };
    for (clip, name) in clips.iter().flat_map(|clip| {
        let name = format!("video_loss.vmaf.{}", clip.name);
        names.contains(&name).then_some((clip, name))
    }) {
        if is_wanted(&name) {
            judge(report, clip, &ffmpeg, &name, is_quick)?;
        }
    }
    Ok(())
}

fn judge(report: &Report, clip: &Clip, ffmpeg: &Path, name: &str, is_quick: bool) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let (original, shown) = (folder.path().join("original"), folder.path().join("shown"));
    let judged = if is_quick { JUDGED / 4 } else { JUDGED };
    // Nobody wants to see the noise: the picture without it is the standard for all.
    write_original(&Clip { sigma: 0.0, ..clip.clone() }, judged, &original)?;
    let judge = Judge::new(ffmpeg, clip, original);
    for (way, what) in [(Way::Repaired, "strips"), (Way::Unrepaired, "unrepaired"), (Way::WholeJpegs, "whole_jpegs")] {
        let mut without_loss = f64::NAN;
        for percent in [0, 1, 2, 5, 10] {
            let loss = Loss { permille: percent * 10, burst: 1 };
            let has_repair = way == Way::Repaired;
            let case = Case { rtt_us: RTT_US, loss, is_both: false, has_repair, keeps_strips: true, seed: 1 };
            show(clip, way, &case, judged, &shown)?;
            let vmaf = judge.raw(&shown)?;
            report.value(&format!("{name}.{what}.random{percent}"), vmaf, "VMAF");
            if percent == 0 {
                without_loss = vmaf;
            } else {
                report.value(&format!("{name}.{what}.random{percent}_difference"), vmaf - without_loss, "VMAF");
            }
        }
    }
    Ok(())
}

/// The pictures of a clip, over and over.
struct Film<'a> {
    clip: &'a Clip,
    pictures: crate::video::clip::Pictures,
}

impl<'a> Film<'a> {
    fn open(clip: &'a Clip) -> io::Result<Self> {
        Ok(Self { clip, pictures: clip.open()? })
    }

    fn next(&mut self, picture: &mut Picture) -> io::Result<()> {
        if !self.pictures.next(picture)? {
            self.pictures = self.clip.open()?;
            self.pictures.next(picture)?;
        }
        Ok(())
    }
}

fn write_original(clip: &Clip, judged: usize, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut film, mut picture) = (Film::open(clip)?, Picture::default());
    for number in 0..WARM_UP + judged {
        film.next(&mut picture)?;
        if number >= WARM_UP {
            file.write_all(&picture.rgb)?;
        }
    }
    file.flush()
}

/// Sends a clip, and writes what is shown of the judged pictures to a raw RGB file.
fn show(clip: &Clip, way: Way, case: &Case, judged: usize, path: &Path) -> io::Result<()> {
    let (mut world, mut film, mut picture) = (World::new(case), Film::open(clip)?, Picture::default());
    let (mut coder, mut screen) = (Coder::new(way), Screen::new(way, clip, judged, path)?);
    let interval_us = 1_000_000 / u64::from(clip.fps);
    // The picture that a frame of the machines is of: a picture in which nothing has changed is none.
    let mut sent = Vec::new();
    for number in 0..WARM_UP + judged {
        film.next(&mut picture)?;
        if let Some((bytes, strips)) = coder.encode(world.now_us, number, &picture)? {
            sent.push(number);
            world.send(&bytes, &strips);
        }
        world.run_until(world.now_us + interval_us);
        let arrivals = world.arrivals.take();
        arrivals.into_iter().try_for_each(|arrival| screen.take(&sent, arrival))?;
    }
    world.run_until(world.now_us + 1_000_000);
    let arrivals = world.arrivals.take();
    arrivals.into_iter().try_for_each(|arrival| screen.take(&sent, arrival))?;
    screen.finish(&sent)
}

/// The sender's coder.
struct Coder {
    way: Way,
    strips: StripEncoder,
    frame: StripFrame,
    jpegs: JpegEncoder,
}

type Coded = (Vec<u8>, Vec<std::ops::Range<usize>>);

impl Coder {
    fn new(way: Way) -> Self {
        Self { way, strips: StripEncoder::new(), frame: StripFrame::default(), jpegs: JpegEncoder::default() }
    }

    fn encode(&mut self, now_us: u64, number: usize, picture: &Picture) -> io::Result<Option<Coded>> {
        if self.way == Way::WholeJpegs {
            let mut bytes = Vec::new();
            self.jpegs.encode(picture, QUALITY, &mut bytes).map_err(io::Error::other)?;
            let pieces = (0..bytes.len()).step_by(STRIP_BYTES);
            let pieces = pieces.map(|begin| begin..(begin + STRIP_BYTES).min(bytes.len())).collect();
            return Ok(Some((bytes, pieces)));
        }
        let at = Instant::from_micros(now_us);
        let encoded = self.strips.encode(at, number as u32, picture, &StripParams::default(), &mut self.frame);
        encoded.map_err(io::Error::other)?;
        let coded = || (self.frame.bytes.clone(), self.frame.strips.clone());
        Ok((!self.frame.strips.is_empty()).then(coded))
    }
}

/// What the receiver shows, picture by picture.
struct Screen {
    way: Way,
    decoder: StripDecoder,
    shown: Picture,
    /// The frame whose pieces are coming: its number, when the first came, the pieces.
    open: Option<(u32, u64, Vec<Arrival>)>,
    newest: Option<u32>,
    /// Pictures that were written, or left out before the judged ones.
    written: usize,
    end: usize,
    file: BufWriter<File>,
}

impl Screen {
    fn new(way: Way, clip: &Clip, judged: usize, path: &Path) -> io::Result<Self> {
        Ok(Self {
            way,
            decoder: StripDecoder::new(clip.width, clip.height),
            shown: Picture::black(clip.width, clip.height),
            open: None,
            newest: None,
            written: 0,
            end: WARM_UP + judged,
            file: BufWriter::new(File::create(path)?),
        })
    }

    /// A piece has come: it is put into the picture at once, and ends the frame before if it is of a newer one.
    fn take(&mut self, sent: &[usize], arrival: Arrival) -> io::Result<()> {
        let is_over = self.open.as_ref().is_some_and(|(_, first_us, _)| arrival.at_us > first_us + PATIENCE_US);
        let is_newer = self.newest.is_none_or(|newest| arrival.frame > newest);
        if is_over || is_newer {
            self.close(sent)?;
        }
        if self.way != Way::WholeJpegs {
            let _ = self.decoder.handle(arrival.frame, &arrival.bytes);
        }
        if is_newer {
            self.newest = Some(arrival.frame);
            self.open = Some((arrival.frame, arrival.at_us, Vec::new()));
        }
        let count = usize::from(arrival.count);
        let Some((_, _, pieces)) = self.open.as_mut().filter(|(frame, ..)| *frame == arrival.frame) else {
            return Ok(());
        };
        pieces.push(arrival);
        if pieces.len() >= count { self.close(sent) } else { Ok(()) }
    }

    /// The frame whose pieces were coming is shown as it is.
    fn close(&mut self, sent: &[usize]) -> io::Result<()> {
        let Some((frame, _, pieces)) = self.open.take() else { return Ok(()) };
        // Until this one the one before was on the screen.
        self.write_until(sent.get(frame as usize).copied().unwrap_or(0))?;
        if self.way == Way::WholeJpegs {
            let count = pieces.first().map_or(0, |piece| usize::from(piece.count));
            if pieces.len() == count {
                // They are 100 microseconds apart and nothing is repaired: they come in order.
                let bytes: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.bytes).collect();
                jpeg::decode_into(&bytes, &mut self.shown).map_err(io::Error::other)?;
            }
        } else {
            self.shown.clone_from(self.decoder.picture());
        }
        Ok(())
    }

    fn write_until(&mut self, number: usize) -> io::Result<()> {
        while self.written < number {
            if self.written >= WARM_UP {
                self.file.write_all(&self.shown.rgb)?;
            }
            self.written += 1;
        }
        Ok(())
    }

    fn finish(mut self, sent: &[usize]) -> io::Result<()> {
        self.close(sent)?;
        self.write_until(self.end)?;
        self.file.flush()
    }
}
