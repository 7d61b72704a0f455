//! What the user does: by key, palette, button or command.

use hph_client::breakout::{BreakoutAct, BreakoutWish};
use hph_client::core::wire::control::Act;

use super::*;
use crate::chat::{self, Problem, Slash};
use crate::keys::{Action, Chord};
use crate::room::mute;
use crate::{lobby, settings};

impl App {
    /// Does something that has a key or stands in the palette.
    pub(super) fn act(&mut self, action: Action, now: Now, effects: &mut Effects) {
        if self.sheet == Some(Sheet::Palette) && action != Action::Palette {
            self.set_sheet(None, effects);
        }
        let room = match action {
            Action::ToggleMic => room::Event::Mic(mute::Event::Toggle),
            Action::ToggleCamera => room::Event::ToggleCamera,
            Action::ToggleHand => room::Event::ToggleHand,
            Action::ToggleChat => room::Event::TogglePanel(room::Panel::Chat),
            Action::TogglePeople => room::Event::TogglePanel(room::Panel::People),
            Action::ToggleShare => room::Event::ToggleShare,
            Action::NextLayout => room::Event::NextLayout,
            Action::Leave => room::Event::Leave,
            Action::React(number) => match keys::reaction(number) {
                Some(reaction) => room::Event::React(reaction),
                None => return,
            },
            Action::NextPage | Action::PreviousPage | Action::Pin(_) => return self.act_on_tiles(action, now, effects),
            _ => return self.act_on_program(action, now, effects),
        };
        if let Some(id) = self.front {
            self.in_room(id, room, now, effects);
        }
    }

    fn act_on_tiles(&mut self, action: Action, now: Now, effects: &mut Effects) {
        let Some((room, view)) = self.front_room() else { return };
        let (id, page) = (room.id, room.page);
        let event = match action {
            Action::NextPage => Some(room::Event::Page(page + 1)),
            Action::PreviousPage => Some(room::Event::Page(page.saturating_sub(1))),
            Action::Pin(number) => {
                let scene = room.scene(view, now);
                let tile = scene.tiles.get(usize::from(number).wrapping_sub(1));
                tile.map(|placed| room::Event::Pin(placed.tile.id))
            }
            _ => None,
        };
        if let Some(event) = event {
            self.in_room(id, event, now, effects);
        }
    }

    fn act_on_program(&mut self, action: Action, now: Now, effects: &mut Effects) {
        let toggled = |open: Option<Sheet>, sheet| if open == Some(sheet) { None } else { Some(sheet) };
        match action {
            Action::ToggleFullScreen => {
                self.is_full_screen = !self.is_full_screen;
                effects.push(Effect::FullScreen(self.is_full_screen));
            }
            Action::ToggleStats => self.are_stats_shown = !self.are_stats_shown,
            Action::NextRoom => self.next_room(now, effects),
            Action::CopyInvitation => self.copy_invitation(now, effects),
            Action::Invite => self.invite(effects),
            Action::Help => self.set_sheet(toggled(self.sheet, Sheet::Help), effects),
            Action::Palette => self.set_sheet(toggled(self.sheet, Sheet::Palette), effects),
            Action::Diagnostics => self.set_sheet(toggled(self.sheet, Sheet::Diagnostics), effects),
            Action::Settings => self.set_sheet(toggled(self.sheet, Sheet::Settings), effects),
            Action::Close => self.close_top(now, effects),
            Action::Search => effects.push(Effect::Focus(crate::effect::Focus::Search)),
            Action::CreateRoom => _ = self.lobby.handle(lobby::Event::StartCreate, now, effects),
            Action::Lobby => self.go_to_lobby(now, effects),
            Action::SignOut => self.sign_out(effects),
            // The key itself: nothing is done by choosing it from a list.
            _ => {}
        }
    }

    pub(super) fn set_sheet(&mut self, sheet: Option<Sheet>, effects: &mut Effects) {
        self.sheet = sheet;
        self.palette.clear();
        if sheet != Some(Sheet::Invitations) {
            self.invites = None;
        }
        effects.push(Effect::Focus(match sheet {
            Some(Sheet::Palette) => crate::effect::Focus::Search,
            Some(_) => crate::effect::Focus::First,
            None => crate::effect::Focus::Stage,
        }));
    }

