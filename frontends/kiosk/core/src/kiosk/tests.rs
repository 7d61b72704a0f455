use hph_client::core::id::{CallId, RoomId, Slot, TrackId};
use hph_client::core::wire::control::{Codec, LeaveReason, SignInMethods, TrackInfo};
use hph_client::engine::{Command, EndReason, Participant};
use hph_presenters::signin::{self, Offer};

use super::*;
use crate::config::AutoAnswer;
use crate::hours::Hours;
use crate::keyboard::Key;

pub(super) const ROOM: RoomId = RoomId(7);
const OTHER: RoomId = RoomId(8);
const ME: &str = "g-kiosk";

/// A device, the server's answers, and what it has open.
pub(super) struct Rig {
    pub(super) kiosk: Kiosk,
    ms: u64,
    pub(super) effects: Effects,
    kept: Memory,
    pub(super) open: Vec<(RoomId, TrackId)>,
    has_camera: bool,
}

fn config() -> Config {
    Config::parse("t", "server = \"hph://meet.lan/\"\nguest = true\nname = \"Phòng A\"\nfixed_room = \"Nhóm 17\"")
        .unwrap()
}

impl Rig {
    pub(super) fn new(config: Config, begin: Begin, memory: Memory) -> Self {
        let kiosk = Kiosk::new(config, begin, memory.clone(), 1);
        let mut rig = Self { kiosk, ms: 0, effects: Vec::new(), kept: memory, open: Vec::new(), has_camera: true };
        rig.does(Event::Tick);
        rig
    }

    /// In its room, where Lan is too.
    fn in_room() -> Self {
        let mut rig = Self::new(config(), Begin::Fresh, Memory::default());
        rig.signs_in();
        rig.lets_in(ROOM, "Nhóm 17");
        rig
    }

    pub(super) const fn now(&self) -> Now {
        // Monday 23 November 2026, 14:05 UTC+7.
        Now {
            at: Instant::from_micros(1_000_000 + self.ms * 1000),
            unix_ms: 1_795_417_500_000 + self.ms,
            offset_s: 25_200,
        }
    }

    pub(super) fn does(&mut self, event: Event) {
        let (now, at) = (self.now(), self.effects.len());
        self.kiosk.handle(event, now, &mut self.effects);
        let new = self.effects[at..].to_vec();
        for effect in new {
            match effect {
                Effect::Keep(memory) => self.kept = memory,
                Effect::Meeting(Wanted::OpenTrack { room, track }) => self.opens(room, track),
                Effect::Meeting(Wanted::CloseTrack { room, track }) => self.open.retain(|open| *open != (room, track)),
                _ => {}
            }
        }
    }

    fn opens(&mut self, room: RoomId, track: TrackId) {
        if track == TrackId::CAMERA && !self.has_camera {
            return self.told_app(app::Event::TrackFailed { room, track, detail: String::new() });
        }
        self.open.push((room, track));
    }

    pub(super) fn told_app(&mut self, event: app::Event) {
        self.does(event.into());
    }

    pub(super) fn told(&mut self, event: EngineEvent) {
        self.told_app(app::Event::Engine(event));
    }

    pub(super) fn waits(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(250) {
            self.ms += 250;
            self.does(Event::Tick);
        }
    }

    fn signs_in(&mut self) {
        self.asks();
        self.told(EngineEvent::SignedIn {
            username: ME.to_owned(),
            display_name: "Phòng A".to_owned(),
            server_name: "Lớp".to_owned(),
            pin: [7; 32],
        });
    }

    /// It has found its server, and tries to sign in there.
    pub(super) fn asks(&mut self) {
        assert!(self.wanted(|wanted| matches!(wanted, Wanted::Ask { host, .. } if host == "meet.lan")));
        let methods = SignInMethods { password: true, register: true, guest: true };
        let offer = Offer { name: "Lớp".to_owned(), methods, pin: [7; 32] };
        self.told_app(app::Event::SignIn(signin::Event::Answered {
            host: "meet.lan".to_owned(),
            port: 7400,
            answer: Ok(offer),
        }));
        assert!(self.wanted(|wanted| matches!(wanted, Wanted::Connect(_))));
    }

