use std::collections::BTreeSet;

use hph_client::breakout::{BreakoutAct, BreakoutNews, BreakoutWish};
use hph_client::core::id::{CallId, Slot, TrackId};
use hph_client::core::wire::control::{Act, CallOutcome, LeaveReason, Refusal, SignInMethods};
use hph_client::engine::{EndReason, Participant, Role};

use super::*;
use crate::keys::{Action, Chord};
use crate::room::mute;
use crate::settings::{Audio, MicMode};
use crate::testing::{Dice, ROOM, now, person};
use crate::{chat, settings, signin};

const OTHER: RoomId = RoomId(8);

/// A program with the devices that it was told to open.
struct Rig {
    app: App,
    ms: u64,
    effects: Effects,
    /// Devices that are open, and whether the gate is held.
    open: BTreeSet<(RoomId, u8)>,
    is_gate_held: bool,
}

impl Rig {
    fn new() -> Self {
        let app = App::new(Memory::default(), 1);
        Self { app, ms: 0, effects: Vec::new(), open: BTreeSet::new(), is_gate_held: false }
    }

    /// Signed in, in the lobby, with two rooms there.
    fn in_lobby() -> Self {
        let mut rig = Self::new();
        rig.does(Event::SignIn(signin::Event::Typed(signin::Field::Server, "meet.lan".to_owned())));
        rig.does(Event::SignIn(signin::Event::Go));
        let methods = SignInMethods { password: true, register: true, guest: true };
        let offer = signin::Offer { name: "Lớp".to_owned(), methods, pin: [7; 32] };
        rig.does(Event::SignIn(signin::Event::Offered(offer)));
        rig.does(Event::SignIn(signin::Event::Typed(signin::Field::DisplayName, "Trần Minh".to_owned())));
        rig.does(Event::SignIn(signin::Event::Submit));
        rig.signs_in();
        rig
    }

    /// In a room with Lan.
    fn in_room() -> Self {
        let mut rig = Self::in_lobby();
        rig.does(Event::Join { name: "Nhóm 17".to_owned(), may_create: false, is_at_once: false });
        rig.app.prejoin.as_mut().unwrap().is_mic_on = false;
        rig.does(Event::Enter);
        rig.lets_in(ROOM, "Nhóm 17");
        rig
    }

    fn signs_in(&mut self) {
        let (username, display_name) = ("minh".to_owned(), "Trần Minh".to_owned());
        self.told(ClientEvent::SignedIn { username, display_name, server_name: "Lớp".to_owned(), pin: [7; 32] });
        self.told(ClientEvent::Datagrams { is_up: true });
        for (place, (username, name)) in (0..).zip([("minh", "Trần Minh"), ("lan", "Ngọc Lan"), ("dat", "Đạt")])
        {
            let (username, display_name) = (username.to_owned(), name.to_owned());
            self.told(ClientEvent::LobbyPerson { place, username, display_name });
        }
    }

    /// The server answers the last request to come in.
    fn lets_in(&mut self, room: RoomId, name: &str) {
        let request = self.commands().iter().rev().find_map(|command| match command {
            Command::JoinNamed { request, .. } | Command::Join { request, .. } => Some(*request),
            _ => None,
        });
        self.joined(request.unwrap_or(0), room, name);
    }

    fn joined(&mut self, request: u32, room: RoomId, name: &str) {
        self.told(ClientEvent::Joined { request, room, name: name.to_owned(), slot: Slot(0) });
        self.confirms(room, false, false);
        self.comes(room, person(1, "lan", "Ngọc Lan"));
        self.does(Event::InRoom(room, room::Event::Stage(room::layout::Size { width: 1248.0, height: 592.0 }, 1.0)));
    }

