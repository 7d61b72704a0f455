//! The way of pictures and sound from one program to another: all of it on a clean network, and what is left on a bad one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hph_client::engine::{Command, Event};
use hph_client::media::{CameraSpec, Capture, VideoCodec};
use hph_core::id::{RoomId, TrackId};
use hph_core::limits::HOP_PREFIX_BYTES;

use hph_core::wire::control::TrackInfo;
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::MediaHeader;
use hph_platform::clock::Clock;
use hph_platform::jpeg;
use hph_platform::picture::Picture;
use hph_tests::wire_lab::command::{Hph, objects};
use hph_tests::wire_lab::material;
use hph_tests::wire_lab::person::{Arrival, PICTURES, Person, SOUND, guest};
use hph_tests::wire_lab::proxy::{Proxy, Way, Weather};
use hph_tests::wire_lab::server::{LocalServer, ServerProcess};
use hph_tests::wire_lab::wait::{between, ms, pause, until_so};
use serde_json::Value;

const ROOM: &str = "Nhóm 17";
/// Between two pictures.
const INTERVAL: Duration = Duration::from_millis(40);

/// The media header of a datagram that carries a picture.
fn picture_header(bytes: &[u8]) -> Option<MediaHeader> {
    let is_media = bytes.first() == Some(&(Kind::Media as u8));
    let header = MediaHeader::parse(bytes.get(HOP_PREFIX_BYTES..)?).ok()?;
    (is_media && header.track == TrackId::CAMERA).then_some(header)
}

/// Two people in a room, the second behind a proxy.
struct Pair {
    sender: Person,
    receiver: Person,
    room: RoomId,
    proxy: Proxy,
    _server: LocalServer,
}

impl Pair {
    fn new() -> Self {
        let server = LocalServer::start();
        let proxy = Proxy::start(server.target.address);
        let (mut sender, room) = Person::in_room(guest(&server.target.at(proxy.address), "Lan"), ROOM);
        let (receiver, _) = Person::in_room(guest(&server.target.at(proxy.address), "Minh"), ROOM);
        sender.wait_for_person("Minh");
        sender.switch(room, TrackId::CAMERA, PICTURES);
        Self { sender, receiver, room, proxy, _server: server }
    }

    /// Sends `count` pictures of those that are given, in turn, and waits until nothing comes any more.
    fn send(&self, jpegs: &[Vec<u8>], count: usize) -> (usize, Vec<Arrival>) {
        let pictures = jpegs.to_vec();
        let sent = Arc::new(Mutex::new(0usize));
        let counter = Arc::clone(&sent);
        let stream = self.sender.stream(self.room, TrackId::CAMERA, INTERVAL, move |index| {
            *counter.lock().expect("nobody panics") += 1;
            pictures[index as usize % pictures.len()].clone()
        });
        until_so("sent pictures", INTERVAL * (count as u32 + 250), || *sent.lock().expect("nobody panics") >= count);
        let sent = stream.stop() as usize;
        pause(ms(700));
        (sent, self.receiver.arrivals())
    }
}

/// Lets one `hph` play files and another record them. Gives what each said at its end, and the folder of the recording.
fn play_and_record(video: &Path, audio: &Path, lab: &Path, seconds: &str, codec: &str) -> (Value, Value, PathBuf) {
    let server = ServerProcess::start(&[]);
    let link = server.target.link();
    let path = |name: &str| lab.join(name).display().to_string();
    let (record, here, there) = (path("recording"), path("state-of-minh"), path("state-of-lan"));
    let recorder = ["join", &link, "--room", ROOM, "--name", "Minh", "--state", &here, "--record", &record, "--json"];
    // The codec of tests: sound comes as it was sent, sample for sample.
    let samples = ["--audio-codec", "pcm"];
    let recorder = Hph::start(&[&recorder[..], &["--for", "60s", "--no-input"], &samples].concat());
    until_so("the recorder in the room", ms(15_000), || !recorder.events("joined").is_empty());
    let (video, audio) = (video.display().to_string(), audio.display().to_string());
    let player = ["join", &link, "--room", ROOM, "--name", "Lan", "--state", &there, "--json", "--no-input"];
    let player = Hph::start(
        &[
            &player[..],
            &["--codec", codec, "--video", &video, "--audio", &audio, "--fps", "25", "--for", seconds],
            &samples,
        ]
        .concat(),
    );
    let (status, played) = player.finish(ms(30_000));
    assert!(status.success(), "{status}");
    until_so("word that the player left", ms(5000), || !recorder.events("participant_gone").is_empty());
    let recorded = recorder.interrupt(ms(10_000));
    let summary = |lines: &[String]| objects(lines, "summary").pop().expect("a summary");
    (summary(&played), summary(&recorded), PathBuf::from(record))
}

