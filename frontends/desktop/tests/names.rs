//! Whoever does not see the screen: every control of every screen has a name, and those of a touched screen are large enough.

use hph_desktop::shots::scenes;
use hph_desktop::ui::{App, Theme};
use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery};
use slint::{ComponentHandle, LogicalSize};

/// What can be done something with.
const CONTROLS: [AccessibleRole; 6] = [
    AccessibleRole::Button,
    AccessibleRole::Switch,
    AccessibleRole::Slider,
    AccessibleRole::TextInput,
    AccessibleRole::Combobox,
    AccessibleRole::Tab,
];
/// A finger needs so much in one direction at least. **Units:** logical pixels.
const FINGER: f32 = 40.0;
/// What is small, because it stands in something that does the same: pinning a tile, by a double tap on it.
const SMALL: [&str; 2] = ["Pin ", "Unpin "];

fn controls(app: &App) -> Vec<(AccessibleRole, ElementHandle)> {
    let of = |role| ElementQuery::from_root(app).match_descendants().match_accessible_role(role).find_all();
    CONTROLS.into_iter().flat_map(|role| of(role).into_iter().map(move |element| (role, element))).collect()
}

#[test]
fn every_control_has_a_name_and_place_for_a_finger() {
    i_slint_backend_testing::init_no_event_loop();
    let mut count = 0;
    for scene in scenes() {
        let app = App::new().expect("a window");
        slint::select_bundled_translation("en").expect("English");
        app.global::<Theme>().set_compact(true);
        app.window().set_size(LogicalSize::new(800.0, 480.0));
        scene.fill(&app, "en");
        app.show().expect("shown");
        i_slint_backend_testing::mock_elapsed_time(std::time::Duration::from_millis(100));
        let found = controls(&app);
        assert!(!found.is_empty() || scene.name == "room-alone", "{}: no controls were found", scene.name);
        for (role, element) in found {
            let name = element.accessible_label().unwrap_or_default();
            assert!(!name.is_empty(), "{}: {role:?} {:?} has no name", scene.name, element.id());
            let size = element.size();
            let is_small = SMALL.iter().any(|small| name.starts_with(small)) || role == AccessibleRole::TextInput;
            let is_large = size.width.max(size.height) >= FINGER && size.width.min(size.height) >= FINGER - 8.0;
            assert!(is_small || is_large || size.height == 0.0, "{}: {name:?} is {size:?}", scene.name);
            count += 1;
        }
        app.hide().expect("hidden");
    }
    assert!(count > 200, "only {count} controls");
}
