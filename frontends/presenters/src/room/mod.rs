//! One room: its tiles and layout, our microphone, camera and screen, our hand, and the panel beside the stage.

pub mod layout;
pub mod mute;
pub mod quality;
pub mod reactions;
mod scene;
pub mod speaking;
pub mod switch;
pub mod tiles;

use std::collections::BTreeMap;

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::core::time::{Duration, Instant};
use hph_client::core::wire::control::TrackInfo;
use hph_client::engine::{Command, Reaction};
use hph_client::media::{GateMode, VOLUME_MAX};
use hph_client::view::RoomView;

use crate::effect::{Effect, Effects, Focus, engine};
use crate::time::{Now, ms};
use layout::{Corner, Limits, Size};
use mute::{Mute, Order};
use quality::{Cause, Sample};
use reactions::Reactions;
pub use scene::{Arrangement, Placed, Scene};
use switch::Switch;
use tiles::{TileId, Tiles};

/// Whoever has spoken for so long is asked whether to lower the hand.
pub const LOWER_HAND_AFTER: Duration = ms(10_000);
/// Whoever is in a room when we come in was told within this time.
const TOLD_WITHIN: Duration = ms(2000);
/// How loud a room is that is not in front. **Units:** percent.
const BEHIND_PERCENT: u32 = 30;

/// How tiles stand, as the user chooses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// All alike.
    #[default]
    Grid,
    /// One large, the others in a rail.
    Spotlight,
}

/// What stands beside the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Messages.
    Chat,
    /// Everybody in the room.
    People,
    /// The files on its shelf.
    Files,
}

/// How loud a room is that is not in front.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behind {
    /// Quieter.
    #[default]
    Quiet,
    /// As loud as in front.
    Full,
    /// Not heard.
    Silent,
}

/// What happens in a room.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The stage has that size at that scale. **Units:** logical pixels; pixels of the screen in one.
    Stage(Size, f32),
    /// Bounds of a page: see [`Limits`].
    Limits(Limits),
    /// Show tiles in another way.
    Layout(Layout),
    /// The next way of showing tiles.
    NextLayout,
    /// Another page of tiles, from 0.
    Page(usize),
    /// Pin a tile, or unpin it.
    Pin(TileId),
    /// Our own picture was let go there. **Units:** logical pixels on the stage.
    CornerDropped(f32, f32),
    /// The microphone.
    Mic(mute::Event),
    /// The camera's button.
    ToggleCamera,
    /// The button of sharing: asks what to share, or stops.
    ToggleShare,
    /// The user has chosen what to share.
    ShareChosen,
    /// The device of a track could not be opened, or is gone for good.
    TrackFailed(TrackId),
    /// The panel's button: opens it, closes it, or changes to it.
    TogglePanel(Panel),
    /// Close the panel.
    ClosePanel,
    /// Raise our hand, or lower it.
    ToggleHand,
    /// Show a sign to the room. Sooner than a second after the last one nothing happens.
    React(Reaction),
    /// Spread out the signs that one can show, or fold them up.
    ToggleSigns,
    /// Keep the hand up though we have spoken.
    KeepHand,
    /// Make somebody louder or quieter for this user. **Units:** percent.
    Volume(Slot, u32),
    /// Make somebody silent for this user, or not.
    ToggleSilent(Slot),
    /// How loud the room is while another one is in front.
    Behind(Behind),
    /// How loud everybody is: see [`Tiles::handle_levels`]. At most 15 times a second; our own microphone's in our own slot.
    Levels(Vec<(Slot, u8)>),
    /// A new picture of somebody is there. **Units:** pixels.
    Picture {
        /// Whose.
        slot: Slot,
        /// Of their screen.
        is_screen: bool,
        /// Its size.
        size: (u16, u16),
    },
    /// What was measured of everybody, about once a second.
    Quality(Vec<(Slot, Sample, Cause)>),
    /// Leave the room.
    Leave,
    /// Put everybody out of it.
    EndForAll,
}