    /// The server says what is on of ours.
    fn confirms(&mut self, room: RoomId, is_mic_on: bool, is_camera_on: bool) {
        let mut me = Participant { role: Role::Owner, ..person(0, "minh", "Trần Minh") };
        (me.tracks[0].is_on, me.tracks[1].is_on) = (is_mic_on, is_camera_on);
        self.told(ClientEvent::Participant { room, participant: me, is_new: false, is_me: true });
    }

    fn comes(&mut self, room: RoomId, participant: Participant) {
        self.told(ClientEvent::Participant { room, participant, is_new: true, is_me: false });
    }

    fn told(&mut self, event: ClientEvent) {
        self.does(Event::Engine(event));
    }

    fn does(&mut self, event: Event) {
        let from = self.effects.len();
        self.app.handle(event, now(self.ms), &mut self.effects);
        for effect in &self.effects[from..] {
            match effect {
                Effect::OpenTrack { room, track } => assert!(self.open.insert((*room, track.0)), "opened twice"),
                Effect::CloseTrack { room, track } => assert!(self.open.remove(&(*room, track.0)), "was not open"),
                Effect::HoldKey(is_held) => self.is_gate_held = *is_held,
                _ => {}
            }
        }
    }

    fn key(&mut self, key: &str, is_repeat: bool) {
        let chord: Chord = key.parse().unwrap();
        self.does(Event::KeyDown { chord, is_repeat, is_typing: false });
    }

    fn commands(&mut self) -> Vec<Command> {
        let commands = self.effects.drain(..).filter_map(|effect| match effect {
            Effect::Engine(command) => Some(command),
            _ => None,
        });
        commands.collect()
    }

    fn notices(&self) -> Vec<Notice> {
        self.app.toasts.shown().iter().map(|toast| toast.notice.clone()).collect()
    }

    fn mic(&self, room: RoomId) -> bool {
        self.open.contains(&(room, TrackId::MICROPHONE.0))
    }
}

#[test]
fn one_signs_in_prepares_and_is_in_the_room() {
    let mut rig = Rig::in_lobby();
    assert_eq!(rig.app.screen, Screen::Lobby);
    assert_eq!(rig.app.memory.servers[0].host, "meet.lan");
    assert!(rig.commands().contains(&Command::WatchLobby(true)));
    rig.does(Event::Join { name: "Nhóm 17".to_owned(), may_create: true, is_at_once: false });
    assert_eq!(rig.app.screen, Screen::PreJoin);
    let device = |id: &str| vec![prejoin::Device { id: id.to_owned(), name: id.to_owned(), is_default: true }];
    let devices = prejoin::Devices { microphones: device("m"), speakers: device("s"), cameras: device("c") };
    rig.does(Event::PreJoin(prejoin::Event::Devices(devices)));
    rig.does(Event::PreJoin(prejoin::Event::ToggleCamera));
    rig.does(Event::Enter);
    rig.does(Event::Enter);
    let commands = rig.commands();
    assert_eq!(commands.iter().filter(|command| matches!(command, Command::JoinNamed { .. })).count(), 1);
    let Some(Command::JoinNamed { request, .. }) = commands.last() else { panic!("{commands:?}") };
    rig.joined(*request, ROOM, "Nhóm 17");
    assert_eq!((rig.app.screen, rig.app.front()), (Screen::Room, Some(ROOM)));
    assert_eq!(rig.open, BTreeSet::from([(ROOM, 0), (ROOM, 1)]), "as it was prepared");
    assert!(!rig.app.is_entering() && rig.app.prejoin.is_none());
}

#[test]
fn an_invitation_leads_to_its_room_and_a_refusal_back_to_the_lobby() {
    let mut rig = Rig::new();
    rig.does(Event::SignIn(signin::Event::Link("hph://meet.lan/Seminar".to_owned())));
    assert_eq!(rig.app.screen, Screen::SignIn);
    rig.signs_in();
    assert_eq!((rig.app.screen, rig.app.prejoin.as_ref().map(|p| p.room.as_str())), (Screen::PreJoin, Some("Seminar")));
    rig.does(Event::Enter);
    let Some(Command::JoinNamed { request, .. }) = rig.commands().pop() else { panic!() };
    rig.told(ClientEvent::Refused { request, reason: Refusal::Locked });
    assert_eq!((rig.app.screen, rig.notices()), (Screen::Lobby, vec![Notice::Trouble(Trouble::Locked)]));
}

