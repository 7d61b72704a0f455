//! `hph devices`: what microphones, loudspeakers, cameras and screens there are, and whether they work.

use std::path::PathBuf;

use hph_client::media::{MicrophoneSpec, SpeakerSpec, open_microphone, open_speaker};
use hph_client::platform::audio::{self, AudioDevice, DeviceKind, SoundSink, SoundSource};
use hph_client::platform::level::level_of_power;
use hph_client::platform::voice::watch::{MicrophoneWatch, Remark};
use hph_client::platform::voice::{BLOCK_SAMPLES, Block, SAMPLE_RATE_HZ, SILENCE};
use serde_json::json;

use crate::cameras;
use crate::exit::{Exit, Failure};
use crate::lang;
use crate::object::object;
use crate::output::Output;
use crate::sources::{Audio, Size, SoundOut, source_failure};
use crate::text::one_row;

/// Blocks between two rows of the meter: a fifth of a second.
const METER_BLOCKS: u32 = 20;
/// Signs of a full meter.
const METER_SIGNS: usize = 30;
/// The tone of a loudspeaker's test. **Units:** Hz.
const TONE_HZ: f32 = 440.0;
/// Nobody shall be frightened.
const TONE_AMPLITUDE: f32 = 0.2;

/// What `hph devices` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Command {
    /// Try devices: a meter for a microphone, a tone for a loudspeaker; with both, what was heard is played back
    Test(TestArgs),
}

#[derive(clap::Args, Clone, Debug)]
struct TestArgs {
    /// Microphone to try [default: default]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "default")]
    microphone: Option<Audio>,
    /// Loudspeaker to try [default: default]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "default")]
    speaker: Option<SoundOut>,
    /// Camera to try: writes a picture and tells its rate [default: default]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "default", conflicts_with_all = ["microphone", "speaker"])]
    camera: Option<String>,
    /// What the camera is asked for
    #[arg(long, value_name = "WxH", default_value = "1280x720", requires = "camera")]
    video_size: Size,
    /// Pictures a second that the camera is asked for
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=60), requires = "camera")]
    video_fps: u16,
    /// Where the camera's picture goes
    #[arg(long, value_name = "FILE", default_value = "camera.jpg", requires = "camera")]
    picture: PathBuf,
    /// How long, in seconds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
}

/// Runs the command.
///
/// # Errors
/// There is no sound system, or a device can't be used.
pub fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    match &args.command {
        None => {
            let heard = list(out);
            cameras::list(out);
            heard
        }
        Some(Command::Test(args)) => test(args, out),
    }
}

fn list(out: &Output) -> Result<Exit, Failure> {
    let kinds =
        [(DeviceKind::Microphone, "microphone", &lang::MICROPHONES), (DeviceKind::Speaker, "speaker", &lang::SPEAKERS)];
    for (kind, name, title) in kinds {
        let devices = audio::list(kind).map_err(|error| source_failure(&name, &error, out))?;
        if !out.is_json() {
            out.print(out.lang.text(title));
        }
        if devices.is_empty() && !out.is_json() {
            out.print(&format!("  {}", out.lang.text(&lang::NO_DEVICES)));
        }
        for device in &devices {
            out.data(|| of_device(name, device), || row(device, out));
        }
    }
    Ok(Exit::Ok)
}

fn of_device(kind: &str, device: &AudioDevice) -> serde_json::Value {
    let AudioDevice { id, name, is_default, is_monitor } = device;
    object("device", json!({"kind": kind, "id": id, "name": name, "is_default": is_default, "is_monitor": is_monitor}))
}

fn row(device: &AudioDevice, out: &Output) -> String {
    let mark = if device.is_default { "*" } else { " " };
    let about = if device.is_monitor { out.lang.text(&lang::IS_MONITOR) } else { "" };
    format!("{mark} {}\t{}{about}", one_row(&device.name), one_row(&device.id))
}

