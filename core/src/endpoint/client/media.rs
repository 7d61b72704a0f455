//! Receiving everybody else's frames.

use super::link::Sealed;
use super::{ClientEvent, ClientMachine, ClientOutput, IncomingFrame, IncomingStrip};
use crate::crypto::hop::HopHeader;
use crate::crypto::sframe::ReceiverKey;
use crate::error::DropReason;
use crate::limits::{MEDIA_HEADER_BYTES, TAG_BYTES};
use crate::media::fragment::Fragment;
use crate::media::reassembly::Inserted;
use crate::media::track_window::TrackKey;
use crate::time::Instant;
use crate::wire::media::{Form, MediaHeader, MediaLayout};

impl ClientMachine<'_> {
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
        link.open(now, hop, tag, Sealed::Clear(clear))?;
        link.handle_media(now);
        let solvable = self.note_packet(now, &layout.header, payload);
        let result = if layout.header.is_parity() {
            self.check_parity(&layout.header)
        } else {
            match self.deliver(now, &layout, payload, out) {
                Err(lacks) => self.hold(now, &layout, payload, lacks),
                Ok(()) => Ok(()),
            }
        };
        if let Some(solvable) = solvable {
            self.make_again(now, &solvable, out);
        }
        result
    }

    /// Whether a parity packet is of somebody who is known: nothing else can be said of it.
    fn check_parity(&mut self, header: &MediaHeader) -> Result<(), DropReason> {
        let room = self.room_mut(header.room).ok_or(DropReason::UnknownRoom)?;
        room.member_mut(header.sender).ok_or(DropReason::NotInRoom).map(|_| ())
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
        let body = payload.get(layout.clear_len_bytes..).ok_or(DropReason::Length)?;
        self.take_piece(now, &layout.header, body, out)
    }

    /// Hands out what was opened, or keeps it until its frame is whole.
    fn take_piece(
        &mut self,
        now: Instant,
        header: &MediaHeader,
        body: &[u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        let key = TrackKey::of(header);
        if header.form == Form::Strips {
            let is_newest = self.incoming.reassembler.note_strip(now, key, header.frame, header.count)?;
            out.event(ClientEvent::Strip(IncomingStrip {
                room: header.room,
                slot: header.sender,
                track: header.track,
                layer: header.layer,
                frame: header.frame,
                timestamp: header.timestamp,
                index: header.index,
                count: header.count,
                bytes: body,
                at: now,
                is_newest,
            }));
            return Ok(());
        }
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
        match self.incoming.reassembler.insert(now, key, &fragment)? {
            Inserted::Partial => {}
            Inserted::Single { is_newest } => out.event(ClientEvent::Frame(IncomingFrame { is_newest, ..incoming })),
            Inserted::Complete(whole) => {
                if let Some(frame) = self.incoming.reassembler.frame(&whole) {
                    let (bytes, is_newest) = (frame.bytes, frame.is_newest);
                    let (first_at, complete_at) = (frame.first_at, frame.complete_at);
                    let incoming = IncomingFrame { bytes, first_at, complete_at, is_newest, ..incoming };
                    out.event(ClientEvent::Frame(incoming));
                }
                self.incoming.reassembler.release(whole);
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