#[test]
fn of_several_rooms_one_is_in_front_and_only_there_we_are_heard() {
    let mut rig = Rig::in_room();
    rig.key("M", false);
    rig.key("V", false);
    assert!(rig.mic(ROOM));
    rig.does(Event::Join { name: "Seminar".to_owned(), may_create: true, is_at_once: true });
    rig.lets_in(OTHER, "Seminar");
    assert_eq!(rig.app.front(), Some(OTHER));
    assert!(!rig.mic(ROOM) && rig.mic(OTHER) && !rig.open.contains(&(ROOM, 1)), "{:?}", rig.open);
    assert!(rig.notices().contains(&Notice::LeftBehind("Nhóm 17".to_owned())));
    let (author, text) = ("lan".to_owned(), "chào".to_owned());
    rig.told(ClientEvent::Chat { room: ROOM, id: 5, display_name: author.clone(), author, time_ms: 1, text });
    let rail: Vec<_> =
        rig.app.rail().into_iter().map(|item| (item.room, item.is_front, item.people, item.unread)).collect();
    assert_eq!(rail, [(ROOM, false, 2, 1), (OTHER, true, 2, 0)]);
    rig.key("Ctrl+Tab", false);
    assert_eq!(rig.app.front(), Some(ROOM));
    assert!(rig.open.is_empty(), "nothing is switched on by itself: {:?}", rig.open);
    rig.told(ClientEvent::Left { room: ROOM, reason: LeaveReason::Asked });
    assert_eq!((rig.app.front(), rig.app.screen), (Some(OTHER), Screen::Room));
    rig.told(ClientEvent::Left { room: OTHER, reason: LeaveReason::Removed });
    assert_eq!((rig.app.screen, rig.app.left_room()), (Screen::Left, Some("Seminar")));
    assert!(rig.notices().contains(&Notice::Trouble(Trouble::Removed)));
    rig.does(Event::Rejoin);
    assert!(matches!(rig.commands().last(), Some(Command::JoinNamed { name, .. }) if name == "Seminar"));
}

#[test]
fn keys_do_what_they_say_unless_one_types_or_a_sheet_is_open() {
    let mut rig = Rig::in_room();
    rig.key("C", false);
    assert_eq!(rig.app.chat.front, Some(ThreadId::Room(ROOM)));
    rig.key("C", true);
    assert!(rig.app.chat.front.is_some(), "a repeated key toggles nothing");
    rig.does(Event::KeyDown { chord: "M".parse().unwrap(), is_repeat: false, is_typing: true });
    rig.key("Ctrl+K", false);
    assert_eq!(rig.app.sheet, Some(Sheet::Palette));
    rig.key("M", false);
    assert!(!rig.mic(ROOM));
    rig.does(Event::PaletteText("micro".to_owned()));
    assert_eq!(rig.app.palette_found(Lang::Vi)[0].action, Action::ToggleMic);
    rig.does(Event::Action(Action::ToggleMic));
    assert!(rig.mic(ROOM) && rig.app.sheet.is_none());
    for expected in [None, None] {
        rig.key("Escape", false);
        assert_eq!(rig.app.front_room().unwrap().0.panel, expected);
    }
    assert_eq!(rig.app.screen, Screen::Room, "Escape leaves no room");
    rig.key("P", false);
    assert!(rig.app.sections(now(0)).here.len() == 2);
    rig.key("Alt+1", false);
    assert!(
        rig.app.room(ROOM).unwrap().0.scene(&rig.app.view.rooms[&ROOM], now(0)).tiles.iter().any(|t| t.tile.is_pinned)
    );
}

