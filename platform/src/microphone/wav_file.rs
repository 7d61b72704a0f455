//! Sound from a WAV file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use hound::{SampleFormat, WavSpec};
use hph_core::time::Duration;

use super::{MicrophoneSource, Resampler, SAMPLE_RATE_HZ, to_i16};
use crate::pacer::{Pacer, Pacing};
use crate::wav::io_error;

/// Input samples of each channel that are read at a time.
const CHUNK: usize = 1024;

/// Sound of a WAV file: mono or stereo, 8 to 48 kHz, integers of 8 to 32 bits or floats. Stereo is mixed down, and the
/// rate converted to [`SAMPLE_RATE_HZ`].
///
/// **Bound:** the file is read piece by piece; memory does not depend on its length.
pub struct WavSource {
    reader: hound::WavReader<BufReader<File>>,
    spec: WavSpec,
    is_looped: bool,
    has_ended: bool,
    resampler: Resampler,
    ready: VecDeque<f32>,
    pacer: Pacer,
}

impl WavSource {
    /// Opens the file at `path`. `is_looped`: start again at its end, for ever.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` if the file is no WAV, of a form that is not understood, or empty.
    pub fn open(path: &Path, is_looped: bool, pacing: Pacing) -> io::Result<Self> {
        Self::open_at_rate(path, is_looped, pacing, SAMPLE_RATE_HZ)
    }

    /// Opens the file at `path` as [`Self::open`], to be read by [`Self::next_samples`] at another rate.
    ///
    /// # Errors
    /// As there.
    pub fn open_at_rate(path: &Path, is_looped: bool, pacing: Pacing, rate_hz: u32) -> io::Result<Self> {
        let reader = hound::WavReader::open(path).map_err(io_error)?;
        let spec = reader.spec();
        check(spec, reader.duration())
            .map_err(|why| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display())))?;
        Ok(Self {
            reader,
            spec,
            is_looped,
            has_ended: false,
            resampler: Resampler::new(spec.sample_rate, rate_hz),
            ready: VecDeque::new(),
            pacer: Pacer::new(pacing, rate_hz.into(), Duration::from_secs(1)),
        })
    }

    /// As [`MicrophoneSource::next_block`], for samples of -1.0 to 1.0 at the rate that was asked for.
    ///
    /// # Errors
    /// As there.
    pub fn next_samples(&mut self, out: &mut [f32]) -> io::Result<Option<usize>> {
        while self.ready.len() < out.len() && !self.has_ended {
            self.read_more()?;
        }
        if self.ready.is_empty() && !out.is_empty() {
            return Ok(None);
        }
        self.pacer.wait(out.len() as u64);
        let count = self.ready.len().min(out.len());
        out.fill(0.0);
        for (sample, ready) in out.iter_mut().zip(self.ready.drain(..count)) {
            *sample = ready;
        }
        Ok(Some(count))
    }

    /// Reads and converts the next piece of the file.
    fn read_more(&mut self) -> io::Result<()> {
        let mono = self.read_mono()?;
        let mut out = Vec::new();
        self.resampler.push(&mono, &mut out);
        if mono.is_empty() {
            if self.is_looped {
                self.reader.seek(0)?;
            } else {
                self.resampler.finish(&mut out);
                self.has_ended = true;
            }
        }
        self.ready.extend(out);
        Ok(())
    }

    /// Up to [`CHUNK`] samples, channels mixed.
    fn read_mono(&mut self) -> io::Result<Vec<f32>> {
        let channels = usize::from(self.spec.channels);
        let count = CHUNK * channels;
        let samples: Result<Vec<f32>, _> = match self.spec.sample_format {
            SampleFormat::Float => self.reader.samples::<f32>().take(count).collect(),
            SampleFormat::Int => {
                let scale = 1.0 / (1u64 << (self.spec.bits_per_sample - 1)) as f32;
                let samples = self.reader.samples::<i32>().take(count);
                samples.map(|s| s.map(|s| s as f32 * scale)).collect()
            }
        };
        let samples = samples.map_err(io_error)?;
        let mix = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
        Ok(samples.chunks_exact(channels).map(mix).collect())
    }
}

impl MicrophoneSource for WavSource {
    fn next_block(&mut self, out: &mut [i16]) -> io::Result<Option<usize>> {
        let mut samples = vec![0.0; out.len()];
        let count = self.next_samples(&mut samples)?;
        for (sample, ready) in out.iter_mut().zip(samples) {
            *sample = to_i16(ready);
        }
        Ok(count)
    }
}

