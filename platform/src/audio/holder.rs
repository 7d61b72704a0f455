//! Who keeps a sound card busy. **Source:** the kernel's `/proc/asound`.

use std::fs;
use std::path::Path;

use super::DeviceKind;

/// Programs that hold a device of a kind now, such as `firefox (1234)`. Empty where the kernel does not tell.
pub fn holders(kind: DeviceKind) -> Vec<String> {
    holders_in(Path::new("/proc/asound"), Path::new("/proc"), kind)
}

fn holders_in(cards: &Path, processes: &Path, kind: DeviceKind) -> Vec<String> {
    let mut found = Vec::new();
    for card in folders(cards, "card") {
        for pcm in folders(&card, "pcm") {
            let suffix = match kind {
                DeviceKind::Microphone => 'c',
                DeviceKind::Speaker => 'p',
            };
            if !pcm.to_string_lossy().ends_with(suffix) {
                continue;
            }
            for sub in folders(&pcm, "sub") {
                let owner = fs::read_to_string(sub.join("status")).ok().and_then(|status| owner_of(&status));
                let Some(pid) = owner else { continue };
                let name = fs::read_to_string(processes.join(pid.to_string()).join("comm")).unwrap_or_default();
                let who = format!("{} ({pid})", name.trim());
                if !found.contains(&who) {
                    found.push(who);
                }
            }
        }
    }
    found
}

/// Folders in `parent` whose name begins with `prefix`.
fn folders(parent: &Path, prefix: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<_> =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).map(|e| e.path()).collect();
    found.sort();
    found
}

/// The process that a stream's status names; a stream that nobody holds says `closed`.
fn owner_of(status: &str) -> Option<u32> {
    let line = status.lines().find(|line| line.trim_start().starts_with("owner_pid"))?;
    line.split_once(':')?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_who_holds_a_sound_card() {
        let folder = crate::test_files::TestDir::new("holders");
        let folder = folder.path();
        let write = |path: &str, text: &str| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("asound/card0/pcm0p/sub0/status", "state: RUNNING\nowner_pid   : 4711\ntrigger_time: 1.2\n");
        write("asound/card0/pcm0c/sub0/status", "closed\n");
        write("asound/card1/pcm3p/sub0/status", "owner_pid   : 99\n");
        write("asound/version", "Advanced Linux Sound Architecture\n");
        write("proc/4711/comm", "firefox\n");
        let of = |kind| holders_in(&folder.join("asound"), &folder.join("proc"), kind);
        assert_eq!(of(DeviceKind::Speaker), ["firefox (4711)", " (99)"]);
        assert_eq!(of(DeviceKind::Microphone), [""; 0]);
        assert_eq!(holders_in(Path::new("/nonexistent"), folder, DeviceKind::Speaker), [""; 0]);
    }
}
