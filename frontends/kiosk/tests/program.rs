//! The program as its owner and the service manager run it, without a screen.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str], folder: &Path) -> Output {
    let path = |name: &str| folder.join(name).display().to_string();
    let places = ["--config", &path("kiosk.toml"), "--state", &path("state"), "--boot", &path("boot")];
    Command::new(env!("CARGO_BIN_EXE_hph-kiosk")).args(places).args(arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_file_is_checked_and_what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(&["--check"], folder.path()).status.success(), "without a file: the defaults");
    fs::write(folder.path().join("kiosk.toml"), "name = \"A\"\nlangauge = \"vi\"\n").unwrap();
    let wrong = run(&["--check"], folder.path());
    assert!(!wrong.status.success());
    assert!(text(&wrong.stderr).ends_with("kiosk.toml:2: unknown key `langauge`; did you mean `language`?\n"));
}

#[test]
fn the_file_that_it_prints_is_one_that_it_understands() {
    let folder = tempfile::tempdir().unwrap();
    for lang in ["vi", "en"] {
        let printed = run(&["--print-config", lang], folder.path());
        assert!(printed.status.success() && text(&printed.stdout).contains("# fixed_room ="));
        fs::write(folder.path().join("kiosk.toml"), printed.stdout).unwrap();
        assert!(run(&["--check"], folder.path()).status.success());
    }
}

#[test]
fn the_file_of_the_card_is_taken_over_once() {
    let folder = tempfile::tempdir().unwrap();
    let (boot, kept) = (folder.path().join("boot"), folder.path().join("state/enrolled.toml"));
    fs::create_dir(&boot).unwrap();
    assert!(run(&["--enrol"], folder.path()).status.success(), "nothing there is nothing wrong");
    fs::write(boot.join("hph.toml"), "server = \"hph://meet.example.org/\"\n").unwrap();
    let taken = run(&["--enrol"], folder.path());
    assert!(taken.status.success() && text(&taken.stdout).contains("was taken over"));
    assert!(!boot.join("hph.toml").exists());
    assert_eq!(fs::read_to_string(&kept).unwrap(), "server = \"hph://meet.example.org/\"\n");
    fs::write(boot.join("hph.toml"), "serve = 1\n").unwrap();
    let refused = run(&["--enrol"], folder.path());
    assert!(refused.status.success(), "the device begins with what it knew");
    assert!(text(&refused.stderr).contains("hph.toml:1: unknown key `serve`; did you mean `server`?"));
    assert!(boot.join("hph-error.txt").exists() && kept.exists());
}

#[test]
fn the_budget_names_every_stage() {
    let folder = tempfile::tempdir().unwrap();
    let measured = run(&["--budget", "--json", "--pictures", "3"], folder.path());
    let lines: Vec<serde_json::Value> =
        text(&measured.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().filter(|line| line["stage"] == "paint").count(), 2, "{}", text(&measured.stderr));
    assert!(lines.iter().all(|line| line["cpu_us"].as_f64().is_none_or(|us| us > 0.0)));
}

#[test]
fn every_screen_is_drawn_without_a_display() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures").display().to_string();
    let drawn = run(&["--screenshot", &pictures, "--only", "safe-vi"], folder.path());
    assert!(text(&drawn.stdout).starts_with("2 pictures in "), "{}", text(&drawn.stderr));
    assert_eq!(fs::read_dir(&pictures).unwrap().count(), 2);
}
