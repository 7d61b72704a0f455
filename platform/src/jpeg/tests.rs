//! Tests of encoder, gate and decoder.

use hph_core::limits::FRAME_MAX_BYTES;

use super::*;
use crate::picture::Picture;

/// Soft colours with some detail.
fn scene(width: u16, height: u16) -> Picture {
    let mut picture = Picture::black(width, height);
    for (n, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (n % usize::from(width), n / usize::from(width));
        let wave = (128.0 + 100.0 * (x as f32 / 17.0).sin() * (y as f32 / 23.0).cos()) as u8;
        pixel.copy_from_slice(&[wave, (x * 255 / usize::from(width)) as u8, 255 - wave]);
    }
    picture
}

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut out = Vec::new();
    JpegEncoder::new().encode(&scene(width, height), 75, &mut out).unwrap();
    out
}

fn find(jpeg: &[u8], marker: u8) -> usize {
    jpeg.windows(2).position(|w| w == [0xFF, marker]).unwrap()
}

#[test]
fn a_picture_survives_encoding_and_decoding() {
    for (width, height) in [(640, 360), (320, 180), (33, 17), (1, 1), (8, 3)] {
        let original = scene(width, height);
        let bytes = jpeg(width, height);
        let back = decode(&bytes).unwrap();
        assert_eq!((back.width, back.height), (width, height));
        assert!(back.is_consistent());
        let pairs = original.rgb.iter().zip(&back.rgb);
        let error: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let mean = error as f64 / original.rgb.len() as f64;
        assert!(mean < 8.0, "{width}x{height}: {mean}");
    }
}

#[test]
fn the_gate_reads_what_the_encoder_writes() {
    let mut bytes = jpeg(640, 360);
    let len_bytes = bytes.len();
    let info = JpegInfo { width: 640, height: 360, components: 3, is_baseline: true, len_bytes };
    assert_eq!(probe(&bytes), Ok(info));
    assert_eq!(jpeg_len_bytes(&bytes), Ok(Some(len_bytes)));
    bytes.extend_from_slice(b"\xFF\xD8 old bytes of a camera \xFF\xD9");
    assert_eq!(probe(&bytes), Ok(info), "what follows the end is ignored");
    assert!(decode(&bytes).is_ok());
}

#[test]
fn every_quality_makes_a_jpeg_that_passes_the_gate() {
    let picture = Picture::black(64, 48);
    let mut jpeg = Vec::new();
    for quality in 0..=u8::MAX {
        JpegEncoder::new().encode(&picture, quality, &mut jpeg).unwrap();
        assert!(probe(&jpeg).is_ok_and(|info| info.is_baseline), "quality {quality}");
    }
}

#[test]
fn quality_changes_the_length_and_buffers_are_reused() {
    let mut encoder = JpegEncoder::new();
    let (mut small, mut large) = (b"old".to_vec(), Vec::new());
    let picture = scene(320, 180);
    encoder.encode(&picture, 30, &mut small).unwrap();
    encoder.encode(&picture, 0, &mut large).unwrap();
    encoder.encode(&picture, 90, &mut large).unwrap();
    assert!(small.len() * 2 < large.len());
    assert!(small.starts_with(&[0xFF, 0xD8]));
}

#[test]
fn pictures_that_cannot_be_sent_are_refused() {
    let mut out = vec![1];
    let mut encoder = JpegEncoder::new();
    let mut refuse = |picture: &Picture, quality| encoder.encode(picture, quality, &mut out).unwrap_err();
    assert!(matches!(refuse(&Picture::default(), 50), JpegError::Size { .. }));
    assert!(matches!(refuse(&Picture::black(1921, 8), 50), JpegError::Size { .. }));
    let short = Picture { rgb: vec![0; 5], ..Picture::black(4, 4) };
    assert!(matches!(refuse(&short, 50), JpegError::Size { .. }));
    let mut noise = Picture::black(1280, 720);
    let mut seed = 1u32;
    noise.rgb.fill_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    });
    assert!(matches!(refuse(&noise, 100), JpegError::TooLong { .. }));
    assert!(out.is_empty());
}

