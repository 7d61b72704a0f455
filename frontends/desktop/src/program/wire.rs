//! From what people do in the window to events.

use std::rc::Rc;

use hph_client::core::id::Slot;
use hph_client::core::wire::control::Act;
use hph_client::files::RemoteFile;
use hph_presenters::app::{Answer, Event, Screen, Sheet};
use hph_presenters::keys::{self, Action, Chord, Key, Scope};
use hph_presenters::room::layout::Size;
use hph_presenters::room::tiles::TileId;
use hph_presenters::settings::{Event as Settings, MicMode, Theme};
use hph_presenters::signin::{Event as SignIn, Field, Way};
use hph_presenters::text::Lang;
use hph_presenters::toasts::Notice;
use hph_presenters::{chat, door, lobby, people, prejoin, room};
use slint::ComponentHandle;

use super::Program;
use crate::ui;
use crate::view::targets;

/// Connects everything.
pub(super) fn connect(ui: &ui::App, program: &Rc<Program>) {
    shell(&ui.global::<ui::Shell>(), program);
    keyboard(&ui.global::<ui::Shell>(), program);
    sign_in(ui, program);
    lobby(&ui.global::<ui::Lobby>(), program);
    prejoin(&ui.global::<ui::PreJoin>(), program);
    room(&ui.global::<ui::Room>(), program);
    chat(&ui.global::<ui::Chat>(), program);
    people(&ui.global::<ui::People>(), program);
    rules(&ui.global::<ui::People>(), program);
    doors(&ui.global::<ui::Door>(), program);
    files(&ui.global::<ui::Files>(), program);
    super::groups::connect(ui, program);
    settings(ui, program);
}

fn shell(shell: &ui::Shell<'_>, program: &Rc<Program>) {
    on!(program, shell, on_choose_language, |p, code| p.change_settings(|settings| {
        let mut looks = settings.looks.clone();
        looks.lang = Some(if code == "vi" { Lang::Vi } else { Lang::En });
        Settings::Looks(looks)
    }));
    on!(program, shell, on_close_toast, |p, id| p.post(Event::CloseToast(id as u64)));
    on!(program, shell, on_act_on_toast, |p, id| p.act_on_toast(id as u64));
    on!(program, shell, on_answer_call, |p, is_taken| {
        let call = p.state.borrow().app.calls.incoming.first().map(|call| call.call);
        if let Some(call) = call {
            p.post(Event::AnswerCall(call, if is_taken { Answer::Voice } else { Answer::Decline }));
        }
    });
    on!(program, shell, on_retry, |p| p.post(Event::Rejoin));
    on!(program, shell, on_back, |p| {
        let is_ended = matches!(p.state.borrow().app.screen, Screen::Ended(_));
        p.post(if is_ended { Event::SignIn(SignIn::Back) } else { Event::ToLobby });
    });
    on!(program, shell, on_open_sheet, |p, kind| p.post(Event::Sheet(match kind {
        ui::SheetKind::Settings => Some(Sheet::Settings),
        ui::SheetKind::Diagnostics => Some(Sheet::Diagnostics),
        ui::SheetKind::Help => Some(Sheet::Help),
        ui::SheetKind::Palette => Some(Sheet::Palette),
        _ => None,
    })));
    on!(program, shell, on_close_sheet, |p| {
        p.ask_for_path(None);
        p.post_all([Event::Lobby(lobby::Event::CancelCreate), Event::Sheet(None)]);
    });
    on!(program, shell, on_confirm, |p, is_yes| {
        p.post(Event::People(if is_yes { people::Event::Confirm } else { people::Event::Cancel }));
    });
    on!(program, shell, on_share, |p, index| p.share_chosen(usize::try_from(index).ok()));
    on!(program, shell, on_edit_palette, |p, text| p.post(Event::PaletteText(text.into())));
    on!(program, shell, on_choose_palette, |p, index| {
        let found = {
            let state = p.state.borrow();
            let lang = state.app.lang().unwrap_or_default();
            state.app.palette_found(lang).get(index as usize).map(|found| found.action)
        };
        if let Some(action) = found {
            p.post(Event::Action(action));
        }
    });
    on!(program, shell, on_window_changed, |p, _width, _height| p.post(Event::Tick));
}

