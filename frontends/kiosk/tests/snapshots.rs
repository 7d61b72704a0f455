//! Every screen in both languages on both sizes is drawn as it was when somebody last looked at it.
//!
//! The references are a quarter of the size in each direction, so that they are small; a letter that moves is still seen. After a
//! change that is meant: HPH_SNAPSHOTS=write cargo nextest run -p hph-kiosk --no-default-features --test snapshots, and look at every picture that
//! changed (hph-kiosk --screenshot DIR draws them in full).

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use hph_kiosk::shots::{Setting, draw, scenes};
use slint::{Rgba8Pixel, SharedPixelBuffer};

/// Each side of a reference is so many times smaller.
const SMALLER: usize = 4;
/// A channel may differ so much.
const CHANNEL_MAX: u8 = 8;
/// And so many of a thousand pixels may differ more.
const PIXELS_PERMILLE: usize = 2;

/// A small picture.
#[derive(PartialEq, Eq)]
struct Small {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Small {
    fn of(picture: &SharedPixelBuffer<Rgba8Pixel>) -> Self {
        let (width, height) = (picture.width() as usize / SMALLER, picture.height() as usize / SMALLER);
        let pixels = picture.as_slice();
        let row = picture.width() as usize;
        let mut rgb = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                let block = (0..SMALLER * SMALLER)
                    .map(|at| &pixels[(y * SMALLER + at / SMALLER) * row + x * SMALLER + at % SMALLER]);
                let sum =
                    block.fold([0u32; 3], |[r, g, b], p| [r + u32::from(p.r), g + u32::from(p.g), b + u32::from(p.b)]);
                rgb.extend(sum.map(|channel| (channel / (SMALLER * SMALLER) as u32) as u8));
            }
        }
        Self { width, height, rgb }
    }

    fn read(path: &Path) -> Option<Self> {
        let decoder = png::Decoder::new(BufReader::new(File::open(path).ok()?));
        let mut reader = decoder.read_info().ok()?;
        let mut rgb = vec![0; reader.output_buffer_size()?];
        let info = reader.next_frame(&mut rgb).ok()?;
        Some(Self { width: info.width as usize, height: info.height as usize, rgb })
    }

    fn write(&self, path: &Path) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let file = BufWriter::new(File::create(path).expect("a file"));
        let mut encoder = png::Encoder::new(file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.rgb)).expect("written");
    }

    /// How many pixels differ by more than is allowed; all if the sizes do.
    fn differing(&self, other: &Self) -> usize {
        if (self.width, self.height) != (other.width, other.height) {
            return self.width * self.height;
        }
        let pairs = self.rgb.chunks_exact(3).zip(other.rgb.chunks_exact(3));
        pairs.filter(|(a, b)| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > CHANNEL_MAX)).count()
    }
}

#[test]
fn every_screen_is_drawn_as_it_was() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let is_written = std::env::var_os("HPH_SNAPSHOTS").is_some_and(|value| value == "write");
    hph_kiosk::headless::install().expect("no display yet");
    let mut wrong = Vec::new();
    for scene in scenes() {
        for setting in Setting::all() {
            let name = format!("{}-{}", scene.name, setting.name());
            let path = folder.join(format!("{name}.png"));
            let small = Small::of(&draw(scene, setting).expect("drawn"));
            if is_written {
                small.write(&path);
                continue;
            }
            match Small::read(&path) {
                None => wrong.push(format!("{name}: there is no reference")),
                Some(reference) => {
                    let differing = small.differing(&reference);
                    if differing * 1000 > small.width * small.height * PIXELS_PERMILLE {
                        wrong.push(format!("{name}: {differing} pixels differ"));
                        small.write(&folder.join("../../../../target/kiosk-snapshots").join(format!("{name}.png")));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "look at target/kiosk-snapshots, then see the head of this file:\n{}", wrong.join("\n"));
}