    /// The server lets us into the room that we asked for last.
    pub(super) fn lets_in(&mut self, room: RoomId, name: &str) {
        let request = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Meeting(Wanted::Engine(Command::JoinNamed { request, .. } | Command::Join { request, .. })) => {
                Some(*request)
            }
            _ => None,
        });
        let request = request.expect("a room was asked for");
        self.told(EngineEvent::Joined { request, room, name: name.to_owned(), slot: Slot(0) });
        self.is_there(room, 0, ME);
        self.is_there(room, 1, "lan");
    }

    fn is_there(&mut self, room: RoomId, slot: u16, username: &str) {
        let participant = Participant {
            slot: Slot(slot),
            member: u32::from(slot) + 100,
            username: username.to_owned(),
            display_name: username.to_owned(),
            tracks: [TrackInfo { is_on: false, codec: Codec::Opus, width: 0, height: 0 }; 4],
            role: Default::default(),
            hand: 0,
            device: Default::default(),
            key: Default::default(),
        };
        self.told(EngineEvent::Participant { room, participant, is_new: true, is_me: slot == 0 });
    }

    fn rings(&mut self, from: &str) {
        self.told(EngineEvent::Ringing {
            call: CallId(3),
            from: from.to_owned(),
            display_name: from.to_owned(),
            room: OTHER,
            name: "Gọi".to_owned(),
            seconds: 30,
        });
    }

    pub(super) fn wanted(&self, is_it: impl Fn(&Wanted) -> bool) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Meeting(wanted) if is_it(wanted)))
    }

    pub(super) fn joins(&self) -> usize {
        let is_join = |effect: &&Effect| matches!(effect, Effect::Meeting(Wanted::Engine(Command::JoinNamed { .. })));
        self.effects.iter().filter(is_join).count()
    }

    fn answered(&self) -> Vec<bool> {
        let answer = |effect: &Effect| match effect {
            Effect::Meeting(Wanted::Engine(Command::AnswerCall { accept, .. })) => Some(*accept),
            _ => None,
        };
        self.effects.iter().filter_map(answer).collect()
    }

    pub(super) fn front(&self) -> Front {
        self.kiosk.front(self.now())
    }
}

#[test]
fn switched_on_it_is_in_its_room_with_nobody_touching_it() {
    let rig = Rig::in_room();
    assert_eq!(rig.front(), Front::Room);
    assert_eq!(rig.open, [(ROOM, TrackId::MICROPHONE), (ROOM, TrackId::CAMERA)]);
    assert!(rig.kiosk.is_live(), "and says so by its red border");
    assert_eq!(rig.kept.room.as_deref(), Some("Nhóm 17"));
    let no_preview = rig.wanted(|wanted| matches!(wanted, Wanted::Preview(_) | Wanted::Meter(_) | Wanted::ListDevices));
    assert!(!no_preview, "nothing is opened before the room");
}

#[test]
fn after_a_crash_it_is_back_in_the_same_room_muted() {
    let memory = Memory { room: Some("Seminar".into()), ..Memory::default() };
    let mut rig = Rig::new(config(), Begin::Back { room: "Seminar".into() }, memory);
    rig.signs_in();
    assert_eq!(rig.kept.room.as_deref(), Some("Seminar"), "also if it crashes again on the way");
    rig.lets_in(OTHER, "Seminar");
    rig.waits(3000);
    assert_eq!((rig.front(), rig.open.len(), rig.kiosk.is_live()), (Front::Room, 0, false));
    rig.does(Event::Microphone);
    assert_eq!(rig.open, [(OTHER, TrackId::MICROPHONE)], "until somebody touches the button");
}

