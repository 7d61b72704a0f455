//! How the device learns its server without a keyboard: a file on the card's first partition, which every computer can write, or a
//! code of squares held in front of the camera. What it learns is laid over the owner's file, and kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hph_client::link::Invitation;
use hph_client::platform::picture::Picture;

use crate::config::{Config, ConfigError};
use crate::kept;

/// Name of the file on the card's first partition.
pub const BOOT_FILE: &str = "hph.toml";
/// Where it says what was wrong with that file, beside it, for the computer that wrote it.
pub const ERROR_FILE: &str = "hph-error.txt";
/// A larger file is none of ours. **Units:** bytes.
const FILE_MAX: u64 = 64 * 1024;

/// What became of the file on the card's first partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// There is none, or it is what is known already.
    Nothing,
    /// It is kept, and gone from the card.
    Once,
    /// It is kept, but the card can't be written: the same file does nothing the next time.
    StillThere(String),
    /// It was refused, and stays; why is said beside it.
    Refused(ConfigError),
}

/// Where what was learnt is kept.
#[derive(Clone, Debug)]
pub struct Learnt {
    path: PathBuf,
    /// What was shown to the camera, laid over that.
    shown: PathBuf,
}

impl Learnt {
    /// In that folder.
    pub fn new(state: &Path) -> Self {
        Self { path: state.join("enrolled.toml"), shown: state.join("shown.toml") }
    }

    /// Lays what was learnt over the owner's file.
    ///
    /// # Errors
    /// It is damaged: a program that is older than what wrote it.
    pub fn lay_over(&self, config: &mut Config) -> Result<(), ConfigError> {
        for path in [&self.path, &self.shown] {
            // None yet, or none that can be read: then it is learnt anew.
            if let Ok(text) = fs::read_to_string(path) {
                config.lay(&path.display().to_string(), &text)?;
            }
        }
        Ok(())
    }

    /// Takes the file of a partition over, once: it is kept first, made sure of, and only then taken away there. A power cut in
    /// between does no harm: the same file is taken over again.
    ///
    /// # Errors
    /// It can't be kept; then the file stays where it is.
    pub fn take_file(&self, partition: &Path, owner: &Config) -> io::Result<Applied> {
        let path = partition.join(BOOT_FILE);
        if !fs::metadata(&path).is_ok_and(|about| about.is_file() && about.len() <= FILE_MAX) {
            return Ok(Applied::Nothing);
        }
        let Ok(text) = fs::read_to_string(&path) else { return Ok(Applied::Nothing) };
        // As editors on other systems write it.
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let mut laid = owner.clone();
        if let Err(error) = laid.lay(BOOT_FILE, &text) {
            let _ = kept::replace(&partition.join(ERROR_FILE), format!("{error}\n").as_bytes());
            return Ok(Applied::Refused(error));
        }
        let is_news = fs::read_to_string(&self.path).ok().as_deref() != Some(text.as_str());
        if is_news {
            // What the camera was shown before is older.
            let _ = fs::remove_file(&self.shown);
            kept::replace(&self.path, text.as_bytes())?;
        }
        let taken = fs::remove_file(&path).and_then(|()| kept::sync_folder(partition));
        let _ = fs::remove_file(partition.join(ERROR_FILE));
        Ok(match taken {
            Ok(()) => Applied::Once,
            Err(_) if !is_news => Applied::Nothing,
            Err(error) => Applied::StillThere(error.to_string()),
        })
    }

    /// Keeps an invitation that was shown to the camera.
    ///
    /// # Errors
    /// It can't be kept.
    pub fn take_invitation(&self, invitation: &Invitation) -> io::Result<()> {
        let text = format!("# Shown to the camera.\nserver = \"{invitation}\"\n");
        kept::replace(&self.shown, text.as_bytes())
    }
}

