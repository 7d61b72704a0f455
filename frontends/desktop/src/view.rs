//! From what presenters know to what is drawn. Nothing is decided here; what has not changed is not told anew.

mod before;
mod chat;
mod figures;
mod files;
mod groups;
mod looks;
mod over;
mod people;
mod room;

use std::collections::HashMap;

use hph_client::engine::{FileTarget, RemoteTrack};
use hph_client::platform::screen::Screen as Shareable;
use hph_presenters::Now;
use hph_presenters::app::App;
use hph_presenters::effect::Focus;
use hph_presenters::text::Lang;
use slint::{ComponentHandle, Image, SharedString};

pub use chat::targets;
pub use groups::{USES, sign_of};
pub use room::code;

use before::refresh_door;

use crate::rows::Rows;
use crate::ui;

/// All lists that are drawn, and what was drawn last.
#[derive(Default)]
pub struct View {
    toasts: Rows<ui::ToastRow>,
    palette: Rows<ui::KeyRow>,
    screens: Rows<SharedString>,
    recent: Rows<ui::Choice>,
    nearby: Rows<ui::NearbyRow>,
    rooms: Rows<ui::RoomCard>,
    people: Rows<ui::PersonRow>,
    microphones: Rows<SharedString>,
    speakers: Rows<SharedString>,
    cameras: Rows<SharedString>,
    tiles: Rows<ui::TileInfo>,
    pictures: Rows<Image>,
    /// Whose picture stands in which row.
    tracks: Vec<RemoteTrack>,
    messages: Rows<ui::ChatRow>,
    found: Rows<ui::ChatRow>,
    targets: Rows<SharedString>,
    waiting: Rows<ui::Choice>,
    files: Rows<ui::FileRow>,
    transfers: Rows<ui::TransferRow>,
    members: Rows<ui::MemberRow>,
    uses: Rows<SharedString>,
    lasting: Rows<SharedString>,
    invites: Rows<ui::InviteRow>,
    breakouts: Rows<ui::BreakoutRow>,
    devices: Rows<ui::DeviceRow>,
    /// The invitation on the sheet whose code is shown.
    invited: String,
    keys: Rows<ui::KeyRow>,
    figures: Rows<ui::FigureRow>,
    stages: Rows<ui::StageRow>,
    /// The invitation whose code is shown.
    coded: String,
    lang: Option<Lang>,
    focused: i32,
}

/// What a refresh is made of.
pub struct Seen<'a> {
    /// The presenters.
    pub app: &'a App,
    /// What can be shared, while one chooses.
    pub screens: &'a [Shareable],
    /// For whom a file is whose path is typed, while one does.
    pub file_for: Option<&'a FileTarget>,
    /// The newest picture of everybody.
    pub pictures: &'a HashMap<RemoteTrack, Image>,
    /// Pictures among the files, by the number of the file.
    pub thumbnails: &'a HashMap<u64, Image>,
    /// The language, if it was said at the start.
    pub lang: Option<&'a str>,
    /// What time it is.
    pub now: Now,
}

impl View {
    /// Gives the drawing its lists.
    pub fn new(ui: &ui::App) -> Self {
        let view = Self::default();
        let shell = ui.global::<ui::Shell>();
        shell.set_toasts(view.toasts.model());
        shell.set_palette_rows(view.palette.model());
        shell.set_screens(view.screens.model());
        let first = ui.global::<ui::First>();
        first.set_recent(view.recent.model());
        first.set_nearby(view.nearby.model());
        let lobby = ui.global::<ui::Lobby>();
        lobby.set_rooms(view.rooms.model());
        lobby.set_people(view.people.model());
        let prejoin = ui.global::<ui::PreJoin>();
        prejoin.set_microphones(view.microphones.model());
        prejoin.set_speakers(view.speakers.model());
        prejoin.set_cameras(view.cameras.model());
        let room = ui.global::<ui::Room>();
        room.set_tiles(view.tiles.model());
        room.set_pictures(view.pictures.model());
        let chat = ui.global::<ui::Chat>();
        chat.set_rows(view.messages.model());
        chat.set_names(view.targets.model());
        chat.set_found(view.found.model());
        let people = ui.global::<ui::People>();
        people.set_rows(view.members.model());
        people.set_waiting(view.waiting.model());
        let files = ui.global::<ui::Files>();
        files.set_rows(view.files.model());
        files.set_transfers(view.transfers.model());
        let invites = ui.global::<ui::Invites>();
        invites.set_uses_names(view.uses.model());
        invites.set_lasting_names(view.lasting.model());
        invites.set_rows(view.invites.model());
        ui.global::<ui::Breakouts>().set_rows(view.breakouts.model());
        let settings = ui.global::<ui::Settings>();
        settings.set_devices(view.devices.model());
        settings.set_keys(view.keys.model());
        settings.set_version(env!("CARGO_PKG_VERSION").into());
        let diagnostics = ui.global::<ui::Diagnostics>();
        diagnostics.set_figures(view.figures.model());
        diagnostics.set_stages(view.stages.model());
        view
    }

    /// Draws everything as it is now.
    pub fn refresh(&mut self, ui: &ui::App, seen: &Seen<'_>) {
        let lang = looks::lang(seen);
        self.refresh_looks(ui, seen, lang);
        self.refresh_over(ui, seen, lang);
        self.refresh_devices(ui, seen, lang);
        self.refresh_devices_of_account(ui, seen, lang);
        self.refresh_invites(ui, seen, lang);
        use hph_presenters::app::Screen;
        match seen.app.screen {
            Screen::First | Screen::SignIn => self.refresh_sign_in(ui, seen, lang),
            Screen::Lobby => self.refresh_lobby(ui, seen, lang),
            Screen::PreJoin => {
                self.refresh_prejoin(ui, seen, lang);
                refresh_door(ui, seen, lang);
            }
            Screen::Room => self.refresh_room(ui, seen, lang),
            Screen::Left | Screen::Ended(_) => {}
        }
    }

    /// Puts the focus there.
    pub fn focus(&mut self, ui: &ui::App, focus: Focus) {
        self.focused = self.focused.wrapping_add(1);
        match focus {
            Focus::Stage => ui.global::<ui::Room>().set_focus_stage(self.focused),
            Focus::Composer => ui.global::<ui::Chat>().set_focus_composer(self.focused),
            Focus::Search => ui.global::<ui::Lobby>().set_focus_search(self.focused),
            Focus::Password => ui.global::<ui::SignIn>().set_focus_password(self.focused),
            // What opens takes the focus itself.
            Focus::First => {}
        }
    }
}

/// A degree on the wheel of colours, for the drawing.
fn hue(hue: u16) -> f32 {
    f32::from(hue)
}

/// A count, for the drawing.
fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
