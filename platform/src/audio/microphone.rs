//! A microphone of the machine.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{FromSample, Host, SampleFormat, SizedSample, Stream};
use hph_core::time::{Duration, Instant};
use rtrb::{Consumer, Producer, RingBuffer};

use super::stream::{Form, Health, Shared, forms, is_about_form, now, park};
use super::{DeviceChoice, DeviceKind, DeviceWatch, SoundSource, host};
use crate::microphone::Resampler;
use crate::pacer::{Pacer, Pacing};
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
    host: Host,
    choice: DeviceChoice,
    period_samples: u32,
    open: Option<Open>,
    health: Health,
    watch: DeviceWatch,
    /// Keeps time while there is no device.
    pacer: Pacer,
    missed: u64,
}

/// A stream that runs.
struct Open {
    /// Dropped to close the device.
    _stream: Stream,
    id: String,
    ring: Consumer<f32>,
    shared: Arc<Shared>,
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
        let host = host::open()?;
        let open = Open::new(&host, &choice, period_samples)?;
        let mut health = Health::new(now());
        health.opened(now());
        let watch = DeviceWatch::start(DeviceKind::Microphone)?;
        Ok(Self { host, choice, period_samples, open: Some(open), health, watch, pacer: pacer(), missed: 0 })
    }

    /// The stable name of the device that is open.
    pub fn device_id(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.id.as_str())
    }

    /// Samples that were lost because nobody fetched them in time.
    pub fn missed(&self) -> u64 {
        self.missed + self.open.as_ref().map_or(0, |open| open.shared.missed.load(Ordering::Relaxed))
    }

    /// Closes what is dead, follows the default, opens again when it is time to.
    fn maintain(&mut self) {
        let now = now();
        if let Some(open) = &self.open {
            let since = self.health.opened_at();
            let is_moved = self.choice == DeviceChoice::Default && self.watch.default_differs(&open.id, since);
            let is_gone = self.watch.is_gone(&open.id, since);
            let is_alive = self.health.is_alive(&open.shared, now);
            if is_alive && !is_moved && !is_gone {
                return;
            }
            self.missed = self.missed();
            self.open = None;
            self.pacer = pacer();
            if !is_alive {
                self.health.failed(now);
            }
        }
        if self.health.may_retry(now) {
            match self.reopen() {
                Ok(open) => {
                    self.open = Some(open);
                    self.health.opened(now);
                }
                Err(_) => self.health.failed(now),
            }
        }
    }

    fn reopen(&mut self) -> io::Result<Open> {
        match Open::new(&self.host, &self.choice, self.period_samples) {
            Ok(open) => Ok(open),
            // The sound server may have been restarted: then this connection to it is dead.
            Err(_) => {
                self.host = host::open()?;
                Open::new(&self.host, &self.choice, self.period_samples)
            }
        }
    }
}

impl SoundSource for Microphone {
    fn next_block(&mut self, out: &mut Block) -> io::Result<Option<Instant>> {
        let began = now();
        loop {
            self.maintain();
            let Some(open) = self.open.as_mut() else {
                *out = SILENCE;
                return Ok(Some(self.pacer.wait(BLOCK_SAMPLES as u64)));
            };
            open.shared.wake_me();
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
        self.open.is_some()
    }
}

impl Open {
    fn new(host: &Host, choice: &DeviceChoice, period_samples: u32) -> io::Result<Self> {
        let kind = DeviceKind::Microphone;
        let (device, id) = host::find(host, kind, choice)?;
        let mut last = None;
        for form in forms(&device, kind, period_samples) {
            let (producer, ring) = RingBuffer::new(RING_SAMPLES);
            let shared = Arc::new(Shared::default());
            match build(&device, &form, producer, &shared) {
                Ok(stream) => {
                    stream.play().map_err(|error| host::of_device(&error, kind))?;
                    let rate = form.config.sample_rate;
                    let resampler = (rate != SAMPLE_RATE_HZ).then(|| Resampler::new(rate, SAMPLE_RATE_HZ));
                    return Ok(Self { _stream: stream, id, ring, shared, resampler, ready: Vec::new() });
                }
                Err(error) if is_about_form(error.kind()) => last = Some(host::of_device(&error, kind)),
                Err(error) => return Err(host::of_device(&error, kind)),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("the microphone has no form that is understood")))
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
            self.shared.missed.fetch_add(late as u64, Ordering::Relaxed);
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

fn pacer() -> Pacer {
    Pacer::new(Pacing::RealTime, SAMPLE_RATE_HZ.into(), Duration::from_secs(1))
}
