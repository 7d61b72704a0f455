//! `hph doctor`: whatever is wrong with a machine, it is named, and the command that is told for it is the right one.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use hph_platform::clock::Clock;
use hph_tests::wire_lab::command::{Hph, objects};
use hph_tests::wire_lab::server::ServerProcess;
use hph_tests::wire_lab::wait::{ms, until_so};
use serde_json::Value;

const ANSWER: Duration = ms(20_000);

/// A server's machine, healthy: it has run and stopped.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Self { folder };
        let made =
            Hph::start(&["serve", "--listen", "127.0.0.1:0", "--data", &machine.path("data"), "--set", "announce=off"]);
        until_so("server", ANSWER, || made.output().iter().any(|line| line.contains("hph://")));
        assert_eq!(made.terminate(ANSWER), Some(0));
        fs::write(machine.path("hph.toml"), "# empty\n").expect("written");
        machine
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// What the doctor says, with these arguments besides.
    fn examine(&self, more: &[&str]) -> (bool, Vec<Value>) {
        let (config, data) = (self.path("hph.toml"), self.path("data"));
        let usual = ["doctor", "server", "--json", "--config", &config];
        let own = if more.contains(&"--data") { vec![] } else { vec!["--data", &data] };
        let (status, lines) = Hph::start(&[&usual[..], &own, more].concat()).finish(ANSWER);
        (status.success(), objects(&lines, "check"))
    }

    /// That this alone is wrong, with such a remedy; gives the remedy.
    fn must_find(&self, check: &str, fix: &str, more: &[&str]) -> String {
        let (is_well, found) = self.examine(more);
        let bad: Vec<_> = found.iter().filter(|finding| finding["state"] == "bad").collect();
        assert!(!is_well && bad.len() == 1 && bad[0]["check"] == check, "{check}: {found:?}");
        let told = bad[0]["fix"].as_str().expect("a text").to_owned();
        assert!(told.contains(fix), "{told}");
        told
    }

    /// Does what the doctor says.
    fn follow(&self, fix: &str) {
        let done = Command::new("sh").args(["-ec", fix]).current_dir(self.folder.path()).status().expect("a shell");
        assert!(done.success(), "{fix}");
        self.must_be_well(&[]);
    }

    fn must_be_well(&self, more: &[&str]) {
        let (is_well, found) = self.examine(more);
        assert!(is_well && found.len() > 10, "{found:?}");
    }

    fn configure(&self, text: &str) {
        fs::write(self.path("hph.toml"), text).expect("written");
    }
}

#[test]
fn a_healthy_machine_has_nothing_that_is_bad() {
    let machine = Machine::new();
    machine.must_be_well(&["--listen", "127.0.0.1:0"]);
    // Before the first start nothing is there, and nothing is missing.
    let (is_well, _) = machine.examine(&["--data", &machine.path("new"), "--listen", "127.0.0.1:0"]);
    assert!(is_well && !Path::new(&machine.path("new")).exists(), "looking changes nothing");
}

#[test]
fn a_wrong_line_of_the_configuration_is_named_and_mended() {
    let machine = Machine::new();
    for (text, fix) in [
        ("listen = \"127.0.0.1:0\"\nsesions_max = 9\n", "sed -i '2s/sesions_max/sessions_max/'"),
        ("listen = \"127.0.0.1:0\"\nsessions_max = \"many\"\n", "sed -i '2s/^/# /'"),
        ("listen = \"127.0.0.1:0\"\nname = \"a\n", "sed -i '2s/^/# /'"),
    ] {
        machine.configure(text);
        let (_, found) = machine.examine(&[]);
        assert_eq!(found.len(), 1, "{found:?}");
        machine.follow(&machine.must_find("config", fix, &[]));
    }
}

