//! Sending our frames: cut, sealed packet by packet, end to end and for the hop.

use core::ops::Range;

use super::link::Link;
use super::repair::ClientRepair;
use super::room::Numbering;
use super::{ClientMachine, ClientOutput};
use crate::error::DropReason;
use crate::id::{RoomId, TrackId};
use crate::limits::{
    DATAGRAM_MAX_BYTES, FRAGMENT_PAYLOAD_MAX_BYTES, FRAGMENTS_MAX, HOP_PREFIX_BYTES, MEDIA_HEADER_BYTES,
};
use crate::media::cache::PacketCache;
use crate::media::fragment::Fragmenter;
use crate::media::parity::ParityEncoder;
use crate::media::track_window::TrackKey;
use crate::time::Instant;
use crate::wire::media::{Form, MediaHeader};

/// A frame of ours, ready to be cut, sealed and sent.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingFrame<'a> {
    /// Which track.
    pub track: TrackId,
    /// Size layer, 0 the full picture; below [`crate::limits::LAYERS_MAX`].
    pub layer: u8,
    /// Capture time on the media clock.
    pub timestamp: u32,
    /// RFC 6464 level; 127 for pictures.
    pub level: u8,
    /// The encoded frame.
    pub bytes: &'a [u8],
    /// Which of its bytes go together.
    pub pieces: Pieces<'a>,
}

/// How a frame is cut into datagrams.
#[derive(Clone, Copy, Debug, Default)]
pub enum Pieces<'a> {
    /// Into fragments of one size: the receiver needs all of them.
    #[default]
    Fragments,
    /// Into these ranges of its bytes, one per datagram, each of use by itself. **Bounds:** 1 to [`FRAGMENTS_MAX`]
    /// ranges of 1 to [`FRAGMENT_PAYLOAD_MAX_BYTES`] bytes.
    Strips(&'a [Range<usize>]),
}

/// A frame's pieces, checked.
enum Plan<'a> {
    Fragments(Fragmenter),
    Strips(&'a [Range<usize>]),
}

impl<'a> Plan<'a> {
    fn new(frame: &OutgoingFrame<'a>) -> Result<Self, DropReason> {
        match frame.pieces {
            Pieces::Fragments => {
                Fragmenter::new(frame.bytes.len()).map(Self::Fragments).map_err(|_| DropReason::Length)
            }
            Pieces::Strips(ranges) => {
                let is_legal = |range: &Range<usize>| {
                    let len = frame.bytes.get(range.clone()).map_or(0, <[u8]>::len);
                    (1..=FRAGMENT_PAYLOAD_MAX_BYTES).contains(&len)
                };
                let are_legal = (1..=FRAGMENTS_MAX).contains(&ranges.len()) && ranges.iter().all(is_legal);
                if are_legal { Ok(Self::Strips(ranges)) } else { Err(DropReason::Length) }
            }
        }
    }

    const fn form(&self) -> Form {
        match self {
            Self::Fragments(_) => Form::Fragments,
            Self::Strips(_) => Form::Strips,
        }
    }

    const fn count(&self) -> u16 {
        match self {
            Self::Fragments(cut) => cut.count(),
            Self::Strips(ranges) => ranges.len() as u16,
        }
    }

    fn piece(&self, index: u16) -> Range<usize> {
        match self {
            Self::Fragments(cut) => cut.fragment(index),
            Self::Strips(ranges) => ranges.get(usize::from(index)).cloned().unwrap_or_default(),
        }
    }
}

