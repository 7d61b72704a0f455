//! A chirp, and where it is in what was heard.

use std::f32::consts::{PI, TAU};

/// Samples in a second.
pub const RATE: usize = 48_000;
/// Samples of the chirp: 60 ms.
pub const LENGTH: usize = RATE * 60 / 1000;

/// From 300 Hz to 3.5 kHz, where a voice is: no codec for voices dislikes it.
pub fn chirp() -> Vec<f32> {
    let length = LENGTH as f32;
    let sample = |n: usize| {
        let t = n as f32;
        let turns = (300.0 * t + 0.5 * 3200.0 * t * t / length) / RATE as f32;
        0.5 * (PI * t / length).sin().powi(2) * (TAU * turns).sin()
    };
    (0..LENGTH).map(sample).collect()
}

/// Where in `sound` the chirp begins, within `from..to`, and how much it is like it: 1.0 is the chirp itself.
pub fn find(sound: &[f32], chirp: &[f32], from: usize, to: usize) -> Option<(usize, f32)> {
    let power: f32 = chirp.iter().map(|s| s * s).sum();
    let likeness = |at: usize| {
        let window = sound.get(at..at + chirp.len())?;
        let energy: f32 = window.iter().map(|s| s * s).sum();
        // What is hardly there is like nothing.
        let product: f32 = window.iter().zip(chirp).map(|(a, b)| a * b).sum();
        Some(product / (power * energy.max(power * 0.001)).sqrt())
    };
    let best = |places: &mut dyn Iterator<Item = usize>| {
        places.filter_map(|at| Some((at, likeness(at)?))).max_by(|one, other| one.1.total_cmp(&other.1))
    };
    // A third of all places shows roughly where it is.
    let (near, _) = best(&mut (from..to).step_by(3))?;
    best(&mut (near.saturating_sub(3)..near + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chirp_is_found_where_it_is_though_it_is_quiet_and_there_is_noise() {
        let chirp = chirp();
        let mut sound: Vec<f32> = (0..20_000).map(|n| (n as f32 * 1.7).sin() * 0.01).collect();
        sound.iter_mut().skip(7_000).zip(&chirp).for_each(|(sound, chirp)| *sound += chirp * 0.3);
        let (at, likeness) = find(&sound, &chirp, 0, 20_000).expect("it is there");
        assert!(at.abs_diff(7_000) <= 1, "{at}");
        assert!(likeness > 0.9, "{likeness}");
    }
}
