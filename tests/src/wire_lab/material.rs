//! Pictures and sound to send: made here, small, each one different.

use std::fs;
use std::path::Path;

use hph_core::time::Instant;
use hph_platform::camera::{CameraFormat, TestPattern};
use hph_platform::jpeg::JpegEncoder;
use hph_platform::pacer::Pacing;
use hph_platform::wav::WavWriter;

/// Sides and rate of the pictures.
pub const FORMAT: CameraFormat = CameraFormat { width: 320, height: 180, fps: 15 };

/// `count` JPEGs of a moving picture, all different.
///
/// # Panics
/// If they can't be encoded.
pub fn jpegs(count: usize) -> Vec<Vec<u8>> {
    let pattern = TestPattern::new(FORMAT, "test", Pacing::Unpaced);
    let mut encoder = JpegEncoder::new();
    let encode = |index: usize| {
        let picture = pattern.render(index as u16, Instant::from_micros(index as u64 * 66_667));
        let mut jpeg = Vec::new();
        encoder.encode(&picture, 75, &mut jpeg).expect("a JPEG");
        jpeg
    };
    (0..count).map(encode).collect()
}

/// Writes pictures one after the other into a file.
///
/// # Panics
/// If that fails.
pub fn write_mjpeg(path: &Path, jpegs: &[Vec<u8>]) {
    fs::write(path, jpegs.concat()).expect("written");
}

/// Writes pictures into a folder, a file each.
///
/// # Panics
/// If that fails.
pub fn write_folder(path: &Path, jpegs: &[Vec<u8>]) {
    fs::create_dir_all(path).expect("a folder");
    for (index, jpeg) in jpegs.iter().enumerate() {
        fs::write(path.join(format!("{index:04}.jpg")), jpeg).expect("written");
    }
}

/// `count` samples in which no stretch comes twice: a sweep with noise on it.
pub fn sound(count: usize) -> Vec<i16> {
    let mut noise = 1u32;
    let sample = |index: usize| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let phase = index as f64 * (0.02 + index as f64 * 1e-7);
        (phase.sin() * 8000.0) as i16 + (noise >> 20) as i16
    };
    (0..count).map(sample).collect()
}

/// Writes sound into a WAV file of 16 kHz.
///
/// # Panics
/// If that fails.
pub fn write_wav(path: &Path, samples: &[i16]) {
    let mut writer = WavWriter::create(path).expect("a file");
    writer.write(samples).expect("written");
    writer.finish().expect("finished");
}

/// Reads the samples of a WAV file.
///
/// # Panics
/// If that fails.
pub fn read_wav(path: &Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (16_000, 1));
    reader.samples::<i16>().map(|sample| sample.expect("a sample")).collect()
}
