//! Framing and coding of control messages.

use serde::{Deserialize, Serialize};

use super::{ClientMessage, ServerMessage};
use crate::error::{Full, Malformed};
use crate::limits::CONTROL_LENGTH_BYTES;

/// How many client messages this version numbers.
const CLIENT_KINDS: u32 = 47;
/// How many server messages this version numbers.
const SERVER_KINDS: u32 = 56;

/// A message, or the number of one that only a newer version knows and that is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<M> {
    /// A message with every field within its bounds.
    Message(M),
    /// A message of a newer version.
    Unknown {
        /// Its number.
        kind: u32,
    },
}

/// Reads the body of a client's frame.
///
/// # Errors
/// [`Malformed`] for bytes that are no message, or a field out of bounds.
pub fn parse_client(body: &[u8]) -> Result<Parsed<ClientMessage<'_>>, Malformed> {
    parse(body, CLIENT_KINDS, ClientMessage::is_legal, "client message")
}

/// Reads the body of a server's frame.
///
/// # Errors
/// As [`parse_client`].
pub fn parse_server(body: &[u8]) -> Result<Parsed<ServerMessage<'_>>, Malformed> {
    parse(body, SERVER_KINDS, ServerMessage::is_legal, "server message")
}

/// Writes a whole frame, length first, and gives its length in bytes.
///
/// # Errors
/// [`Full`] if `out` is too small.
pub fn emit_client(message: &ClientMessage<'_>, out: &mut [u8]) -> Result<usize, Full> {
    emit(message, out)
}

/// Writes a whole frame, length first, and gives its length in bytes.
///
/// # Errors
/// [`Full`] if `out` is too small.
pub fn emit_server(message: &ServerMessage<'_>, out: &mut [u8]) -> Result<usize, Full> {
    emit(message, out)
}

fn parse<'a, M: Deserialize<'a>>(
    body: &'a [u8],
    kinds: u32,
    is_legal: impl Fn(&M) -> bool,
    at: &'static str,
) -> Result<Parsed<M>, Malformed> {
    let (kind, _) = postcard::take_from_bytes::<u32>(body).map_err(|_| Malformed { at: "message number" })?;
    if kind >= kinds {
        return Ok(Parsed::Unknown { kind });
    }
    // What follows the fields that this version knows was added by a newer one.
    let (message, _newer) = postcard::take_from_bytes::<M>(body).map_err(|_| Malformed { at })?;
    if is_legal(&message) { Ok(Parsed::Message(message)) } else { Err(Malformed { at }) }
}

fn emit<M: Serialize>(message: &M, out: &mut [u8]) -> Result<usize, Full> {
    let full = Full { what: "control frame", max: out.len() };
    let (length, body) = out.split_at_mut_checked(CONTROL_LENGTH_BYTES).ok_or(full)?;
    let len_bytes = postcard::to_slice(message, body).map_err(|_| full)?.len();
    length.copy_from_slice(&u32::try_from(len_bytes).map_err(|_| full)?.to_be_bytes());
    len_bytes.checked_add(CONTROL_LENGTH_BYTES).ok_or(full)
}

/// Cuts a byte stream into frame bodies, in a buffer that the caller lends. Bytes may come in any pieces.
#[derive(Debug)]
pub struct FrameReader<'a> {
    buffer: &'a mut [u8],
    filled: usize,
    body_max_bytes: usize,
    /// Length of the frame that was handed out last, to be dropped at the next call.
    taken: usize,
}

impl<'a> FrameReader<'a> {
    /// A reader that refuses bodies longer than `body_max_bytes`.
    pub const fn new(buffer: &'a mut [u8], body_max_bytes: usize) -> Self {
        Self { buffer, filled: 0, body_max_bytes, taken: 0 }
    }

    /// Allows bodies up to `body_max_bytes` from now on.
    pub const fn allow(&mut self, body_max_bytes: usize) {
        self.body_max_bytes = body_max_bytes;
    }

