//! A loudspeaker of the machine.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cpal::traits::DeviceTrait;
use cpal::{FromSample, Host, SampleFormat, SizedSample, Stream};
use hph_core::time::{Duration, Instant};
use rtrb::{Consumer, Producer, RingBuffer};

use super::kept::{Change, Device, Kept, Running};
use super::stream::{Form, Shared, now, park};
use super::synthetic::REST;
use super::{DeviceChoice, DeviceKind, SoundSink};
use crate::microphone::Resampler;
use crate::voice::{BLOCK_SAMPLES, Block, SAMPLE_RATE_HZ};

/// Samples that the ring takes.
const RING_SAMPLES: usize = 48_000;
/// Sound that is kept ahead of the device at most, beyond what its callback takes. **Units:** samples: 30 ms.
const CUSHION_MAX: usize = 3 * BLOCK_SAMPLES;
/// How much more is kept ahead after the device ran out, and how much less after [`CALM`].
const CUSHION_STEP: usize = BLOCK_SAMPLES / 4;
/// Without running out for so long, less is kept ahead.
const CALM: Duration = Duration::from_secs(10);

/// A loudspeaker that is on. When it is unplugged it takes sound in time and plays nothing until it is back; with
/// [`DeviceChoice::Default`] it follows the machine's default.
pub struct Speaker {
    kept: Kept<Open>,
    underruns: u64,
    cushion: Cushion,
}

/// A stream that runs.
struct Open {
    device: Device,
    ring: Producer<f32>,
    resampler: Option<Resampler>,
    converted: Vec<f32>,
}

/// How much sound is kept ahead of the device: more after it ran out, less when it has not for long.
#[derive(Clone, Copy, Debug)]
struct Cushion {
    samples: usize,
    missed: u64,
    changed_at: Instant,
}

impl Cushion {
    const fn new(now: Instant) -> Self {
        Self { samples: 0, missed: 0, changed_at: now }
    }

    /// Takes the count of samples that were missing until now; true if the device ran out since the last call.
    fn update(&mut self, missed: u64, now: Instant) -> bool {
        let has_run_out = missed > self.missed;
        self.missed = missed;
        if has_run_out {
            self.samples = (self.samples + CUSHION_STEP).min(CUSHION_MAX);
            self.changed_at = now;
        } else if now.since(self.changed_at) >= CALM {
            self.samples = self.samples.saturating_sub(CUSHION_STEP);
            self.changed_at = now;
        }
        has_run_out
    }
}

impl Speaker {
    /// Opens a loudspeaker; the device is asked to take pieces of `period_samples`, and may take others.
    ///
    /// # Errors
    /// There is no such device, or another program holds it: then the error names the program.
    pub fn open(choice: DeviceChoice, period_samples: u32) -> io::Result<Self> {
        Ok(Self { kept: Kept::open(choice, period_samples)?, underruns: 0, cushion: Cushion::new(now()) })
    }

    /// The stable name of the device that is open.
    pub fn device_id(&self) -> Option<&str> {
        self.kept.device_id()
    }
}

impl SoundSink for Speaker {
    fn wait(&mut self) {
        loop {
            if self.kept.maintain(|_| ()) == Change::Opened {
                self.cushion = Cushion::new(now());
            }
            let Some(open) = self.kept.open.as_mut() else {
                self.kept.pacer.skip_rest(REST);
                self.kept.wait_without();
                return;
            };
            let shared = &open.device.shared;
            shared.wake_me();
            // Before the first callback the ring waits full: the device may ask for any amount at once.
            let missed = shared.missed.load(Ordering::Relaxed);
            if self.cushion.update(missed, now()) {
                self.underruns += 1;
            }
            let wanted = (shared.call_samples.load(Ordering::Relaxed) as usize).max(1) + self.cushion.samples;
            if open.waiting() < wanted {
                return;
            }
            park(Duration::from_millis(5));
        }
    }

    fn play(&mut self, block: &Block) -> io::Result<()> {
        if let Some(open) = self.kept.open.as_mut() {
            open.push(block);
        }
        Ok(())
    }

