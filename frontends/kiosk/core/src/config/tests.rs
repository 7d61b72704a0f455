use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse("kiosk.toml", text).map_err(|error| error.to_string())
}

#[test]
fn nothing_said_is_the_defaults_and_every_default_can_be_written_down() {
    assert_eq!(parse(""), Ok(Config::default()));
    for lang in Lang::ALL {
        let file = Config::default_file(lang);
        // Without the hashes before the keys it is what it was; a server there is none of.
        let is_key = |line: &&str| line.contains(" = ") && !line.contains("server =") && !line.contains("fixed_room =");
        let keys: Vec<&str> = file.lines().map(|line| line.trim_start_matches("# ")).filter(is_key).collect();
        assert_eq!(keys.len(), KEYS.len() - 2, "{file}");
        assert_eq!(parse(&keys.join("\n")), Ok(Config::default()));
    }
}

#[test]
fn a_whole_file_is_understood() {
    let pin = "5c".repeat(32);
    let text = format!(
        r#"
        server = "hph://meet.example.org:7400/Nh%C3%B3m%2017#fp={pin}"
        name = "Phòng họp A"
        language = "en"
        auto_answer = "allow-list"
        allow = ["lan", "minh"]
        microphone_on = false
        volume_max = 80
        idle_minutes = 0
        hours = ["Mon-Fri 07:30-18:00"]
        scale = 150
        mute_button = "gpiochip0:17"
        share = "Cam Link"
        "#
    );
    let config = parse(&text).unwrap();
    assert_eq!((config.name.as_str(), config.language), ("Phòng họp A", Lang::En));
    assert_eq!(config.home_room(), Some("Nhóm 17"), "the room of the invitation");
    assert_eq!((config.auto_answer, config.allow.len()), (AutoAnswer::AllowList, 2));
    assert_eq!((config.microphone_on, config.camera_on, config.scale), (false, true, Some(150)));
    assert_eq!(config.mute_button, Some(Pin { chip: "gpiochip0".into(), line: 17 }));
    assert_eq!(config.share.as_deref(), Some("Cam Link"));
    let config = Config { fixed_room: Some("Seminar".into()), ..config };
    assert_eq!(config.home_room(), Some("Seminar"), "what is said in the file counts more");
    let mut more = config.clone();
    more.lay("boot", "name = \"B\"").unwrap();
    assert_eq!(more, Config { name: "B".into(), ..config });
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_what_was_meant() {
    for (text, said) in [
        ("nam = \"A\"", "kiosk.toml:1: unknown key `nam`; did you mean `name`?"),
        ("\n\nauto-answer = \"ask\"", "kiosk.toml:3: unknown key `auto-answer`; did you mean `auto_answer`?"),
        ("password = \"x\"", "kiosk.toml:1: unknown key `password`"),
        ("[server]\nlink = \"x\"", "kiosk.toml:1: `server` must be a text, not a table"),
        ("server = \"hph://a:0/\"", "kiosk.toml:1: `server` is damaged: the link names no host and port that could be"),
        ("volume = 201", "kiosk.toml:1: `volume` must be a whole number from 0 to 200"),
        ("volume = \"50\"", "kiosk.toml:1: `volume` must be a whole number from 0 to 200"),
        ("name = 5", "kiosk.toml:1: `name` must be a text in quotes"),
        ("auto_answer = \"yes\"", "kiosk.toml:1: `auto_answer` must be \"off\", \"ask\" or \"allow-list\""),
        ("allow = [1]", "kiosk.toml:1: `allow` must be a list of texts, for example [\"lan\", \"minh\"]"),
        ("video_codec = \"h264\"", "kiosk.toml:1: `video_codec` must be \"strips\" or \"jpeg\""),
        ("scale = 20", "kiosk.toml:1: `scale` must be \"auto\" or a percentage from 50 to 400"),
        (
            "mute_button = \"17\"",
            "kiosk.toml:1: `mute_button` must be a chip and a line, such as \"gpiochip0:17\", or \"none\"",
        ),
        (
            "hours = [\"Mon\"]",
            "kiosk.toml:1: `hours` has a part that is not understood: \"Mon\"; write for example \"Mon-Fri 07:30-18:00\"",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err(), said, "{text}");
    }
    assert!(parse("name = \"A").unwrap_err().starts_with("kiosk.toml:1: "), "not TOML at all");
    assert!(parse("name = \"A\"\nname = \"B\"").is_err(), "twice");
}
