//! Events as rows for people. Everything that others wrote is escaped first: one event, one row.

use std::collections::{HashMap, HashSet};

use hph_client::breakout::BreakoutNews;
use hph_client::core::id::{RoomId, TrackId};
use hph_client::core::limits::TRACKS_MAX;
use hph_client::core::wire::control::{CallOutcome, LeaveReason, TrackInfo};
use hph_client::engine::{AccountEvent, Event, MicrophoneRemark, Participant, Role};
use hph_client::files::RemoteFile;
use hph_client::people::KeyState;
use hph_client::view::MeetingView;

use crate::files::{file_row, size};
use crate::lang::{self, Lang};
use crate::object::track_name;
use crate::output::Output;
use crate::refusal;
use crate::text::{local_time, one_row, person};

/// Makes rows, and remembers who is where, so that our own return after a lost connection is not told as everybody's
/// coming.
#[derive(Default)]
pub struct Rows {
    present: HashMap<RoomId, HashSet<String>>,
}

impl Rows {
    /// The row of an event, by the view before it; none if there is nothing to tell.
    pub fn of_event(&mut self, event: &Event, view: &MeetingView, out: &Output) -> Option<String> {
        let lang = out.lang;
        let room_name = |room: &RoomId| one_row(view.rooms.get(room).map_or("?", |room| &room.name));
        Some(match event {
            Event::Joined { request, room, name, .. } => {
                let phrase = if *request == 0 { &lang::YOU_ARE_BACK } else { &lang::YOU_ARE_IN };
                if *request != 0 {
                    self.present.remove(room);
                }
                lang.fill(phrase, &[&one_row(name)])
            }
            Event::Left { room, reason } => {
                self.present.remove(room);
                let phrase = match reason {
                    LeaveReason::Asked => &lang::YOU_LEFT,
                    LeaveReason::RoomClosed => &lang::ROOM_CLOSED,
                    LeaveReason::Removed => &lang::REMOVED,
                };
                lang.fill(phrase, &[&room_name(room)])
            }
            Event::Participant { .. } => return self.of_participant(event, &room_name, out),
            Event::ParticipantGone { room, slot, username } => {
                self.present.entry(*room).or_default().remove(username);
                let known = view.rooms.get(room).and_then(|room| room.participants.get(slot));
                let who = person(known.map_or("", |known| &known.display_name), username);
                lang.fill(&lang::GONE, &[&out.bold(&who), &room_name(room)])
            }
            Event::Chat { room, author, display_name, text, .. } => {
                let who = out.bold(&person(display_name, author));
                format!("[{}] {who}: {}", room_name(room), one_row(text))
            }
            // It was never shown here.
            Event::ChatChanged { id, target, .. } if id == target => return None,
            Event::ChatChanged { room, target, author, text, .. } => {
                let known = view.rooms.get(room).and_then(|room| {
                    room.participants.values().find(|participant| participant.username == *author)
                });
                let who = out.bold(&known.map_or(one_row(author), |known| person(&known.display_name, author)));
                of_change(&room_name(room), &who, *target, text.as_deref(), lang)
            }
            Event::Reacted { room, slot, reaction } => {
                let who = view.rooms.get(room)?.participants.get(slot)?;
                let who = out.bold(&person(&who.display_name, &who.username));
                format!("[{}] {who} {}", room_name(room), reaction.emoji())
            }
            Event::Breakout { room, news } => return of_breakout(&room_name(room), news, out),
            Event::Direct { .. } => return of_direct(event, out),
            Event::File { .. } | Event::FileGone { .. } => return of_shelf(event, &room_name, out),
            Event::Moderated { .. }
            | Event::Muted { .. }
            | Event::UnmuteAsked { .. }
            | Event::RoomLocked { .. }
            | Event::PasswordWanted { .. }
            | Event::Waiting { .. }
            | Event::Knock { .. }
            | Event::Rules { .. }
            | Event::Audit { .. }
            | Event::AuditAll { .. } => return of_order(event, &room_name, out),
            Event::DirectStored { .. } => lang.text(&lang::DIRECT_STORED).to_owned(),
            Event::MessageFailed { reason, .. } => lang.fill(&lang::NOT_SENT, &[&lang.text(refusal::unsent(*reason))]),
            Event::MessageDelayed { reason, .. } => lang.fill(&lang::DELAYED, &[&lang.text(refusal::phrase(*reason))]),
            Event::Refused { reason, .. } => lang.fill(&lang::REFUSED_HERE, &[&lang.text(refusal::phrase(*reason))]),
            Event::Ringing { from, display_name, name, seconds, .. } => {
                lang.fill(&lang::RINGING, &[&out.bold(&person(display_name, from)), &one_row(name), seconds])
            }
            Event::Microphone { remark, .. } => lang.text(remark_phrase(*remark)).to_owned(),
            Event::CallState { outcome, .. } => lang.text(outcome_phrase(*outcome)).to_owned(),
            Event::Account(AccountEvent::OnlyRoom { name, .. }) => lang.fill(&lang::ONLY_ROOM, &[&one_row(name)]),
            Event::Account(_)
            | Event::Connecting { .. }
            | Event::SignedIn { .. }
            | Event::Lost { .. }
            | Event::Ended(_)
            | Event::Datagrams { .. }
            | Event::Tunnelled { .. }
            | Event::FileProgress { .. }
            | Event::FileSent { .. }
            | Event::FileFetched { .. }
            | Event::FileFailed { .. }
            | Event::FilesAll { .. }
            | Event::LobbyRoom { .. }
            | Event::LobbyRoomGone { .. }
            | Event::LobbyPerson { .. }
            | Event::LobbyPersonGone { .. }
            | Event::LobbyComplete
            | Event::RoomCreated { .. }
            // Told on standard error.
            | Event::PersonKey { .. }
            | Event::KeysUnusable { .. }
            | Event::Safety { .. }
            | Event::Speaker { .. }
            | Event::ChatFound { .. }
            | Event::ChatFoundAll { .. }
            | Event::Unread { .. }
            | Event::UnreadAll { .. }
            | Event::ChatStored { .. } => return None,
        })
    }