/// Keys that nothing else took.
fn keyboard(shell: &ui::Shell<'_>, program: &Rc<Program>) {
    let weak = Rc::downgrade(program);
    shell.on_key(move |text, ctrl, alt, shift, is_repeat| {
        let (Some(program), Some(key)) = (weak.upgrade(), key(&text)) else { return false };
        let chord = Chord::new(key, ctrl, alt, shift);
        if !program.means_something(&chord) {
            return false;
        }
        program.post(Event::KeyDown { chord, is_repeat, is_typing: false });
        true
    });
    let weak = Rc::downgrade(program);
    shell.on_key_up(move |text, ctrl, alt, shift| {
        let (Some(program), Some(key)) = (weak.upgrade(), key(&text)) else { return false };
        program.post(Event::KeyUp(Chord::new(key, ctrl, alt, shift)));
        false
    });
    on!(program, shell, on_focus_lost, |p| p.post(Event::FocusLost));
}

/// A key as the toolkit tells it: by what it writes, or by a letter of its own for those that write nothing.
fn key(text: &str) -> Option<Key> {
    use slint::platform::Key as Named;
    let is = |named: Named| text == slint::SharedString::from(named).as_str();
    let f = [
        Named::F1,
        Named::F2,
        Named::F3,
        Named::F4,
        Named::F5,
        Named::F6,
        Named::F7,
        Named::F8,
        Named::F9,
        Named::F10,
        Named::F11,
        Named::F12,
    ];
    if let Some(number) = f.into_iter().position(is) {
        return u8::try_from(number + 1).ok().map(Key::F);
    }
    let named = [
        (Named::Escape, Key::Escape),
        (Named::Return, Key::Enter),
        (Named::Tab, Key::Tab),
        (Named::PageUp, Key::PageUp),
        (Named::PageDown, Key::PageDown),
        (Named::Space, Key::Space),
    ];
    if let Some((_, key)) = named.into_iter().find(|(named, _)| is(*named)) {
        return Some(key);
    }
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if !letter.is_control() && !('\u{e000}'..='\u{f8ff}').contains(&letter) => {
            Some(Key::Char(letter))
        }
        _ => None,
    }
}

fn sign_in(ui: &ui::App, program: &Rc<Program>) {
    let first = ui.global::<ui::First>();
    on!(program, first, on_edited, |p, text| p.post(Event::SignIn(SignIn::Typed(Field::Server, text.into()))));
    on!(program, first, on_go, |p, text| {
        p.post_all([SignIn::Typed(Field::Server, text.into()), SignIn::Go].map(Event::SignIn));
    });
    on!(program, first, on_choose, |p, key| p.choose_nearby(&key));
    let form = ui.global::<ui::SignIn>();
    let typed =
        |field| move |p: &Program, text: slint::SharedString| p.post(Event::SignIn(SignIn::Typed(field, text.into())));
    let (name, username, password) = (typed(Field::DisplayName), typed(Field::Username), typed(Field::Password));
    on!(program, form, on_edit_name, |p, text| name(&p, text));
    on!(program, form, on_edit_username, |p, text| username(&p, text));
    on!(program, form, on_edit_password, |p, text| password(&p, text));
    on!(program, form, on_choose_way, |p, way| p.post(Event::SignIn(SignIn::Way(match way {
        0 => Way::Guest,
        1 => Way::Password,
        _ => Way::Register,
    }))));
    let code = typed(Field::Code);
    on!(program, form, on_edit_code, |p, text| code(&p, text));
    on!(program, form, on_toggle_code, |p| p.post(Event::SignIn(SignIn::ToggleCode)));
    on!(program, form, on_toggle_forgotten, |p| p.post(Event::SignIn(SignIn::ToggleForgotten)));
    on!(program, form, on_submit, |p| p.post(Event::SignIn(SignIn::Submit)));
    on!(program, form, on_back, |p| p.post(Event::SignIn(SignIn::Back)));
}

