//! What the machine says, in the frontend's words.

use hph_core::endpoint::client::ClientEvent;
use hph_core::id::TrackId;
use hph_core::limits::TRACKS_MAX;

use super::Event;
use crate::breakout::BreakoutNews;

/// As the frontend gets it; none if it is the driver's matter or goes another way.
pub(crate) fn translate(event: ClientEvent<'_>) -> Option<Event> {
    use ClientEvent as C;
    Some(match event {
        C::Joined { request, room, name, slot } => Event::Joined { request, room, name: name.to_owned(), slot },
        C::Moved { from, to, parent, number, name } => {
            let name = name.to_owned();
            Event::Breakout { room: parent, news: BreakoutNews::Moved { from, to, number, name } }
        }
        C::Left { room, reason } => Event::Left { room, reason },
        C::ParticipantGone { room, slot, username } => {
            Event::ParticipantGone { room, slot, username: username.to_owned() }
        }
        C::Chat { room, id, author, display_name, time_ms, text } => Event::Chat {
            room,
            id,
            author: author.to_owned(),
            display_name: display_name.to_owned(),
            time_ms,
            text: text.to_owned(),
        },
        C::ChatChanged { room, id, target, author, time_ms, text } => {
            let (author, text) = (author.to_owned(), text.map(ToOwned::to_owned));
            Event::ChatChanged { room, id, target, author, time_ms, text }
        }
        C::Muted { room, tracks, by } => {
            let is_off = |track: &TrackId| tracks.checked_shr(u32::from(track.0)).unwrap_or(0) & 1 != 0;
            let tracks = (0..TRACKS_MAX as u8).map(TrackId).filter(is_off).collect();
            Event::Muted { room, tracks, by: by.to_owned() }
        }
        C::Tunnelled { is_on } => Event::Tunnelled { is_on },
        C::DatagramsUp => Event::Datagrams { is_up: true },
        C::DatagramsLost => Event::Datagrams { is_up: false },
        // These need what is known of people.
        C::Participant { .. } | C::Direct { .. } => return None,
        C::Frame(_) | C::Strip(_) | C::StripLost { .. } | C::ServerSilent | C::Said(_) => return None,
    })
}
