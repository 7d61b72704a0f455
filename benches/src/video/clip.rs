//! Clips: pictures from files, decoded by ffmpeg, and synthetic ones.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use hph_core::crypto::drbg::Drbg;
use hph_platform::picture::Picture;

/// What a scene is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A face before a fixed camera.
    Head,
    /// A screen with text.
    Screen,
    /// The camera itself moves.
    Moving,
}

/// Where a clip's pictures come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Drawn here.
    Drawn,
    /// A file, decoded and scaled by ffmpeg.
    File {
        /// The program.
        ffmpeg: PathBuf,
        /// The file.
        path: PathBuf,
    },
}

/// A clip.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Its name in figures.
    pub name: &'static str,
    /// What it shows.
    pub scene: Scene,
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Pictures a second.
    pub fps: u16,
    /// How many pictures.
    pub frames: usize,
    /// Noise that is added to each sample: its standard deviation in grey levels.
    pub sigma: f32,
    /// Where the pictures come from.
    pub source: Source,
}

impl Clip {
    /// The pictures, one after another; each call gives the same.
    ///
    /// # Errors
    /// ffmpeg does not start.
    pub fn open(&self) -> io::Result<Pictures> {
        let (decoder, drawn) = match &self.source {
            Source::Drawn => (None, Some(Drawn::new(self))),
            Source::File { ffmpeg, path } => (Some(self.decode(ffmpeg, path)?), None),
        };
        let noise = Drbg::from_seed([7; 32]);
        Ok(Pictures { clip: self.clone(), decoder, drawn, noise, left: self.frames })
    }

