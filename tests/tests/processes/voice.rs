//! Voices from one program to another, as they are heard.

use std::path::{Path, PathBuf};

use hph_platform::audio::private_server::is_inside;
use hph_platform::microphone::{MicrophoneSource, Resampler, SpeechSource};
use hph_platform::pacer::Pacing;
use hph_platform::wav::WavWriter;
use hph_tests::wire_lab::command::{Hph, objects};
use hph_tests::wire_lab::proxy::{Proxy, Weather};
use hph_tests::wire_lab::server::{LocalServer, ServerProcess};
use hph_tests::wire_lab::wait::{ms, until_so};
use serde_json::Value;

const ROOM: &str = "Nhóm 17";
const RATE: usize = 48_000;

/// Something like speech, at the rate of voices.
fn speech(seconds: usize) -> Vec<f32> {
    let mut narrow = vec![0; seconds * 16_000];
    SpeechSource::new(5, Pacing::Unpaced).next_block(&mut narrow).expect("sound");
    let narrow: Vec<f32> = narrow.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let mut sound = Vec::new();
    Resampler::new(16_000, RATE as u32).push(&narrow, &mut sound);
    sound
}

fn write_wav(path: &Path, sound: &[f32]) {
    let mut writer = WavWriter::create_at_rate(path, RATE as u32).expect("a file");
    writer.write_block(sound).expect("written");
    writer.finish().expect("finished");
}

fn read_wav(path: &Path) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (RATE as u32, 1));
    reader.samples::<i16>().map(|sample| f32::from(sample.expect("a sample")) / 32_768.0).collect()
}

/// How much `heard` is like what was said at about the same time: 1.0 is the same.
fn likeness(said: &[f32], heard: &[f32]) -> f64 {
    let energy = |sound: &[f32]| sound.iter().map(|s| f64::from(s * s)).sum::<f64>();
    // A fifth of a second, the loudest: the jitter buffer stretches longer pieces, and a pause is like anything.
    let loudness = |from: &usize| energy(&heard[*from..*from + RATE / 5]);
    let places = (RATE..heard.len() - RATE).step_by(RATE / 10);
    let from = places.max_by(|one, other| loudness(one).total_cmp(&loudness(other))).expect("two seconds");
    let piece = &heard[from..from + RATE / 5];
    let power = energy(piece);
    let correlate = |at: usize| {
        let other = &said[at..at + piece.len()];
        let sum: f64 = other.iter().zip(piece).map(|(a, b)| f64::from(a * b)).sum();
        sum / (power * energy(other)).sqrt().max(1e-9)
    };
    let (first, last) = (from - RATE / 5, from + RATE / 5);
    let rough = (first..last).step_by(5).max_by(|one, other| correlate(*one).total_cmp(&correlate(*other)));
    let rough = rough.expect("a place");
    (rough - 5..rough + 6).map(correlate).fold(0.0, f64::max)
}

/// One `hph` speaks and another records: what each said at its end, and the recorded file.
fn speak(link: (&str, &str), microphone: &str, options: &[&str], lab: &Path) -> (Value, Value, PathBuf) {
    let path = |name: &str| lab.join(name).display().to_string();
    let (record, here, there) = (path("recording"), path("state-of-minh"), path("state-of-lan"));
    let recorder = ["join", link.0, "--room", ROOM, "--name", "Minh", "--state", &here, "--record", &record, "--json"];
    let recorder = Hph::start(&[&recorder[..], &["--for", "60s", "--no-input"]].concat());
    until_so("the recorder in the room", ms(15_000), || !recorder.events("joined").is_empty());
    let speaker = ["join", link.1, "--room", ROOM, "--name", "Lan", "--state", &there, "--json", "--no-input"];
    let speaker = [&speaker[..], &["--microphone", microphone, "--for", "5s"], options].concat();
    let (status, spoken) = Hph::start(&speaker).finish(ms(30_000));
    assert!(status.success(), "{status}");
    until_so("word that the speaker left", ms(5000), || !recorder.events("participant_gone").is_empty());
    let recorded = recorder.interrupt(ms(10_000));
    let summary = |lines: &[String]| objects(lines, "summary").pop().expect("a summary");
    let folders = std::fs::read_dir(&record).expect("a recording").map(|entry| entry.expect("an entry").path());
    let folder = folders.into_iter().find(|path| path.to_string_lossy().ends_with("-microphone"));
    (summary(&spoken), summary(&recorded), folder.expect("a voice").join("sound.wav"))
}

/// What the summary says of the only voice.
fn voice(summary: &Value, field: &str) -> u64 {
    summary["voices"][0][field].as_u64().unwrap_or_else(|| panic!("{field}: {summary}"))
}

