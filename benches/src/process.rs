//! This program, started once more as something else, and asked how it is line by line.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Stdio};

use hph_load::server::this_program;

/// A process that ends when its standard input does: when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it, in a network namespace if one is named.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(namespace: Option<&str>, arguments: &[&str]) -> io::Result<Self> {
        let mut command = this_program(namespace)?;
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        Ok(Self { child, answers })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks, and waits for the answer: one line.
    ///
    /// # Errors
    /// It has ended.
    pub fn ask(&mut self) -> io::Result<String> {
        self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write_all(b"?\n")?;
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Answers every line of standard input, until it ends.
///
/// # Errors
/// Nobody reads the answers.
pub fn answer(mut answer: impl FnMut() -> String) -> io::Result<()> {
    for line in io::stdin().lines() {
        line?;
        println!("{}", answer());
        io::stdout().flush()?;
    }
    Ok(())
}
