//! Language, colours, sizes, and the sheet of settings.

use std::env;

use hph_presenters::app::App;
use hph_presenters::settings::{MicMode, Theme};
use hph_presenters::text::Lang;
use slint::ComponentHandle;

use super::{Seen, View};
use crate::ui;

/// A window narrower or lower than this is a small one. **Units:** logical pixels.
const COMPACT: (f32, f32) = (900.0, 520.0);

/// The language: said at the start, chosen, or the system's.
pub fn lang(seen: &Seen<'_>) -> Lang {
    let of = |code: &str| if code.starts_with("vi") { Lang::Vi } else { Lang::En };
    let system = || {
        let names = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter();
        names
            .filter_map(|name| env::var(name).ok())
            .find(|value| !value.is_empty())
            .map_or(Lang::En, |value| of(&value))
    };
    seen.app.lang().or_else(|| seen.lang.map(of)).unwrap_or_else(system)
}

/// The colours that are chosen. Nothing says what the system's are: dark, as most meetings are.
pub fn look(app: &App) -> ui::Look {
    let looks = &app.memory.settings.looks;
    match looks.theme {
        _ if looks.is_high_contrast => ui::Look::Contrast,
        Theme::Light => ui::Look::Light,
        Theme::Dark | Theme::System => ui::Look::Dark,
    }
}

impl View {
    pub(super) fn refresh_looks(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let settings = &seen.app.memory.settings;
        let theme = ui.global::<ui::Theme>();
        let look = look(seen.app);
        theme.set_look(look);
        theme.set_text_scale(f32::from(settings.looks.text_percent) / 100.0);
        theme.set_reduce_motion(settings.looks.is_motion_reduced);
        let size = ui.window().size().to_logical(ui.window().scale_factor());
        theme.set_compact(size.width < COMPACT.0 || size.height < COMPACT.1);
        if self.lang.replace(lang) != Some(lang) {
            // A language that is not in the program leaves the texts as they are.
            let _ = slint::select_bundled_translation(lang.code());
            ui.global::<ui::Shell>().set_language(lang.code().into());
        }
        let sheet = ui.global::<ui::Settings>();
        sheet.set_look(match look {
            ui::Look::Dark => 0,
            ui::Look::Light => 1,
            ui::Look::Contrast => 2,
        });
        sheet.set_scale(f32::from(settings.looks.text_percent) / 100.0);
        sheet.set_reduce_motion(settings.looks.is_motion_reduced);
        sheet.set_push_to_talk(settings.audio.mode == MicMode::PushToTalk);
        sheet.set_echo(settings.audio.is_echo_cancelled);
        sheet.set_noise(settings.audio.is_noise_suppressed);
        sheet.set_gain(settings.audio.is_gain_controlled);
        sheet.set_mirror(settings.video.is_mirrored);
        let keys = seen.app.bindings().iter();
        self.keys.set(
            keys.map(|binding| ui::KeyRow {
                keys: binding.chord.to_string().into(),
                action: binding.action.label(lang).into(),
            })
            .collect(),
        );
    }
}
