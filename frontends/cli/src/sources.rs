//! Where pictures and sound come from: what `--video`, `--microphone` and `--speaker` mean.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use hph_client::core::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use hph_client::media::{
    CameraSpec, DeviceChoice, FrameLength, MicrophoneSpec, SpeakerSpec, VideoCodec, open_microphone, open_speaker,
};
use hph_client::platform::camera::{self, CameraFormat, FileOptions};
use hph_client::platform::screen::PortalTrouble;
use hph_client::platform::voice::BLOCK_SAMPLES;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::exit::{Exit, Failure};
use crate::lang::{self, Lang};
use crate::output::Output;

/// A camera, if nothing else is said.
const CAMERA_SIZE: Size = Size { width: 1280, height: 720 };
/// Files of which pictures are played; a text with such an ending is no name of a camera.
const VIDEO_FILES: [&str; 3] = [".mjpeg", ".mjpg", ".y4m"];
/// The test picture, if nothing else is said.
const TEST_FORMAT: CameraFormat = CameraFormat { width: 640, height: 360, fps: 15 };
/// Nobody needs more pictures a second.
const FPS_MAX: u16 = 60;
/// The tone, if nothing else is said.
const TONE_HZ: f32 = 440.0;
/// What a microphone of 16 kHz can carry.
const TONE_HZ_MAX: f32 = 7500.0;

/// A camera as it stands on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Video {
    /// The moving test picture.
    Test(CameraFormat),
    /// A file or folder.
    Path(PathBuf),
    /// A camera of this machine.
    Device(String),
}

/// Sides of a picture as they stand on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    width: u16,
    height: u16,
}

/// A microphone as it stands on the command line.
#[derive(Clone, Debug, PartialEq)]
pub enum Audio {
    /// A sine.
    Tone(f32),
    /// Something like speech.
    Test,
    /// A WAV file.
    Path(PathBuf),
    /// A microphone of the machine.
    Device(DeviceChoice),
}

/// A loudspeaker as it stands on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundOut {
    /// Nothing is played.
    Nowhere,
    /// A WAV file.
    Path(PathBuf),
    /// A loudspeaker of the machine.
    Device(DeviceChoice),
}

impl FromStr for Video {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text == "test" => Ok(Self::Test(TEST_FORMAT)),
            Some(("test", format)) => parse_format(format).map(Self::Test),
            _ if text.is_empty() => Err("expected NAME, default, FILE, DIR or test[:WxH@FPS]".to_owned()),
            _ if text.starts_with("/dev/video") => Ok(Self::Device(text.to_owned())),
            _ if Path::new(text).exists() || text.contains('/') || is_video_file(text) => Ok(Self::Path(text.into())),
            _ => Ok(Self::Device(text.to_owned())),
        }
    }
}

impl Size {
    /// A format of this size.
    pub const fn at(self, fps: u16) -> CameraFormat {
        CameraFormat { width: self.width, height: self.height, fps }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
        sides
            .filter(|(width, height)| {
                (16..=PICTURE_WIDTH_MAX).contains(width) && (16..=PICTURE_HEIGHT_MAX).contains(height)
            })
            .map(|(width, height)| Self { width, height })
            .ok_or_else(|| format!("a size is WxH, up to {PICTURE_WIDTH_MAX}x{PICTURE_HEIGHT_MAX}"))
    }
}

fn is_video_file(text: &str) -> bool {
    let text = text.to_lowercase();
    VIDEO_FILES.iter().any(|ending| text.ends_with(ending))
}

impl FromStr for Audio {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text == "tone" => Ok(Self::Tone(TONE_HZ)),
            _ if text == "test" => Ok(Self::Test),
            Some(("tone", pitch)) => {
                let pitch = pitch.parse().ok().filter(|hz| (20.0..=TONE_HZ_MAX).contains(hz));
                pitch.map(Self::Tone).ok_or_else(|| format!("a tone is from 20 to {TONE_HZ_MAX} Hz"))
            }
            _ if text.is_empty() => Err("expected NAME, default, FILE.wav, tone[:HZ] or test".to_owned()),
            _ if is_path(text) => Ok(Self::Path(text.into())),
            _ => Ok(Self::Device(device(text))),
        }
    }
}

impl FromStr for SoundOut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::Nowhere),
            "" => Err("expected NAME, default, none or FILE.wav".to_owned()),
            path if is_path(path) => Ok(Self::Path(path.into())),
            name => Ok(Self::Device(device(name))),
        }
    }
}

/// No device has such a name.
fn is_path(text: &str) -> bool {
    text.contains('/') || text.to_lowercase().ends_with(".wav")
}

fn device(name: &str) -> DeviceChoice {
    if name == "default" { DeviceChoice::Default } else { DeviceChoice::Named(name.to_owned()) }
}

/// A codec by its name.
///
/// # Errors
/// There is none of that name.
pub fn parse_codec(text: &str) -> Result<VideoCodec, String> {
    match text {
        "strips" => Ok(VideoCodec::Strips),
        "jpeg" => Ok(VideoCodec::Jpeg),
        _ => Err("expected strips or jpeg".to_owned()),
    }
}