#[test]
fn a_server_that_is_not_there_is_asked_again_and_again() {
    let mut rig = Rig::new(config(), Begin::Fresh, Memory::default());
    let asks = |rig: &Rig| {
        let is_ask = |effect: &&Effect| matches!(effect, Effect::Meeting(Wanted::Ask { .. }));
        rig.effects.iter().filter(is_ask).count()
    };
    for wanted in 2..6 {
        let answer = Err(Trouble::Unreachable);
        rig.told_app(app::Event::SignIn(signin::Event::Answered { host: "meet.lan".into(), port: 7400, answer }));
        assert_eq!(rig.front(), Front::Waiting { trouble: Some(Trouble::Unreachable) });
        assert!(rig.kiosk.retry_s(rig.now()) > 0);
        rig.waits(31_000);
        assert_eq!(asks(&rig), wanted);
    }
    rig.signs_in();
    assert_eq!(rig.joins(), 1);
}

#[test]
fn put_out_by_the_server_for_good_it_signs_in_anew() {
    let mut rig = Rig::in_room();
    rig.told(EngineEvent::Ended(EndReason::SignedInElsewhere));
    assert!(rig.open.is_empty() && !rig.kiosk.is_live(), "everything is closed");
    assert_eq!(rig.front(), Front::Waiting { trouble: Some(Trouble::SignedInElsewhere) });
    rig.effects.clear();
    rig.waits(3000);
    rig.signs_in();
    rig.lets_in(ROOM, "Nhóm 17");
    assert_eq!(rig.front(), Front::Room);
}

#[test]
fn leaving_closes_microphone_and_camera_before_anything_is_said() {
    let mut rig = Rig::in_room();
    rig.effects.clear();
    rig.does(Event::Leave);
    assert!(rig.open.is_empty());
    let order = |is_it: fn(&Wanted) -> bool| {
        rig.effects.iter().position(|effect| matches!(effect, Effect::Meeting(wanted) if is_it(wanted))).unwrap()
    };
    let closed = order(|wanted| matches!(wanted, Wanted::CloseTrack { track: TrackId::CAMERA, .. }));
    assert!(closed < order(|wanted| matches!(wanted, Wanted::Engine(Command::Leave(_)))));
    rig.told(EngineEvent::Left { room: ROOM, reason: LeaveReason::Asked });
    rig.waits(120_000);
    assert_eq!((rig.front(), rig.kept.room.clone()), (Front::Home, None), "nobody is put back in against their will");
    rig.does(Event::Return);
    assert_eq!(rig.joins(), 1);
}

#[test]
fn a_camera_that_is_not_there_is_waited_for_and_comes_back_by_itself() {
    let mut rig = Rig::new(config(), Begin::Fresh, Memory::default());
    rig.has_camera = false;
    rig.signs_in();
    rig.lets_in(ROOM, "Nhóm 17");
    rig.waits(10_000);
    assert!(rig.kiosk.waiting.is_camera() && !rig.kiosk.waiting.is_microphone());
    assert_eq!(rig.open, [(ROOM, TrackId::MICROPHONE)]);
    rig.has_camera = true;
    rig.waits(2250);
    assert!(rig.open.contains(&(ROOM, TrackId::CAMERA)), "within three seconds");
    rig.does(Event::Gone(Gone { camera: true, microphone: false }));
    assert!(rig.kiosk.waiting.is_camera(), "unplugged while it is open: said, and waited for below");
    rig.does(Event::Gone(Gone::default()));
    rig.does(Event::Tick);
    assert!(rig.kiosk.is_live(), "it is still open");
}

#[test]
fn what_a_host_switches_off_stays_off() {
    let mut rig = Rig::in_room();
    let tracks = vec![TrackId::MICROPHONE, TrackId::CAMERA];
    rig.told(EngineEvent::Muted { room: ROOM, tracks, by: "lan".into() });
    rig.waits(10_000);
    assert!(rig.open.is_empty());
    rig.does(Event::Camera);
    assert_eq!(rig.open, [(ROOM, TrackId::CAMERA)]);
}

