//! The media header and the layout of a media packet.
//!
//! **Shape** (big-endian, 28 bytes), after the hop header and hop tag:
//! ```text
//!  0               4       6   7   8               12              16
//!  | room u32      | sender|trk|flg| seq u32       | timestamp u32 |
//!  16              20      22      24  25  26      28
//!  | frame u32     | index | count |lay|lvl| zero  |
//! ```
//! then the SFrame header (its length stands in its first byte), the end-to-end tag and the ciphertext. The relay reads
//! and authenticates everything but the ciphertext.

use crate::crypto::sframe::SframeHeader;
use crate::error::DropReason;
use crate::id::{RoomId, Slot, TrackId};
use crate::limits::{FRAGMENTS_MAX, MEDIA_HEADER_BYTES, ROOM_PARTICIPANTS_MAX, TAG_BYTES, TRACKS_MAX};

/// What the relay must know of a packet; written by the sender, authenticated by both seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaHeader {
    /// The room it is for.
    pub room: RoomId,
    /// The sender's place in that room.
    pub sender: Slot,
    /// Which of the sender's tracks.
    pub track: TrackId,
    /// Packet sequence number of the track, wrapping.
    pub seq: u32,
    /// Capture time on the media clock. **Units:** 1/90000 s for pictures, samples for sound.
    pub timestamp: u32,
    /// Frame number of the track, wrapping.
    pub frame: u32,
    /// Which fragment of the frame.
    pub index: u16,
    /// Fragments of the frame: 1 to [`FRAGMENTS_MAX`].
    pub count: u16,
    /// Size layer: 0 is the full picture.
    pub layer: u8,
    /// RFC 6464: top bit set while there is voice, then the level in -dBov (0 loudest, 127 silence).
    pub level: u8,
}

/// Where the parts of a received media packet lie, as offsets from the media header.
#[derive(Clone, Copy, Debug)]
pub struct MediaLayout {
    /// The header.
    pub header: MediaHeader,
    /// The SFrame header.
    pub sframe: SframeHeader,
    /// Length of the SFrame header, in bytes.
    pub sframe_len_bytes: usize,
    /// Length of all that is readable by the relay: media header, SFrame header, end-to-end tag.
    pub clear_len_bytes: usize,
}

impl MediaHeader {
    /// Writes the header.
    pub fn emit(&self) -> [u8; MEDIA_HEADER_BYTES] {
        let mut out = [0; MEDIA_HEADER_BYTES];
        let fields: [&[u8]; 11] = [
            &self.room.0.to_be_bytes(),
            &self.sender.0.to_be_bytes(),
            &[self.track.0],
            &[0],
            &self.seq.to_be_bytes(),
            &self.timestamp.to_be_bytes(),
            &self.frame.to_be_bytes(),
            &self.index.to_be_bytes(),
            &self.count.to_be_bytes(),
            &[self.layer, self.level],
            &[0, 0],
        ];
        let bytes = fields.iter().flat_map(|field| field.iter());
        for (to, from) in out.iter_mut().zip(bytes) {
            *to = *from;
        }
        out
    }

    /// Reads the header from the first bytes of `bytes`.
    ///
    /// # Errors
    /// [`DropReason::Length`] if it is too short; [`DropReason::MediaHeader`] if a field is out of bounds.
    pub fn parse(bytes: &[u8]) -> Result<Self, DropReason> {
        let h = bytes.first_chunk::<MEDIA_HEADER_BYTES>().ok_or(DropReason::Length)?;
        let [
            r0,
            r1,
            r2,
            r3,
            s0,
            s1,
            track,
            _,
            q0,
            q1,
            q2,
            q3,
            t0,
            t1,
            t2,
            t3,
            f0,
            f1,
            f2,
            f3,
            i0,
            i1,
            c0,
            c1,
            layer,
            level,
            _,
            _,
        ] = *h;
        let header = Self {
            room: RoomId(u32::from_be_bytes([r0, r1, r2, r3])),
            sender: Slot(u16::from_be_bytes([s0, s1])),
            track: TrackId(track),
            seq: u32::from_be_bytes([q0, q1, q2, q3]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            frame: u32::from_be_bytes([f0, f1, f2, f3]),
            index: u16::from_be_bytes([i0, i1]),
            count: u16::from_be_bytes([c0, c1]),
            layer,
            level,
        };
        let is_sound = usize::from(header.sender.0) < ROOM_PARTICIPANTS_MAX
            && usize::from(header.track.0) < TRACKS_MAX
            && header.index < header.count
            && usize::from(header.count) <= FRAGMENTS_MAX
            && header.layer < 4;
        if is_sound { Ok(header) } else { Err(DropReason::MediaHeader) }
    }
}

impl MediaLayout {
    /// Finds the parts of a media packet. `payload` begins at the media header.
    ///
    /// # Errors
    /// As [`MediaHeader::parse`]; [`DropReason::MediaHeader`] for an SFrame header that is not canonical;
    /// [`DropReason::Length`] if there is no ciphertext.
    pub fn parse(payload: &[u8]) -> Result<Self, DropReason> {
        let header = MediaHeader::parse(payload)?;
        let rest = payload.get(MEDIA_HEADER_BYTES..).ok_or(DropReason::Length)?;
        let (sframe, sframe_len_bytes) = SframeHeader::parse(rest).map_err(|_| DropReason::MediaHeader)?;
        let clear_len_bytes = MEDIA_HEADER_BYTES.saturating_add(sframe_len_bytes).saturating_add(TAG_BYTES);
        if payload.len() <= clear_len_bytes {
            return Err(DropReason::Length);
        }
        Ok(Self { header, sframe, sframe_len_bytes, clear_len_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: MediaHeader = MediaHeader {
        room: RoomId(0x0102_0304),
        sender: Slot(5),
        track: TrackId::CAMERA,
        seq: 7,
        timestamp: 8,
        frame: 9,
        index: 10,
        count: 11,
        layer: 1,
        level: 0x85,
    };

    #[test]
    fn a_header_comes_back_as_it_went() {
        assert_eq!(MediaHeader::parse(&HEADER.emit()), Ok(HEADER));
    }

    #[test]
    fn a_header_that_contradicts_itself_is_refused() {
        let bad = [
            MediaHeader { index: 11, ..HEADER },
            MediaHeader { index: 0, count: 0, ..HEADER },
            MediaHeader { count: 257, ..HEADER },
            MediaHeader { sender: Slot(32), ..HEADER },
            MediaHeader { track: TrackId(4), ..HEADER },
            MediaHeader { layer: 4, ..HEADER },
        ];
        for header in bad {
            assert_eq!(MediaHeader::parse(&header.emit()), Err(DropReason::MediaHeader), "{header:?}");
        }
    }

    #[test]
    fn a_short_header_is_refused_at_every_length() {
        let bytes = HEADER.emit();
        for len in 0..bytes.len() {
            assert_eq!(MediaHeader::parse(&bytes[..len]), Err(DropReason::Length));
        }
    }
}
