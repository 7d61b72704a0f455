//! Two machines in one network, each a network namespace of the kernel: they find each other and meet, and nobody types an
//! address.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use hph_tests::wire_lab::command::Hph;
use serde_json::Value;

/// A network with a server's machine (this namespace) and a guest's. `$HPH` is the program, `$DIR` a folder.
const NETWORK: &str = r#"
set -e
mount -t tmpfs tmpfs /run
ip netns add guest
ip link add lan0 type veth peer name lan1 netns guest
ip addr add 10.77.7.1/24 dev lan0
ip link set lan0 up
ip link set lo up
guest() { ip netns exec guest "$@"; }
guest ip addr add 10.77.7.2/24 dev lan1
guest ip link set lan1 up
guest ip link set lo up
until ip -o link show lan0 | grep -q 'state UP' && guest ip -o link show lan1 | grep -q 'state UP'; do sleep 0.1; done
serve() { "$HPH" serve --listen 0.0.0.0:0 --data "$DIR/data" --name 'Trường A' --guests everyone "$@" >"$DIR/serve" 2>"$DIR/serve.err" & SERVER=$!; until [ -s "$DIR/serve" ]; do sleep 0.1; done; }
"#;

/// Runs a script in a network of its own; none if this machine lets nobody make one.
fn in_network(folder: &Path, script: &str) -> Option<Output> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HPH_")) {
            command.env_remove(name);
        }
        command.args(["-Urnm", "sh", "-c", script]).env("HPH", Hph::program()).env("DIR", folder);
        command.env("XDG_STATE_HOME", folder.join("state")).env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1").output()
    };
    let can = unshare(NETWORK);
    if !can.as_ref().is_ok_and(|can| can.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no network namespaces: {can:?}");
        println!("left out: this machine makes no network namespaces ({can:?})");
        return None;
    }
    let output = unshare(&format!("{NETWORK}{script}")).expect("unshare starts");
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some(output)
}

fn objects(path: &Path, event: &str) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let objects = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    objects.filter(|object| object["event"] == event).collect()
}

#[test]
fn two_machines_find_each_other_and_meet_with_one_command_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let met = in_network(
        folder.path(),
        r#"
        serve --json
        guest "$HPH" find --json >"$DIR/found"
        "$HPH" join --room 'Nhóm 17' --name Minh --for 6s --json --no-input --state "$DIR/minh" >"$DIR/minh.out" &
        MINH=$!
        guest "$HPH" join --room 'Nhóm 17' --name Lan --chat 'chào' --for 4s --json --no-input --state "$DIR/lan" >"$DIR/lan.out"
        wait $MINH
        guest "$HPH" find --watch --for 8s --json >"$DIR/watched" &
        WATCH=$!
        sleep 3
        kill $SERVER
        wait $SERVER || true
        wait $WATCH
        "#,
    );
    let Some(met) = met else { return };
    assert!(met.status.success());
    let at = |name: &str| folder.path().join(name);
    let serving = objects(&at("serve"), "listening");
    let found = objects(&at("found"), "server");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["name"], &found[0]["address"]), (&"Trường A".into(), &"10.77.7.1".into()));
    assert_eq!(found[0]["fingerprint"], serving[0]["fingerprint"]);
    for (name, other) in [("lan.out", "Minh"), ("minh.out", "Lan")] {
        let seen = objects(&at(name), "participant");
        assert!(seen.iter().any(|seen| seen["display_name"] == other), "{name}: {seen:?}");
    }
    assert!(objects(&at("minh.out"), "chat").iter().any(|chat| chat["text"] == "chào"));
    let watched = (objects(&at("watched"), "server"), objects(&at("watched"), "server_gone"));
    assert!(watched.0.iter().any(|server| server["rooms"] == 1), "{watched:?}");
    assert_eq!(watched.1.len(), 1, "it says goodbye: {watched:?}");
}

#[test]
fn a_server_that_shall_not_be_found_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let sought = in_network(
        folder.path(),
        r#"
        serve --json --set announce=off
        guest "$HPH" find --json >"$DIR/found" || echo "ended with $?"
        guest "$HPH" join --room X --json --no-input --state "$DIR/lan" >"$DIR/lan.out" || echo "joined with $?"
        kill $SERVER
        "#,
    );
    let Some(sought) = sought else { return };
    let said = String::from_utf8_lossy(&sought.stdout);
    assert!(said.contains("ended with 4") && said.contains("joined with 4"), "{said}");
    assert!(objects(&folder.path().join("found"), "server").is_empty());
    assert_eq!(objects(&folder.path().join("lan.out"), "error")[0]["code"], "E-NET-04");
}