#[test]
fn calls_are_answered_declined_or_asked_about_as_the_owner_says() {
    for (answer, from, at_once, later) in [
        (AutoAnswer::Off, "lan", vec![false], vec![false]),
        (AutoAnswer::Ask, "lan", vec![], vec![]),
        (AutoAnswer::AllowList, "lan", vec![], vec![true]),
        (AutoAnswer::AllowList, "mallory", vec![], vec![]),
    ] {
        let config = Config { auto_answer: answer, allow: vec!["lan".into()], fixed_room: None, ..config() };
        let mut rig = Rig::new(config, Begin::Fresh, Memory::default());
        rig.signs_in();
        rig.rings(from);
        assert_eq!(rig.answered(), at_once, "{answer:?} {from}");
        rig.waits(4000);
        assert_eq!(rig.answered(), later, "{answer:?} {from}");
        if later == [true] {
            rig.lets_in(OTHER, "Gọi");
            assert_eq!(rig.open.len(), 2, "with microphone and camera");
        }
    }
}

#[test]
fn somebody_at_the_device_may_decline_what_would_be_answered() {
    let config = Config { auto_answer: AutoAnswer::AllowList, allow: vec!["lan".into()], ..config() };
    let mut rig = Rig::new(config, Begin::Fresh, Memory::default());
    rig.signs_in();
    rig.lets_in(ROOM, "Nhóm 17");
    rig.rings("lan");
    assert_eq!(rig.kiosk.answers_in_s(rig.now()), Some(3));
    rig.does(Event::Answer(false));
    rig.waits(5000);
    assert_eq!((rig.answered(), rig.kiosk.answers_in_s(rig.now())), (vec![false], None));
}

#[test]
fn after_its_hours_it_leaves_and_goes_dark_and_in_the_morning_it_is_back() {
    let hours = Hours::parse(&["Mon-Fri 14:00-14:06"]).unwrap();
    let mut rig = Rig::new(Config { hours, ..config() }, Begin::Fresh, Memory::default());
    rig.signs_in();
    rig.lets_in(ROOM, "Nhóm 17");
    rig.waits(60_000);
    assert!(rig.open.is_empty() && rig.wanted(|wanted| matches!(wanted, Wanted::Engine(Command::Leave(_)))));
    rig.told(EngineEvent::Left { room: ROOM, reason: LeaveReason::Asked });
    assert_eq!(rig.front(), Front::Dark);
    rig.does(Event::Touched);
    assert_eq!(rig.front(), Front::Home, "a touch wakes it");
    rig.waits(11 * 60_000);
    assert_eq!(rig.front(), Front::Dark);
    rig.ms += 24 * 3_600_000 - 6 * 60_000 - 6 * 60_000;
    rig.does(Event::Tick);
    assert_eq!(rig.joins(), 2, "the next day, in its hours");
}

#[test]
fn nobody_there_is_dark_and_in_a_room_it_never_is() {
    let mut rig = Rig::in_room();
    rig.waits(20 * 60_000);
    assert_eq!(rig.front(), Front::Room);
    rig.does(Event::Leave);
    rig.told(EngineEvent::Left { room: ROOM, reason: LeaveReason::Asked });
    rig.waits(9 * 60_000);
    assert_eq!(rig.front(), Front::Home);
    rig.waits(2 * 60_000);
    assert_eq!(rig.front(), Front::Dark);
}

#[test]
fn a_room_that_was_closed_is_entered_again_after_a_moment() {
    let mut rig = Rig::in_room();
    rig.told(EngineEvent::Left { room: ROOM, reason: LeaveReason::RoomClosed });
    assert!(rig.open.is_empty());
    rig.waits(11_000);
    assert_eq!(rig.joins(), 2);
}