#[test]
fn a_bomb_is_refused_before_it_is_decoded() {
    let mut bytes = jpeg(64, 64);
    let sof = find(&bytes, 0xC0);
    bytes[sof + 5..sof + 9].copy_from_slice(&[0xFF; 4]);
    let bomb = JpegError::Size { width: u16::MAX, height: u16::MAX };
    assert_eq!(decode(&bytes), Err(bomb));
    bytes[sof + 5..sof + 9].fill(0);
    assert!(matches!(probe(&bytes), Err(JpegError::Size { .. })));
    let long = vec![0; FRAME_MAX_BYTES + 1];
    assert!(matches!(probe(&long), Err(JpegError::TooLong { .. })));
}

#[test]
fn codings_other_than_baseline_are_refused() {
    let good = jpeg(64, 64);
    let (sof, sos) = (find(&good, 0xC0), find(&good, 0xDA));
    for marker in [0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCF, 0xC8, 0xCC, 0xDC, 0x01, 0xD0, 0xD8, 0x02] {
        let mut bytes = good.clone();
        bytes[sof + 1] = marker;
        assert!(probe(&bytes).is_err(), "{marker:#x}");
    }
    let mutated = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        probe(&bytes)
    };
    assert!(mutated(sof + 4, 12).is_err(), "12 bits a sample");
    assert!(mutated(sof + 9, 4).is_err(), "four components");
    assert!(mutated(sof + 11, 0x41).is_err(), "unusual sampling");
    assert!(mutated(sos + 4, 1).is_err(), "scan of one component");
    assert!(mutated(sos + 11, 5).is_err(), "progressive scan");
}

#[test]
fn several_scans_frames_or_none_are_refused() {
    let good = jpeg(64, 64);
    let (sof, sos) = (find(&good, 0xC0), find(&good, 0xDA));
    let body = &good[..good.len() - 2];
    let joined = |parts: &[&[u8]]| probe(&parts.concat());
    let eoi: &[u8] = &[0xFF, 0xD9];
    assert!(joined(&[body, eoi]).is_ok());
    assert!(joined(&[body, &good[sos..]]).is_err(), "two scans");
    assert!(joined(&[body, &good[sof..]]).is_err(), "two frame headers");
    assert!(joined(&[&good[..sof], &good[sos..]]).is_err(), "scan without frame");
    assert!(joined(&[&good[..sos], eoi]).is_err(), "no scan");
    assert!(joined(&[&good[..2], eoi]).is_err(), "nothing");
    assert!(joined(&[&good[..sof], &[0xFF, 0xFE, 0, 1], &good[sof..]]).is_err(), "segment length");
    assert!(joined(&[&good[..sof], &[0xFF, 0xFE, 0, 4, 0xFF, 0xD9], &good[sof..]]).is_ok());
    assert!(joined(&[&good[..sof], &[0xFF, 0xFF], &good[sof..]]).is_ok(), "fill bytes");
}

#[test]
fn every_cut_is_noticed_and_no_altered_byte_panics() {
    let good = jpeg(48, 32);
    for end in 0..good.len() {
        assert!(probe(&good[..end]).is_err());
        assert_eq!(jpeg_len_bytes(&good[..end]), Ok(None), "cut at {end}");
    }
    let mut picture = Picture::default();
    for at in 0..good.len() {
        for value in [0, 1, 0x7F, 0xD9, 0xFF] {
            let mut bytes = good.clone();
            bytes[at] = value;
            let _ = decode_into(&bytes, &mut picture);
            assert!(picture.rgb.is_empty() || picture.is_consistent());
        }
    }
}

#[test]
fn grey_pictures_decode_to_grey() {
    let mut compress = mozjpeg::Compress::new(mozjpeg::ColorSpace::JCS_GRAYSCALE);
    compress.set_fastest_defaults();
    compress.set_size(16, 16);
    compress.set_quality(90.0);
    let mut started = compress.start_compress(Vec::new()).unwrap();
    started.write_scanlines(&[77; 256]).unwrap();
    let bytes = started.finish().unwrap();
    assert_eq!(probe(&bytes).unwrap().components, 1);
    let picture = decode(&bytes).unwrap();
    let pixel = picture.pixel(8, 8).unwrap();
    assert!(pixel.iter().all(|c| c.abs_diff(77) <= 2), "{pixel:?}");
}

#[test]
fn errors_speak_in_words() {
    let size = JpegError::Size { width: 4000, height: 3000 };
    assert!(size.to_string().contains("4000x3000"));
    assert!(probe(b"GIF89a").unwrap_err().to_string().contains("start marker"));
}
