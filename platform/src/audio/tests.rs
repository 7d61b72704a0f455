//! The devices for real, through a sound server of our own. Each test runs itself once more inside of it.

use hph_core::time::{Duration, Instant};

use super::private_server::{VARIABLE, control, is_inside};
use super::{DeviceChoice, DeviceKind, Microphone, SoundSink, SoundSource, Speaker, list};
use crate::clock::Clock;
use crate::voice::{BLOCK_SAMPLES, SILENCE};

/// Whether this is the run inside of the server; the other one has nothing more to do.
fn is_here(name: &str) -> bool {
    let name = format!("audio::tests::{name}");
    is_inside(&[&name, "--exact", "--nocapture"]).expect("a sound server: scripts/setup test installs it")
}

fn tell(arguments: &[&str]) -> String {
    control(&std::env::var(VARIABLE).expect("inside"), arguments).expect("the server obeys")
}

/// Plays and hears until `is_done`, at most for ten seconds.
fn until(mut is_done: impl FnMut() -> bool) -> bool {
    let began = Clock::now();
    while Clock::now().since(began) < Duration::from_secs(10) {
        if is_done() {
            return true;
        }
    }
    false
}

#[test]
fn devices_are_listed_with_stable_names_and_the_default_first() {
    if !is_here("devices_are_listed_with_stable_names_and_the_default_first") {
        return;
    }
    let speakers = list(DeviceKind::Speaker).unwrap();
    assert_eq!((speakers[0].id.as_str(), speakers[0].name.as_str()), ("spk", "Spk"));
    assert!(speakers[0].is_default && !speakers[0].is_monitor);
    let microphones = list(DeviceKind::Microphone).unwrap();
    let names: Vec<_> = microphones.iter().map(|m| (m.id.as_str(), m.is_default, m.is_monitor)).collect();
    assert_eq!(names, [("mic", true, false), ("spk.monitor", false, true)]);
    let error = Speaker::open(DeviceChoice::Named("Røde".to_owned()), 480).err().expect("no such device");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains("Spk"), "{error}");
}

#[test]
fn what_is_played_is_heard_soon_and_whole() {
    if !is_here("what_is_played_is_heard_soon_and_whole") {
        return;
    }
    let mut speaker = Speaker::open(DeviceChoice::Named("spk".to_owned()), 480).unwrap();
    let mut microphone = Microphone::open(DeviceChoice::Default, 480).unwrap();
    let player = std::thread::spawn(move || {
        let mut played_at = Vec::new();
        for index in 0..500u32 {
            speaker.wait();
            // A click each half second.
            let is_click = index % 50 == 25;
            let mut block = SILENCE;
            if is_click {
                block[..48].fill(0.8);
                played_at.push(Clock::now());
            }
            speaker.play(&block).unwrap();
        }
        (played_at, speaker.underruns())
    });
    let mut heard_at: Vec<Instant> = Vec::new();
    let (mut block, mut silent_for) = (SILENCE, 100);
    while !player.is_finished() {
        microphone.next_block(&mut block).unwrap();
        let is_loud = block.iter().any(|sample| *sample > 0.4);
        if is_loud && silent_for > 10 {
            heard_at.push(Clock::now());
        }
        silent_for = if is_loud { 0 } else { silent_for + 1 };
    }
    let (played_at, _) = player.join().unwrap();
    assert_eq!(played_at.len(), 10);
    assert!(heard_at.len() >= 9, "{} of 10 clicks were heard", heard_at.len());
    let delays: Vec<_> = heard_at
        .iter()
        .filter_map(|heard| played_at.iter().rev().find(|played| *played <= heard).map(|played| heard.since(*played)))
        .collect();
    let soon = delays.iter().filter(|delay| delay.as_micros() < 150_000).count();
    assert!(soon >= 8, "{delays:?}");
}

#[test]
fn a_loudspeaker_that_is_unplugged_comes_back() {
    if !is_here("a_loudspeaker_that_is_unplugged_comes_back") {
        return;
    }
    let plug = || tell(&["load-module", "module-null-sink", "sink_name=usb"]);
    let module = plug();
    let mut speaker = Speaker::open(DeviceChoice::Named("usb".to_owned()), 480).unwrap();
    assert!(speaker.is_live());
    let mut plays = |is_live: bool| {
        until(|| {
            speaker.wait();
            speaker.play(&[0.1; BLOCK_SAMPLES]).unwrap();
            speaker.is_live() == is_live
        })
    };
    tell(&["unload-module", &module]);
    assert!(plays(false), "it is still there");
    plug();
    assert!(plays(true), "it is not back");
}

#[test]
fn the_default_microphone_is_followed_when_it_changes() {
    if !is_here("the_default_microphone_is_followed_when_it_changes") {
        return;
    }
    let mut microphone = Microphone::open(DeviceChoice::Default, 480).unwrap();
    assert_eq!(microphone.device_id(), Some("mic"));
    tell(&["load-module", "module-remap-source", "source_name=headset", "master=spk.monitor"]);
    tell(&["set-default-source", "headset"]);
    let mut block = SILENCE;
    let is_followed = until(|| {
        microphone.next_block(&mut block).unwrap();
        microphone.device_id() == Some("headset")
    });
    assert!(is_followed, "{:?}", microphone.device_id());
}

#[test]
fn a_sound_server_that_dies_leaves_silence_in_time_and_not_an_end() {
    if !is_here("a_sound_server_that_dies_leaves_silence_in_time_and_not_an_end") {
        return;
    }
    let mut microphone = Microphone::open(DeviceChoice::Default, 480).unwrap();
    let mut block = SILENCE;
    microphone.next_block(&mut block).unwrap();
    tell(&["exit"]);
    let is_noticed = until(|| {
        microphone.next_block(&mut block).unwrap();
        !microphone.is_live()
    });
    assert!(is_noticed);
    let began = Clock::now();
    for _ in 0..50 {
        assert!(microphone.next_block(&mut block).unwrap().is_some(), "a source never ends");
        assert_eq!(block, SILENCE);
    }
    assert!(Clock::now().since(began) < Duration::from_secs(5), "and never blocks for good");
}
