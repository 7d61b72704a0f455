//! What `hph join` can be told about microphone and loudspeaker.

use hph_client::media::{FrameLength, GateMode, MicrophoneSpec, ProcessorConfig, SpeakerSpec, VoiceCodec, VoiceConfig};

use crate::exit::Failure;
use crate::output::Output;
use crate::sources::{Audio, SoundOut};

/// On or off.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    On,
    Off,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Opus,
    Pcm,
}

/// Microphone and loudspeaker.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Sound")]
pub struct VoiceArgs {
    /// Microphone: its name (see hph devices), default, WAV file, tone[:HZ], or test
    #[arg(long, visible_alias = "audio", value_name = "NAME|default|FILE|tone|test")]
    microphone: Option<Audio>,
    /// Loudspeaker: its name, default, none, or a WAV file to write [default: default with a microphone of the machine]
    #[arg(long, value_name = "NAME|default|none|FILE")]
    speaker: Option<SoundOut>,
    /// Be heard only while the key is held: /ptt on, /ptt off
    #[arg(long)]
    push_to_talk: bool,
    /// Be heard only while you speak
    #[arg(long, conflicts_with = "push_to_talk")]
    gate: bool,
    /// Take out what the loudspeaker plays [default: on with a microphone and a loudspeaker of the machine]
    #[arg(long, value_name = "on|off")]
    echo_cancel: Option<Switch>,
    /// Take out steady noise [default: on with a microphone of the machine]
    #[arg(long, value_name = "on|off")]
    noise_suppression: Option<Switch>,
    /// Make quiet speakers louder and loud ones quieter [default: on with a microphone of the machine]
    #[arg(long, value_name = "on|off")]
    gain: Option<Switch>,
    /// Sound in a packet: 10 for less delay, 20 for fewer packets
    #[arg(long, value_name = "10|20", default_value_t = 20, value_parser = parse_frame_ms)]
    frame_ms: u8,
    /// For tests: samples as they are instead of Opus
    #[arg(long, hide = true, default_value = "opus")]
    audio_codec: Codec,
}

fn parse_frame_ms(text: &str) -> Result<u8, String> {
    match text {
        "10" => Ok(10),
        "20" => Ok(20),
        _ => Err("10 or 20".to_owned()),
    }
}

impl VoiceArgs {
    /// Tries to open everything, so that what is wrong is known before anybody is disturbed.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, out: &Output) -> Result<(), Failure> {
        self.microphone.as_ref().map_or(Ok(()), |microphone| microphone.check(out))?;
        self.sound_out().check(out)
    }

    /// The microphone; `name` decides how a test voice sounds.
    pub fn microphone(&self, name: &str, is_looped: bool) -> Option<MicrophoneSpec> {
        self.microphone.as_ref().map(|microphone| microphone.spec(name, is_looped))
    }

    /// The loudspeaker.
    pub fn speaker(&self) -> SpeakerSpec {
        self.sound_out().spec()
    }

    /// How the microphone is used.
    pub fn config(&self) -> VoiceConfig {
        let has_room = self.has_device();
        let has_echo = has_room && matches!(self.sound_out(), SoundOut::Device(_));
        let is_on = |switch: Option<Switch>, otherwise| switch.map_or(otherwise, |switch| switch == Switch::On);
        VoiceConfig {
            codec: match self.audio_codec {
                Codec::Opus => VoiceCodec::Opus,
                Codec::Pcm => VoiceCodec::Pcm,
            },
            frame: if self.frame_ms == 10 { FrameLength::Ms10 } else { FrameLength::Ms20 },
            gate: match (self.push_to_talk, self.gate) {
                (true, _) => GateMode::PushToTalk,
                (_, true) => GateMode::VoiceActivated,
                _ => GateMode::Open,
            },
            processor: ProcessorConfig {
                has_echo_canceller: is_on(self.echo_cancel, has_echo),
                has_noise_suppression: is_on(self.noise_suppression, has_room),
                has_gain_control: is_on(self.gain, has_room),
            },
        }
    }

    fn has_device(&self) -> bool {
        self.microphone.as_ref().is_some_and(Audio::is_device)
    }

    fn sound_out(&self) -> SoundOut {
        let otherwise = if self.has_device() { SoundOut::Device(Default::default()) } else { SoundOut::Nowhere };
        self.speaker.clone().unwrap_or(otherwise)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        voice: VoiceArgs,
    }

    fn parse(line: &str) -> VoiceArgs {
        Line::try_parse_from(std::iter::once("hph").chain(line.split_whitespace())).expect(line).voice
    }

    #[test]
    fn a_microphone_of_the_machine_brings_a_loudspeaker_and_care_and_a_file_does_not() {
        let device = parse("--microphone default");
        assert_eq!(device.speaker(), SpeakerSpec::Device(Default::default()));
        let all = ProcessorConfig { has_echo_canceller: true, has_noise_suppression: true, has_gain_control: true };
        assert_eq!(device.config().processor, all);
        let file = parse("--audio talk.wav");
        assert_eq!(file.speaker(), SpeakerSpec::None);
        assert!(file.config().processor.is_idle());
        let headset = parse("--microphone usb --speaker none --gain off");
        let noise_only = ProcessorConfig { has_noise_suppression: true, ..ProcessorConfig::default() };
        assert_eq!(headset.config().processor, noise_only);
    }

    #[test]
    fn frames_gates_and_codecs_are_chosen() {
        let config = parse("--frame-ms 10 --gate --audio-codec pcm").config();
        assert_eq!(
            (config.frame, config.gate, config.codec),
            (FrameLength::Ms10, GateMode::VoiceActivated, VoiceCodec::Pcm)
        );
        assert_eq!(parse("").config(), VoiceConfig::default());
        assert_eq!(parse("--push-to-talk").config().gate, GateMode::PushToTalk);
        for line in ["--frame-ms 15", "--gate --push-to-talk", "--gain maybe"] {
            assert!(Line::try_parse_from(std::iter::once("hph").chain(line.split_whitespace())).is_err(), "{line}");
        }
    }
}
