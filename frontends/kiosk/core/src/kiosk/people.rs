//! Who is in the room: names to be read from afar.

use hph_client::core::id::TrackId;

use super::Kiosk;

/// Somebody in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name to show.
    pub name: String,
    /// Letter of the avatar.
    pub initial: String,
    /// Hue of the avatar. **Units:** degrees.
    pub hue: u16,
    /// Whether it is this device.
    pub is_me: bool,
    /// Whether their microphone is on.
    pub is_heard: bool,
    /// Whether their camera is on.
    pub is_seen: bool,
    /// Whether their hand is up.
    pub has_hand: bool,
}

impl Kiosk {
    /// Everybody in the room in front: raised hands first, then by place.
    pub fn people(&self) -> Vec<Person> {
        let Some((_, view)) = self.app.front_room() else { return Vec::new() };
        let is_on = |who: &hph_client::engine::Participant, track: TrackId| {
            who.tracks.get(usize::from(track.0)).is_some_and(|info| info.is_on)
        };
        let person = |(slot, who): (&hph_client::core::id::Slot, &hph_client::engine::Participant)| Person {
            name: who.display_name.clone(),
            initial: hph_presenters::text::name::initial(&who.display_name),
            hue: hph_presenters::text::name::hue(&who.username),
            is_me: view.my_slot == Some(*slot),
            is_heard: is_on(who, TrackId::MICROPHONE),
            is_seen: is_on(who, TrackId::CAMERA),
            has_hand: who.hand != 0,
        };
        let mut people: Vec<Person> = view.participants.iter().map(person).collect();
        people.sort_by_key(|person| !person.has_hand);
        people
    }
}
