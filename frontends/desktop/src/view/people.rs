//! The panel of people.

use hph_client::core::wire::control::Act;
use hph_client::engine::Role;
use hph_client::people::KeyState;
use hph_presenters::people::Row;
use hph_presenters::text::Lang;
use slint::ComponentHandle;

use super::{Seen, View, count, hue};
use crate::ui;

impl View {
    pub(super) fn refresh_people(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let app = seen.app;
        let (Some((room, view)), Some(people)) = (app.front_room(), app.people()) else { return };
        let sections = app.sections(seen.now);
        let screen = ui.global::<ui::People>();
        screen.set_search(people.search.as_str().into());
        screen.set_is_locked(view.is_locked);
        screen.set_may_mute_all(sections.acts.contains(&Act::MuteAll));
        screen.set_may_lock(sections.acts.iter().any(|act| matches!(act, Act::Lock | Act::Unlock)));
        screen.set_may_rule(hph_presenters::people::my_role(view) >= Role::Host);
        screen.set_has_waiting_room(view.rules.has_waiting_room);
        screen.set_hosts_share(view.rules.hosts_share);
        screen.set_has_password(view.rules.has_password);
        let waiting = sections.waiting.iter().map(|(id, name)| ui::Choice { id: id.into(), name: name.into() });
        self.waiting.set(waiting.collect());
        let row = |row: &Row| member(row, room.volume(row.slot, row.member).0, lang);
        self.members.set(sections.here.iter().map(row).collect());
    }
}

fn member(row: &Row, volume: u32, lang: Lang) -> ui::MemberRow {
    let may = |act| row.acts.contains(&act);
    let say = |is_so, vi: &'static str, en: &'static str| if is_so { lang.pick(vi, en) } else { "" };
    let about = [
        row.name.as_str(),
        say(row.is_me, "bạn", "you"),
        say(row.role >= Role::Host, "chủ phòng", "host"),
        say(!row.is_mic_on, "micro tắt", "muted"),
        say(row.is_camera_on, "camera bật", "camera on"),
        say(row.hand.is_some(), "giơ tay", "hand raised"),
    ];
    let about: Vec<&str> = about.into_iter().filter(|part| !part.is_empty()).collect();
    ui::MemberRow {
        slot: i32::from(row.slot.0),
        name: row.name.as_str().into(),
        about: about.join(", ").into(),
        letter: row.initial.as_str().into(),
        hue: hue(row.hue),
        is_me: row.is_me,
        is_muted: !row.is_mic_on,
        has_camera: row.is_camera_on,
        is_sharing: row.is_sharing,
        is_speaking: row.is_speaking,
        hand: row.hand.map_or(0, |(place, _)| count(place)),
        bars: i32::from(row.bars.0),
        may_mute: may(Act::Mute) && row.is_mic_on,
        may_stop_video: may(Act::StopVideo) && (row.is_camera_on || row.is_sharing),
        may_ask_unmute: may(Act::AskUnmute) && !row.is_mic_on,
        may_host: may(Act::MakeHost) || may(Act::UnmakeHost),
        is_host: row.role >= Role::Host,
        may_remove: may(Act::Remove),
        may_dm: !row.is_me,
        is_key_changed: row.key == KeyState::Changed,
        volume: i32::try_from(volume).unwrap_or(100),
    }
}