    fn decode(&self, ffmpeg: &Path, path: &Path) -> io::Result<(Child, ChildStdout)> {
        let filter = format!("fps={},scale={}:{}:flags=area", self.fps, self.width, self.height);
        let mut child = Command::new(ffmpeg)
            .args(["-v", "error", "-i"])
            .arg(path)
            .args(["-vf", &filter, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        Ok((child, stdout))
    }
}

/// The pictures of a clip.
pub struct Pictures {
    clip: Clip,
    decoder: Option<(Child, ChildStdout)>,
    drawn: Option<Drawn>,
    noise: Drbg,
    left: usize,
}

impl Pictures {
    /// The next one; none at the end.
    ///
    /// # Errors
    /// ffmpeg breaks off within a picture.
    pub fn next(&mut self, picture: &mut Picture) -> io::Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        if picture.width != self.clip.width || picture.height != self.clip.height {
            *picture = Picture::black(self.clip.width, self.clip.height);
        }
        if let Some((_, stdout)) = &mut self.decoder {
            match stdout.read_exact(&mut picture.rgb) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                result => result?,
            }
        }
        if let Some(drawn) = &mut self.drawn {
            drawn.draw(picture);
        }
        if self.clip.sigma > 0.0 {
            add_noise(&mut self.noise, self.clip.sigma, picture);
        }
        Ok(true)
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.decoder {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Adds nearly normal noise: sums of four bytes.
fn add_noise(noise: &mut Drbg, sigma: f32, picture: &mut Picture) {
    // Four uniform bytes have a standard deviation of 2 * 73.9.
    let scale = (sigma / 147.8 * 65_536.0) as i32;
    for value in &mut picture.rgb {
        let sum: i32 = noise.next_u32().to_le_bytes().into_iter().map(i32::from).sum();
        let shift = ((sum - 510) * scale + 32_768) >> 16;
        *value = (i32::from(*value) + shift).clamp(0, 255) as u8;
    }
}

/// Scenes that need no file.
struct Drawn {
    scene: Scene,
    frame: usize,
    backdrop: Picture,
}

impl Drawn {
    fn new(clip: &Clip) -> Self {
        let backdrop = match clip.scene {
            // Larger, so that the camera has something to move over.
            Scene::Moving => landscape(clip.width + 256, clip.height + 64),
            Scene::Head => landscape(clip.width, clip.height),
            Scene::Screen => page(clip.width, clip.height),
        };
        Self { scene: clip.scene, frame: 0, backdrop }
    }

    fn draw(&mut self, picture: &mut Picture) {
        let time = self.frame as f32 / 25.0;
        self.frame += 1;
        match self.scene {
            Scene::Moving => {
                let x = (128.0 + 120.0 * (time * 0.7).sin()) as usize;
                let y = (32.0 + 30.0 * (time * 0.9).cos()) as usize;
                copy(&self.backdrop, x, y, picture);
            }
            Scene::Head => {
                copy(&self.backdrop, 0, 0, picture);
                head(picture, time);
            }
            Scene::Screen => {
                copy(&self.backdrop, 0, 0, picture);
                // A line is typed, and a cursor blinks.
                let typed = self.frame * 3 % usize::from(picture.width - 200);
                text_line(picture, 100, usize::from(picture.height) / 2, typed);
                if (self.frame / 12).is_multiple_of(2) {
                    picture.fill_rect(102 + typed, usize::from(picture.height) / 2, 2, 14, [20; 3]);
                }
            }
        }
    }
}

fn copy(from: &Picture, x: usize, y: usize, to: &mut Picture) {
    let (width, stride) = (usize::from(to.width) * 3, usize::from(from.width) * 3);
    for (row, line) in to.rgb.chunks_exact_mut(width).enumerate() {
        let begin = (y + row) * stride + x * 3;
        line.copy_from_slice(&from.rgb[begin..begin + width]);
    }
}

/// Structure at many scales, as photographs have it.
fn landscape(width: u16, height: u16) -> Picture {
    let mut picture = Picture::black(width, height);
    let mut random = Drbg::from_seed([3; 32]);
    let waves: Vec<[f32; 5]> = (1..28)
        .map(|octave| {
            let mut unit = || random.next_u32() as f32 / u32::MAX as f32;
            let frequency = 0.01 * 1.18f32.powi(octave);
            let angle = unit() * 6.3;
            [frequency * angle.cos(), frequency * angle.sin(), unit() * 6.3, 0.25 / frequency.sqrt(), unit()]
        })
        .collect();
    for (at, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = ((at % usize::from(width)) as f32, (at / usize::from(width)) as f32);
        let mut rgb = [110.0, 120.0, 115.0];
        for [fx, fy, phase, amplitude, hue] in &waves {
            let value = (fx * x + fy * y + phase).sin() * amplitude * 8.0;
            rgb[0] += value * (0.7 + 0.3 * hue);
            rgb[1] += value;
            rgb[2] += value * (1.2 - 0.4 * hue);
        }
        pixel.copy_from_slice(&rgb.map(|value: f32| value.clamp(0.0, 255.0) as u8));
    }
    picture
}

/// Something round that sways, with a mouth that opens and shuts.
fn head(picture: &mut Picture, time: f32) {
    let (width, height) = (f32::from(picture.width), f32::from(picture.height));
    let (x0, y0) = (width * (0.5 + 0.01 * (time * 1.3).sin()), height * (0.52 + 0.008 * (time * 2.1).sin()));
    let (rx, ry) = (height * 0.24, height * 0.32);
    let mouth = ry * (0.05 + 0.06 * (time * 14.0).sin().max(0.0));
    for (at, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = ((at % width as usize) as f32 - x0, (at / width as usize) as f32 - y0);
        let distance = (x / rx).powi(2) + (y / ry).powi(2);
        if distance < 1.0 {
            let light = 190.0 - 60.0 * distance + 8.0 * (x * 0.21).sin() * (y * 0.17).cos();
            let is_mouth = (x / (rx * 0.4)).powi(2) + ((y - ry * 0.5) / mouth).powi(2) < 1.0;
            let is_eye = ((x.abs() - rx * 0.4) / (rx * 0.14)).powi(2) + ((y + ry * 0.15) / (ry * 0.07)).powi(2) < 1.0;
            let rgb = if is_mouth || is_eye { [60.0, 30.0, 30.0] } else { [light, light * 0.8, light * 0.7] };
            pixel.copy_from_slice(&rgb.map(|value: f32| value.clamp(0.0, 255.0) as u8));
        }
    }
}

/// White, with lines of something like text.
fn page(width: u16, height: u16) -> Picture {
    let mut picture = Picture::black(width, height);
    picture.fill_rect(0, 0, width.into(), height.into(), [250; 3]);
    picture.fill_rect(0, 0, width.into(), 40, [52, 73, 94]);
    for y in (60..usize::from(height).saturating_sub(40)).step_by(22) {
        text_line(&mut picture, 40, y, usize::from(width) - 80 - y * 7 % 300);
    }
    picture
}

fn text_line(picture: &mut Picture, x: usize, y: usize, width: usize) {
    for glyph in 0..width / 8 {
        let shape = (glyph * 2_654_435_761) >> 7;
        if shape % 6 != 0 {
            picture.fill_rect(x + glyph * 8, y + 2, 1 + shape % 2, 12, [30; 3]);
            picture.fill_rect(x + glyph * 8, y + 2 + shape % 3 * 5, 6, 1 + shape % 2, [30; 3]);
            picture.fill_rect(x + glyph * 8 + 4, y + 2 + shape % 5, 1, 8, [60; 3]);
        }
    }
}
