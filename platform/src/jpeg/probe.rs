//! The gate before any decoder: a walk over the markers of a JPEG that decodes nothing.
//!
//! **Source:** ITU-T T.81, annex B.

use hph_core::limits::{FRAME_MAX_BYTES, PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};

use super::JpegError;

const TEM: u8 = 0x01;
const SOF0: u8 = 0xC0;
const DHT: u8 = 0xC4;
const JPG: u8 = 0xC8;
const DAC: u8 = 0xCC;
const SOF15: u8 = 0xCF;
const RST0: u8 = 0xD0;
const RST7: u8 = 0xD7;
const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;

/// What the markers of a JPEG say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegInfo {
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// 1 for grey, 3 for colour.
    pub components: u8,
    /// Baseline with 8 bits a sample. Always true of what passes the gate.
    pub is_baseline: bool,
    /// Bytes from the start marker to the end marker, both included: what follows (some cameras leave old bytes there)
    /// is no part of the picture.
    pub len_bytes: usize,
}

/// Looks whether a JPEG may be decoded: baseline, one frame header, one scan of all components, allowed sides, at most
/// [`FRAME_MAX_BYTES`], and whole.
///
/// **Bound:** one pass over the bytes, no memory.
///
/// # Errors
/// [`JpegError`]: why it may not.
pub fn probe(jpeg: &[u8]) -> Result<JpegInfo, JpegError> {
    if jpeg.len() > FRAME_MAX_BYTES {
        return Err(JpegError::TooLong { len_bytes: jpeg.len() });
    }
    let mut walk = Walk::new(jpeg)?;
    let mut frame: Option<JpegInfo> = None;
    let mut scans = 0;
    loop {
        match walk.next_marker()? {
            SOI => return Err(malformed("second start marker")),
            EOI => break,
            TEM | RST0..=RST7 => return Err(malformed("marker out of place")),
            SOF0 if frame.is_some() => return Err(unsupported("two frame headers")),
            SOF0 => frame = Some(parse_frame_header(walk.segment()?)?),
            SOS => {
                let info = frame.ok_or(malformed("scan before the frame header"))?;
                if scans > 0 {
                    return Err(unsupported("several scans"));
                }
                scans += 1;
                check_scan_header(walk.segment()?, info.components)?;
                walk.skip_entropy_data()?;
            }
            marker if is_other_frame_header(marker) => {
                return Err(unsupported("a coding other than baseline"));
            }
            DAC => return Err(unsupported("arithmetic coding")),
            0xC4 | 0xDB | 0xDD | 0xE0..=0xEF | 0xFE if scans == 0 => {
                walk.segment()?;
            }
            0xDC => return Err(unsupported("a late number of lines")),
            _ => return Err(unsupported("an unknown marker")),
        }
    }
    let info = frame.ok_or(malformed("no frame header"))?;
    if scans == 0 {
        return Err(malformed("no scan"));
    }
    Ok(JpegInfo { len_bytes: walk.at, ..info })
}

