//! The thread that plays: packets in, as they come; a block of everybody out, each time the loudspeaker wants one.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use async_channel::{Receiver, TryRecvError};
use hph_core::media::jitter::{JitterConfig, PulledKind};
use hph_core::time::{Duration, Instant};
use hph_platform::audio::files::WavFileSink;
use hph_platform::audio::synthetic::NullSink;
use hph_platform::audio::{SoundSink, Speaker};
use hph_platform::clock::Clock;
use hph_platform::voice::BLOCK_SAMPLES;

use super::config::{FrameLength, SpeakerSpec};
use super::figures::VoiceFigures;
use super::shared::VoiceShared;
use super::voices::Voices;
use crate::engine::RemoteTrack;
use crate::media::lips::Heard;
use crate::media::receive::{Counted, Shown, Sound};
use crate::media::record::Recorder;

/// Figures are shown this often, in blocks: 100 ms.
const FIGURES_BLOCKS: u32 = 10;
/// What was said last is heard to its end, if that takes no longer than this.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// A longer way from microphone to loudspeaker is none: the clocks are those of two machines.
const TOTAL_MAX: Duration = Duration::from_secs(2);

/// Figures of every voice, that the thread shows.
pub(in crate::media) type ShownVoices = Arc<Mutex<HashMap<RemoteTrack, VoiceFigures>>>;

/// What the thread works with.
pub(in crate::media) struct Player {
    pub recorder: Option<Recorder>,
    pub counted: Counted,
    pub shared: VoiceShared,
    pub heard: Heard,
    pub shown: ShownVoices,
    pub sink: Box<dyn SoundSink>,
    /// Whether there is nothing to do while nobody speaks: no device that wants silence, no file.
    pub may_rest: bool,
}

/// Opens where sound goes.
///
/// # Errors
/// What the device or file says.
pub fn open_sink(spec: &SpeakerSpec, frame: FrameLength) -> io::Result<Box<dyn SoundSink>> {
    // With short frames also the pieces of the device are short.
    let period = match frame {
        FrameLength::Ms10 => BLOCK_SAMPLES / 2,
        FrameLength::Ms20 => BLOCK_SAMPLES,
    };
    Ok(match spec {
        SpeakerSpec::None => Box::new(NullSink::new()),
        SpeakerSpec::File(path) => Box::new(WavFileSink::create(path)?),
        SpeakerSpec::Device(choice) => Box::new(Speaker::open(choice.clone(), period as u32)?),
    })
}

impl Player {
    /// Plays until the engine ends and everybody was heard to the end.
    ///
    /// # Errors
    /// What went wrong with the recording or the file.
    pub fn play(mut self, arrivals: &Receiver<Sound>) -> io::Result<()> {
        let mut voices = Voices::new(JitterConfig::default());
        let mut blocks = 0u32;
        let mut closed_at = None;
        loop {
            if self.may_rest && voices.is_empty() && closed_at.is_none() {
                match arrivals.recv_blocking() {
                    Ok(arrival) => self.take(&mut voices, arrival)?,
                    Err(_) => break,
                }
            }
            self.sink.wait();
            let now = Clock::now();
            loop {
                match arrivals.try_recv() {
                    Ok(arrival) => self.take(&mut voices, arrival)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Closed) => {
                        closed_at.get_or_insert(now);
                        break;
                    }
                }
            }
            self.play_block(&mut voices, now)?;
            blocks = blocks.wrapping_add(1);
            let is_over = closed_at.is_some_and(|at| voices.is_idle() || now.since(at) >= LAST_WORDS);
            if is_over || blocks.is_multiple_of(FIGURES_BLOCKS) {
                self.show(&voices);
            }
            if is_over {
                break;
            }
        }
        self.recorder.map_or(Ok(()), Recorder::finish)
    }

    fn take(&mut self, voices: &mut Voices, arrival: Sound) -> io::Result<()> {
        let packet = match arrival {
            Sound::Packet(packet) => packet,
            Sound::Gone(room, slot) => {
                voices.end(room, slot);
                return Ok(());
            }
            Sound::Speaker(sink) => {
                (self.sink, self.may_rest) = (sink, false);
                return Ok(());
            }
        };
        self.shared.record(|stages| stages.hand_over.record(Clock::now().since(packet.complete_at)));
        if let Some(recorder) = self.recorder.as_mut() {
            recorder.note(&packet)?;
        }
        use hph_core::error::DropReason as D;
        let shown = match voices.insert(&packet) {
            Ok(()) => Shown::Whole,
            // Too late to be heard, though there is nothing wrong with it.
            Err(D::Late | D::Duplicate) => Shown::Skipped,
            Err(_) => Shown::Broken,
        };
        self.counted.count(&packet, shown);
        Ok(())
    }

    fn play_block(&mut self, voices: &mut Voices, now: Instant) -> io::Result<()> {
        let playout = Duration::from_micros(self.sink.delay_us());
        let (recorder, shared, heard) = (&mut self.recorder, &self.shared, &self.heard);
        let mut written = Ok(());
        let mix = voices.pull(now, shared, |track, block, pulled| {
            if let Some(recorder) = recorder.as_mut() {
                written =
                    std::mem::replace(&mut written, Ok(())).and_then(|()| recorder.hear(track, block, pulled.kind));
            }
            if let Some(timestamp) = pulled.timestamp {
                heard.handle_sound(track, now + playout, timestamp);
            }
            if let Some(timestamp) = pulled.timestamp.filter(|_| pulled.kind == PulledKind::Voice) {
                let total = age_of(timestamp, now + playout);
                if total < TOTAL_MAX {
                    shared.record(|stages| stages.total.record(total));
                }
            }
        });
        written?;
        let mixed = Clock::now();
        shared.record(|stages| {
            stages.mix.record(mixed.since(now));
            stages.playout.record(playout);
            for (_, figures) in voices.figures() {
                stages.buffer.record(Duration::from_micros(figures.jitter.delay_us));
            }
        });
        shared.played(&mix);
        self.sink.play(&mix)
    }

    fn show(&self, voices: &Voices) {
        if let Ok(mut shown) = self.shown.lock() {
            shown.extend(voices.figures());
        }
    }
}

/// How long ago a sample was captured, if its clock is ours.
fn age_of(timestamp: u32, now: Instant) -> Duration {
    let media = (now.as_micros() / 1000 * 48).wrapping_add(now.as_micros() % 1000 * 48 / 1000) as u32;
    Duration::from_micros(u64::from(media.wrapping_sub(timestamp)) * 1000 / 48)
}

/// Records sound of the test codec, sample for sample.
///
/// # Errors
/// What went wrong with the recording.
pub(in crate::media) fn record_samples(
    arrivals: &Receiver<Sound>,
    mut recorder: Option<Recorder>,
    counted: &Counted,
) -> io::Result<()> {
    while let Ok(arrival) = arrivals.recv_blocking() {
        let Sound::Packet(packet) = arrival else { continue };
        if let Some(recorder) = recorder.as_mut() {
            recorder.record(&packet)?;
        }
        counted.count(&packet, Shown::Whole);
    }
    recorder.map_or(Ok(()), Recorder::finish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_sample_is_exact_across_the_wrap_of_its_clock() {
        for at_ms in [1_000u64, 89_478_480, 89_478_490, 500_000_000] {
            let now = Instant::from_micros(at_ms * 1000);
            let timestamp = ((at_ms - 40) * 48) as u32;
            assert_eq!(age_of(timestamp, now), Duration::from_millis(40), "{at_ms}");
        }
    }
}