/// The folder of a track of the player, who is the second in the first room.
fn track_folder(recording: &Path, track: &str) -> PathBuf {
    let folders = std::fs::read_dir(recording).expect("a recording").map(|entry| entry.expect("an entry").path());
    let mut folders = folders.filter(|path| path.to_string_lossy().ends_with(&format!("-{track}")));
    let folder = folders.next().expect("a recorded track");
    assert!(folders.next().is_none(), "only one person sent");
    folder
}

fn timeline(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("timeline.jsonl")).expect("a timeline");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// What the summary says of a track, by the list and the field.
fn counted(summary: &Value, list: &str, track: &str, field: &str) -> u64 {
    let tracks = summary[list].as_array().expect("a list");
    let track = tracks.iter().find(|entry| entry["track"] == track).expect("the track");
    track[field].as_u64().expect("a number")
}

/// Checks a recording of pictures: all that were sent came, in order, and each is one of the sender's, byte for byte.
fn check_pictures(recording: &Path, jpegs: &[Vec<u8>], played: &Value, recorded: &Value) {
    let folder = track_folder(recording, "camera");
    let timeline = timeline(&folder);
    let picture = |index: usize| std::fs::read(folder.join(format!("{index:08}.jpg"))).expect("a picture");
    for (index, entry) in timeline.iter().enumerate() {
        assert_eq!(entry["frame"], index, "no frame is missing, none out of order");
        let picture = picture(index);
        assert_eq!(entry["bytes"], picture.len());
        assert!(picture == jpegs[index % jpegs.len()], "picture {index} is another one");
        jpeg::decode(&picture).expect("a picture that decodes");
    }
    let arrivals: Vec<u64> = timeline.iter().map(|entry| entry["arrived_us"].as_u64().expect("a time")).collect();
    assert!(arrivals.is_sorted());
    let files = std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(files, timeline.len() + 1, "a file for each line, and the timeline");

    let captured = counted(played, "sent", "camera", "captured") as usize;
    println!("{captured} pictures captured, {} recorded", timeline.len());
    assert_eq!(timeline.len(), captured, "from the first to the last: {played} {recorded}");
    assert_eq!(played["frames_unsent"], 0);
    assert_eq!(counted(recorded, "received", "camera", "frames") as usize, timeline.len());
    assert_eq!(
        (counted(recorded, "received", "camera", "lost"), counted(recorded, "received", "camera", "broken")),
        (0, 0)
    );
}

#[test]
fn a_recorded_film_holds_the_pictures_and_the_sound_that_were_sent() {
    let lab = tempfile::tempdir().expect("a directory");
    let jpegs = material::jpegs(40);
    let sound = material::sound(16_000 * 6);
    let (film, wav) = (lab.path().join("film.mjpeg"), lab.path().join("sound.wav"));
    material::write_mjpeg(&film, &jpegs);
    material::write_wav(&wav, &sound);
    let (played, recorded, recording) = play_and_record(&film, &wav, lab.path(), "4s", "jpeg");
    check_pictures(&recording, &jpegs, &played, &recorded);

    // The sound is the sender's, sample for sample, from the first to the last that was captured.
    let folder = track_folder(&recording, "microphone");
    let (heard, timeline) = (material::read_wav(&folder.join("sound.wav")), timeline(&folder));
    assert_eq!(heard.len(), timeline.len() * 320);
    println!("{} samples recorded", heard.len());
    assert!(heard == sound[..heard.len()], "the sound is another one");
    assert_eq!(timeline.len(), counted(&played, "sent", "microphone", "captured") as usize);
    assert!(heard.len() > 16_000 * 3, "{} samples", heard.len());
    for (index, entry) in timeline.iter().enumerate() {
        assert_eq!(entry["frame"], index, "no block is missing, none out of order");
    }
    assert_eq!(counted(&recorded, "received", "microphone", "lost"), 0);
}

