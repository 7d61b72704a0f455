//! What the compiler cannot enforce about the shape of the whole: who may use whom, how long things may get, and that
//! documents, constants and tests agree.
//!
//! Lists named `*_ALLOWED` and `NOT_YET_*` are ratchets: they may only shrink.

mod arithmetic;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use source::{SourceFile, read, rust_files, text_files};

/// Every package, and those of ours that it may use. A package that is not here may not exist.
const EDGES: &[(&str, &[&str])] = &[
    ("hph-core", &[]),
    ("hph-platform", &["hph-core"]),
    ("hph-server", &["hph-core", "hph-platform"]),
    ("hph-client", &["hph-core", "hph-platform"]),
    // The command line embeds the server, for `hph serve` and `hph demo`.
    ("hph-load", &["hph-core", "hph-platform", "hph-server", "hph-client"]),
    // And the load, for `hph bench`.
    ("hph-presenters", &["hph-client"]),
    ("hph-desktop", &["hph-client", "hph-presenters"]),
    ("hph", &["hph-client", "hph-gateway", "hph-server", "hph-load"]),
    // What a meeting room decides by itself, and its screens.
    ("hph-kiosk-core", &["hph-client", "hph-presenters"]),
    ("hph-kiosk", &["hph-client", "hph-presenters", "hph-kiosk-core"]),
    ("hph-gateway", &["hph-client"]),
    // The core for browsers: no engine, so no hph-client either.
    ("hph-web", &["hph-core", "hph-platform"]),
    ("hph-no-heap", &["hph-core"]),
    ("hph-no-panic", &["hph-core"]),
    ("hph-bare-metal", &["hph-core"]),
    ("hph-hardware", &["hph-core", "hph-platform"]),
    ("hph-tests", MAY_USE_ALL),
    ("hph-fuzz", MAY_USE_ALL),
    ("hph-benches", MAY_USE_ALL),
];
const MAY_USE_ALL: &[&str] =
    &["hph-core", "hph-platform", "hph-server", "hph-client", "hph-gateway", "hph-web", "hph-load", "hph"];

/// Longest source file, tests included.
const FILE_LINES_MAX: usize = 600;
/// Longest function.
const FUNCTION_LINES_MAX: usize = 100;
/// Files that are longer, and how long they may be: `("core/src/room/mod.rs", 640)`.
const LONG_FILES_ALLOWED: &[(&str, usize)] = &[];
/// Functions that are longer, and how long they may be: `("server/src/relay.rs: run", 120)`.
const LONG_FUNCTIONS_ALLOWED: &[(&str, usize)] = &[];

/// Drop reasons that no test names yet.
const NOT_YET_TESTED: &[&str] = &[];

/// Text that must not get into the repository: paths of a machine, and hosts that a build happened to fetch from. In two
/// halves, so that this file does not contain them.
const FORBIDDEN_TEXT: &[(&str, &str)] = &[
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("/tmp/tar", "get"),
    ("deb.", "debian.org"),
    ("static.", "crates.io"),
    ("index.", "crates.io"),
    ("static.", "rust-lang.org"),
    ("registry.", "npmjs.org"),
    ("pypi", ".org"),
];

#[test]
fn packages_use_each_other_in_one_direction_only() {
    let edges: BTreeMap<_, _> = EDGES.iter().copied().collect();
    for (path, manifest) in text_files().filter(|(path, _)| path.ends_with("/Cargo.toml")) {
        let name = source::package_name(&manifest).unwrap_or_else(|| panic!("{path} names no package"));
        let allowed = edges.get(name).unwrap_or_else(|| panic!("{path}: package {name} has no place in EDGES"));
        for used in source::our_dependencies(&manifest) {
            assert!(allowed.contains(&used), "{path}: {name} must not use {used}");
        }
    }
}

#[test]
fn the_core_has_no_standard_library_and_so_no_heap_clock_thread_or_print() {
    let root = read("core/src/lib.rs");
    assert!(root.lines().any(|line| line == "#![no_std]"), "core/src/lib.rs is not #![no_std]");
    assert!(root.lines().any(|line| line == "#![forbid(unsafe_code)]"), "core/src/lib.rs does not forbid unsafe code");
    for file in rust_files().filter(|file| file.path.starts_with("core/src/")) {
        let line = file.product_code.lines().find(|line| line.trim_start().starts_with("extern crate"));
        assert_eq!(line, None, "{}: only tests may reach for std or alloc", file.path);
    }
}

