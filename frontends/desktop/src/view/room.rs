//! The room: its tiles with their pictures, and its bar.

use hph_client::engine::{Reaction, RemoteTrack};
use hph_presenters::keys;
use hph_presenters::room::layout::Fit;
use hph_presenters::room::tiles::{Picture, Tile};
use hph_presenters::room::{Arrangement, Layout, Panel, Placed, Room, mute, switch};
use hph_presenters::squares::Squares;
use hph_presenters::text::{Lang, count as counts, name};
use slint::{ComponentHandle, Image, Rgb8Pixel, SharedPixelBuffer};

use super::{Seen, View, count, hue};
use crate::program::has_display;
use crate::ui;

/// Width of a letter of a name, about. **Units:** logical pixels.
const LETTER: f32 = 7.5;
/// What stands beside a name in its tile. **Units:** logical pixels.
const BESIDE_NAME: f32 = 84.0;

impl View {
    pub(super) fn refresh_room(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let (app, now) = (seen.app, seen.now);
        let Some((room, view)) = app.front_room() else { return };
        let screen = ui.global::<ui::Room>();
        let scene = room.scene(view, now);
        screen.set_name(view.name.as_str().into());
        screen.set_people(count(view.participants.len()));
        screen.set_is_locked(view.is_locked);
        let in_room_s = now.at.since(room.joined_at).as_micros() / 1_000_000;
        screen.set_clock(counts::stopwatch(in_room_s).into());
        screen.set_layout(match room.layout {
            Layout::Grid => ui::StageLayout::Grid,
            Layout::Spotlight => ui::StageLayout::Spotlight,
        });
        screen.set_page(count(scene.page));
        screen.set_pages(count(scene.pages.max(1)));
        screen.set_is_alone(scene.arrangement == Arrangement::Alone);
        let invitation = app.lobby.invitation(&view.name).map(|invite| invite.link).unwrap_or_default();
        if self.coded != invitation {
            screen.set_invitation_code(code(&invitation));
            screen.set_invitation(invitation.as_str().into());
            self.coded = invitation;
        }
        let mic = room.mic.shown(now.at);
        screen.set_microphone(match mic {
            mute::Shown::Off | mute::Shown::Ready => ui::MuteState::Off,
            mute::Shown::On | mute::Shown::Held => ui::MuteState::On,
            mute::Shown::Opening | mute::Shown::NotConfirmed | mute::Shown::Closing => ui::MuteState::Waiting,
        });
        screen.set_is_talking_held(mic == mute::Shown::Held);
        screen.set_camera(switched(room.camera.shown(now.at)));
        screen.set_screen(switched(room.screen.shown(now.at)));
        screen.set_can_share(has_display());
        screen.set_is_hand_up(room.is_hand_up(view));
        screen.set_is_choosing_sign(room.is_choosing_sign);
        screen.set_panel(match room.panel {
            None => 0,
            Some(Panel::Chat) => 1,
            Some(Panel::People) => 2,
            Some(Panel::Files) => 3,
        });
        let thread = hph_presenters::chat::ThreadId::Room(room.id);
        let unread = app.chat.unread(&thread).saturating_add(app.chat.unread_directs());
        screen.set_unread(i32::try_from(unread).unwrap_or(i32::MAX));
        let hands = view.participants.values().filter(|who| who.hand != 0).count();
        screen.set_hands(count(hands + view.knocking.len()));
        let sample = app.diagnostics.now();
        screen.set_my_rtt(if sample.is_up { format!("{:.0} ms", sample.rtt_ms) } else { String::new() }.into());
        screen.set_my_bars(super::figures::bars(&sample));
        self.place_tiles(room, &scene.tiles, seen, lang);
        self.refresh_breakouts(ui, seen, lang);
        match room.panel {
            Some(Panel::Chat) => self.refresh_chat(ui, seen, lang),
            Some(Panel::People) => self.refresh_people(ui, seen, lang),
            Some(Panel::Files) => {
                self.refresh_files(ui, room.id, seen, lang);
                self.refresh_transfers(seen, lang);
            }
            None => {}
        }
    }

