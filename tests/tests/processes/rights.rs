//! The table of rights over the wire: every deed by every role, to every role, at a real server, as the core's table says.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use hph_client::breakout::{BreakoutAct, BreakoutNews};
use hph_client::engine::{Command, Event, FailReason, FileTarget, Reaction, Role, new_reference};
use hph_core::id::{RoomId, TrackId};
use hph_core::room::rights::{Deed, To};
use hph_core::wire::control::{Act, Codec, Refusal, TrackInfo};
use hph_tests::wire_lab::person::{Person, guest, member};
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{ms, until_so};

const ROOM: &str = "Nhóm 17";
const PASSWORD: &str = "mật khẩu dài";
const ANSWER: Duration = ms(20_000);
const SCREEN: TrackInfo = TrackInfo { is_on: true, codec: Codec::Strips, width: 640, height: 360 };
/// One of each role who does something ...
const ACTORS: [(&str, Role); 4] =
    [("Khách", Role::Guest), ("nam", Role::Member), ("minh", Role::Host), ("lan", Role::Owner)];
/// ... and to whom it is done.
const OTHERS: [(&str, Role); 4] =
    [("Khách khác", Role::Guest), ("dat", Role::Member), ("hoa", Role::Host), ("lan", Role::Owner)];

/// Whether something was done, or why not.
type Outcome = Result<(), Refusal>;

struct Cast {
    room: RoomId,
    people: BTreeMap<&'static str, Person>,
    logins: BTreeMap<&'static str, String>,
    files: tempfile::TempDir,
    _server: LocalServer,
}

impl Cast {
    fn new() -> Self {
        let server = LocalServer::start_with(|config| {
            (config.messages_per_second, config.messages_burst) = (10_000, 10_000);
        });
        let (lan, room) = Person::in_room(member(&server.target, "lan", PASSWORD), ROOM);
        let mut people = BTreeMap::from([("lan", lan)]);
        for name in ["minh", "hoa", "nam", "dat"] {
            people.insert(name, Person::in_room(member(&server.target, name, PASSWORD), ROOM).0);
        }
        for name in ["Khách", "Khách khác"] {
            people.insert(name, Person::in_room(guest(&server.target, name), ROOM).0);
        }
        let login = |person: &Person| {
            let name = person.log().iter().find_map(|(_, event)| match event {
                Event::SignedIn { username, .. } => Some(username.clone()),
                _ => None,
            });
            name.expect("signed in")
        };
        let logins = people.iter().map(|(name, person)| (*name, login(person))).collect();
        let files = tempfile::tempdir().expect("a folder");
        let mut cast = Self { room, people, logins, files, _server: server };
        for host in ["minh", "hoa"] {
            assert_eq!(cast.act("lan", Act::MakeHost, host), Ok(()));
        }
        cast
    }

    fn person(&mut self, name: &str) -> &mut Person {
        self.people.get_mut(name).expect("of the cast")
    }

    /// Asks for something and waits for what follows.
    fn ask(&mut self, name: &str, command: impl FnOnce(u32) -> Command) -> Outcome {
        let person = self.person(name);
        let asked = person.engine.request();
        person.send(command(asked));
        person.wait("answer", ANSWER, |event| match event {
            Event::Moderated { request }
            | Event::Joined { request, .. }
            | Event::AuditAll { request, .. }
            | Event::FileSent { request, .. }
            | Event::FileGone { request, .. }
                if *request == asked =>
            {
                Some(Ok(()))
            }
            Event::Refused { request, reason } if *request == asked => Some(Err(*reason)),
            _ => None,
        })
    }

    fn act(&mut self, name: &str, act: Act, whom: &str) -> Outcome {
        let room = self.room;
        let whom = if act.has_target() { self.logins[whom].clone() } else { String::new() };
        let breakout = match act {
            Act::Password => {
                let password = "hoa sen".to_owned();
                return self.ask(name, |request| Command::SetPassword { request, room, password });
            }
            Act::OpenBreakout => BreakoutAct::Open("Nhóm A".to_owned()),
            Act::Spread => BreakoutAct::Spread,
            Act::Move => BreakoutAct::Move { whom, number: 1 },
            Act::TellBreakouts => BreakoutAct::Tell("chào".to_owned()),
            Act::EndBreakouts => BreakoutAct::End(0),
            _ => return self.ask(name, |request| Command::Moderate { request, room, act, whom }),
        };
        self.ask(name, |request| Command::Breakout { request, room, act: breakout })
    }

