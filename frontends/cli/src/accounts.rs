//! `hph sessions`, `hph invite`, `hph invitations`, `hph claim` and `hph new-password`: one's devices, and who else may come.

use std::time::Duration;

use hph_client::core::id::RoomId;
use hph_client::core::wire::control::DevicePublic;
use hph_client::engine::{Account, AccountCommand, AccountEvent, Command, Event, InvitationInfo};
use hph_client::link::{Given, Invitation};
use hph_client::safety::Code;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::identity::{Who, parse_target};
use crate::invitation::{Shown, show, ungrouped};
use crate::join::timed_out;
use crate::lang;
use crate::object::{object, of_account};
use crate::output::Output;
use crate::refusal::refused;
use crate::session::{Input, Session, Wishes};
use crate::text::{local_time, one_row, parse_duration};

/// An answer takes no longer than this.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// What `hph sessions` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct SessionsArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Let this device never in again: the first five digits of its fingerprint, or more
    #[arg(long, value_name = "FINGERPRINT")]
    revoke: Option<String>,
    #[command(flatten)]
    who: Who,
}

/// What `hph invite` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct InviteArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// To this room [default: the link's; without any: to the server, for its owner]
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// So many may come with it
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    uses: u16,
    /// It is good for so long
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "24h")]
    time: Duration,
    /// Whoever comes may make an account with it: only the server's owner allows that
    #[arg(long)]
    accounts: bool,
    #[command(flatten)]
    who: Who,
}

/// What `hph invitations` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct InvitationsArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Those to this room [default: the link's; without any: all, for the server's owner]
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// Make the one with this number void
    #[arg(long, value_name = "ID")]
    withdraw: Option<u64>,
    #[command(flatten)]
    who: Who,
}

/// What `hph claim` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct ClaimArgs {
    /// The link that the server showed when it started first
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    #[command(flatten)]
    who: Who,
}

/// What `hph new-password` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct NewPasswordArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// The nine digits that the server's owner gave you
    #[arg(value_name = "CODE")]
    reset_code: String,
    #[command(flatten)]
    who: Who,
}

/// What is asked once we are signed in, and what comes of it.
struct Asking<'a> {
    session: Session<'a>,
    room: Option<String>,
    request: u32,
}

impl<'a> Asking<'a> {
    fn start(
        who: &Who,
        link: &'a Invitation,
        room: Option<&String>,
        may_ask: bool,
        out: &'a Output,
    ) -> Result<Self, Failure> {
        let wishes = Wishes { may_ask, limit: Some(ANSWER_MAX), ..Wishes::default() };
        let session = Session::start(who, link, wishes, out)?;
        Ok(Self { session, room: room.or(link.room.as_ref()).cloned(), request: 0 })
    }

    /// The room that is meant, if any, as soon as that is known.
    async fn signed_in(&mut self) -> Result<Option<RoomId>, Failure> {
        if self.room.is_some() {
            self.session.send(Command::WatchLobby(true));
        }
        loop {
            match self.next().await? {
                Event::SignedIn { .. } if self.room.is_none() => return Ok(None),
                Event::LobbyComplete => break,
                _ => {}
            }
        }
        let name = self.room.clone().unwrap_or_default();
        let is_it = |known: &str| known.to_lowercase() == name.trim().to_lowercase();
        let room = self.session.view.lobby.values().find(|room| is_it(&room.name)).map(|room| room.room);
        let refusal = hph_client::core::wire::control::Refusal::NoSuchRoom;
        room.map(Some).ok_or_else(|| crate::refusal::not_joined(&name, refusal, self.session.out))
    }

    fn ask(&mut self, command: impl FnOnce(u32) -> AccountCommand) {
        self.request = self.session.engine.request();
        self.session.send(Command::Account(command(self.request)));
    }

    /// The next event; a refusal of what was asked is a failure.
    async fn next(&mut self) -> Result<Event, Failure> {
        loop {
            match self.session.next().await? {
                Input::Event(Event::Refused { request, reason }) if request == self.request => {
                    return Err(refused(reason, self.session.out));
                }
                Input::Event(event) => return Ok(event),
                Input::Stop(_) => {
                    return Err(Failure::new(
                        Exit::Interrupted,
                        "E-USE-02",
                        self.session.out.lang.text(&lang::E_INTERRUPTED),
                    ));
                }
                Input::TimeUp => return Err(timed_out(ANSWER_MAX, self.session.out)),
                _ => {}
            }
        }
    }

    async fn told(&mut self) -> Result<AccountEvent, Failure> {
        loop {
            if let Event::Account(told) = self.next().await? {
                return Ok(told);
            }
        }
    }

    async fn until_done(mut self) -> Result<Exit, Failure> {
        while !matches!(self.told().await?, AccountEvent::Done { .. }) {}
        let out = self.session.out;
        out.object(|| object("done", json!({})));
        out.talk(out.lang.text(&lang::DONE));
        self.session.close().await?;
        Ok(Exit::Ok)
    }
}