#[test]
fn everybody_is_as_loud_as_the_device_and_never_louder_than_allowed() {
    let mut rig = Rig::new(Config { volume: 60, volume_max: 80, ..config() }, Begin::Fresh, Memory::default());
    rig.signs_in();
    rig.lets_in(ROOM, "Nhóm 17");
    let last = |rig: &Rig| {
        rig.effects.iter().rev().find_map(|effect| match effect {
            Effect::Meeting(Wanted::Volume { percent, .. }) => Some(*percent),
            _ => None,
        })
    };
    assert_eq!(last(&rig), Some(60));
    (0..5).for_each(|_| rig.does(Event::Volume(10)));
    assert_eq!((last(&rig), rig.kept.volume), (Some(80), Some(80)));
    rig.is_there(ROOM, 2, "dat");
    assert_eq!(last(&rig), Some(80), "also who comes later");
}

#[test]
fn a_name_typed_on_the_screen_is_gone_into() {
    let mut rig = Rig::new(Config { fixed_room: None, ..config() }, Begin::Fresh, Memory::default());
    rig.signs_in();
    rig.does(Event::OpenEntry);
    rig.does(Event::Key(Key::Enter));
    assert!(rig.kiosk.entry.as_ref().is_some_and(|entry| entry.flaw.is_some()), "nothing is no name");
    "Hopj".chars().for_each(|key| rig.does(Event::Key(Key::Char(key))));
    rig.does(Event::Key(Key::Enter));
    assert!(rig.wanted(|wanted| matches!(wanted, Wanted::Engine(Command::JoinNamed { name, .. }) if name == "Họp")));
    assert!(rig.kiosk.entry.is_none());
}

#[test]
fn the_safe_screen_opens_nothing_and_tries_again() {
    let memory = Memory { starts: vec![1, 2, 3], ..Memory::default() };
    let mut rig = Rig::new(config(), Begin::Safe { error: "it broke".into() }, memory.clone());
    rig.waits(60_000);
    assert_eq!(rig.front(), Front::Safe { error: "it broke".into() });
    assert!(rig.effects.is_empty(), "{:?}", rig.effects);
    rig.does(Event::Retry);
    assert!(rig.kept.starts.is_empty() && rig.effects.iter().any(|effect| matches!(effect, Effect::Restart)));
    let mut rig = Rig::new(config(), Begin::Safe { error: String::new() }, memory);
    rig.waits(601_000);
    assert!(rig.effects.iter().any(|effect| matches!(effect, Effect::Restart)), "by itself");
}

#[test]
fn ended_as_it_should_nothing_is_to_be_made_good() {
    let memory = Memory { starts: vec![1], ..Memory::default() };
    let mut rig = Rig::new(config(), Begin::Fresh, memory);
    rig.signs_in();
    rig.lets_in(ROOM, "Nhóm 17");
    rig.does(Event::End);
    rig.does(Event::Tick);
    assert_eq!((rig.kept.room.clone(), rig.kept.starts.len()), (None, 0));
    assert!(rig.wanted(|wanted| matches!(wanted, Wanted::Disconnect)));
}

#[test]
fn without_a_server_it_says_how_to_be_set_up() {
    let mut rig = Rig::new(Config::default(), Begin::Fresh, Memory::default());
    rig.waits(60_000);
    assert_eq!(rig.front(), Front::SetUp);
    assert!(!rig.wanted(|wanted| matches!(wanted, Wanted::Ask { .. })));
    let enrolled = |rig: &Rig| rig.effects.iter().any(|effect| matches!(effect, Effect::Enrol(_)));
    let link = || Event::Shown("hph://meet.lan/".parse().unwrap());
    rig.kiosk.problem = Some("kiosk.toml:1: unknown key".to_owned());
    rig.does(link());
    assert!(!enrolled(&rig), "not while the owner's file is wrong");
    rig.kiosk.problem = None;
    rig.does(link());
    assert!(enrolled(&rig));
    let mut known = Rig::in_room();
    known.does(link());
    assert!(!enrolled(&known), "whoever walks by can't give it another server");
}
