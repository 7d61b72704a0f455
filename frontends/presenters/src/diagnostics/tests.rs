use super::*;
use hph_client::core::time::Duration;
use hph_client::engine::{RateFigures, RateReason, RateState};

fn reading() -> Reading {
    let engine = EngineFigures { is_up: true, rtt_us: 20_000, ..EngineFigures::default() };
    Reading { is_connected: true, engine, ..Reading::default() }
}

/// What is said after five seconds of what `change` makes of a good reading in second `n`.
fn verdict(change: impl Fn(&mut Reading, u64)) -> Verdict {
    let mut diagnostics = Diagnostics::default();
    for second in 0..6 {
        let mut reading = reading();
        change(&mut reading, second);
        diagnostics.handle(reading, second * 1000);
    }
    diagnostics.verdict()
}

#[test]
fn every_fault_has_its_light_and_its_cause() {
    let narrow = RateFigures {
        target_bps: 150_000,
        arriving_bps: 0,
        queue_delay: Duration::ZERO,
        loss_permille: 0,
        pace_bps: 0,
        state: RateState::Growing,
        reason: RateReason::Start,
    };
    type Change = Box<dyn Fn(&mut Reading, u64)>;
    let cases: [(&str, Change, Light, Option<Cause>); 12] = [
        ("good", Box::new(|_, _| ()), Light::Green, None),
        ("away", Box::new(|r, _| r.is_connected = false), Light::Red, Some(Cause::Disconnected)),
        ("udp", Box::new(|r, _| r.engine.is_up = false), Light::Red, Some(Cause::NoDatagrams)),
        ("loss up", Box::new(|r, _| r.engine.loss.up.loss = 3300), Light::Yellow, Some(Cause::LossUp)),
        ("much loss up", Box::new(|r, _| r.engine.loss.up.loss = 20_000), Light::Red, Some(Cause::LossUp)),
        ("loss down", Box::new(|r, _| r.engine.loss.down_loss = 20_000), Light::Red, Some(Cause::LossDown)),
        ("far", Box::new(|r, _| r.engine.rtt_us = 300_000), Light::Yellow, Some(Cause::Delay)),
        (
            "jitter",
            Box::new(|r, _| r.engine.loss.up.delay_variation = Duration::from_millis(60)),
            Light::Yellow,
            Some(Cause::Jitter),
        ),
        ("narrow", Box::new(move |r, _| r.engine.uplink = Some(narrow)), Light::Yellow, Some(Cause::Bandwidth)),
        ("slow", Box::new(|r, n| r.overrun = n * 2), Light::Yellow, Some(Cause::Machine)),
        ("much too slow", Box::new(|r, n| r.overrun = n * 30), Light::Red, Some(Cause::Machine)),
        ("busy", Box::new(|r, n| r.engine.frames_unsent = n * 5), Light::Yellow, Some(Cause::Capture)),
    ];
    for (name, change, light, cause) in cases {
        assert_eq!(verdict(change), Verdict { light, cause }, "{name}");
    }
}

#[test]
fn the_worst_fault_is_named() {
    let both = verdict(|reading, _| {
        reading.engine.rtt_us = 300_000;
        reading.engine.loss.down_loss = 20_000;
    });
    assert_eq!(both, Verdict { light: Light::Red, cause: Some(Cause::LossDown) });
    let alike = verdict(|reading, _| (reading.engine.loss.up.loss, reading.engine.rtt_us) = (3300, 300_000));
    assert_eq!(alike.cause, Some(Cause::LossUp), "the delay may follow from it");
}

#[test]
fn rates_are_made_of_what_changed_and_two_minutes_are_kept() {
    let mut diagnostics = Diagnostics::default();
    for second in 0..300 {
        let mut reading = reading();
        reading.engine.bytes = (second * 1000, second * 2000);
        reading.engine.frames = (second * 15, second);
        diagnostics.handle(reading, second * 1000);
    }
    let now = diagnostics.now();
    assert_eq!((now.up_bps, now.down_bps, now.frames, now.frames_lost), (8000, 16_000, 15.0, 1.0));
    assert_eq!(diagnostics.series(|sample| sample.rtt_ms).len(), SAMPLES_MAX);
    diagnostics.handle(reading(), 300_000);
    assert_eq!(diagnostics.now().up_bps, 0, "a new engine counts from nothing");
    diagnostics.handle(reading(), 300_000);
    assert_eq!(diagnostics.samples().count(), SAMPLES_MAX, "no time has passed");
}

#[test]
fn the_stages_stand_in_the_order_of_the_way() {
    let mut measured = Stages::default();
    (0..100).for_each(|_| measured.decode.record(Duration::from_millis(4)));
    let rows = stages(&measured, 20.0);
    let names: Vec<_> = rows.iter().map(|stage| stage.name).collect();
    assert_eq!(
        names,
        ["encode", "queue", "seal_and_send", "network", "reassemble", "wait", "hand_over", "decode", "paint"]
    );
    assert_eq!((rows[3].p50_ms, rows[0].p50_ms), (10.0, 0.0));
    assert!((3.0..6.0).contains(&rows[7].p50_ms), "{:?}", rows[7]);
}