impl ClientMachine<'_> {
    /// Cuts a frame, seals each piece end to end and for the hop, and sends it, with parity behind it
    /// if that is worth its price. Gives the number of datagrams.
    ///
    /// # Errors
    /// As [`Self::seal_frame`].
    pub fn send_frame(
        &mut self,
        now: Instant,
        id: RoomId,
        frame: &OutgoingFrame<'_>,
        out: &mut impl ClientOutput,
    ) -> Result<u16, DropReason> {
        self.seal_pieces(now, id, frame, |link, sent, payload, clear_len_bytes| {
            send(now, link, sent, (payload, clear_len_bytes), out)
        })
    }

    /// As [`Self::send_frame`], but sends nothing: `sealed` takes each packet and the number of its bytes that the hop's
    /// seal covers, for [`Self::send_sealed`] in the same order and soon.
    ///
    /// # Errors
    /// [`DropReason::NotInRoom`] and [`DropReason::UnvalidatedPath`] while not joined or without datagrams,
    /// [`DropReason::UnknownTrack`] if the track is off or there is no such layer, [`DropReason::Length`] for an empty
    /// or too long frame, or strips out of bounds; [`DropReason::KeyExhausted`].
    pub fn seal_frame(
        &mut self,
        now: Instant,
        id: RoomId,
        frame: &OutgoingFrame<'_>,
        mut sealed: impl FnMut(&[u8], usize),
    ) -> Result<u16, DropReason> {
        self.seal_pieces(now, id, frame, |_, _, payload, clear_len_bytes| {
            sealed(payload, clear_len_bytes);
            Ok(())
        })
    }

    /// Sends a packet that [`Self::seal_frame`] gave.
    ///
    /// # Errors
    /// [`DropReason::UnvalidatedPath`] without datagrams, [`DropReason::Length`] for what it did not give,
    /// [`DropReason::KeyExhausted`].
    pub fn send_sealed(
        &mut self,
        now: Instant,
        payload: &[u8],
        clear_len_bytes: usize,
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        let link = self.link.as_mut().filter(|link| link.is_up()).ok_or(DropReason::UnvalidatedPath)?;
        send(now, link, &mut self.incoming.repair.sent, (payload, clear_len_bytes), out)
    }

    fn seal_pieces(
        &mut self,
        now: Instant,
        id: RoomId,
        frame: &OutgoingFrame<'_>,
        mut each: impl FnMut(&mut Link, &mut PacketCache<'_>, &[u8], usize) -> Result<(), DropReason>,
    ) -> Result<u16, DropReason> {
        let link = self.link.as_mut().filter(|link| link.is_up()).ok_or(DropReason::UnvalidatedPath)?;
        let room = self.rooms.iter_mut().filter_map(|place| place.room_mut()).find(|room| room.id == id);
        let room = room.ok_or(DropReason::NotInRoom)?;
        let (sender, _) = room.joined.ok_or(DropReason::NotInRoom)?;
        let own = room.own.as_mut().ok_or(DropReason::UnknownKey)?;
        let track = room.my_tracks.get_mut(usize::from(frame.track.0)).filter(|track| track.info.is_on);
        let numbering = track.and_then(|track| track.layers.get_mut(usize::from(frame.layer)));
        let numbering = numbering.ok_or(DropReason::UnknownTrack)?;
        let plan = Plan::new(frame)?;
        link.rate.handle_sending(now);
        let Numbering { seq, frame: number } = *numbering;
        // Numbers are used up even if sealing fails half-way: pieces of two frames must not have one.
        numbering.frame = number.wrapping_add(1);
        numbering.seq = seq.wrapping_add(plan.count().into());
        let first = MediaHeader {
            room: id,
            sender,
            track: frame.track,
            parity: 0,
            seq,
            timestamp: frame.timestamp,
            frame: number,
            index: 0,
            count: plan.count(),
            layer: frame.layer,
            level: frame.level,
            form: plan.form(),
        };
        let ClientRepair { sent, parity, .. } = &mut self.incoming.repair;
        let is_audio = frame.track.is_audio();
        let wanted = if is_audio { 0 } else { link.parity_for(plan.count()) };
        let mut encoder = ParityEncoder::new(parity, plan.count(), wanted);
        let first = MediaHeader { parity: encoder.parity(), ..first };
        for index in 0..plan.count() {
            let piece = frame.bytes.get(plan.piece(index)).ok_or(DropReason::Length)?;
            let header = MediaHeader { index, seq: seq.wrapping_add(index.into()), ..first };
            let metadata = header.emit();
            let mut body = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
            let body = body.get_mut(..piece.len()).ok_or(DropReason::Length)?;
            body.copy_from_slice(piece);
            let mut sframe = [0; 17];
            let (sframe_len, tag) = own.sealer.seal(&metadata, body, &mut sframe)?;

            let mut packet = Packet::default();
            packet.push(&metadata)?;
            packet.push(sframe.get(..sframe_len).ok_or(DropReason::Length)?)?;
            packet.push(&tag)?;
            let clear_len_bytes = packet.filled;
            packet.push(body)?;
            let payload = packet.as_slice();
            each(link, sent, payload, clear_len_bytes)?;
            encoder.add(index, payload.get(MEDIA_HEADER_BYTES..).unwrap_or_default());
        }
        for (index, symbol) in (plan.count()..).zip(encoder.symbols()) {
            let mut packet = Packet::default();
            packet.push(&MediaHeader { index, ..first }.emit())?;
            packet.push(symbol)?;
            each(link, sent, packet.as_slice(), MEDIA_HEADER_BYTES)?;
        }
        Ok(plan.count().saturating_add(encoder.parity().into()))
    }
}

/// Sends a packet of ours, and keeps it if it may be asked for again. Not before: what waits for its turn is on its way, and must
/// not overtake itself because somebody misses it.
fn send(
    now: Instant,
    link: &mut Link,
    sent: &mut PacketCache<'_>,
    (payload, clear_len_bytes): (&[u8], usize),
    out: &mut impl ClientOutput,
) -> Result<(), DropReason> {
    link.send_media(now, payload, clear_len_bytes, out)?;
    let header = MediaHeader::parse(payload)?;
    if header.is_parity() {
        return Ok(());
    }
    link.repair.earn_resend();
    // Voice carries copies of its earlier frames instead.
    if !header.track.is_audio() {
        sent.store(TrackKey::of(&header), header.seq, clear_len_bytes, payload);
    }
    Ok(())
}

/// The payload of a media datagram that is put together.
struct Packet {
    bytes: [u8; DATAGRAM_MAX_BYTES - HOP_PREFIX_BYTES],
    filled: usize,
}

impl Default for Packet {
    fn default() -> Self {
        Self { bytes: [0; DATAGRAM_MAX_BYTES - HOP_PREFIX_BYTES], filled: 0 }
    }
}

impl Packet {
    fn push(&mut self, part: &[u8]) -> Result<(), DropReason> {
        let end = self.filled.checked_add(part.len()).ok_or(DropReason::Length)?;
        self.bytes.get_mut(self.filled..end).ok_or(DropReason::Length)?.copy_from_slice(part);
        self.filled = end;
        Ok(())
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }
}
