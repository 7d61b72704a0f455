use hph_core::media::strip::RunList;
use hph_core::time::Instant;

use super::*;
use crate::video::tables::{AC_CHROMA, AC_LUMA, DC_CHROMA, DC_LUMA, HuffmanSpec, header_tables};
use crate::video::{StripEncoder, StripFrame, StripParams};

fn picture(width: u16, height: u16, shade: u8) -> Picture {
    let mut picture = Picture::black(width, height);
    for (at, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (at % usize::from(width), at / usize::from(width));
        pixel.copy_from_slice(&[(x * 3) as u8 ^ shade, (y * 5) as u8, ((x + y) * 2) as u8 ^ shade]);
    }
    picture
}

fn strips(picture: &Picture, quality: u8) -> Vec<Vec<u8>> {
    let params = StripParams { quality, ..StripParams::default() };
    let mut frame = StripFrame::default();
    StripEncoder::new().encode(Instant::default(), 0, picture, &params, &mut frame).unwrap();
    frame.strips.iter().map(|range| frame.bytes[range.clone()].to_vec()).collect()
}

/// A JPEG of a strip: the headers that are not sent, its entropy data, and an end marker.
fn as_jpeg(payload: &[u8]) -> Vec<u8> {
    let strip = Strip::parse(payload).unwrap();
    let mut jpeg = vec![0xff, 0xd8];
    let mut segment = |marker: u8, bytes: &[u8]| {
        jpeg.extend([0xff, marker]);
        jpeg.extend((bytes.len() as u16 + 2).to_be_bytes());
        jpeg.extend(bytes);
    };
    for (id, table) in header_tables(strip.header.quality).iter().enumerate() {
        segment(0xdb, &[&[id as u8], table.as_slice()].concat());
    }
    let [w0, w1] = (strip.block_count * 16).to_be_bytes();
    segment(0xc0, &[8, 0, 16, w0, w1, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    let huffman = |class: u8, spec: &HuffmanSpec| [&[class], spec.counts.as_slice(), spec.symbols].concat();
    for (class, spec) in [(0, &DC_LUMA), (1, &DC_CHROMA), (0x10, &AC_LUMA), (0x11, &AC_CHROMA)] {
        segment(0xc4, &huffman(class, spec));
    }
    segment(0xda, &[3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    jpeg.extend(strip.data);
    jpeg.extend([0xff, 0xd9]);
    jpeg
}

/// What a JPEG library makes of it: luma, blue and red difference of each pixel.
fn decoded_elsewhere(jpeg: &[u8]) -> (usize, Vec<[u8; 3]>) {
    let mut decoder = mozjpeg::Decompress::new_mem(jpeg).unwrap();
    decoder.do_fancy_upsampling(false);
    let mut started = decoder.to_colorspace(mozjpeg::ColorSpace::JCS_YCbCr).unwrap();
    (started.width(), started.read_scanlines().unwrap())
}

#[test]
fn a_jpeg_library_decodes_a_strip_with_headers_to_the_same_samples() {
    for quality in [30, 75, 90, 100] {
        let picture = picture(160, 96, 0);
        let mut decoder = StripDecoder::new(160, 96);
        for payload in strips(&picture, quality) {
            decoder.handle(0, &payload).unwrap();
            let (width, samples) = decoded_elsewhere(&as_jpeg(&payload));
            let strip = Strip::parse(&payload).unwrap();
            assert_eq!(width, usize::from(strip.block_count) * 16);
            for (index, block) in strip.blocks().enumerate() {
                for at in 0..256 {
                    let (x, y) = (at % 16, at / 16);
                    let theirs = samples[y * width + index * 16 + x];
                    let ours = decoder.canvas.sample(block.into(), x, y);
                    let is_close = ours.iter().zip(theirs).all(|(one, other)| one.abs_diff(other) <= 1);
                    assert!(is_close, "quality {quality}, block {block}, pixel {x},{y}: {ours:?} and {theirs:?}");
                }
            }
        }
    }
}

#[test]
fn strips_in_any_order_give_the_same_picture() {
    let picture = picture(320, 192, 0);
    let mut strips = strips(&picture, 75);
    assert!(strips.len() > 4);
    let mut forwards = StripDecoder::new(320, 192);
    strips.iter().for_each(|strip| assert!(forwards.handle(0, strip).unwrap() > 0));
    assert_eq!(forwards.missing(), 0.0);
    let mut backwards = StripDecoder::new(320, 192);
    strips.reverse();
    strips.iter().for_each(|strip| assert!(backwards.handle(0, strip).unwrap() > 0));
    assert_eq!(forwards.picture(), backwards.picture());
}

#[test]
fn a_missing_strip_leaves_what_was_there() {
    let (old, new) = (picture(320, 192, 0), picture(320, 192, 0x40));
    let mut decoder = StripDecoder::new(320, 192);
    strips(&old, 75).iter().for_each(|strip| _ = decoder.handle(1, strip).unwrap());
    let before = decoder.picture().clone();
    let new = strips(&new, 75);
    new.iter().skip(1).for_each(|strip| _ = decoder.handle(2, strip).unwrap());
    let lost: Vec<u16> = Strip::parse(&new[0]).unwrap().blocks().collect();
    let shown = decoder.picture().clone();
    for block in 0..240u16 {
        let (x, y) = (block % 20 * 16, block / 20 * 16);
        let is_old = shown.pixel(x, y) == before.pixel(x, y) && shown.pixel(x + 9, y + 5) == before.pixel(x + 9, y + 5);
        assert_eq!(is_old, lost.contains(&block), "block {block}");
    }
    // It comes late, and patches what nothing newer has covered.
    assert_eq!(decoder.handle(2, &new[0]), Ok(lost.len()));
}

#[test]
fn an_older_strip_does_not_undo_a_newer_one() {
    let (old, new) = (strips(&picture(64, 64, 0), 75), strips(&picture(64, 64, 0x40), 75));
    let mut decoder = StripDecoder::new(64, 64);
    new.iter().for_each(|strip| _ = decoder.handle(0, strip).unwrap());
    let shown = decoder.picture().clone();
    // Frame numbers wrap around.
    old.iter().for_each(|strip| assert_eq!(decoder.handle(u32::MAX, strip), Ok(0)));
    assert_eq!(*decoder.picture(), shown);
    assert_eq!((decoder.figures().overtaken, decoder.newest()), (16, Some(0)));
    assert!(decoder.handle(0, &new[0]).unwrap() > 0, "the same again changes nothing");
    assert_eq!(*decoder.picture(), shown);
}

#[test]
fn broken_entropy_data_cost_only_their_own_blocks() {
    let strips = strips(&picture(320, 192, 0), 75);
    let mut broken = strips[1].clone();
    let data = broken.len() - Strip::parse(&broken).unwrap().data.len();
    broken[data + 30..].fill(0xff);
    let mut decoder = StripDecoder::new(320, 192);
    let mut whole = StripDecoder::new(320, 192);
    for (index, strip) in strips.iter().enumerate() {
        whole.handle(0, strip).unwrap();
        if index != 1 {
            decoder.handle(0, strip).unwrap();
        }
    }
    assert_eq!(decoder.handle(0, &broken), Err(DropReason::Strip));
    let hurt: Vec<u16> = Strip::parse(&strips[1]).unwrap().blocks().collect();
    for block in (0..240u16).filter(|block| !hurt.contains(block)) {
        let (x, y) = (block % 20 * 16, block / 20 * 16);
        assert_eq!(decoder.picture().pixel(x, y), whole.picture().pixel(x, y));
    }
    for strip in &strips {
        assert!(decoder.handle(0, strip).is_ok(), "it goes on");
    }
    assert_eq!(decoder.picture(), whole.picture());
}

/// One block, of a picture of that size.
fn claim(width: u16, height: u16) -> Vec<u8> {
    let mut runs = RunList::default();
    runs.push(0).unwrap();
    let mut out = [0; 64];
    let len = runs.emit(&StripHeader { table_set: 0, quality: 50, width, height }, &mut out).unwrap();
    out[..len + 30].to_vec()
}

#[test]
fn nothing_larger_than_announced_takes_memory() {
    let mut decoder = StripDecoder::new(64, 64);
    strips(&picture(64, 64, 0), 75).iter().for_each(|strip| _ = decoder.handle(5, strip).unwrap());
    let shown = decoder.picture().clone();
    for (width, height) in [(65, 64), (64, 65), (1920, 1088)] {
        assert_eq!(decoder.handle(6, &claim(width, height)), Err(DropReason::StripSize));
    }
    let mut bomb = claim(64, 64);
    bomb[2..6].copy_from_slice(&[0xff; 4]);
    assert_eq!(decoder.handle(6, &bomb), Err(DropReason::Strip), "65535x65535");
    assert_eq!(*decoder.picture(), shown);
    assert_eq!(StripDecoder::new(0, 0).handle(0, &claim(16, 16)), Err(DropReason::StripSize), "a track of sound");
}

#[test]
fn another_size_begins_anew_but_not_from_an_older_frame() {
    let mut decoder = StripDecoder::new(64, 64);
    strips(&picture(64, 64, 0), 75).iter().for_each(|strip| _ = decoder.handle(5, strip).unwrap());
    let small = strips(&picture(32, 48, 0), 75);
    assert_eq!(decoder.handle(4, &small[0]), Err(DropReason::Late));
    assert_eq!(decoder.picture().width, 64);
    small.iter().for_each(|strip| _ = decoder.handle(6, strip).unwrap());
    assert_eq!((decoder.picture().width, decoder.picture().height), (32, 48));
    assert!(decoder.picture().is_consistent());
}

#[test]
fn before_the_first_strip_there_is_no_picture() {
    let mut decoder = StripDecoder::new(64, 64);
    assert_eq!((decoder.missing(), decoder.picture().rgb.len(), decoder.newest()), (1.0, 0, None));
    assert!(decoder.handle(0, &[]).is_err());
    assert_eq!(decoder.picture().rgb.len(), 0);
}
