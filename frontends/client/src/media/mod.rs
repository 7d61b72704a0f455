//! Pictures and sound between devices and the engine.

mod capture;
mod receive;
mod record;
mod stages;

pub use capture::{CameraSpec, Capture, CaptureFigures, MicrophoneSpec};
pub use receive::{Receiver, ReceiverFigures};
pub use record::RecorderConfig;
pub use stages::Stages;