    fn delay_us(&self) -> u64 {
        self.kept.open.as_ref().map_or(0, |open| open.waiting() as u64 * 1_000_000 / u64::from(SAMPLE_RATE_HZ))
    }

    fn is_live(&self) -> bool {
        self.kept.open.is_some()
    }

    fn underruns(&self) -> u64 {
        self.underruns
    }
}

impl Running for Open {
    const KIND: DeviceKind = DeviceKind::Speaker;

    fn open(host: &Host, choice: &DeviceChoice, period_samples: u32) -> io::Result<Self> {
        let (device, ring) = Device::open(Self::KIND, (host, choice, period_samples), |device, form, shared| {
            let (ring, consumer) = RingBuffer::new(RING_SAMPLES);
            build(device, form, consumer, shared).map(|stream| (stream, ring))
        })?;
        let rate = device.rate_hz;
        let resampler = (rate != SAMPLE_RATE_HZ).then(|| Resampler::new(SAMPLE_RATE_HZ, rate));
        Ok(Self { device, ring, resampler, converted: Vec::new() })
    }

    fn device(&self) -> &Device {
        &self.device
    }
}

impl Open {
    /// Samples in the ring.
    fn waiting(&self) -> usize {
        RING_SAMPLES - self.ring.slots()
    }

    fn push(&mut self, block: &Block) {
        let samples: &[f32] = match self.resampler.as_mut() {
            None => block,
            Some(resampler) => {
                self.converted.clear();
                resampler.push(block, &mut self.converted);
                &self.converted
            }
        };
        let count = samples.len().min(self.ring.slots());
        if let Ok(chunk) = self.ring.write_chunk_uninit(count) {
            chunk.fill_from_iter(samples.iter().copied());
        }
    }
}

fn build(device: &cpal::Device, form: &Form, ring: Consumer<f32>, shared: &Arc<Shared>) -> Result<Stream, cpal::Error> {
    match form.format {
        SampleFormat::F32 => build_of::<f32>(device, form, ring, shared),
        SampleFormat::I16 => build_of::<i16>(device, form, ring, shared),
        SampleFormat::I32 => build_of::<i32>(device, form, ring, shared),
        SampleFormat::U8 => build_of::<u8>(device, form, ring, shared),
        _ => Err(cpal::Error::new(cpal::ErrorKind::UnsupportedConfig)),
    }
}

fn build_of<T: SizedSample + FromSample<f32>>(
    device: &cpal::Device,
    form: &Form,
    mut ring: Consumer<f32>,
    shared: &Arc<Shared>,
) -> Result<Stream, cpal::Error> {
    let channels = usize::from(form.config.channels).max(1);
    let (played, failed) = (Arc::clone(shared), Arc::clone(shared));
    device.build_output_stream::<T, _, _>(
        form.config,
        move |data, _| {
            let frames = data.len() / channels;
            let there = frames.min(ring.slots());
            if let Ok(chunk) = ring.read_chunk(there) {
                for (frame, sample) in data.chunks_exact_mut(channels).zip(chunk) {
                    frame.fill(T::from_sample_(sample));
                }
            }
            // What is left was filled with silence before. The first callbacks find an empty ring: nothing ran out then.
            if played.calls.load(Ordering::Relaxed) > 2 {
                played.missed.fetch_add((frames - there) as u64, Ordering::Relaxed);
            }
            played.called(frames, true);
        },
        move |error| failed.failed(error.kind()),
        Some(std::time::Duration::from_secs(2)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_kept_ahead_after_running_out_and_less_when_all_is_calm() {
        let start = Instant::from_micros(0);
        let mut cushion = Cushion::new(start);
        assert!(!cushion.update(0, start));
        for missed in 1..50 {
            assert!(cushion.update(missed, start));
        }
        assert_eq!(cushion.samples, CUSHION_MAX);
        assert!(!cushion.update(49, start + Duration::from_secs(9)));
        assert_eq!(cushion.samples, CUSHION_MAX);
        for second in (10..200).step_by(10) {
            cushion.update(49, start + Duration::from_secs(second));
        }
        assert_eq!(cushion.samples, 0);
    }
}