/// The invitation in a code of squares in a picture, if there is one; anything else that a code may say is nothing.
pub fn invitation_in(picture: &Picture) -> Option<Invitation> {
    if !picture.is_consistent() || picture.width < 21 || picture.height < 21 {
        return None;
    }
    let width = usize::from(picture.width);
    let grey = |x: usize, y: usize| {
        let at = (y * width + x) * 3;
        let channel = |offset: usize| picture.rgb.get(at + offset).copied().map_or(0, u32::from);
        // ITU-R BT.601, in 256ths.
        ((channel(0) * 77 + channel(1) * 150 + channel(2) * 29) >> 8) as u8
    };
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, picture.height.into(), grey);
    prepared.detect_grids().into_iter().filter_map(|grid| grid.decode().ok()).find_map(|(_, text)| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use qrcode::{Color, QrCode};

    use super::*;

    const LINK: &str = "hph://meet.example.org:7400/Nh%C3%B3m%2017";

    fn link() -> String {
        format!("{LINK}#fp={}", "5c".repeat(32))
    }

    struct Card {
        _folder: tempfile::TempDir,
        boot: PathBuf,
        learnt: Learnt,
    }

    impl Card {
        fn new(file: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let boot = folder.path().join("boot");
            fs::create_dir(&boot).unwrap();
            fs::write(boot.join(BOOT_FILE), file).unwrap();
            let learnt = Learnt::new(&folder.path().join("state"));
            Self { _folder: folder, boot, learnt }
        }

        fn take(&self) -> Applied {
            self.learnt.take_file(&self.boot, &Config::default()).unwrap()
        }

        fn config(&self) -> Config {
            let mut config = Config::default();
            self.learnt.lay_over(&mut config).unwrap();
            config
        }
    }

    #[test]
    fn a_file_on_the_card_is_taken_over_once_and_is_gone_then() {
        let card = Card::new(&format!("\u{feff}server = \"{}\"\r\nname = \"Phòng A\"\r\n", link()));
        assert_eq!(card.take(), Applied::Once);
        assert!(!card.boot.join(BOOT_FILE).exists());
        assert_eq!((card.config().home_room(), card.config().name.as_str()), (Some("Nhóm 17"), "Phòng A"));
        assert_eq!(card.take(), Applied::Nothing);
        assert_eq!(card.config().name, "Phòng A", "it stays known");
    }

    #[test]
    fn a_file_that_is_wrong_stays_and_why_is_said_beside_it() {
        let card = Card::new("servr = \"x\"\n");
        assert!(matches!(card.take(), Applied::Refused(_)));
        let said = fs::read_to_string(card.boot.join(ERROR_FILE)).unwrap();
        assert_eq!(said, "hph.toml:1: unknown key `servr`; did you mean `server`?\n");
        assert!(card.boot.join(BOOT_FILE).exists());
        assert_eq!(card.config(), Config::default(), "nothing of it counts");
        fs::write(card.boot.join(BOOT_FILE), "name = \"B\"").unwrap();
        assert_eq!(card.take(), Applied::Once);
        assert!(!card.boot.join(ERROR_FILE).exists(), "what was wrong is mended");
    }

    #[test]
    fn a_power_cut_after_it_was_kept_does_no_harm() {
        let card = Card::new("name = \"A\"\n");
        card.take();
        // As if it had not come to taking it away.
        fs::write(card.boot.join(BOOT_FILE), "name = \"A\"\n").unwrap();
        assert_eq!(card.take(), Applied::Once);
        assert_eq!(card.config().name, "A");
    }

    #[test]
    fn what_is_no_file_of_ours_is_left_alone() {
        let card = Card::new(&"#".repeat(70_000));
        assert_eq!(card.take(), Applied::Nothing);
        assert!(card.boot.join(BOOT_FILE).exists());
        let other = Card::new("");
        fs::write(other.boot.join(BOOT_FILE), [0xff, 0xfe, 0]).unwrap();
        assert_eq!(other.take(), Applied::Nothing);
        assert_eq!(other.learnt.take_file(Path::new("/nonexistent"), &Config::default()).unwrap(), Applied::Nothing);
    }

    /// What a camera sees of somebody who holds a code in front of it: grey, noisy, lit from one side, `turned` a little.
    fn seen(text: &str, (width, height): (u16, u16), side: f32, turned: f32) -> Picture {
        let code = QrCode::new(text).unwrap();
        let squares = code.width() as f32;
        let (sin, cos) = turned.sin_cos();
        let mut noise = 7u32;
        let mut picture = Picture::black(width, height);
        for y in 0..height {
            for x in 0..width {
                let (dx, dy) = (f32::from(x) - f32::from(width) / 2.0, f32::from(y) - f32::from(height) / 2.0);
                let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
                let (u, v) = ((u / side + 0.5) * squares, (v / side + 0.5) * squares);
                let is_paper = u > -4.0 && v > -4.0 && u < squares + 4.0 && v < squares + 4.0;
                let is_code = u >= 0.0 && v >= 0.0 && u < squares && v < squares;
                let light = match () {
                    () if is_code && code[(u as usize, v as usize)] == Color::Dark => 40.0,
                    () if is_paper => 215.0,
                    () => 110.0,
                };
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let shade = 0.75 + 0.25 * f32::from(x) / f32::from(width);
                let level = (light * shade + (noise >> 24) as f32 / 16.0 - 8.0).clamp(0.0, 255.0) as u8;
                let at = (usize::from(y) * usize::from(width) + usize::from(x)) * 3;
                picture.rgb[at..at + 3].fill(level);
            }
        }
        picture
    }

    #[test]
    fn a_code_held_in_front_of_the_camera_is_read() {
        for (size, side, turned) in
            [((640, 480), 300.0, 0.0), ((640, 480), 260.0, 0.12), ((1280, 720), 500.0, -0.3), ((1280, 720), 400.0, 1.6)]
        {
            let invitation = invitation_in(&seen(&link(), size, side, turned));
            assert_eq!(invitation.map(|invitation| invitation.to_string()), Some(link()), "{size:?} {side} {turned}");
        }
    }

    #[test]
    fn other_codes_and_other_pictures_are_nothing() {
        assert_eq!(invitation_in(&seen("https://example.org/", (640, 480), 300.0, 0.0)), None);
        assert_eq!(invitation_in(&Picture::black(640, 480)), None);
        assert_eq!(invitation_in(&Picture::black(2, 2)), None);
        assert_eq!(invitation_in(&Picture { width: 640, height: 480, rgb: vec![0; 3] }), None);
        let half = seen(&link(), (640, 480), 900.0, 0.0);
        assert_eq!(invitation_in(&half), None, "too near: its corners are not seen");
    }

    #[test]
    fn what_the_camera_was_shown_is_kept() {
        let card = Card::new("name = \"Phòng A\"\nserver = \"hph://old.example.org/\"\n");
        assert_eq!(card.take(), Applied::Once);
        card.learnt.take_invitation(&link().parse().unwrap()).unwrap();
        assert_eq!(card.config().server.map(|server| server.to_string()), Some(link()));
        assert_eq!(card.config().name, "Phòng A", "the rest stays as it was");
        fs::write(card.boot.join(BOOT_FILE), "name = \"B\"\n").unwrap();
        assert_eq!(card.take(), Applied::Once);
        assert_eq!(card.config().server, None, "a newer file counts more");
    }
}
