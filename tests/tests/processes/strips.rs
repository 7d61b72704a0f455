//! Pictures as strips from one engine to another: what is lost for good is sent anew, and lips move with their voice.

use std::sync::{Arc, Mutex};

use hph_client::engine::{Command, Engine};
use hph_client::media::{
    CameraSpec, Capture, MicrophoneSpec, Receiver, ReceiverConfig, Stages, VideoCodec, VoiceConfig, VoiceShared,
};
use hph_core::id::TrackId;
use hph_core::limits::HOP_PREFIX_BYTES;
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::MediaHeader;
use hph_platform::camera::{CameraFormat, read_timecode};
use hph_platform::clock::Clock;
use hph_platform::screen::ScreenMode;
use hph_tests::wire_lab::person::{Person, guest};
use hph_tests::wire_lab::proxy::{Proxy, Way};
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{ms, pause, until_so};

const ROOM: &str = "Nhóm 17";
const FORMAT: CameraFormat = CameraFormat { width: 640, height: 360, fps: 25 };

fn test_camera(sender: &Person, room: hph_core::id::RoomId) -> Capture {
    let spec = CameraSpec::Test { format: FORMAT, name: "LAN".to_owned() };
    Capture::camera(&spec, VideoCodec::Strips, TrackId::CAMERA, room, sender.engine.frames()).expect("a camera")
}

#[test]
fn the_encoder_hears_of_strips_that_a_receiver_gave_up() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let (mut sender, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (receiver, _) = Person::in_room(guest(&server.target.at(proxy.address), "Minh"), ROOM);
    sender.wait_for_person("Minh");
    // One strip of the first picture never comes, however often it is sent.
    proxy.set_filter(|way, bytes| {
        let is_media = bytes.first() == Some(&(Kind::Media as u8));
        let header = bytes.get(HOP_PREFIX_BYTES..).and_then(|payload| MediaHeader::parse(payload).ok());
        let is_it = |header: MediaHeader| header.track == TrackId::CAMERA && (header.frame, header.index) == (0, 1);
        !(way == Way::ToClient && is_media && header.is_some_and(is_it))
    });
    let camera = test_camera(&sender, room);
    sender.switch(room, TrackId::CAMERA, camera.info());
    until_so("word of the lost strip", ms(5000), || sender.engine.figures().lost_strips > 0);
    let given_up = || receiver.engine.figures().repair.iter().map(|(.., stats)| stats.given_up).sum::<u64>();
    until_so("the figure", ms(2000), || given_up() == 1);
    // Once, and of nothing else.
    pause(ms(800));
    assert_eq!(sender.engine.figures().lost_strips, 1);
}

#[test]
fn a_shared_screen_is_encoded_as_its_mode_says() {
    let server = LocalServer::start();
    let (mut sender, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let modes = [(TrackId::SCREEN, ScreenMode::Text, (85, 95)), (TrackId::CAMERA, ScreenMode::Motion, (75, 90))];
    for (track, mode, qualities) in modes {
        let spec = CameraSpec::Screen { target: "test".to_owned(), mode };
        let frames = sender.engine.frames();
        let screen = Capture::camera(&spec, VideoCodec::Strips, track, room, frames).expect("a screen");
        sender.switch(room, track, screen.info());
        let control = screen.video().expect("strips");
        let seen = || (control.params().quality, control.params().refined_quality);
        until_so("the qualities of the mode", ms(5000), || seen() == qualities);
    }
}

#[test]
fn pictures_are_shown_when_their_sound_is_heard() {
    let server = LocalServer::start();
    let (mut sender, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let ages = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ages);
    let screen: hph_client::media::PictureSink = Box::new(move |_, picture| {
        if let Some(timecode) = read_timecode(picture) {
            seen.lock().expect("nobody panics").push(timecode.age(Clock::now()).as_micros());
        }
    });
    let stages = Arc::new(Mutex::new(Stages::default()));
    let receiver = Receiver::start_showing(ReceiverConfig::default(), Arc::clone(&stages), Some(screen));
    let receiver = receiver.expect("threads");
    let engine = Engine::start(guest(&server.target, "Minh"), receiver.sink(), Arc::clone(&stages)).expect("an engine");
    engine.send(Command::JoinNamed { request: 1, name: ROOM.to_owned(), may_create: true });
    sender.wait_for_person("Minh");

    let camera = test_camera(&sender, room);
    let (spec, shared) = (MicrophoneSpec::Test { seed: 5 }, VoiceShared::default());
    let microphone = Capture::microphone(&spec, VoiceConfig::default(), &shared, room, sender.engine.frames());
    let microphone = microphone.expect("a microphone");
    sender.switch(room, TrackId::CAMERA, camera.info());
    sender.switch(room, TrackId::MICROPHONE, microphone.info());
    until_so("pictures", ms(10_000), || ages.lock().expect("nobody panics").len() > 60);
    ages.lock().expect("nobody panics").clear();
    until_so("more pictures", ms(10_000), || ages.lock().expect("nobody panics").len() > 60);

    let mut ages = ages.lock().expect("nobody panics").clone();
    ages.sort_unstable();
    let picture_us = ages[ages.len() / 2];
    // Told by other means: the age of what is heard, by its capture time, and of what is seen, by the clock in the picture.
    let voice_us = receiver.voice().stages().total.quantile(500).expect("a voice was heard").as_micros();
    let apart_us = voice_us.abs_diff(picture_us);
    assert!(apart_us <= 30_000, "voice after {voice_us} us, pictures after {picture_us} us");
    let told = stages.lock().expect("nobody panics").lips.quantile(500).expect("told").as_micros();
    assert!(told <= 45_000, "{told} us apart, by our own account");
    drop(engine);
    receiver.finish().expect("nothing was recorded");
}
