//! `hph rooms` and `hph people`: the lobby, once or as it changes.

use std::time::Duration;

use hph_client::engine::{Command, Event};
use hph_client::link::Invitation;
use hph_client::view::{LobbyRoom, MeetingView, Person};

use crate::exit::{Exit, Failure};
use crate::identity::{Who, parse_target};
use crate::join::timed_out;
use crate::lang;
use crate::object;
use crate::output::Output;
use crate::session::{Input, Session, Wishes};
use crate::text::{one_row, parse_duration, person};

/// What `hph rooms` and `hph people` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Go on and tell every change, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Give up after this time; with --watch: end well after it
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    who: Who,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Rooms with their counts.
    Rooms,
    /// Everybody online.
    People,
}

/// An answer takes no longer than this.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Runs the command.
///
/// # Errors
/// Any [`Failure`].
pub async fn run(args: &Args, subject: Subject, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let limit = if args.watch { args.timeout } else { Some(args.timeout.unwrap_or(ANSWER_MAX)) };
    let wishes = Wishes { may_ask, limit, ..Wishes::default() };
    let mut session = Session::start(&args.who, &args.link, wishes, out)?;
    session.send(Command::WatchLobby(true));
    // The session's view is ahead by one event: who is gone has no name there.
    let mut view = MeetingView::default();
    let mut is_complete = false;
    let exit = loop {
        match session.next().await? {
            Input::Event(event) => {
                if is_complete {
                    show(&event, &view, subject, out);
                }
                view.apply(&event);
                if event == Event::LobbyComplete && !is_complete {
                    is_complete = true;
                    list(&view, subject, out);
                    if !args.watch {
                        break Exit::Ok;
                    }
                }
            }
            Input::Stop(exit) => break exit,
            Input::TimeUp if args.watch => break Exit::Ok,
            Input::TimeUp => return Err(timed_out(limit.unwrap_or(ANSWER_MAX), out)),
            _ => {}
        }
    };
    session.close().await?;
    Ok(exit)
}

/// Everything that is there, sorted by name.
fn list(view: &MeetingView, subject: Subject, out: &Output) {
    let mut events: Vec<(String, Event)> = match subject {
        Subject::Rooms => view.lobby.iter().map(|(place, room)| of_room(*place, room)).collect(),
        Subject::People => view.people.iter().map(|(place, person)| of_person(*place, person)).collect(),
    };
    if events.is_empty() && subject == Subject::Rooms {
        out.talk(out.lang.text(&lang::NO_ROOMS));
    }
    events.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (_, event) in &events {
        show(event, view, subject, out);
    }
}

fn of_room(place: u16, room: &LobbyRoom) -> (String, Event) {
    let LobbyRoom { room, name, people } = room.clone();
    (name.to_lowercase(), Event::LobbyRoom { place, room, name, people })
}

fn of_person(place: u16, person: &Person) -> (String, Event) {
    let Person { username, display_name } = person.clone();
    (display_name.to_lowercase(), Event::LobbyPerson { place, username, display_name })
}

/// One change, if it is about the subject.
fn show(event: &Event, before: &MeetingView, subject: Subject, out: &Output) {
    if let Some(row) = row(event, before, subject) {
        out.data(|| object::of_event(event, before).unwrap_or_default(), || row);
    }
}

fn row(event: &Event, before: &MeetingView, subject: Subject) -> Option<String> {
    match (subject, event) {
        (Subject::Rooms, Event::LobbyRoom { name, people, .. }) => Some(format!("{}\t{people}", one_row(name))),
        (Subject::Rooms, Event::LobbyRoomGone { place }) => {
            before.lobby.get(place).map(|gone| format!("{}\t-", one_row(&gone.name)))
        }
        (Subject::People, Event::LobbyPerson { username, display_name, .. }) => Some(person(display_name, username)),
        (Subject::People, Event::LobbyPersonGone { place }) => {
            before.people.get(place).map(|gone| format!("- {}", person(&gone.display_name, &gone.username)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hph_client::core::id::RoomId;

    use super::*;

    #[test]
    fn rooms_and_people_are_rows_of_their_own_command() {
        let mut view = MeetingView::default();
        let room = Event::LobbyRoom { place: 4, room: RoomId(1), name: "Nhóm 17".to_owned(), people: 3 };
        view.apply(&room);
        assert_eq!(row(&room, &view, Subject::Rooms).as_deref(), Some("Nhóm 17\t3"));
        assert_eq!(row(&room, &view, Subject::People), None);
        let gone = Event::LobbyRoomGone { place: 4 };
        assert_eq!(row(&gone, &view, Subject::Rooms).as_deref(), Some("Nhóm 17\t-"));
    }
}