/// `640x360@15`, `640x360` or `@15`.
fn parse_format(text: &str) -> Result<CameraFormat, String> {
    let (size, fps) = text.split_once('@').map_or((text, None), |(size, fps)| (size, Some(fps)));
    let Size { width, height } = match size {
        "" => Size { width: TEST_FORMAT.width, height: TEST_FORMAT.height },
        size => size.parse()?,
    };
    let fps = fps.map_or(Some(TEST_FORMAT.fps), |fps| fps.parse().ok()).filter(|fps| (1..=FPS_MAX).contains(fps));
    Ok(CameraFormat { width, height, fps: fps.ok_or_else(|| format!("a rate is from 1 to {FPS_MAX}"))? })
}

impl Video {
    /// What to open; `name` is drawn in the test picture, `size` is what a camera is asked for.
    pub fn spec(&self, name: &str, size: Option<Size>, fps: u16, is_looped: bool) -> CameraSpec {
        match self {
            Self::Device(device) => {
                CameraSpec::Device { name: device.clone(), format: size.unwrap_or(CAMERA_SIZE).at(fps) }
            }
            Self::Test(format) => CameraSpec::Test { format: *format, name: drawable(name) },
            Self::Path(path) => CameraSpec::File { path: path.clone(), fps, is_looped },
        }
    }

    /// Tries to open a file, and looks whether there is such a camera, so that a wrong one is known before anybody is disturbed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, out: &Output) -> Result<(), Failure> {
        match self {
            Self::Test(_) => Ok(()),
            Self::Path(path) => camera::open_file(path, FileOptions::default())
                .map(|_| ())
                .map_err(|error| source_failure(&path.display(), &error, out)),
            Self::Device(name) => camera::find_device(name).map_err(|error| source_failure(name, &error, out)),
        }
    }
}

impl Audio {
    /// What to open; `name` decides how a test voice sounds.
    pub fn spec(&self, name: &str, is_looped: bool) -> MicrophoneSpec {
        match self {
            Self::Tone(frequency_hz) => MicrophoneSpec::Tone { frequency_hz: *frequency_hz },
            Self::Test => MicrophoneSpec::Test { seed: name.bytes().map(u64::from).sum() },
            Self::Path(path) => MicrophoneSpec::File { path: path.clone(), is_looped },
            Self::Device(choice) => MicrophoneSpec::Device(choice.clone()),
        }
    }

    /// Whether it is a microphone of the machine, which hears a room.
    pub const fn is_device(&self) -> bool {
        matches!(self, Self::Device(_))
    }

    /// As [`Video::check`].
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, out: &Output) -> Result<(), Failure> {
        let name = match self {
            Self::Path(path) => path.display().to_string(),
            Self::Device(choice) => name_of(choice),
            Self::Tone(_) | Self::Test => return Ok(()),
        };
        let opened = open_microphone(&self.spec("", false), BLOCK_SAMPLES as u32);
        opened.map(|_| ()).map_err(|error| source_failure(&name, &error, out))
    }
}

impl SoundOut {
    /// What to open.
    pub fn spec(&self) -> SpeakerSpec {
        match self {
            Self::Nowhere => SpeakerSpec::None,
            Self::Path(path) => SpeakerSpec::File(path.clone()),
            Self::Device(choice) => SpeakerSpec::Device(choice.clone()),
        }
    }

    /// As [`Video::check`].
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, out: &Output) -> Result<(), Failure> {
        let name = match self {
            Self::Path(path) => path.display().to_string(),
            Self::Device(choice) => name_of(choice),
            Self::Nowhere => return Ok(()),
        };
        let opened = open_speaker(&self.spec(), FrameLength::default());
        opened.map(|_| ()).map_err(|error| source_failure(&name, &error, out))
    }
}

fn name_of(choice: &DeviceChoice) -> String {
    match choice {
        DeviceChoice::Default => "default".to_owned(),
        DeviceChoice::Named(name) => name.clone(),
    }
}

/// A camera, a microphone, a screen or a file of them can't be used.
pub fn source_failure(source: &dyn std::fmt::Display, error: &std::io::Error, out: &Output) -> Failure {
    let (why, advice) = trouble(error, out.lang);
    let what = out.lang.fill(&lang::E_SOURCE, &[source, &why]);
    Failure::new(Exit::Device, "E-DEV-01", what).advise(advice)
}

