//! Tests of what cameras call a JPEG, and of what an enemy would: no decoder may see it.

use hph_core::limits::{FRAME_MAX_BYTES, PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};

use super::*;
use crate::picture::Picture;

const EOI: [u8; 2] = [0xFF, 0xD9];

fn good(width: u16, height: u16) -> Vec<u8> {
    let mut picture = Picture::black(width, height);
    for (n, sample) in picture.rgb.iter_mut().enumerate() {
        *sample = (n * 7 % 251) as u8;
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new().encode(&picture, 80, &mut jpeg).unwrap();
    jpeg
}

/// Marker, and the bytes of the segment with marker and length, of all up to the scan.
fn segments(jpeg: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut at = 2;
    let mut found = Vec::new();
    while jpeg[at + 1] != 0xDA {
        let len = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]])) + 2;
        found.push((jpeg[at + 1], jpeg[at..at + len].to_vec()));
        at += len;
    }
    found
}

/// The scan with its header and the end marker.
fn scan(jpeg: &[u8]) -> &[u8] {
    &jpeg[2 + segments(jpeg).iter().map(|(_, bytes)| bytes.len()).sum::<usize>()..]
}

/// A JPEG of those segments.
fn joined(segments: &[(u8, Vec<u8>)], scan: &[u8]) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8];
    segments.iter().for_each(|(_, bytes)| jpeg.extend_from_slice(bytes));
    jpeg.extend_from_slice(scan);
    jpeg
}

fn mended(buffer: &[u8]) -> Result<Vec<u8>, JpegError> {
    let mut out = b"old".to_vec();
    let result = mend_camera_jpeg(buffer, &mut out);
    match result {
        Ok(info) => {
            assert_eq!((probe(&out), info.len_bytes), (Ok(info), out.len()));
            Ok(out)
        }
        Err(error) => {
            assert!(out.is_empty());
            Err(error)
        }
    }
}

#[test]
fn what_follows_the_end_is_left_behind_even_if_it_ends_like_a_jpeg() {
    let (jpeg, old) = (good(64, 48), good(160, 120));
    let clean = mended(&jpeg).unwrap();
    // The whole buffer of the driver: this picture, over the rest of an earlier one, over zeros.
    let mut buffer = jpeg.clone();
    buffer.extend_from_slice(&old[jpeg.len()..]);
    buffer.resize(4 * FRAME_MAX_BYTES, 0);
    assert_eq!(mended(&buffer).unwrap(), clean);
    assert_eq!(decode(&clean), decode(&jpeg));
}

#[test]
fn missing_huffman_tables_are_put_in() {
    let jpeg = good(64, 48);
    let without: Vec<_> = segments(&jpeg).into_iter().filter(|(marker, _)| *marker != 0xC4).collect();
    assert!(without.len() < segments(&jpeg).len());
    let bare = joined(&without, scan(&jpeg));
    assert!(decode(&bare).is_err(), "the test must have something to mend");
    let whole = mended(&bare).unwrap();
    assert_eq!(decode(&whole).unwrap(), decode(&jpeg).unwrap());
    assert_eq!(mended(&whole).unwrap(), whole, "once is enough");
}

#[test]
fn what_the_camera_says_of_itself_is_not_sent() {
    let jpeg = good(64, 48);
    let thumbnail = [vec![0xFF, 0xE1, 0, 12], good(8, 8)[..8].to_vec(), EOI.to_vec()].concat();
    let comment = b"\xFF\xFE\x00\x0eserial 12345".to_vec();
    let mut parts = segments(&jpeg);
    parts.insert(0, (0xE0, b"\xFF\xE0\x00\x0eAVI1\0\0\0\0\0\0\0\0".to_vec()));
    parts.insert(1, (0xE1, thumbnail));
    parts.insert(2, (0xFE, comment));
    let clean = mended(&joined(&parts, scan(&jpeg))).unwrap();
    assert!(!clean.windows(6).any(|part| part == b"serial"));
    assert_eq!(clean, mended(&jpeg).unwrap());
    parts.push((0xEE, b"\xFF\xEE\x00\x0eAdobe\0d\0\0\0\0\x01".to_vec()));
    assert!(mended(&joined(&parts, scan(&jpeg))).unwrap().windows(5).any(|part| part == b"Adobe"));
}

#[test]
fn buffers_that_hold_no_picture_are_refused() {
    let jpeg = good(64, 48);
    for buffer in [vec![], vec![0; 4096], vec![0xFF; 4096], EOI.to_vec(), jpeg[2..].to_vec(), b"RIFF AVI ".to_vec()] {
        assert!(mended(&buffer).is_err());
    }
    for end in 0..jpeg.len() {
        let mut buffer = jpeg[..end].to_vec();
        assert!(mended(&buffer).is_err(), "cut at {end}");
        // Behind the cut lie zeros: they are data as long as no marker comes, and none comes.
        buffer.resize(jpeg.len() + 64, 0);
        assert!(mended(&buffer).is_err(), "cut at {end}, then zeros");
    }
    let mut endless = jpeg[..jpeg.len() - 2].to_vec();
    endless.resize(4 * FRAME_MAX_BYTES, 0x55);
    endless.extend_from_slice(&EOI);
    assert!(mended(&endless).is_err(), "a picture longer than a frame may be");
}

