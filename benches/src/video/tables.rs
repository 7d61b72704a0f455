//! `bench video-tables`: the Huffman tables that clips would have, as Rust source for
//! `platform/src/video/tables/trained.rs`.
//!
//! One set for cameras and one for screens, each for what moves and for what is still. Clips that figures are shown of are left
//! out where there are others ([`LEFT_OUT`]): tables that know their examination prove little.

use std::io;

use hph_core::time::{Duration, Instant};
use hph_platform::picture::Picture;
use hph_platform::video::{StripEncoder, StripFrame, StripParams, SymbolCounts};

use super::clip::{Clip, Scene};

/// Not learned from: the hardest face.
const LEFT_OUT: &str = "webcam_2";
/// Longest code (T.81 annex C).
const BITS_MAX: usize = 16;
/// What all symbols of a clip together weigh, so that a long clip counts as much as a short one.
const WEIGHT: f64 = 1e6;

/// Symbols that an encoder may write: sizes of DC differences, then runs and sizes of AC levels.
fn dc_symbols() -> Vec<u8> {
    (0..=11).collect()
}

fn ac_symbols() -> Vec<u8> {
    let pairs = (0..16u8).flat_map(|run| (1..=10u8).map(move |size| run << 4 | size));
    [0x00, 0xf0].into_iter().chain(pairs).collect()
}

/// How much each symbol weighs: DC of luma and chroma, AC of luma and chroma.
type Weights = [[f64; 256]; 4];

/// Codes the clips and prints the tables.
///
/// # Errors
/// ffmpeg or the disk.
pub fn run(clips: &[Clip]) -> io::Result<()> {
    for (name, is_screen) in [("Cameras", false), ("Screens", true)] {
        let mut weights = [[[0.0; 256]; 4]; 2];
        let of_kind = clips.iter().filter(|clip| (clip.scene == Scene::Screen) == is_screen);
        for clip in of_kind.filter(|clip| !clip.name.starts_with(LEFT_OUT)) {
            let counted = count(clip)?;
            for (weights, counts) in weights.iter_mut().zip(&counted) {
                weigh(weights, counts);
            }
        }
        for (what, weights) in ["what moves", "what is still"].into_iter().zip(&weights) {
            println!("    // {name}: {what}.");
            print_set(weights);
        }
    }
    Ok(())
}

/// All symbols of a clip: of what moves, of what is still.
fn count(clip: &Clip) -> io::Result<[SymbolCounts; 2]> {
    let (mut encoder, mut frame, mut all) =
        (StripEncoder::new(), StripFrame::default(), <[SymbolCounts; 2]>::default());
    let (mut pictures, mut picture, mut number) = (clip.open()?, Picture::default(), 0);
    while pictures.next(&mut picture)? {
        let at = Instant::from_micros(1_000_000)
            + Duration::from_micros(u64::from(number) * 1_000_000 / u64::from(clip.fps));
        number += 1;
        encoder.encode(at, number, &picture, &StripParams::default(), &mut frame).map_err(io::Error::other)?;
        for (all, last) in all.iter_mut().zip(encoder.last_symbols()) {
            all.add(last);
        }
    }
    Ok(all)
}

fn weigh(weights: &mut Weights, counts: &SymbolCounts) {
    for (weights, counts) in weights.iter_mut().zip(counts.dc.iter().chain(&counts.ac)) {
        let sum: u64 = counts.iter().copied().map(u64::from).sum();
        for (weight, count) in weights.iter_mut().zip(counts) {
            *weight += f64::from(*count) * WEIGHT / sum.max(1) as f64;
        }
    }
}

fn print_set(weights: &Weights) {
    let specs: Vec<String> = weights
        .iter()
        .enumerate()
        .map(|(table, weights)| {
            let symbols = if table < 2 { dc_symbols() } else { ac_symbols() };
            let (counts, symbols) = huffman(weights, &symbols);
            format!("HuffmanSpec {{ counts: {counts:?}, symbols: &{symbols:?} }}")
        })
        .collect();
    println!("    ([{}, {}], [{}, {}]),", specs[0], specs[1], specs[2], specs[3]);
}

/// How many codes have each length, and the symbols by rising code (T.81 annex K.2).
fn huffman(weights: &[f64; 256], symbols: &[u8]) -> ([u8; BITS_MAX], Vec<u8>) {
    let lengths = lengths(weights, symbols);
    let mut counts = vec![0usize; lengths.iter().copied().max().unwrap_or(0) + 1];
    lengths.iter().for_each(|length| counts[*length] += 1);
    shorten(&mut counts);
    // The longest code of all was of a symbol that does not exist: so no code consists of ones only.
    let longest = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    counts[longest] -= 1;
    let mut order: Vec<usize> = (0..symbols.len()).collect();
    order.sort_by_key(|at| (lengths[*at], symbols[*at]));
    let mut of_length = [0; BITS_MAX];
    for (length, count) in counts.iter().enumerate().skip(1).take(BITS_MAX) {
        of_length[length - 1] = *count as u8;
    }
    (of_length, order.into_iter().map(|at| symbols[at]).collect())
}

/// The length of each symbol's code, and last that of one more which never comes (figures K.1 and K.2).
fn lengths(weights: &[f64; 256], symbols: &[u8]) -> Vec<usize> {
    let mut groups: Vec<(f64, Vec<usize>)> =
        symbols.iter().enumerate().map(|(at, symbol)| (weights[usize::from(*symbol)] + 1.0, vec![at])).collect();
    groups.push((0.0, vec![symbols.len()]));
    let mut lengths = vec![0; groups.len()];
    while groups.len() > 1 {
        groups.sort_by(|one, other| other.0.total_cmp(&one.0));
        let (Some(least), Some(next)) = (groups.pop(), groups.pop()) else { break };
        let members: Vec<usize> = least.1.into_iter().chain(next.1).collect();
        members.iter().for_each(|at| lengths[*at] += 1);
        groups.push((least.0 + next.0, members));
    }
    lengths
}

/// Brings the longest codes down to what a table may have (figure K.3).
fn shorten(counts: &mut Vec<usize>) {
    while counts.len() > BITS_MAX + 1 {
        let longest = counts.len() - 1;
        while counts[longest] > 0 {
            let shorter = (1..longest - 1).rev().find(|length| counts[*length] > 0).unwrap_or(1);
            counts[longest] -= 2;
            counts[longest - 1] += 1;
            counts[shorter + 1] += 2;
            counts[shorter] -= 1;
        }
        counts.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_short_codes_to_what_is_frequent_and_one_to_everything() {
        let mut weights = [0.0; 256];
        (0..256).for_each(|symbol| weights[symbol] = WEIGHT / f64::from(2u32.pow(symbol.min(25) as u32)));
        let (counts, symbols) = huffman(&weights, &ac_symbols());
        assert_eq!(counts.iter().map(|count| usize::from(*count)).sum::<usize>(), 162);
        assert_eq!((counts[0], symbols[0], symbols.len()), (1, 0, 162));
        // Kraft's sum, with one code to spare: that of ones only.
        let sum: u32 = (1u32..).zip(counts).map(|(length, count)| u32::from(count) << (16 - length)).sum();
        assert!(sum < 1 << 16, "{counts:?}");
        let mut sorted = symbols;
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 162);
    }
}