#[test]
fn a_host_silences_us_here_too() {
    let mut rig = Rig::in_room();
    rig.key("M", false);
    rig.key("V", false);
    let tracks = vec![TrackId::MICROPHONE, TrackId::CAMERA];
    rig.told(ClientEvent::Muted { room: ROOM, tracks, by: "lan".to_owned() });
    assert!(rig.open.is_empty());
    assert!(rig.notices().contains(&Notice::MutedBy("Ngọc Lan".to_owned())));
    rig.told(ClientEvent::UnmuteAsked { room: ROOM, by: "lan".to_owned() });
    assert!(rig.open.is_empty(), "it is asked, not done");
}

#[test]
fn what_was_done_can_be_undone_for_a_while() {
    let mut rig = Rig::in_room();
    rig.does(Event::People(people::Event::Act(Act::Lock, String::new())));
    let Some(Command::Moderate { request, .. }) = rig.commands().pop() else { panic!() };
    rig.told(ClientEvent::Moderated { request });
    let toast = rig.app.toasts.shown().last().unwrap().clone();
    assert!(matches!(toast.notice, Notice::Done { act: Act::Lock, .. }) && toast.undo.is_some());
    rig.does(Event::Undo(toast.id));
    assert!(matches!(rig.commands()[..], [Command::Moderate { act: Act::Unlock, .. }]));
    rig.does(Event::Undo(toast.id));
    assert!(rig.commands().is_empty());
}

#[test]
fn commands_in_the_chat_do_what_buttons_do() {
    let mut rig = Rig::in_room();
    rig.key("C", false);
    let say = |rig: &mut Rig, text: &str| {
        rig.effects.clear();
        rig.does(Event::Chat(chat::Event::Draft(text.to_owned())));
        rig.does(Event::Chat(chat::Event::Send));
        rig.commands()
    };
    assert!(
        matches!(&say(&mut rig, "/mute ngoc lan")[..], [Command::Moderate { act: Act::Mute, whom, .. }] if whom == "lan")
    );
    assert!(matches!(&say(&mut rig, "/msg lan chào")[..], [Command::Direct { to, .. }] if to == "lan"));
    assert!(matches!(&say(&mut rig, "/call dat")[..], [Command::Call { to, room: ROOM, .. }] if to == "dat"));
    assert!(matches!(say(&mut rig, "/hand on")[..], [Command::RaiseHand { is_up: true, .. }]));
    assert!(say(&mut rig, "/mute nobody").is_empty());
    assert_eq!(rig.app.chat.problem, Some(chat::Problem::Nobody("nobody".to_owned())));
    assert!(say(&mut rig, "/mute minh").is_empty());
    assert_eq!(rig.app.chat.problem, Some(chat::Problem::Forbidden), "nobody is above oneself");
    rig.comes(ROOM, person(2, "lan2", "Lê Lan"));
    assert!(say(&mut rig, "/ask lan").len() == 1, "a login name goes first");
    assert!(say(&mut rig, "/ask Lan").is_empty());
    assert_eq!(rig.app.chat.problem, Some(chat::Problem::Several("Lan".to_owned())));
    assert!(say(&mut rig, "/kick lan").is_empty() && rig.app.people().unwrap().asked.is_some(), "asked first");
    say(&mut rig, "/help");
    assert_eq!(rig.app.sheet, Some(Sheet::Help));
}