    /// Somebody came, or is different.
    fn of_participant(&mut self, event: &Event, room_name: &dyn Fn(&RoomId) -> String, out: &Output) -> Option<String> {
        let Event::Participant { room, participant, is_new, is_me } = event else { return None };
        let (lang, tracks) = (out.lang, state(participant, out.lang));
        if *is_me {
            return Some(lang.fill(&lang::YOUR_DEVICES, &[&room_name(room), &tracks]));
        }
        let is_first = self.present.entry(*room).or_default().insert(participant.username.clone());
        let who = out.bold(&person(&participant.display_name, &participant.username));
        if is_first {
            Some(lang.fill(&lang::CAME, &[&who, &room_name(room), &tracks]))
        } else {
            (!is_new).then(|| lang.fill(&lang::CHANGED, &[&who, &room_name(room), &tracks]))
        }
    }
}

/// Breakout rooms.
fn of_breakout(room: &str, news: &BreakoutNews, out: &Output) -> Option<String> {
    let lang = out.lang;
    Some(match news {
        BreakoutNews::Moved { number: 0, .. } => lang.text(&lang::MOVED_BACK).to_owned(),
        BreakoutNews::Moved { number, name, .. } => lang.fill(&lang::MOVED, &[number, &one_row(name)]),
        BreakoutNews::Opened { number, name, .. } => lang.fill(&lang::BREAKOUT_OPEN, &[&room, number, &one_row(name)]),
        BreakoutNews::Assigned { username, number: 0 } => lang.fill(&lang::SENT_BACK, &[&one_row(username)]),
        BreakoutNews::Assigned { username, number } => lang.fill(&lang::SENT_TO, &[&one_row(username), number]),
        BreakoutNews::Ends(after_s) => lang.fill(&lang::BREAKOUTS_END, &[after_s]),
        BreakoutNews::Over => lang.text(&lang::BREAKOUTS_OVER).to_owned(),
        BreakoutNews::Told { by, display_name, text } => {
            lang.fill(&lang::BREAKOUTS_TOLD, &[&out.bold(&person(display_name, by)), &one_row(text)])
        }
    })
}

/// What somebody said to us alone.
fn of_direct(event: &Event, out: &Output) -> Option<String> {
    let lang = out.lang;
    Some(match event {
        Event::Direct { from, key: KeyState::Changed | KeyState::Unreadable, text: Some(text), .. } => {
            lang.fill(&lang::DIRECT_DOUBTFUL, &[&out.bold(&one_row(from)), &one_row(text)])
        }
        Event::Direct { from, text: Some(text), .. } if RemoteFile::from_direct(text).is_some() => {
            let file = RemoteFile::from_direct(text)?;
            let (who, name, size) = (out.bold(&one_row(from)), one_row(&file.name), size(file.size));
            lang.fill(&lang::FILE_FOR_YOU, &[&who, &name, &size, &file.file, &one_row(text)])
        }
        Event::Direct { from, text: Some(text), .. } => {
            lang.fill(&lang::DIRECT, &[&out.bold(&one_row(from)), &one_row(text)])
        }
        Event::Direct { from, text: None, .. } => lang.fill(&lang::DIRECT_UNREADABLE, &[&one_row(from)]),
        _ => return None,
    })
}