    /// Makes everything as it was before an act.
    fn undo(&mut self, act: Act, whom: &'static str) {
        let undone = match act {
            Act::Remove => self.join(whom),
            Act::Ban => {
                assert_eq!(self.act("lan", Act::Unban, whom), Ok(()));
                self.join(whom).and_then(|()| if whom == "hoa" { self.act("lan", Act::MakeHost, whom) } else { Ok(()) })
            }
            Act::MakeHost if whom != "hoa" => self.act("lan", Act::UnmakeHost, whom),
            Act::UnmakeHost if whom == "hoa" => self.act("lan", Act::MakeHost, whom),
            Act::Lock => self.act("lan", Act::Unlock, ""),
            Act::WaitingRoom => self.act("lan", Act::NoWaitingRoom, ""),
            Act::HostsShare => self.act("lan", Act::AllShare, ""),
            Act::Password => self.act("lan", Act::NoPassword, ""),
            Act::OpenBreakout => self.end_breakouts(),
            Act::End => {
                let names: Vec<_> = self.people.keys().copied().collect();
                names.into_iter().try_for_each(|name| self.join(name))
            }
            _ => Ok(()),
        };
        assert_eq!(undone, Ok(()), "{act:?} to {whom}");
    }

    fn join(&mut self, name: &str) -> Outcome {
        let room = self.room;
        self.ask(name, |request| Command::Join { request, room })
    }

    fn end_breakouts(&mut self) -> Outcome {
        let is_over = |event: &Event| matches!(event, Event::Breakout { news: BreakoutNews::Over, .. });
        let ends = |lan: &Person| lan.log().iter().filter(|(_, event)| is_over(event)).count();
        let before = ends(self.person("lan"));
        let ended = self.act("lan", Act::EndBreakouts, "");
        until_so("their end", ANSWER, || ends(&self.people["lan"]) > before);
        ended
    }

    /// Somebody says something; its number.
    fn say(&mut self, name: &str) -> u64 {
        let room = self.room;
        self.person(name).say_stored(room, "xin chào")
    }

    fn change(&mut self, name: &str, id: u64, text: Option<&str>) -> Outcome {
        let (reference, room) = (new_reference(), self.room);
        let person = self.person(name);
        person.send(match text {
            Some(text) => Command::EditChat { reference, room, id, text: text.to_owned() },
            None => Command::DeleteChat { reference, room, id },
        });
        person.wait("answer", ANSWER, |event| match event {
            Event::ChatStored { reference: stored, .. } if *stored == reference => Some(Ok(())),
            Event::MessageFailed { reference: failed, reason: FailReason::Refused(reason) } if *failed == reference => {
                Some(Err(*reason))
            }
            _ => None,
        })
    }

    /// Somebody lays a file on the shelf; its number.
    fn send_file(&mut self, name: &str) -> u64 {
        let path = self.files.path().join("bài tập.txt");
        fs::write(&path, name).expect("written");
        let to = FileTarget::Room(self.room);
        let person = self.person(name);
        let asked = person.engine.request();
        person.send(Command::SendFile { request: asked, to, path });
        person.wait("a stored file", ANSWER, |event| match event {
            Event::FileSent { request, file } if *request == asked => Some(*file),
            _ => None,
        })
    }

    /// What the server says of our own place, or why not.
    fn own_state(&mut self, name: &str, is_it: impl Fn(&hph_client::engine::Participant) -> bool) -> Outcome {
        self.person(name).wait("answer", ANSWER, |event| match event {
            Event::Participant { participant, is_me: true, .. } if is_it(participant) => Some(Ok(())),
            Event::Refused { request: 0, reason } => Some(Err(*reason)),
            _ => None,
        })
    }

    fn share(&mut self, name: &str) -> Outcome {
        let room = self.room;
        let set = |is_on| Command::SetTrack { room, track: TrackId::SCREEN, info: TrackInfo { is_on, ..SCREEN } };
        let is_on = |who: &hph_client::engine::Participant| who.tracks[usize::from(TrackId::SCREEN.0)].is_on;
        self.person(name).send(set(true));
        let shared = self.own_state(name, is_on);
        self.person(name).send(set(false));
        if shared.is_ok() {
            assert_eq!(self.own_state(name, |who| !is_on(who)), Ok(()));
        }
        shared
    }

    fn react(&mut self, name: &str) -> Outcome {
        let room = self.room;
        let person = self.person(name);
        let place = person.log().iter().rev().find_map(|(_, event)| match event {
            Event::Joined { slot, .. } => Some(*slot),
            _ => None,
        });
        let asked = person.engine.request();
        person.send(Command::React { request: asked, room, reaction: Reaction::Clap });
        person.wait("answer", ANSWER, |event| match event {
            Event::Reacted { slot, .. } if Some(*slot) == place => Some(Ok(())),
            Event::Refused { request, reason } if *request == asked => Some(Err(*reason)),
            _ => None,
        })
    }

