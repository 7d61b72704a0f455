//! What packet planes report, and who is told of it.

use super::*;
use crate::endpoint::relay::RelayReport;
use crate::endpoint::server::REFRESH_INTERVAL;
use crate::endpoint::server::media::{LOST_AT_ONCE, LOST_PER_S};
use crate::id::{Slot, TrackId};
use crate::media::nack::NackEntry;
use crate::media::track_window::TrackKey;
use crate::room::active_speaker::SpeechActivity;
use crate::wire::control::{Codec, TrackInfo};

const CAMERA: TrackId = TrackId::CAMERA;
const LOUD: u8 = 0x80 | 20;

/// Reports as from a shard; the machine's commands go nowhere.
struct ToNobody<'a>(&'a mut Deeds, Vec<RelayCommand>);

impl ServerOutput for ToNobody<'_> {
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>) {
        SingleOutput::control(self.0, to, message);
    }

    fn relay(&mut self, command: &RelayCommand) {
        self.1.push(*command);
    }

    fn event(&mut self, _: ServerEvent<'_>) {}
}

/// A control plane in front of two shards.
struct Plane {
    machine: ServerMachine<'static>,
    now: Instant,
    deeds: Deeds,
    commands: Vec<RelayCommand>,
}

impl Plane {
    /// An and Binh are in the room in places 0 and 1, with everything on.
    fn new() -> (Self, SessionId, SessionId) {
        let sessions = (0..4).map(|_| SessionPlace::default()).collect::<Vec<_>>().leak();
        let rooms = (0..2).map(|_| RoomPlace::default()).collect::<Vec<_>>().leak();
        let calls = (0..2).map(|_| CallPlace::default()).collect::<Vec<_>>().leak();
        let storage = ServerStorage { sessions, rooms, calls };
        let machine = ServerMachine::new(storage, RateLimits::default(), Shards::new(2), [1; 32]);
        let now = Instant::from_micros(1_000_000);
        let mut plane = Self { machine, now, deeds: Deeds::default(), commands: Vec::new() };
        plane.machine.add_room(ROOM, "Lớp học", 0).unwrap();
        let mut join = |name: &str| {
            let mut out = ToNobody(&mut plane.deeds, Vec::new());
            let id = plane.machine.open_session(now, identity(name), &[1; 32], &mut out).unwrap();
            plane.machine.handle_control(now, id, &ClientMessage::JoinRoom { request: 1, room: ROOM }, &mut out);
            for track in (0..4).map(TrackId) {
                let info = TrackInfo { is_on: true, codec: Codec::Opus, width: 0, height: 0 };
                plane.machine.handle_control(now, id, &ClientMessage::SetTrack { room: ROOM, track, info }, &mut out);
            }
            id
        };
        let (an, binh) = (join("an."), join("binh"));
        plane.news(an);
        plane.news(binh);
        (plane, an, binh)
    }

    fn with<R>(&mut self, input: impl FnOnce(&mut ServerMachine<'static>, &mut ToNobody<'_>) -> R) -> R {
        let mut out = ToNobody(&mut self.deeds, Vec::new());
        let result = input(&mut self.machine, &mut out);
        self.commands.extend(out.1);
        result
    }

    fn report(&mut self, shard: usize, report: RelayReport) {
        let now = self.now;
        self.with(|machine, out| machine.handle_report(now, shard, &report, out));
    }

    fn wanted(&mut self, shard: usize, sender: u16, layers: u8, max_bps: u32) {
        let sender = Slot(sender);
        self.report(shard, RelayReport::Wanted { room_index: 0, sender, track: CAMERA, layers, max_bps });
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        let now = self.now;
        self.with(|machine, out| machine.handle_timeout(now, out));
    }

    /// All that a session is told now.
    fn news(&mut self, id: SessionId) -> Vec<ServerMessage<'static>> {
        while self.with(|machine, out| machine.poll_control(id, out)) {}
        let (heard, rest): (Vec<_>, _) =
            std::mem::take(&mut self.deeds.controls).into_iter().partition(|(to, _)| *to == id);
        self.deeds.controls = rest;
        heard.into_iter().map(|(_, message)| message).collect()
    }
}

fn layers(layers: u8, max_bps: u32) -> ServerMessage<'static> {
    ServerMessage::WantedLayers { room: ROOM, track: CAMERA, layers, max_bps }
}

#[test]
fn a_sender_is_told_what_all_shards_together_want_and_only_when_it_changes() {
    let (mut plane, an, binh) = Plane::new();
    plane.wanted(0, 0, 0b001, 0);
    assert_eq!(plane.news(an), [], "as everybody sends at first");
    plane.wanted(1, 0, 0b100, 0);
    assert_eq!(plane.news(an), [layers(0b101, 0)]);
    plane.wanted(1, 0, 0b100, 0);
    assert_eq!((plane.news(an), plane.news(binh)), (vec![], vec![]));
    plane.wanted(0, 0, 0b010, 900_000);
    plane.wanted(1, 0, 0b010, 700_000);
    assert_eq!(plane.news(an), [layers(0b010, 900_000)]);
    plane.wanted(0, 0, 0, 0);
    plane.wanted(1, 0, 0, 0);
    assert_eq!(plane.news(an), [layers(0, 0)]);
}

