//! `hph chat`, `hph msg` and `hph call`: one thing to say or to ask, then the end.

use std::collections::HashSet;
use std::time::Duration;

use hph_client::core::id::RoomId;
use hph_client::core::wire::control::{CallOutcome, Refusal};
use hph_client::core::wire::text::is_chat_text;
use hph_client::engine::{Command, Event, new_reference};
use hph_client::link::Invitation;

use crate::exit::{Exit, Failure};
use crate::identity::{Who, parse_target};
use crate::join::{find_person, timed_out};
use crate::lang;
use crate::output::Output;
use crate::refusal::{not_joined, not_sent, refused};
use crate::session::{Input, Session, Wishes};
use crate::text::parse_duration;

/// An answer takes no longer than this. A call rings for half a minute.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Called people get this long to answer and to come.
const CALL_MAX: Duration = Duration::from_secs(60);
/// While so many messages are not acknowledged, no more lines are read.
const PENDING_MAX: usize = 32;

/// What `hph chat` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct ChatArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// What to say, each argument a message; without any: the lines of standard input
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
    /// The room [default: the link's]
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// Show what is said, and stay until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Fail if the room does not exist, instead of making it
    #[arg(long)]
    no_create: bool,
    /// Give up after this time; with --follow: end well after it
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    who: Who,
}

/// What `hph msg` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct MsgArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Login name, or the name that is shown of somebody who is online
    #[arg(value_name = "USER")]
    to: String,
    /// What to say
    #[arg(value_name = "TEXT")]
    text: String,
    /// Give up after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30s")]
    timeout: Duration,
    #[command(flatten)]
    who: Who,
}

/// What `hph call` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct CallArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Login name, or the name that is shown
    #[arg(value_name = "USER")]
    to: String,
    /// The room to come to [default: the link's]
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// Also wait until they are in the room
    #[arg(long)]
    wait: bool,
    /// Give up after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    who: Who,
}

/// The room of a command line, or that of the link.
fn room_of(given: Option<&String>, link: &Invitation) -> Result<String, Failure> {
    given.cloned().or_else(|| link.room.clone()).ok_or_else(|| Failure::usage("which room? --room ROOM"))
}

/// Messages on their way.
#[derive(Default)]
struct Pending(HashSet<u64>);

impl Pending {
    fn say(&mut self, session: &Session<'_>, room: RoomId, text: &str) -> Result<(), Failure> {
        if !is_chat_text(text) {
            return Err(refused(Refusal::Invalid, session.out));
        }
        let reference = new_reference();
        self.0.insert(reference);
        session.send(Command::Chat { reference, room, text: text.to_owned() });
        Ok(())
    }
}

/// Runs `hph chat`.
///
/// # Errors
/// Any [`Failure`].
pub async fn chat(args: &ChatArgs, has_lines: bool, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let room_name = room_of(args.room.as_ref(), &args.link)?;
    let lines = has_lines && args.texts.is_empty();
    // Whoever sits at the keyboard wants to see the answers too.
    let is_following = args.follow || lines && crate::terminal::is_interactive();
    let limit = if is_following { args.timeout } else { Some(args.timeout.unwrap_or(ANSWER_MAX)) };
    let wishes = Wishes { lines, rooms: is_following, may_ask, limit, ..Wishes::default() };
    let mut session = Session::start(&args.who, &args.link, wishes, out)?;
    session.takes_lines = false;
    let mut room = None;
    let mut pending = Pending::default();
    let mut has_all = !lines;
    let exit = loop {
        match session.next().await? {
            Input::Event(Event::SignedIn { .. }) if room.is_none() => {
                let (request, name) = (session.engine.request(), room_name.clone());
                session.send(Command::JoinNamed { request, name, may_create: !args.no_create });
            }
            Input::Event(Event::Joined { room: joined, request: 1.., .. }) => {
                room = Some(joined);
                for text in &args.texts {
                    pending.say(&session, joined, text)?;
                }
            }
            Input::Event(Event::Refused { reason, .. }) if room.is_none() => {
                return Err(not_joined(&room_name, reason, out));
            }
            Input::Event(Event::ChatStored { reference, .. }) => {
                pending.0.remove(&reference);
            }
            Input::Event(Event::MessageFailed { reference, reason }) if pending.0.contains(&reference) => {
                return Err(not_sent(reason, out));
            }
            Input::Line(text) if text.trim().is_empty() => {}
            Input::Line(text) if text.trim() == "/quit" => has_all = true,
            Input::Line(text) => {
                if let Some(room) = room {
                    pending.say(&session, room, &text)?;
                }
            }
            Input::LinesEnd => has_all = true,
            Input::Stop(exit) => break exit,
            Input::TimeUp if is_following => break Exit::Ok,
            Input::TimeUp => return Err(timed_out(limit.unwrap_or(ANSWER_MAX), out)),
            _ => {}
        }
        session.takes_lines = room.is_some() && pending.0.len() < PENDING_MAX;
        let is_done = room.is_some() && has_all && pending.0.is_empty();
        if is_done && !args.follow {
            break Exit::Ok;
        }
    };
    session.close().await?;
    Ok(exit)
}

