//! Bytes, quality and time of video: strips beside whole JPEGs of the same quality.
//!
//! Drawn scenes are always measured. Real clips are measured with VMAF, and against x264, if `scripts/setup quality` has
//! fetched them and an ffmpeg that has both; `HPH_QUALITY` names another folder.

pub mod clip;
mod codec;
pub mod judge;
mod tables;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clip::{Clip, Scene, Source};
use codec::{Coded, Jpegs, Strips};
use hph_platform::jpeg::JpegEncoder;
use hph_platform::picture::Picture;
use hph_platform::screen::{ScreenMode, ScreenParameters};
use hph_platform::video::StripParams;
use judge::Judge;

use hph_load::figure::{Report, Rounds};

/// Where `scripts/setup quality` puts clips and ffmpeg.
const QUALITY_FOLDER: &str = "target/quality";
/// What a sensor adds, in grey levels: real clips were denoised by the codec that they were stored with.
const SENSOR_SIGMA: f32 = 2.0;
/// Of pictures that are coded once more afterwards.
const SCENE_QUALITY: u8 = 92;

/// Runs the bench.
///
/// # Errors
/// The disk, or ffmpeg.
pub fn run(report: &mut Report, is_quick: bool, only: Option<&str>) -> io::Result<()> {
    let is_wanted = |clip: &Clip| only.is_none_or(|only| clip.name.contains(only));
    for mut clip in drawn().into_iter().filter(is_wanted) {
        if is_quick {
            clip.frames /= 3;
        }
        let [jpegs, strips] = code(&clip, None)?;
        bytes(report, &clip, &jpegs, &strips);
        let difference = strips.psnr() - jpegs.psnr();
        report.value(&format!("video.{}.psnr_difference", clip.name), difference, "dB");
        times(report, &clip, &jpegs, &strips);
    }
    let Some((clips, ffmpeg)) = real_clips(report) else { return Ok(()) };
    for clip in clips.into_iter().filter(is_wanted) {
        judged(report, &clip, &ffmpeg, is_quick)?;
    }
    Ok(())
}

/// Prints the Huffman tables that all clips together would have.
///
/// # Errors
/// The disk, or ffmpeg.
pub fn print_tables(report: &Report) -> io::Result<()> {
    let filmed = real_clips(report).map_or_else(Vec::new, |(clips, _)| clips);
    tables::run(&drawn().into_iter().chain(filmed).collect::<Vec<_>>())
}

/// Filmed clips, and the ffmpeg that judges them; says so if they were not fetched.
pub fn real_clips(report: &Report) -> Option<(Vec<Clip>, PathBuf)> {
    let folder = std::env::var_os("HPH_QUALITY").map_or_else(|| PathBuf::from(QUALITY_FOLDER), PathBuf::from);
    let ffmpeg = folder.join("ffmpeg");
    if !ffmpeg.exists() {
        report.say("Real clips, VMAF and x264 are left out: scripts/setup quality fetches them.");
        return None;
    }
    Some((filmed(&folder, &ffmpeg), ffmpeg))
}

/// Writes the drawn scene in which everything moves as a file of JPEGs, for a camera.
///
/// # Errors
/// The disk.
pub fn write_scene(width: u16, height: u16, path: &Path) -> io::Result<()> {
    let source = Source::Drawn;
    let clip = Clip { name: "scene", scene: Scene::Moving, width, height, fps: 30, frames: 150, sigma: 0.0, source };
    let (mut pictures, mut picture, mut encoder) = (clip.open()?, Picture::default(), JpegEncoder::new());
    let mut file = BufWriter::new(File::create(path)?);
    let mut bytes = Vec::new();
    while pictures.next(&mut picture)? {
        encoder.encode(&picture, SCENE_QUALITY, &mut bytes).map_err(io::Error::other)?;
        file.write_all(&bytes)?;
    }
    file.flush()
}

fn drawn() -> Vec<Clip> {
    let clip = |name, scene, width, height, frames, sigma| Clip {
        name,
        scene,
        width,
        height,
        fps: 25,
        frames,
        sigma,
        source: Source::Drawn,
    };
    vec![
        clip("drawn_head_360", Scene::Head, 640, 360, 250, SENSOR_SIGMA),
        clip("drawn_head_720", Scene::Head, 1280, 720, 100, SENSOR_SIGMA),
        clip("drawn_screen_720", Scene::Screen, 1280, 720, 100, 0.0),
        clip("drawn_moving_360", Scene::Moving, 640, 360, 100, SENSOR_SIGMA),
        clip("drawn_moving_720", Scene::Moving, 1280, 720, 60, SENSOR_SIGMA),
    ]
}