#[test]
fn a_newcomer_in_a_place_inherits_nothing() {
    let (mut plane, an, binh) = Plane::new();
    plane.wanted(0, 1, 0b110, 0);
    assert_eq!(plane.news(binh), [layers(0b110, 0)]);
    plane.with(|machine, out| machine.close_session(binh, SignOutReason::Asked, out));
    plane.news(an);
    // Late news of the one who left.
    plane.wanted(0, 1, 0b110, 0);
    plane.report(0, RelayReport::Refresh { room_index: 0, sender: Slot(1), track: CAMERA, layers: 1 });
    assert!(plane.deeds.controls.iter().all(|(to, _)| *to == binh), "nobody is asked");
}

#[test]
fn whole_pictures_are_asked_for_now_and_then_and_for_all_who_need_them_at_once() {
    let (mut plane, an, binh) = Plane::new();
    let refresh = |layers| ServerMessage::Refresh { room: ROOM, track: CAMERA, layers };
    let ask = |plane: &mut Plane, layers| {
        plane.report(0, RelayReport::Refresh { room_index: 0, sender: Slot(0), track: CAMERA, layers });
    };
    ask(&mut plane, 0b001);
    assert_eq!(plane.news(an), [refresh(0b001)]);
    ask(&mut plane, 0b100);
    let request = ClientMessage::RequestRefresh { room: ROOM, slot: Slot(0), track: CAMERA };
    for _ in 0..50 {
        let now = plane.now;
        plane.with(|machine, out| machine.handle_control(now, binh, &request, out));
    }
    assert_eq!(plane.news(an), []);
    plane.wait(REFRESH_INTERVAL);
    assert_eq!(plane.news(an), [refresh(0b111)]);
    plane.wait(REFRESH_INTERVAL);
    assert_eq!(plane.news(an), []);
}

#[test]
fn a_sender_is_told_what_did_not_come_but_not_more_often_than_is_good_for_it() {
    let (mut plane, an, binh) = Plane::new();
    let key = TrackKey { room: ROOM.0, sender: 0, track: CAMERA.0, layer: 2 };
    let report = |plane: &mut Plane, from| {
        let packets = NackEntry { key, seq: 7, more: 5 }.emit().repeat(16);
        let now = plane.now;
        let report = ClientMessage::ReportLost { packets: &packets };
        plane.with(|machine, out| machine.handle_control(now, from, &report, out));
    };
    report(&mut plane, an);
    assert_eq!(plane.news(an), [], "about itself");
    for _ in 0..10 {
        report(&mut plane, binh);
    }
    let lost = ServerMessage::Lost { room: ROOM, track: CAMERA, layer: 2, seq: 7, more: 5 };
    assert_eq!(plane.news(an), [lost].repeat(LOST_AT_ONCE as usize));
    assert_eq!(plane.news(binh), []);
    plane.wait(Duration::from_millis(500));
    report(&mut plane, binh);
    assert_eq!(plane.news(an), [lost].repeat(LOST_PER_S as usize / 2));
}

#[test]
fn the_room_and_the_packet_planes_are_told_who_speaks() {
    let (mut plane, an, binh) = Plane::new();
    let mut activity = SpeechActivity::default();
    for _ in 0..100 {
        plane.now = plane.now + Duration::from_millis(20);
        activity.handle_packet(plane.now, LOUD);
        plane.report(1, RelayReport::Speech { room_index: 0, sender: Slot(1), activity });
    }
    let told = ServerMessage::ActiveSpeaker { room: ROOM, slot: Some(Slot(1)) };
    assert_eq!((plane.news(an), plane.news(binh)), (vec![told], vec![told]));
    assert_eq!(plane.commands, [RelayCommand::Speaker { room_index: 0, slot: Some(Slot(1)) }]);
    // Whoever comes later is told too; and that nobody does any more, when the speaker has left.
    let now = plane.now;
    let third = plane.with(|machine, out| {
        let id = machine.open_session(now, identity("chi"), &[2; 32], out).unwrap();
        machine.handle_control(now, id, &ClientMessage::JoinRoom { request: 1, room: ROOM }, out);
        id
    });
    assert!(plane.news(third).contains(&told));
    plane.with(|machine, out| machine.close_session(binh, SignOutReason::Asked, out));
    plane.wait(Duration::from_secs(1));
    let nobody = ServerMessage::ActiveSpeaker { room: ROOM, slot: None };
    assert!(plane.news(an).contains(&nobody));
}

#[test]
fn reports_out_of_bounds_change_nothing() {
    let (mut plane, an, _) = Plane::new();
    for (room_index, sender, track) in [(9, 0, CAMERA), (0, 32, CAMERA), (0, 0, TrackId(0)), (0, 0, TrackId(9))] {
        let sender = Slot(sender);
        for shard in [0, 99] {
            plane.report(shard, RelayReport::Wanted { room_index, sender, track, layers: 255, max_bps: 1 });
            plane.report(shard, RelayReport::Refresh { room_index, sender, track, layers: 255 });
            let activity = SpeechActivity::default();
            plane.report(shard, RelayReport::Speech { room_index, sender, activity });
        }
    }
    assert_eq!(plane.news(an), []);
}
