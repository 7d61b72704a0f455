//! Datagrams as a holder of the hop keys makes them, with contents that it should not have.

use hph_core::crypto::hop::{HOP_CLEAR_MAX_BYTES, HopSealer};
use hph_core::crypto::sframe::{SFRAME_HEADER_BYTES_MAX, SframeHeader};
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::limits::{HOP_PREFIX_BYTES, TAG_BYTES};
use hph_core::time::Instant;
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::{Form, MediaHeader, MediaLayout};

use super::input::Input;

/// Seals `payload` as a datagram of that kind: of media what the relay reads, of all others the whole.
pub fn seal(sealer: &mut HopSealer, now: Instant, kind: u8, payload: &[u8]) -> Option<Vec<u8>> {
    let mut payload = payload.to_vec();
    let prefix = if kind == Kind::Media as u8 {
        let clear = &payload[..clear_len(&payload)];
        sealer.seal_clear(now, kind, clear)
    } else {
        sealer.seal_body(now, kind, &mut payload)
    };
    Some([prefix.ok()?.as_slice(), &payload].concat())
}

/// How many bytes of a media payload the hop seal authenticates.
fn clear_len(payload: &[u8]) -> usize {
    MediaLayout::parse(payload).map_or(payload.len().min(HOP_CLEAR_MAX_BYTES), |layout| layout.clear_len_bytes)
}

/// How many bytes of a whole datagram the hop seal authenticates, its own prefix included.
pub fn authenticated_len(datagram: &[u8]) -> usize {
    match datagram.split_at_checked(HOP_PREFIX_BYTES) {
        Some((prefix, payload)) if prefix.first() == Some(&(Kind::Media as u8)) => {
            HOP_PREFIX_BYTES + clear_len(payload)
        }
        _ => datagram.len(),
    }
}

/// A media header whose fields the input chooses, mostly sound ones, for that place in that room.
pub fn media_header(input: &mut Input<'_>, room: RoomId, sender: Slot) -> MediaHeader {
    let [track, frame, index, count, more] = input.array();
    let is_elsewhere = more & 0x80 != 0;
    MediaHeader {
        room: if is_elsewhere { RoomId(u32::from(more & 7)) } else { room },
        sender: if is_elsewhere { Slot(u16::from(input.u8())) } else { sender },
        track: TrackId(track & 7),
        parity: if more & 3 == 3 { count & 3 } else { 0 },
        seq: u32::from(frame),
        timestamp: u32::from(more >> 4 & 7),
        frame: if more & 8 != 0 { input.u32() } else { u32::from(frame) },
        index: u16::from(index),
        count: u16::from(count),
        layer: track >> 5,
        level: more,
        form: if more & 0x60 == 0x60 { Form::Strips } else { Form::Fragments },
    }
}

/// A media packet under a key that nobody has: for the relay, which cannot tell.
pub fn relayed_media(input: &mut Input<'_>, room: RoomId, sender: Slot) -> Vec<u8> {
    let header = media_header(input, room, sender).emit();
    let sframe = SframeHeader { kid: u64::from(input.u16()), counter: u64::from(input.u8()) };
    let mut sframe_bytes = [0; SFRAME_HEADER_BYTES_MAX];
    let sframe_len = sframe.emit(&mut sframe_bytes);
    [&header, &sframe_bytes[..sframe_len], &[0; TAG_BYTES], input.chunk()].concat()
}