    fn place_tiles(&mut self, room: &Room, placed: &[Placed], seen: &Seen<'_>, lang: Lang) {
        let track = |placed: &Placed| -> RemoteTrack { (room.id, placed.tile.id.slot, placed.tile.id.track()) };
        let tracks: Vec<RemoteTrack> = placed.iter().map(track).collect();
        if tracks != self.tracks {
            let pictures = tracks.iter().map(|track| seen.pictures.get(track).cloned().unwrap_or_default());
            // Pictures first: a tile never shows another one's.
            self.pictures.set(pictures.collect());
            self.tracks = tracks;
        }
        let infos = placed.iter().map(|placed| {
            let has_picture = seen.pictures.contains_key(&track(placed));
            info(placed, has_picture, room.reaction(placed.tile.id, seen.now.at), lang)
        });
        self.tiles.set(infos.collect());
    }

    /// A new picture of a tile.
    pub fn put_picture(&self, track: RemoteTrack, image: Image) {
        if let Some(row) = self.tracks.iter().position(|shown| *shown == track) {
            self.pictures.put(row, image);
        }
    }

    /// Tiles and how wide they are. **Units:** pixels of the screen.
    pub fn tile_widths(&self, scale: f32) -> Vec<(RemoteTrack, u32)> {
        let widths = self.tiles.iter().map(|tile| (tile.width * scale).ceil() as u32);
        self.tracks.iter().copied().zip(widths).collect()
    }
}

/// A text as a code of squares, one pixel a square; nothing if it has none. Dark on light in every look: many readers find
/// no other.
pub fn code(text: &str) -> Image {
    let squares = if text.is_empty() { None } else { Squares::of(text) };
    let Some(squares) = squares else { return Image::default() };
    let side = squares.side as u32;
    let mut pixels = SharedPixelBuffer::<Rgb8Pixel>::new(side, side);
    for (pixel, is_dark) in pixels.make_mut_slice().iter_mut().zip(squares.iter()) {
        let light = if is_dark { 0 } else { 255 };
        *pixel = Rgb8Pixel { r: light, g: light, b: light };
    }
    Image::from_rgb8(pixels)
}

const fn switched(shown: switch::Shown) -> ui::MuteState {
    match shown {
        switch::Shown::Off => ui::MuteState::Off,
        switch::Shown::On => ui::MuteState::On,
        switch::Shown::Opening | switch::Shown::NotConfirmed | switch::Shown::Closing => ui::MuteState::Waiting,
    }
}

fn info(placed: &Placed, has_picture: bool, sign: Option<Reaction>, lang: Lang) -> ui::TileInfo {
    let Placed { tile, rect, fit, .. } = placed;
    let letters = ((rect.width - BESIDE_NAME) / LETTER).max(4.0) as usize;
    let mut shown = name::shorten(&tile.name, letters);
    if tile.is_me && !tile.id.is_screen {
        shown = format!("{shown} ({})", lang.pick("bạn", "you"));
    }
    let is_on = matches!(tile.picture, Picture::Live { .. } | Picture::Frozen { .. });
    ui::TileInfo {
        x: rect.x,
        y: rect.y,
        width: rect.width,
        height: rect.height,
        slot: i32::from(tile.id.slot.0),
        is_screen: tile.id.is_screen,
        name: shown.into(),
        letter: tile.initial.as_str().into(),
        hue: hue(tile.hue),
        is_me: tile.is_me,
        is_muted: !tile.is_mic_on,
        is_speaking: tile.is_speaking,
        is_pinned: tile.is_pinned,
        has_picture: has_picture && is_on,
        is_contained: *fit == Fit::Contain,
        is_mirrored: false,
        hand: tile.hand.map_or(0, |hand| count(hand.place)),
        bars: i32::from(tile.bars.0),
        stale_s: match tile.picture {
            Picture::Frozen { seconds } => count(seconds as usize),
            _ => 0,
        },
        sign: sign.map_or(0, |sign| i32::from(sign.number()) + 1),
        about: about(tile, sign, lang).into(),
    }
}

/// A tile in words, for screen readers.
fn about(tile: &Tile, sign: Option<Reaction>, lang: Lang) -> String {
    let say = |is_so, vi: &'static str, en: &'static str| if is_so { lang.pick(vi, en) } else { "" };
    let parts = [
        tile.name.as_str(),
        say(tile.id.is_screen, "chia sẻ màn hình", "shared screen"),
        say(!tile.is_mic_on && !tile.id.is_screen, "micro tắt", "muted"),
        say(tile.is_speaking, "đang nói", "speaking"),
        say(tile.hand.is_some(), "giơ tay", "hand raised"),
        sign.map_or("", |sign| keys::reaction_name(sign, lang)),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}