/// One room that we are in.
#[derive(Clone, Debug)]
pub struct Room {
    /// Which.
    pub id: RoomId,
    /// Our microphone.
    pub mic: Mute,
    /// Our camera.
    pub camera: Switch,
    /// Our screen.
    pub screen: Switch,
    /// The tiles.
    pub tiles: Tiles,
    /// How they stand, as the user chose.
    pub layout: Layout,
    /// What stands beside the stage.
    pub panel: Option<Panel>,
    /// The page of tiles that is shown.
    pub page: usize,
    /// Where our own picture stands beside one other.
    pub corner: Corner,
    /// How loud it is when it is not in front.
    pub behind: Behind,
    /// When we came in.
    pub joined_at: Instant,
    /// From coming in to the first picture of somebody else; none while there was none.
    pub first_picture: Option<Duration>,
    /// Whether to suggest that the hand be lowered: we have spoken.
    pub is_hand_asked: bool,
    /// Whether the signs that one can show are spread out.
    pub is_choosing_sign: bool,
    reactions: Reactions,
    is_front: bool,
    stage: Size,
    scale: f32,
    limits: Limits,
    columns: Option<usize>,
    volumes: BTreeMap<(Slot, u32), Volume>,
    told: BTreeMap<TileId, u16>,
    /// When the server began to tell who is here.
    told_since: Instant,
    hand_spoke: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Volume {
    percent: u32,
    is_silent: bool,
}

impl Default for Volume {
    fn default() -> Self {
        Self { percent: 100, is_silent: false }
    }
}

impl Room {
    /// A room that was just entered, with everything of ours off.
    pub fn new(id: RoomId, mode: GateMode, layout: Layout, now: Instant) -> Self {
        Self {
            id,
            mic: Mute::new(mode),
            camera: Switch::default(),
            screen: Switch::default(),
            tiles: Tiles::default(),
            layout,
            panel: None,
            page: 0,
            corner: Corner::default(),
            behind: Behind::default(),
            joined_at: now,
            first_picture: None,
            is_hand_asked: false,
            is_choosing_sign: false,
            reactions: Reactions::default(),
            is_front: true,
            stage: Size::default(),
            scale: 1.0,
            limits: Limits::DESKTOP,
            columns: None,
            volumes: BTreeMap::new(),
            told: BTreeMap::new(),
            told_since: now,
            hand_spoke: None,
        }
    }

    /// Takes an event of the user or of the devices.
    pub fn handle(&mut self, event: Event, view: &RoomView, now: Now, effects: &mut Effects) {
        match event {
            Event::Stage(size, scale) => (self.stage, self.scale) = (size, scale.clamp(0.25, 8.0)),
            Event::Limits(limits) => self.limits = limits,
            Event::Layout(layout) => self.set_layout(layout),
            Event::NextLayout => self.set_layout(match self.layout {
                Layout::Grid => Layout::Spotlight,
                Layout::Spotlight => Layout::Grid,
            }),
            Event::Page(page) => self.page = page,
            Event::Pin(id) => self.tiles.pin(id),
            Event::CornerDropped(x, y) => self.corner = Corner::nearest(self.stage, (x, y)),
            Event::Mic(event) => self.handle_mic(event, now, effects),
            Event::ToggleCamera => self.switch(TrackId::CAMERA, now, effects),
            Event::ToggleShare if self.screen.is_wanted() => self.switch(TrackId::SCREEN, now, effects),
            Event::ToggleShare => effects.push(Effect::PickScreen),
            Event::ShareChosen if self.screen.is_wanted() => {}
            Event::ShareChosen => self.switch(TrackId::SCREEN, now, effects),
            Event::TrackFailed(track) => self.handle_failed(track, now, effects),
            Event::TogglePanel(panel) => {
                self.panel = if self.panel == Some(panel) { None } else { Some(panel) };
                effects.push(Effect::Focus(match self.panel {
                    Some(Panel::Chat) => Focus::Composer,
                    _ => Focus::Stage,
                }));
            }
            Event::ClosePanel => self.panel = None,
            Event::ToggleHand => self.raise_hand(!self.is_hand_up(view), effects),
            Event::ToggleSigns => self.is_choosing_sign = !self.is_choosing_sign,
            Event::React(reaction) => {
                self.is_choosing_sign = false;
                if self.reactions.may_send(now.at) {
                    engine(effects, Command::React { request: 0, room: self.id, reaction });
                }
            }
            Event::KeepHand => (self.is_hand_asked, self.hand_spoke) = (false, None),
            Event::Volume(slot, percent) => {
                self.change_volume(view, slot, effects, |volume| volume.percent = percent.min(VOLUME_MAX));
            }
            Event::ToggleSilent(slot) => {
                self.change_volume(view, slot, effects, |volume| volume.is_silent = !volume.is_silent);
            }
            Event::Behind(behind) => {
                self.behind = behind;
                self.tell_volumes(view, effects);
            }
            Event::Levels(levels) => self.handle_levels(view, &levels, now),
            // These come many times a second and move no tile.
            Event::Picture { slot, is_screen, size } => {
                if self.first_picture.is_none() && view.my_slot != Some(slot) {
                    self.first_picture = Some(now.at.since(self.joined_at));
                }
                return self.tiles.handle_picture(slot, is_screen, size, now.at);
            }
            Event::Quality(samples) => {
                let take = |(slot, sample, cause)| self.tiles.handle_quality(slot, &sample, cause, now.at);
                return samples.into_iter().for_each(take);
            }
            Event::Leave => self.leave(effects),
            Event::EndForAll => {
                let act = hph_client::core::wire::control::Act::End;
                engine(effects, Command::Moderate { request: 0, room: self.id, act, whom: String::new() });
            }
        }
        self.settle(view, now, effects);
    }

