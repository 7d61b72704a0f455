//! `hph chat`, `hph msg`, `hph inbox`, `hph unread` and `hph call`: one thing to say or to ask, then the end.

use std::time::Duration;

use hph_client::core::id::RoomId;
use hph_client::core::wire::control::{CallOutcome, Refusal};
use hph_client::core::wire::text::is_chat_text;
use hph_client::engine::{Command, Event, new_reference};
use hph_client::link::Invitation;

use crate::exit::{Exit, Failure};
use crate::history::{Desk, Marks, Pending, Wanted};
use crate::identity::{Who, parse_target};
use crate::join::{Line, find_person, timed_out};
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
    /// Show so many messages, the newest, or those before --before; then end
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000), conflicts_with_all = ["texts", "follow"])]
    history: Option<u32>,
    /// Show messages that have all these words, whatever their case and accents; "in quotes": together. Then end
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["texts", "follow", "history"])]
    search: Option<String>,
    /// With --search: so many at most
    #[arg(long, value_name = "COUNT", default_value_t = 20, requires = "search", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// With --history or --search: only messages before this one
    #[arg(long, value_name = "ID")]
    before: Option<u64>,
    /// Give your message of this number the text TEXT
    #[arg(long, value_name = "ID", requires = "texts", conflicts_with_all = ["history", "search"])]
    edit: Option<u64>,
    /// Take your message of this number back; whoever made the room may take back any
    #[arg(long, value_name = "ID", conflicts_with_all = ["texts", "history", "search", "edit"])]
    delete: Option<u64>,
    /// Show what is said, and stay until Ctrl-C. Lines may be commands then: /history, /search, /edit, /delete, /unread
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

fn legal(text: &str, out: &Output) -> Result<String, Failure> {
    if is_chat_text(text) { Ok(text.to_owned()) } else { Err(refused(Refusal::Invalid, out)) }
}

/// What `hph chat` does in its room.
struct Talk<'a> {
    session: Session<'a>,
    args: &'a ChatArgs,
    room: Option<RoomId>,
    pending: Pending,
    desk: Desk,
    marks: Marks,
    /// A line that was taken and waits for its turn.
    held: Option<String>,
    is_following: bool,
    has_all: bool,
    /// Somebody typed that they want to go.
    wants_end: bool,
}

/// Runs `hph chat`.
///
/// # Errors
/// Any [`Failure`].
pub async fn chat(args: &ChatArgs, has_lines: bool, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let room_name = room_of(args.room.as_ref(), &args.link)?;
    let has_task = args.history.is_some() || args.search.is_some() || args.delete.is_some();
    let lines = has_lines && args.texts.is_empty() && !has_task;
    // Whoever sits at the keyboard wants to see the answers too.
    let is_following = args.follow || lines && crate::terminal::is_interactive();
    let limit = if is_following { args.timeout } else { Some(args.timeout.unwrap_or(ANSWER_MAX)) };
    let wishes = Wishes { lines, rooms: is_following, may_ask, limit, ..Wishes::default() };
    let session = Session::start(&args.who, &args.link, wishes, out)?;
    let talk = Talk {
        session,
        args,
        room: None,
        pending: Pending::default(),
        desk: Desk::default(),
        marks: Marks::default(),
        held: None,
        is_following,
        has_all: !lines,
        wants_end: false,
    };
    talk.live(&room_name, limit).await
}