fn lobby(lobby: &ui::Lobby<'_>, program: &Rc<Program>) {
    on!(program, lobby, on_edit_search, |p, text| p.post(Event::Lobby(lobby::Event::Search(text.into()))));
    on!(program, lobby, on_enter, |p, name| {
        p.post(Event::Join { name: name.into(), may_create: false, is_at_once: false });
    });
    on!(program, lobby, on_start_create, |p| p.post(Event::Lobby(lobby::Event::StartCreate)));
    on!(program, lobby, on_edit_new_name, |p, text| p.post(Event::Lobby(lobby::Event::NewName(text.into()))));
    on!(program, lobby, on_create, |p, name| {
        p.post_all([lobby::Event::NewName(name.into()), lobby::Event::Create].map(Event::Lobby));
    });
    on!(program, lobby, on_set_new_waiting_room, |p, is_on| {
        p.post(Event::Lobby(lobby::Event::NewWaitingRoom(is_on)));
    });
    on!(program, lobby, on_set_new_hosts_share, |p, is_on| {
        p.post(Event::Lobby(lobby::Event::NewHostsShare(is_on)));
    });
    on!(program, lobby, on_edit_new_password, |p, text| {
        p.post(Event::Lobby(lobby::Event::NewPassword(text.into())));
    });
    on!(program, lobby, on_return, |p| {
        let front = p.state.borrow().app.front();
        if let Some(front) = front {
            p.post(Event::Front(front));
        }
    });
    on!(program, lobby, on_sign_out, |p| p.post(Event::SignOut));
}

fn prejoin(screen: &ui::PreJoin<'_>, program: &Rc<Program>) {
    on!(program, screen, on_toggle_camera, |p| p.post(Event::PreJoin(prejoin::Event::ToggleCamera)));
    on!(program, screen, on_toggle_microphone, |p| p.post(Event::PreJoin(prejoin::Event::ToggleMic)));
    on!(program, screen, on_choose_microphone, |p, index| p.choose_device(Kind::Microphone, index));
    on!(program, screen, on_choose_speaker, |p, index| p.choose_device(Kind::Speaker, index));
    on!(program, screen, on_choose_camera, |p, index| p.choose_device(Kind::Camera, index));
    on!(program, screen, on_chime, |p| p.post(Event::PreJoin(prejoin::Event::Chime)));
    on!(program, screen, on_record, |p| p.post(Event::PreJoin(prejoin::Event::Replay)));
    on!(program, screen, on_join, |p| p.post(Event::Enter));
    on!(program, screen, on_back, |p| p.post(Event::ToLobby));
}

fn room(screen: &ui::Room<'_>, program: &Rc<Program>) {
    on!(program, screen, on_stage_resized, |p, width, height| {
        let scale = p.ui.upgrade().map_or(1.0, |ui| ui.window().scale_factor());
        p.post(Event::Room(room::Event::Stage(Size { width, height }, scale)));
    });
    on!(program, screen, on_toggle_microphone, |p| p.post(Event::Action(Action::ToggleMic)));
    on!(program, screen, on_toggle_camera, |p| p.post(Event::Action(Action::ToggleCamera)));
    on!(program, screen, on_toggle_share, |p| p.post(Event::Action(Action::ToggleShare)));
    on!(program, screen, on_toggle_hand, |p| p.post(Event::Action(Action::ToggleHand)));
    on!(program, screen, on_toggle_signs, |p| p.post(Event::Room(room::Event::ToggleSigns)));
    on!(program, screen, on_show_sign, |p, number| {
        p.post(Event::Action(Action::React(u8::try_from(number).unwrap_or(0))));
    });
    on!(program, screen, on_toggle_layout, |p| p.post(Event::Action(Action::NextLayout)));
    on!(program, screen, on_leave, |p| p.post(Event::Action(Action::Leave)));
    on!(program, screen, on_to_lobby, |p| p.post(Event::ToLobby));
    on!(program, screen, on_invite, |p| p.post(Event::Action(Action::Invite)));
    on!(program, screen, on_copy_invitation, |p| p.post(Event::Action(Action::CopyInvitation)));
    on!(program, screen, on_open_panel, |p, panel| p.post(Event::Room(match panel {
        1 => room::Event::TogglePanel(room::Panel::Chat),
        2 => room::Event::TogglePanel(room::Panel::People),
        3 => room::Event::TogglePanel(room::Panel::Files),
        _ => room::Event::ClosePanel,
    })));
    on!(program, screen, on_turn_page, |p, by| {
        p.post(Event::Action(if by < 0 { Action::PreviousPage } else { Action::NextPage }));
    });
    on!(program, screen, on_toggle_pin, |p, slot, is_screen| {
        if let Some(id) = p.tile(slot, is_screen) {
            p.post(Event::Room(room::Event::Pin(id)));
        }
    });
}

