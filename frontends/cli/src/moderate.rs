//! `hph moderate` and `hph audit`: keeping order in a room, and what was done for that.

use std::time::Duration;

use hph_client::core::wire::control::Act;
use hph_client::engine::{Command, Event};
use hph_client::link::Invitation;

use crate::acts::{complaint, one_of};
use crate::exit::{Exit, Failure};
use crate::identity::{Who, parse_target};
use crate::join::{find_person, timed_out};
use crate::lang;
use crate::object;
use crate::output::Output;
use crate::refusal::{not_joined, refused};
use crate::session::{Input, Session, Wishes};
use crate::text::{local_time, one_row, parse_duration};

/// What both can be told.
#[derive(clap::Args, Clone, Debug)]
struct Place {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// The room [default: the link's]
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// Give up after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30s")]
    timeout: Duration,
    #[command(flatten)]
    who: Who,
}

/// What `hph moderate` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct ModerateArgs {
    #[command(flatten)]
    place: Place,
    /// What to do
    #[arg(value_name = "ACT", value_parser = parse_act)]
    act: Act,
    /// To whom: login name, or the name that is shown of somebody who is online
    #[arg(value_name = "USER")]
    whom: Option<String>,
}

/// What `hph audit` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct AuditArgs {
    #[command(flatten)]
    place: Place,
    /// So many entries, the newest
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
    count: u8,
    /// Only entries before this one
    #[arg(long, value_name = "ID", default_value_t = 0, hide_default_value = true)]
    before: u64,
}

/// An act by its name.
fn parse_act(text: &str) -> Result<Act, String> {
    one_of(text, || Act::ALL.into_iter().filter(|act| act.is_plain() || *act == Act::Password))
}

/// Runs `hph moderate`.
///
/// # Errors
/// Any [`Failure`].
pub async fn moderate(args: &ModerateArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    if let Some(complaint) = complaint(args.act, args.whom.is_some()) {
        return Err(Failure::usage(complaint));
    }
    let password = match args.act {
        Act::Password => args.place.who.room_password(may_ask, out)?.filter(|password| !password.is_empty()),
        _ => None,
    };
    if args.act == Act::Password && password.is_none() {
        return Err(Failure::usage("which password? --room-password-file, $HPH_ROOM_PASSWORD or a prompt"));
    }
    run(&args.place, may_ask, out, |session, room, request| {
        if let Some(password) = password.clone() {
            return session.send(Command::SetPassword { request, room, password });
        }
        let whom = args.whom.as_deref().unwrap_or_default();
        let whom = find_person(&session.view, whom).unwrap_or_else(|| whom.to_owned());
        session.send(Command::Moderate { request, room, act: args.act, whom });
    })
    .await
}

/// Runs `hph audit`.
///
/// # Errors
/// Any [`Failure`].
pub async fn audit(args: &AuditArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    run(&args.place, may_ask, out, |session, room, request| {
        session.send(Command::Audit { request, room, before: args.before, count: args.count });
    })
    .await
}

/// Goes to the room, asks once, and shows what comes of it.
async fn run(
    place: &Place,
    may_ask: bool,
    out: &Output,
    ask: impl Fn(&Session<'_>, hph_client::core::id::RoomId, u32),
) -> Result<Exit, Failure> {
    let name = place.room.clone().or_else(|| place.link.room.clone());
    let name = name.ok_or_else(|| Failure::usage("which room? --room ROOM"))?;
    let wishes = Wishes { may_ask, limit: Some(place.timeout), ..Wishes::default() };
    let mut session = Session::start(&place.who, &place.link, wishes, out)?;
    session.send(Command::WatchLobby(true));
    let (mut room, mut has_lobby, mut asked) = (None, false, None);
    let exit = loop {
        match session.next().await? {
            Input::Event(Event::SignedIn { .. }) if room.is_none() => {
                let (request, name) = (session.engine.request(), name.clone());
                session.send(Command::JoinNamed { request, name, may_create: false });
            }
            Input::Event(Event::Joined { room: joined, request: 1.., .. }) => room = Some(joined),
            Input::Event(Event::LobbyComplete) => has_lobby = true,
            Input::Event(Event::Refused { reason, .. }) if room.is_none() => {
                return Err(not_joined(&name, reason, out));
            }
            Input::Event(Event::Refused { request, reason }) if asked == Some(request) => {
                return Err(refused(reason, out));
            }
            Input::Event(event) if show(&event, asked, &session) => break Exit::Ok,
            Input::Stop(exit) => break exit,
            Input::TimeUp => return Err(timed_out(place.timeout, out)),
            _ => {}
        }
        // Names to show are known from the lobby.
        if let (Some(room), true, None) = (room, has_lobby, asked) {
            let request = session.engine.request();
            ask(&session, room, request);
            asked = Some(request);
        }
    };
    session.close().await?;
    Ok(exit)
}

/// Shows an answer; whether it was the last.
fn show(event: &Event, asked: Option<u32>, session: &Session<'_>) -> bool {
    let out = session.out;
    let tell = |row: String| out.data(|| object::of_event(event, &session.view).unwrap_or_default(), || row);
    match event {
        Event::Moderated { request } if Some(*request) == asked => {
            out.object(|| object::of_event(event, &session.view).unwrap_or_default());
            out.detail(out.lang.text(&lang::DONE));
            true
        }
        Event::Audit { id, time_ms, by, act, whom, .. } => {
            tell(format!("#{id} {} {}: {} {}", local_time(*time_ms), one_row(by), act.code(), one_row(whom)));
            false
        }
        Event::AuditAll { .. } => {
            tell(String::new());
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_has_a_name_that_is_understood() {
        for act in Act::ALL.into_iter().filter(|act| act.is_plain() || *act == Act::Password) {
            assert_eq!(parse_act(act.code()), Ok(act));
            assert_eq!(parse_act(&act.code().replace('_', "-")), Ok(act));
        }
        assert!(parse_act("spread").is_err(), "one must stay for that");
        assert!(parse_act("shout").expect_err("refused").contains("mute_all"));
    }
}
