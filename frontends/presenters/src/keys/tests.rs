use super::*;

fn chord(text: &str) -> Chord {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_usual_keys_are_keys_and_do_not_conflict() {
    for (action, key) in usual() {
        assert_eq!(chord(key).to_string(), key, "{action:?}");
        assert!(Action::ALL.contains(&action));
    }
    assert_eq!(conflicts(&bindings(&[])), []);
}

#[test]
fn a_chosen_key_takes_the_place_of_the_usual_ones() {
    let chosen = [
        Rebinding { action: Action::ToggleHand, chord: Some(chord("M")) },
        Rebinding { action: Action::ToggleCamera, chord: None },
    ];
    let bindings = bindings(&chosen);
    assert_eq!(conflicts(&bindings), [(Action::ToggleMic, Action::ToggleHand, chord("M"))]);
    assert_eq!(action(&bindings, &chord("R"), Scope::Room, false), None);
    assert_eq!(action(&bindings, &chord("V"), Scope::Room, false), None);
}

#[test]
fn a_letter_is_for_the_field_that_has_the_focus() {
    let bindings = bindings(&[]);
    for (key, scope, is_typing, expected) in [
        ("M", Scope::Room, false, Some(Action::ToggleMic)),
        ("M", Scope::Room, true, None),
        ("Space", Scope::Room, true, None),
        ("M", Scope::Lobby, false, None),
        ("/", Scope::Lobby, false, Some(Action::Search)),
        ("Ctrl+K", Scope::Lobby, true, Some(Action::Palette)),
        ("Escape", Scope::Room, true, Some(Action::Close)),
        ("F11", Scope::Room, true, Some(Action::ToggleFullScreen)),
        ("Ctrl+M", Scope::Room, false, None),
        ("?", Scope::Room, false, Some(Action::Help)),
        ("Alt+3", Scope::Room, false, Some(Action::Pin(3))),
    ] {
        assert_eq!(action(&bindings, &chord(key), scope, is_typing), expected, "{key} {scope:?} {is_typing}");
    }
}

#[test]
fn a_key_is_what_it_means() {
    assert_eq!(Chord::new(Key::Char('?'), false, false, true), chord("?"));
    assert_eq!(Chord::new(Key::Char('D'), true, false, true), chord("Ctrl+Shift+D"));
    assert_eq!(chord("Ctrl++"), Chord::new(Key::Char('+'), true, false, false));
    for bad in ["", "Ctrl", "Strg+K", "F25", "F0", "Ctrl+Foo", "ab", " "] {
        assert!(bad.parse::<Chord>().is_err(), "{bad:?}");
    }
    let text = serde_json::to_string(&chord("Ctrl+Shift+D")).unwrap();
    assert_eq!((text.as_str(), serde_json::from_str(&text).ok()), ("\"Ctrl+Shift+D\"", Some(chord("Ctrl+Shift+D"))));
}

#[test]
fn the_palette_finds_by_a_few_letters_in_either_language() {
    let bindings = bindings(&[]);
    let first = |text, lang| search(&Action::ALL, &bindings, text, lang).first().map(|found| found.action);
    for (text, expected) in [
        ("micro", Action::ToggleMic),
        ("chia se", Action::ToggleShare),
        ("csmh", Action::ToggleShare),
        ("share", Action::ToggleShare),
        ("gio tay", Action::ToggleHand),
        ("hand", Action::ToggleHand),
        ("toan man hinh", Action::ToggleFullScreen),
        ("roi", Action::Leave),
        ("ghim o 3", Action::Pin(3)),
        ("phim tat", Action::Help),
    ] {
        assert_eq!(first(text, Lang::Vi), Some(expected), "{text}");
    }
    assert_eq!(first("xyzzy", Lang::En), None);
    assert_eq!(search(&Action::ALL, &bindings, "", Lang::En).len(), Action::ALL.len());
    assert_eq!(search(&Action::ALL, &bindings, "microphone", Lang::En)[0].key, "M");
}

#[test]
fn every_action_has_a_name_of_its_own_in_both_languages() {
    for lang in Lang::ALL {
        let names: std::collections::BTreeSet<_> = Action::ALL.map(|action| action.label(lang)).into_iter().collect();
        assert_eq!(names.len(), Action::ALL.len());
    }
}