#[test]
fn nothing_below_the_core_is_built_with_a_heap_or_the_standard_library() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "-p", "hph-core", "--prefix", "none", "--target", "thumbv7em-none-eabihf"]);
    cargo.args(["--edges", "features,no-dev,no-build,no-proc-macro"]).current_dir(source::root());
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    assert!(tree.contains("aes-gcm"), "cargo tree shows no dependencies:\n{tree}");
    let hosted: BTreeSet<_> =
        tree.lines().filter(|l| l.contains("feature \"std\"") || l.contains("feature \"alloc\"")).collect();
    assert!(hosted.is_empty(), "dependencies of the core with a heap or std: {hosted:#?}");
}

#[test]
fn files_and_functions_stay_short() {
    let mut long_files = BTreeMap::new();
    let mut long_functions = BTreeMap::new();
    for file in rust_files() {
        for (name, lines) in file.function_lines().filter(|&(_, lines)| lines > FUNCTION_LINES_MAX) {
            long_functions.insert(format!("{}: {name}", file.path), lines);
        }
        if file.line_count > FILE_LINES_MAX {
            long_files.insert(file.path, file.line_count);
        }
    }
    assert_ratchet("FILE", &long_files, LONG_FILES_ALLOWED);
    assert_ratchet("FUNCTION", &long_functions, LONG_FUNCTIONS_ALLOWED);
}

/// Everything too long is listed and no longer than listed; everything listed is still too long.
fn assert_ratchet(what: &str, found: &BTreeMap<String, usize>, allowed: &[(&str, usize)]) {
    let allowed: BTreeMap<_, _> = allowed.iter().copied().collect();
    let is_long = |(name, lines): &(&String, &usize)| **lines > allowed.get(name.as_str()).copied().unwrap_or(0);
    let long: Vec<_> = found.iter().filter(is_long).collect();
    assert!(long.is_empty(), "split these, of so many lines (see {what}_LINES_MAX): {long:#?}");
    for name in allowed.keys() {
        assert!(found.contains_key(*name), "{name} is short enough now: take it off LONG_{what}S_ALLOWED");
    }
}

#[test]
fn every_drop_reason_is_named_in_a_test() {
    let reasons: BTreeSet<_> = source::enum_variants(&read("core/src/error.rs"), "DropReason").into_iter().collect();
    assert!(reasons.len() > 10, "DropReason was not found: {reasons:?}");
    let files: Vec<SourceFile> = rust_files().collect();
    let is_tested = |reason: &str| files.iter().any(|file| source::has_word(&file.test_code, "DropReason::", reason));
    let untested: BTreeSet<_> = reasons.iter().map(String::as_str).filter(|reason| !is_tested(reason)).collect();
    let listed: BTreeSet<_> = NOT_YET_TESTED.iter().copied().collect();
    let unlisted: Vec<_> = untested.difference(&listed).collect();
    assert!(unlisted.is_empty(), "no test names these DropReasons: {unlisted:?}");
    let outdated: Vec<_> = listed.difference(&untested).collect();
    assert!(outdated.is_empty(), "tested now, or gone: take them off NOT_YET_TESTED: {outdated:?}");
}

#[test]
fn the_constants_in_the_protocol_document_are_those_of_the_code() {
    let limits = source::constants(&read("core/src/limits.rs"));
    assert!(limits.len() > 10, "limits.rs was not understood");
    let Some(document) = source::try_read("core/PROTOCOL.md") else { return };
    let rows: Vec<_> = document.lines().filter_map(source::constant_row).collect();
    assert!(!rows.is_empty(), "core/PROTOCOL.md has no row such as | `DATAGRAM_MAX_BYTES` | 1200 |");
    for (name, written) in rows {
        let real = arithmetic::evaluate(name, &limits)
            .unwrap_or_else(|| panic!("core/PROTOCOL.md: limits.rs has no number named {name}"));
        let written_value = arithmetic::evaluate(written, &limits)
            .unwrap_or_else(|| panic!("core/PROTOCOL.md: {name}: {written:?} is not a number"));
        assert_eq!(written_value, real, "core/PROTOCOL.md: {name}");
    }
}

#[test]
fn the_repository_does_not_know_the_machine_it_was_written_on() {
    let forbidden: Vec<String> = FORBIDDEN_TEXT.iter().map(|(head, tail)| format!("{head}{tail}")).collect();
    for (path, text) in text_files() {
        for word in &forbidden {
            assert!(!text.contains(word.as_str()), "{path} contains {word:?}");
        }
    }
}
