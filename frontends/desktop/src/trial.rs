//! Trying devices before a room: a camera's picture, a microphone's level, a chime, a recording of oneself. Each on a thread of
//! its own, which ends when it is dropped here.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::engine::RemoteTrack;
use hph_client::media::{CameraSpec, MicrophoneSpec, SpeakerSpec, open_microphone, open_speaker};
use hph_client::platform::audio::{self, DeviceKind};
use hph_client::platform::camera::{self, CameraFormat, CameraSource, CapturedImage, TestPattern};
use hph_client::platform::jpeg;
use hph_client::platform::level::level_of_power;
use hph_client::platform::pacer::Pacing;
use hph_client::platform::picture::Picture;
use hph_client::platform::voice::{BLOCK_SAMPLES, Block, SAMPLE_RATE_HZ, SILENCE};
use hph_presenters::prejoin::{Check, Device, Devices, Event, Item};

use crate::inbox::{Inbox, Note, tell};
use crate::pictures::Board;

/// The picture of our own camera before a room, on the board.
pub const PREVIEW: RemoteTrack = (RoomId(0), Slot(0), TrackId::CAMERA);
/// Blocks between two levels: 70 ms.
const LEVEL_BLOCKS: usize = 7;
/// Blocks of five seconds.
const REPLAY_BLOCKS: usize = 5 * SAMPLE_RATE_HZ as usize / BLOCK_SAMPLES;
/// Three notes of a chord, one after the other. **Units:** Hz.
const CHIME_HZ: [f32; 3] = [523.25, 659.25, 783.99];
/// How long each note sounds, in blocks.
const NOTE_BLOCKS: usize = 25;
/// From the beginning of a ring to that of the next one, in blocks: three seconds.
const RING_BLOCKS: usize = 300;

/// A trial that goes on until it is dropped.
pub struct Trial {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Trial {
    fn start(name: &str, work: impl FnOnce(&AtomicBool) + Send + 'static) -> Option<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || work(&is_stopped));
        Some(Self { stop, thread: Some(thread.ok()?) })
    }
}

impl Drop for Trial {
    /// The device is closed when this returns: it may be needed in a room at once.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn told(inbox: &Inbox, event: Event) {
    tell(inbox, Note::Tried(event));
}

fn failed(inbox: &Inbox, item: Item, error: &io::Error) {
    told(inbox, Event::Check(item, Check::Fails(error.to_string())));
}

/// Lists devices.
pub fn list(inbox: Inbox, extra_camera: Option<String>) {
    let work = move |_: &AtomicBool| {
        let sound = |kind| {
            let found = audio::list(kind).unwrap_or_default().into_iter().filter(|device| !device.is_monitor);
            found.map(|device| Device { id: device.id, name: device.name, is_default: device.is_default }).collect()
        };
        let cameras = camera::device::cameras().into_iter().map(|camera| (camera.name.clone(), camera.name));
        let cameras = extra_camera.map(|name| (name.clone(), name)).into_iter().chain(cameras);
        let cameras = cameras.map(|(id, name)| Device { id, name, is_default: false }).collect();
        let (microphones, speakers) = (sound(DeviceKind::Microphone), sound(DeviceKind::Speaker));
        tell(&inbox, Note::Devices(Devices { microphones, speakers, cameras }));
    };
    // It ends by itself: nothing waits for it.
    if let Some(mut trial) = Trial::start("listing", work) {
        trial.thread = None;
    }
}

/// Shows a camera.
pub fn preview(spec: CameraSpec, board: Board, inbox: Inbox, is_mirrored: bool) -> Option<Trial> {
    Trial::start("preview", move |is_stopped| {
        let source: io::Result<Box<dyn CameraSource>> = match spec {
            CameraSpec::Test { format, name } => Ok(Box::new(TestPattern::new(format, &name, Pacing::RealTime))),
            CameraSpec::Device { name, format } => camera::open_device(&name, format),
            CameraSpec::File { .. } | CameraSpec::Screen { .. } => Err(io::ErrorKind::Unsupported.into()),
        };
        let mut source = match source {
            Ok(source) => source,
            Err(error) => return failed(&inbox, Item::Camera, &error),
        };
        let mut shown = Shown::new(board, PREVIEW, is_mirrored);
        let mut is_known = false;
        while !is_stopped.load(Ordering::Relaxed) {
            match source.next_frame() {
                Ok(Some(captured)) => shown.show(&captured.image),
                Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::NotConnected) => continue,
                Ok(None) => break,
                Err(error) => return failed(&inbox, Item::Camera, &error),
            }
            if !std::mem::replace(&mut is_known, true) {
                told(&inbox, Event::Check(Item::Camera, Check::Works));
            }
        }
    })
}

/// Puts what our own camera takes on the board.
pub struct Shown {
    board: Board,
    track: RemoteTrack,
    is_mirrored: bool,
    picture: Picture,
}

impl Shown {
    /// As that track; as in a mirror if one sees oneself so.
    pub fn new(board: Board, track: RemoteTrack, is_mirrored: bool) -> Self {
        Self { board, track, is_mirrored, picture: Picture::default() }
    }

    /// Shows a picture.
    pub fn show(&mut self, image: &CapturedImage) {
        match image {
            CapturedImage::Picture(picture) => self.picture.clone_from(picture),
            CapturedImage::Jpeg(bytes) => {
                if jpeg::decode_into(bytes, &mut self.picture).is_err() {
                    return;
                }
            }
        }
        if self.is_mirrored {
            mirror(&mut self.picture);
        }
        self.board.put(self.track, &self.picture);
    }
}

/// Left becomes right.
fn mirror(picture: &mut Picture) {
    for row in picture.rgb.chunks_exact_mut((usize::from(picture.width) * 3).max(1)) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
}

