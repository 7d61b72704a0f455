//! A clip through a codec: bytes and time of each frame, and the pictures that a viewer sees.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use hph_core::time::{Duration, Instant};
use hph_platform::clock::Clock;
use hph_platform::jpeg::{self, JpegEncoder};
use hph_platform::picture::Picture;
use hph_platform::video::{StripDecoder, StripEncoder, StripFrame, StripParams};

use super::clip::Clip;

/// Quality of plain JPEG, and of what moves in strips.
pub const QUALITY: u8 = 75;

/// What a codec made of a clip.
#[derive(Debug, Default)]
pub struct Coded {
    /// Bytes of all frames.
    pub bytes: usize,
    /// How many frames.
    pub frames: usize,
    /// Sum of squared differences of all samples, and their number.
    pub error: (f64, f64),
    /// Time of each encoding. **Units:** ms.
    pub encode_ms: Vec<f64>,
    /// Time of each decoding. **Units:** ms.
    pub decode_ms: Vec<f64>,
}

impl Coded {
    /// Mean bytes of a frame.
    pub fn bytes_per_frame(&self) -> f64 {
        self.bytes as f64 / self.frames as f64
    }

    /// Peak signal-to-noise ratio over all pictures, dB.
    pub fn psnr(&self) -> f64 {
        10.0 * (255.0 * 255.0 * self.error.1 / self.error.0.max(1.0)).log10()
    }

    fn compare(&mut self, shown: &Picture, original: &Picture) {
        let squares = shown.rgb.iter().zip(&original.rgb).map(|(one, other)| u64::from(one.abs_diff(*other)).pow(2));
        self.error.0 += squares.sum::<u64>() as f64;
        self.error.1 += original.rgb.len() as f64;
    }
}

/// One way of coding.
pub trait Codec {
    /// Encodes, decodes and measures one picture, and gives what a viewer sees then.
    fn next(&mut self, at: Instant, picture: &Picture, coded: &mut Coded) -> &Picture;
}

/// Every frame a whole JPEG.
#[derive(Default)]
pub struct Jpegs {
    encoder: JpegEncoder,
    bytes: Vec<u8>,
    shown: Picture,
}

impl Codec for Jpegs {
    fn next(&mut self, _: Instant, picture: &Picture, coded: &mut Coded) -> &Picture {
        let began = Clock::now();
        self.encoder.encode(picture, QUALITY, &mut self.bytes).expect("a picture of allowed size");
        let encoded = Clock::now();
        jpeg::decode_into(&self.bytes, &mut self.shown).expect("our own JPEG");
        note(coded, began, encoded, Clock::now());
        coded.bytes += self.bytes.len();
        &self.shown
    }
}

/// Strips of what has changed.
pub struct Strips {
    encoder: StripEncoder,
    decoder: StripDecoder,
    params: StripParams,
    frame: StripFrame,
    number: u32,
}

impl Strips {
    /// Strips with these parameters.
    pub fn new(params: StripParams) -> Self {
        let (encoder, decoder) = (StripEncoder::new(), StripDecoder::new(1920, 1088));
        Self { encoder, decoder, params, frame: StripFrame::default(), number: 0 }
    }
}

impl Codec for Strips {
    fn next(&mut self, at: Instant, picture: &Picture, coded: &mut Coded) -> &Picture {
        let began = Clock::now();
        self.number += 1;
        self.encoder
            .encode(at, self.number, picture, &self.params, &mut self.frame)
            .expect("a picture of allowed size");
        let encoded = Clock::now();
        for strip in &self.frame.strips {
            self.decoder.handle(self.number, &self.frame.bytes[strip.clone()]).expect("our own strip");
        }
        let shown = self.decoder.picture();
        note(coded, began, encoded, Clock::now());
        coded.bytes += self.frame.bytes.len();
        shown
    }
}

fn note(coded: &mut Coded, began: Instant, encoded: Instant, decoded: Instant) {
    let ms = |from: Instant, to: Instant| to.since(from).as_micros() as f64 / 1000.0;
    coded.encode_ms.push(ms(began, encoded));
    coded.decode_ms.push(ms(encoded, decoded));
}

/// Runs a clip through a codec, and writes what a viewer sees to a raw RGB file.
///
/// # Errors
/// ffmpeg or the disk.
pub fn run(clip: &Clip, codec: &mut dyn Codec, shown: Option<&Path>) -> io::Result<Coded> {
    let mut shown = shown.map(File::create).transpose()?.map(BufWriter::new);
    let (mut pictures, mut picture, mut coded) = (clip.open()?, Picture::default(), Coded::default());
    while pictures.next(&mut picture)? {
        let us = coded.frames as u64 * 1_000_000 / u64::from(clip.fps);
        let at = Instant::from_micros(1_000_000) + Duration::from_micros(us);
        let seen = codec.next(at, &picture, &mut coded).clone();
        coded.compare(&seen, &picture);
        coded.frames += 1;
        if let Some(shown) = &mut shown {
            shown.write_all(&seen.rgb)?;
        }
    }
    shown.map_or(Ok(()), |mut file| file.flush())?;
    Ok(coded)
}

/// Writes a clip to a raw RGB file.
///
/// # Errors
/// ffmpeg or the disk.
pub fn write(clip: &Clip, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut pictures, mut picture) = (clip.open()?, Picture::default());
    while pictures.next(&mut picture)? {
        file.write_all(&picture.rgb)?;
    }
    file.flush()
}
