//! The kinds of datagram and the bodies of the short ones.

use crate::error::DropReason;

/// What a datagram is for: the first byte of its hop header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Client to server: "this is my address". Body: 8 bytes of padding, so that the answer is not larger.
    Hello = 1,
    /// Server to client: prove that you receive at this address. Body: 8 random bytes.
    Challenge = 2,
    /// Client to server: the bytes of the challenge.
    Response = 3,
    /// Either way: one media packet. Only this kind has a clear part and an end-to-end seal.
    Media = 4,
    /// Client to server: are you there? Body: the client's clock, 8 bytes; 8 bytes of padding.
    Ping = 5,
    /// Server to client: the ping's clock, 8 bytes, and the server's clock, 8 bytes.
    Pong = 6,
    /// Either way: media packets that did not come ([`crate::media::nack`]).
    Nack = 7,
    /// Either way: which datagrams of this hop came, and when ([`crate::media::feedback`]).
    Feedback = 8,
}

impl Kind {
    /// The kind with this number.
    ///
    /// # Errors
    /// [`DropReason::UnknownKind`] for a number that this version does not know.
    pub const fn parse(byte: u8) -> Result<Self, DropReason> {
        Ok(match byte {
            1 => Self::Hello,
            2 => Self::Challenge,
            3 => Self::Response,
            4 => Self::Media,
            5 => Self::Ping,
            6 => Self::Pong,
            7 => Self::Nack,
            8 => Self::Feedback,
            _ => return Err(DropReason::UnknownKind),
        })
    }
}

/// Body of Hello, Challenge and Response.
pub const TOKEN_BODY_BYTES: usize = 8;
/// Body of Ping and Pong.
pub const PING_BODY_BYTES: usize = 16;

/// Two big-endian clocks, in microseconds: the body of Ping (second one zero) and Pong.
pub const fn emit_clocks(client_us: u64, server_us: u64) -> [u8; PING_BODY_BYTES] {
    (((client_us as u128) << 64) | server_us as u128).to_be_bytes()
}

/// The two clocks of a Ping or Pong body.
///
/// # Errors
/// [`DropReason::Length`] unless it is exactly [`PING_BODY_BYTES`] long.
pub fn parse_clocks(body: &[u8]) -> Result<(u64, u64), DropReason> {
    let bytes: [u8; PING_BODY_BYTES] = body.try_into().map_err(|_| DropReason::Length)?;
    let both = u128::from_be_bytes(bytes);
    Ok(((both >> 64) as u64, both as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_come_back_as_they_went() {
        let body = emit_clocks(0x0102_0304_0506_0708, u64::MAX);
        assert_eq!(parse_clocks(&body), Ok((0x0102_0304_0506_0708, u64::MAX)));
        assert_eq!(parse_clocks(&body[..15]), Err(DropReason::Length));
    }

    #[test]
    fn every_number_is_a_kind_or_unknown() {
        for byte in 0..=255u8 {
            match Kind::parse(byte) {
                Ok(kind) => assert_eq!(kind as u8, byte),
                Err(reason) => assert_eq!(reason, DropReason::UnknownKind),
            }
        }
    }
}