/// Tells how loud a microphone is.
pub fn meter(spec: MicrophoneSpec, inbox: Inbox) -> Option<Trial> {
    Trial::start("meter", move |is_stopped| {
        let mut source = match open_microphone(&spec, BLOCK_SAMPLES as u32) {
            Ok(source) => source,
            Err(error) => return failed(&inbox, Item::Microphone, &error),
        };
        let (mut block, mut power, mut blocks) = (SILENCE, 0.0f32, 0usize);
        while !is_stopped.load(Ordering::Relaxed) {
            match source.next_block(&mut block) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return failed(&inbox, Item::Microphone, &error),
            }
            power = power.max(power_of(&block));
            blocks += 1;
            if blocks.is_multiple_of(LEVEL_BLOCKS) {
                told(&inbox, Event::Level(level_of_power(power)));
                power = 0.0;
            }
        }
    })
}

fn power_of(block: &Block) -> f32 {
    block.iter().map(|sample| sample * sample).sum::<f32>() / block.len() as f32
}

/// Plays a chime.
pub fn chime(speaker: SpeakerSpec, inbox: Inbox) -> Option<Trial> {
    Trial::start("chime", move |is_stopped| {
        match play(&speaker, (0..CHIME_HZ.len() * NOTE_BLOCKS).map(chimed), is_stopped) {
            Ok(()) => told(&inbox, Event::Chimed),
            Err(error) => failed(&inbox, Item::Speaker, &error),
        }
    })
}

/// Rings until it is dropped.
pub fn ring(speaker: SpeakerSpec, inbox: Inbox) -> Option<Trial> {
    Trial::start("ring", move |is_stopped| {
        if let Err(error) = play(&speaker, (0..RING_BLOCKS).cycle().map(rung), is_stopped) {
            failed(&inbox, Item::Speaker, &error);
        }
    })
}

/// A block of the ring: the chime, and then nothing for as long as one needs to look up.
fn rung(block: usize) -> Block {
    if block < CHIME_HZ.len() * NOTE_BLOCKS { chimed(block) } else { SILENCE }
}

/// A block of the chime: each note fades away.
fn chimed(block: usize) -> Block {
    let hz = CHIME_HZ.get(block / NOTE_BLOCKS).copied().unwrap_or(0.0);
    let begin = block % NOTE_BLOCKS * BLOCK_SAMPLES;
    std::array::from_fn(|index| {
        let t = (begin + index) as f32 / SAMPLE_RATE_HZ as f32;
        let rise = (t * 200.0).min(1.0);
        0.25 * rise * (-6.0 * t).exp() * (t * hz * std::f32::consts::TAU).sin()
    })
}

/// Records five seconds, and plays them.
pub fn replay(microphone: MicrophoneSpec, speaker: SpeakerSpec, inbox: Inbox) -> Option<Trial> {
    Trial::start("replay", move |is_stopped| {
        let recorded = record(&microphone, is_stopped);
        let played = match recorded {
            Ok(blocks) => {
                told(&inbox, Event::Playing);
                play(&speaker, blocks.into_iter(), is_stopped).map_err(|error| (Item::Speaker, error))
            }
            Err(error) => Err((Item::Microphone, error)),
        };
        if let Err((item, error)) = played {
            failed(&inbox, item, &error);
        }
        told(&inbox, Event::Played);
    })
}

fn record(microphone: &MicrophoneSpec, is_stopped: &AtomicBool) -> io::Result<Vec<Block>> {
    let mut source = open_microphone(microphone, BLOCK_SAMPLES as u32)?;
    let mut blocks = Vec::with_capacity(REPLAY_BLOCKS);
    while blocks.len() < REPLAY_BLOCKS && !is_stopped.load(Ordering::Relaxed) {
        let mut block = SILENCE;
        if source.next_block(&mut block)?.is_none() {
            break;
        }
        blocks.push(block);
    }
    Ok(blocks)
}

fn play(speaker: &SpeakerSpec, blocks: impl Iterator<Item = Block>, is_stopped: &AtomicBool) -> io::Result<()> {
    let mut sink = open_speaker(speaker, Default::default())?;
    // What the device holds at the end is heard too.
    for block in blocks.chain(std::iter::repeat_n(SILENCE, 20)) {
        if is_stopped.load(Ordering::Relaxed) {
            break;
        }
        sink.wait();
        sink.play(&block)?;
    }
    Ok(())
}

/// What a test camera gives.
pub const TEST_FORMAT: CameraFormat = CameraFormat { width: 1280, height: 720, fps: 15 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_changes_left_and_right() {
        let mut picture = Picture { width: 2, height: 2, rgb: vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] };
        mirror(&mut picture);
        assert_eq!(picture.rgb, [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
        mirror(&mut Picture::default());
    }

    #[test]
    fn a_chime_is_heard_and_frightens_nobody() {
        let blocks: Vec<Block> = (0..CHIME_HZ.len() * NOTE_BLOCKS).map(chimed).collect();
        let loudest = blocks.iter().flatten().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
        assert!((0.1..0.3).contains(&loudest), "{loudest}");
        assert!(blocks.iter().step_by(NOTE_BLOCKS).all(|block| power_of(block) > 0.001));
    }

    #[test]
    fn a_ring_comes_again_after_a_rest() {
        let heard: Vec<bool> =
            (0..RING_BLOCKS).cycle().take(2 * RING_BLOCKS).map(|block| power_of(&rung(block)) > 0.001).collect();
        assert!(heard[0] && heard[RING_BLOCKS], "at once, and three seconds later");
        assert!(
            heard[CHIME_HZ.len() * NOTE_BLOCKS..RING_BLOCKS].iter().all(|is_heard| !is_heard),
            "between them it rests"
        );
    }
}