#[test]
fn a_call_rings_is_answered_and_leads_to_its_room() {
    let mut rig = Rig::in_room();
    rig.effects.clear();
    let ringing = |call| ClientEvent::Ringing {
        call: CallId(call),
        from: "dat".to_owned(),
        display_name: "Đạt".to_owned(),
        room: OTHER,
        name: "Seminar".to_owned(),
        seconds: 30,
    };
    rig.told(ringing(1));
    assert!(matches!(rig.effects[..], [Effect::Ring(true), Effect::Notify(_)]));
    rig.ms = 30_000;
    rig.does(Event::Tick);
    assert_eq!((rig.app.calls.incoming.len(), rig.app.calls.missed.len()), (0, 1));
    rig.told(ringing(2));
    rig.does(Event::AnswerCall(CallId(2), Answer::Voice));
    rig.lets_in(OTHER, "Seminar");
    assert_eq!((rig.app.front(), rig.mic(OTHER), rig.open.contains(&(OTHER, 1))), (Some(OTHER), true, false));
    rig.does(Event::Call("lan".to_owned()));
    let Some(Command::Call { request, .. }) = rig.commands().pop() else { panic!() };
    for outcome in [CallOutcome::Ringing, CallOutcome::Declined] {
        rig.told(ClientEvent::CallState { request, call: CallId(9), outcome });
    }
    assert!(rig.app.calls.outgoing.is_empty());
    assert!(rig.notices().contains(&Notice::CallDeclined("Ngọc Lan".to_owned())));
}

#[test]
fn after_a_reconnect_all_is_as_it_was_and_muted_stays_muted() {
    let mut rig = Rig::in_room();
    rig.does(Event::Room(room::Event::Layout(room::Layout::Spotlight)));
    rig.key("M", false);
    rig.confirms(ROOM, true, false);
    rig.key("M", false);
    rig.ms = 10_000;
    rig.told(ClientEvent::Lost { why: "x".to_owned(), retry_in: std::time::Duration::from_secs(2) });
    assert_eq!(rig.app.strip(now(10_000)), Strip::Reconnecting { next_s: 2 });
    assert_eq!(rig.app.strip(now(40_000)), Strip::Lost { for_s: 30 });
    rig.effects.clear();
    rig.signs_in();
    rig.joined(0, ROOM, "Nhóm 17");
    assert_eq!((rig.app.screen, rig.app.front(), rig.mic(ROOM)), (Screen::Room, Some(ROOM), false));
    assert_eq!(rig.app.front_room().unwrap().0.layout, room::Layout::Spotlight);
    assert!(rig.commands().iter().any(|command| matches!(command, Command::Want { .. })), "the server is told anew");
}

#[test]
fn an_end_for_good_says_why_and_closes_everything() {
    let mut rig = Rig::in_room();
    rig.key("M", false);
    rig.told(ClientEvent::Ended(EndReason::SignedInElsewhere));
    assert_eq!(rig.app.screen, Screen::Ended(Trouble::SignedInElsewhere));
    assert!(rig.open.is_empty() && rig.app.rail().is_empty());
    let mut rig = Rig::in_room();
    rig.key("M", false);
    rig.does(Event::SignOut);
    assert!(rig.open.is_empty() && rig.app.screen == Screen::First && rig.app.view == MeetingView::default());
    let mut rig = Rig::in_room();
    rig.does(Event::EngineBusy(Command::RaiseHand { room: ROOM, is_up: true }));
    assert!(rig.notices().contains(&Notice::Trouble(Trouble::Busy)));
}

#[test]
fn settings_are_applied_at_once() {
    let mut rig = Rig::in_room();
    rig.effects.clear();
    let audio = Audio { mode: MicMode::PushToTalk, ..Audio::default() };
    rig.does(Event::Settings(settings::Event::Audio(audio)));
    assert!(matches!(rig.effects[..], [Effect::ApplyDevices, Effect::Remember]));
    rig.key("M", false);
    rig.confirms(ROOM, true, false);
    assert_eq!(rig.app.front_room().unwrap().0.mic.shown(now(0).at), mute::Shown::Ready);
    rig.does(Event::Settings(settings::Event::Bind(Action::ToggleMic, Some("X".parse().unwrap()))));
    rig.key("X", false);
    assert!(!rig.mic(ROOM));
}