    /// Where the next bytes of the stream go: never empty after [`Self::next_frame`] gave `None`.
    pub fn space(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.filled..).unwrap_or_default()
    }

    /// Says how many bytes were written to [`Self::space`].
    pub fn advance(&mut self, len_bytes: usize) {
        self.filled = self.filled.saturating_add(len_bytes).min(self.buffer.len());
    }

    /// What has come and was not handed out: at most a part of a frame once [`Self::next_frame`] gave `None`.
    pub fn unread(&self) -> &[u8] {
        self.buffer.get(self.taken..self.filled).unwrap_or_default()
    }

    /// The next whole frame body, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`Malformed`] if the length prefix is zero or more than is allowed: the stream can't be read any further.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, Malformed> {
        if self.taken > 0 {
            let received = self.buffer.get_mut(..self.filled).unwrap_or_default();
            let taken = self.taken.min(received.len());
            received.copy_within(taken.., 0);
            self.filled = self.filled.saturating_sub(taken);
            self.taken = 0;
        }
        let received = self.buffer.get(..self.filled).unwrap_or_default();
        let Some((length, rest)) = received.split_first_chunk::<CONTROL_LENGTH_BYTES>() else { return Ok(None) };
        let len_bytes = u32::from_be_bytes(*length) as usize;
        let room = self.buffer.len().saturating_sub(CONTROL_LENGTH_BYTES);
        if len_bytes == 0 || len_bytes > self.body_max_bytes.min(room) {
            return Err(Malformed { at: "frame length" });
        }
        let Some(body) = rest.get(..len_bytes) else { return Ok(None) };
        self.taken = len_bytes.saturating_add(CONTROL_LENGTH_BYTES);
        Ok(Some(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RoomId;
    use crate::wire::control::{AccountAsk, AccountTold};

    const CHAT: ClientMessage<'static> =
        ClientMessage::SendChat { reference: 7, room: RoomId(3), text: "Chào Hường" };

    #[test]
    fn the_number_of_kinds_is_that_of_the_last_message() {
        let mut out = [0; 64];
        emit_client(&ClientMessage::Account(AccountAsk::ListDevices { request: 1 }), &mut out).unwrap();
        assert_eq!(u32::from(out[4]) + 1, CLIENT_KINDS);
        emit_server(&ServerMessage::Account(AccountTold::Done { request: 1 }), &mut out).unwrap();
        assert_eq!(u32::from(out[4]) + 1, SERVER_KINDS);
    }

    #[test]
    fn a_stream_in_any_pieces_gives_the_same_frames() {
        let mut stream = [0; 128];
        let first = emit_client(&CHAT, &mut stream).unwrap();
        let second = emit_client(&ClientMessage::KeepAlive, &mut stream[first..]).unwrap();
        for step in 1..=first + second {
            let mut memory = [0; 64];
            let mut reader = FrameReader::new(&mut memory, 60);
            let mut frames = 0;
            for piece in stream[..first + second].chunks(step) {
                let mut piece = piece;
                while !piece.is_empty() {
                    let space = reader.space();
                    let fits = space.len().min(piece.len());
                    assert!(fits > 0, "no space left");
                    space[..fits].copy_from_slice(&piece[..fits]);
                    reader.advance(fits);
                    piece = &piece[fits..];
                    while let Some(body) = reader.next_frame().unwrap() {
                        let expected = if frames == 0 { CHAT } else { ClientMessage::KeepAlive };
                        assert_eq!(parse_client(body), Ok(Parsed::Message(expected)));
                        frames += 1;
                    }
                }
            }
            assert_eq!(frames, 2, "pieces of {step}");
        }
    }

    #[test]
    fn a_huge_or_empty_length_ends_the_stream() {
        for length in [0u32, 61, 0x7fff_ffff, u32::MAX] {
            let mut memory = [0; 64];
            let mut reader = FrameReader::new(&mut memory, 60);
            reader.space()[..4].copy_from_slice(&length.to_be_bytes());
            reader.advance(4);
            assert_eq!(reader.next_frame(), Err(Malformed { at: "frame length" }));
        }
    }

    #[test]
    fn a_message_of_a_newer_version_is_skipped() {
        assert_eq!(parse_client(&[90, 1, 2, 3]), Ok(Parsed::Unknown { kind: 90 }));
        assert_eq!(parse_server(&[0x80, 2]), Ok(Parsed::Unknown { kind: 256 }));
    }

    #[test]
    fn fields_that_a_newer_version_added_are_skipped() {
        let mut out = [0; 64];
        let len = emit_client(&CHAT, &mut out).unwrap();
        assert_eq!(parse_client(&out[4..len + 3]), Ok(Parsed::Message(CHAT)));
    }

    #[test]
    fn every_cut_of_a_message_is_malformed() {
        let mut out = [0; 64];
        let len = emit_client(&CHAT, &mut out).unwrap();
        for end in 4..len {
            assert!(parse_client(&out[4..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_field_out_of_bounds_is_malformed() {
        let mut out = [0; 64];
        let len = emit_client(&ClientMessage::SendChat { reference: 0, room: RoomId(1), text: "a\u{202e}b" }, &mut out);
        assert!(parse_client(&out[4..len.unwrap()]).is_err());
    }
}
