//! Sending our frames and receiving everybody else's.

use super::{ClientEvent, ClientMachine, ClientOutput, IncomingFrame};
use crate::crypto::hop::HopHeader;
use crate::crypto::sframe::ReceiverKey;
use crate::error::DropReason;
use crate::id::{RoomId, TrackId};
use crate::limits::{DATAGRAM_MAX_BYTES, FRAGMENT_PAYLOAD_MAX_BYTES, HOP_PREFIX_BYTES, MEDIA_HEADER_BYTES, TAG_BYTES};
use crate::media::fragment::{Fragment, Fragmenter};
use crate::media::reassembly::Inserted;
use crate::media::track_window::TrackKey;
use crate::time::Instant;
use crate::wire::datagram::Kind;
use crate::wire::media::{MediaHeader, MediaLayout};

/// A frame of ours, ready to be cut, sealed and sent.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingFrame<'a> {
    /// Which track.
    pub track: TrackId,
    /// Size layer, 0 the full picture.
    pub layer: u8,
    /// Capture time on the media clock.
    pub timestamp: u32,
    /// RFC 6464 level; 127 for pictures.
    pub level: u8,
    /// The encoded frame.
    pub bytes: &'a [u8],
}

impl ClientMachine<'_> {
    /// Cuts a frame, seals each fragment end to end and for the hop, and sends it. Gives the number of datagrams.
    ///
    /// # Errors
    /// [`DropReason::NotInRoom`] and [`DropReason::UnvalidatedPath`] while not joined or without datagrams,
    /// [`DropReason::UnknownTrack`] if the track is off, [`DropReason::Length`] for an empty or too long frame,
    /// [`DropReason::KeyExhausted`].
    pub fn send_frame(
        &mut self,
        now: Instant,
        id: RoomId,
        frame: &OutgoingFrame<'_>,
        out: &mut impl ClientOutput,
    ) -> Result<u16, DropReason> {
        let link = self.link.as_mut().filter(|link| link.is_up()).ok_or(DropReason::UnvalidatedPath)?;
        let room = self.rooms.iter_mut().filter_map(|place| place.room_mut()).find(|room| room.id == id);
        let room = room.ok_or(DropReason::NotInRoom)?;
        let (slot, _) = room.joined.ok_or(DropReason::NotInRoom)?;
        let own = room.own.as_mut().ok_or(DropReason::UnknownKey)?;
        let track = room.my_tracks.get_mut(usize::from(frame.track.0)).filter(|track| track.info.is_on);
        let track = track.ok_or(DropReason::UnknownTrack)?;
        let cut = Fragmenter::new(frame.bytes.len()).map_err(|_| DropReason::Length)?;
        // A number is used up even if sealing fails half-way: fragments of two frames must not have one.
        let number = track.frame;
        track.frame = number.wrapping_add(1);

        for (index, range) in cut.fragments() {
            let header = MediaHeader {
                room: id,
                sender: slot,
                track: frame.track,
                seq: track.seq,
                timestamp: frame.timestamp,
                frame: number,
                index,
                count: cut.count(),
                layer: frame.layer,
                level: frame.level,
            };
            let metadata = header.emit();
            let mut body = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
            let fragment = frame.bytes.get(range).ok_or(DropReason::Length)?;
            let body = body.get_mut(..fragment.len()).ok_or(DropReason::Length)?;
            body.copy_from_slice(fragment);
            let mut sframe = [0; 17];
            let (sframe_len, tag) = own.sealer.seal(&metadata, body, &mut sframe)?;

            let mut datagram = Datagram::new();
            datagram.push(&metadata)?;
            datagram.push(sframe.get(..sframe_len).ok_or(DropReason::Length)?)?;
            datagram.push(&tag)?;
            let prefix = link.sealer.seal_clear(now, Kind::Media as u8, datagram.payload())?;
            datagram.push(body)?;
            out.datagram(datagram.finish(&prefix));
            track.seq = track.seq.wrapping_add(1);
        }
        Ok(cut.count())
    }

    pub(super) fn handle_media(
        &mut self,
        now: Instant,
        hop: &HopHeader,
        tag: &[u8; TAG_BYTES],
        payload: &mut [u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        let layout = MediaLayout::parse(payload)?;
        let link = self.link.as_mut().ok_or(DropReason::UnknownConnection)?;
        let clear = payload.get(..layout.clear_len_bytes).ok_or(DropReason::Length)?;
        link.opener.open_clear(now, hop, tag, clear)?;
        link.handle_media(now);
        match self.deliver(now, &layout, payload, out) {
            Err(lacks) => self.hold(now, &layout, payload, lacks),
            Ok(()) => Ok(()),
        }
    }

    /// Opens a packet and hands out the frame that it completes. A packet that lacks its key is left as it was.
    pub(super) fn deliver(
        &mut self,
        now: Instant,
        layout: &MediaLayout,
        payload: &mut [u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        self.open_end_to_end(now, layout, payload, out)?;
        let header = &layout.header;
        let body = payload.get(layout.clear_len_bytes..).ok_or(DropReason::Length)?;
        let key = TrackKey { room: header.room.0, sender: header.sender.0, track: header.track.0, layer: header.layer };
        let fragment = Fragment {
            frame: header.frame,
            index: header.index,
            count: header.count,
            timestamp: header.timestamp,
            payload: body,
        };
        let incoming = IncomingFrame {
            room: header.room,
            slot: header.sender,
            track: header.track,
            layer: header.layer,
            frame: header.frame,
            timestamp: header.timestamp,
            level: header.level,
            bytes: body,
            first_at: now,
            complete_at: now,
            is_newest: true,
        };
        match self.reassembler.insert(now, key, &fragment)? {
            Inserted::Partial => {}
            Inserted::Single { is_newest } => out.event(ClientEvent::Frame(IncomingFrame { is_newest, ..incoming })),
            Inserted::Complete(whole) => {
                if let Some(frame) = self.reassembler.frame(&whole) {
                    let (bytes, is_newest) = (frame.bytes, frame.is_newest);
                    let (first_at, complete_at) = (frame.first_at, frame.complete_at);
                    let incoming = IncomingFrame { bytes, first_at, complete_at, is_newest, ..incoming };
                    out.event(ClientEvent::Frame(incoming));
                }
                self.reassembler.release(whole);
            }
        }
        Ok(())
    }

    /// Opens the end-to-end seal in place. A packet of a later ratchet step costs one derivation; only a packet that
    /// opens moves the key on.
    fn open_end_to_end(
        &mut self,
        now: Instant,
        layout: &MediaLayout,
        payload: &mut [u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        let header = &layout.header;
        let epoch = (layout.sframe.kid & 0xffff) as u16;
        if layout.sframe.kid != super::keys::key_id(header.sender, epoch) {
            return Err(DropReason::MediaHeader);
        }
        let (clear, body) = payload.split_at_mut_checked(layout.clear_len_bytes).ok_or(DropReason::Length)?;
        let (metadata, rest) = clear.split_at_checked(MEDIA_HEADER_BYTES).ok_or(DropReason::Length)?;
        let (sframe, tag) = rest.split_at_checked(layout.sframe_len_bytes).ok_or(DropReason::Length)?;
        let tag: &[u8; TAG_BYTES] = tag.try_into().map_err(|_| DropReason::Length)?;

        let room = self.room_mut(header.room).ok_or(DropReason::UnknownRoom)?;
        let member = room.sender_mut(header.sender).ok_or(DropReason::NotInRoom)?;
        if let Some(opener) = member.keys.opener(now, epoch) {
            opener.open(&layout.sframe, sframe, metadata, tag, body)?;
            member.keys.handle_opened(now, epoch);
            return Ok(());
        }
        if member.keys.is_over(epoch) {
            return Err(DropReason::UnknownKey);
        }
        let Some(base) = member.keys.ratcheted(epoch) else {
            return Err(self.request_key(now, header.room, header.sender, out));
        };
        let mut candidate = ReceiverKey::new(&base, layout.sframe.kid);
        candidate.open(&layout.sframe, sframe, metadata, tag, body)?;
        member.keys.insert_opened(now, epoch, base, candidate);
        Ok(())
    }
}

/// A datagram that is put together from the media header on, the hop prefix last.
struct Datagram {
    bytes: [u8; DATAGRAM_MAX_BYTES],
    filled: usize,
}

impl Datagram {
    const fn new() -> Self {
        Self { bytes: [0; DATAGRAM_MAX_BYTES], filled: HOP_PREFIX_BYTES }
    }

    fn push(&mut self, part: &[u8]) -> Result<(), DropReason> {
        let end = self.filled.checked_add(part.len()).ok_or(DropReason::Length)?;
        self.bytes.get_mut(self.filled..end).ok_or(DropReason::Length)?.copy_from_slice(part);
        self.filled = end;
        Ok(())
    }

    fn payload(&self) -> &[u8] {
        self.bytes.get(HOP_PREFIX_BYTES..self.filled).unwrap_or_default()
    }

    fn finish(&mut self, prefix: &[u8; HOP_PREFIX_BYTES]) -> &[u8] {
        if let Some(head) = self.bytes.first_chunk_mut::<HOP_PREFIX_BYTES>() {
            *head = *prefix;
        }
        self.bytes.get(..self.filled).unwrap_or_default()
    }
}
