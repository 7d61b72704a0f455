//! Every fuzz target over its committed corpus, over mutations of it from a fixed seed, and over noise.
//!
//! A corpus file that fails is a regression; give it a telling name. A landmark that is no longer reached means that
//! the format has changed and the corpus must grow again (`scripts/fuzz`).

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hph_core::crypto::drbg::Drbg;
use hph_tests::fuzz::{TARGETS, Target, take_reached};

/// Mutated inputs of a target that needs no keys ...
const MUTATIONS: usize = 6000;
/// ... and of one that makes some for each input.
const MUTATIONS_WITH_KEYS: usize = 1500;
/// Longest mutated input.
const INPUT_MAX_BYTES: usize = 2048;

#[test]
fn every_corpus_has_a_target_and_every_target_a_corpus() {
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_string()).collect();
    assert_eq!(names, names_in("corpus"));
    assert_eq!(names, names_in("fuzz_targets").iter().map(|name| name.trim_end_matches(".rs").to_string()).collect());
}

#[test]
fn no_server_message_or_datagram_breaks_a_promise_of_the_client_machine() {
    replay("client_machine", MUTATIONS_WITH_KEYS);
}

#[test]
fn no_stream_breaks_a_promise_of_the_control_codec() {
    replay("control_stream", MUTATIONS);
}

#[test]
fn no_datagram_breaks_a_promise_of_either_machine() {
    replay("datagram", MUTATIONS_WITH_KEYS);
}

#[test]
fn no_picture_breaks_a_promise_of_the_gate() {
    replay("jpeg_gate", MUTATIONS);
}

#[test]
fn no_fragments_break_a_promise_of_the_reassembler() {
    replay("reassembly", MUTATIONS);
}

#[test]
fn no_report_or_question_breaks_a_promise_of_repair() {
    replay("repair", MUTATIONS);
}

#[test]
fn no_bytes_break_a_promise_of_what_devices_seal() {
    replay("sealed", MUTATIONS_WITH_KEYS);
}

#[test]
fn no_order_of_events_breaks_a_promise_of_the_server_machine() {
    replay("server_machine", MUTATIONS_WITH_KEYS);
}

#[test]
fn no_bytes_break_a_promise_of_the_headers() {
    replay("sframe_header", MUTATIONS);
}

#[test]
fn no_peer_breaks_a_promise_of_signing_in() {
    replay("sign_in", MUTATIONS_WITH_KEYS);
}

#[test]
fn no_strip_breaks_a_promise_of_its_reader() {
    replay("strip", MUTATIONS);
}

#[test]
fn no_text_breaks_a_promise_of_the_rules_for_texts() {
    replay("text", MUTATIONS);
}

#[test]
fn no_voice_packet_breaks_a_promise_of_the_jitter_buffer() {
    replay("voice_packet", MUTATIONS);
}

/// Runs a target over all there is for it.
fn replay(name: &str, mutations: usize) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let corpus = corpus(name);
    for (path, bytes) in &corpus {
        run(target, bytes, &path.display().to_string());
    }
    let reached = take_reached();
    let missed: Vec<_> = target.landmarks.iter().filter(|landmark| !reached.contains(*landmark)).collect();
    assert!(missed.is_empty(), "the corpus of {name} no longer comes to {missed:?}");

    let mut random = Drbg::from_seed([1; 32]);
    for round in 0..mutations {
        let (path, bytes) = &corpus[below(&mut random, corpus.len())];
        let mutated = mutate(&mut random, bytes, &corpus);
        run(target, &mutated, &format!("mutation {round}, of {}: {mutated:02x?}", path.display()));
    }
}

fn run(target: &Target, bytes: &[u8], what: &str) {
    let result = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    assert!(result.is_ok(), "{} fails on {what}", target.name);
}

/// A few changes of the kinds that libFuzzer makes too.
fn mutate(random: &mut Drbg, bytes: &[u8], corpus: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=below(random, 4) {
        let at = below(random, bytes.len() + 1);
        match below(random, 6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.next_u32() as u8),
            2 => {
                let (_, other) = &corpus[below(random, corpus.len())];
                let from = below(random, other.len() + 1);
                bytes.splice(at.., other[from..].iter().copied());
            }
            3 => {
                let end = (at + below(random, 16)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << below(random, 8);
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next_u32() as u8;
                }
            }
        }
    }
    bytes.truncate(INPUT_MAX_BYTES);
    bytes
}

fn below(random: &mut Drbg, end: usize) -> usize {
    random.next_u32() as usize % end
}

/// The corpus of a target, in the order of names.
fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", directory.display());
    paths.into_iter().map(|path| (path.clone(), fs::read(&path).expect("a readable file"))).collect()
}

/// What lies in a directory of `tests/fuzz`.
fn names_in(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(directory)).expect("readable");
    entries.map(|entry| entry.expect("a readable entry").file_name().to_string_lossy().into_owned()).collect()
}
