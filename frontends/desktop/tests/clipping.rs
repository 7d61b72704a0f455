//! No text of the program is cut off: not with letters twice as large, and not in a language whose words are nearly twice as long.
//! Names and what people write may be: they are made shorter on purpose, and told in full to screen readers.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::rc::Rc;

use hph_desktop::shots::scenes;
use hph_desktop::ui::{App, Probe, Theme};
use slint::{ComponentHandle, PhysicalSize};

/// A language, how large the letters are, and whether the window is touched.
const SETTINGS: [(&str, f32, bool); 5] =
    [("en", 2.0, false), ("vi", 2.0, false), ("en", 2.0, true), ("vi", 2.0, true), ("qps", 1.0, false)];

/// People and rooms of the scenes: their names stand in texts of ours, and may be as long as they like.
const NAMES: [&str; 2] = ["Nguyễn Thị Hường", "Nhóm 17"];

/// Every text of the catalogue that stands as it is, in both languages.
fn own_texts() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/lang/vi/LC_MESSAGES/hph-desktop.po");
    let catalogue = fs::read_to_string(path).unwrap();
    let text = |line: &str| {
        let (word, text) = line.split_once(' ')?;
        word.starts_with("msg").then(|| text.trim_matches('"').to_owned())
    };
    catalogue.lines().filter_map(text).filter(|text| !text.is_empty()).collect()
}

#[test]
fn no_text_is_cut_off() {
    hph_desktop::headless::install().expect("no display yet");
    let own = own_texts();
    assert!(own.len() > 200, "the catalogue was not understood");
    let mut wrong = BTreeSet::new();
    let mut seen = 0;
    for scene in scenes() {
        for (lang, scale, is_touched) in SETTINGS {
            let app = App::new().expect("a window");
            slint::select_bundled_translation(lang).expect("a language");
            let theme = app.global::<Theme>();
            theme.set_text_scale(scale);
            theme.set_compact(is_touched);
            app.window().set_size(if is_touched { PhysicalSize::new(800, 480) } else { PhysicalSize::new(1280, 720) });
            scene.fill(&app, if lang == "vi" { "vi" } else { "en" });
            app.show().expect("shown");
            hph_desktop::headless::settle();
            app.window().take_snapshot().expect("drawn");
            let cut = Rc::new(RefCell::new(Vec::<String>::new()));
            let told = Rc::clone(&cut);
            app.global::<Probe>().on_cut(move |text| told.borrow_mut().push(text.into()));
            app.global::<Probe>().set_is_on(true);
            hph_desktop::headless::settle();
            app.window().take_snapshot().expect("drawn");
            seen += cut.borrow().len();
            for text in cut.borrow().iter() {
                let has_a_name = NAMES.iter().any(|name| text.contains(name));
                if own.contains(text) || (lang == "qps" && text.starts_with('[') && !has_a_name) {
                    wrong.insert(format!(
                        "{} {lang} {scale} {}: {text}",
                        scene.name,
                        if is_touched { "touch" } else { "desktop" }
                    ));
                }
            }
            app.hide().expect("hidden");
        }
    }
    // Long names are cut on purpose somewhere: otherwise nothing was looked at.
    assert!(seen > 0, "the probe tells nothing");
    assert!(
        wrong.is_empty(),
        "{} texts are cut off:\n{}",
        wrong.len(),
        wrong.into_iter().collect::<Vec<_>>().join("\n")
    );
}
