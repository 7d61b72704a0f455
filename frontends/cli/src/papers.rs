//! The papers that a package ships beside a program: a manual page for each command, completions for three shells.
//!
//! They are made by the program itself (`papers`, a command that nobody is shown), so they can't say anything else than `--help`.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;
use clap_complete::aot::generate_to;

use crate::exit::{Exit, Failure};

/// What `papers` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The folder that they are written to
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
}

/// Writes them: `man/NAME.1`, `man/NAME-COMMAND.1` and so on, and `completions/`.
///
/// # Errors
/// The folder can't be written to.
pub fn write(args: &Args, program: Command) -> Result<Exit, Failure> {
    let write = || -> io::Result<()> {
        let (pages, completions) = (args.to.join("man"), args.to.join("completions"));
        fs::create_dir_all(&pages)?;
        fs::create_dir_all(&completions)?;
        let name = program.get_name().to_owned();
        clap_mangen::generate_to(program.clone(), &pages)?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            generate_to(shell, &mut program.clone(), &name, &completions)?;
        }
        Ok(())
    };
    write().map_err(|error| Failure::new(Exit::Failed, "E-SYS-01", error))?;
    Ok(Exit::Ok)
}
