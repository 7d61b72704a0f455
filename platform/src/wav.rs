//! Recording of sound as WAV.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use crate::microphone::{SAMPLE_RATE_HZ, to_i16};

/// Writes mono sound of 16 bits at [`SAMPLE_RATE_HZ`] to a WAV file.
pub struct WavWriter {
    inner: hound::WavWriter<BufWriter<File>>,
}

impl WavWriter {
    /// Makes the file, or empties it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::create_at_rate(path, SAMPLE_RATE_HZ)
    }

    /// Makes the file for sound of another rate, or empties it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create_at_rate(path: &Path, rate_hz: u32) -> io::Result<Self> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let inner = hound::WavWriter::create(path, spec).map_err(io_error)?;
        Ok(Self { inner })
    }

    /// Appends samples.
    ///
    /// # Errors
    /// What the file system says, or that the file would pass 4 GiB.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        for &sample in samples {
            self.inner.write_sample(sample).map_err(io_error)?;
        }
        Ok(())
    }

    /// Appends samples of -1.0 to 1.0, clipped.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_block(&mut self, samples: &[f32]) -> io::Result<()> {
        for &sample in samples {
            self.inner.write_sample(to_i16(sample)).map_err(io_error)?;
        }
        Ok(())
    }

    /// Writes the lengths into the file's header and closes it. A writer that is dropped does the same, but cannot say
    /// that it failed.
    ///
    /// # Errors
    /// What the file system says.
    pub fn finish(self) -> io::Result<()> {
        self.inner.finalize().map_err(io_error)
    }
}

/// A WAV error in the terms of the standard library.
pub(crate) fn io_error(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}
