//! What is heard: in an instance of its own, on the thread of the sound, which makes no client and has no other input than this.
//! Times are microseconds on the loudspeaker's clock.

use std::cell::RefCell;

use hph_core::media::jitter::PULL_SAMPLES;
use hph_core::media::red::VOICE_FRAME_MAX_SAMPLES;

use super::at;
use crate::mixer::Mixer;

/// Numbers that are told of each voice.
const STATS: usize = 8;

struct State {
    mixer: Mixer,
    input: [f32; VOICE_FRAME_MAX_SAMPLES as usize],
    sound: [f32; PULL_SAMPLES],
    stats: Vec<f64>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State {
        mixer: Mixer::default(),
        input: [0.0; VOICE_FRAME_MAX_SAMPLES as usize],
        sound: [0.0; PULL_SAMPLES],
        stats: Vec::new(),
    });
}

/// Where decoded samples are written, 2880 at most.
#[unsafe(no_mangle)]
extern "C" fn mixer_input() -> *mut f32 {
    STATE.with_borrow_mut(|state| state.input.as_mut_ptr())
}

/// Input: samples.
#[unsafe(no_mangle)]
extern "C" fn mixer_decoded(now: f64, slot: u16, track: u8, timestamp: u32, begins: bool, wanted: u32, samples: usize) {
    STATE.with_borrow_mut(|state| {
        let Some(samples) = state.input.get(..samples) else { return };
        state.mixer.handle_decoded(at(now), (slot, track), timestamp, begins, wanted, samples);
    });
}

/// The packet that says so: one byte, or two.
#[unsafe(no_mangle)]
extern "C" fn mixer_silence(now: f64, slot: u16, track: u8, timestamp: u32, begins: bool, first: u8, second: i32) {
    STATE.with_borrow_mut(|state| {
        let second = u8::try_from(second);
        let packet = [first, second.unwrap_or(0)];
        let packet = &packet[..1 + usize::from(second.is_ok())];
        state.mixer.handle_silence(at(now), (slot, track), timestamp, begins, packet);
    });
}

/// A place, or -1: all.
#[unsafe(no_mangle)]
extern "C" fn mixer_forget(slot: i32) {
    STATE.with_borrow_mut(|state| state.mixer.forget(u16::try_from(slot).ok()));
}

/// 480 samples of everybody's sound.
#[unsafe(no_mangle)]
extern "C" fn mixer_pull(now: f64) -> *const f32 {
    STATE.with_borrow_mut(|state| {
        state.mixer.pull(at(now), &mut state.sound);
        state.sound.as_ptr()
    })
}

/// How many numbers there are at [`mixer_stats_at`]: for each voice its place, track, delay, samples that were played and that
/// were invented, the delay that is aimed at, frames that were lost and that came too late.
#[unsafe(no_mangle)]
extern "C" fn mixer_stats() -> usize {
    STATE.with_borrow_mut(|state| {
        state.stats.clear();
        for (slot, track, stats) in state.mixer.stats() {
            let counts = [stats.delay_us, stats.played_samples, stats.concealed_samples, stats.target_us];
            let frames = [stats.lost_after_recovery, stats.late];
            state.stats.extend([f64::from(slot), f64::from(track)]);
            state.stats.extend(counts.iter().chain(&frames).map(|count| *count as f64));
        }
        debug_assert!(state.stats.len().is_multiple_of(STATS));
        state.stats.len()
    })
}

#[unsafe(no_mangle)]
extern "C" fn mixer_stats_at() -> *const f64 {
    STATE.with_borrow(|state| state.stats.as_ptr())
}