fn chat(screen: &ui::Chat<'_>, program: &Rc<Program>) {
    on!(program, screen, on_edit_draft, |p, text| p.post(Event::Chat(chat::Event::Draft(text.into()))));
    on!(program, screen, on_send, |p, text| {
        p.post_all([chat::Event::Draft(text.into()), chat::Event::Send].map(Event::Chat));
    });
    on!(program, screen, on_choose_target, |p, index| p.choose_target(index as usize));
    on!(program, screen, on_everyone, |p| p.choose_target(0));
    on!(program, screen, on_search, |p, words| p.post(Event::Chat(chat::Event::Search(words.into()))));
    on!(program, screen, on_more_found, |p| p.post(Event::Chat(chat::Event::MoreFound)));
    on!(program, screen, on_attach, |p| p.attach());
    on!(program, screen, on_fetch, |p, id| p.fetch_enclosed(&id));
    on!(program, screen, on_show, |p, id, is_on| p.show_enclosed(&id, is_on));
    on!(program, screen, on_load_older, |p| p.post(Event::Chat(chat::Event::Older)));
    on!(program, screen, on_edit, |p, id| if let Some(id) = stored(&id) {
        p.post(Event::Chat(chat::Event::StartEdit(id)));
    });
    on!(program, screen, on_delete, |p, id| if let Some(id) = stored(&id) {
        p.post(Event::Chat(chat::Event::Delete(id)));
    });
    on!(program, screen, on_cancel_edit, |p| p.post(Event::Chat(chat::Event::CancelEdit)));
    on!(program, screen, on_retry, |p, id| if let Some(reference) = pending(&id) {
        p.post(Event::Chat(chat::Event::Retry(reference)));
    });
    on!(program, screen, on_at_end, |p, is_at_end| p.post(Event::Chat(chat::Event::AtEnd(is_at_end))));
}

/// The number of a message that the server has.
fn stored(id: &str) -> Option<u64> {
    id.strip_prefix('s')?.parse().ok()
}

/// The number of a message that it has not.
fn pending(id: &str) -> Option<u64> {
    id.strip_prefix('r')?.parse().ok()
}

fn people(screen: &ui::People<'_>, program: &Rc<Program>) {
    on!(program, screen, on_edit_search, |p, text| p.post(Event::People(people::Event::Search(text.into()))));
    on!(program, screen, on_mute, |p, slot| p.moderate(Act::Mute, slot));
    on!(program, screen, on_stop_video, |p, slot| p.moderate(Act::StopVideo, slot));
    on!(program, screen, on_ask_unmute, |p, slot| p.moderate(Act::AskUnmute, slot));
    on!(program, screen, on_lower_hand, |p, slot| p.moderate(Act::LowerHand, slot));
    on!(program, screen, on_remove, |p, slot| p.moderate(Act::Remove, slot));
    on!(program, screen, on_make_host, |p, slot, is_host| {
        p.moderate(if is_host { Act::MakeHost } else { Act::UnmakeHost }, slot);
    });
    on!(program, screen, on_mute_all, |p| p.post(Event::People(people::Event::Act(Act::MuteAll, String::new()))));
    on!(program, screen, on_lock, |p, is_locked| {
        let act = if is_locked { Act::Lock } else { Act::Unlock };
        p.post(Event::People(people::Event::Act(act, String::new())));
    });
    on!(program, screen, on_write_to, |p, slot| p.write_to(slot));
    on!(program, screen, on_set_volume, |p, slot, percent| {
        let percent = u32::try_from(percent).unwrap_or(100);
        p.post(Event::Room(room::Event::Volume(place(slot), percent)));
    });
}