#[test]
fn the_next_look_is_when_something_changes_by_itself() {
    let mut rig = Rig::in_room();
    rig.app.toasts = Toasts::default();
    rig.ms = 10_000;
    assert_eq!(rig.app.deadline(now(10_000)), now(11_000).at);
    rig.key("M", false);
    assert_eq!(rig.app.deadline(now(10_000)), now(10_300).at);
}

/// Ten thousand keys, losses of the focus, windows behind others, other rooms, hosts, sheets and answers of the server, in any
/// order: a microphone is open only while its switch is on, or while its key is held in a window that has the focus.
#[test]
fn no_key_leaves_a_microphone_open() {
    for seed in 0..3 {
        let mut rig = Rig::in_room();
        rig.does(Event::Join { name: "Seminar".to_owned(), may_create: true, is_at_once: true });
        rig.lets_in(OTHER, "Seminar");
        let (mut dice, mut is_down) = (Dice::new(seed), false);
        for step in 0..10_000 {
            rig.ms += 1 + dice.below(400) as u64;
            let room = [ROOM, OTHER][dice.below(2)];
            match dice.below(18) {
                0..=3 => {
                    rig.key("Space", false);
                    is_down = true;
                }
                4 | 5 => rig.key("Space", true),
                6..=8 => {
                    rig.does(Event::KeyUp("Space".parse().unwrap()));
                    is_down = false;
                }
                9 => {
                    rig.does(Event::FocusLost);
                    is_down = false;
                }
                10 => {
                    let is_active = dice.below(2) == 0;
                    rig.does(Event::WindowActive(is_active));
                    is_down &= is_active;
                }
                11 => rig
                    .key(["M", "C", "P", "W", "Ctrl+K", "Escape", "Ctrl+Tab", "?"][dice.below(8)], dice.below(4) == 0),
                12 => rig.does(Event::KeyDown { chord: "Space".parse().unwrap(), is_repeat: false, is_typing: true }),
                13 => rig.does(Event::Front(room)),
                14 => {
                    let is_on = dice.below(2) == 0;
                    rig.confirms(room, is_on, false);
                }
                15 => rig.told(ClientEvent::Muted { room, tracks: vec![TrackId::MICROPHONE], by: "lan".to_owned() }),
                16 => {
                    let (track, detail) = (TrackId::MICROPHONE, String::new());
                    rig.does(Event::TrackFailed { room, track, detail });
                }
                _ => {
                    let mode = [MicMode::Open, MicMode::PushToTalk, MicMode::VoiceActivated][dice.below(3)];
                    rig.does(Event::Settings(settings::Event::Audio(Audio { mode, ..Audio::default() })));
                }
            }
            for room in [ROOM, OTHER] {
                let is_wanted = rig.app.room(room).unwrap().0.mic.is_wanted();
                assert!(!rig.mic(room) || is_wanted || is_down, "seed {seed}, step {step}, {room:?}");
                assert!(!rig.mic(room) || rig.app.front() == Some(room), "seed {seed}, step {step}, {room:?}");
            }
            assert!(!rig.is_gate_held || is_down, "seed {seed}, step {step}");
            rig.effects.clear();
        }
    }
}

#[test]
fn a_device_is_chosen_in_a_room_too_and_used_at_once() {
    let mut rig = Rig::in_room();
    let device = |id: &str| vec![prejoin::Device { id: id.to_owned(), name: id.to_owned(), is_default: false }];
    let devices = prejoin::Devices { microphones: device("usb"), ..prejoin::Devices::default() };
    rig.does(Event::PreJoin(prejoin::Event::Devices(devices.clone())));
    rig.effects.clear();
    rig.does(Event::PreJoin(prejoin::Event::Microphone("usb".to_owned())));
    assert!(matches!(rig.effects[..], [Effect::ApplyDevices, Effect::Remember]), "{:?}", rig.effects);
    assert_eq!((rig.app.choices().microphone.as_str(), rig.app.devices()), ("usb", &devices));
    rig.does(Event::Join { name: "Seminar".to_owned(), may_create: true, is_at_once: false });
    rig.does(Event::PreJoin(prejoin::Event::Devices(devices)));
    assert_eq!(rig.app.prejoin.as_ref().map(|prejoin| prejoin.choices.microphone.as_str()), Some("usb"));
}