impl Talk<'_> {
    async fn live(mut self, room_name: &str, limit: Option<Duration>) -> Result<Exit, Failure> {
        let out = self.session.out;
        self.session.takes_lines = false;
        let exit = loop {
            match self.session.next().await? {
                Input::Event(Event::SignedIn { .. }) if self.room.is_none() => {
                    let (request, name) = (self.session.engine.request(), room_name.to_owned());
                    self.session.send(Command::JoinNamed { request, name, may_create: !self.args.no_create });
                }
                Input::Event(Event::Joined { room, request: 1.., .. }) => self.begin(room)?,
                Input::Event(Event::Refused { reason, .. }) if self.room.is_none() => {
                    return Err(not_joined(room_name, reason, out));
                }
                Input::Event(event) => self.take(&event)?,
                Input::Line(text) => self.held = Some(text),
                Input::LinesEnd => self.has_all = true,
                Input::Tick if self.is_following => self.marks.tell(&self.session),
                Input::Stop(exit) => break exit,
                Input::TimeUp if self.is_following => break Exit::Ok,
                Input::TimeUp => return Err(timed_out(limit.unwrap_or(ANSWER_MAX), out)),
                Input::Tick => {}
            }
            self.obey_held()?;
            let has_place = self.pending.len() < PENDING_MAX && !self.desk.is_busy() && self.held.is_none();
            self.session.takes_lines = self.room.is_some() && has_place;
            let has_asked_all = self.has_all && self.held.is_none() && !self.desk.is_busy();
            let is_done = self.room.is_some() && has_asked_all && self.pending.is_empty();
            if is_done && (!self.args.follow || self.wants_end) {
                break Exit::Ok;
            }
        };
        if self.is_following {
            self.marks.tell(&self.session);
        }
        self.session.close().await?;
        Ok(exit)
    }

    /// We are in the room: what was asked for is done.
    fn begin(&mut self, room: RoomId) -> Result<(), Failure> {
        self.room = Some(room);
        let args = self.args;
        if let Some(id) = args.delete {
            self.post(|reference| Command::DeleteChat { reference, room, id });
        }
        if let Some(id) = args.edit {
            let text = legal(&args.texts.join(" "), self.session.out)?;
            self.post(|reference| Command::EditChat { reference, room, id, text });
            return Ok(());
        }
        let (words, count) = (args.search.clone(), args.history.unwrap_or(args.limit));
        if args.history.is_some() || words.is_some() {
            // Not before what is in view: nothing is.
            let before = Some(args.before.unwrap_or(0));
            self.desk.ask(Wanted { room, words, before, count }, &mut self.session);
        }
        args.texts.iter().try_for_each(|text| self.say(room, text))
    }

    fn say(&mut self, room: RoomId, text: &str) -> Result<(), Failure> {
        let text = legal(text, self.session.out)?;
        self.post(|reference| Command::Chat { reference, room, text });
        Ok(())
    }

    fn post(&mut self, command: impl FnOnce(u64) -> Command) {
        let reference = new_reference();
        let command = command(reference);
        self.pending.add(reference, matches!(command, Command::Chat { .. }));
        self.session.send(command);
    }

    fn take(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::ChatStored { reference, room, id } => {
                self.pending.stored(*reference, *room, *id);
            }
            Event::MessageFailed { reference, reason } if self.pending.remove(*reference) && !self.is_following => {
                return Err(not_sent(*reason, self.session.out));
            }
            Event::MessageDelayed { reason, .. } if !self.is_following => {
                let out = self.session.out;
                out.warn(&out.lang.fill(&lang::DELAYED, &[&out.lang.text(crate::refusal::phrase(*reason))]));
            }
            Event::Refused { request, reason } if self.desk.is_refused(*request) && !self.is_following => {
                return Err(refused(*reason, self.session.out));
            }
            _ => self.desk.take(event, &mut self.session),
        }
        Ok(())
    }

    /// Does what the line says that was taken, once it is its turn.
    fn obey_held(&mut self) -> Result<(), Failure> {
        let looks_back = |text: &String| self.is_following && Line::parse(text).is_some_and(|line| line.looks_back());
        let must_wait = !self.pending.is_empty() && self.held.as_ref().is_some_and(looks_back);
        match self.held.take_if(|_| !must_wait) {
            Some(text) => self.obey(&text),
            None => Ok(()),
        }
    }

    /// A line: a message, or for whoever follows also a command.
    fn obey(&mut self, text: &str) -> Result<(), Failure> {
        let Some(room) = self.room.filter(|_| !text.trim().is_empty()) else { return Ok(()) };
        let line = if self.is_following { Line::parse(text) } else { Some(Line::Say(text.to_owned())) };
        let out = self.session.out;
        match line {
            Some(Line::Quit) => (self.has_all, self.wants_end) = (true, true),
            Some(Line::Say(text)) if text.trim() == "/quit" => self.has_all = true,
            Some(Line::Say(text)) => self.say(room, &text)?,
            Some(Line::History(count)) => {
                let wanted = Wanted { room, words: None, before: None, count };
                self.desk.ask(wanted, &mut self.session);
            }
            Some(Line::Search(words)) => {
                let wanted = Wanted { room, words: Some(words), before: None, count: self.args.limit };
                self.desk.ask(wanted, &mut self.session);
            }
            Some(Line::Unread) => self.desk.ask_unread(&mut self.session),
            Some(Line::Edit { id, text }) => match self.pending.own_message(&self.session, room, id) {
                Some(id) => {
                    let text = legal(&text, out)?;
                    self.post(|reference| Command::EditChat { reference, room, id, text });
                }
                None => out.talk(out.lang.text(&lang::NO_OWN_MESSAGE)),
            },
            Some(Line::Delete(id)) => match self.pending.own_message(&self.session, room, id) {
                Some(id) => self.post(|reference| Command::DeleteChat { reference, room, id }),
                None => out.talk(out.lang.text(&lang::NO_OWN_MESSAGE)),
            },
            Some(Line::Incomplete(usage)) => out.talk(&out.lang.fill(&lang::COMMAND_USAGE, &[&usage])),
            Some(_) => out.talk(&out.lang.fill(&lang::UNKNOWN_COMMAND, &[&text.trim()])),
            None => {}
        }
        Ok(())
    }
}

