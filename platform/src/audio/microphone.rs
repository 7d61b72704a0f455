//! A microphone of the machine.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cpal::traits::DeviceTrait;
use cpal::{FromSample, Host, SampleFormat, SizedSample, Stream};
use hph_core::time::{Duration, Instant};
use rtrb::{Consumer, Producer, RingBuffer};

use super::kept::{Device, Kept, Running};
use super::stream::{Form, Shared, now, park};
use super::{DeviceChoice, DeviceKind, SoundSource};
use crate::microphone::Resampler;
use crate::voice::{BLOCK_SAMPLES, Block, SAMPLE_RATE_HZ, SILENCE};

/// Samples that the ring takes: half a second at the highest rate.
const RING_SAMPLES: usize = 96_000;
/// Sound that may wait when the reader was late; then the oldest is left out, so that a delay does not stay.
const WAITING_MAX: usize = 5 * BLOCK_SAMPLES;
/// Without a callback for so long, a block of silence is due.
const PATIENCE: Duration = Duration::from_millis(60);

/// A microphone that is on. When it is unplugged it gives silence until it is back; with
/// [`DeviceChoice::Default`] it follows the machine's default.
pub struct Microphone {
    kept: Kept<Open>,
    missed: u64,
}

/// A stream that runs.
struct Open {
    device: Device,
    ring: Consumer<f32>,
    resampler: Option<Resampler>,
    /// Samples at our rate that are not a whole block yet.
    ready: Vec<f32>,
}

impl Microphone {
    /// Opens a microphone; the device is asked for pieces of `period_samples`, and may give others.
    ///
    /// # Errors
    /// There is no such device, or another program holds it: then the error names the program.
    pub fn open(choice: DeviceChoice, period_samples: u32) -> io::Result<Self> {
        Ok(Self { kept: Kept::open(choice, period_samples)?, missed: 0 })
    }

    /// The stable name of the device that is open.
    pub fn device_id(&self) -> Option<&str> {
        self.kept.device_id()
    }

    /// Samples that were lost because nobody fetched them in time.
    pub fn missed(&self) -> u64 {
        self.missed + self.kept.open.as_ref().map_or(0, Open::missed)
    }
}

impl SoundSource for Microphone {
    fn next_block(&mut self, out: &mut Block) -> io::Result<Option<Instant>> {
        let began = now();
        loop {
            let missed = &mut self.missed;
            self.kept.maintain(|closing| *missed += closing.missed());
            let Some(open) = self.kept.open.as_mut() else {
                *out = SILENCE;
                return Ok(Some(self.kept.wait_without()));
            };
            open.device.shared.wake_me();
            if let Some(waiting) = open.take(out) {
                let behind_us = waiting as u64 * 1_000_000 / u64::from(SAMPLE_RATE_HZ);
                let age = Duration::from_micros(behind_us + 1000 * crate::voice::BLOCK_MS);
                return Ok(Some(Instant::from_micros(now().as_micros().saturating_sub(age.as_micros()))));
            }
            if now().since(began) >= PATIENCE {
                *out = SILENCE;
                return Ok(Some(began));
            }
            park(Duration::from_millis(5));
        }
    }

    fn is_live(&self) -> bool {
        self.kept.open.is_some()
    }
}

impl Running for Open {
    const KIND: DeviceKind = DeviceKind::Microphone;

    fn open(host: &Host, choice: &DeviceChoice, period_samples: u32) -> io::Result<Self> {
        let (device, ring) = Device::open(Self::KIND, (host, choice, period_samples), |device, form, shared| {
            let (producer, ring) = RingBuffer::new(RING_SAMPLES);
            build(device, form, producer, shared).map(|stream| (stream, ring))
        })?;
        let rate = device.rate_hz;
        let resampler = (rate != SAMPLE_RATE_HZ).then(|| Resampler::new(rate, SAMPLE_RATE_HZ));
        Ok(Self { device, ring, resampler, ready: Vec::new() })
    }

    fn device(&self) -> &Device {
        &self.device
    }
}

impl Open {
    fn missed(&self) -> u64 {
        self.device.shared.missed.load(Ordering::Relaxed)
    }

    /// The next block, if it is there; how many samples wait after it.
    fn take(&mut self, out: &mut Block) -> Option<usize> {
        let count = self.ring.slots();
        if let Ok(chunk) = self.ring.read_chunk(count) {
            let (first, second) = chunk.as_slices();
            match self.resampler.as_mut() {
                None => {
                    self.ready.extend_from_slice(first);
                    self.ready.extend_from_slice(second);
                }
                Some(resampler) => {
                    resampler.push(first, &mut self.ready);
                    resampler.push(second, &mut self.ready);
                }
            }
            chunk.commit_all();
        }
        if self.ready.len() > WAITING_MAX + BLOCK_SAMPLES {
            let late = self.ready.len() - BLOCK_SAMPLES;
            self.device.shared.missed.fetch_add(late as u64, Ordering::Relaxed);
            self.ready.drain(..late);
        }
        let block = self.ready.first_chunk::<BLOCK_SAMPLES>()?;
        *out = *block;
        self.ready.drain(..BLOCK_SAMPLES);
        Some(self.ready.len())
    }
}

fn build(device: &cpal::Device, form: &Form, ring: Producer<f32>, shared: &Arc<Shared>) -> Result<Stream, cpal::Error> {
    match form.format {
        SampleFormat::F32 => build_of::<f32>(device, form, ring, shared),
        SampleFormat::I16 => build_of::<i16>(device, form, ring, shared),
        SampleFormat::I32 => build_of::<i32>(device, form, ring, shared),
        SampleFormat::U8 => build_of::<u8>(device, form, ring, shared),
        _ => Err(cpal::Error::new(cpal::ErrorKind::UnsupportedConfig)),
    }
}

fn build_of<T: SizedSample>(
    device: &cpal::Device,
    form: &Form,
    mut ring: Producer<f32>,
    shared: &Arc<Shared>,
) -> Result<Stream, cpal::Error>
where
    f32: FromSample<T>,
{
    let channels = usize::from(form.config.channels).max(1);
    let block = form.config.sample_rate as usize / 100;
    let (heard, failed) = (Arc::clone(shared), Arc::clone(shared));
    device.build_input_stream::<T, _, _>(
        form.config,
        move |data, _| {
            let frames = data.len() / channels;
            let taken = frames.min(ring.slots());
            if let Ok(chunk) = ring.write_chunk_uninit(taken) {
                let mix = |frame: &[T]| {
                    let sum: f32 = frame.iter().map(|sample| <f32 as FromSample<T>>::from_sample_(*sample)).sum();
                    sum / channels as f32
                };
                chunk.fill_from_iter(data.chunks_exact(channels).map(mix));
            }
            heard.missed.fetch_add((frames - taken) as u64, Ordering::Relaxed);
            // PulseAudio hands out half a millisecond at a time: most callbacks complete no block.
            heard.called(frames, RING_SAMPLES - ring.slots() >= block);
        },
        move |error| failed.failed(error.kind()),
        Some(std::time::Duration::from_secs(2)),
    )
}