#[test]
fn a_voice_is_heard_whole_and_soon_at_both_frame_lengths() {
    let lab = tempfile::tempdir().expect("a directory");
    let said = speech(6);
    let wav = lab.path().join("speech.wav");
    write_wav(&wav, &said);
    let server = ServerProcess::start(&[]);
    let link = server.target.link();
    for frame_ms in ["10", "20"] {
        let lab = tempfile::tempdir().expect("a directory");
        let options = ["--frame-ms", frame_ms];
        let (spoken, recorded, file) = speak((&link, &link), &wav.display().to_string(), &options, lab.path());
        let heard = read_wav(&file);
        let likeness = likeness(&said, &heard);
        println!("{frame_ms} ms: {} s heard, likeness {likeness:.3}, {}", heard.len() / RATE, recorded["voices"][0]);
        assert!(heard.len() > RATE * 7 / 2, "{} samples", heard.len());
        assert!(likeness > 0.8, "{likeness}");
        assert_eq!(voice(&recorded, "lost_after_recovery"), 0);
        assert!(voice(&recorded, "concealed_ms") < 200, "{recorded}");
        // This machine may be busy; on a quiet one it is about 15 ms.
        assert!(voice(&recorded, "delay_us") < 150_000, "{recorded}");
        assert_eq!(spoken["frames_unsent"], 0);
    }
}

#[test]
fn a_voice_over_a_bad_network_is_concealed_and_not_a_hole() {
    let lab = tempfile::tempdir().expect("a directory");
    let said = speech(6);
    let wav = lab.path().join("speech.wav");
    write_wav(&wav, &said);
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let weather = Weather { seed: 5, loss: 50, duplication: 50, reordering: 50, jitter: ms(20), ..Weather::default() };
    proxy.set_weather(weather);
    let (bad, good) = (server.target.at(proxy.address).link(), server.target.link());
    let (_, recorded, file) = speak((&good, &bad), &wav.display().to_string(), &[], lab.path());
    let heard = read_wav(&file);
    println!("{}", recorded["voices"][0]);
    assert!(voice(&recorded, "packets") > 100);
    // Never silent for longer than the speaker was: no stretch of 150 ms without a sound that the speech does not have.
    let longest = |sound: &[f32]| {
        let quiet: Vec<bool> = sound.chunks(480).map(|block| block.iter().all(|s| s.abs() < 1e-4)).collect();
        quiet.split(|is_quiet| !is_quiet).map(<[bool]>::len).max().unwrap_or(0)
    };
    let (in_said, in_heard) = (longest(&said), longest(&heard[RATE / 2..heard.len() - RATE / 2]));
    assert!(in_heard < in_said + 30, "{in_heard} quiet blocks in a row, {in_said} in the speech");
    assert!(voice(&recorded, "played_ms") > 3_000, "{recorded}");
}

#[test]
fn devices_are_listed_and_tried_and_used_in_a_meeting() {
    let name = "devices_are_listed_and_tried_and_used_in_a_meeting";
    if !is_inside(&[name, "--exact", "--nocapture"]).expect("a sound server: scripts/setup test installs it") {
        return;
    }
    let (status, lines) = Hph::start(&["devices", "--json"]).finish(ms(10_000));
    assert!(status.success());
    let devices = objects(&lines, "device");
    let of = |kind: &str| devices.iter().filter(|device| device["kind"] == kind).collect::<Vec<_>>();
    assert_eq!((&of("microphone")[0]["id"], &of("microphone")[0]["is_default"]), (&"mic".into(), &true.into()));
    assert_eq!(of("speaker")[0]["name"], "Spk");

    let test = ["devices", "test", "--speaker", "--seconds", "2", "--json"];
    let playing = Hph::start(&test);
    let meter = ["devices", "test", "--microphone", "mic", "--seconds", "2", "--json"];
    let (status, lines) = Hph::start(&meter).finish(ms(15_000));
    assert!(status.success());
    let loudest = objects(&lines, "level").iter().filter_map(|level| level["level_db"].as_i64()).max();
    assert!(loudest.is_some_and(|db| db > -30), "the tone is heard: {loudest:?}");
    assert!(playing.finish(ms(15_000)).0.success());

    // Lan's microphone hears the loudspeaker `spk`, where Minh plays a voice from a file to nobody but her.
    let lab = tempfile::tempdir().expect("a directory");
    let server = ServerProcess::start(&[]);
    let link = server.target.link();
    let options = ["--speaker", "none", "--noise-suppression", "off", "--gain", "off"];
    let (status, lines) = Hph::start(&["devices", "test", "--microphone", "nobody"]).finish(ms(10_000));
    assert_eq!(status.code(), Some(6), "{lines:?}");
    let tone = Hph::start(&["devices", "test", "--speaker", "spk", "--seconds", "20"]);
    let (_, recorded, file) = speak((&link, &link), "default", &options, lab.path());
    drop(tone);
    let heard = read_wav(&file);
    let peak = heard.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
    println!("{} s heard, peak {peak}, {}", heard.len() / RATE, recorded["voices"][0]);
    assert!(peak > 0.1, "{peak}");
    assert!(voice(&recorded, "played_ms") > 3_000);
}
