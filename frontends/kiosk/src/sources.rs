//! Which devices are meant by the names in the configuration.

use hph_client::media::{CameraSpec, DeviceChoice, MicrophoneSpec, SpeakerSpec};
use hph_client::platform::camera::CameraFormat;
use hph_kiosk_core::config::Config;

/// The camera of the room.
pub fn camera(config: &Config) -> CameraSpec {
    device(&config.camera, config)
}

/// What is shared, if anything can be.
pub fn share(config: &Config) -> Option<CameraSpec> {
    config.share.as_deref().map(|name| device(name, config))
}

fn device(name: &str, config: &Config) -> CameraSpec {
    let side = |side: u32| u16::try_from(side).unwrap_or(720);
    let height = side(config.video_height);
    let format = CameraFormat { width: height / 9 * 16, height, fps: side(config.video_rate) };
    match name {
        "test" => CameraSpec::Test { format, name: config.name.clone() },
        name => CameraSpec::Device { name: name.to_owned(), format },
    }
}

/// The microphone of the room.
pub fn microphone(config: &Config) -> MicrophoneSpec {
    match config.microphone.as_str() {
        "test" => MicrophoneSpec::Test { seed: 7 },
        name => MicrophoneSpec::Device(choice(name)),
    }
}

/// The loudspeaker of the room.
pub fn speaker(config: &Config) -> SpeakerSpec {
    match config.speaker.as_str() {
        "none" => SpeakerSpec::None,
        name => SpeakerSpec::Device(choice(name)),
    }
}

fn choice(name: &str) -> DeviceChoice {
    if name == "default" { DeviceChoice::Default } else { DeviceChoice::Named(name.to_owned()) }
}