    /// Takes over what the server says of the room, after every event of the engine that is about it.
    pub fn sync(&mut self, view: &RoomView, now: Now, effects: &mut Effects) {
        self.tiles.sync(view, now.at);
        let me = view.my_slot.and_then(|slot| view.participants.get(&slot));
        if let Some(me) = me {
            self.handle_mic(mute::Event::Confirmed(tiles::is_on(me, TrackId::MICROPHONE)), now, effects);
            self.camera.confirm(tiles::is_on(me, TrackId::CAMERA), now.at);
            self.screen.confirm(tiles::is_on(me, TrackId::SCREEN), now.at);
        }
        let there = |slot: &Slot, member: u32| view.participants.get(slot).is_some_and(|who| who.member == member);
        self.volumes.retain(|(slot, member), _| there(slot, *member));
        self.settle(view, now, effects);
    }

    /// Time has passed: what is closed here and still on for the server is told to it anew. A device may have ended by itself, or
    /// been closed while it was being opened.
    pub fn tick(&mut self, view: &RoomView, now: Now, effects: &mut Effects) {
        let stale = [
            (TrackId::MICROPHONE, self.mic.take_stale(now.at)),
            (TrackId::CAMERA, self.camera.take_stale(now.at)),
            (TrackId::SCREEN, self.screen.take_stale(now.at)),
        ];
        let me = view.my_slot.and_then(|slot| view.participants.get(&slot));
        for (track, _) in stale.into_iter().filter(|(_, is_stale)| *is_stale) {
            if let Some(info) = me.and_then(|me| me.tracks.get(usize::from(track.0))) {
                let info = TrackInfo { is_on: false, ..*info };
                engine(effects, Command::SetTrack { room: self.id, track, info });
            }
        }
    }

    /// We are in the room anew after a reconnect: the server knows nothing of what we wanted.
    pub fn rejoined(&mut self, now: Instant) {
        self.told.clear();
        self.told_since = now;
    }

    /// Whether the server is still telling who is here: they are no news.
    pub fn is_being_told(&self, now: Instant) -> bool {
        now.since(self.told_since) < TOLD_WITHIN
    }

    /// The room comes to the front, or another one does. Then nobody hears or sees us here.
    pub fn set_front(&mut self, is_front: bool, view: &RoomView, now: Now, effects: &mut Effects) {
        if std::mem::replace(&mut self.is_front, is_front) == is_front {
            return;
        }
        if !is_front {
            self.handle_mic(mute::Event::Background, now, effects);
            if self.camera.is_wanted() {
                self.switch(TrackId::CAMERA, now, effects);
            }
        }
        self.tell_volumes(view, effects);
        self.settle(view, now, effects);
    }

    /// Whether the room is in front.
    pub const fn is_front(&self) -> bool {
        self.is_front
    }

    /// Whether our hand is up.
    pub fn is_hand_up(&self, view: &RoomView) -> bool {
        view.my_slot.and_then(|slot| view.participants.get(&slot)).is_some_and(|me| me.hand != 0)
    }

    /// How loud somebody is for this user, and whether they were made silent. **Units:** percent.
    pub fn volume(&self, slot: Slot, member: u32) -> (u32, bool) {
        let volume = self.volumes.get(&(slot, member)).copied().unwrap_or_default();
        (volume.percent, volume.is_silent)
    }

    /// Somebody shows a sign.
    pub fn reacted(&mut self, view: &RoomView, slot: Slot, reaction: Reaction, now: Instant) {
        self.reactions.show(view, slot, reaction, now);
    }

    /// What whoever has that tile shows now: not on their screen.
    pub fn reaction(&self, id: TileId, now: Instant) -> Option<Reaction> {
        self.reactions.of(id.slot, id.member, now).filter(|_| !id.is_screen)
    }

    /// When something is shown no longer.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.mic.deadline().into_iter().chain(self.reactions.deadline(now)).min()
    }

    fn set_layout(&mut self, layout: Layout) {
        (self.layout, self.page) = (layout, 0);
    }

