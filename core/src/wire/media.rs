//! The media header and the layout of a media packet.
//!
//! **Shape** (big-endian, 28 bytes), after the hop header and hop tag:
//! ```text
//!  0               4       6   7   8               12              16
//!  | room u32      | sender|trk|par| seq u32       | timestamp u32 |
//!  16              20      22      24  25  26  27  28
//!  | frame u32     | index | count |lay|lvl|frm|zer|
//! ```
//! then the SFrame header (its length stands in its first byte), the end-to-end tag and the ciphertext. The relay reads
//! and authenticates everything but the ciphertext. A parity packet (index >= count) has a parity symbol instead, of
//! which nothing is authenticated: what is made from it opens under an end-to-end tag of its own or is of no use.

use crate::crypto::sframe::SframeHeader;
use crate::error::DropReason;
use crate::id::{RoomId, Slot, TrackId};
use crate::limits::{
    FRAGMENTS_MAX, LAYERS_MAX, MEDIA_HEADER_BYTES, PARITY_GROUP_PACKETS_MAX, PARITY_GROUP_PARITY_MAX,
    ROOM_PARTICIPANTS_MAX, TAG_BYTES, TRACKS_MAX,
};
use crate::wire::datagram::Kind;

/// Where the track stands in the header.
const TRACK_AT: usize = 6;

/// What the packets of a frame carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// Pieces of an encoded frame, of one size: of use when all of them are there.
    #[default]
    Fragments = 0,
    /// Strips: each is of use by itself.
    Strips = 1,
}

/// What the relay must know of a packet; written by the sender, authenticated by both seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaHeader {
    /// The room it is for.
    pub room: RoomId,
    /// The sender's place in that room.
    pub sender: Slot,
    /// Which of the sender's tracks.
    pub track: TrackId,
    /// Parity packets of the frame, behind its fragments: at most [`PARITY_GROUP_PARITY_MAX`] for each group.
    pub parity: u8,
    /// Number of the packet in its track and layer, wrapping. Parity packets are not counted: they repeat the number of
    /// their frame's first packet.
    pub seq: u32,
    /// Capture time on the media clock. **Units:** 1/90000 s for pictures, samples for sound.
    pub timestamp: u32,
    /// Frame number of the track and layer, wrapping.
    pub frame: u32,
    /// Which fragment of the frame; from `count` on, which parity packet.
    pub index: u16,
    /// Fragments of the frame: 1 to [`FRAGMENTS_MAX`].
    pub count: u16,
    /// Size layer: 0 is the full picture.
    pub layer: u8,
    /// RFC 6464: top bit set while there is voice, then the level in -dBov (0 loudest, 127 silence).
    pub level: u8,
    /// What the frame is made of.
    pub form: Form,
}

/// Where the parts of a received media packet lie, as offsets from the media header.
#[derive(Clone, Copy, Debug)]
pub struct MediaLayout {
    /// The header.
    pub header: MediaHeader,
    /// The SFrame header; of a parity packet, nothing.
    pub sframe: SframeHeader,
    /// Length of the SFrame header, in bytes; of a parity packet, 0.
    pub sframe_len_bytes: usize,
    /// Length of all that is authenticated for the hop: media header, SFrame header, end-to-end tag; of a parity packet
    /// the media header alone.
    pub clear_len_bytes: usize,
}

/// Whether a datagram with that prefix and payload is a packet of sound, so that it may go before others. Looks at nothing
/// else: to be asked of what was made or accepted here.
pub fn is_sound(prefix: &[u8], payload: &[u8]) -> bool {
    let is_media = prefix.first() == Some(&(Kind::Media as u8)) && payload.len() >= MEDIA_HEADER_BYTES;
    is_media && payload.get(TRACK_AT).is_some_and(|track| TrackId(*track).is_audio())
}