    fn enter_breakout(&mut self, name: &str) -> Outcome {
        assert_eq!(self.act("lan", Act::OpenBreakout, ""), Ok(()));
        let room = self.person("lan").log().iter().rev().find_map(|(_, event)| match event {
            Event::Breakout { news: BreakoutNews::Opened { room, .. }, .. } => Some(*room),
            _ => None,
        });
        let room = room.expect("told of it");
        let entered = self.ask(name, |request| Command::Join { request, room });
        if entered.is_ok() {
            let person = self.person(name);
            person.send(Command::Leave(room));
            let left = |event: &Event| matches!(event, Event::Left { room: left, .. } if *left == room);
            person.wait("outside again", ANSWER, |event| left(event).then_some(()));
        }
        assert_eq!(self.end_breakouts(), Ok(()));
        entered
    }

    /// Does what is no act.
    fn does(&mut self, name: &'static str, deed: Deed) -> Outcome {
        let room = self.room;
        match deed {
            Deed::React => self.react(name),
            Deed::RaiseHand => {
                self.person(name).send(Command::RaiseHand { room, is_up: true });
                let raised = self.own_state(name, |who| who.hand != 0);
                self.person(name).send(Command::RaiseHand { room, is_up: false });
                raised
            }
            Deed::Chat => {
                self.say(name);
                Ok(())
            }
            Deed::EditOwnMessage | Deed::DeleteOwnMessage => {
                let id = self.say(name);
                self.change(name, id, (deed == Deed::EditOwnMessage).then_some("chào"))
            }
            Deed::EditOthersMessage | Deed::DeleteOthersMessage => {
                let id = self.say("dat");
                self.change(name, id, (deed == Deed::EditOthersMessage).then_some("chào"))
            }
            Deed::SendFile => {
                self.send_file(name);
                Ok(())
            }
            Deed::DeleteOwnFile | Deed::DeleteOthersFile => {
                let file = self.send_file(if deed == Deed::DeleteOwnFile { name } else { "dat" });
                self.ask(name, |request| Command::DeleteFile { request, file })
            }
            Deed::Share => self.share(name),
            Deed::ShareAmongHosts => {
                assert_eq!(self.act("lan", Act::HostsShare, ""), Ok(()));
                let shared = self.share(name);
                assert_eq!(self.act("lan", Act::AllShare, ""), Ok(()));
                shared
            }
            Deed::EnterAnyBreakout => self.enter_breakout(name),
            Deed::ReadAudit => self.ask(name, |request| Command::Audit { request, room, before: 0, count: 5 }),
            Deed::Act(_) => unreachable!("has a target or none"),
        }
    }
}

/// What is refused by name to whoever may not; anything else is a matter of what is there.
fn is_allowed(outcome: Outcome) -> bool {
    outcome != Err(Refusal::Forbidden)
}

#[test]
fn every_act_of_every_role_is_done_or_refused_as_the_table_says() {
    let mut cast = Cast::new();
    for (actor, role) in ACTORS {
        for act in Act::ALL {
            for (other, other_role) in OTHERS {
                let to = match act.has_target() {
                    true if actor == other => To::Oneself,
                    true => To::Other(other_role),
                    // Once is enough.
                    false if other_role == Role::Guest => To::Nobody,
                    false => continue,
                };
                let may = Deed::Act(act).may(role, to);
                let outcome = cast.act(actor, act, other);
                assert_eq!(is_allowed(outcome), may, "{act:?} by {role:?} to {to:?}: {outcome:?}");
                if outcome.is_ok() {
                    cast.undo(act, other);
                }
            }
        }
    }
    let lost = |event: &Event| matches!(event, Event::Lost { .. });
    assert!(cast.people.values().all(|person| !person.has_seen(lost)), "nobody was thrown out");
}

#[test]
fn every_other_deed_of_every_role_is_done_or_refused_as_the_table_says() {
    let mut cast = Cast::new();
    for (actor, role) in ACTORS {
        for deed in Deed::OTHERS {
            let outcome = cast.does(actor, deed);
            let expected = if deed.may(role, To::Nobody) { Ok(()) } else { Err(Refusal::Forbidden) };
            assert_eq!(outcome, expected, "{deed:?} by {role:?}");
        }
    }
}
