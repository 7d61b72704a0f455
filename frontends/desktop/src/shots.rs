//! Every screen as a picture, without a display: for people who look at them, for the documents and for the tests.

mod fixtures;
mod groups;
mod panels;
mod people;

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use slint::{ComponentHandle, PhysicalSize, PlatformError, Rgba8Pixel, SharedPixelBuffer};

use crate::headless;
use crate::ui::{App, Look, Theme};

/// Something to show: its name, and what fills the screen.
pub struct Scene {
    /// Name of the file.
    pub name: &'static str,
    fill: fn(&App, Lang),
}

impl Scene {
    /// Fills the screen with it.
    pub fn fill(&self, app: &App, lang: Lang) {
        (self.fill)(app, lang);
    }
}

/// A language, by its code.
pub type Lang = &'static str;

/// How a scene is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// `vi` or `en`.
    pub lang: Lang,
    /// Colours.
    pub look: Look,
    /// What the window is like.
    pub format: Format,
}

/// A kind of window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 1280x720.
    Desktop,
    /// 800x480, touched.
    Touch,
    /// 1280x720, texts half as large again.
    Large,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Desktop, Self::Touch, Self::Large];

    const fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Touch => "touch",
            Self::Large => "large",
        }
    }

    /// **Units:** pixels.
    const fn size(self) -> (u32, u32) {
        match self {
            Self::Touch => (800, 480),
            Self::Desktop | Self::Large => (1280, 720),
        }
    }
}

impl Setting {
    /// Every language in every look in every format.
    pub fn all() -> impl Iterator<Item = Self> {
        let looks = ["vi", "en"].into_iter().flat_map(|lang| [(lang, Look::Dark), (lang, Look::Light)]);
        looks.flat_map(|(lang, look)| Format::ALL.map(|format| Self { lang, look, format }))
    }

    /// For the name of a file: `vi-dark-touch`.
    pub fn name(self) -> String {
        let look = match self.look {
            Look::Dark => "dark",
            Look::Light => "light",
            Look::Contrast => "contrast",
        };
        format!("{}-{look}-{}", self.lang, self.format.name())
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
    let (width, height) = setting.format.size();
    let theme = app.global::<Theme>();
    theme.set_look(setting.look);
    theme.set_compact(setting.format == Format::Touch);
    theme.set_text_scale(if setting.format == Format::Large { 1.5 } else { 1.0 });
    app.window().set_size(PhysicalSize::new(width, height));
    scene.fill(&app, setting.lang);
    app.show()?;
    headless::settle();
    let picture = app.window().take_snapshot();
    app.hide()?;
    picture
}

/// Writes every scene in every setting into a folder, as `room-vi-dark-touch.png`; `only` scenes and settings whose name
/// contains that.
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