/// What lies on a shelf.
fn of_shelf(event: &Event, room_name: &dyn Fn(&RoomId) -> String, out: &Output) -> Option<String> {
    let lang = out.lang;
    Some(match event {
        Event::File { request: 0, room, file, author, display_name, .. } => {
            let (who, name) = (out.bold(&person(display_name, author)), one_row(&file.name));
            lang.fill(&lang::FILE_CAME, &[&room_name(room), &who, &name, &size(file.size), &file.file])
        }
        Event::File { .. } => file_row(event, out),
        Event::FileGone { request: 0, room, file } => lang.fill(&lang::FILE_GONE, &[&room_name(room), file]),
        _ => return None,
    })
}

/// A message that is different now.
fn of_change(room: &str, who: &str, target: u64, text: Option<&str>, lang: Lang) -> String {
    match text {
        Some(text) => lang.fill(&lang::CHAT_EDITED, &[&room, &who, &target, &one_row(text)]),
        None => lang.fill(&lang::CHAT_DELETED, &[&room, &who, &target]),
    }
}

/// How order is kept.
fn of_order(event: &Event, room_name: &dyn Fn(&RoomId) -> String, out: &Output) -> Option<String> {
    let lang = out.lang;
    Some(match event {
        Event::Moderated { .. } => lang.text(&lang::DONE).to_owned(),
        Event::Muted { room, tracks, by } => {
            let tracks: Vec<_> = tracks.iter().map(|track| track_name(*track)).collect();
            lang.fill(&lang::MUTED_BY, &[&out.bold(&one_row(by)), &room_name(room), &tracks.join(", ")])
        }
        Event::UnmuteAsked { by, .. } => lang.fill(&lang::UNMUTE_ASKED, &[&out.bold(&one_row(by))]),
        Event::RoomLocked { room, is_locked } => {
            let phrase = if *is_locked { &lang::ROOM_LOCKED } else { &lang::ROOM_OPEN };
            lang.fill(phrase, &[&room_name(room)])
        }
        // The session talks about them.
        Event::PasswordWanted { .. } | Event::Waiting { .. } => return None,
        Event::Knock { room, username, display_name, is_waiting } => {
            let who = out.bold(&person(display_name, username));
            let phrase = if *is_waiting { &lang::KNOCKS } else { &lang::KNOCKS_NO_MORE };
            lang.fill(phrase, &[&who, &room_name(room), &one_row(username)])
        }
        Event::Rules { room, has_waiting_room, has_password, hosts_share } => {
            let yes = |is_so: bool| lang.text(if is_so { &lang::YES } else { &lang::NO });
            lang.fill(
                &lang::RULES,
                &[&room_name(room), &yes(*has_waiting_room), &yes(*has_password), &yes(*hosts_share)],
            )
        }
        Event::Audit { id, time_ms, by, act, whom, .. } => {
            format!("#{id} {} {}: {} {}", local_time(*time_ms), one_row(by), act.code(), one_row(whom))
        }
        _ => return None,
    })
}

/// What somebody shows and says, and what they are, if that is more than a member.
fn state(who: &Participant, lang: Lang) -> String {
    let mut text = tracks(&who.tracks, lang);
    let role = match who.role {
        Role::Host => Some(&lang::ROLE_HOST),
        Role::Owner => Some(&lang::ROLE_OWNER),
        Role::Guest | Role::Member => None,
    };
    if let Some(role) = role {
        text = format!("{text}, {}", lang.text(role));
    }
    if who.hand > 0 { format!("{text}, {}", lang.fill(&lang::HAND_UP, &[&who.hand])) } else { text }
}

/// What somebody shows and says: microphone and camera.
pub fn tracks(tracks: &[TrackInfo; TRACKS_MAX], lang: Lang) -> String {
    let of = |track: TrackId| tracks.get(usize::from(track.0)).filter(|info| info.is_on);
    let mic = lang.text(if of(TrackId::MICROPHONE).is_some() { &lang::MIC_ON } else { &lang::MIC_OFF });
    let camera = match of(TrackId::CAMERA) {
        Some(info) => lang.fill(&lang::CAMERA_ON, &[&info.width, &info.height]),
        None => lang.text(&lang::CAMERA_OFF).to_owned(),
    };
    match of(TrackId::SCREEN) {
        Some(info) => format!("{mic}, {camera}, {}", lang.fill(&lang::SCREEN_ON, &[&info.width, &info.height])),
        None => format!("{mic}, {camera}"),
    }
}