/// Runs `hph msg`.
///
/// # Errors
/// Any [`Failure`].
pub async fn msg(args: &MsgArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    if !is_chat_text(&args.text) {
        return Err(refused(Refusal::Invalid, out));
    }
    let wishes = Wishes { may_ask, limit: Some(args.timeout), ..Wishes::default() };
    let mut session = Session::start(&args.who, &args.link, wishes, out)?;
    session.send(Command::WatchLobby(true));
    let reference = new_reference();
    let mut is_sent = false;
    loop {
        match session.next().await? {
            Input::Event(Event::LobbyComplete) if !is_sent => {
                is_sent = true;
                let to = someone(&session, &args.to)?;
                session.send(Command::Direct { reference, to, text: args.text.clone() });
            }
            Input::Event(event @ Event::DirectStored { .. }) => {
                out.object(|| crate::object::of_event(&event, &session.view).unwrap_or_default());
                out.detail(out.lang.text(&lang::DIRECT_STORED));
                break;
            }
            Input::Event(Event::MessageFailed { reason, .. }) => return Err(not_sent(reason, out)),
            Input::Stop(exit) => {
                session.close().await?;
                return Ok(exit);
            }
            Input::TimeUp => return Err(timed_out(args.timeout, out)),
            _ => {}
        }
    }
    session.close().await?;
    Ok(Exit::Ok)
}

/// Runs `hph call`.
///
/// # Errors
/// Any [`Failure`]: also that the other person declines or does not answer.
pub async fn call(args: &CallArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let room_name = room_of(args.room.as_ref(), &args.link)?;
    let limit = args.timeout.unwrap_or(CALL_MAX);
    let wishes = Wishes { rooms: true, may_ask, limit: Some(limit), ..Wishes::default() };
    let mut session = Session::start(&args.who, &args.link, wishes, out)?;
    session.send(Command::WatchLobby(true));
    let mut room = None;
    let mut has_lobby = false;
    let mut called: Option<String> = None;
    let exit = loop {
        match session.next().await? {
            Input::Event(Event::SignedIn { .. }) if room.is_none() => {
                let (request, name) = (session.engine.request(), room_name.clone());
                session.send(Command::JoinNamed { request, name, may_create: true });
            }
            Input::Event(Event::Joined { room: joined, .. }) => room = Some(joined),
            Input::Event(Event::LobbyComplete) => has_lobby = true,
            Input::Event(Event::Refused { reason, .. }) if called.is_none() => {
                return Err(not_joined(&room_name, reason, out));
            }
            Input::Event(Event::Refused { reason, .. }) => return Err(refused(reason, out)),
            Input::Event(Event::CallState { request: 1.., outcome, .. }) => match outcome {
                CallOutcome::Accepted if !args.wait || is_here(&session, room, called.as_deref()) => break Exit::Ok,
                CallOutcome::Ringing | CallOutcome::Accepted => {}
                CallOutcome::TimedOut => break Exit::TimedOut,
                CallOutcome::Declined | CallOutcome::Cancelled | CallOutcome::Gone => break Exit::Rejected,
            },
            Input::Event(Event::Participant { .. }) if args.wait && is_here(&session, room, called.as_deref()) => {
                break Exit::Ok;
            }
            Input::Stop(exit) => break exit,
            Input::TimeUp => return Err(timed_out(limit, out)),
            _ => {}
        }
        if let (Some(room), true, None) = (room, has_lobby, &called) {
            let to = someone(&session, &args.to)?;
            let request = session.engine.request();
            session.send(Command::Call { request, to: to.clone(), room });
            called = Some(to);
        }
    };
    session.close().await?;
    Ok(exit)
}

/// Whether the person called is in the room.
fn is_here(session: &Session<'_>, room: Option<RoomId>, called: Option<&str>) -> bool {
    let room = room.and_then(|room| session.view.rooms.get(&room));
    room.is_some_and(|room| room.participants.values().any(|who| Some(who.username.as_str()) == called))
}

/// The login name of whoever is meant.
fn someone(session: &Session<'_>, name: &str) -> Result<String, Failure> {
    let several = || Failure::new(Exit::Failed, "E-REF-04", session.out.lang.fill(&lang::NOT_ALONE, &[&name]));
    find_person(&session.view, name).ok_or_else(several)
}
