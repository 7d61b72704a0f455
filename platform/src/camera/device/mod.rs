//! Cameras of this machine, by way of nokhwa and Video4Linux.
//!
//! - [`cameras`], [`find_camera`]: which there are, by names that stay; nothing is opened for that.
//! - [`camera_formats`], [`choose_format`]: what one can do, and what of it to take.
//! - [`DeviceCamera`]: one that is on, on a thread of its own.
//! - [`holders`]: who has a busy one.
//!
//! What nokhwa leaves to its callers, and is dealt with here: `frame` waits without end (`nudge` gets it out), hands over the
//! driver's whole buffer with old bytes behind the picture ([`crate::jpeg::mend_camera_jpeg`]), and panics when a driver
//! refuses to stop (caught in `reader`).

mod format;
mod holder;
mod list;
mod nudge;
mod pixels;
mod reader;
mod source;

pub use format::{Coding, DeviceFormat, choose_format};
pub use holder::{Holder, holders};
pub use list::{CameraDevice, cameras, find_camera};
pub use pixels::picture_of;
pub use reader::camera_formats;
pub use source::DeviceCamera;
