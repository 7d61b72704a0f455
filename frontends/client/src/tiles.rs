//! How large each picture is shown, and telling the server when that changes: nobody is sent what is not seen.

use std::collections::HashMap;

use hph_core::id::{RoomId, Slot, TrackId};

use crate::engine::Command;
use crate::view::{MeetingView, RoomView};

/// Width of the whole that the tiles share. **Units:** pixels.
const WIDTH: u16 = 1280;
/// Width of those who do not speak, beside the speaker.
const SMALL_WIDTH: u16 = 240;

/// How pictures are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// All of one size, as large as they fit.
    #[default]
    Grid,
    /// Whoever speaks large, the others small.
    Speaker,
    /// No pictures.
    None,
}

/// What the server was told last.
#[derive(Debug, Default)]
pub struct Tiles {
    layout: Layout,
    /// By picture: whose membership it is, and the width that was asked for.
    told: HashMap<(RoomId, Slot, TrackId), (u32, u16)>,
}

impl Tiles {
    /// Nothing was told yet: then everything is wanted in full.
    pub fn new(layout: Layout) -> Self {
        Self { layout, told: HashMap::new() }
    }

    /// Shows pictures in another way from now on.
    pub const fn set_layout(&mut self, layout: Layout) {
        self.layout = layout;
    }

    /// What is to be told now. Call it after events, and with everything forgotten after a reconnect.
    pub fn update(&mut self, view: &MeetingView) -> Vec<Command> {
        self.told.retain(|(room, slot, _), (member, _)| {
            let room = view.rooms.get(room);
            room.and_then(|room| room.participants.get(slot)).is_some_and(|who| who.member == *member)
        });
        let mut commands = Vec::new();
        for (id, room) in &view.rooms {
            for (slot, member, track) in pictures(room) {
                let width = self.width(room, slot, track);
                let told = self.told.insert((*id, slot, track), (member, width));
                if told.map_or(u16::MAX, |(_, width)| width) != width {
                    commands.push(Command::Want { room: *id, slot, track, width });
                }
            }
        }
        commands
    }

    /// The connection is new: the server knows nothing.
    pub fn forget(&mut self) {
        self.told.clear();
    }

    fn width(&self, room: &RoomView, slot: Slot, track: TrackId) -> u16 {
        let shown = pictures(room).count();
        match self.layout {
            Layout::None => 0,
            // One picture is as large as it can be, whatever the layout.
            _ if shown <= 1 => WIDTH,
            Layout::Speaker if room.speaker == Some(slot) || track == TrackId::SCREEN => WIDTH,
            Layout::Speaker => SMALL_WIDTH,
            Layout::Grid => WIDTH / (1..=32u16).find(|columns| usize::from(columns * columns) >= shown).unwrap_or(6),
        }
    }
}

/// The pictures of others: whose, which membership, which track.
fn pictures(room: &RoomView) -> impl Iterator<Item = (Slot, u32, TrackId)> + '_ {
    let others = room.participants.iter().filter(|(slot, _)| room.my_slot != Some(**slot));
    others.flat_map(|(slot, who)| {
        [TrackId::CAMERA, TrackId::SCREEN].into_iter().filter_map(|track| {
            let info = who.tracks.get(usize::from(track.0))?;
            info.is_on.then_some((*slot, who.member, track))
        })
    })
}

#[cfg(test)]
mod tests {
    use hph_core::wire::control::{Codec, TrackInfo};

    use super::*;
    use crate::engine::{Event, Participant};

    const ROOM: RoomId = RoomId(7);

    fn come(view: &mut MeetingView, slot: u16, member: u32) {
        let mut tracks = [TrackInfo::default(); 4];
        tracks[1] = TrackInfo { is_on: true, codec: Codec::Jpeg, width: 1280, height: 720 };
        let (username, display_name) = (format!("u{slot}"), String::new());
        let (device, key) = Default::default();
        let participant = Participant {
            slot: Slot(slot),
            member,
            username,
            display_name,
            tracks,
            role: Default::default(),
            hand: 0,
            device,
            key,
        };
        view.apply(&Event::Participant { room: ROOM, participant, is_new: true, is_me: slot == 0 });
    }

    fn meeting(others: u16) -> MeetingView {
        let mut view = MeetingView::default();
        view.apply(&Event::Joined { request: 1, room: ROOM, name: "r".to_owned(), slot: Slot(0) });
        (0..=others).for_each(|slot| come(&mut view, slot, slot.into()));
        view
    }

    fn widths(commands: &[Command]) -> Vec<(u16, u16)> {
        let mut widths: Vec<_> = commands
            .iter()
            .map(|command| match command {
                Command::Want { slot, width, .. } => (slot.0, *width),
                other => panic!("{other:?}"),
            })
            .collect();
        widths.sort_unstable();
        widths
    }

    #[test]
    fn a_grid_shares_the_width_and_tells_only_what_changes() {
        let mut tiles = Tiles::default();
        let mut view = meeting(3);
        assert_eq!(widths(&tiles.update(&view)), [(1, 640), (2, 640), (3, 640)]);
        assert!(tiles.update(&view).is_empty());
        come(&mut view, 4, 4);
        assert_eq!(widths(&tiles.update(&view)), [(4, 640)]);
        come(&mut view, 5, 5);
        assert_eq!(widths(&tiles.update(&view)).len(), 5);
    }

    #[test]
    fn the_speaker_is_large_and_whoever_spoke_before_becomes_small() {
        let mut tiles = Tiles::new(Layout::Speaker);
        let mut view = meeting(3);
        view.apply(&Event::Speaker { room: ROOM, slot: Some(Slot(2)) });
        assert_eq!(widths(&tiles.update(&view)), [(1, 240), (2, 1280), (3, 240)]);
        view.apply(&Event::Speaker { room: ROOM, slot: Some(Slot(3)) });
        assert_eq!(widths(&tiles.update(&view)), [(2, 240), (3, 1280)]);
    }

    #[test]
    fn a_successor_in_a_place_and_a_new_connection_are_told_anew() {
        let mut tiles = Tiles::new(Layout::None);
        let mut view = meeting(1);
        assert_eq!(widths(&tiles.update(&view)), [(1, 0)]);
        come(&mut view, 1, 99);
        assert_eq!(widths(&tiles.update(&view)), [(1, 0)]);
        tiles.forget();
        assert_eq!(widths(&tiles.update(&view)), [(1, 0)]);
    }
}