/// Who may come in, and what holds in the room.
fn rules(screen: &ui::People<'_>, program: &Rc<Program>) {
    let act = |act, whom: String| Event::People(people::Event::Act(act, whom));
    let room = move |p: &Program, what| p.post(act(what, String::new()));
    on!(program, screen, on_admit, |p, whom| p.post(act(Act::Admit, whom.into())));
    on!(program, screen, on_turn_away, |p, whom| p.post(act(Act::TurnAway, whom.into())));
    on!(program, screen, on_admit_all, |p| p.admit_all());
    on!(program, screen, on_set_waiting_room, |p, is_on| {
        room(&p, if is_on { Act::WaitingRoom } else { Act::NoWaitingRoom });
    });
    on!(program, screen, on_set_hosts_share, |p, is_on| {
        room(&p, if is_on { Act::HostsShare } else { Act::AllShare });
    });
    on!(program, screen, on_set_password, |p, text| p.set_room_password(text.into()));
    on!(program, screen, on_remove_password, |p| room(&p, Act::NoPassword));
}

fn doors(screen: &ui::Door<'_>, program: &Rc<Program>) {
    on!(program, screen, on_edit, |p, text| p.post(Event::Door(door::Event::Typed(text.into()))));
    on!(program, screen, on_say, |p, text| {
        p.post_all([door::Event::Typed(text.into()), door::Event::Say].map(Event::Door));
    });
    on!(program, screen, on_give_up, |p| p.post(Event::Door(door::Event::GiveUp)));
}

fn files(screen: &ui::Files<'_>, program: &Rc<Program>) {
    use hph_presenters::files::Event as F;
    on!(program, screen, on_pick, |p| p.attach());
    on!(program, screen, on_fetch, |p, id| if let Ok(file) = id.parse() {
        p.post(Event::Files(F::FetchShelved(file)));
    });
    on!(program, screen, on_delete, |p, id| if let Ok(file) = id.parse() {
        p.post(Event::Files(F::Delete(file)));
    });
    on!(program, screen, on_show, |p, id, is_on| if let Ok(file) = id.parse() {
        p.show_shelved(file, is_on);
    });
    on!(program, screen, on_stop, |p, request| p.post(Event::Files(F::Stop(request as u32))));
    on!(program, screen, on_older, |p| p.post(Event::Files(F::Older)));
    on!(program, screen, on_send_path, |p, text| p.send_path(&text));
}