impl MediaHeader {
    /// Writes the header.
    pub fn emit(&self) -> [u8; MEDIA_HEADER_BYTES] {
        let mut out = [0; MEDIA_HEADER_BYTES];
        let fields: [&[u8]; 11] = [
            &self.room.0.to_be_bytes(),
            &self.sender.0.to_be_bytes(),
            &[self.track.0],
            &[self.parity],
            &self.seq.to_be_bytes(),
            &self.timestamp.to_be_bytes(),
            &self.frame.to_be_bytes(),
            &self.index.to_be_bytes(),
            &self.count.to_be_bytes(),
            &[self.layer, self.level],
            &[self.form as u8, 0],
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
            parity,
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
            form,
            _,
        ] = *h;
        let form = match form {
            0 => Form::Fragments,
            1 => Form::Strips,
            _ => return Err(DropReason::MediaHeader),
        };
        let header = Self {
            room: RoomId(u32::from_be_bytes([r0, r1, r2, r3])),
            sender: Slot(u16::from_be_bytes([s0, s1])),
            track: TrackId(track),
            parity,
            seq: u32::from_be_bytes([q0, q1, q2, q3]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            frame: u32::from_be_bytes([f0, f1, f2, f3]),
            index: u16::from_be_bytes([i0, i1]),
            count: u16::from_be_bytes([c0, c1]),
            layer,
            level,
            form,
        };
        let is_sound = usize::from(header.sender.0) < ROOM_PARTICIPANTS_MAX
            && usize::from(header.track.0) < TRACKS_MAX
            && header.count > 0
            && usize::from(header.count) <= FRAGMENTS_MAX
            && usize::from(header.parity) <= usize::from(header.groups()).saturating_mul(PARITY_GROUP_PARITY_MAX)
            && header.index < header.count.saturating_add(header.parity.into())
            && usize::from(header.layer) < LAYERS_MAX;
        if is_sound { Ok(header) } else { Err(DropReason::MediaHeader) }
    }

    /// Whether it is a parity packet.
    pub const fn is_parity(&self) -> bool {
        self.index >= self.count
    }

    /// Parity groups of the frame, 1 to 4: packet *i* belongs to group *i* mod this, parity packet *j* too.
    pub const fn groups(&self) -> u16 {
        self.count.div_ceil(PARITY_GROUP_PACKETS_MAX as u16)
    }

    /// The number of the frame's first packet.
    pub const fn first_seq(&self) -> u32 {
        if self.is_parity() { self.seq } else { self.seq.wrapping_sub(self.index as u32) }
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
        if header.is_parity() {
            return Self::parse_parity(header, payload);
        }
        let rest = payload.get(MEDIA_HEADER_BYTES..).ok_or(DropReason::Length)?;
        let (sframe, sframe_len_bytes) = SframeHeader::parse(rest).map_err(|_| DropReason::MediaHeader)?;
        let clear_len_bytes = MEDIA_HEADER_BYTES.saturating_add(sframe_len_bytes).saturating_add(TAG_BYTES);
        if payload.len() <= clear_len_bytes {
            return Err(DropReason::Length);
        }
        Ok(Self { header, sframe, sframe_len_bytes, clear_len_bytes })
    }

    fn parse_parity(header: MediaHeader, payload: &[u8]) -> Result<Self, DropReason> {
        let sframe = SframeHeader { kid: 0, counter: 0 };
        if payload.len() <= MEDIA_HEADER_BYTES {
            return Err(DropReason::Length);
        }
        Ok(Self { header, sframe, sframe_len_bytes: 0, clear_len_bytes: MEDIA_HEADER_BYTES })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    const HEADER: MediaHeader = MediaHeader {
        room: RoomId(0x0102_0304),
        sender: Slot(5),
        track: TrackId::CAMERA,
        parity: 2,
        seq: 7,
        timestamp: 8,
        frame: 9,
        index: 10,
        count: 11,
        layer: 1,
        level: 0x85,
        form: Form::Strips,
    };

    #[test]
    fn a_header_comes_back_as_it_went() {
        assert_eq!(MediaHeader::parse(&HEADER.emit()), Ok(HEADER));
    }

    #[test]
    fn sound_is_known_from_outside() {
        let (media, other) = ([Kind::Media as u8; 30], [Kind::Ping as u8; 30]);
        for (track, expected) in [(TrackId::MICROPHONE, true), (TrackId::SCREEN_SOUND, true), (TrackId::SCREEN, false)]
        {
            let payload = MediaHeader { track, ..HEADER }.emit();
            assert_eq!((is_sound(&media, &payload), is_sound(&other, &payload)), (expected, false));
            assert!(!is_sound(&media, &payload[..27]) && !is_sound(&[], &payload));
        }
    }

    #[test]
    fn a_header_that_contradicts_itself_is_refused() {
        let bad = [
            MediaHeader { index: 13, ..HEADER },
            MediaHeader { index: 11, parity: 0, ..HEADER },
            MediaHeader { parity: 17, ..HEADER },
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
    fn a_form_that_is_not_known_is_refused() {
        let mut bytes = HEADER.emit();
        bytes[26] = 2;
        assert_eq!(MediaHeader::parse(&bytes), Err(DropReason::MediaHeader));
    }

    #[test]
    fn parity_comes_behind_the_fragments_in_as_many_groups_as_it_takes() {
        let first = MediaHeader { index: 0, seq: u32::MAX, ..HEADER };
        assert!(!first.is_parity() && first.first_seq() == u32::MAX && first.groups() == 1);
        let last = MediaHeader { seq: 9, ..HEADER };
        assert_eq!((last.is_parity(), last.first_seq()), (false, u32::MAX));
        let parity = MediaHeader { index: 12, seq: u32::MAX, ..HEADER };
        assert_eq!((parity.is_parity(), parity.first_seq()), (true, u32::MAX));
        for (count, groups, most) in [(1, 1, 16), (64, 1, 16), (65, 2, 32), (128, 2, 32), (129, 3, 48), (256, 4, 64)] {
            let header = MediaHeader { count, parity: most, index: 0, ..HEADER };
            assert_eq!(header.groups(), groups);
            assert!(MediaHeader::parse(&header.emit()).is_ok());
            let more = MediaHeader { parity: most + 1, ..header };
            assert_eq!(MediaHeader::parse(&more.emit()), Err(DropReason::MediaHeader));
        }
    }

    #[test]
    fn a_parity_packet_has_a_media_header_and_a_symbol() {
        let bytes = [&MediaHeader { index: 11, ..HEADER }.emit()[..], &[7; 30]].concat();
        let layout = MediaLayout::parse(&bytes).unwrap();
        assert_eq!((layout.clear_len_bytes, layout.sframe_len_bytes), (MEDIA_HEADER_BYTES, 0));
        assert_eq!(MediaLayout::parse(&bytes[..28]).map(|_| ()), Err(DropReason::Length));
    }

    #[test]
    fn a_short_header_is_refused_at_every_length() {
        let bytes = HEADER.emit();
        for len in 0..bytes.len() {
            assert_eq!(MediaHeader::parse(&bytes[..len]), Err(DropReason::Length));
        }
    }
}