    fn handle_mic(&mut self, event: mute::Event, now: Now, effects: &mut Effects) {
        let (room, track) = (self.id, TrackId::MICROPHONE);
        self.mic.handle(event, now.at, |order| {
            effects.push(match order {
                Order::Open => Effect::OpenTrack { room, track },
                Order::Close => Effect::CloseTrack { room, track },
                Order::Hold(is_held) => Effect::HoldKey(is_held),
            });
        });
    }

    fn switch(&mut self, track: TrackId, now: Now, effects: &mut Effects) {
        let switch = if track == TrackId::SCREEN { &mut self.screen } else { &mut self.camera };
        let room = self.id;
        effects.push(match switch.toggle(now.at) {
            true => Effect::OpenTrack { room, track },
            false => Effect::CloseTrack { room, track },
        });
    }

    fn handle_failed(&mut self, track: TrackId, now: Now, effects: &mut Effects) {
        match track {
            TrackId::MICROPHONE => self.handle_mic(mute::Event::Failed, now, effects),
            TrackId::SCREEN if self.screen.is_wanted() => self.switch(track, now, effects),
            TrackId::CAMERA if self.camera.is_wanted() => self.switch(track, now, effects),
            _ => {}
        }
    }

    fn raise_hand(&mut self, is_up: bool, effects: &mut Effects) {
        (self.is_hand_asked, self.hand_spoke) = (false, None);
        engine(effects, Command::RaiseHand { room: self.id, is_up });
    }

    fn handle_levels(&mut self, view: &RoomView, levels: &[(Slot, u8)], now: Now) {
        let first_page = (self.page == 0 && self.layout == Layout::Grid).then(|| self.per_page(view));
        self.tiles.handle_levels(view, levels, first_page, now.at);
        let me = view.my_slot.filter(|_| self.is_hand_up(view));
        let speaks = me.and_then(|slot| self.tiles.order().iter().find(|id| id.slot == slot && !id.is_screen));
        let speaks = speaks.and_then(|id| self.tiles.tile(view, *id, now.at)).is_some_and(|tile| tile.is_speaking);
        if speaks {
            let since = *self.hand_spoke.get_or_insert(now.at);
            self.is_hand_asked |= now.at.since(since) >= LOWER_HAND_AFTER;
        } else if me.is_none() {
            (self.is_hand_asked, self.hand_spoke) = (false, None);
        }
    }

    fn change_volume(&mut self, view: &RoomView, slot: Slot, effects: &mut Effects, change: impl FnOnce(&mut Volume)) {
        let Some(who) = view.participants.get(&slot) else { return };
        change(self.volumes.entry((slot, who.member)).or_default());
        effects.push(self.volume_effect(slot, who.member));
    }

    fn volume_effect(&self, slot: Slot, member: u32) -> Effect {
        let (percent, is_silent) = self.volume(slot, member);
        let percent = match self.behind {
            _ if is_silent => 0,
            Behind::Silent if !self.is_front => 0,
            Behind::Quiet if !self.is_front => percent * BEHIND_PERCENT / 100,
            _ => percent,
        };
        Effect::Volume { room: self.id, slot, percent }
    }

    fn tell_volumes(&self, view: &RoomView, effects: &mut Effects) {
        let others = view.participants.values().filter(|who| view.my_slot != Some(who.slot));
        effects.extend(others.map(|who| self.volume_effect(who.slot, who.member)));
    }

    fn leave(&self, effects: &mut Effects) {
        // What is open is closed before the server is asked: nobody is heard while it answers.
        for (track, is_open) in [
            (TrackId::SCREEN, self.screen.is_wanted()),
            (TrackId::CAMERA, self.camera.is_wanted()),
            (TrackId::MICROPHONE, self.mic.is_open()),
        ] {
            if is_open {
                effects.push(Effect::CloseTrack { room: self.id, track });
            }
        }
        engine(effects, Command::Leave(self.id));
    }

    /// Keeps the number of columns, and tells the server how large pictures are now.
    fn settle(&mut self, view: &RoomView, now: Now, effects: &mut Effects) {
        let scene = self.scene(view, now);
        if let Arrangement::Grid { columns, .. } = scene.arrangement {
            self.columns = Some(columns);
            self.page = scene.page;
        }
        for (id, width) in self.widths(view, &scene) {
            let told = self.told.insert(id, width);
            if told == Some(0) && width > 0 {
                self.tiles.handle_seen_again(id, now.at);
            }
            if told != Some(width) {
                engine(effects, Command::Want { room: self.id, slot: id.slot, track: id.track(), width });
            }
        }
        self.told.retain(|id, _| self.tiles.order().contains(id));
    }
}

#[cfg(test)]
mod tests;
