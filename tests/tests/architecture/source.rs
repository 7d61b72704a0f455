//! The repository as text. Relies on rustfmt: what starts at some indentation ends at the same one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The top directory of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_path_buf()
}

/// The file at `path` below the top directory, if there is one.
pub fn try_read(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

/// The file at `path` below the top directory.
pub fn read(path: &str) -> String {
    try_read(path).unwrap_or_else(|| panic!("{path} is not readable"))
}

/// Every text file of the repository: path below the top directory, contents.
pub fn text_files() -> impl Iterator<Item = (String, String)> {
    let mut paths = Vec::new();
    collect(&root(), &mut paths);
    paths.sort();
    paths.into_iter().filter_map(|path| {
        let text = fs::read_to_string(&path).ok()?;
        Some((path.strip_prefix(root()).expect("below root").to_str()?.to_string(), text))
    })
}

/// Leaves out what cargo and git keep there; cargo marks its own directories with a tag.
fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    if directory.join("CACHEDIR.TAG").exists() || directory.ends_with(".git") || directory.ends_with("target") {
        return;
    }
    for entry in fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        // In a second work tree `.git` is a file that says where the first one is.
        if path.is_dir() {
            collect(&path, paths);
        } else if !path.ends_with(".git") {
            paths.push(path);
        }
    }
}

/// One file of Rust, cut in two.
pub struct SourceFile {
    /// Path below the top directory.
    pub path: String,
    /// Lines, tests and comments included.
    pub line_count: usize,
    /// What is built into the product.
    pub product_code: String,
    /// What is only built for tests.
    pub test_code: String,
    functions: Vec<(String, usize)>,
}

/// Every Rust file of the repository.
pub fn rust_files() -> impl Iterator<Item = SourceFile> {
    text_files().filter(|(path, _)| path.ends_with(".rs")).map(|(path, text)| SourceFile::new(path, &text))
}

impl SourceFile {
    fn new(path: String, text: &str) -> Self {
        let is_all_test = path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs");
        let (product_code, test_code) = if is_all_test { (String::new(), text.to_string()) } else { split_tests(text) };
        Self { line_count: text.lines().count(), product_code, test_code, functions: measure_functions(text), path }
    }

    /// Name and number of lines of each function.
    pub fn function_lines(&self) -> impl Iterator<Item = (&str, usize)> {
        self.functions.iter().map(|(name, lines)| (name.as_str(), *lines))
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Number of lines of the item that begins at `lines[0]`: to the first line of the same indentation that closes it.
fn item_length(lines: &[&str]) -> usize {
    let indent = lines.first().map_or(0, |line| indentation(line));
    let closes = |line: &&str| {
        indentation(line) == indent && (line.ends_with('}') || line.ends_with(';') || line.ends_with("})"))
    };
    lines.iter().position(closes).map_or(lines.len(), |last| last + 1)
}

/// Product code and test code: an item under `#[cfg(test)]` is test code.
fn split_tests(text: &str) -> (String, String) {
    let lines: Vec<&str> = text.lines().collect();
    let (mut product, mut tests) = (Vec::<&str>::new(), Vec::<&str>::new());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if line.trim() == "#[cfg(test)]" {
            let item = &lines[at + 1..];
            let length = 1 + item_length(item);
            tests.extend(&lines[at..at + length]);
            at += length;
        } else {
            product.push(*line);
            at += 1;
        }
    }
    (product.join("\n"), tests.join("\n"))
}

fn measure_functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter_map(|(at, line)| Some((at, function_name(line)?)));
    starts.map(|(at, name)| (name.to_string(), item_length(&lines[at..]))).collect()
}

/// The name of the function that this line begins.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_qualifier = |word| matches!(word, "pub" | "pub(crate)" | "pub(super)" | "const" | "async" | "unsafe");
    let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (before.split_whitespace().all(is_qualifier) && !name.is_empty()).then_some(name)
}

/// Whether `text` has `prefix` followed by exactly `word`.
pub fn has_word(text: &str, prefix: &str, word: &str) -> bool {
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    text.split(prefix).skip(1).any(|rest| rest.strip_prefix(word).is_some_and(is_end))
}

/// The variants of an enum without fields.
pub fn enum_variants(text: &str, name: &str) -> Vec<String> {
    let head = format!("pub enum {name} {{");
    let body = text.lines().skip_while(|line| *line != head).skip(1).take_while(|line| *line != "}");
    body.filter_map(|line| line.trim().strip_suffix(','))
        .filter(|line| line.chars().all(char::is_alphanumeric))
        .map(str::to_string)
        .collect()
}

/// `pub const NAME: TYPE = EXPRESSION;`: the expressions by name.
pub fn constants(text: &str) -> BTreeMap<String, String> {
    let items = text.split("pub const ").skip(1).filter_map(|item| item.split_once(';'));
    items
        .filter_map(|(item, _)| {
            let (declaration, expression) = item.split_once('=')?;
            let (name, _) = declaration.split_once(':')?;
            Some((name.trim().to_string(), expression.trim().to_string()))
        })
        .collect()
}

/// The first two cells of a table row whose first is a constant's name: | `NAME` | value | ...
pub fn constant_row(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.trim().strip_prefix("| `")?.split_once("` |")?;
    let is_constant = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let (value, _) = rest.split_once('|')?;
    is_constant.then_some((name, value.trim()))
}

/// The name in a package's manifest.
pub fn package_name(manifest: &str) -> Option<&str> {
    manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
}

/// The packages of ours that a manifest depends on, for any purpose.
pub fn our_dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    manifest.lines().filter_map(|line| {
        let line = line.rsplit_once("dependencies.").map_or(line, |(_, rest)| rest);
        let end = line.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(line.len());
        let name = &line[..end];
        (name == "hph" || name.starts_with("hph-")).then_some(name)
    })
}