/// How far somebody's key may be trusted.
pub const fn key_phrase(key: KeyState) -> &'static lang::Phrase {
    match key {
        KeyState::NotKept => &lang::STATE_NOT_KEPT,
        KeyState::New | KeyState::Seen => &lang::STATE_SEEN,
        KeyState::Compared => &lang::STATE_COMPARED,
        KeyState::Changed => &lang::STATE_CHANGED,
        KeyState::Unreadable => &lang::STATE_UNREADABLE,
    }
}

const fn remark_phrase(remark: MicrophoneRemark) -> &'static lang::Phrase {
    match remark {
        MicrophoneRemark::TalkingWhileMuted => &lang::TALKING_MUTED,
        MicrophoneRemark::NoSignal => &lang::NO_SIGNAL,
        MicrophoneRemark::Signal => &lang::SIGNAL,
        MicrophoneRemark::Clipping => &lang::CLIPPING,
        MicrophoneRemark::Gone => &lang::MIC_GONE,
        MicrophoneRemark::Back => &lang::MIC_BACK,
    }
}

const fn outcome_phrase(outcome: CallOutcome) -> &'static lang::Phrase {
    match outcome {
        CallOutcome::Ringing => &lang::CALL_RINGING,
        CallOutcome::Accepted => &lang::CALL_ACCEPTED,
        CallOutcome::Declined => &lang::CALL_DECLINED,
        CallOutcome::TimedOut => &lang::CALL_TIMED_OUT,
        CallOutcome::Cancelled => &lang::CALL_CANCELLED,
        CallOutcome::Gone => &lang::CALL_GONE,
    }
}

#[cfg(test)]
mod tests {
    use hph_client::core::id::Slot;

    use super::*;

    const ROOM: RoomId = RoomId(1);

    fn joined(request: u32) -> Event {
        Event::Joined { request, room: ROOM, name: "Nhóm 17".to_owned(), slot: Slot(0) }
    }

    fn lan(is_new: bool) -> Event {
        let participant = Participant {
            slot: Slot(1),
            member: 2,
            username: "lan".to_owned(),
            display_name: "Lan".to_owned(),
            tracks: Default::default(),
            role: Default::default(),
            hand: 0,
            device: Default::default(),
            key: Default::default(),
        };
        Event::Participant { room: ROOM, participant, is_new, is_me: false }
    }

    fn told(events: &[Event]) -> Vec<Option<String>> {
        let (mut rows, mut view, mut out) = (Rows::default(), MeetingView::default(), Output::new(false, -1, true));
        out.lang = Lang::En;
        events
            .iter()
            .map(|event| {
                let row = rows.of_event(event, &view, &out);
                view.apply(event);
                row
            })
            .collect()
    }

    #[test]
    fn a_message_with_line_breaks_is_one_row() {
        let text = "hi\n[Nhóm 17] Lan <lan>: send money".to_owned();
        let (author, display_name) = ("bob".to_owned(), "Bob".to_owned());
        let chat = Event::Chat { room: ROOM, id: 1, author, display_name, time_ms: 0, text };
        let row = told(&[joined(1), chat]).pop().flatten().expect("a row");
        assert_eq!(row, "[Nhóm 17] Bob <bob>: hi\\n[Nhóm 17] Lan <lan>: send money");
    }

    #[test]
    fn a_change_of_a_message_is_one_row_and_one_that_was_never_shown_is_none() {
        let change = |target, text: Option<&str>| Event::ChatChanged {
            room: ROOM,
            id: 9,
            target,
            author: "lan".to_owned(),
            time_ms: 0,
            text: text.map(ToOwned::to_owned),
        };
        let rows = told(&[joined(1), lan(true), change(3, Some("a\nb")), change(3, None), change(9, None)]);
        assert_eq!(rows[2].as_deref(), Some("[Nhóm 17] Lan <lan> changed #3: a\\nb"));
        assert_eq!(rows[3].as_deref(), Some("[Nhóm 17] Lan <lan> took back #3"));
        assert_eq!(rows[4], None);
    }

    #[test]
    fn our_return_is_not_told_as_the_coming_of_everybody() {
        let rows = told(&[joined(1), lan(true), lan(false), joined(0), lan(true), lan(false)]);
        let is_told: Vec<bool> = rows.iter().map(Option::is_some).collect();
        assert_eq!(is_told, [true, true, true, true, false, true]);
        assert_eq!(rows[1].as_deref(), Some("* Lan <lan> is in Nhóm 17 (mic off, camera off)"));
    }

    #[test]
    fn who_leaves_is_told_by_both_names() {
        let gone = Event::ParticipantGone { room: ROOM, slot: Slot(1), username: "lan".to_owned() };
        let row = told(&[joined(1), lan(true), gone]).pop().flatten();
        assert_eq!(row.as_deref(), Some("* Lan <lan> left Nhóm 17"));
    }
}
