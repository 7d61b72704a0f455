//! Medians, and how they are printed.

use serde_json::json;

/// A median whose rounds lie further apart than this, in relation to it, was measured on a noisy machine.
const NOISE_MAX: f64 = 0.25;

/// So many noisy figures are named.
const NOISY_SHOWN: usize = 6;

/// The rounds of one figure, each at its number: one that came to nothing keeps its place, so that those of two figures
/// still belong together.
#[derive(Clone, Debug, Default)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// Adds a round; what is not a finite number came to nothing and does not count.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The median, NaN without rounds.
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
        match (sorted.get(low), sorted.get(high)) {
            (Some(low), Some(high)) => (low + high) / 2.0,
            _ => f64::NAN,
        }
    }

    /// Distance between the second lowest and the second highest round, in relation to the median: one outlier on
    /// either side does no harm to a median of five.
    pub fn spread(&self) -> f64 {
        let sorted = self.sorted();
        let inner = if sorted.len() >= 5 { sorted.get(1..sorted.len() - 1).unwrap_or_default() } else { &sorted };
        match (inner.first(), inner.last()) {
            (Some(low), Some(high)) => (high - low) / self.median(),
            _ => 0.0,
        }
    }

    /// Round by round, this over the other: both were measured in turns, so a slow moment of the machine hit both.
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| own / other).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted: Vec<f64> = self.0.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// Where figures are printed.
#[derive(Debug)]
pub struct Report {
    is_json: bool,
    figures: usize,
    /// Figures whose rounds disagree, and how far.
    noisy: Vec<(String, f64)>,
}

impl Report {
    /// A report for people, or for programs.
    pub const fn new(is_json: bool) -> Self {
        Self { is_json, figures: 0, noisy: Vec::new() }
    }

    /// Prints the median of a figure, and notes it if its rounds disagree.
    pub fn figure(&mut self, name: &str, rounds: &Rounds, unit: &str) {
        self.value(name, rounds.median(), unit);
        self.figures += 1;
        if rounds.spread() > NOISE_MAX {
            self.noisy.push((name.to_owned(), rounds.spread()));
        }
    }

    /// Prints a figure that is what it is.
    pub fn value(&self, name: &str, value: f64, unit: &str) {
        // Four digits are more than a measurement is worth.
        let digits = (3 - value.abs().log10().floor().clamp(-3.0, 3.0) as i32).max(0) as usize;
        let rounded: f64 = format!("{value:.digits$}").parse().unwrap_or(value);
        if self.is_json {
            println!("{}", json!({ "figure": name, "value": rounded, "unit": unit }));
        } else {
            println!("{name:<44} {rounded:>12} {unit}");
        }
    }

    /// Says something to people.
    pub fn say(&self, text: &str) {
        if self.is_json { eprintln!("{text}") } else { println!("{text}") }
    }

    /// Says how quiet the machine was.
    pub fn end(&self) {
        let mut noisy = self.noisy.clone();
        noisy.sort_by(|one, other| other.1.total_cmp(&one.1));
        if noisy.is_empty() {
            return self.say("The machine was quiet: the rounds of every figure agree within a quarter.");
        }
        let text = |(name, spread): &(String, f64)| format!("{name} (+-{:.0} %)", spread * 50.0);
        let shown: Vec<String> = noisy.iter().take(NOISY_SHOWN).map(text).collect();
        self.say(&format!(
            "The machine was NOISY: rounds disagree by more than a quarter in {} of {} figures, most in {}. Measure again \
             when it is quiet.",
            noisy.len(),
            self.figures,
            shown.join(", ")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(values: &[f64]) -> Rounds {
        let mut rounds = Rounds::default();
        values.iter().for_each(|&value| rounds.push(value));
        rounds
    }

    #[test]
    fn a_median_ignores_what_is_far_out() {
        assert_eq!(rounds(&[3.0, 1.0, 1000.0, 2.0, f64::NAN, 2.5]).median(), 2.5);
        assert_eq!(rounds(&[1.0, 3.0]).median(), 2.0);
        assert!(rounds(&[]).median().is_nan());
        assert!(rounds(&[1.0, 100.0, 100.0, 101.0, 900.0]).spread() < 0.02);
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // Twice as slow in the second round, both of them.
        let ratio = rounds(&[10.0, 20.0]).over(&rounds(&[5.0, 10.0]));
        assert_eq!((ratio.median(), ratio.spread()), (2.0, 0.0));
        // A round of one that came to nothing takes that of the other with it, and no other.
        let ratio = rounds(&[10.0, f64::NAN, 20.0]).over(&rounds(&[5.0, 1.0, 10.0]));
        assert_eq!((ratio.median(), ratio.spread()), (2.0, 0.0));
    }
}
