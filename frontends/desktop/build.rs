//! Compiles the `.slint` files, with the catalogues of `lang/` inside. Where tests are built there is one language more, `qps`: every
//! text nearly twice as long, to see what does not find its place.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use slint_build::{CompilerConfiguration, DefaultTranslationContext, EmbedResourcesKind};

/// A catalogue inside the folder of a language.
const CATALOGUE: &str = "LC_MESSAGES/hph-desktop.po";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let languages = languages()?;
    let config = CompilerConfiguration::new()
        .with_style("fluent".to_owned())
        .embed_resources(EmbedResourcesKind::EmbedFiles)
        .with_bundled_translations(languages)
        .with_default_translation_context(DefaultTranslationContext::None)
        // The names by which tests and screen readers find things.
        .with_debug_info(true);
    Ok(slint_build::compile_with_config("ui/app.slint", config)?)
}

/// A folder with every language that is compiled in.
fn languages() -> io::Result<PathBuf> {
    let variable = |name: &str| env::var(name).map_err(io::Error::other);
    let source = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("lang/vi").join(CATALOGUE);
    println!("cargo::rerun-if-changed={}", source.display());
    let folder = Path::new(&variable("OUT_DIR")?).join("lang");
    let text = fs::read_to_string(source)?;
    write(&folder.join("vi").join(CATALOGUE), &text)?;
    let pseudo = folder.join("qps");
    if variable("PROFILE")? == "debug" {
        write(&pseudo.join(CATALOGUE), &stretched(&text))?;
    } else if pseudo.exists() {
        fs::remove_dir_all(pseudo)?;
    }
    Ok(folder)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, text)
}

/// The catalogue with the English texts instead of the translations, in brackets and 1.9 times as long.
fn stretched(catalogue: &str) -> String {
    let (mut out, mut id) = (String::new(), "");
    for line in catalogue.lines() {
        match line.split_once(' ') {
            Some(("msgid" | "msgid_plural", text)) => id = text.trim_matches('"'),
            Some((word @ ("msgstr" | "msgstr[0]"), _)) if !id.is_empty() => {
                let more = (id.chars().count() as f32 * 0.9).ceil() as usize;
                let padding: String =
                    "lorem ipsum dolor sit amet ".chars().cycle().take(more.saturating_sub(3)).collect();
                out += &format!("{word} \"[{id} {padding}]\"\n");
                continue;
            }
            _ => {}
        }
        out += line;
        out.push('\n');
    }
    out
}
