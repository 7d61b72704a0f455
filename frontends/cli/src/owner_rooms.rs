//! `admin` about rooms: keeping order without being there, who is kept out, what was done, deleting.

use hph_client::core::wire::control::Act;

use crate::acts::{complaint, parse_plain_act};

/// What is asked of the server that runs, about rooms.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum RoomCommand {
    /// Do in a room what its hosts could: ban, unban, make-host, lock, end ...
    Moderate {
        /// The room
        room: String,
        /// What to do
        #[arg(value_parser = parse_plain_act)]
        act: Act,
        /// To whom: login name
        user: Option<String>,
    },
    /// Who may not come into which room: room, login name, who said so, when
    Bans,
    /// What was done to keep order in a room, the newest first: when, by whom, what, to whom
    Audit {
        /// The room
        room: String,
        /// So many entries
        #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
    },
    /// Delete a room, all that was said there and its files; everybody in it is put out
    DeleteRoom {
        /// The room
        room: String,
    },
}

impl RoomCommand {
    /// The word of the socket, what it is about, and the names of the answer's fields.
    pub fn words(&self) -> (&'static str, String, &'static [&'static str]) {
        match self {
            Self::Moderate { room, act, user } => {
                let user = user.as_deref().unwrap_or_default();
                ("moderate", format!("{room}\t{}\t{user}", act.code()), &[])
            }
            Self::Bans => ("bans", String::new(), &["room", "user", "by", "time_ms"]),
            Self::Audit { room, count } => ("audit", format!("{room}\t{count}"), &["time_ms", "by", "act", "whom"]),
            Self::DeleteRoom { room } => ("delete-room", room.clone(), &[]),
        }
    }

    /// What is missing, or too much.
    pub fn complaint(&self) -> Option<&'static str> {
        match self {
            Self::Moderate { act, user, .. } => complaint(*act, user.is_some()),
            _ => None,
        }
    }
}
