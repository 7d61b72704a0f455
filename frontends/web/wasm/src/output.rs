//! Where everything goes that follows from an input of the machine.

use hph_core::endpoint::client::{ClientEvent, ClientOutput};
use hph_core::id::{RoomId, TrackId};
use hph_core::limits::{CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES};
use hph_core::time::Instant;
use hph_core::wire::control::{ClientMessage, ServerMessage, emit_client};

use crate::events;
use crate::host::Host;
use crate::pictures::Pictures;
use crate::publish::Publisher;
use crate::voices::Voices;

/// Says something over the control connection.
pub fn say(host: &mut impl Host, message: &ClientMessage<'_>) {
    let mut frame = vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES];
    if let Ok(len) = emit_client(message, &mut frame) {
        host.control(&frame[..len]);
    }
}

/// The parts of the client that an input may change.
pub struct Output<'a, H> {
    pub now: Instant,
    pub host: &'a mut H,
    pub voices: &'a mut Voices,
    pub pictures: &'a mut Pictures,
    pub publishers: &'a mut Vec<Publisher>,
    pub room: &'a mut RoomId,
}

impl<H: Host> ClientOutput for Output<'_, H> {
    fn control(&mut self, message: &ClientMessage<'_>) {
        say(self.host, message);
    }

    fn datagram(&mut self, bytes: &[u8]) {
        self.host.datagram(bytes);
    }

    fn event(&mut self, event: ClientEvent<'_>) {
        match event {
            ClientEvent::Frame(frame) => {
                let from = (frame.slot.0, frame.track.0);
                if frame.room != *self.room {
                } else if frame.track.is_audio() {
                    let stamp = (frame.timestamp, frame.level);
                    self.voices.handle_packet(self.now, from, stamp, frame.bytes, self.host);
                } else if frame.is_newest && self.pictures.allows_jpeg(from.0, from.1, frame.bytes) {
                    self.host.jpeg(from.0, from.1, frame.bytes);
                }
                return;
            }
            ClientEvent::Strip(ref strip) => {
                if strip.room == *self.room && self.pictures.handle(strip) {
                    self.host.picture(strip.slot.0, strip.track.0);
                }
                return;
            }
            ClientEvent::StripLost { track, layer, timestamp, index, .. } => {
                return self.with(track, |publisher| publisher.mark_lost(layer, timestamp, index));
            }
            ClientEvent::Joined { room, .. } => {
                *self.room = room;
                self.voices.forget(None, self.host);
                self.pictures.forget(None);
                self.publishers.iter_mut().for_each(|publisher| publisher.set_wanted(1, 0));
            }
            // What is on there is opened there.
            ClientEvent::Moved { .. } => self.publishers.clear(),
            ClientEvent::Participant { ref info, is_new, .. } => {
                if is_new {
                    self.voices.forget(Some(info.slot.0), self.host);
                }
                for (track, announced) in (0..).zip(&info.tracks) {
                    self.pictures.announce(info.slot.0, track, info.member, announced);
                }
            }
            ClientEvent::ParticipantGone { slot, .. } => {
                self.voices.forget(Some(slot.0), self.host);
                self.pictures.forget(Some(slot.0));
            }
            ClientEvent::Said(&ServerMessage::FileChunk { file, from, bytes }) => {
                return self.host.piece(file, from, bytes);
            }
            ClientEvent::Said(&ServerMessage::WantedLayers { track, layers, max_bps, .. }) => {
                return self.with(track, |publisher| publisher.set_wanted(layers, max_bps));
            }
            ClientEvent::Said(&ServerMessage::Refresh { track, layers, .. }) => {
                return self.with(track, |publisher| publisher.refresh(layers));
            }
            _ => {}
        }
        if let Some(json) = events::of(&event) {
            self.host.event(&json);
        }
    }
}

impl<H> Output<'_, H> {
    fn with(&mut self, track: TrackId, act: impl FnOnce(&mut Publisher)) {
        if let Some(publisher) = self.publishers.iter_mut().find(|publisher| publisher.track == track) {
            act(publisher);
        }
    }
}