/// Mean difference of two pictures, in grey levels.
fn difference(one: &Picture, other: &Picture) -> f64 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let sum: u64 = one.rgb.iter().zip(&other.rgb).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
    sum as f64 / one.rgb.len() as f64
}

#[test]
fn a_film_that_is_sent_as_strips_is_recorded_as_it_was_shown() {
    let lab = tempfile::tempdir().expect("a directory");
    let jpegs = material::jpegs(40);
    let pictures: Vec<Picture> = jpegs.iter().map(|jpeg| jpeg::decode(jpeg).expect("a picture")).collect();
    let (film, wav) = (lab.path().join("film.mjpeg"), lab.path().join("sound.wav"));
    material::write_mjpeg(&film, &jpegs);
    material::write_wav(&wav, &material::sound(16_000 * 6));
    let (played, recorded, recording) = play_and_record(&film, &wav, lab.path(), "4s", "strips");
    let folder = track_folder(&recording, "camera");
    let timeline = timeline(&folder);
    let captured = counted(&played, "sent", "camera", "captured") as usize;
    println!("{captured} pictures captured, {} recorded", timeline.len());
    assert!(timeline.len() > 50 && timeline.len() <= captured, "{} of {captured}", timeline.len());
    for entry in &timeline {
        let index = entry["frame"].as_u64().expect("a number") as usize;
        assert_eq!((&entry["strips"], entry["stale"].as_f64()), (&entry["of"], Some(0.0)), "frame {index}");
        let shown = std::fs::read(folder.join(format!("{index:08}.jpg"))).expect("a picture");
        let shown = jpeg::decode(&shown).expect("a picture that decodes");
        let difference = difference(&shown, &pictures[index % pictures.len()]);
        assert!(difference < 6.0, "frame {index} is another picture: {difference}");
    }
    assert_eq!(counted(&recorded, "received", "camera", "strips_missing"), 0);
    assert_eq!(counted(&recorded, "received", "camera", "strips_refused"), 0);
}

#[test]
fn a_folder_of_pictures_is_recorded_byte_for_byte() {
    let lab = tempfile::tempdir().expect("a directory");
    let jpegs = material::jpegs(20);
    let (folder, wav) = (lab.path().join("pictures"), lab.path().join("sound.wav"));
    material::write_folder(&folder, &jpegs);
    material::write_wav(&wav, &material::sound(16_000));
    let (played, recorded, recording) = play_and_record(&folder, &wav, lab.path(), "2s", "jpeg");
    check_pictures(&recording, &jpegs, &played, &recorded);
}

#[test]
fn frames_arrive_intact_and_once_under_reordering_and_duplication() {
    let pair = Pair::new();
    let jpegs = material::jpegs(30);
    assert!(jpegs.iter().all(|jpeg| jpeg.len() > 4 * 1200), "pictures of several fragments");
    let weather = Weather { seed: 11, duplication: 200, reordering: 300, jitter: ms(60), ..Weather::default() };
    pair.proxy.set_weather(weather);
    let (sent, arrivals) = pair.send(&jpegs, 75);

    let numbers: BTreeSet<u32> = arrivals.iter().map(|arrival| arrival.frame).collect();
    assert_eq!(numbers.len(), arrivals.len(), "a frame came twice");
    assert_eq!(numbers, (0..sent as u32).collect(), "a frame is missing");
    for arrival in &arrivals {
        assert!(arrival.bytes == jpegs[arrival.frame as usize % jpegs.len()], "frame {}", arrival.frame);
    }
    let is_in_order = arrivals.windows(2).all(|pair| pair[0].frame < pair[1].frame);
    println!("{sent} frames, in order: {is_in_order}; dropped as duplicates: {:?}", pair.receiver.figures().drops);
}

