//! The control stream: framing in any pieces, and both message parsers.

use hph_core::error::Malformed;
use hph_core::limits::{CONTROL_FRAME_ANONYMOUS_MAX_BYTES, CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES};
use hph_core::wire::control::{FrameReader, Parsed, emit_client, emit_server, parse_client, parse_server};

use super::input::Input;
use super::reach;

pub(super) const LANDMARKS: &[&str] = &[
    "client message",
    "frame length refused",
    "frames in pieces",
    "malformed client message",
    "malformed server message",
    "newer client message",
    "newer server message",
    "server message",
];

/// The first bytes choose the limit and the pieces; the rest is the stream.
///
/// **Promises:** the pieces make no difference; the reader always has room for more; every body is a message, one of a
/// newer version, or malformed; what parses comes back the same after being written.
pub fn control_stream(data: &[u8]) {
    let mut input = Input::new(data);
    let body_max = input.pick(&[60, CONTROL_FRAME_ANONYMOUS_MAX_BYTES, CONTROL_FRAME_MAX_BYTES]);
    let pieces: [u8; 4] = input.array();
    let stream = input.rest();
    let (frames, end) = cut(stream, body_max);
    assert_eq!(read(stream, body_max, pieces), (frames.clone(), end), "pieces of {pieces:?}");
    if frames.len() > 1 && pieces.iter().any(|piece| usize::from(*piece) + 1 < stream.len()) {
        reach("frames in pieces");
    }
    if end.is_err() {
        reach("frame length refused");
    }
    for body in frames {
        check_client(&body);
        check_server(&body);
    }
}

type Frames = (Vec<Vec<u8>>, Result<(), Malformed>);

/// What the stream says, read at once.
fn cut(mut stream: &[u8], body_max: usize) -> Frames {
    let mut frames = Vec::new();
    while let Some((length, rest)) = stream.split_first_chunk::<CONTROL_LENGTH_BYTES>() {
        let len = u32::from_be_bytes(*length) as usize;
        if len == 0 || len > body_max {
            return (frames, Err(Malformed { at: "frame length" }));
        }
        let Some((body, rest)) = rest.split_at_checked(len) else { break };
        frames.push(body.to_vec());
        stream = rest;
    }
    (frames, Ok(()))
}

/// What a reader makes of it, in pieces.
fn read(stream: &[u8], body_max: usize, pieces: [u8; 4]) -> Frames {
    let mut memory = vec![0; body_max + CONTROL_LENGTH_BYTES];
    let mut reader = FrameReader::new(&mut memory, body_max);
    let (mut frames, mut rest) = (Vec::new(), stream);
    let mut sizes = pieces.iter().cycle().map(|size| usize::from(*size) + 1);
    while !rest.is_empty() {
        let space = reader.space();
        assert!(!space.is_empty(), "no room for more");
        let len = sizes.next().unwrap_or(1).min(space.len()).min(rest.len());
        let (piece, more) = rest.split_at(len);
        space[..len].copy_from_slice(piece);
        reader.advance(len);
        rest = more;
        loop {
            match reader.next_frame() {
                Ok(Some(body)) => frames.push(body.to_vec()),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
    }
    (frames, Ok(()))
}

fn check_client(body: &[u8]) {
    let mut out = vec![0; CONTROL_LENGTH_BYTES + CONTROL_FRAME_MAX_BYTES];
    match parse_client(body) {
        Ok(Parsed::Message(message)) => {
            assert!(message.is_legal());
            let len = emit_client(&message, &mut out).expect("it came in a frame");
            assert!(len <= body.len() + CONTROL_LENGTH_BYTES, "written longer than it came");
            assert_eq!(parse_client(&out[CONTROL_LENGTH_BYTES..len]), Ok(Parsed::Message(message)));
            reach("client message");
        }
        Ok(Parsed::Unknown { .. }) => reach("newer client message"),
        Err(_) => reach("malformed client message"),
    }
}

fn check_server(body: &[u8]) {
    let mut out = vec![0; CONTROL_LENGTH_BYTES + CONTROL_FRAME_MAX_BYTES];
    match parse_server(body) {
        Ok(Parsed::Message(message)) => {
            assert!(message.is_legal());
            let len = emit_server(&message, &mut out).expect("it came in a frame");
            assert!(len <= body.len() + CONTROL_LENGTH_BYTES, "written longer than it came");
            assert_eq!(parse_server(&out[CONTROL_LENGTH_BYTES..len]), Ok(Parsed::Message(message)));
            reach("server message");
        }
        Ok(Parsed::Unknown { .. }) => reach("newer server message"),
        Err(_) => reach("malformed server message"),
    }
}