/// Where the JPEG at the start of `bytes` ends, of whatever coding and size; none if it goes on beyond them.
///
/// **Bound:** one pass over the bytes.
///
/// # Errors
/// [`JpegError::Malformed`] if `bytes` do not start with a JPEG.
pub fn jpeg_len_bytes(bytes: &[u8]) -> Result<Option<usize>, JpegError> {
    let mut walk = match Walk::new(bytes) {
        Ok(walk) => walk,
        Err(_) if bytes.len() < 2 => return Ok(None),
        Err(error) => return Err(error),
    };
    // From here on, what is wrong can only be that more bytes are needed, or a byte that is no marker.
    loop {
        let step = walk.next_marker().and_then(|marker| match marker {
            EOI => Ok(true),
            TEM | RST0..=RST7 => Ok(false),
            SOI => Err(malformed("second start marker")),
            SOS => {
                walk.segment()?;
                walk.skip_entropy_data().map(|()| false)
            }
            _ => walk.segment().map(|_| false),
        });
        match step {
            Ok(true) => return Ok(Some(walk.at)),
            Ok(false) => {}
            Err(JpegError::Malformed { at: END }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

const END: &str = "the end of the bytes";

/// A place in a JPEG, always at the start of a marker.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, JpegError> {
        if bytes.starts_with(&[0xFF, SOI]) { Ok(Self { bytes, at: 2 }) } else { Err(malformed("start marker")) }
    }

    /// Where it is: bytes from the start.
    #[cfg_attr(target_family = "wasm", allow(dead_code, reason = "a camera's JPEG is mended where there are cameras"))]
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Reads a marker: 0xFF, as often as it likes, and a code.
    pub(super) fn next_marker(&mut self) -> Result<u8, JpegError> {
        if self.byte()? != 0xFF {
            return Err(malformed("marker"));
        }
        loop {
            match self.byte()? {
                0xFF => {}
                0 => return Err(malformed("marker")),
                code => return Ok(code),
            }
        }
    }

    /// Reads the segment after a marker: what follows its two bytes of length.
    pub(super) fn segment(&mut self) -> Result<&'a [u8], JpegError> {
        let len = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
        let len = len.checked_sub(2).ok_or(malformed("segment length"))?;
        let segment = self.bytes.get(self.at..self.at + len).ok_or(malformed(END))?;
        self.at += len;
        Ok(segment)
    }

    /// Skips the compressed data of a scan, with its stuffed zeros and restart markers, up to the next other marker.
    pub(super) fn skip_entropy_data(&mut self) -> Result<(), JpegError> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let next = rest.iter().position(|byte| *byte == 0xFF).ok_or(malformed(END))?;
            match rest.get(next + 1).ok_or(malformed(END))? {
                0 | RST0..=RST7 => self.at += next + 2,
                // A fill byte: look at the next one as the possible start of a marker.
                0xFF => self.at += next + 1,
                _ => {
                    self.at += next;
                    return Ok(());
                }
            }
        }
    }

    fn byte(&mut self) -> Result<u8, JpegError> {
        let byte = *self.bytes.get(self.at).ok_or(malformed(END))?;
        self.at += 1;
        Ok(byte)
    }
}

fn is_other_frame_header(marker: u8) -> bool {
    (SOF0 + 1..=SOF15).contains(&marker) && ![DHT, JPG, DAC].contains(&marker)
}

fn parse_frame_header(segment: &[u8]) -> Result<JpegInfo, JpegError> {
    let &[precision, h1, h0, w1, w0, components, ref rest @ ..] = segment else {
        return Err(malformed("frame header"));
    };
    let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
    if precision != 8 {
        return Err(unsupported("other than 8 bits a sample"));
    }
    if width == 0 || height == 0 || width > PICTURE_WIDTH_MAX || height > PICTURE_HEIGHT_MAX {
        return Err(JpegError::Size { width, height });
    }
    if components != 1 && components != 3 {
        return Err(unsupported("other than 1 or 3 components"));
    }
    if rest.len() != 3 * usize::from(components) {
        return Err(malformed("frame header"));
    }
    let is_sampling_usual = |c: &[u8]| matches!(c[1], 0x11 | 0x12 | 0x21 | 0x22);
    if !rest.chunks_exact(3).all(is_sampling_usual) {
        return Err(unsupported("unusual sampling factors"));
    }
    Ok(JpegInfo { width, height, components, is_baseline: true, len_bytes: 0 })
}

fn check_scan_header(segment: &[u8], components: u8) -> Result<(), JpegError> {
    if segment.len() != 4 + 2 * usize::from(components) || segment.first() != Some(&components) {
        return Err(unsupported("a scan of some components only"));
    }
    match segment {
        [.., 0, 63, 0] => Ok(()),
        _ => Err(unsupported("a progressive scan")),
    }
}

pub(super) const fn malformed(at: &'static str) -> JpegError {
    JpegError::Malformed { at }
}

const fn unsupported(what: &'static str) -> JpegError {
    JpegError::Unsupported { what }
}