fn settings(ui: &ui::App, program: &Rc<Program>) {
    let sheet = ui.global::<ui::Settings>();
    on!(program, sheet, on_choose_look, |p, look| p.change_settings(|settings| {
        let mut looks = settings.looks.clone();
        (looks.theme, looks.is_high_contrast) = (if look == 1 { Theme::Light } else { Theme::Dark }, look == 2);
        Settings::Looks(looks)
    }));
    on!(program, sheet, on_set_scale, |p, scale| p.change_settings(|settings| {
        let mut looks = settings.looks.clone();
        looks.text_percent = (scale * 100.0).round() as u16;
        Settings::Looks(looks)
    }));
    on!(program, sheet, on_set_reduce_motion, |p, is_on| p.change_settings(|settings| {
        let mut looks = settings.looks.clone();
        looks.is_motion_reduced = is_on;
        Settings::Looks(looks)
    }));
    on!(program, sheet, on_set_push_to_talk, |p, is_on| p.change_settings(|settings| {
        let mut audio = settings.audio.clone();
        audio.mode = if is_on { MicMode::PushToTalk } else { MicMode::Open };
        Settings::Audio(audio)
    }));
    on!(program, sheet, on_set_echo, |p, is_on| p.change_settings(|settings| {
        let mut audio = settings.audio.clone();
        audio.is_echo_cancelled = is_on;
        Settings::Audio(audio)
    }));
    on!(program, sheet, on_set_noise, |p, is_on| p.change_settings(|settings| {
        let mut audio = settings.audio.clone();
        audio.is_noise_suppressed = is_on;
        Settings::Audio(audio)
    }));
    on!(program, sheet, on_set_gain, |p, is_on| p.change_settings(|settings| {
        let mut audio = settings.audio.clone();
        audio.is_gain_controlled = is_on;
        Settings::Audio(audio)
    }));
    on!(program, sheet, on_set_mirror, |p, is_on| p.change_settings(|settings| {
        let mut video = settings.video.clone();
        video.is_mirrored = is_on;
        Settings::Video(video)
    }));
    let diagnostics = ui.global::<ui::Diagnostics>();
    on!(program, diagnostics, on_copy, |p| p.carry_out(hph_presenters::Effect::CollectDiagnostics));
}

/// A place in a room, as the drawing tells it.
fn place(slot: i32) -> Slot {
    Slot(u16::try_from(slot).unwrap_or(u16::MAX))
}

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Microphone,
    Speaker,
    Camera,
}

impl Program {
    /// Whether a key does something here.
    fn means_something(&self, chord: &Chord) -> bool {
        let state = self.state.borrow();
        let scope = match state.app.screen {
            Screen::Room if state.app.sheet.is_none() => Scope::Room,
            Screen::Lobby if state.app.sheet.is_none() => Scope::Lobby,
            _ => Scope::Everywhere,
        };
        keys::action(state.app.bindings(), chord, scope, false).is_some()
    }

    fn change_settings(&self, change: impl FnOnce(&hph_presenters::settings::Settings) -> Settings) {
        let event = change(&self.state.borrow().app.memory.settings);
        self.post(Event::Settings(event));
    }

    fn act_on_toast(&self, id: u64) {
        let notice = {
            let state = self.state.borrow();
            state.app.toasts.shown().iter().find(|toast| toast.id == id).map(|toast| toast.notice.clone())
        };
        let event = match notice {
            Some(Notice::UnmuteAsked { .. } | Notice::TalkingWhileMuted) => {
                Event::Room(room::Event::Mic(room::mute::Event::Switch(true)))
            }
            Some(Notice::LowerHand) => Event::Room(room::Event::ToggleHand),
            Some(Notice::Direct { from, .. }) => return self.read_direct(id, from),
            Some(Notice::Knock { username, .. }) => Event::People(people::Event::Act(Act::Admit, username)),
            Some(Notice::FileCame { .. }) => Event::Room(room::Event::TogglePanel(room::Panel::Files)),
            _ => Event::Undo(id),
        };
        self.post_all([event, Event::CloseToast(id)]);
    }

    /// Opens the messages with one person.
    fn read_direct(&self, toast: u64, from: String) {
        self.open_chat();
        self.post_all([Event::Chat(chat::Event::Open(chat::ThreadId::Direct(from))), Event::CloseToast(toast)]);
    }

    fn open_chat(&self) {
        let is_open =
            self.state.borrow().app.front_room().is_some_and(|(room, _)| room.panel == Some(room::Panel::Chat));
        if !is_open {
            self.post(Event::Room(room::Event::TogglePanel(room::Panel::Chat)));
        }
    }

    /// Writes to somebody alone.
    fn write_to(&self, slot: i32) {
        let whom = self.username(slot);
        if let Some(whom) = whom {
            self.open_chat();
            self.post(Event::Chat(chat::Event::Open(chat::ThreadId::Direct(whom))));
        }
    }

    /// Chooses files for whoever is written to now.
    fn attach(&self) {
        let to = self.state.borrow().app.file_target();
        if let Some(to) = to {
            self.post(Event::Files(hph_presenters::files::Event::Pick(to)));
        }
    }

