use super::*;
use crate::testing::Dice;

fn at(ms: u64) -> Instant {
    Instant::from_micros(ms * 1000)
}

/// What a microphone was told: the device, the gate.
#[derive(Default)]
struct Device {
    is_open: bool,
    is_gate_held: bool,
}

impl Device {
    fn obey(&mut self, order: Order) {
        match order {
            Order::Open => self.is_open = true,
            Order::Close => self.is_open = false,
            Order::Hold(is_held) => self.is_gate_held = is_held,
        }
    }

    fn sends(&self, mode: GateMode) -> bool {
        self.is_open && (mode != GateMode::PushToTalk || self.is_gate_held)
    }
}

#[test]
fn what_is_shown_is_what_the_server_has_confirmed() {
    let mut mute = Mute::default();
    let steps: [(u64, Option<Event>, Shown); 10] = [
        (0, None, Shown::Off),
        (10, Some(Event::Toggle), Shown::Opening),
        (309, None, Shown::Opening),
        (310, None, Shown::NotConfirmed),
        (400, Some(Event::Confirmed(true)), Shown::On),
        (500, Some(Event::MutedByHost), Shown::Closing),
        (520, Some(Event::Confirmed(false)), Shown::Off),
        (600, Some(Event::Press { is_repeat: false }), Shown::Opening),
        (620, Some(Event::Confirmed(true)), Shown::Held),
        (700, Some(Event::Release), Shown::Closing),
    ];
    for (ms, event, shown) in steps {
        if let Some(event) = event {
            mute.handle(event, at(ms), |_| ());
        }
        assert_eq!(mute.shown(at(ms)), shown, "at {ms}: {event:?}");
    }
}

#[test]
fn a_spinner_ends_by_itself() {
    let mut mute = Mute::default();
    assert_eq!(mute.deadline(), None);
    mute.handle(Event::Toggle, at(5), |_| ());
    assert_eq!(mute.deadline(), Some(at(305)));
    mute.handle(Event::Confirmed(true), at(20), |_| ());
    assert_eq!(mute.deadline(), None);
}

#[test]
fn a_server_that_was_never_told_is_told_anew() {
    let mut mute = Mute::default();
    for (ms, event) in [(0, Event::Toggle), (10, Event::Confirmed(true)), (1000, Event::Toggle)] {
        mute.handle(event, at(ms), |_| ());
    }
    let told: Vec<bool> = [2999, 3000, 3001, 4999, 5000].map(|ms| mute.take_stale(at(ms))).to_vec();
    assert_eq!(told, [false, true, false, false, true]);
    mute.handle(Event::Confirmed(false), at(5100), |_| ());
    assert!(!mute.take_stale(at(60_000)));
    mute.handle(Event::Toggle, at(60_000), |_| ());
    assert!(!mute.take_stale(at(90_000)), "what is to be on is not told to be off");
}

#[test]
fn the_gate_opens_last_and_closes_first() {
    let mut mute = Mute::new(GateMode::PushToTalk);
    let mut orders = Vec::new();
    for event in [Event::Press { is_repeat: false }, Event::Press { is_repeat: true }, Event::Release, Event::Release] {
        mute.handle(event, at(0), |order| orders.push(order));
    }
    assert_eq!(orders, [Order::Open, Order::Hold(true), Order::Hold(false), Order::Close]);
}

#[test]
fn a_microphone_that_waits_for_its_key_says_so() {
    let mut mute = Mute::new(GateMode::PushToTalk);
    for (event, shown) in [
        (Event::Toggle, Shown::Opening),
        (Event::Confirmed(true), Shown::Ready),
        (Event::Press { is_repeat: false }, Shown::Held),
        (Event::FocusLost, Shown::Ready),
        (Event::Press { is_repeat: true }, Shown::Ready),
        (Event::Mode(GateMode::Open), Shown::On),
    ] {
        mute.handle(event, at(0), |_| ());
        assert_eq!(mute.shown(at(0)), shown, "{event:?}");
    }
}

#[test]
fn a_host_ends_what_a_key_began_until_it_is_pressed_anew() {
    let mut mute = Mute::default();
    let mut device = Device::default();
    for (event, is_open) in [
        (Event::Press { is_repeat: false }, true),
        (Event::MutedByHost, false),
        (Event::Press { is_repeat: true }, false),
        (Event::Release, false),
        (Event::Press { is_repeat: false }, true),
        (Event::Background, false),
        (Event::Press { is_repeat: true }, false),
    ] {
        mute.handle(event, at(0), |order| device.obey(order));
        assert_eq!(device.is_open, is_open, "{event:?}");
    }
}

/// Ten thousand events in any order: keys with repeats, focus lost, hosts, failures, a server that answers late or not.
#[test]
fn after_release_the_microphone_is_never_open() {
    for seed in 0..8 {
        let mut dice = Dice::new(seed);
        let (mut mute, mut device, mut mode) = (Mute::default(), Device::default(), GateMode::Open);
        // What the user sees as the truth: the switch, and whether the key is down in a window that has the focus.
        let (mut is_on, mut is_down) = (false, false);
        for step in 0..10_000u64 {
            let event = match dice.below(14) {
                0 => Event::Toggle,
                1 => Event::Switch(dice.below(2) == 0),
                2..=4 => Event::Press { is_repeat: false },
                5 => Event::Press { is_repeat: true },
                6 | 7 => Event::Release,
                8 | 9 => Event::FocusLost,
                10 => Event::Confirmed(dice.below(2) == 0),
                11 => Event::MutedByHost,
                12 => [Event::Failed, Event::Background][dice.below(2)],
                _ => Event::Mode([GateMode::Open, GateMode::PushToTalk, GateMode::VoiceActivated][dice.below(3)]),
            };
            match event {
                Event::Toggle => (is_on, is_down) = (!is_on, false),
                Event::Switch(on) => (is_on, is_down) = (on, false),
                Event::Press { is_repeat: false } => is_down = true,
                Event::Release | Event::FocusLost => is_down = false,
                Event::MutedByHost | Event::Failed | Event::Background => (is_on, is_down) = (false, false),
                Event::Mode(new) => mode = new,
                Event::Press { .. } | Event::Confirmed(_) => {}
            }
            mute.handle(event, at(step * 37), |order| device.obey(order));
            let may_send = is_down || is_on && mode != GateMode::PushToTalk;
            assert_eq!(device.sends(mode), may_send, "seed {seed}, step {step}: {event:?}");
            assert!(!mute.shown(at(step * 37)).is_heard() || may_send, "seed {seed}, step {step}: {event:?}");
        }
    }
}