    /// Closes what is on top: the sheet, a question, the panel, the full screen; nothing else.
    fn close_top(&mut self, now: Now, effects: &mut Effects) {
        let has_panel = self.front_room().is_some_and(|(room, _)| room.panel.is_some());
        if self.sheet.is_some() {
            return self.set_sheet(None, effects);
        }
        if let Some(id) = self.front.filter(|_| self.front_room().is_some_and(|(room, _)| room.is_choosing_sign)) {
            return self.in_room(id, room::Event::ToggleSigns, now, effects);
        }
        if let Some(people) = self.front.and_then(|id| self.people.get_mut(&id)).filter(|people| people.asked.is_some())
        {
            people.asked = None;
        } else if self.screen == Screen::Lobby && (self.lobby.new_room.is_some() || self.lobby.invite.is_some()) {
            (self.lobby.new_room, self.lobby.invite) = (None, None);
        } else if self.chat.editing().is_some() {
            self.handle_chat(chat::Event::CancelEdit, now, effects);
        } else if self.screen == Screen::PreJoin {
            self.go_to_lobby(now, effects);
        } else if let Some(id) = self.front.filter(|_| has_panel) {
            self.in_room(id, room::Event::ClosePanel, now, effects);
            effects.push(Effect::Focus(crate::effect::Focus::Stage));
        } else if self.is_full_screen {
            self.act(Action::ToggleFullScreen, now, effects);
        }
    }

    pub(super) fn key_down(
        &mut self,
        chord: &Chord,
        is_repeat: bool,
        is_typing: bool,
        now: Now,
        effects: &mut Effects,
    ) {
        let scope = self.scope().unwrap_or(Scope::Everywhere);
        // Under a sheet the room has no keys, but what closes it has.
        let scope = if self.sheet.is_some() { Scope::Everywhere } else { scope };
        let Some(action) = keys::action(&self.bindings, chord, scope, is_typing) else { return };
        if action == Action::PushToTalk {
            if let Some(id) = self.front {
                self.in_room(id, room::Event::Mic(mute::Event::Press { is_repeat }), now, effects);
            }
        } else if !is_repeat {
            self.act(action, now, effects);
        }
    }

    /// Push-to-talk ends with its key, whatever modifiers are held by then and whatever has the focus.
    pub(super) fn key_up(&mut self, chord: &Chord, now: Now, effects: &mut Effects) {
        let is_talk = |binding: &Binding| binding.action == Action::PushToTalk && binding.chord.key == chord.key;
        if self.bindings.iter().any(is_talk) {
            self.let_keys_go(now, effects);
        }
    }

    /// No key is held any more, as far as anybody can know.
    pub(super) fn let_keys_go(&mut self, now: Now, effects: &mut Effects) {
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in ids {
            self.in_room(id, room::Event::Mic(mute::Event::FocusLost), now, effects);
        }
    }

    fn copy_invitation(&mut self, now: Now, effects: &mut Effects) {
        let name = self.front_room().map(|(_, view)| view.name.clone());
        if let Some(invite) = name.and_then(|name| self.lobby.invitation(&name)) {
            effects.push(Effect::Copy(invite.link));
            self.toasts.push(Notice::Copied, now.at);
        }
    }

    pub(super) fn handle_settings(&mut self, event: settings::Event, now: Now, effects: &mut Effects) {
        match &event {
            settings::Event::ForgetServer(at) if *at < self.memory.servers.len() => _ = self.memory.servers.remove(*at),
            settings::Event::ForgetAll => {
                self.memory.servers.clear();
                self.memory.devices.clear();
                self.memory.entered_at_once.clear();
            }
            _ => {}
        }
        let are_devices_other = self.memory.settings.handle(event);
        let settings = &self.memory.settings;
        self.bindings = keys::bindings(&settings.keys);
        self.calls.is_quiet = !settings.notifications.is_ringing;
        let (mode, behind) = (settings.audio.mode.into(), settings.audio.behind);
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in ids {
            self.in_room(id, room::Event::Mic(mute::Event::Mode(mode)), now, effects);
            if self.rooms.get(&id).is_some_and(|room| room.behind != behind) {
                self.in_room(id, room::Event::Behind(behind), now, effects);
            }
        }
        if are_devices_other {
            effects.push(Effect::ApplyDevices);
        }
        effects.push(Effect::Remember);
    }

    pub(super) fn handle_people(&mut self, event: people::Event, effects: &mut Effects) {
        let Some(id) = self.front else { return };
        if let (Some(people), Some(view)) = (self.people.get_mut(&id), self.view.rooms.get(&id)) {
            let request = self.ids.request();
            people.handle(event, id, view, request, effects);
        }
    }

    /// Closes a toast. Whoever closes the question about their hand keeps it up.
    pub(super) fn close_toast(&mut self, id: u64, now: Now, effects: &mut Effects) {
        let is_hand = |toast: &crate::toasts::Toast| toast.id == id && toast.notice == Notice::LowerHand;
        if self.toasts.shown().iter().any(is_hand)
            && let Some(front) = self.front
        {
            self.in_room(front, room::Event::KeepHand, now, effects);
        }
        let _ = self.toasts.close(id, now.at);
    }