    /// Fetches the file that a message tells of.
    fn fetch_enclosed(&self, id: &str) {
        if let Some(file) = self.enclosed(id) {
            self.post(Event::Files(hph_presenters::files::Event::Fetch(file)));
        }
    }

    /// The file that a message tells of.
    pub(super) fn enclosed(&self, id: &str) -> Option<RemoteFile> {
        let state = self.state.borrow();
        let chat = &state.app.chat;
        stored(id).and_then(|id| chat.front_thread()?.lines().find(|line| line.id == id)?.file.clone()?.remote)
    }

    fn admit_all(&self) {
        let waiting = {
            let state = self.state.borrow();
            let Some((_, view)) = state.app.front_room() else { return };
            view.knocking.clone()
        };
        self.post_all(waiting.into_iter().map(|who| Event::People(people::Event::Act(Act::Admit, who.username))));
    }

    fn set_room_password(&self, password: String) {
        if let Some(ui) = self.ui.upgrade() {
            ui.global::<ui::People>().set_new_password("".into());
        }
        self.post(Event::People(people::Event::SetPassword(password)));
    }

    fn choose_target(&self, index: usize) {
        let thread = {
            let state = self.state.borrow();
            let Some(front) = state.app.front() else { return };
            match targets(&state.app).into_iter().nth(index) {
                Some((Some(whom), _)) => chat::ThreadId::Direct(whom),
                _ => chat::ThreadId::Room(front),
            }
        };
        self.post(Event::Chat(chat::Event::Open(thread)));
    }

    fn moderate(&self, act: Act, slot: i32) {
        if let Some(whom) = self.username(slot) {
            self.post(Event::People(people::Event::Act(act, whom)));
        }
    }

    pub(super) fn username(&self, slot: i32) -> Option<String> {
        let state = self.state.borrow();
        let (_, view) = state.app.front_room()?;
        view.participants.get(&place(slot)).map(|who| who.username.clone())
    }

    fn tile(&self, slot: i32, is_screen: bool) -> Option<TileId> {
        let state = self.state.borrow();
        let (room, _) = state.app.front_room()?;
        room.tiles.order().iter().copied().find(|id| id.slot == place(slot) && id.is_screen == is_screen)
    }

    /// Another device, before a room or in it. The first row is the machine's own choice.
    fn choose_device(&self, kind: Kind, index: i32) {
        let id = {
            let state = self.state.borrow();
            let devices = state.app.devices();
            let devices = match kind {
                Kind::Microphone => &devices.microphones,
                Kind::Speaker => &devices.speakers,
                Kind::Camera => &devices.cameras,
            };
            let device = usize::try_from(index - 1).ok().and_then(|index| devices.get(index));
            device.map(|device| device.id.clone()).unwrap_or_default()
        };
        self.post(Event::PreJoin(match kind {
            Kind::Microphone => prejoin::Event::Microphone(id),
            Kind::Speaker => prejoin::Event::Speaker(id),
            Kind::Camera => prejoin::Event::Camera(id),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_what_they_write_and_modifiers_are_none() {
        let named = |key: slint::platform::Key| slint::SharedString::from(key);
        assert_eq!(key("m"), Some(Key::Char('m')));
        assert_eq!(key("đ"), Some(Key::Char('đ')));
        assert_eq!(key(" "), Some(Key::Space));
        assert_eq!(key(&named(slint::platform::Key::F11)), Some(Key::F(11)));
        assert_eq!(key(&named(slint::platform::Key::Escape)), Some(Key::Escape));
        for nothing in [named(slint::platform::Key::Shift), named(slint::platform::Key::Control), "".into()] {
            assert_eq!(key(&nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_message_is_known_by_its_number_and_where_it_is() {
        assert_eq!((stored("s12"), pending("s12")), (Some(12), None));
        assert_eq!((stored("r7"), pending("r7")), (None, Some(7)));
        assert_eq!((stored(""), pending("rx")), (None, None));
    }
}
