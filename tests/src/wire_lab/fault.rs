//! System calls of a running process that fail, as those of a disk do that is full or dies.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// As long as this is there, every such call of the process fails.
pub struct Fault {
    strace: Child,
    /// Where it says what it does: it shall not die of nobody listening.
    _said: BufReader<ChildStderr>,
}

impl Fault {
    /// Lets `calls` (names with commas between) of a process fail with `error` (`EIO`), in all its threads. None if this
    /// machine lets nobody look into other processes; the test is left out then.
    ///
    /// # Panics
    /// The same in continuous integration, where nothing is left out.
    pub fn inject(process: u32, calls: &str, error: &str) -> Option<Self> {
        Self::attach(process, true, calls, &format!("error={error}"))
    }

    /// Lets one thread of a process hang in each of its `calls`, for as long as this is there. None as in [`Self::inject`].
    ///
    /// # Panics
    /// As there, or if there is no thread of that name.
    pub fn hang(process: u32, thread: &str, calls: &str) -> Option<Self> {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process").map_while(Result::ok);
        let name = |path: &std::path::Path| std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        let mut named = threads.map(|thread| thread.path()).filter(|path| name(path).trim() == thread);
        let id = named.next().and_then(|path| path.file_name()?.to_str()?.parse().ok()).expect("such a thread");
        Self::attach(id, false, calls, "delay_enter=600s")
    }

    fn attach(id: u32, has_all_threads: bool, calls: &str, what: &str) -> Option<Self> {
        let traced = Self::try_attach(id, has_all_threads, calls, what);
        if let Err(why) = &traced {
            assert!(std::env::var_os("CI").is_none(), "no system call fails on demand: {why}");
            println!("left out: no system call fails on demand here ({why})");
        }
        traced.ok()
    }

    fn try_attach(id: u32, has_all_threads: bool, calls: &str, what: &str) -> Result<Self, String> {
        let mut command = Command::new("strace");
        command.args(["-o", "/dev/null", "-e", &format!("trace={calls}")]);
        command.args(if has_all_threads { &["-f"][..] } else { &[] });
        command.args(["-e", &format!("inject={calls}:{what}"), "-p", &id.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut strace = command.spawn().map_err(|error| format!("strace: {error}"))?;
        let mut said = BufReader::new(strace.stderr.take().ok_or("no standard error")?);
        // One row for the process with its threads, or why not. What comes later fits into the pipe.
        let mut row = String::new();
        let _ = said.read_line(&mut row);
        if row.contains("attached") {
            return Ok(Self { strace, _said: said });
        }
        let _ = strace.wait();
        Err(row)
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        // It lets go of the process when it is asked to end.
        let _ = kill_process(Pid::from_child(&self.strace), Signal::INT);
        let _ = self.strace.wait();
    }
}