/// What `hph unread` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct UnreadArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Give up after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30s")]
    timeout: Duration,
    #[command(flatten)]
    who: Who,
}

/// Runs `hph unread`.
///
/// # Errors
/// Any [`Failure`].
pub async fn unread(args: &UnreadArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let wishes = Wishes { may_ask, limit: Some(args.timeout), ..Wishes::default() };
    let mut session = Session::start(&args.who, &args.link, wishes, out)?;
    let mut desk = Desk::default();
    let exit = loop {
        match session.next().await? {
            Input::Event(Event::SignedIn { .. }) => {
                desk.forget();
                desk.ask_unread(&mut session);
            }
            Input::Event(Event::Refused { request, reason }) if desk.is_refused(request) => {
                return Err(refused(reason, out));
            }
            Input::Event(event) => {
                desk.take(&event, &mut session);
                if matches!(event, Event::UnreadAll { .. }) {
                    break Exit::Ok;
                }
            }
            Input::Stop(exit) => break exit,
            Input::TimeUp => return Err(timed_out(args.timeout, out)),
            _ => {}
        }
    };
    session.close().await?;
    Ok(exit)
}

/// What `hph inbox` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct InboxArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Also those that were read before, as far back as the server keeps them
    #[arg(long)]
    all: bool,
    /// Give up after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30s")]
    timeout: Duration,
    #[command(flatten)]
    who: Who,
}

/// Runs `hph inbox`.
///
/// # Errors
/// Any [`Failure`].
pub async fn inbox(args: &InboxArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let wishes = Wishes { rooms: true, may_ask, limit: Some(args.timeout), ..Wishes::default() };
    let mut session = Session::start(&args.who, &args.link, wishes, out)?;
    if args.all {
        session.send(Command::AllDirects);
    }
    let (mut seen, mut newest) = (0, None);
    let exit = loop {
        match session.next().await? {
            Input::Event(Event::SignedIn { .. }) => {
                let request = session.engine.request();
                session.send(Command::Unread { request });
            }
            Input::Event(Event::Unread { room: RoomId(0), read, latest, .. }) => {
                // What was read before comes only if it was asked for.
                let is_any_left = latest > if args.all { 0 } else { read };
                newest = Some(if is_any_left { latest } else { 0 });
            }
            Input::Event(Event::Direct { id, .. }) => seen = id,
            Input::Event(Event::Refused { reason, .. }) => return Err(refused(reason, out)),
            Input::Stop(exit) => break exit,
            Input::TimeUp => return Err(timed_out(args.timeout, out)),
            _ => {}
        }
        if newest.is_some_and(|newest| seen >= newest) {
            Marks::default().tell(&session);
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
            Input::Event(Event::MessageDelayed { reason, .. }) => {
                out.warn(&out.lang.fill(&lang::DELAYED, &[&out.lang.text(crate::refusal::phrase(reason))]));
            }
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
