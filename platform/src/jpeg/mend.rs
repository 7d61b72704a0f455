//! What a camera calls a JPEG, made into one that may be sent.
//!
//! Cameras leave out the Huffman tables (the USB video class allows it: everybody knows the standard ones), write about
//! themselves in segments that nobody needs (the model, a second small picture), and hand over more bytes than the
//! picture has: behind its end lies what an earlier, larger picture left in the buffer, with an end marker of its own. So
//! the end is found by walking forward from the start, and never from behind.
//!
//! **Source:** ITU-T T.81, annexes B and K.3; USB Device Class Definition for Video Devices: Motion-JPEG payload, section 3.

use std::sync::OnceLock;

use hph_core::limits::FRAME_MAX_BYTES;

use super::probe::{EOI, Walk, malformed};
use super::{JpegEncoder, JpegError, JpegInfo, probe};
use crate::picture::Picture;

const DHT: u8 = 0xC4;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;
/// Says whether colours were converted: the only application's segment that decoders must know.
const ADOBE: u8 = 0xEE;

/// Puts the first JPEG of `buffer` into `out`, in place of what was there: without what follows its end, without comments and
/// applications' segments, with the standard Huffman tables if it has none. What it tells of the result has passed [`probe`].
///
/// **Bound:** one pass over at most [`FRAME_MAX_BYTES`] of the buffer, however long that is, and one over the result.
///
/// # Errors
/// [`JpegError`]: why it can't be sent. `out` is empty then.
pub fn mend_camera_jpeg(buffer: &[u8], out: &mut Vec<u8>) -> Result<JpegInfo, JpegError> {
    out.clear();
    let result = copy(buffer, out).and_then(|()| probe(out));
    if result.is_err() {
        out.clear();
    }
    result
}

fn copy(buffer: &[u8], out: &mut Vec<u8>) -> Result<(), JpegError> {
    let readable = buffer.get(..FRAME_MAX_BYTES).unwrap_or(buffer);
    let mut walk = Walk::new(readable)?;
    let mut has_tables = false;
    out.extend_from_slice(&[0xFF, 0xD8]);
    loop {
        let marker = walk.next_marker()?;
        match marker {
            EOI => break,
            0xE0..=0xEF | 0xFE if marker != ADOBE => {
                walk.segment()?;
            }
            SOS => {
                if !has_tables {
                    out.extend_from_slice(standard_tables());
                    has_tables = true;
                }
                put_segment(out, marker, walk.segment()?);
                let begin = walk.at();
                walk.skip_entropy_data()?;
                out.extend_from_slice(readable.get(begin..walk.at()).unwrap_or_default());
            }
            // A frame header of any kind, as far as this is concerned: the gate judges it.
            DHT | DQT | DRI | ADOBE | 0xC0..=0xCF => {
                has_tables |= marker == DHT;
                put_segment(out, marker, walk.segment()?);
            }
            _ => return Err(malformed("marker of a camera's JPEG")),
        }
    }
    out.extend_from_slice(&[0xFF, EOI]);
    Ok(())
}

/// Writes a segment. It came from one, so its length fits.
fn put_segment(out: &mut Vec<u8>, marker: u8, segment: &[u8]) {
    let len = u16::try_from(segment.len() + 2).unwrap_or(u16::MAX);
    out.extend_from_slice(&[0xFF, marker]);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(segment);
}

/// The segments with the standard tables (T.81, K.3), as our own encoder writes them: it uses no others.
fn standard_tables() -> &'static [u8] {
    static TABLES: OnceLock<Vec<u8>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let (mut jpeg, mut tables) = (Vec::new(), Vec::new());
        let is_encoded = JpegEncoder::new().encode(&Picture::black(16, 16), 75, &mut jpeg).is_ok();
        let Some(mut walk) = is_encoded.then(|| Walk::new(&jpeg).ok()).flatten() else { return tables };
        while let Ok(marker) = walk.next_marker()
            && marker != SOS
            && let Ok(segment) = walk.segment()
        {
            if marker == DHT {
                put_segment(&mut tables, DHT, segment);
            }
        }
        tables
    })
}