    pub(super) fn undo(&mut self, toast: u64, now: Now, effects: &mut Effects) {
        if let Some(undo) = self.toasts.close(toast, now.at) {
            let request = self.ids.request();
            let (room, act, whom) = (undo.room, undo.act, undo.whom);
            crate::effect::engine(effects, Command::Moderate { request, room, act, whom });
        }
    }

    pub(super) fn handle_chat(&mut self, event: chat::Event, now: Now, effects: &mut Effects) {
        if let Some(slash) = self.chat.handle(event, &self.view, &mut self.ids, now, effects) {
            self.obey(slash, now, effects);
        }
    }

    /// Does what a command in the chat says.
    fn obey(&mut self, slash: Slash, now: Now, effects: &mut Effects) {
        match slash {
            Slash::Message { to, text } => {
                if let Some(to) = self.resolve(&to) {
                    self.chat.send_direct(&to, &text, &self.view, &mut self.ids, now, effects);
                }
            }
            Slash::Call(to) => {
                if let Some(to) = self.resolve(&to) {
                    self.call(to, now, effects);
                }
            }
            Slash::Help => self.set_sheet(Some(Sheet::Help), effects),
            other => match self.front {
                Some(id) => self.obey_in_room(id, other, now, effects),
                None => self.chat.problem = Some(Problem::Forbidden),
            },
        }
    }

    fn obey_in_room(&mut self, id: RoomId, slash: Slash, now: Now, effects: &mut Effects) {
        match slash {
            Slash::Act(act, whom) => self.obey_act(id, act, &whom, effects),
            Slash::Hand(is_up) => {
                let is_other = self.front_room().is_some_and(|(room, view)| room.is_hand_up(view) != is_up);
                if is_other {
                    self.in_room(id, room::Event::ToggleHand, now, effects);
                }
            }
            Slash::Breakout(BreakoutWish::Do(BreakoutAct::Move { whom, number })) => {
                if let Some(whom) = self.resolve(&whom) {
                    self.breakout(BreakoutWish::Do(BreakoutAct::Move { whom, number }), effects);
                }
            }
            Slash::Breakout(wish) => self.breakout(wish, effects),
            Slash::React(reaction) => self.in_room(id, room::Event::React(reaction), now, effects),
            Slash::Mic(is_on) => self.in_room(id, room::Event::Mic(mute::Event::Switch(is_on)), now, effects),
            Slash::Camera(is_on) => {
                if self.front_room().is_some_and(|(room, _)| room.camera.is_wanted() != is_on) {
                    self.in_room(id, room::Event::ToggleCamera, now, effects);
                }
            }
            Slash::Invite => self.copy_invitation(now, effects),
            Slash::Leave => self.in_room(id, room::Event::Leave, now, effects),
            Slash::Message { .. } | Slash::Call(_) | Slash::Help => {}
        }
    }

    fn obey_act(&mut self, id: RoomId, act: Act, whom: &str, effects: &mut Effects) {
        let whom = if act.has_target() { self.resolve(whom) } else { Some(String::new()) };
        let (Some(whom), Some(view)) = (whom, self.view.rooms.get(&id)) else { return };
        if people::may(view, act, &whom) {
            self.handle_people(people::Event::Act(act, whom), effects);
        } else {
            self.chat.problem = Some(Problem::Forbidden);
        }
    }

    /// The login name of whoever is meant, by login name, name to show or given name; or a remark that it is nobody or
    /// several.
    fn resolve(&mut self, name: &str) -> Option<String> {
        let everybody = || {
            let here = self
                .front
                .and_then(|id| self.view.rooms.get(&id))
                .into_iter()
                .flat_map(|room| room.participants.values());
            let here = here.map(|who| (who.username.as_str(), who.display_name.as_str()));
            here.chain(self.view.people.values().map(|who| (who.username.as_str(), who.display_name.as_str())))
        };
        if everybody().any(|(username, _)| username == name) {
            return Some(name.to_owned());
        }
        let fold = crate::text::fold::fold;
        let found = |is_it: &dyn Fn(&str) -> bool| -> std::collections::BTreeSet<String> {
            everybody().filter(|(_, shown)| is_it(shown)).map(|(username, _)| username.to_owned()).collect()
        };
        let wanted = fold(name);
        let tries = [
            found(&|shown| shown.to_lowercase() == name.to_lowercase()),
            found(&|shown| fold(shown) == wanted),
            found(&|shown| fold(crate::text::name::given_name(shown)) == wanted),
        ];
        let one = tries.into_iter().find(|found| !found.is_empty());
        match one {
            Some(found) if found.len() == 1 => found.into_iter().next(),
            Some(_) => {
                self.chat.problem = Some(Problem::Several(name.to_owned()));
                None
            }
            None => {
                self.chat.problem = Some(Problem::Nobody(name.to_owned()));
                None
            }
        }
    }
}
