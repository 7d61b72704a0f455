//! What happens in the meeting, and what must follow from it. Everything is checked on the spot: a wrong step panics.

use hph_core::endpoint::client::{ClientOutput, OutgoingFrame, Pieces};
use hph_core::error::DropReason;
use hph_core::id::TrackId;
use hph_core::limits::FRAGMENT_PAYLOAD_MAX_BYTES;
use hph_core::time::Duration;
use hph_core::wire::control::{ClientMessage, Codec, TrackInfo};

use crate::meeting::{FRAME_FRAGMENTS, Fault, Meeting, ROOM};
use crate::record::Stage;

const PICTURE: TrackInfo = TrackInfo { is_on: true, codec: Codec::Jpeg, width: 320, height: 180 };
const VOICE: TrackInfo = TrackInfo { is_on: true, codec: Codec::Opus, width: 0, height: 0 };
/// Six fragments, the last one not full.
const PICTURE_BYTES: usize = FRAME_FRAGMENTS * FRAGMENT_PAYLOAD_MAX_BYTES - 100;
const VOICE_BYTES: usize = 80;

/// Runs a meeting that nobody has come to yet.
pub fn run(meeting: &mut Meeting<'_>) {
    two_meet_and_a_third_comes_later(meeting);
    faults_cost_the_frame_they_hit_and_no_other(meeting);
    one_leaves_and_the_others_go_on_with_new_keys(meeting);
    sum_up(meeting);
}

fn two_meet_and_a_third_comes_later(meeting: &mut Meeting<'_>) {
    for client in 0..2 {
        meeting.sign_in(client);
        join(meeting, client);
    }
    set_track(meeting, 0, TrackId::CAMERA, PICTURE);
    set_track(meeting, 1, TrackId::MICROPHONE, VOICE);
    assert_eq!(send_picture(meeting, 1), [0, 1, 0]);
    // The key of the first has sealed something: for the third, who must not open that, it moves on by a step.
    let before = meeting.last_kid;
    meeting.sign_in(2);
    join(meeting, 2);
    assert_eq!(send_picture(meeting, 2), [0, 1, 1]);
    assert_eq!(meeting.last_kid, before + 1, "one ratchet step");
    assert_eq!(send(meeting, 1, TrackId::MICROPHONE, 3, VOICE_BYTES), [1, 0, 1]);
}

fn faults_cost_the_frame_they_hit_and_no_other(meeting: &mut Meeting<'_>) {
    meeting.fault = Some(Fault::Lose { to: 1, index: 2 });
    assert_eq!(send_picture(meeting, 4), [0, 0, 1]);
    assert_eq!(send_picture(meeting, 5), [0, 1, 1]);

    meeting.fault = Some(Fault::Repeat { index: 3 });
    assert_eq!(send_picture(meeting, 6), [0, 1, 1]);
    assert_eq!(meeting.server.drops().of(DropReason::Replayed), 1);

    meeting.fault = Some(Fault::ForgeHeader { index: 0 });
    assert_eq!(send_picture(meeting, 7), [0, 1, 1]);
    assert_eq!(meeting.server.drops().of(DropReason::HopTag), 1);

    // The relay can't read the ciphertext, and so can't tell: the receiver does.
    meeting.fault = Some(Fault::AlterBody { to: 2, index: 5 });
    assert_eq!(send_picture(meeting, 8), [0, 1, 0]);
    assert_eq!(meeting.clients[2].drops().of(DropReason::EndToEndTag), 1);
    assert_eq!(send_picture(meeting, 9), [0, 1, 1]);

    assert_eq!(meeting.fault, None, "every fault has happened");
    meeting.pass(Duration::from_secs(1));
    let lost = frames_lost(meeting);
    assert_eq!(lost, [0, 1, 1]);
    meeting.outcome.frames_lost = lost.iter().sum();
}

fn one_leaves_and_the_others_go_on_with_new_keys(meeting: &mut Meeting<'_>) {
    let before = meeting.last_kid;
    meeting.at_client(2, |client, out| client.leave(ROOM, out));
    meeting.settle();
    meeting.pass(Duration::from_secs(2));
    assert_eq!(send_picture(meeting, 10), [0, 1, 0]);
    let generation = |kid: u64| kid >> 8;
    assert_eq!(generation(meeting.last_kid), generation(before) + 1, "a new key that the one who left never had");
    assert_eq!(send(meeting, 1, TrackId::MICROPHONE, 11, VOICE_BYTES), [1, 0, 0]);
    assert_eq!(meeting.clients[1].drops().of(DropReason::UnknownKey), 0);
}