#[test]
fn lost_fragments_take_their_frames_with_them_and_nothing_else() {
    let pair = Pair::new();
    let jpegs = material::jpegs(30);
    // Loses one fragment of every seventh frame or so, however often it is sent, and what it could be made from; notes
    // when the last of each frame passed.
    let hit = Arc::new(Mutex::new(BTreeSet::new()));
    let passed = Arc::new(Mutex::new(BTreeMap::new()));
    let (losses, passing) = (Arc::clone(&hit), Arc::clone(&passed));
    pair.proxy.set_filter(move |way, bytes| {
        let Some(header) = picture_header(bytes).filter(|_| way == Way::ToClient) else { return true };
        let is_one = header.index == header.frame as u16 % header.count || header.is_parity();
        let is_lost = header.frame % 7 == 3 && is_one;
        if is_lost {
            losses.lock().expect("nobody panics").insert(header.frame);
        } else {
            passing.lock().expect("nobody panics").insert(header.frame, Clock::now());
        }
        !is_lost
    });
    let (sent, arrivals) = pair.send(&jpegs, 75);
    let (hit, passed) = (hit.lock().expect("nobody panics"), passed.lock().expect("nobody panics"));

    assert!(hit.len() >= 8, "{hit:?}");
    let expected: Vec<u32> = (0..sent as u32).filter(|frame| !hit.contains(frame)).collect();
    let came: Vec<u32> = arrivals.iter().map(|arrival| arrival.frame).collect();
    assert_eq!(came, expected, "every frame that was not hit comes, once and in order");
    let mut slowest = Duration::ZERO;
    for arrival in &arrivals {
        assert!(arrival.bytes == jpegs[arrival.frame as usize % jpegs.len()], "frame {}", arrival.frame);
        slowest = slowest.max(between(passed[&arrival.frame], arrival.at));
    }
    println!("{} of {sent} frames hit; the slowest other one was whole {slowest:?} after its last fragment", hit.len());
    // Waiting for a hit frame would cost its deadline of half a second.
    assert!(slowest < ms(150), "{slowest:?}");
    let (_, lost) = pair.receiver.figures().frames;
    assert!(lost <= hit.len() as u64, "{lost} counted as lost");
}

#[test]
fn what_a_bad_network_loses_is_asked_for_or_made_again() {
    let pair = Pair::new();
    let jpegs = material::jpegs(30);
    // Of pictures of five fragments over two hops six in ten would be whole.
    pair.proxy.set_weather(Weather { seed: 5, loss: 50, delay: ms(3), ..Weather::default() });
    let (sent, arrivals) = pair.send(&jpegs, 150);
    for arrival in &arrivals {
        assert!(arrival.bytes == jpegs[arrival.frame as usize % jpegs.len()], "frame {}", arrival.frame);
    }
    let figures = pair.receiver.figures();
    let (missed, recovered) = figures
        .repair
        .iter()
        .fold((0, 0), |(missed, recovered), (_, track)| (missed + track.missed, recovered + track.recovered));
    println!("{} of {sent} frames; {recovered} of {missed} packets that were missing came", arrivals.len());
    println!("own packets sent again: {}; {:?}", pair.sender.figures().resent, pair.sender.figures().loss);
    assert!(arrivals.len() * 100 >= sent * 97, "{} of {sent} frames", arrivals.len());
    assert!(missed > 20 && recovered * 100 >= missed * 97, "{recovered} of {missed} packets");
    assert!(pair.sender.figures().resent > 10);
}

