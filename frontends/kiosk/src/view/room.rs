//! The room: its tiles with their pictures, its six actions, its people.

use hph_client::engine::{Reaction, RemoteTrack};
use hph_kiosk_core::kiosk::Sheet;
use hph_presenters::keys;
use hph_presenters::room::layout::Fit;
use hph_presenters::room::tiles::{Picture, Tile};
use hph_presenters::room::{Arrangement, Placed, Room, mute, switch};
use hph_presenters::text::{Lang, name};
use slint::{ComponentHandle, Image};

use super::{Seen, View, code, count};
use crate::ui;

/// Width of a letter of a name, about. **Units:** logical pixels.
const LETTER: f32 = 8.5;
/// What stands beside a name in its tile. **Units:** logical pixels.
const BESIDE_NAME: f32 = 72.0;

impl View {
    pub(super) fn refresh_room(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let (kiosk, now) = (seen.kiosk, seen.now);
        let Some((room, view)) = kiosk.app.front_room() else { return };
        let screen = ui.global::<ui::Room>();
        let scene = room.scene(view, now);
        screen.set_name(view.name.as_str().into());
        screen.set_people(count(view.participants.len()));
        screen.set_is_alone(scene.arrangement == Arrangement::Alone);
        let invitation = kiosk.app.lobby.invitation(&view.name).map(|invite| invite.link).unwrap_or_default();
        if self.invited != invitation {
            screen.set_invitation(code(&invitation));
            self.invited = invitation;
        }
        screen.set_is_live(kiosk.is_live());
        screen.set_microphone(match room.mic.shown(now.at) {
            mute::Shown::Off | mute::Shown::Ready => ui::Track::Off,
            mute::Shown::On | mute::Shown::Held => ui::Track::On,
            mute::Shown::Opening | mute::Shown::NotConfirmed | mute::Shown::Closing => ui::Track::Waiting,
        });
        screen.set_camera(switched(room.camera.shown(now.at)));
        screen.set_screen(switched(room.screen.shown(now.at)));
        screen.set_waits_for_camera(kiosk.waiting.is_camera());
        screen.set_waits_for_microphone(kiosk.waiting.is_microphone());
        screen.set_can_share(kiosk.config.share.is_some());
        screen.set_is_hand_up(room.is_hand_up(view));
        screen.set_volume(count(kiosk.volume() as usize));
        screen.set_volume_max(count(kiosk.config.volume_max as usize));
        screen.set_sheet(match kiosk.sheet {
            None => 0,
            Some(Sheet::People) => 1,
            Some(Sheet::Volume) => 2,
        });
        if kiosk.sheet == Some(Sheet::People) {
            let person = |person: hph_kiosk_core::kiosk::Person| ui::Person {
                name: person.name.into(),
                letter: person.initial.into(),
                hue: f32::from(person.hue),
                is_me: person.is_me,
                is_heard: person.is_heard,
                is_seen: person.is_seen,
                has_hand: person.has_hand,
            };
            self.members.set(kiosk.people().into_iter().map(person).collect());
        }
        self.place_tiles(room, &scene.tiles, seen, lang);
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
            let sign = room.reaction(placed.tile.id, seen.now.at);
            info(placed, seen.pictures.contains_key(&track(placed)), sign, lang)
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

const fn switched(shown: switch::Shown) -> ui::Track {
    match shown {
        switch::Shown::Off => ui::Track::Off,
        switch::Shown::On => ui::Track::On,
        switch::Shown::Opening | switch::Shown::NotConfirmed | switch::Shown::Closing => ui::Track::Waiting,
    }
}

fn info(placed: &Placed, has_picture: bool, sign: Option<Reaction>, lang: Lang) -> ui::TileInfo {
    let Placed { tile, rect, fit, .. } = placed;
    let letters = ((rect.width - BESIDE_NAME) / LETTER).max(4.0) as usize;
    let is_on = matches!(tile.picture, Picture::Live { .. } | Picture::Frozen { .. });
    ui::TileInfo {
        x: rect.x,
        y: rect.y,
        width: rect.width,
        height: rect.height,
        name: name::shorten(&tile.name, letters).into(),
        letter: tile.initial.as_str().into(),
        hue: f32::from(tile.hue),
        is_muted: !tile.is_mic_on,
        is_speaking: tile.is_speaking,
        has_picture: has_picture && is_on,
        is_contained: *fit == Fit::Contain,
        is_screen: tile.id.is_screen,
        hand: tile.hand.map_or(0, |hand| count(hand.place)),
        bars: i32::from(tile.bars.0),
        stale_s: match tile.picture {
            Picture::Frozen { seconds } => count(seconds as usize),
            _ => 0,
        },
        about: about(tile, sign, lang).into(),
        sign: sign.map_or(0, |sign| i32::from(sign.number()) + 1),
    }
}

/// A tile in words.
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
