//! Invitations, breakout rooms and the devices of one's account.

use hph_presenters::invites::{Lasting, grouped};
use hph_presenters::people;
use hph_presenters::text::{Lang, count as counts, when};
use hph_presenters::time::Now;
use slint::{ComponentHandle, SharedString};

use super::{Seen, View, code, count};
use crate::{ui, words};

/// For how many people an invitation can be, as one chooses it.
pub const USES: [u16; 6] = [1, 2, 5, 10, 30, 100];

impl View {
    pub(super) fn refresh_invites(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let Some(invites) = &seen.app.invites else { return };
        let sheet = ui.global::<ui::Invites>();
        sheet.set_room(invites.name.as_str().into());
        sheet.set_may_make(invites.may_make);
        let link = invites.link();
        if self.invited != link {
            sheet.set_code_picture(code(&link));
            sheet.set_link(link.as_str().into());
            self.invited = link;
        }
        sheet.set_is_made(invites.made.is_some());
        if let Some(made) = &invites.made {
            sheet.set_digits(grouped(&made.code).into());
            let text = lang.pick("Dùng được đến {t}, cho {n} người.", "Good until {t}, for {n}.");
            let people = match lang {
                Lang::Vi => made.uses.to_string(),
                Lang::En if made.uses == 1 => "one person".to_owned(),
                Lang::En => format!("{} people", made.uses),
            };
            sheet.set_about(
                text.replace("{t}", &moment(made.expires_ms, &seen.now, lang)).replace("{n}", &people).into(),
            );
        }
        self.uses.set(USES.iter().map(|uses| SharedString::from(uses.to_string())).collect());
        sheet.set_uses(USES.iter().position(|uses| *uses == invites.uses).map_or(0, count));
        self.lasting.set(Lasting::ALL.iter().map(|lasting| lasting.text(lang).into()).collect());
        sheet.set_lasting(Lasting::ALL.iter().position(|lasting| *lasting == invites.lasting).map_or(0, count));
        sheet.set_may_register(invites.may_register);
        sheet.set_busy(invites.is_busy());
        sheet.set_problem(invites.problem.map(|of| words::trouble_in_one(of, lang)).unwrap_or_default().into());
        let row = |invitation: &hph_client::engine::InvitationInfo| {
            let about = lang.pick("đã dùng {u}/{n} · đến {t} · {b}", "{u} of {n} used · until {t} · {b}");
            let about = about
                .replace("{u}", &invitation.used.to_string())
                .replace("{n}", &invitation.uses.to_string())
                .replace("{t}", &moment(invitation.expires_ms, &seen.now, lang))
                .replace("{b}", &seen.app.name_of(&invitation.made_by));
            let id = invitation.id.to_string();
            ui::InviteRow {
                name: format!("{} #{id}", lang.pick("Lời mời", "Invitation")).into(),
                id: id.into(),
                about: about.into(),
            }
        };
        self.invites.set(invites.list.iter().map(row).collect());
    }

    pub(super) fn refresh_breakouts(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let app = seen.app;
        let Some((_, view)) = app.front_room() else { return };
        let section = ui.global::<ui::Breakouts>();
        let place = app.breakout_place();
        section.set_may_lead(people::my_role(view).is_host());
        section.set_may_go_back(place.is_some_and(|place| place.may_go_back));
        let ends = app
            .breakouts_end_s(seen.now)
            .map(|left_s| lang.pick("còn {}", "{} left").replace("{}", &counts::stopwatch(left_s)));
        section.set_ends(ends.unwrap_or_default().into());
        let here = place.map_or(0, |place| place.number);
        let breakouts = app.breakouts();
        let name = breakouts.and_then(|all| all.rooms.get(&here)).map(|room| room.name.clone());
        section.set_here(name.unwrap_or_default().into());
        let row = |(number, room): (&u8, &hph_client::breakout::BreakoutRoom)| {
            let inside = breakouts.into_iter().flat_map(|all| &all.people).filter(|(_, at)| *at == number);
            let mut names: Vec<String> = inside.map(|(username, _)| app.name_of(username)).collect();
            names.sort();
            ui::BreakoutRow {
                number: i32::from(*number),
                name: room.name.as_str().into(),
                people: names.join(", ").into(),
                is_here: *number == here,
            }
        };
        self.breakouts.set(breakouts.into_iter().flat_map(|all| &all.rooms).map(row).collect());
    }

    pub(super) fn refresh_devices_of_account(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let (page, sessions) = (ui.global::<ui::Settings>(), &seen.app.sessions);
        page.set_has_account(seen.app.has_account());
        page.set_are_devices_loading(sessions.is_loading());
        page.set_devices_problem(sessions.problem.map(|of| words::trouble_in_one(of, lang)).unwrap_or_default().into());
        let row = |device: &hph_presenters::sessions::Device| {
            let last = moment(device.last_seen_ms, &seen.now, lang);
            let about = if device.is_here {
                lang.pick("đang đăng nhập", "signed in now").to_owned()
            } else {
                lang.pick("lần cuối {}", "last seen {}").replace("{}", &last)
            };
            ui::DeviceRow {
                id: hph_client::link::hex(&device.sign).into(),
                name: device.name.as_str().into(),
                about: about.into(),
                fingerprint: device.fingerprint.as_str().into(),
                is_here: device.is_here,
                is_this: device.is_this,
                is_asked: sessions.asked == Some(device.sign),
            }
        };
        self.devices.set(sessions.devices.iter().map(row).collect());
    }
}

/// The key of a device, as its row has it.
pub fn sign_of(id: &str) -> Option<[u8; 32]> {
    hph_client::link::parse_hex(id)
}

/// A day and its time.
fn moment(unix_ms: u64, now: &Now, lang: Lang) -> String {
    let clock = when::clock(unix_ms, now);
    match when::day(unix_ms, now) {
        when::Day::Today => clock,
        day => format!("{clock}, {}", day.text(lang)),
    }
}
