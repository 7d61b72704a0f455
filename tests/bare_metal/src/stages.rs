//! Single steps of a packet's way, each measured alone over a full fragment.

use hph_core::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use hph_core::crypto::sframe::{ReceiverKey, SFRAME_HEADER_BYTES_MAX, SenderKey};
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, HOP_HEADER_BYTES, HOP_PREFIX_BYTES, MEDIA_HEADER_BYTES, TAG_BYTES};
use hph_core::media::fragment::Fragment;
use hph_core::media::reassembly::{DEADLINE_DEFAULT, Inserted, Reassembler, ReassemblySlot};
use hph_core::media::track_window::{TrackKey, TrackWindow};
use hph_core::time::Instant;
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::{Form, MediaHeader, MediaLayout};

use crate::Counter;
use crate::record::{Outcome, Stage};

const PACKETS: u16 = 14;
const NOW: Instant = Instant::from_micros(1_000_000);
const BASE_KEY: [u8; 32] = [7; 32];
const EXPORTER: [u8; 32] = [9; 32];
const CONNECTION: u32 = 0x0102_0003;

/// Sends the full fragments of one frame through every step, and charges each step to `outcome`.
pub fn measure(outcome: &mut Outcome, count: Counter) {
    let (mut sealer, mut opener) = (SenderKey::new(&BASE_KEY, 0x1_0000), ReceiverKey::new(&BASE_KEY, 0x1_0000));
    let mut hop_sealer = HopSealer::new(&EXPORTER, CONNECTION, Direction::ServerToClient);
    let mut hop_opener = HopOpener::new(&EXPORTER, CONNECTION, Direction::ServerToClient);
    let mut slots = [ReassemblySlot::EMPTY];
    let mut memory = [0; PACKETS as usize * FRAGMENT_PAYLOAD_MAX_BYTES];
    let mut tracks = [TrackWindow::EMPTY];
    let mut reassembler = Reassembler::new(&mut slots, &mut memory, &mut tracks, DEADLINE_DEFAULT);

    for index in 0..PACKETS {
        let metadata = header(index).emit();
        let mut body = [index as u8; FRAGMENT_PAYLOAD_MAX_BYTES];
        let mut sframe = [0; SFRAME_HEADER_BYTES_MAX];
        let sealed = outcome.time(count, Stage::EndToEndSeal, || sealer.seal(&metadata, &mut body, &mut sframe));
        let (sframe_len, tag) = sealed.expect("the key is new");

        let mut packet = [0; HOP_PREFIX_BYTES
            + MEDIA_HEADER_BYTES
            + SFRAME_HEADER_BYTES_MAX
            + TAG_BYTES
            + FRAGMENT_PAYLOAD_MAX_BYTES];
        let mut filled = HOP_PREFIX_BYTES;
        for part in [&metadata[..], &sframe[..sframe_len], &tag[..], &body[..]] {
            packet[filled..filled + part.len()].copy_from_slice(part);
            filled += part.len();
        }
        let clear = &packet[HOP_PREFIX_BYTES..filled - body.len()];
        let prefix = outcome.time(count, Stage::HopSeal, || hop_sealer.seal_clear(NOW, Kind::Media as u8, clear));
        packet[..HOP_PREFIX_BYTES].copy_from_slice(&prefix.expect("the key is new"));

        let (hop, layout) = outcome.time(count, Stage::Parse, || {
            (HopHeader::parse(&packet), MediaLayout::parse(&packet[HOP_PREFIX_BYTES..filled]))
        });
        let (hop, layout) = (hop.expect("a whole header"), layout.expect("a whole packet"));
        let (front, payload) = packet[..filled].split_at_mut(HOP_PREFIX_BYTES);
        let tag: &[u8; TAG_BYTES] = front[HOP_HEADER_BYTES..].try_into().expect("a whole tag");
        let (clear, body) = payload.split_at_mut(layout.clear_len_bytes);
        let opened = outcome.time(count, Stage::HopOpen, || hop_opener.open_clear(NOW, &hop, tag, clear));
        assert!(opened.is_ok_and(|opened| opened.is_newest));
        open(outcome, count, &mut opener, &layout, clear, body);

        let key = TrackKey { room: 1, sender: 1, track: 1, layer: 0 };
        let fragment = Fragment { frame: 1, index, count: PACKETS, timestamp: 0, payload: body };
        let inserted = outcome.time(count, Stage::Reassemble, || reassembler.insert(NOW, key, &fragment));
        let is_last = index + 1 == PACKETS;
        assert!(matches!(inserted, Ok(Inserted::Complete(_))) == is_last && inserted.is_ok());
    }
}

fn open(
    outcome: &mut Outcome,
    count: Counter,
    opener: &mut ReceiverKey,
    layout: &MediaLayout,
    clear: &[u8],
    body: &mut [u8],
) {
    let (metadata, rest) = clear.split_at(MEDIA_HEADER_BYTES);
    let (sframe, tag) = rest.split_at(layout.sframe_len_bytes);
    let tag: &[u8; TAG_BYTES] = tag.try_into().expect("a whole tag");
    let opened = outcome.time(count, Stage::EndToEndOpen, || opener.open(&layout.sframe, sframe, metadata, tag, body));
    assert_eq!(opened, Ok(()));
    assert!(body.iter().all(|byte| u16::from(*byte) == layout.header.index));
}

fn header(index: u16) -> MediaHeader {
    MediaHeader {
        room: RoomId(1),
        sender: Slot(1),
        track: TrackId::CAMERA,
        parity: 0,
        seq: u32::from(index),
        timestamp: 0,
        frame: 1,
        index,
        count: PACKETS,
        layer: 0,
        level: 127,
        form: Form::Fragments,
    }
}
