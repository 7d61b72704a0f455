//! `hph`: the command line. A full participant, a server, a demo.
//!
//! Layer: a frontend. It turns arguments and typed lines into commands for the engine of `hph-client`, and its events
//! into rows and JSON objects. `hph serve` and `hph demo` also run the server of `hph-server`.
//!
//! - [`exit`], [`output`], [`lang`], [`text`], [`terminal`], [`signals`]: manners.
//! - [`identity`], [`keys`], [`trust`]: who we are, whom we trust.
//! - [`session`]: events, lines, signals and time as one stream; [`object`], [`show`], [`refusal`] put them into words.
//! - [`accounts`], [`join`], [`find`], [`lobby`], [`chat`], [`history`], [`files`], [`moderate`], [`serve`], [`demo`], [`bench`], [`devices`], [`doctor`]: the commands.
#![forbid(unsafe_code)]
#![allow(rustdoc::broken_intra_doc_links, reason = "doc comments of arguments are help texts: brackets mean optional")]

mod accounts;
mod acts;
mod addresses;
#[cfg(target_os = "linux")]
mod bench;
mod cameras;
mod chat;
mod demo;
mod devices;
mod doctor;
#[path = "doctor/client.rs"]
mod doctor_client;
mod exit;
mod files;
mod find;
mod gateway;
mod history;
mod identity;
mod invitation;
mod join;
mod journal;
mod keys;
mod lang;
mod lobby;
mod moderate;
mod object;
mod output;
mod owner;
mod owner_accounts;
mod owner_rooms;
mod papers;
mod refusal;
mod screen;
mod serve;
mod session;
mod show;
mod signals;
mod sources;
mod terminal;
mod text;
mod trust;

use std::process::ExitCode;

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::json;

use exit::{Exit, Failure};
use lobby::Subject;
use output::Output;

/// Self-hosted meetings from the command line.
#[derive(Parser, Debug)]
#[command(name = "hph", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    manners: Manners,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Manners")]
struct Manners {
    /// Data as JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    /// No talk on standard error but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// More talk
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Ask nothing and read no lines
    #[arg(long, global = true)]
    no_input: bool,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a server in the foreground
    Serve(Box<gateway::ServeArgs>),
    /// Let browsers in to a server that runs elsewhere
    Gateway(Box<gateway::Args>),
    /// Check or show the server's configuration
    #[command(subcommand)]
    Config(serve::ConfigCommand),
    /// Ask the server that runs on this machine, as its owner
    Admin(Box<owner::AdminArgs>),
    /// Write all that a server keeps to one file, while it runs or not
    Backup(Box<owner::BackupArgs>),
    /// Compare every byte of a backup with its sums
    Verify(owner::VerifyArgs),
    /// Put a backup back where no server's data is
    Restore(Box<owner::RestoreArgs>),
    /// Take part in a meeting
    Join(Box<join::Args>),
    /// Look for servers in the local network
    Find(find::Args),
    /// List the rooms of a server
    Rooms(Box<lobby::Args>),
    /// List who is online
    People(Box<lobby::Args>),
    /// Say something in a room, or read along
    Chat(Box<chat::ChatArgs>),
    /// Send a direct message, sealed end to end
    Msg(Box<chat::MsgArgs>),
    /// Show direct messages that were not read yet
    Inbox(Box<chat::InboxArgs>),
    /// Show where something was said that you have not read
    Unread(Box<chat::UnreadArgs>),
    /// Send files to a room, or to one person, sealed end to end
    SendFile(Box<files::SendArgs>),
    /// List the files of a room
    Files(Box<files::ListArgs>),
    /// Fetch files
    Fetch(Box<files::FetchArgs>),
    /// Keep order in a room: mute, remove, ban, lock and so on
    Moderate(Box<moderate::ModerateArgs>),
    /// Show what was done to keep order in a room of yours
    Audit(Box<moderate::AuditArgs>),
    /// Ask somebody to come to a room
    Call(Box<chat::CallArgs>),
    /// List the devices with which you sign in, or let one never in again
    Sessions(Box<accounts::SessionsArgs>),
    /// Invite people: to a room where you keep order, or to your server
    Invite(Box<accounts::InviteArgs>),
    /// List invitations, or make one void
    Invitations(Box<accounts::InvitationsArgs>),
    /// Become the owner of a server that has just started first
    Claim(Box<accounts::ClaimArgs>),
    /// Choose a new password with a code of the server's owner
    NewPassword(Box<accounts::NewPasswordArgs>),
    /// List microphones and loudspeakers, or try them
    Devices(devices::Args),
    /// Find out what is wrong on this machine, and how to mend it
    Doctor(Box<doctor_client::Args>),
    /// Show a living meeting on this machine: a server and four people
    Demo(demo::Args),
    /// Measure what forwarding costs on this machine, or a call over emulated networks
    #[cfg(target_os = "linux")]
    Bench(bench::Args),
    /// The server that `hph bench` measures
    #[cfg(target_os = "linux")]
    #[command(name = hph_load::server::COMMAND, hide = true)]
    BenchServer(bench::ServerArgs),
    /// Forget the key of a server
    Forget(keys::ForgetArgs),
    /// List, compare, accept or forget the keys of people
    Trust(Box<trust::Args>),
    /// Explain an invitation link
    Link(keys::LinkArgs),
    /// Say which version this is
    Version,
    /// Write manual pages and completions for shells
    #[command(hide = true)]
    Papers(papers::Args),
}

