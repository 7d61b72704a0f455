//! What the owner of a server does beside it: `admin` asks the one that runs, `backup`, `verify` and `restore` are about its data.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use hph_server::admin::socket_path;
use hph_server::backup::{self, BackupError, BackupReport};
use serde_json::{Map, Value, json};

use crate::exit::{Exit, Failure};
use crate::lang;
use crate::object::object;
use crate::output::Output;
use crate::owner_accounts::{AccountCommand, made};
use crate::owner_rooms::RoomCommand;
use crate::serve::ConfigArgs;
use crate::text::local_time;

/// A server that says nothing for so long is stuck.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// What `admin` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct AdminArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: AdminCommand,
}

/// What is asked of the server that runs.
#[derive(clap::Subcommand, Clone, Debug)]
enum AdminCommand {
    /// What it is, and how much it does
    Status,
    /// Who is signed in, and in which rooms
    Sessions,
    /// Its rooms, with their owners and how many are in them
    Rooms,
    /// Its accounts
    Users,
    /// End somebody's session; they may sign in again
    SignOut {
        /// Login name
        user: String,
    },
    /// Delete an account and the direct messages that wait for it; what was said in rooms stays
    DeleteUser {
        /// Login name
        user: String,
    },
    /// Its figures, as /metrics has them
    Metrics,
    /// Its settings, as they hold now
    Config,
    #[command(flatten)]
    InRooms(RoomCommand),
    #[command(flatten)]
    Accounts(AccountCommand),
}

impl AdminCommand {
    /// The word of the socket, what it is about, and the names of the answer's fields.
    fn words(&self) -> (&'static str, String, &'static [&'static str]) {
        match self {
            Self::Status => ("status", String::new(), &["name", "value"]),
            Self::Sessions => ("sessions", String::new(), &["user", "display_name", "rooms"]),
            Self::Rooms => ("rooms", String::new(), &["room", "name", "owner", "people"]),
            Self::Users => ("users", String::new(), &["state", "user", "display_name", "email", "rank"]),
            Self::SignOut { user } => ("sign-out", user.clone(), &[]),
            Self::DeleteUser { user } => ("delete-user", user.clone(), &[]),
            Self::Metrics => ("metrics", String::new(), &["line"]),
            Self::Config => ("config", String::new(), &["line"]),
            Self::InRooms(command) => command.words(),
            Self::Accounts(command) => command.words(),
        }
    }
}

/// Runs `admin`.
///
/// # Errors
/// No server runs there, or it says no.
pub fn admin(args: &AdminArgs, out: &Output) -> Result<Exit, Failure> {
    if let AdminCommand::InRooms(command) = &args.command
        && let Some(complaint) = command.complaint()
    {
        return Err(Failure::usage(complaint));
    }
    let (config, _) = args.config.load()?;
    let path = socket_path(&config.data_dir);
    let (word, about, fields) = args.command.words();
    let answer = ask(&path, word, &about).map_err(|error| {
        let what = out.lang.fill(&lang::E_NO_SERVER, &[&path.display(), &error]);
        Failure::new(Exit::Unreachable, "E-ADM-01", what).advise(out.lang.text(&lang::A_NO_SERVER))
    })?;
    let mut lines = answer.lines();
    if let Some(why) = lines.next().unwrap_or_default().strip_prefix("error\t") {
        return Err(Failure::new(Exit::Rejected, "E-ADM-02", why));
    }
    if let AdminCommand::Accounts(command) = &args.command
        && command.makes()
    {
        return made(lines.next().unwrap_or_default(), &config, out);
    }
    for line in lines {
        let named = || -> Map<String, Value> {
            fields.iter().zip(line.split('\t')).map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
        };
        let shown = || -> String {
            let values = fields.iter().zip(line.split('\t'));
            let shown = values.map(|(name, value)| if name.ends_with("_ms") { time(value) } else { value.to_owned() });
            shown.collect::<Vec<_>>().join("\t")
        };
        out.data(|| object(word, Value::Object(named())), shown);
    }
    if fields.is_empty() {
        out.object(|| object(word, json!({"is_done": true})));
        out.talk(out.lang.text(&lang::DONE));
    }
    Ok(Exit::Ok)
}

/// A moment of the list as people write it; nothing for none.
fn time(ms: &str) -> String {
    ms.parse().ok().filter(|ms| *ms > 0).map(local_time).unwrap_or_default()
}

fn ask(path: &std::path::Path, word: &str, about: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.write_all(format!("{word}\t{about}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// What `backup` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct BackupArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The archive to be written; it must not be there
    #[arg(value_name = "FILE.tar")]
    to: PathBuf,
}

/// What `restore` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct RestoreArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The archive
    #[arg(value_name = "FILE.tar")]
    from: PathBuf,
}

/// What `verify` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The archive
    #[arg(value_name = "FILE.tar")]
    from: PathBuf,
}

/// Runs `backup`.
///
/// # Errors
/// There is no backup.
pub fn backup(args: &BackupArgs, out: &Output) -> Result<Exit, Failure> {
    let (config, _) = args.config.load()?;
    done("backup", backup::backup(&config.data_dir, &args.to), out)
}

/// Runs `verify`.
///
/// # Errors
/// The backup is not whole.
pub fn verify(args: &VerifyArgs, out: &Output) -> Result<Exit, Failure> {
    done("verify", backup::verify(&args.from), out)
}

/// Runs `restore`.
///
/// # Errors
/// Nothing was restored.
pub fn restore(args: &RestoreArgs, out: &Output) -> Result<Exit, Failure> {
    let (config, _) = args.config.load()?;
    done("restore", backup::restore(&args.from, &config.data_dir), out)
}

fn done(name: &str, result: Result<BackupReport, BackupError>, out: &Output) -> Result<Exit, Failure> {
    let report = result.map_err(|error| Failure::new(Exit::Failed, "E-BAK-01", error))?;
    let BackupReport { members, bytes, gone } = report;
    out.data(
        || object(name, json!({"members": members, "bytes": bytes, "gone": gone})),
        || out.lang.fill(&lang::BACKUP_WHOLE, &[&members, &bytes]),
    );
    Ok(Exit::Ok)
}