/// What is wrong with a source, and what to do.
pub fn trouble(error: &std::io::Error, lang: Lang) -> (String, &'static str) {
    let (phrase, detail, advice): (_, &dyn std::fmt::Display, _) = match portal_trouble(error) {
        None => return (error.to_string(), lang.text(&lang::A_SOURCE)),
        Some(PortalTrouble::NoDesktop(why)) => (&lang::P_NO_DESKTOP, why, &lang::A_NO_DESKTOP),
        Some(PortalTrouble::NoPortal(why)) => (&lang::P_NO_PORTAL, why, &lang::A_NO_PORTAL),
        Some(PortalTrouble::Refused) => (&lang::P_REFUSED, &"", &lang::A_REFUSED),
        Some(PortalTrouble::NoAnswer(seconds)) => (&lang::P_NO_ANSWER, seconds, &lang::A_NO_ANSWER),
        Some(PortalTrouble::NoPipeWire(why)) => (&lang::P_NO_PIPEWIRE, why, &lang::A_NO_PIPEWIRE),
        Some(PortalTrouble::Failed(why)) => (&lang::P_FAILED, why, &lang::A_NO_PORTAL),
    };
    (lang.fill(phrase, &[detail]), lang.text(advice))
}

fn portal_trouble(error: &std::io::Error) -> Option<&PortalTrouble> {
    error.get_ref()?.downcast_ref()
}

/// A name in the letters that the test picture has.
fn drawable(name: &str) -> String {
    let plain = name.nfd().filter(|c| !is_combining_mark(*c)).map(|c| match c {
        'đ' => 'd',
        'Đ' => 'D',
        c => c,
    });
    plain.take(24).collect::<String>().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_a_test_picture_or_a_path() {
        let test = |width, height, fps| Ok(Video::Test(CameraFormat { width, height, fps }));
        assert_eq!("test".parse(), test(640, 360, 15));
        assert_eq!("test:320x240".parse(), test(320, 240, 15));
        assert_eq!("test:1280x720@30".parse(), test(1280, 720, 30));
        assert_eq!("test:@5".parse(), test(640, 360, 5));
        assert_eq!("talk.y4m".parse(), Ok(Video::Path("talk.y4m".into())));
        assert_eq!("a:b.mjpeg".parse(), Ok(Video::Path("a:b.mjpeg".into())));
        assert_eq!("./talk".parse(), Ok(Video::Path("./talk".into())));
        for name in ["default", "/dev/video2", "HD Webcam C920", "Built-in: Camera", "v1.2 cam"] {
            assert_eq!(name.parse(), Ok(Video::Device(name.to_owned())), "{name}");
        }
        for text in ["", "test:", "test:x", "test:1x1", "test:4000x4000", "test:640x360@0", "test:640x360@61"] {
            // An empty format is the default one.
            assert_eq!(text.parse::<Video>().is_err(), text != "test:", "{text}");
        }
    }

    #[test]
    fn a_microphone_is_a_tone_a_voice_a_file_or_a_device() {
        assert_eq!("tone".parse(), Ok(Audio::Tone(440.0)));
        assert_eq!("tone:1000".parse(), Ok(Audio::Tone(1000.0)));
        assert_eq!("test".parse(), Ok(Audio::Test));
        assert_eq!("voice.wav".parse(), Ok(Audio::Path("voice.wav".into())));
        assert_eq!("default".parse(), Ok(Audio::Device(DeviceChoice::Default)));
        assert_eq!("Blue Yeti".parse(), Ok(Audio::Device(DeviceChoice::Named("Blue Yeti".to_owned()))));
        assert_eq!("none".parse(), Ok(SoundOut::Nowhere));
        assert_eq!("heard.WAV".parse(), Ok(SoundOut::Path("heard.WAV".into())));
        assert_eq!("usb".parse(), Ok(SoundOut::Device(DeviceChoice::Named("usb".to_owned()))));
        for text in ["", "tone:", "tone:9000", "tone:NaN", "tone:1"] {
            assert!(text.parse::<Audio>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_vietnamese_name_is_drawn_without_its_marks() {
        assert_eq!(drawable("Nguyễn Thị Hường"), "NGUYEN THI HUONG");
        assert_eq!(drawable("Đạt"), "DAT");
    }

    #[test]
    fn trouble_with_the_portal_is_told_in_the_language_of_the_talk() {
        let error = std::io::Error::from(PortalTrouble::NoPortal("none here".to_owned()));
        let ((what, advice), (cai_gi, loi_khuyen)) = (trouble(&error, Lang::En), trouble(&error, Lang::Vi));
        assert!(what.contains("none here") && cai_gi.contains("none here"), "{what} {cai_gi}");
        assert!(what != cai_gi && advice != loi_khuyen);
        let (what, _) = trouble(&std::io::Error::other("the device says so"), Lang::Vi);
        assert_eq!(what, "the device says so");
    }

    #[test]
    fn a_file_that_is_not_there_is_a_device_that_is_not_there() {
        let out = Output::new(false, -1, false);
        let failure = Video::Path("/nonexistent.y4m".into()).check(&out).expect_err("missing");
        assert_eq!(failure.exit, Exit::Device);
        assert!(failure.what.contains("/nonexistent.y4m"));
        let failure = Video::Device("No such camera".into()).check(&out).expect_err("missing");
        assert_eq!(failure.exit, Exit::Device);
        assert!(Audio::Path("/nonexistent.wav".into()).check(&out).is_err());
        assert!(Audio::Test.check(&out).is_ok() && "test".parse::<Video>().expect("a test").check(&out).is_ok());
    }
}
