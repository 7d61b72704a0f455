//! Invitations, breakout rooms and the devices of one's account: from what people do to events.

use std::rc::Rc;

use hph_client::breakout::{BreakoutAct, BreakoutWish};
use hph_presenters::app::Event;
use hph_presenters::invites::{Event as Invite, Lasting};
use hph_presenters::sessions::Event as Sessions;
use hph_presenters::text::Lang;
use slint::ComponentHandle;

use super::Program;
use crate::ui;
use crate::view::{USES, sign_of};

/// Connects them.
pub(super) fn connect(ui: &ui::App, program: &Rc<Program>) {
    invites(&ui.global::<ui::Invites>(), program);
    breakouts(&ui.global::<ui::Breakouts>(), program);
    devices(&ui.global::<ui::Settings>(), program);
}

fn invites(sheet: &ui::Invites<'_>, program: &Rc<Program>) {
    let at = |index: i32| usize::try_from(index).unwrap_or(0);
    on!(program, sheet, on_choose_uses, |p, index| {
        p.post(Event::Invites(Invite::Uses(USES.get(at(index)).copied().unwrap_or(1))));
    });
    on!(program, sheet, on_choose_lasting, |p, index| {
        p.post(Event::Invites(Invite::Lasting(Lasting::ALL.get(at(index)).copied().unwrap_or_default())));
    });
    on!(program, sheet, on_set_may_register, |p, is_on| p.post(Event::Invites(Invite::MayRegister(is_on))));
    on!(program, sheet, on_make, |p| p.post(Event::Invites(Invite::Make)));
    on!(program, sheet, on_withdraw, |p, id| if let Ok(id) = id.parse() {
        p.post(Event::Invites(Invite::Withdraw(id)));
    });
    on!(program, sheet, on_copy_link, |p| p.post(Event::Invites(Invite::CopyLink)));
    on!(program, sheet, on_copy_digits, |p| p.post(Event::Invites(Invite::CopyCode)));
}

fn breakouts(section: &ui::Breakouts<'_>, program: &Rc<Program>) {
    let wish = Event::Breakout;
    on!(program, section, on_split, |p, count, minutes| {
        let after_s = u16::try_from(minutes * 60).ok().filter(|seconds| *seconds > 0);
        p.post(wish(BreakoutWish::Split { count: number(count), after_s }));
    });
    on!(program, section, on_open, |p| p.open_breakout());
    on!(program, section, on_go, |p, to| p.post(wish(BreakoutWish::Go(number(to)))));
    on!(program, section, on_move, |p, slot, to| if let Some(whom) = p.username(slot) {
        p.post(wish(BreakoutWish::Do(BreakoutAct::Move { whom, number: number(to) })));
    });
    on!(program, section, on_tell, |p, text| p.tell_breakouts(text.trim().to_owned()));
    on!(program, section, on_end, |p, seconds| {
        p.post(wish(BreakoutWish::Do(BreakoutAct::End(u16::try_from(seconds).unwrap_or(0)))));
    });
}

fn devices(page: &ui::Settings<'_>, program: &Rc<Program>) {
    on!(program, page, on_list_devices, |p| p.post(Event::Sessions(Sessions::List)));
    on!(program, page, on_ask_revoke, |p, id, is_asked| match sign_of(&id).filter(|_| is_asked) {
        Some(sign) => p.post(Event::Sessions(Sessions::Ask(sign))),
        None => p.post(Event::Sessions(Sessions::Cancel)),
    });
    on!(program, page, on_revoke, |p| p.post(Event::Sessions(Sessions::Revoke)));
}

fn number(number: i32) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

impl Program {
    /// One more, with the next name.
    fn open_breakout(&self) {
        let name = {
            let state = self.state.borrow();
            let next = state.app.breakouts().map_or(0, |breakouts| breakouts.rooms.len()) + 1;
            format!("{} {next}", state.app.lang().unwrap_or(Lang::Vi).pick("Nhóm", "Group"))
        };
        self.post(Event::Breakout(BreakoutWish::Do(BreakoutAct::Open(name))));
    }

    fn tell_breakouts(&self, text: String) {
        if text.is_empty() {
            return;
        }
        if let Some(ui) = self.ui.upgrade() {
            ui.global::<ui::Breakouts>().set_word("".into());
        }
        self.post(Event::Breakout(BreakoutWish::Do(BreakoutAct::Tell(text))));
    }
}
