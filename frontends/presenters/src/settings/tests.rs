use super::*;

#[test]
fn what_was_written_is_read_again_and_what_is_missing_is_as_at_first() {
    let mut memory = Memory::default();
    memory.settings.looks = Looks { lang: Some(Lang::En), text_percent: 150, ..Looks::default() };
    let text = serde_json::to_string(&memory).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
    let some: Memory = serde_json::from_str(r#"{"settings":{"video":{"fps":24}},"unknown":1}"#).unwrap();
    assert_eq!((some.settings.video.fps, some.settings.video.height), (24, 720));
    assert_eq!(serde_json::from_str::<Memory>("{}").unwrap(), Memory::default());
}

#[test]
fn no_password_is_written() {
    let text = serde_json::to_string(&Memory::default()).unwrap() + &format!("{:?}", Memory::default());
    assert!(!text.contains("password"));
}

#[test]
fn strange_values_get_within_bounds() {
    let text = r#"{"settings":{"video":{"fps":9000,"height":1},"looks":{"text_percent":7}},"window":[1,1]}"#;
    let memory = serde_json::from_str::<Memory>(text).unwrap().checked();
    let Settings { video, looks, .. } = &memory.settings;
    assert_eq!((video.fps, video.height, looks.text_percent, memory.window), (30, 360, 100, None));
}

#[test]
fn servers_and_devices_are_remembered_up_to_a_number() {
    let mut memory = Memory::default();
    let server = |n: u16| KnownServer {
        name: String::new(),
        host: "meet.lan".to_owned(),
        port: n,
        way: Way::Guest,
        username: String::new(),
        display_name: String::new(),
        used_ms: 0,
    };
    (0..20).for_each(|n| memory.remember_server(server(n)));
    memory.remember_server(server(15));
    let ports: Vec<_> = memory.servers.iter().map(|server| server.port).collect();
    assert_eq!(ports, [15, 19, 18, 17, 16, 14, 13, 12]);
    (0..20).for_each(|n| memory.remember_devices(n.to_string(), Choices::default()));
    assert_eq!(memory.devices.len(), SETS_MAX);
}

#[test]
fn devices_are_opened_anew_only_for_what_is_theirs() {
    let mut settings = Settings::default();
    assert!(!settings.handle(Event::Looks(Looks { theme: Theme::Dark, ..Looks::default() })));
    assert!(settings.handle(Event::Audio(Audio { mode: MicMode::PushToTalk, ..Audio::default() })));
    assert_eq!(settings.voice().gate, GateMode::PushToTalk);
    assert!(settings.handle(Event::Reset(Page::Audio)));
    assert_eq!(settings.voice().gate, GateMode::Open);
    settings.handle(Event::Bind(Action::ToggleMic, None));
    settings.handle(Event::Bind(Action::ToggleMic, None));
    assert_eq!(settings.keys.len(), 1);
    settings.handle(Event::Reset(Page::Keys));
    assert!(settings.keys.is_empty());
}
