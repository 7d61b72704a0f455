//! `admin` about devices, invitations, owners, passwords and kiosks.

use std::net::SocketAddr;
use std::time::Duration;

use hph_client::link::{Given, Invitation, parse_hex};
use hph_server::config::ServerConfig;

use crate::exit::{Exit, Failure};
use crate::invitation::{Shown, show};
use crate::output::Output;
use crate::serve::links;
use crate::text::{local_time, parse_duration};

/// What is asked of the server that runs, about accounts.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum AccountCommand {
    /// The devices with which somebody signs in: fingerprint, name, first and last seen
    Devices {
        /// Login name
        user: String,
    },
    /// Let a device never in again; its session ends at once
    Revoke {
        /// Login name
        user: String,
        /// The first five digits of its fingerprint, or more
        fingerprint: String,
    },
    /// Invite people: a link, nine digits and a code for cameras
    Invite {
        /// To this room; without: to the server
        #[arg(long, value_name = "ROOM", default_value = "", hide_default_value = true)]
        room: String,
        /// So many may come with it
        #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        uses: u16,
        /// It is good for so long
        #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "24h")]
        time: Duration,
        /// Whoever comes may not make an account with it
        #[arg(long)]
        no_account: bool,
    },
    /// Everything that was given to somebody and is still good
    Invitations,
    /// Make void what was given to somebody
    Withdraw {
        /// Its number in the list
        id: u64,
    },
    /// Make another token for an owner of the server: hph claim LINK
    OwnerToken {
        /// It is good for so long
        #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "24h")]
        time: Duration,
    },
    /// Make somebody no owner of the server any longer; it holds at once
    Disown {
        /// Login name
        user: String,
    },
    /// Make a code with which somebody chooses a new password: hph new-password LINK CODE
    ResetPassword {
        /// Login name
        user: String,
        /// It is good for so long
        #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "24h")]
        time: Duration,
    },
    /// Devices without an account that may be in one room
    #[command(subcommand)]
    Kiosk(KioskCommand),
}

/// What is asked about devices without an account.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum KioskCommand {
    /// Make an enrolment: whichever device opens the link first is in from then on
    Add {
        /// What it is called
        name: String,
        /// The one room that it may be in
        #[arg(long, value_name = "ROOM")]
        room: String,
        /// It is good for so long
        #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "1h")]
        time: Duration,
    },
    /// Let the device in that shows this code
    Pair {
        /// Six digits
        code: String,
        /// What it is called
        name: String,
        /// The one room that it may be in
        #[arg(long, value_name = "ROOM")]
        room: String,
    },
    /// Who they are
    List,
    /// Let one never in again; its session ends at once
    Revoke {
        /// What it is called
        name: String,
    },
}

/// Fields of what was made; see [`made`].
const MADE: &[&str] = &["made"];
const GIVEN: &[&str] = &["id", "kind", "room", "about", "made_by", "uses", "used", "expires_ms", "accounts"];

impl AccountCommand {
    /// The word of the socket, what it is about, and the names of the answer's fields.
    pub fn words(&self) -> (&'static str, String, &'static [&'static str]) {
        match self {
            Self::Devices { user } => {
                ("devices", user.clone(), &["state", "fingerprint", "name", "first_seen_ms", "last_seen_ms"])
            }
            Self::Revoke { user, fingerprint } => ("revoke", format!("{user}\t{fingerprint}"), &[]),
            Self::Invite { room, uses, time, no_account } => {
                let register = if *no_account { "" } else { "register" };
                ("invite", format!("{room}\t{uses}\t{}\t{register}", time.as_secs()), MADE)
            }
            Self::Invitations => ("invitations", String::new(), GIVEN),
            Self::Withdraw { id } => ("withdraw", id.to_string(), &[]),
            Self::OwnerToken { time } => ("owner-token", time.as_secs().to_string(), MADE),
            Self::Disown { user } => ("disown", user.clone(), &[]),
            Self::ResetPassword { user, time } => ("reset-password", format!("{user}\t{}", time.as_secs()), MADE),
            Self::Kiosk(KioskCommand::Add { name, room, time }) => {
                ("kiosk-add", format!("{name}\t{room}\t{}", time.as_secs()), MADE)
            }
            Self::Kiosk(KioskCommand::Pair { code, name, room }) => {
                ("kiosk-pair", format!("{code}\t{name}\t{room}"), &[])
            }
            Self::Kiosk(KioskCommand::List) => (
                "kiosks",
                String::new(),
                &["state", "name", "room", "user", "fingerprint", "first_seen_ms", "last_seen_ms"],
            ),
            Self::Kiosk(KioskCommand::Revoke { name }) => ("kiosk-revoke", name.clone(), &[]),
        }
    }

    /// Whether the answer is something that is shown once.
    pub fn makes(&self) -> bool {
        self.words().2 == MADE
    }
}

/// Shows what the server made: secret, digits, its address and key, then as in the list.
///
/// # Errors
/// The server answers something else.
pub fn made(line: &str, config: &ServerConfig, out: &Output) -> Result<Exit, Failure> {
    let shown =
        parse(line, config).ok_or_else(|| Failure::new(Exit::Failed, "E-ADM-03", "the server is another version"))?;
    show(&shown, out);
    Ok(Exit::Ok)
}

fn parse(line: &str, config: &ServerConfig) -> Option<Shown> {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[secret, code, address, pin, id, kind, room, _, _, uses, _, expires, _] = fields.as_slice() else {
        return None;
    };
    let (address, pin): (SocketAddr, _) = (address.parse().ok()?, parse_hex(pin)?);
    let mut link: Invitation = links(config, address, &pin).first()?.parse().ok()?;
    link.room = Some(room.to_owned()).filter(|room| !room.is_empty());
    let given = match kind {
        "kiosk" => Given::Enrol,
        "owner" => Given::Own,
        _ => Given::Invite,
    };
    link.given = Some(given(secret.to_owned()));
    let expires_ms = expires.parse().ok()?;
    let (kind, id, code, uses) = (kind.to_owned(), id.to_owned(), code.to_owned(), uses.to_owned());
    Some(Shown { kind, id, link, code, uses, expires_ms, until: local_time(expires_ms) })
}
