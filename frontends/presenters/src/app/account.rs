//! Invitations, the devices of one's account, pictures among the files, and what a link gives its owner: what is asked of the
//! server outside of any one room's screen.

use hph_client::engine::{AccountCommand, AccountEvent, Command};
use hph_client::link::{Given, Invitation};

use super::*;
use crate::signin::Way;
use crate::{invites, previews, sessions};

impl App {
    /// Opens the sheet of invitations to the room in front.
    pub(super) fn invite(&mut self, effects: &mut Effects) {
        let Some((room, view)) = self.front_room() else { return };
        let (id, name, may_make) = (room.id, view.name.clone(), people::my_role(view).is_host());
        let Some((host, port, pin)) = self.lobby.server.clone() else { return };
        let way = Invitation { host, port, pin: Some(pin), room: Some(name.clone()), given: None };
        self.invites = Some(invites::Invites::open(id, &name, way, may_make, &mut self.ids, effects));
        self.set_sheet(Some(Sheet::Invitations), effects);
    }

    pub(super) fn handle_invites(&mut self, event: invites::Event, now: Now, effects: &mut Effects) {
        let Some(invites) = &mut self.invites else { return };
        if invites.handle(event, &mut self.ids, effects) {
            self.toasts.push(Notice::Copied, now.at);
        }
    }

    /// Whether we are signed in with an account: guests have none, and no list of devices.
    pub fn has_account(&self) -> bool {
        self.lobby.server.is_some() && self.signin.way != Way::Guest
    }

    pub(super) fn handle_sessions(&mut self, event: sessions::Event, effects: &mut Effects) {
        if self.has_account() {
            self.sessions.handle(event, &mut self.ids, effects);
        }
    }

    pub(super) fn handle_previews(&mut self, event: previews::Event, effects: &mut Effects) {
        self.previews.handle(event, &mut self.ids, effects);
    }

    /// What the engine says of all that.
    pub(super) fn hear_of_accounts(&mut self, event: &ClientEvent, now: Now, effects: &mut Effects) {
        if let ClientEvent::Account(AccountEvent::OnlyRoom { name, .. }) = event {
            self.go_where_invited(name, now, effects);
        }
        if let Some(invites) = &mut self.invites {
            invites.handle_engine(event);
        }
        self.sessions.handle_engine(event);
        self.previews.handle_engine(event, effects);
    }

    /// A guest who was let in for one room may be in no other: nine digits don't say which, the server does.
    fn go_where_invited(&mut self, name: &str, now: Now, effects: &mut Effects) {
        if self.signin.was_invited && self.screen == Screen::Lobby && self.rooms.is_empty() {
            self.prepare(name.to_owned(), false, false, now, effects);
        }
    }

    /// Whoever came with the link that a new server shows becomes its owner.
    pub(super) fn claim(&mut self, effects: &mut Effects) {
        let target = self.signin.target.as_mut();
        let given = target.and_then(|target| target.given.take());
        if let Some(Given::Own(secret)) = given {
            let request = self.ids.request();
            crate::effect::engine(effects, Command::Account(AccountCommand::Claim { request, secret }));
        }
    }
}
