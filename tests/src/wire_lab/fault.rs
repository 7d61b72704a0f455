//! System calls of a running process that fail, as those of a disk do that is full or dies.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// As long as this is there, every such call of the process fails.
pub struct Fault {
    strace: Child,
}

impl Fault {
    /// Lets `calls` (names with commas between) of a process fail with `error` (`EIO`), in all its threads. None if this
    /// machine lets nobody look into other processes; the test is left out then.
    ///
    /// # Panics
    /// The same in continuous integration, where nothing is left out.
    pub fn inject(process: u32, calls: &str, error: &str) -> Option<Self> {
        let traced = Self::try_inject(process, calls, error);
        if let Err(why) = &traced {
            assert!(std::env::var_os("CI").is_none(), "no system call fails on demand: {why}");
            println!("left out: no system call fails on demand here ({why})");
        }
        traced.ok()
    }

    fn try_inject(process: u32, calls: &str, error: &str) -> Result<Self, String> {
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        command.args(["-e", &format!("inject={calls}:error={error}"), "-p", &process.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut strace = command.spawn().map_err(|error| format!("strace: {error}"))?;
        let mut said = String::new();
        if let Some(stderr) = strace.stderr.take() {
            // One row for the process with its threads, or why not. What comes later fits into the pipe.
            let _ = BufReader::new(stderr).read_line(&mut said);
        }
        if said.contains("attached") {
            return Ok(Self { strace });
        }
        let _ = strace.wait();
        Err(said)
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        // It lets go of the process when it is asked to end.
        let _ = kill_process(Pid::from_child(&self.strace), Signal::INT);
        let _ = self.strace.wait();
    }
}
