//! Every screen as a picture, without a display: for people who look at them, for the documents and for the tests.

mod fixtures;
#[path = "../../desktop/src/shots/people.rs"]
#[expect(dead_code, reason = "no slide is shown here")]
mod people;

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use hph_kiosk_core::budget::cpu_us;
use slint::{ComponentHandle, PhysicalSize, PlatformError, Rgba8Pixel, SharedPixelBuffer};

use crate::headless;
use crate::ui::App;

/// Something to show: its name, and what fills the screen.
pub struct Scene {
    /// Name of the file.
    pub name: &'static str,
    fill: fn(&App, Lang),
}

/// A language, by its code.
pub type Lang = &'static str;

/// How a scene is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `vi` or `en`.
    pub lang: Lang,
    /// **Units:** pixels.
    pub size: (u32, u32),
}

impl Setting {
    /// Both languages on a small and on a large screen.
    pub fn all() -> impl Iterator<Item = Self> {
        let sizes = [(800, 480), (1280, 800)];
        ["vi", "en"].into_iter().flat_map(move |lang| sizes.map(|size| Self { lang, size }))
    }

    /// For the name of a file: `vi-800x480`.
    pub fn name(self) -> String {
        format!("{}-{}x{}", self.lang, self.size.0, self.size.1)
    }
}

/// Every screen in the states in which it looks different.
pub fn scenes() -> &'static [Scene] {
    fixtures::SCENES
}

/// Draws a scene.
///
/// # Errors
/// The window can't be made or drawn.
pub fn draw(scene: &Scene, setting: Setting) -> Result<SharedPixelBuffer<Rgba8Pixel>, PlatformError> {
    let app = App::new()?;
    slint::select_bundled_translation(setting.lang).map_err(|error| PlatformError::Other(error.to_string()))?;
    app.window().set_size(PhysicalSize::new(setting.size.0, setting.size.1));
    (scene.fill)(&app, setting.lang);
    app.show()?;
    headless::settle();
    // Tiles stand where the stage lets them, which is known only now.
    (scene.fill)(&app, setting.lang);
    headless::settle();
    let picture = app.window().take_snapshot();
    app.hide()?;
    picture
}

/// Processor time of drawing the room on a screen of that size with one new picture of that size, by the renderer that needs no
/// graphics processor. **Units:** microseconds.
///
/// # Errors
/// The window can't be made or drawn.
pub fn paint_us((width, height): (u16, u16), count: u32) -> Result<f64, PlatformError> {
    let app = App::new()?;
    app.window().set_size(PhysicalSize::new(width.into(), height.into()));
    fixtures::one_picture(&app, width.into(), height.into());
    app.show()?;
    headless::settle();
    let mut sum_us = 0.0;
    // The first one is made ready, and is not like the others.
    for at in 0..=count {
        fixtures::one_picture(&app, width.into(), height.into());
        let begun = cpu_us();
        app.window().take_snapshot()?;
        sum_us += if at == 0 { 0.0 } else { cpu_us() - begun };
    }
    app.hide()?;
    Ok(sum_us / f64::from(count.max(1)))
}

/// Writes every scene in every setting into a folder, as `room-vi-800x480.png`; `only` those whose name contains that.
///
/// # Errors
/// The folder can't be written, or nothing can be drawn.
pub fn write_all(folder: &Path, only: &str) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    let mut written = 0;
    for scene in scenes() {
        for setting in Setting::all() {
            let name = format!("{}-{}", scene.name, setting.name());
            if name.contains(only) {
                let picture = draw(scene, setting).map_err(io::Error::other)?;
                write_png(&folder.join(format!("{name}.png")), &picture)?;
                written += 1;
            }
        }
    }
    Ok(written)
}

/// Writes a picture, without its transparency.
///
/// # Errors
/// The file can't be written.
pub fn write_png(path: &Path, picture: &SharedPixelBuffer<Rgba8Pixel>) -> io::Result<()> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let rgb: Vec<u8> = picture.as_slice().iter().flat_map(|pixel| [pixel.r, pixel.g, pixel.b]).collect();
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&rgb).map_err(io::Error::other)
}
