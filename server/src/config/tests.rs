//! The layers of a configuration and its messages, on texts alone.

use super::*;

fn files(texts: &[(&str, &str)]) -> Sources {
    let files = texts.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
    Sources { files, data_dir_default: Some("/data".into()), ..Sources::default() }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn message(sources: &Sources) -> String {
    ServerConfig::load(sources).expect_err("refused").to_string()
}

#[test]
fn nothing_given_is_the_defaults() {
    let (config, origins) = ServerConfig::load(&files(&[])).expect("loads");
    assert_eq!(config, ServerConfig { data_dir: "/data".into(), ..ServerConfig::default() });
    assert!(KEYS.iter().all(|key| origins.of(key.name) == Some(&Origin::Default)));
    assert_eq!(ServerConfig::load(&files(&[("empty.toml", "")])).expect("loads").0, config);
}

#[test]
fn flags_beat_the_environment_which_beats_files_of_which_the_last_wins() {
    let mut sources = files(&[
        ("a.toml", "sessions_max = 1\nrooms_max = 1\nmessages_per_room = 1\nguests = \"nobody\""),
        ("b.toml", "\nsessions_max = 2\nrooms_max = 2\nmessages_per_room = 2"),
    ]);
    sources.environment = pairs(&[("HPH_SESSIONS_MAX", "3"), ("HPH_ROOMS_MAX", "3"), ("PATH", "/bin")]);
    sources.flags = pairs(&[("--sessions-max", "4")]);
    let (config, origins) = ServerConfig::load(&sources).expect("loads");
    assert_eq!((config.sessions_max, config.rooms_max, config.messages_per_room), (4, 3, 2));
    assert_eq!(config.guests, Access::Nobody);
    let origin = |key| origins.of(key).expect("known").to_string();
    assert_eq!(origin("sessions_max"), "--sessions-max");
    assert_eq!(origin("rooms_max"), "$HPH_ROOMS_MAX");
    assert_eq!(origin("messages_per_room"), "b.toml:4");
    assert_eq!(origin("guests"), "a.toml:4");
    assert_eq!(origin("listen"), "default");
}

#[test]
fn every_key_can_be_set_from_a_file_and_is_shown_as_it_was_set() {
    let text = r#"
        listen = "[::1]:9"
        announce = "off"
        metrics = "127.0.0.1:7401"
        name = "Trường \"A\""
        data_dir = "/srv/hph"
        public_address = "meet.example.org:7400"
        registration = "everyone"
        guests = "nobody"
        sessions_max = 0x10
        rooms_max = 1_0
        accounts_max = 5
        messages_per_room = 6
        messages_days = 365
        messages_days_of = "Nhóm 17 = 30; Seminar = 7"
        directs_per_recipient = 7
        file_max_mb = 50
        files_per_room_mb = 500
        files_total_mb = 5000
        relay_threads = 2
        receiver_kbps = 1000
        room_kbps = 2000
        datagrams_per_second = 100
        datagrams_burst = 101
        messages_per_second = 8
        messages_burst = 9
        unauthenticated_max = 12
        unauthenticated_per_source_max = 3
    "#;
    let (config, origins) = ServerConfig::load(&files(&[("all.toml", text)])).expect("loads");
    assert!(KEYS.iter().all(|key| matches!(origins.of(key.name), Some(Origin::File { .. }))));
    assert_eq!((config.sessions_max, config.rooms_max), (16, 10));
    assert_eq!(config.name, "Trường \"A\"");
    let shown = config.show(&origins);
    assert!(shown.contains("# all.toml:2"), "{shown}");
    let (again, _) = ServerConfig::load(&files(&[("shown.toml", &shown)])).expect("what is shown can be read");
    assert_eq!(again, config);
}

#[test]
fn the_printed_default_file_changes_nothing_with_or_without_its_comment_signs() {
    let text = ServerConfig::default_file();
    let (config, _) = ServerConfig::load(&files(&[("default.toml", &text)])).expect("loads");
    assert_eq!(config.data_dir, PathBuf::from("/data"));
    let set: String = text
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| KEYS.iter().any(|key| line.strip_prefix(key.name).is_some_and(|rest| rest.starts_with(" = "))))
        .fold(String::new(), |all, line| all + line + "\n");
    assert_eq!(set.lines().count(), KEYS.len() - 1, "only the public address has no default");
    assert_eq!(ServerConfig::load(&files(&[("set.toml", &set)])).expect("loads").0, ServerConfig::default());
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_likely_one() {
    let unknown = message(&files(&[("hph.toml", "name = \"x\"\n\nlistne = \"0.0.0.0:1\"\n")]));
    assert_eq!(unknown, "hph.toml:3: unknown key `listne`; did you mean `listen`?");
    assert_eq!(message(&files(&[("hph.toml", "[sky]\ncolour = 1")])), "hph.toml:1: unknown key `sky`");
    let mut sources = files(&[]);
    sources.flags = pairs(&[("--session-max", "1")]);
    assert_eq!(message(&sources), "--session-max: unknown key `session_max`; did you mean `sessions_max`?");
    sources.flags.clear();
    sources.environment = pairs(&[("HPH_LISTN", "x")]);
    assert_eq!(message(&sources), "$HPH_LISTN: unknown key `listn`; did you mean `listen`?");
    sources.environment = pairs(&[("HPH_PASSWORD", "for another program")]);
    assert!(ServerConfig::load(&sources).is_ok());
}

#[test]
fn a_wrong_value_is_refused_with_its_place_and_what_would_fit() {
    for (text, expected) in [
        ("sessions_max = \"9\"", "hph.toml:1: `sessions_max` must be a whole number from 1 to 4096"),
        ("sessions_max = 0", "hph.toml:1: `sessions_max` must be a whole number from 1 to 4096"),
        ("sessions_max = -1", "hph.toml:1: `sessions_max` must be a whole number from 1 to 4096"),
        (
            "\nguests = \"all\"",
            "hph.toml:2: `guests` must be \"private-networks\", \"everyone\", \"invitation\" or \"nobody\"",
        ),
        ("announce = \"yes\"", "hph.toml:1: `announce` must be \"on\" or \"off\""),
        ("guests = true", "hph.toml:1: `guests` must be a text, not true or false"),
        (
            "messages_days_of = \"a = 1; b\"",
            "hph.toml:1: `messages_days_of` must be rooms and days from 0 to 36500, for example \"Nhóm 17 = 30; \
             Seminar = 7\", not \"b\"",
        ),
        ("name = 7", "hph.toml:1: `name` must be a text in quotes, not a number"),
        ("name = \"a\\nb\"", "hph.toml:1: `name` cannot be used: the character U+000A is not allowed in this name"),
    ] {
        assert_eq!(message(&files(&[("hph.toml", text)])), expected);
    }
    for text in ["listen = \"7400\"", "public_address = \"a b\"", "public_address = \"a:0\"", "data_dir = \"\""] {
        assert!(matches!(ServerConfig::load(&files(&[("x", text)])), Err(ConfigError::Value { .. })), "{text}");
    }
    for text in ["example.org", "example.org:1", "192.0.2.1", "[2001:db8::1]:7400", "2001:db8::1"] {
        assert!(ServerConfig::load(&files(&[("x", &format!("public_address = \"{text}\""))])).is_ok(), "{text}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_line() {
    let text = message(&files(&[("hph.toml", "name = \"a\"\nlisten = \n")]));
    assert!(text.starts_with("hph.toml:2: "), "{text}");
    assert!(message(&files(&[("hph.toml", "name = \"a\"\nname = \"b\"\n")])).starts_with("hph.toml:2: "));
}

#[test]
fn a_place_for_data_must_be_found_or_named() {
    let mut sources = Sources::default();
    assert_eq!(ServerConfig::load(&sources), Err(ConfigError::NoDataDir));
    sources.environment = pairs(&[("HPH_DATA_DIR", "/srv/hph")]);
    assert_eq!(ServerConfig::load(&sources).expect("loads").0.data_dir, PathBuf::from("/srv/hph"));
}