fn sum_up(meeting: &mut Meeting<'_>) {
    let pings = meeting.server.drops().of(DropReason::UnvalidatedPath);
    let outcome = &mut meeting.outcome;
    outcome.forwarded = meeting.server.forwarded();
    outcome.server_drops = meeting.server.drops().total();
    outcome.client_drops = meeting.clients.iter().map(|client| client.drops().total()).sum();
    assert_eq!((outcome.server_drops - pings, outcome.client_drops), (2, 1), "no other datagram was dropped");
}

/// Enters the room, and lets the datagram path prove itself.
fn join(meeting: &mut Meeting<'_>, client: u8) {
    meeting.at_client(client, |_, out| out.control(&ClientMessage::JoinRoom { request: 1, room: ROOM }));
    meeting.settle();
    meeting.pass(Duration::from_millis(500));
    let machine = &meeting.clients[usize::from(client)];
    assert!(machine.is_joined(ROOM) && machine.link_stats().is_some_and(|link| link.is_up));
}

fn set_track(meeting: &mut Meeting<'_>, client: u8, track: TrackId, info: TrackInfo) {
    meeting.at_client(client, |machine, out| machine.set_track(ROOM, track, info, out));
    meeting.settle();
}

/// The first client sends a picture; tells how many frames each client got of it.
fn send_picture(meeting: &mut Meeting<'_>, number: u32) -> [u32; 3] {
    send(meeting, 0, TrackId::CAMERA, number, PICTURE_BYTES)
}

fn send(meeting: &mut Meeting<'_>, client: u8, track: TrackId, number: u32, len: usize) -> [u32; 3] {
    let before = meeting.outcome.frames;
    meeting.draw_frame(number, len);
    let now = meeting.now;
    let (sent, spent) = meeting.at_client(client, |machine, out| {
        let bytes = out.frame;
        let frame =
            OutgoingFrame { track, layer: 0, timestamp: number * 3000, level: 127, bytes, pieces: Pieces::Fragments };
        machine.send_frame(now, ROOM, &frame, out)
    });
    let datagrams = sent.expect("the frame is sent");
    if track == TrackId::CAMERA {
        assert_eq!(usize::from(datagrams), FRAME_FRAGMENTS);
        meeting.outcome.charge(Stage::SendFragment, u64::from(datagrams), spent);
    }
    meeting.settle();
    meeting.pass(Duration::from_millis(100));
    let after = meeting.outcome.frames;
    core::array::from_fn(|client| after[client] - before[client])
}

fn frames_lost(meeting: &Meeting<'_>) -> [u64; 3] {
    core::array::from_fn(|client| {
        let tracks = meeting.clients[client].reassembler().tracks();
        tracks.map(|(_, stats)| stats.frames_lost).sum()
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::boxed::Box;
    use std::string::{String, ToString};
    use std::thread;

    use super::*;
    use crate::meeting::Memory;
    use crate::record::Outcome;

    /// On a stack of its own: unoptimised, the memory goes over it several times on its way to where it stays.
    fn outcome_of_a_run() -> Outcome {
        let run = || {
            let mut memory = Box::new(Memory::new());
            let mut meeting = Meeting::new(&mut memory, || 0);
            run(&mut meeting);
            core::mem::take(&mut meeting.outcome)
        };
        thread::Builder::new().stack_size(32 << 20).spawn(run).unwrap().join().unwrap()
    }

    fn line(report: &str, name: &str) -> String {
        let line = report.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_default().to_string()
    }

    #[test]
    fn the_meeting_goes_the_same_way_every_time() {
        let (first, second) = (outcome_of_a_run(), outcome_of_a_run());
        assert_eq!(first.to_string(), second.to_string());
        assert_ne!(first.digest(), Outcome::new().digest());
    }

    #[test]
    fn everybody_gets_what_the_faults_left() {
        let report = outcome_of_a_run().to_string();
        assert_eq!(line(&report, "frames_delivered"), "2 8 7");
        assert_eq!(line(&report, "frames_lost"), "2");
    }
}
