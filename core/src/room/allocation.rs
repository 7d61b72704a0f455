//! Which size of each picture a receiver gets: what its tiles need, as far as its budget goes.
//!
//! Sound is not asked about here: it always goes. For pictures, in this order:
//!
//! 1. every visible one at its smallest size, the important ones first;
//! 2. a shared screen and whoever speaks, up to what their tile needs;
//! 3. the others likewise, whoever spoke last first.
//!
//! What is not visible is not sent. A size once given is kept while it fits; a larger one is given only if a tenth of
//! the budget stays free after it, and not right after a budget fell: pictures do not jump to and fro at the edge.

use crate::limits::ROOM_PARTICIPANTS_MAX;

/// Sizes of a picture track: full, half, quarter (of the width).
pub const LAYERS: usize = 3;
/// Pictures that one receiver may see: a camera and a screen of each other participant.
pub const SOURCES_MAX: usize = 2 * ROOM_PARTICIPANTS_MAX;

/// A size that follows its bound is not worth sending below this. **Units:** bits a second.
const FOLLOWED_MIN_BPS: u64 = 30_000;

/// How important a picture is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// A shared screen.
    Screen,
    /// The camera of whoever speaks.
    Speaker,
    /// Any other camera; the more important the lower the number.
    #[default]
    Other,
}

/// One picture that a receiver could get.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source {
    /// Width of the full picture, in pixels.
    pub width: u16,
    /// Width of the tile, in pixels; 0 if it is not to be seen.
    pub wanted_width: u16,
    /// What it is.
    pub importance: Importance,
    /// How many of the others spoke after this one: orders pictures of the same importance.
    pub recency: u8,
    /// What each size takes, in bits a second: measured, or estimated if it is not published yet.
    pub layer_bps: [u32; LAYERS],
    /// The size that it has now.
    pub given: Option<u8>,
    /// Its sender keeps within bounds, and those of its largest size are this receiver's alone: it fits whatever is left.
    pub follows: bool,
}

impl Source {
    /// The smallest size that fills the tile.
    pub fn needed_layer(&self) -> Option<u8> {
        if self.wanted_width == 0 {
            return None;
        }
        let fills = |layer: &u8| self.width.checked_shr(u32::from(*layer)).unwrap_or(0) >= self.wanted_width;
        Some((0..LAYERS as u8).rev().find(fills).unwrap_or(0))
    }

    fn cost(&self, layer: Option<u8>) -> u64 {
        let bps = layer.and_then(|layer| self.layer_bps.get(usize::from(layer)).copied());
        u64::from(bps.unwrap_or(0))
    }

    /// What a size takes once its sender knows the bound.
    fn cost_within(&self, layer: u8, bound_bps: u32) -> u64 {
        let cost = self.cost(Some(layer));
        if self.follows { cost.min(bound_bps.into()) } else { cost }
    }

    /// Whether `layer` is larger than what it has now.
    fn is_rise(&self, layer: u8) -> bool {
        self.given.is_none_or(|given| layer < given)
    }
}

/// What was decided about one picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The size that the receiver gets.
    pub layer: Option<u8>,
    /// What a size of it could take at most so that the receiver would be given it. **Units:** bits a second.
    pub bound_bps: u32,
}

/// Decides for one receiver. Writes to `shares[i]` what becomes of `sources[i]`; says how much of the budget is taken, in
/// bits a second, never more than `budget_bps`. `may_rise`: whether anything may become larger this time (the smallest
/// size of what had nothing is always allowed). **Bound:** the first [`SOURCES_MAX`] sources are looked at.
pub fn allocate(budget_bps: u32, may_rise: bool, sources: &[Source], shares: &mut [Share]) -> u32 {
    shares.fill(Share::default());
    let mut order = [0u8; SOURCES_MAX];
    let sources = sources.get(..SOURCES_MAX.min(shares.len())).unwrap_or(sources);
    let order = by_importance(sources, &mut order);
    let mut left = u64::from(budget_bps);
    let spare = u64::from(budget_bps / 10);
    let smallest = (LAYERS - 1) as u8;
    for index in order {
        let Some((source, share)) = pair(sources, shares, *index) else { continue };
        let cost = source.cost_within(smallest, bound(left, spare));
        // A still picture may take next to nothing: what counts is whether it had to be made so small.
        let is_worth_it = source.cost(Some(smallest)) <= left || cost >= FOLLOWED_MIN_BPS;
        if source.needed_layer().is_some() && cost <= left && is_worth_it {
            left = left.saturating_sub(cost);
            share.layer = Some(smallest);
            share.bound_bps = u32::try_from(cost).unwrap_or(u32::MAX);
        }
    }
    for index in order {
        let Some((source, share)) = pair(sources, shares, *index) else { continue };
        let (Some(needed), Some(given)) = (source.needed_layer(), share.layer) else { continue };
        let own = left.saturating_add(source.cost_within(given, share.bound_bps));
        share.bound_bps = bound(own, spare);
        let fits = |larger: &u8| {
            let cost = source.cost_within(*larger, share.bound_bps);
            if source.is_rise(*larger) { may_rise && cost.saturating_add(spare) <= own } else { cost <= own }
        };
        if let Some(larger) = (needed..smallest).find(fits) {
            left = own.saturating_sub(source.cost_within(larger, share.bound_bps));
            share.layer = Some(larger);
        }
    }
    u32::try_from(u64::from(budget_bps).saturating_sub(left)).unwrap_or(u32::MAX)
}

