use super::*;
use crate::testing::now;

fn device(id: &str) -> Device {
    Device { id: id.to_owned(), name: id.to_uppercase(), is_default: false }
}

fn devices(ids: [&str; 3]) -> Devices {
    let list = |id: &str| if id.is_empty() { vec![] } else { vec![device(id)] };
    Devices { microphones: list(ids[0]), speakers: list(ids[1]), cameras: list(ids[2]) }
}

fn open(people: u16, memory: &mut Memory, set: Devices) -> PreJoin {
    let mut prejoin = PreJoin::open("Nhóm 17", false, people, memory, &mut Vec::new());
    prejoin.handle(Event::Devices(set), memory, now(0), &mut Vec::new());
    prejoin
}

#[test]
fn among_many_the_microphone_is_off_at_first() {
    let mut memory = Memory::default();
    for (people, is_on) in [(0, true), (4, true), (5, false), (30, false)] {
        let unlisted = PreJoin::open("Nhóm 17", false, people, &memory, &mut Vec::new());
        assert_eq!(unlisted.is_mic_on, is_on, "{people}, before devices are listed");
        assert_eq!(open(people, &mut memory, devices(["m", "s", "c"])).is_mic_on, is_on, "{people}");
    }
}

#[test]
fn choices_are_remembered_for_a_set_of_devices() {
    let mut memory = Memory::default();
    let desk = devices(["usb", "hdmi", "c920"]);
    let mut prejoin = open(2, &mut memory, desk.clone());
    for event in [Event::Microphone("usb".to_owned()), Event::ToggleCamera, Event::ToggleMic] {
        prejoin.handle(event, &mut memory, now(0), &mut Vec::new());
    }
    let away = open(2, &mut memory, devices(["built-in", "built-in", ""]));
    assert_eq!((away.choices.clone(), away.is_mic_on), (Choices::default(), true), "another set");
    let again = open(2, &mut memory, desk.clone());
    assert_eq!((again.choices.microphone.as_str(), again.choices.is_camera_on, again.is_mic_on), ("usb", true, false));
    // Somebody unmuted among many: that says nothing about the next small room.
    let mut many = open(20, &mut memory, desk.clone());
    many.handle(Event::ToggleMic, &mut memory, now(0), &mut Vec::new());
    assert!(many.is_mic_on && !open(2, &mut memory, desk).is_mic_on);
    let text = serde_json::to_string(&memory).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
}

#[test]
fn a_device_that_is_no_longer_there_is_not_chosen() {
    let mut memory = Memory::default();
    let set = devices(["a", "b", "c"]);
    memory.remember_devices(set.set_name(), Choices { microphone: "gone".to_owned(), ..Choices::default() });
    assert_eq!(open(1, &mut memory, set).choices.microphone, "");
}

#[test]
fn four_ticks_say_what_works() {
    let mut memory = Memory::default();
    let mut prejoin = open(1, &mut memory, devices(["m", "s", ""]));
    let ticks = |prejoin: &PreJoin| Item::ALL.map(|item| prejoin.check(item));
    assert_eq!(ticks(&prejoin), [Check::Waiting, Check::Waiting, Check::Missing, Check::Waiting]);
    let busy = Check::Fails("zoom (4121)".to_owned());
    for event in [
        Event::Level(90),
        Event::Chimed,
        Event::Check(Item::Camera, busy.clone()),
        Event::Probed(Probe { rtt_ms: 18, loss: 0.0 }),
    ] {
        prejoin.handle(event, &mut memory, now(0), &mut Vec::new());
    }
    assert_eq!(ticks(&prejoin), [Check::Waiting, Check::Works, busy, Check::Works], "silence proves nothing");
    prejoin.handle(Event::Level(40), &mut memory, now(0), &mut Vec::new());
    prejoin.handle(Event::Probed(Probe { rtt_ms: 18, loss: 0.05 }), &mut memory, now(0), &mut Vec::new());
    assert_eq!((prejoin.check(Item::Microphone), prejoin.check(Item::Network)), (Check::Works, Check::Poor));
    assert!(!prejoin.is_listening_only());
    assert!(open(1, &mut memory, devices(["", "s", ""])).is_listening_only());
}

#[test]
fn the_meter_has_zones() {
    let mut prejoin = PreJoin::default();
    for (level, zone) in [
        (0, Zone::Clipping),
        (3, Zone::Clipping),
        (4, Zone::Good),
        (45, Zone::Good),
        (46, Zone::Quiet),
        (71, Zone::Silent),
        (127, Zone::Silent),
    ] {
        prejoin.level = level;
        assert_eq!(prejoin.zone(), zone, "{level}");
    }
}

#[test]
fn one_records_once_at_a_time_and_devices_are_free_afterwards() {
    let mut memory = Memory::default();
    let mut prejoin = open(1, &mut memory, devices(["m", "s", "c"]));
    let mut effects = Vec::new();
    for event in [Event::Replay, Event::Replay, Event::Playing] {
        prejoin.handle(event, &mut memory, now(9), &mut effects);
    }
    assert_eq!((effects.len(), prejoin.replay), (1, Replay::Playing { since: now(9).at }));
    effects.clear();
    prejoin.close(&mut effects);
    assert!(matches!(effects[..], [Effect::Preview(None), Effect::Meter(None)]));
}
