//! Every text of the drawing in both languages: the English one is in the `.slint` files, the Vietnamese one in the catalogue.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const CATALOGUE: &str = "lang/vi/LC_MESSAGES/hph-kiosk.po";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn slint_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            slint_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "slint") {
            files.push(fs::canonicalize(path).unwrap());
        }
    }
}

/// A text in quotation marks at the start, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let rest = text.trim_start().strip_prefix('"')?;
    let mut is_escaped = false;
    let end = rest.find(|letter| {
        let ends = letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends
    })?;
    Some((rest[..end].to_owned(), &rest[end + 1..]))
}

/// The parts that are the desktop program's: what is imported, and what that imports.
fn add_imported(files: &mut Vec<PathBuf>) {
    let mut at = 0;
    while let Some(file) = files.get(at).cloned() {
        let source = fs::read_to_string(&file).unwrap();
        for line in source.lines().filter(|line| line.starts_with("import") || line.starts_with("export {")) {
            let path = line.split_once(" from ").and_then(|(_, path)| quoted(path)).map(|(path, _)| path);
            let path = path.and_then(|path| fs::canonicalize(file.parent()?.join(path)).ok());
            if let Some(path) = path.filter(|path| !files.contains(path)) {
                files.push(path);
            }
        }
        at += 1;
    }
}

/// Every text of `@tr`, with its plural if it has one.
fn texts() -> BTreeMap<String, Option<String>> {
    let mut files = Vec::new();
    slint_files(&root().join("ui"), &mut files);
    add_imported(&mut files);
    let mut texts = BTreeMap::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        for part in source.split("@tr(").skip(1) {
            let (text, rest) = quoted(part).unwrap_or_else(|| panic!("{}: @tr without a text", file.display()));
            let plural = rest.trim_start().strip_prefix('|').and_then(quoted).map(|(plural, _)| plural);
            texts.insert(text, plural);
        }
    }
    texts
}

/// An entry of the catalogue.
#[derive(Default)]
struct Entry {
    plural: Option<String>,
    text: String,
    is_fuzzy: bool,
}

fn catalogue() -> BTreeMap<String, Entry> {
    let po = fs::read_to_string(root().join(CATALOGUE)).unwrap();
    let mut entries = BTreeMap::new();
    for block in po.split("\n\n").skip(1) {
        let mut entry = Entry::default();
        let mut id = String::new();
        for line in block.lines() {
            let value = |rest: &str| quoted(rest).unwrap_or_else(|| panic!("{line}")).0;
            match line.split_once(' ') {
                Some(("#,", flags)) => entry.is_fuzzy |= flags.contains("fuzzy"),
                Some(("msgid", rest)) => id = value(rest),
                Some(("msgid_plural", rest)) => entry.plural = Some(value(rest)),
                Some(("msgstr" | "msgstr[0]", rest)) => entry.text = value(rest),
                _ => panic!("{CATALOGUE}: a line that is not understood: {line}"),
            }
        }
        assert!(entries.insert(id.clone(), entry).is_none(), "{id:?} is there twice");
    }
    entries
}

#[test]
fn every_text_is_in_the_catalogue_and_nothing_else_is() {
    let (texts, catalogue) = (texts(), catalogue());
    assert!(texts.len() > 50, "the texts were not found");
    for (text, plural) in &texts {
        let entry = catalogue.get(text).unwrap_or_else(|| panic!("not in the catalogue: {text:?}"));
        assert_eq!(entry.plural, *plural, "{text:?}");
        assert!(!entry.text.is_empty() && !entry.is_fuzzy, "not translated, or not sure: {text:?}");
    }
    for text in catalogue.keys() {
        assert!(texts.contains_key(text), "no longer needed: {text:?}");
    }
}

#[test]
fn translations_have_the_same_places_to_fill() {
    let places = |text: &str| {
        let mut places: Vec<&str> = text.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
        places.sort_unstable();
        places.into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    for (text, entry) in catalogue() {
        assert_eq!(places(&text), places(&entry.text), "{text:?}");
    }
}

#[test]
fn no_text_stands_in_the_drawing_without_its_translation() {
    // What is the same in every language.
    const SAME: &[&str] = &["HPH Kiosk", "Tiếng Việt", "English", "Be Vietnam Pro", "Telex"];
    let mut files = Vec::new();
    slint_files(&root().join("ui"), &mut files);
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        for (number, line) in source.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let is_import = code.starts_with("import")
                || code.contains("@image-url")
                || code.contains("Keys.act(")
                || line.contains("://");
            if is_import || code.contains("@tr(") {
                continue;
            }
            let mut rest = code;
            while let Some(at) = rest.find('"') {
                let Some((text, behind)) = quoted(&rest[at..]) else { break };
                let has_words = text.chars().filter(|letter| letter.is_alphabetic()).count() > 2;
                let is_same = SAME.contains(&text.as_str());
                assert!(!has_words || is_same, "{}:{}: {text:?} is not in @tr", file.display(), number + 1);
                rest = behind;
            }
        }
    }
}