fn filmed(folder: &Path, ffmpeg: &Path) -> Vec<Clip> {
    let clip = |name, file, scene, width, height, frames, sigma| {
        let source = Source::File { ffmpeg: ffmpeg.to_owned(), path: folder.join(file) };
        Clip { name, scene, width, height, fps: 25, frames, sigma, source }
    };
    vec![
        clip("webcam_1", "cap12.mp4", Scene::Head, 400, 288, 250, 0.0),
        clip("webcam_1_noisy", "cap12.mp4", Scene::Head, 400, 288, 250, SENSOR_SIGMA),
        clip("webcam_2", "cap13.mp4", Scene::Head, 400, 288, 250, 0.0),
        clip("webcam_2_noisy", "cap13.mp4", Scene::Head, 400, 288, 250, SENSOR_SIGMA),
        clip("screen", "screen.mp4", Scene::Screen, 1280, 720, 150, 0.0),
        clip("moving_phone", "phone.mp4", Scene::Moving, 1280, 720, 40, SENSOR_SIGMA),
        clip("moving_bikes", "bikes.mp4", Scene::Moving, 640, 272, 100, SENSOR_SIGMA),
        clip("moving_car", "carphone.mp4", Scene::Moving, 176, 144, 90, 0.0),
    ]
}

/// Runs a clip through both; into a folder if somebody looks at it afterwards.
fn code(clip: &Clip, folder: Option<&Path>) -> io::Result<[Coded; 2]> {
    let path = |name: &str| folder.map(|folder| folder.join(name));
    let jpegs = codec::run(clip, &mut Jpegs::default(), path("jpegs").as_deref())?;
    let strips = codec::run(clip, &mut Strips::new(params(clip.scene)), path("strips").as_deref())?;
    Ok([jpegs, strips])
}

/// As the product sends it.
fn params(scene: Scene) -> StripParams {
    let ScreenParameters { quality, refined_quality, fine_error, .. } = ScreenMode::Motion.parameters();
    match scene {
        Scene::Screen => StripParams { quality, refined_quality, fine_error, ..StripParams::default() },
        _ => StripParams::default(),
    }
}

fn bytes(report: &Report, clip: &Clip, jpegs: &Coded, strips: &Coded) {
    let name = clip.name;
    report.value(&format!("video.{name}.jpeg_bytes"), jpegs.bytes_per_frame(), "B/frame");
    report.value(&format!("video.{name}.strips_bytes"), strips.bytes_per_frame(), "B/frame");
    if clip.scene == Scene::Moving {
        let ratio = strips.bytes_per_frame() / jpegs.bytes_per_frame();
        report.value(&format!("video.{name}.bytes_ratio"), ratio, "x");
    } else {
        let times = jpegs.bytes_per_frame() / strips.bytes_per_frame();
        report.value(&format!("video.{name}.times_fewer_bytes"), times, "x");
    }
}

fn times(report: &Report, clip: &Clip, jpegs: &Coded, strips: &Coded) {
    for (codec, coded) in [("jpeg", jpegs), ("strips", strips)] {
        for (stage, times) in [("encode", &coded.encode_ms), ("decode", &coded.decode_ms)] {
            let mut rounds = Rounds::default();
            times.iter().for_each(|ms| rounds.push(*ms));
            report.value(&format!("video.{}.{codec}_{stage}_p50", clip.name), rounds.median(), "ms");
        }
    }
}

/// A real clip: what people would see of it, and what x264 would need for that.
fn judged(report: &Report, clip: &Clip, ffmpeg: &Path, is_quick: bool) -> io::Result<()> {
    let scratch = tempfile::tempdir()?;
    let [jpegs, strips] = code(clip, Some(scratch.path()))?;
    bytes(report, clip, &jpegs, &strips);
    // Nobody wants to see the noise: the picture without it is the standard for both.
    let original = scratch.path().join("original");
    codec::write(&Clip { sigma: 0.0, ..clip.clone() }, &original)?;
    let judge = Judge::new(ffmpeg, clip, original);
    let of_jpegs = judge.raw(&scratch.path().join("jpegs"))?;
    let of_strips = judge.raw(&scratch.path().join("strips"))?;
    let name = clip.name;
    report.value(&format!("video.{name}.jpeg_vmaf"), of_jpegs, "VMAF");
    report.value(&format!("video.{name}.strips_vmaf"), of_strips, "VMAF");
    report.value(&format!("video.{name}.vmaf_difference"), of_strips - of_jpegs, "VMAF");
    if clip.scene == Scene::Screen {
        // Refinement makes a screen better than the JPEGs are; without it both are alike.
        let params = StripParams { refined_quality: 0, ..params(clip.scene) };
        let path = scratch.path().join("unrefined");
        let unrefined = codec::run(clip, &mut Strips::new(params), Some(&path))?;
        let times = jpegs.bytes_per_frame() / unrefined.bytes_per_frame();
        report.value(&format!("video.{name}.unrefined_times_fewer_bytes"), times, "x");
        report.value(&format!("video.{name}.unrefined_vmaf_difference"), judge.raw(&path)? - of_jpegs, "VMAF");
    }
    if !is_quick {
        let input = scratch.path().join("input");
        codec::write(clip, &input)?;
        if let Some(x264) = judge.x264_bytes_per_frame(of_strips, &input, scratch.path())? {
            report.value(&format!("video.{name}.x264_bytes"), x264, "B/frame");
        }
    }
    Ok(())
}