/// What an enemy may send in place of a picture. All of it claims more than it has, or more than anybody may ask for.
fn bombs() -> Vec<(String, Vec<u8>)> {
    let jpeg = good(64, 48);
    let place = |marker: u8| jpeg.windows(2).position(|pair| pair == [0xFF, marker]).unwrap();
    let (sof, sos) = (place(0xC0), place(0xDA));
    let with = |at: usize, bytes: &[u8]| {
        let mut bomb = jpeg.clone();
        bomb[at..at + bytes.len()].copy_from_slice(bytes);
        bomb
    };
    let sides = |width: u16, height: u16| with(sof + 5, &[height.to_be_bytes(), width.to_be_bytes()].concat());
    let mut bombs = vec![
        ("65535x65535 pixels".into(), sides(u16::MAX, u16::MAX)),
        ("1x65535 pixels".into(), sides(1, u16::MAX)),
        ("65535x1 pixels".into(), sides(u16::MAX, 1)),
        ("one column too many".into(), sides(PICTURE_WIDTH_MAX + 1, PICTURE_HEIGHT_MAX)),
        ("one row too many".into(), sides(PICTURE_WIDTH_MAX, PICTURE_HEIGHT_MAX + 1)),
        ("no rows, to be told later".into(), sides(64, 0)),
        ("progressive".into(), with(sof + 1, &[0xC2])),
        ("arithmetic".into(), with(sof + 1, &[0xC9])),
        ("lossless".into(), with(sof + 1, &[0xC3])),
        ("hierarchical".into(), with(sof + 1, &[0xC5])),
        ("12 bits".into(), with(sof + 4, &[12])),
        ("255 components".into(), with(sof + 9, &[255])),
        ("sampling of 15x15".into(), with(sof + 11, &[0xFF])),
        ("no sampling".into(), with(sof + 11, &[0x00])),
        ("a scan of one component".into(), with(sos + 4, &[1])),
        ("a spectral selection".into(), with(sos + jpeg_header_len(&jpeg, sos) - 2, &[5])),
    ];
    // Many scans over one picture: small to send, an hour to decode.
    let body = &jpeg[..jpeg.len() - 2];
    let one_scan = &jpeg[sos..jpeg.len() - 2];
    bombs.push(("51 scans".into(), [body, &one_scan.repeat(50), &EOI].concat()));
    bombs.push(("two frames in one".into(), [body, &jpeg[2..]].concat()));
    bombs.push(("a JPEG in a JPEG".into(), [&jpeg[..sos], &jpeg].concat()));
    bombs.push(("a segment longer than the file".into(), [&jpeg[..2], &[0xFF, 0xE1, 0xFF, 0xFF], &jpeg[2..]].concat()));
    bombs.push(("a segment of length 0".into(), [&jpeg[..2], &[0xFF, 0xE1, 0, 0], &jpeg[2..]].concat()));
    bombs.push(("a late number of lines".into(), [body, &[0xFF, 0xDC, 0, 4, 0xFF, 0xFF], &EOI].concat()));
    bombs.push(("an expansion".into(), [&jpeg[..sos], &[0xFF, 0xDF, 0, 3, 0x11], &jpeg[sos..]].concat()));
    bombs
}

fn jpeg_header_len(jpeg: &[u8], at: usize) -> usize {
    2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]))
}

#[test]
fn no_bomb_passes_the_gate_whether_from_a_peer_or_from_a_camera() {
    for (name, bomb) in bombs() {
        assert!(probe(&bomb).is_err(), "{name}: passes the gate");
        assert!(mended(&bomb).is_err(), "{name}: passes as a camera's");
        let mut picture = Picture::default();
        assert!(decode_into(&bomb, &mut picture).is_err(), "{name}");
        assert_eq!(picture.rgb.capacity(), 0, "{name}: memory was taken before the gate");
    }
}

#[test]
fn the_largest_allowed_picture_bounds_the_memory() {
    let mut picture = Picture::default();
    // Says that it has the largest sides, and carries the data of a small one.
    let jpeg = good(64, 48);
    let sof = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    let mut hollow = jpeg.clone();
    hollow[sof + 5..sof + 7].copy_from_slice(&PICTURE_HEIGHT_MAX.to_be_bytes());
    hollow[sof + 7..sof + 9].copy_from_slice(&PICTURE_WIDTH_MAX.to_be_bytes());
    let _ = decode_into(&hollow, &mut picture);
    let largest = usize::from(PICTURE_WIDTH_MAX) * usize::from(PICTURE_HEIGHT_MAX) * 3;
    assert!(picture.rgb.capacity() <= largest);
}

#[test]
fn no_altered_byte_makes_the_mender_panic_or_pass_what_the_gate_would_not() {
    let jpeg = good(24, 16);
    for at in 0..jpeg.len() {
        for value in [0, 0xC0, 0xC4, 0xD8, 0xD9, 0xDA, 0xE1, 0xFF] {
            let mut bytes = jpeg.clone();
            bytes[at] = value;
            let _ = mended(&bytes);
        }
    }
}
