//! Pictures and sound between devices and the engine.
//!
//! - `video` and `voice`: what each kind does on its way out and in.
//! - `capture`, `receive`, `record`, `stages`: what both share.

mod capture;
mod lips;
mod receive;
mod record;
mod stages;
mod video;
mod voice;

pub use capture::{Capture, CaptureFigures};
pub use receive::{Receiver, ReceiverConfig, ReceiverFigures};
pub use record::RecorderConfig;
pub use stages::Stages;
pub use video::capture::{CameraSpec, OwnPictures};
pub use video::encode::{VideoCodec, VideoControl};
pub use video::receive::PictureSink;
pub use voice::capture::open as open_microphone;
pub use voice::config::{
    DeviceChoice, FrameLength, GateMode, MicrophoneSpec, ProcessorConfig, SpeakerSpec, VoiceCodec, VoiceConfig,
};
pub use voice::figures::{VoiceFigures, VoiceStages};
pub use voice::playback::open_sink as open_speaker;
pub use voice::shared::{VOLUME_MAX, VoiceShared};