/// Runs `hph sessions`.
///
/// # Errors
/// Any [`Failure`].
pub async fn sessions(args: &SessionsArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let mut asking = Asking::start(&args.who, &args.link, None, may_ask, out)?;
    asking.room = None;
    asking.signed_in().await?;
    asking.ask(|request| AccountCommand::ListDevices { request });
    let mut devices = Vec::new();
    loop {
        let told = asking.told().await?;
        match &told {
            AccountEvent::Device { device, name, first_seen_ms, last_seen_ms, is_here, .. } => {
                devices.push(*device);
                if args.revoke.is_none() {
                    let here = if *is_here { out.lang.text(&lang::DEVICE_HERE) } else { "" };
                    let (first, last) = (local_time(*first_seen_ms), local_time(*last_seen_ms));
                    let row = || format!("{}\t{}\t{first}\t{last}\t{here}", Code::of_device(device), one_row(name));
                    out.data(|| of_account(&told), row);
                }
            }
            AccountEvent::DevicesAll { .. } => break,
            _ => {}
        }
    }
    let Some(which) = &args.revoke else {
        asking.session.close().await?;
        return Ok(Exit::Ok);
    };
    let device = meant(&devices, which, out)?;
    asking.ask(|request| AccountCommand::RevokeDevice { request, sign: device.sign });
    asking.until_done().await
}

/// The device whose fingerprint begins so.
fn meant(devices: &[DevicePublic], which: &str, out: &Output) -> Result<DevicePublic, Failure> {
    let which = ungrouped(which);
    let is_it = |device: &&DevicePublic| ungrouped(&Code::of_device(device).to_string()).starts_with(&which);
    let mut found = devices.iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(device), None) if which.len() >= 5 => Ok(*device),
        _ => Err(Failure::new(Exit::Failed, "E-KEY-04", out.lang.text(&lang::E_NO_SUCH_DEVICE))),
    }
}

/// Runs `hph invite`.
///
/// # Errors
/// Any [`Failure`].
pub async fn invite(args: &InviteArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let mut asking = Asking::start(&args.who, &args.link, args.room.as_ref(), may_ask, out)?;
    let room = asking.signed_in().await?;
    let valid_s = u32::try_from(args.time.as_secs().max(1)).unwrap_or(u32::MAX);
    let (uses, may_register) = (args.uses, args.accounts);
    asking.ask(|request| AccountCommand::Invite { request, room, uses, valid_s, may_register });
    let invitation = loop {
        if let AccountEvent::Invitation { invitation, .. } = asking.told().await? {
            break invitation;
        }
    };
    let InvitationInfo { id, room, secret, code, uses, expires_ms, .. } = invitation;
    let pin = asking.session.pin().or(args.link.pin);
    let link = Invitation { pin, room, given: secret.map(Given::Invite), ..args.link.clone() };
    let (id, uses, until) = (id.to_string(), uses.to_string(), local_time(expires_ms));
    let (kind, code) = ("invitation".to_owned(), code.unwrap_or_default());
    show(&Shown { kind, id, link, code, uses, expires_ms, until }, out);
    asking.session.close().await?;
    Ok(Exit::Ok)
}

/// Runs `hph invitations`.
///
/// # Errors
/// Any [`Failure`].
pub async fn invitations(args: &InvitationsArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let mut asking = Asking::start(&args.who, &args.link, args.room.as_ref(), may_ask, out)?;
    let room = asking.signed_in().await?;
    if let Some(id) = args.withdraw {
        asking.ask(|request| AccountCommand::Withdraw { request, room, id });
        return asking.until_done().await;
    }
    asking.ask(|request| AccountCommand::ListInvitations { request, room });
    loop {
        let told = asking.told().await?;
        match &told {
            AccountEvent::Invitation { invitation, .. } => {
                let InvitationInfo { id, room, made_by, uses, used, expires_ms, .. } = invitation;
                let room = room.as_deref().map_or_else(|| "-".to_owned(), one_row);
                let row = || format!("#{id}\t{room}\t{used}/{uses}\t{}\t{}", local_time(*expires_ms), one_row(made_by));
                out.data(|| of_account(&told), row);
            }
            AccountEvent::InvitationsAll { .. } => break,
            _ => {}
        }
    }
    asking.session.close().await?;
    Ok(Exit::Ok)
}

/// Runs `hph claim`.
///
/// # Errors
/// Any [`Failure`].
pub async fn claim(args: &ClaimArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let Some(Given::Own(secret)) = args.link.given.clone() else {
        return Err(Failure::usage("the link is not that of an owner: …&own=…"));
    };
    if args.who.user.is_none() {
        return Err(Failure::usage("who are you? --user NAME"));
    }
    let mut asking = Asking::start(&args.who, &args.link, None, may_ask, out)?;
    asking.signed_in().await?;
    asking.ask(|request| AccountCommand::Claim { request, secret });
    asking.until_done().await
}

/// Runs `hph new-password`.
///
/// # Errors
/// Any [`Failure`].
pub async fn new_password(args: &NewPasswordArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let (code, password) = (ungrouped(&args.reset_code), args.who.new_password(may_ask, out)?);
    let wishes = Wishes { may_ask, limit: Some(ANSWER_MAX), ..Wishes::default() };
    let account = Account::NewPassword { code, password };
    let session = Session::start_as(&args.who, account, &args.link, wishes, out)?;
    let mut asking = Asking { session, room: None, request: 0 };
    asking.signed_in().await?;
    out.object(|| object("done", json!({})));
    out.talk(out.lang.text(&lang::PASSWORD_SET));
    asking.session.close().await?;
    Ok(Exit::Ok)
}