fn check(spec: WavSpec, frames: u32) -> Result<(), String> {
    if !(1..=2).contains(&spec.channels) {
        return Err(format!("{} channels, 1 or 2 are understood", spec.channels));
    }
    if !(8_000..=48_000).contains(&spec.sample_rate) {
        return Err(format!("{} Hz, 8000 to 48000 are understood", spec.sample_rate));
    }
    if !(8..=32).contains(&spec.bits_per_sample) {
        return Err(format!("{} bits, 8 to 32 are understood", spec.bits_per_sample));
    }
    if frames == 0 {
        return Err("there is no sound in it".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::microphone::{BLOCK_SAMPLES, ToneSource};
    use crate::test_files::TestDir;
    use crate::wav::WavWriter;

    fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16) -> WavSpec {
        let is_float = bits_per_sample == 32;
        WavSpec {
            channels,
            sample_rate,
            bits_per_sample,
            sample_format: if is_float { SampleFormat::Float } else { SampleFormat::Int },
        }
    }

    fn read_all(source: &mut WavSource) -> Vec<i16> {
        let mut all = Vec::new();
        let mut block = [0; BLOCK_SAMPLES];
        while let Some(count) = source.next_block(&mut block).unwrap() {
            all.extend_from_slice(&block[..count]);
        }
        all
    }

    #[test]
    fn what_was_recorded_is_read_back_unchanged() {
        let dir = TestDir::new("wav-roundtrip");
        let path = dir.path().join("a.wav");
        let mut tone = ToneSource::new(700.0, 0.4, Pacing::Unpaced);
        let mut sound = vec![0; 1000];
        tone.next_block(&mut sound).unwrap();
        let mut writer = WavWriter::create(&path).unwrap();
        writer.write(&sound).unwrap();
        writer.finish().unwrap();
        let mut source = WavSource::open(&path, false, Pacing::Unpaced).unwrap();
        let back = read_all(&mut source);
        let worst = back.iter().zip(&sound).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(1));
        assert!(back.len().abs_diff(1000) <= 1, "{}", back.len());
        assert_eq!(source.next_block(&mut [0; 10]).unwrap(), None);
    }

    #[test]
    fn stereo_floats_at_48_khz_become_mono_at_16() {
        let dir = TestDir::new("wav-stereo");
        let path = dir.path().join("s.wav");
        let mut writer = hound::WavWriter::create(&path, spec(2, 48_000, 32)).unwrap();
        for n in 0..48_000 {
            let left = (n as f32 * 440.0 / 48_000.0 * std::f32::consts::TAU).sin();
            writer.write_sample(left).unwrap();
            writer.write_sample(0.0f32).unwrap();
        }
        writer.finalize().unwrap();
        let mut source = WavSource::open(&path, false, Pacing::Unpaced).unwrap();
        let sound = read_all(&mut source);
        assert!(sound.len().abs_diff(16_000) <= 2);
        let peak = sound.iter().max().unwrap();
        assert!(peak.abs_diff(16_384) < 200, "half as loud: {peak}");
    }

    #[test]
    fn a_looped_file_never_ends() {
        let dir = TestDir::new("wav-loop");
        let path = dir.path().join("l.wav");
        let mut writer = hound::WavWriter::create(&path, spec(1, 16_000, 16)).unwrap();
        (0..100).for_each(|n| writer.write_sample(n as i16 * 100).unwrap());
        writer.finalize().unwrap();
        let mut source = WavSource::open(&path, true, Pacing::Unpaced).unwrap();
        let mut block = [0; 1000];
        assert_eq!(source.next_block(&mut block).unwrap(), Some(1000));
        assert!(block[50].abs_diff(block[950]) <= 1 && block[950].abs_diff(5000) <= 1);
    }

    #[test]
    fn files_that_are_not_understood_are_refused_with_words() {
        let dir = TestDir::new("wav-bad");
        let path = dir.path().join("bad.wav");
        for (spec, word) in
            [(spec(3, 16_000, 16), "channels"), (spec(1, 96_000, 16), "Hz"), (spec(1, 16_000, 16), "no sound")]
        {
            hound::WavWriter::create(&path, spec).unwrap().finalize().unwrap();
            let error = WavSource::open(&path, false, Pacing::Unpaced).err().unwrap();
            assert!(error.to_string().contains(word), "{error}");
        }
        std::fs::write(&path, b"RIFFnonsense").unwrap();
        assert!(WavSource::open(&path, false, Pacing::Unpaced).is_err());
        assert!(WavSource::open(&dir.path().join("none.wav"), false, Pacing::Unpaced).is_err());
    }
}