fn test(args: &TestArgs, out: &Output) -> Result<Exit, Failure> {
    if let Some(camera) = &args.camera {
        let wanted = args.video_size.at(args.video_fps);
        return cameras::test(camera, wanted, args.seconds, &args.picture, out);
    }
    let blocks = args.seconds * (SAMPLE_RATE_HZ / BLOCK_SAMPLES as u32);
    let microphone = args.microphone.as_ref().map(|audio| audio.spec("hph", true));
    let speaker = args.speaker.as_ref().map(SoundOut::spec);
    match (microphone, speaker) {
        (None, None) => return Err(Failure::usage("which device? --microphone, --speaker or --camera")),
        (Some(microphone), None) => drop(listen(&microphone, blocks, out)?),
        (None, Some(speaker)) => {
            out.talk(out.lang.text(&lang::PLAYING_TONE));
            let tone =
                |n: usize| TONE_AMPLITUDE * (n as f32 * TONE_HZ * std::f32::consts::TAU / SAMPLE_RATE_HZ as f32).sin();
            let sound = (0..blocks as usize).map(|block| std::array::from_fn(|n| tone(block * BLOCK_SAMPLES + n)));
            play(&speaker, sound, out)?;
        }
        (Some(microphone), Some(speaker)) => {
            out.talk(out.lang.text(&lang::SPEAK_NOW));
            let heard = listen(&microphone, blocks, out)?;
            out.talk(out.lang.text(&lang::PLAYING_BACK));
            play(&speaker, heard.into_iter(), out)?;
        }
    }
    Ok(Exit::Ok)
}

/// Shows a meter, and gives what was heard.
fn listen(microphone: &MicrophoneSpec, blocks: u32, out: &Output) -> Result<Vec<Block>, Failure> {
    let failure = |error: std::io::Error| source_failure(&"microphone", &error, out);
    let mut source: Box<dyn SoundSource> = open_microphone(microphone, BLOCK_SAMPLES as u32).map_err(failure)?;
    let mut watch = MicrophoneWatch::default();
    let mut heard = Vec::new();
    let mut power = 0.0f32;
    for index in 1..=blocks {
        let mut block = SILENCE;
        if source.next_block(&mut block).map_err(failure)?.is_none() {
            break;
        }
        if let Some(phrase) = watch.handle_block(&block).and_then(phrase_of) {
            out.talk(out.lang.text(phrase));
        }
        power = power.max(block.iter().map(|s| s * s).sum::<f32>() / BLOCK_SAMPLES as f32);
        heard.push(block);
        if index.is_multiple_of(METER_BLOCKS) {
            let level = level_of_power(power);
            out.data(|| object("level", json!({"level_db": -i32::from(level)})), || meter(level));
            power = 0.0;
        }
    }
    Ok(heard)
}

const fn phrase_of(remark: Remark) -> Option<&'static lang::Phrase> {
    match remark {
        Remark::NoSignal => Some(&lang::NO_SIGNAL),
        Remark::Clipping => Some(&lang::CLIPPING),
        Remark::Signal => None,
    }
}

/// A row of signs, as long as it is loud: 60 dB over all.
fn meter(level: u8) -> String {
    let signs = METER_SIGNS * usize::from(60 - level.min(60)) / 60;
    format!("{:<METER_SIGNS$} -{level} dB", "#".repeat(signs))
}

fn play(speaker: &SpeakerSpec, sound: impl Iterator<Item = Block>, out: &Output) -> Result<(), Failure> {
    let failure = |error: std::io::Error| source_failure(&"speaker", &error, out);
    let mut sink: Box<dyn SoundSink> = open_speaker(speaker, Default::default()).map_err(failure)?;
    // What the device holds at the end is heard too.
    let silence = std::iter::repeat_n(SILENCE, 20);
    for block in sound.chain(silence) {
        sink.wait();
        sink.play(&block).map_err(failure)?;
    }
    let underruns = sink.underruns();
    out.object(|| object("played", json!({"underruns": underruns})));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_as_long_as_it_is_loud() {
        let signs = |level| meter(level).chars().filter(|sign| *sign == '#').count();
        assert_eq!((signs(0), signs(30), signs(60), signs(127)), (30, 15, 0, 0));
        assert!(meter(30).ends_with("-30 dB"));
    }

    #[test]
    fn a_test_without_a_device_is_wrong_usage() {
        let out = Output::new(false, -1, false);
        let args = TestArgs {
            microphone: None,
            speaker: None,
            camera: None,
            video_size: "1280x720".parse().expect("a size"),
            video_fps: 30,
            picture: PathBuf::new(),
            seconds: 1,
        };
        assert_eq!(test(&args, &out).expect_err("nothing to test").exit, Exit::Usage);
        let args = TestArgs { camera: Some("no such camera".to_owned()), ..args };
        assert_eq!(test(&args, &out).expect_err("no such camera").exit, Exit::Device);
    }

    #[test]
    fn a_microphone_that_is_a_tone_is_metered_as_loud_as_it_is() {
        let out = Output::new(true, -1, false);
        let heard = listen(&MicrophoneSpec::Tone { frequency_hz: 440.0 }, 30, &out).expect("a tone");
        assert_eq!(heard.len(), 30);
        let power = heard[20].iter().map(|s| s * s).sum::<f32>() / BLOCK_SAMPLES as f32;
        assert!((power - 0.125).abs() < 0.01, "{power}");
    }
}
