//! Microphones and loudspeakers of the machine, through cpal: PulseAudio (and so PipeWire) where there is one, else ALSA.
//!
//! - [`list`], [`AudioDevice`], [`DeviceWatch`]: what there is, and what comes and goes.
//! - [`SoundSource`], [`SoundSink`]: where sound comes from and goes to; their twins without hardware are in
//!   [`synthetic`] and [`files`].
//! - [`Microphone`], [`Speaker`]: the devices. Their callbacks neither wait nor allocate: they copy between the device and
//!   a ring, and wake the thread at its other end.
//! - [`holder`]: who keeps a device busy.
//! - [`private_server`]: a sound server of our own, without hardware, for tests and benches.
//!
//! All sound is mono, 48 kHz, in blocks of 10 ms.

pub mod files;
pub mod holder;
mod host;
mod kept;
mod microphone;
pub mod private_server;
mod speaker;
mod stream;
pub mod synthetic;
#[cfg(test)]
mod tests;
mod watch;

use std::io;

use hph_core::time::Instant;

pub use host::{AudioDevice, DeviceKind, list};
pub use microphone::Microphone;
pub use speaker::Speaker;
pub use watch::DeviceWatch;

use crate::voice::Block;

/// Which device is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Whatever the machine's default is, also when it changes.
    #[default]
    Default,
    /// The one with this name: its stable name, or a part of the name to show that only it has.
    Named(String),
}

/// A source of sound.
pub trait SoundSource: Send {
    /// Fills `out` with the next block; waits until it is there. When its first sample was captured; none after the end.
    ///
    /// # Errors
    /// What the file says. A device that is gone gives silence until it is back, see [`Self::is_live`].
    fn next_block(&mut self, out: &mut Block) -> io::Result<Option<Instant>>;

    /// Whether sound comes from where it should: false while a device is gone.
    fn is_live(&self) -> bool {
        true
    }
}

/// Where sound goes.
pub trait SoundSink: Send {
    /// Waits until the next block is wanted.
    fn wait(&mut self);

    /// Takes a block.
    ///
    /// # Errors
    /// What the file says. A device that is gone takes blocks in time and plays nothing, see [`Self::is_live`].
    fn play(&mut self, block: &Block) -> io::Result<()>;

    /// How long a sample waits, from [`Self::play`] until it is handed to the device. **Units:** microseconds.
    fn delay_us(&self) -> u64 {
        0
    }

    /// Whether sound goes where it should: false while a device is gone.
    fn is_live(&self) -> bool {
        true
    }

    /// How often the device ran out of sound.
    fn underruns(&self) -> u64 {
        0
    }
}
