//! Tests of stretching: the pitch stays, nothing clicks, silence is free.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;

/// A voiced sound whose pitch glides, with four harmonics.
fn voice(samples: usize, hertz: f32) -> Vec<f32> {
    let mut phase = 0.0_f32;
    let mut sample = |index: usize| {
        phase = (phase + (hertz + hertz * 0.03 * (index as f32 / 9000.0).sin()) / 48_000.0).fract();
        let turn = core::f32::consts::TAU * phase;
        0.1 * (turn.sin() + 0.5 * (2.0 * turn).sin() + 0.3 * (3.0 * turn).sin() + 0.2 * (4.0 * turn).sin())
    };
    (0..samples).map(&mut sample).collect()
}

/// So much waits before a pull.
const ENOUGH: usize = ACCELERATE_SAMPLES + 480;

/// Plays `sound` in pulls of 10 ms, and changes something before each sixth; what was heard, and by how much it changed.
fn play(sound: &[f32], change: fn(&mut PcmQueue) -> usize) -> (Vec<f32>, usize) {
    let mut queue = PcmQueue::new();
    let (mut heard, mut changed, mut given) = (Vec::new(), 0, 0);
    for pull in 0.. {
        let missing = ENOUGH.saturating_sub(queue.len()).min(sound.len() - given);
        queue.append(missing, |room| {
            room.copy_from_slice(&sound[given..given + room.len()]);
            room.len()
        });
        given += missing;
        if queue.len() < ENOUGH {
            break;
        }
        if pull % 6 == 5 {
            changed += change(&mut queue);
        }
        let mut out = [0.0; 480];
        assert_eq!(queue.take(&mut out), 480);
        heard.extend(out);
    }
    (heard, changed)
}

/// Upward zero crossings in a second.
fn crossings(sound: &[f32]) -> f32 {
    let count = sound.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    count as f32 * 48_000.0 / sound.len() as f32
}

fn steepest(sound: &[f32]) -> f32 {
    sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

type Change = fn(&mut PcmQueue) -> usize;

#[test]
fn a_voice_gets_shorter_or_longer_at_the_same_pitch_and_without_a_click() {
    for hertz in [90.0, 140.0, 220.0, 390.0] {
        let sound = voice(96_000, hertz);
        let ways: [(&str, Change); 2] =
            [("faster", |queue| queue.accelerate(0.6)), ("slower", |queue| queue.decelerate(0.6))];
        for (name, change) in ways {
            let (heard, changed) = play(&sound, change);
            assert!(changed > 96_000 / 480 / 6 * PERIOD_MIN, "{name} at {hertz} Hz: {changed} samples");
            let pitch = crossings(&heard) / crossings(&sound);
            assert!((0.99..1.01).contains(&pitch), "{name} at {hertz} Hz: pitch {pitch}");
            let click = steepest(&heard) / steepest(&sound);
            assert!(click < 1.1, "{name} at {hertz} Hz: {click} times as steep");
        }
    }
}

#[test]
fn the_length_changes_by_what_is_told() {
    let sound = voice(48_000, 150.0);
    let (heard, removed) = play(&sound, |queue| queue.accelerate(0.6));
    assert!(heard.len() + removed + ENOUGH >= sound.len() && heard.len() + removed <= sound.len());
    let (heard, added) = play(&sound, |queue| queue.decelerate(0.6));
    assert!(heard.len() + ENOUGH >= sound.len() + added && heard.len() <= sound.len() + added);
}

#[test]
fn noise_is_left_alone_unless_it_is_quiet() {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.5
    };
    let loud: Vec<f32> = (0..48_000).map(|_| noise()).collect();
    let (_, changed) = play(&loud, |queue| queue.accelerate(0.6) + queue.decelerate(0.6));
    assert_eq!(changed, 0);
    let quiet: Vec<f32> = loud.iter().map(|sample| sample * 0.001).collect();
    let (_, changed) = play(&quiet, |queue| queue.accelerate(0.6));
    assert!(changed > 0);
}

#[test]
fn without_enough_sound_nothing_changes_and_missing_sound_is_silence() {
    let mut queue = PcmQueue::new();
    assert_eq!((queue.accelerate(0.0), queue.decelerate(0.0)), (0, 0));
    queue.append(300, |room| {
        room.fill(0.5);
        room.len()
    });
    assert_eq!((queue.accelerate(0.0), queue.decelerate(0.0)), (0, 0));
    let mut out = [9.0; 480];
    assert_eq!(queue.take(&mut out), 300);
    assert_eq!(out.to_vec(), [vec![0.5; 300], vec![0.0; 180]].concat());
}

#[test]
fn the_queue_takes_what_fits_and_no_more() {
    let mut queue = PcmQueue::new();
    let mut given = 0;
    for _ in 0..10 {
        given += queue.append(2880, |room| room.len());
    }
    assert_eq!((given, queue.len()), (WAITING_MAX_SAMPLES, WAITING_MAX_SAMPLES));
    queue.take(&mut [0.0; 4000]);
    assert_eq!(queue.append(2880, |room| room.len()), 2880, "there is room again");
}