fn main() -> ExitCode {
    let matches = Cli::command().after_help(Exit::table()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let Manners { json, quiet, verbose, no_input } = cli.manners;
    let is_typing = !no_input && terminal::is_interactive() && cli.command.takes_lines();
    let verbosity = if quiet { -1 } else { i8::try_from(verbose).unwrap_or(i8::MAX) };
    let out = Output::new(json, verbosity, is_typing);
    match run(&cli.command, !no_input, &out) {
        Ok(exit) => {
            out.progress("");
            exit.into()
        }
        Err(failure) => {
            out.failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(command: &Command, has_input: bool, out: &Output) -> Result<Exit, Failure> {
    let has_lines = has_input && command.takes_lines() && terminal::has_lines();
    match command {
        Command::Serve(args) => gateway::serve(args, out),
        Command::Gateway(args) => gateway::run(args, out),
        Command::Config(command) => serve::config(command, out),
        Command::Admin(args) => owner::admin(args, out),
        Command::Backup(args) => owner::backup(args, out),
        Command::Verify(args) => owner::verify(args, out),
        Command::Restore(args) => owner::restore(args, out),
        Command::Join(args) => smol::block_on(join::run(args, has_lines, has_input, out)),
        Command::Find(args) => smol::block_on(find::run(args, out)),
        Command::Rooms(args) => smol::block_on(lobby::run(args, Subject::Rooms, has_input, out)),
        Command::People(args) => smol::block_on(lobby::run(args, Subject::People, has_input, out)),
        Command::Chat(args) => smol::block_on(chat::chat(args, has_lines, has_input, out)),
        Command::Msg(args) => smol::block_on(chat::msg(args, has_input, out)),
        Command::Inbox(args) => smol::block_on(chat::inbox(args, has_input, out)),
        Command::Unread(args) => smol::block_on(chat::unread(args, has_input, out)),
        Command::SendFile(args) => smol::block_on(files::send(args, has_input, out)),
        Command::Files(args) => smol::block_on(files::list(args, has_input, out)),
        Command::Fetch(args) => smol::block_on(files::fetch(args, has_input, out)),
        Command::Moderate(args) => smol::block_on(moderate::moderate(args, has_input, out)),
        Command::Audit(args) => smol::block_on(moderate::audit(args, has_input, out)),
        Command::Sessions(args) => smol::block_on(accounts::sessions(args, has_input, out)),
        Command::Invite(args) => smol::block_on(accounts::invite(args, has_input, out)),
        Command::Invitations(args) => smol::block_on(accounts::invitations(args, has_input, out)),
        Command::Claim(args) => smol::block_on(accounts::claim(args, has_input, out)),
        Command::NewPassword(args) => smol::block_on(accounts::new_password(args, has_input, out)),
        Command::Call(args) => smol::block_on(chat::call(args, has_input, out)),
        Command::Demo(args) => {
            let args = demo::Args { json: args.json || out.is_json(), ..args.clone() };
            let is_held = demo::run(&args).map_err(|error| Failure::new(Exit::Failed, "E-DEMO-01", error))?;
            Ok(if is_held { Exit::Ok } else { Exit::Failed })
        }
        #[cfg(target_os = "linux")]
        Command::Bench(args) => bench::run(args, out),
        #[cfg(target_os = "linux")]
        Command::BenchServer(args) => bench::serve(args),
        Command::Devices(args) => devices::run(args, out),
        Command::Doctor(args) => doctor_client::run(args, out),
        Command::Forget(args) => keys::forget(args, out),
        Command::Trust(args) => trust::run(args, out),
        Command::Link(args) => keys::link(args, out),
        Command::Papers(args) => papers::write(args, Cli::command().after_help(Exit::table())),
        Command::Version => {
            let version = env!("CARGO_PKG_VERSION");
            let protocol = hph_client::core::limits::PROTOCOL_VERSION;
            let object = || object::object("version", json!({"version": version, "protocol": protocol}));
            out.data(object, || format!("hph {version} (protocol {protocol})"));
            Ok(Exit::Ok)
        }
    }
}

impl Command {
    /// Whether it takes typed lines.
    const fn takes_lines(&self) -> bool {
        matches!(self, Self::Join(_) | Self::Chat(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_whole_meeting_fits_on_one_line() {
        let line = "hph join hph://127.0.0.1:7400/ --room A --room B --video test:320x240@10 --audio tone --record r \
                    --for 30s --muted --camera-off --chat hi --name Lan --json -v --no-input";
        let cli = Cli::try_parse_from(line.split_whitespace()).expect("parses");
        assert!(cli.manners.json && cli.manners.no_input && cli.manners.verbose == 1);
        assert!(matches!(cli.command, Command::Join(_)));
    }

    #[test]
    fn every_command_has_a_manual_page_and_is_completed() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = papers::Args { to: folder.path().to_owned() };
        assert_eq!(papers::write(&args, Cli::command()), Ok(Exit::Ok));
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
        let completions = read("completions/hph.bash");
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let page = folder.path().join(format!("man/hph-{name}.1"));
            assert_eq!(page.exists(), !command.is_hide_set(), "{name}");
            assert!(command.is_hide_set() || completions.contains(&format!("hph,{name})")), "{name}");
        }
        assert!(read("man/hph-join.1").contains("Take part in a meeting"));
    }

    #[test]
    fn nonsense_is_refused_with_the_number_for_wrong_usage() {
        for line in [
            "hph",
            "hph fly",
            "hph find a",
            "hph join a b:0",
            "hph join a --for soon",
            "hph demo --seconds x",
            "hph join a -q -v",
        ] {
            let error = Cli::try_parse_from(line.split_whitespace()).expect_err(line);
            assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()), "{line}");
        }
    }
}
