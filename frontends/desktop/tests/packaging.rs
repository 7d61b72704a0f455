//! What desktops need to know of the program: its entry in the menus, its icon, its links; and that installing it leaves what it
//! says, and removing it nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging")
}

fn entry(text: &str) -> BTreeMap<&str, &str> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("[Desktop Entry]"));
    lines.map(|line| line.split_once('=').unwrap_or_else(|| panic!("{line:?} says nothing"))).collect()
}

#[test]
fn the_entry_has_what_the_specification_asks_for_in_both_languages() {
    let text = fs::read_to_string(packaging().join("hph-desktop.desktop")).unwrap();
    let entry = entry(&text);
    assert_eq!((entry["Type"], entry["Terminal"]), ("Application", "false"));
    assert_eq!(entry["Exec"], "hph-desktop %u", "a link is its argument");
    assert!(entry["MimeType"].split(';').any(|kind| kind == "x-scheme-handler/hph"));
    for name in ["GenericName", "Comment", "Keywords"] {
        assert!(entry[name] != entry[format!("{name}[vi]").as_str()], "{name} in Vietnamese");
    }
    // Lists end with a semicolon, and a window belongs to its entry by this name.
    assert!(["MimeType", "Categories", "Keywords"].iter().all(|name| entry[name].ends_with(';')));
    assert_eq!(entry["StartupWMClass"], "hph-desktop");
    assert!(packaging().join(format!("{}.svg", entry["Icon"])).exists());
}

#[test]
fn installing_and_removing_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("built");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    let mut mode = fs::metadata(&program).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    fs::set_permissions(&program, mode).unwrap();
    let run = |argument: &Path| {
        let mut command = Command::new(packaging().join("install"));
        command.arg(argument).env("HOME", home.path()).env_remove("XDG_DATA_HOME").env_remove("XDG_BIN_HOME");
        assert!(command.output().unwrap().status.success());
    };
    run(&program);
    let local = home.path().join(".local");
    let installed = fs::read_to_string(local.join("share/applications/hph-desktop.desktop")).unwrap();
    let (exec, path) = (entry(&installed)["Exec"].to_owned(), local.join("bin/hph-desktop"));
    assert_eq!(exec, format!("\"{}\" %u", path.display()));
    assert!(path.exists() && local.join("share/icons/hicolor/scalable/apps/hph-desktop.svg").exists());
    run(Path::new("--remove"));
    let mut left = Vec::new();
    files(&local, &mut left);
    left.retain(|path| !path.ends_with("mimeinfo.cache"));
    assert!(left.is_empty(), "{left:?}");
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() { files(&entry.path(), found) } else { found.push(entry.path()) }
    }
}
