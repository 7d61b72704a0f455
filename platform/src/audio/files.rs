//! Sound from and to WAV files.

use std::io;
use std::path::Path;

use hph_core::time::{Duration, Instant};

use super::{SoundSink, SoundSource};
use crate::microphone::WavSource;
use crate::pacer::{Pacer, Pacing};
use crate::voice::{BLOCK_SAMPLES, Block, SAMPLE_RATE_HZ};
use crate::wav::WavWriter;

/// A WAV file as a microphone.
pub struct WavFileSource {
    inner: WavSource,
    pacer: Pacer,
}

impl WavFileSource {
    /// Opens the file at `path`. `is_looped`: start again at its end, for ever.
    ///
    /// # Errors
    /// As [`WavSource::open`].
    pub fn open(path: &Path, is_looped: bool, pacing: Pacing) -> io::Result<Self> {
        let inner = WavSource::open_at_rate(path, is_looped, Pacing::Unpaced, SAMPLE_RATE_HZ)?;
        Ok(Self { inner, pacer: Pacer::new(pacing, SAMPLE_RATE_HZ.into(), Duration::from_secs(1)) })
    }
}

impl SoundSource for WavFileSource {
    fn next_block(&mut self, out: &mut Block) -> io::Result<Option<Instant>> {
        if self.inner.next_samples(out)?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.pacer.wait(BLOCK_SAMPLES as u64)))
    }
}

/// A WAV file as a loudspeaker: what would have been heard.
pub struct WavFileSink {
    writer: WavWriter,
    pacer: Pacer,
}

impl WavFileSink {
    /// Makes the file, or empties it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let pacer = Pacer::new(Pacing::RealTime, SAMPLE_RATE_HZ.into(), Duration::from_secs(1));
        Ok(Self { writer: WavWriter::create_at_rate(path, SAMPLE_RATE_HZ)?, pacer })
    }
}

impl SoundSink for WavFileSink {
    fn wait(&mut self) {
        self.pacer.wait(BLOCK_SAMPLES as u64);
    }

    fn play(&mut self, block: &Block) -> io::Result<()> {
        self.writer.write_block(block)
    }
}