#[test]
fn faults_of_the_data_are_found_and_their_remedies_help() {
    let machine = Machine::new();
    machine.configure("listen = \"127.0.0.1:0\"\n");
    let data = PathBuf::from(machine.path("data"));
    let key = data.join("tls/key.pem");
    let backup = machine.path("BACKUP.tar");
    let (status, _) = Hph::start(&["backup", "--data", &machine.path("data"), &backup]).finish(ANSWER);
    assert!(status.success());

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("set");
    machine.follow(&machine.must_find("key", "chmod 600", &[]));

    fs::write(&key, "-----BEGIN NONSENSE-----\n").expect("written");
    machine.follow(&machine.must_find("key", ".damaged", &[]));

    fs::write(data.join("hph-server.db"), [7; 8192]).expect("written");
    let fix = machine.must_find("database", "hph restore --data", &[]);
    let hph = Hph::program().display().to_string();
    machine.follow(&fix.replace("hph restore", &format!("{hph} restore")));

    fs::remove_dir_all(&data).expect("removed");
    fs::write(&data, "in the way").expect("written");
    machine.follow(&machine.must_find("data", ".old", &[]));
}

#[test]
fn ports_addresses_and_limits_are_found_and_what_is_told_instead_works() {
    let machine = Machine::new();
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = tcp.local_addr().expect("bound").to_string();
    let fix = machine.must_find("tcp", "hph serve --listen 127.0.0.1:", &["--listen", &at]);
    machine.must_be_well(&["--listen", fix.rsplit(' ').next().expect("an address")]);

    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let taken = udp.local_addr().expect("bound").to_string();
    machine.must_find("udp", "hph serve --listen 127.0.0.1:", &["--listen", &taken]);

    // Documentation addresses (RFC 5737) are nobody's: TCP and UDP both say so.
    let (_, found) = machine.examine(&["--listen", "192.0.2.7:7400"]);
    let fixes: Vec<_> =
        found.iter().filter(|finding| finding["state"] == "bad").map(|finding| &finding["fix"]).collect();
    assert_eq!(fixes, ["hph serve --listen 0.0.0.0:7400"; 2]);

    let metrics = format!("metrics={at}");
    machine.must_find("metrics", "hph serve --set metrics=127.0.0.1:", &["--listen", "127.0.0.1:0", "--set", &metrics]);

    let nobody = ["--listen", "127.0.0.1:0", "--public-address", "nobody.invalid"];
    machine.must_find("address", "hph serve --public-address 127.0.0.1", &nobody);

    let later = UNIX_EPOCH + Duration::from_millis(Clock::unix_time_ms()) + Duration::from_hours(100);
    let database = fs::File::options().write(true).open(Path::new(&machine.path("data")).join("hph-server.db"));
    database.and_then(|file| file.set_modified(later)).expect("set");
    machine.must_find("clock", "timedatectl set-ntp true", &["--listen", "127.0.0.1:0"]);
}

#[test]
fn few_open_files_are_found_whatever_the_limit_was() {
    let machine = Machine::new();
    let hph = Hph::program().display().to_string();
    let (config, data) = (machine.path("hph.toml"), machine.path("data"));
    let line =
        format!("ulimit -n 100; exec {hph} doctor server --json --config {config} --data {data} --listen 127.0.0.1:0");
    let output = Command::new("sh").args(["-c", &line]).output().expect("a shell");
    let lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    let files = objects(&lines, "check").into_iter().find(|finding| finding["check"] == "files").expect("looked at");
    assert_eq!((&files["state"], &files["fix"]), (&"bad".into(), &format!("ulimit -n {}", 256 + 64 + 64).into()));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn whoever_takes_part_learns_whether_a_server_is_there_and_the_one_that_is_known() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().display().to_string();
    let ask = |target: &str| {
        let (_, lines) = Hph::start(&["doctor", "--json", "--state", &state, target]).finish(ANSWER);
        objects(&lines, "check").into_iter().find(|finding| finding["check"] == "server").expect("looked at")
    };
    let found = ask(&server.target.link());
    assert_eq!(found["state"], "good", "{found}");
    let unknown = ask("127.0.0.1:1");
    assert_eq!((&unknown["state"], &unknown["fix"]), (&"bad".into(), &"hph find".into()));
    let mut other = server.target;
    other.pin = [7; 32];
    let changed = ask(&other.link());
    assert_eq!((&changed["state"], &changed["fix"]), (&"bad".into(), &"hph forget 127.0.0.1".into()));
    // Its own server's doctor sees that it runs.
    let data = server.data_dir().display().to_string();
    let (status, lines) = Hph::start(&["doctor", "server", "--json", "--data", &data]).finish(ANSWER);
    assert!(status.success(), "{lines:?}");
    assert!(objects(&lines, "check").iter().any(|found| found["check"] == "database" && found["state"] == "good"));
}
