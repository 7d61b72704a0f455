//! Cores, and the processor time that threads and processes took.

use std::fs;
use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Who does what, where there are two cores at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever is measured.
    Relay,
    /// Whoever sends and receives.
    Load,
}

/// Keeps the calling thread, and those that it starts from now on, on the core of its role. False if there is only one
/// core, or the system does not allow it.
pub fn pin(role: Role) -> bool {
    // Asks for every core first, to learn which there are: the thread may have been kept on one before.
    let mut every = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|core| every.set(core));
    let Ok(allowed) = sched_setaffinity(None, &every).and_then(|()| sched_getaffinity(None)) else { return false };
    let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
    let (Some(first), Some(second)) = (cores.next(), cores.next()) else { return false };
    let mut own = CpuSet::new();
    own.set(if role == Role::Relay { first } else { second });
    sched_setaffinity(None, &own).is_ok()
}

/// Whose processor time is meant.
#[derive(Clone, Copy, Debug)]
pub enum Meter {
    /// One thread of this process.
    Thread(u32),
    /// All threads of another process.
    Process(u32),
}

impl Meter {
    /// The calling thread.
    pub fn of_this_thread() -> Self {
        Self::Thread(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs())
    }

    /// Processor time until now, user and system. **Units:** nanoseconds. Exact while the thread sleeps.
    ///
    /// # Errors
    /// The thread or process is gone.
    pub fn read_ns(self) -> io::Result<u64> {
        match self {
            Self::Thread(id) => schedstat(&format!("/proc/self/task/{id}/schedstat")),
            Self::Process(id) => {
                let mut total = 0;
                for task in fs::read_dir(format!("/proc/{id}/task"))? {
                    // A thread may end between the two looks.
                    total += schedstat(&format!("{}/schedstat", task?.path().display())).unwrap_or(0);
                }
                Ok(total)
            }
        }
    }
}

/// Open files and threads of a process.
///
/// # Errors
/// It is gone.
pub fn files_and_threads(process: u32) -> io::Result<(usize, usize)> {
    let count = |what: &str| fs::read_dir(format!("/proc/{process}/{what}")).map(Iterator::count);
    Ok((count("fd")?, count("task")?))
}

/// The first number is the time spent on a core.
fn schedstat(path: &str) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    let first = text.split_whitespace().next().and_then(|number| number.parse().ok());
    first.ok_or_else(|| io::Error::other(format!("{path} is not understood")))
}

/// How many threads ran or waited for a core, on average over the last minute; not a number if nobody knows.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

/// What this machine is, in a few lines: its processor, what works for us in it, its kernel, and how busy it is.
pub fn describe() -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let value = |names: &[&str]| {
        let line = cpu.lines().find(|line| names.iter().any(|name| line.starts_with(name)));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let flags = value(&["flags", "Features"]);
    let has_aes = flags.split_whitespace().any(|flag| flag == "aes");
    let aes = if has_aes { "AES instructions" } else { "no AES instructions: seals cost ten times as much" };
    vec![
        format!("{} ({cores} cores, {aes})", value(&["model name", "Model"])),
        format!("Linux {}, load {} before this began", read("/proc/sys/kernel/osrelease").trim(), load()),
    ]
}