/// What may be taken of what is left.
fn bound(left: u64, spare: u64) -> u32 {
    u32::try_from(left.saturating_sub(spare)).unwrap_or(u32::MAX)
}

fn pair<'a>(sources: &'a [Source], shares: &'a mut [Share], index: u8) -> Option<(&'a Source, &'a mut Share)> {
    Some((sources.get(usize::from(index))?, shares.get_mut(usize::from(index))?))
}

/// The numbers of the sources, most important first.
fn by_importance<'a>(sources: &[Source], order: &'a mut [u8; SOURCES_MAX]) -> &'a [u8] {
    for (index, place) in order.iter_mut().enumerate() {
        *place = index as u8;
    }
    let order = order.get_mut(..sources.len()).unwrap_or_default();
    let key = |index: u8| {
        let source = sources.get(usize::from(index)).copied().unwrap_or_default();
        (source.importance, source.recency, index)
    };
    // By hand: the library's sorting panics at an order that contradicts itself. Nearly sorted as a rule, and short.
    for end in 1..order.len() {
        for at in (1..=end).rev() {
            match order.get_mut(at.saturating_sub(1)..=at) {
                Some([left, right]) if key(*left) > key(*right) => core::mem::swap(left, right),
                _ => break,
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    const CAMERA: Source = Source {
        width: 1280,
        wanted_width: 320,
        importance: Importance::Other,
        recency: 0,
        layer_bps: [2_500_000, 1_000_000, 150_000],
        given: None,
        follows: false,
    };

    fn give(budget_bps: u32, sources: &[Source]) -> (u32, Vec<Option<u8>>) {
        let mut shares = std::vec![Share::default(); sources.len()];
        let taken = allocate(budget_bps, true, sources, &mut shares);
        (taken, shares.iter().map(|share| share.layer).collect())
    }

    #[test]
    fn a_tile_needs_the_smallest_size_that_fills_it() {
        for (wanted_width, layer) in
            [(0, None), (1, Some(2)), (320, Some(2)), (321, Some(1)), (640, Some(1)), (641, Some(0)), (4000, Some(0))]
        {
            assert_eq!(Source { wanted_width, ..CAMERA }.needed_layer(), layer, "{wanted_width}");
        }
    }

    #[test]
    fn eight_people_with_a_large_speaker_fit_the_budget_of_one_receiver() {
        let mut sources = std::vec![Source { layer_bps: [1_300_000, 500_000, 150_000], ..CAMERA }; 7];
        sources[3] = Source { wanted_width: 1280, importance: Importance::Speaker, ..sources[3] };
        // An eighth of 20 Mbit/s.
        let (taken, layers) = give(2_500_000, &sources);
        assert_eq!(layers[3], Some(0));
        assert_eq!(layers.iter().filter(|layer| **layer == Some(2)).count(), 6, "{layers:?}");
        assert_eq!(taken, 1_300_000 + 6 * 150_000);
    }

    #[test]
    fn the_speaker_grows_before_the_others_and_a_screen_before_the_speaker() {
        let large = Source { wanted_width: 1280, ..CAMERA };
        let sources = [
            Source { recency: 1, ..large },
            Source { recency: 0, ..large },
            Source { importance: Importance::Speaker, recency: 9, ..large },
            Source { importance: Importance::Screen, ..large },
        ];
        assert_eq!(give(500_000, &sources).1, [None, Some(2), Some(2), Some(2)]);
        assert_eq!(give(1_700_000, &sources).1, [Some(2), Some(2), Some(2), Some(1)]);
        assert_eq!(give(3_400_000, &sources).1, [Some(2), Some(2), Some(2), Some(0)]);
        assert_eq!(give(4_400_000, &sources).1, [Some(2), Some(2), Some(1), Some(0)]);
        assert_eq!(give(7_400_000, &sources).1, [Some(2), Some(1), Some(0), Some(0)]);
        assert_eq!(give(12_000_000, &sources).1, [Some(0); 4]);
    }

    #[test]
    fn what_is_not_visible_is_sent_to_nobody() {
        let sources = [Source { wanted_width: 0, importance: Importance::Speaker, ..CAMERA }, CAMERA];
        assert_eq!(give(10_000_000, &sources), (150_000, std::vec![None, Some(2)]));
    }

    #[test]
    fn no_budget_is_ever_exceeded() {
        let mut random = 7u64;
        let mut next = |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % bound
        };
        for _ in 0..2_000 {
            let sources: Vec<Source> = (0..next(70))
                .map(|_| Source {
                    width: next(2000) as u16,
                    wanted_width: next(2000) as u16,
                    importance: [Importance::Screen, Importance::Speaker, Importance::Other][next(3) as usize],
                    recency: next(32) as u8,
                    layer_bps: [next(8_000_000) as u32, next(3_000_000) as u32, next(500_000) as u32],
                    given: [None, Some(0), Some(1), Some(2), Some(7)][next(5) as usize],
                    follows: false,
                })
                .collect();
            let budget = next(20_000_000) as u32;
            let mut shares = std::vec![Share::default(); sources.len()];
            let taken = allocate(budget, next(2) == 0, &sources, &mut shares);
            let sum: u64 = sources.iter().zip(&shares).map(|(source, share)| source.cost(share.layer)).sum();
            assert!(taken <= budget && sum <= u64::from(budget), "{taken} {sum} {budget}");
        }
    }

    #[test]
    fn a_size_is_kept_where_it_would_not_be_given_anew() {
        let large = Source { wanted_width: 1280, ..CAMERA };
        assert_eq!(give(2_600_000, &[large]).1, [Some(1)], "a tenth must stay free");
        assert_eq!(give(2_600_000, &[Source { given: Some(0), ..large }]).1, [Some(0)]);
        assert_eq!(give(2_400_000, &[Source { given: Some(0), ..large }]).1, [Some(1)]);
        assert_eq!(give(2_800_000, &[Source { given: Some(1), ..large }]).1, [Some(0)]);
    }

    #[test]
    fn a_size_that_follows_its_bound_is_kept_however_narrow_the_way_becomes() {
        let large = Source { wanted_width: 1280, given: Some(0), ..CAMERA };
        assert_eq!(give(2_400_000, &[large]).1, [Some(1)]);
        let follows = Source { follows: true, ..large };
        assert_eq!(give(2_400_000, &[follows]), (2_160_000, std::vec![Some(0)]));
        assert_eq!(give(300_000, &[follows]), (270_000, std::vec![Some(0)]));
        assert_eq!(give(100_000, &[follows]), (90_000, std::vec![Some(0)]), "less than the smallest takes now");
        assert_eq!(give(30_000, &[follows]).1, [None]);
        let still = Source { layer_bps: [20_000, 8_000, 3_000], ..follows };
        assert_eq!(give(5_000_000, &[still]), (20_000, std::vec![Some(0)]), "a still picture takes little");
    }

    #[test]
    fn nothing_grows_while_growing_is_off() {
        let large = Source { wanted_width: 1280, given: Some(2), ..CAMERA };
        let mut shares = [Share::default(); 2];
        allocate(20_000_000, false, &[large, Source { given: Some(1), ..large }], &mut shares);
        assert_eq!(shares.map(|share| share.layer), [Some(2), Some(1)]);
    }

    #[test]
    fn a_size_that_takes_no_more_than_the_bound_is_given() {
        let large = Source { wanted_width: 1280, ..CAMERA };
        let mut shares = [Share::default(); 2];
        allocate(1_800_000, true, &[large, CAMERA], &mut shares);
        assert_eq!(shares[0].layer, Some(1));
        let mut cheaper = large;
        cheaper.layer_bps[0] = shares[0].bound_bps;
        allocate(1_800_000, true, &[cheaper, CAMERA], &mut shares);
        assert_eq!(shares[0].layer, Some(0));
    }
}