#[test]
fn whoever_closes_the_question_keeps_the_hand_up() {
    let mut rig = Rig::in_room();
    let me = Participant { hand: 1, ..person(0, "minh", "Trần Minh") };
    rig.told(ClientEvent::Participant { room: ROOM, participant: me, is_new: false, is_me: true });
    for _ in 0..120 {
        rig.ms += 100;
        rig.does(Event::Room(room::Event::Levels(vec![(Slot(0), 20)])));
    }
    let toast = rig.app.toasts.shown().iter().find(|toast| toast.notice == Notice::LowerHand).unwrap().id;
    rig.does(Event::CloseToast(toast));
    rig.does(Event::Room(room::Event::Levels(vec![])));
    assert!(!rig.notices().contains(&Notice::LowerHand));
}

#[test]
fn whoever_is_there_already_is_no_news() {
    let mut rig = Rig::in_room();
    assert_eq!(rig.notices(), []);
    rig.ms = 5000;
    rig.comes(ROOM, person(2, "dat", "Đạt"));
    assert_eq!(rig.notices(), [Notice::Came("Đạt".to_owned())]);
    rig.ms = 60_000;
    rig.does(Event::Tick);
    rig.joined(0, ROOM, "Nhóm 17");
    assert_eq!(rig.notices(), [], "after a reconnect");
    rig.ms = 70_000;
    rig.told(ClientEvent::ParticipantGone { room: ROOM, slot: Slot(1), username: "lan".to_owned() });
    assert_eq!(rig.notices(), [Notice::Went("Ngọc Lan".to_owned())]);
}

#[test]
fn from_the_lobby_one_calls_to_a_room_of_two() {
    let mut rig = Rig::in_lobby();
    rig.does(Event::Call("lan".to_owned()));
    let Some(Command::JoinNamed { request, name, may_create: true }) = rig.commands().pop() else { panic!() };
    assert_eq!(name, "Minh – Lan");
    rig.joined(request, ROOM, &name);
    let commands = rig.commands();
    assert!(commands.iter().any(|command| matches!(command, Command::Call { to, room: ROOM, .. } if to == "lan")));
    rig.does(Event::ToLobby);
    rig.does(Event::Call("dat".to_owned()));
    assert!(matches!(&rig.commands()[..], [Command::Call { to, room: ROOM, .. }] if to == "dat"));
}

#[test]
fn a_meter_writes_nothing_and_the_network_is_checked_by_its_figures() {
    let mut rig = Rig::in_lobby();
    rig.does(Event::Join { name: "Nhóm 17".to_owned(), may_create: true, is_at_once: false });
    let device = |id: &str| vec![prejoin::Device { id: id.to_owned(), name: id.to_owned(), is_default: true }];
    let devices = prejoin::Devices { microphones: device("m"), ..prejoin::Devices::default() };
    rig.does(Event::PreJoin(prejoin::Event::Devices(devices)));
    rig.effects.clear();
    (0..50).for_each(|_| rig.does(Event::PreJoin(prejoin::Event::Level(40))));
    assert!(rig.effects.is_empty(), "{:?}", rig.effects);
    rig.does(Event::PreJoin(prejoin::Event::Mic(false)));
    assert!(matches!(rig.effects[..], [Effect::Remember]));
    let check = |rig: &Rig| rig.app.prejoin.as_ref().unwrap().check(prejoin::Item::Network);
    for (is_up, rtt_us, expected) in [
        (true, 18_000, prejoin::Check::Waiting),
        (true, 18_000, prejoin::Check::Works),
        (true, 400_000, prejoin::Check::Poor),
        (false, 0, prejoin::Check::Poor),
    ] {
        rig.ms += 1000;
        let engine = hph_client::engine::EngineFigures { is_up, rtt_us, ..Default::default() };
        let reading = Reading { is_connected: true, engine, ..Reading::default() };
        rig.does(Event::Reading(Box::new(reading)));
        assert_eq!(check(&rig), expected, "{is_up} {rtt_us}");
    }
    rig.does(Event::Enter);
    rig.lets_in(ROOM, "Nhóm 17");
    assert!(rig.open.is_empty(), "as it was prepared: silent");
}

