//! `hph-server`: `hph serve` and `hph config` alone, for machines that only serve.
//!
//! The same modules as `hph`, without codecs, cameras, sound and screens: half the memory, and no library of theirs to install.
#![forbid(unsafe_code)]
#![allow(dead_code, reason = "manners are shared with hph, which has more to say")]

mod acts;
mod addresses;
mod doctor;
mod exit;
mod invitation;
mod journal;
mod lang;
mod object;
mod output;
mod owner;
mod owner_accounts;
mod owner_rooms;
mod papers;
mod serve;
mod signals;
mod text;

use std::process::ExitCode;

use clap::{ArgAction, CommandFactory, Parser, Subcommand};

use exit::{Exit, Failure};
use output::Output;

/// Serves self-hosted meetings.
#[derive(Parser, Debug)]
#[command(name = "hph-server", version, max_term_width = 100, after_help = Exit::table())]
struct Cli {
    /// Data as JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    /// No talk on standard error but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// More talk
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a server in the foreground
    Serve(Box<serve::ConfigArgs>),
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
    /// Find out what is wrong on this machine, and how to mend it
    Doctor(Box<serve::ConfigArgs>),
    /// Write manual pages and completions for shells
    #[command(hide = true)]
    Papers(papers::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let verbosity = if cli.quiet { -1 } else { i8::try_from(cli.verbose).unwrap_or(i8::MAX) };
    let out = Output::new(cli.json, verbosity, false);
    match run(&cli.command, &out) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            out.failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(command: &Command, out: &Output) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::serve(args, out),
        Command::Config(command) => serve::config(command, out),
        Command::Admin(args) => owner::admin(args, out),
        Command::Backup(args) => owner::backup(args, out),
        Command::Verify(args) => owner::verify(args, out),
        Command::Restore(args) => owner::restore(args, out),
        Command::Doctor(args) => doctor::server::run(args, out),
        Command::Papers(args) => papers::write(args, Cli::command()),
    }
}