#[test]
fn a_camera_that_is_off_sends_nothing_and_everybody_sees_it() {
    let mut pair = Pair::new();
    let jpegs = material::jpegs(10);
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("camera.mjpeg");
    material::write_mjpeg(&path, &jpegs);
    let spec = CameraSpec::File { path: path.clone(), fps: 25, is_looped: true };
    let camera = Capture::camera(&spec, VideoCodec::Jpeg, TrackId::CAMERA, pair.room, pair.sender.engine.frames())
        .expect("a camera");
    assert!(is_open(&path));
    until_so("pictures", ms(5000), || pair.receiver.arrival_count() > 10);

    // Off: the device is closed first, then everybody is told.
    drop(camera);
    assert!(!is_open(&path), "the device is closed");
    let off = TrackInfo { is_on: false, ..PICTURES };
    pair.sender.switch(pair.room, TrackId::CAMERA, off);
    pair.receiver.wait("word that the camera is off", ms(5000), |event| match event {
        Event::Participant { participant, is_me: false, .. } => (!participant.tracks[1].is_on).then_some(()),
        _ => None,
    });
    pause(ms(100));
    let (count, off_at) = (pair.receiver.arrival_count(), Clock::now());
    // Even a program that goes on handing in frames sends none.
    for n in 0..10 {
        pair.sender.send_frame(pair.room, TrackId::CAMERA, n, vec![7; 3000]);
        pause(ms(30));
    }
    let recording = pair.proxy.recording();
    let since_off = recording.datagrams.iter().filter(|(at, _, _)| *at >= off_at);
    assert_eq!(since_off.filter(|(_, _, bytes)| picture_header(bytes).is_some()).count(), 0);
    assert_eq!(pair.receiver.arrival_count(), count);

    // And on again.
    pair.sender.switch(pair.room, TrackId::CAMERA, PICTURES);
    let _camera = Capture::camera(&spec, VideoCodec::Jpeg, TrackId::CAMERA, pair.room, pair.sender.engine.frames())
        .expect("a camera");
    until_so("pictures again", ms(5000), || pair.receiver.arrival_count() > count + 10);
}

/// Whether this process holds that file open.
fn is_open(path: &PathBuf) -> bool {
    let files = std::fs::read_dir("/proc/self/fd").expect("a list of open files");
    files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok()).any(|target| target == *path)
}

#[test]
fn two_rooms_at_once_hear_nothing_of_each_other() {
    let server = LocalServer::start();
    let rooms = ["Nhóm 17", "Seminar"];
    let mut people: Vec<(Person, RoomId)> = Vec::new();
    for (n, name) in ["Lan", "Minh", "Hường", "An"].into_iter().enumerate() {
        people.push(Person::in_room(guest(&server.target, name), rooms[n % 2]));
    }
    for (person, room) in &mut people {
        person.switch(*room, TrackId::MICROPHONE, SOUND);
    }
    let payload = |index: usize| move |_| vec![index as u8; 640];
    let voices: Vec<_> = people
        .iter()
        .enumerate()
        .map(|(index, (person, room))| person.stream(*room, TrackId::MICROPHONE, ms(20), payload(index)))
        .collect();
    for (person, room) in &people {
        person.say(*room, &format!("chỉ trong phòng {}", room.0));
        until_so("the other's voice", ms(5000), || person.arrival_count() > 20);
    }
    drop(voices);
    for (index, (person, room)) in people.iter().enumerate() {
        let other = (index as u8 + 2) % 4;
        for arrival in person.arrivals() {
            assert_eq!((arrival.room, arrival.bytes[0]), (*room, other));
        }
        until_so("both messages", ms(5000), || person.chats().len() == 2);
        assert!(person.chats().iter().all(|(_, text)| *text == format!("chỉ trong phòng {}", room.0)));
    }
    // Frames for a room that one is not in do not even leave the program.
    let (outsider, _) = &people[0];
    let (insider, elsewhere) = &people[1];
    let count = insider.arrival_count();
    outsider.send(Command::SetTrack { room: *elsewhere, track: TrackId::MICROPHONE, info: SOUND });
    for n in 0..10 {
        outsider.send_frame(*elsewhere, TrackId::MICROPHONE, n, vec![99; 640]);
        pause(ms(10));
    }
    pause(ms(300));
    assert_eq!(insider.arrival_count(), count);
}