#[test]
fn whoever_is_sent_to_a_breakout_room_is_heard_there_as_before_and_a_host_finds_the_way_back() {
    let breakout = RoomId(9);
    let news = |news| ClientEvent::Breakout { room: ROOM, news };
    let mut rig = Rig::in_room();
    rig.does(Event::Room(room::Event::Mic(mute::Event::Switch(true))));
    rig.confirms(ROOM, true, false);
    assert_eq!(rig.app.breakout_place(), None);
    rig.told(news(BreakoutNews::Opened { number: 1, room: breakout, name: "Nhóm 1".to_owned() }));
    rig.told(news(BreakoutNews::Moved { from: ROOM, to: breakout, number: 1, name: "Nhóm 1".to_owned() }));
    rig.told(ClientEvent::Left { room: ROOM, reason: LeaveReason::Asked });
    assert!(rig.open.is_empty(), "nobody is heard in between");
    rig.joined(0, breakout, "Nhóm 1");
    assert_eq!((rig.app.screen, rig.app.front()), (Screen::Room, Some(breakout)));
    assert_eq!(rig.open, BTreeSet::from([(breakout, 0)]), "the microphone, and no camera");
    let place = BreakoutPlace { parent: ROOM, number: 1, may_go_back: true };
    assert_eq!(rig.app.breakout_place(), Some(place));
    rig.effects.clear();
    rig.does(Event::Breakout(BreakoutWish::Go(0)));
    assert!(matches!(
        &rig.commands()[..],
        [Command::Breakout { room, act: BreakoutAct::Move { whom, number: 0 }, .. }] if *room == breakout && whom == "minh"
    ));
}

#[test]
fn a_room_is_split_step_by_step_and_a_refusal_is_told() {
    let mut rig = Rig::in_room();
    rig.effects.clear();
    rig.does(Event::Breakout(BreakoutWish::Split { count: 2, after_s: Some(600) }));
    let requests: Vec<u32> = rig
        .commands()
        .into_iter()
        .filter_map(|command| match command {
            Command::Breakout { request, act: BreakoutAct::Open(_), .. } => Some(request),
            _ => None,
        })
        .collect();
    assert_eq!(requests.len(), 2);
    rig.effects.clear();
    rig.told(ClientEvent::Moderated { request: requests[0] });
    assert!(rig.commands().is_empty());
    rig.told(ClientEvent::Moderated { request: requests[1] });
    let acts: Vec<_> = rig
        .commands()
        .into_iter()
        .filter_map(|command| match command {
            Command::Breakout { act, .. } => Some(act),
            _ => None,
        })
        .collect();
    assert_eq!(acts, [BreakoutAct::Spread, BreakoutAct::End(600)]);
    rig.effects.clear();
    rig.does(Event::Breakout(BreakoutWish::Go(2)));
    let request = rig.commands().iter().find_map(|command| match command {
        Command::Breakout { request, .. } => Some(*request),
        _ => None,
    });
    let trouble = Notice::Trouble(Trouble::of_refusal(Refusal::Forbidden));
    assert!(!rig.notices().contains(&trouble));
    rig.told(ClientEvent::Refused { request: request.unwrap(), reason: Refusal::Forbidden });
    assert!(rig.notices().contains(&trouble));
}

mod accounts;
mod doors;
mod signs;
