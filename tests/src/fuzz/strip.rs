//! Strips of pictures: their blocks, and what a decoder makes of them.

use std::cell::RefCell;

use hph_core::error::DropReason;
use hph_core::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, STRIP_BLOCKS_MAX, STRIP_HEADER_BYTES, STRIP_RUNS_MAX};
use hph_core::media::strip::{RunList, Strip};
use hph_platform::video::StripDecoder;

use super::reach;

pub(super) const LANDMARKS: &[&str] =
    &["all blocks decoded", "breaks off", "late", "many runs", "one run", "picture too large", "refused"];

/// What the decoder takes for announced: larger than most strips of the corpus say, smaller than what they may say.
const ANNOUNCED: (u16, u16) = (320, 192);

/// The bytes are the payload of a datagram; the first one decides whether its frame is an old one.
///
/// **Promises:** a strip's blocks are in order and within the picture, and written back they are the bytes that were read. A
/// decoder counts exactly the blocks that it shows, and never has a picture larger than announced.
pub fn strip(data: &[u8]) {
    let Some((order, data)) = data.split_first() else { return };
    let data = &data[..data.len().min(FRAGMENT_PAYLOAD_MAX_BYTES)];
    decode(u32::from(*order), data);
    let strip = match Strip::parse(data) {
        Ok(strip) => strip,
        Err(reason) => {
            assert_eq!(reason, DropReason::Strip);
            reach("refused");
            return;
        }
    };
    let blocks: Vec<u16> = strip.blocks().collect();
    assert_eq!(blocks.len(), usize::from(strip.block_count));
    assert!(!blocks.is_empty() && strip.block_count <= STRIP_BLOCKS_MAX);
    assert!(blocks.is_sorted_by(|one, next| one < next), "blocks out of order");
    assert!(blocks.iter().all(|block| *block < strip.header.picture_blocks()), "a block outside the picture");
    let mut list = RunList::default();
    blocks.iter().for_each(|block| list.push(*block).expect("what was read can be written"));
    let mut emitted = [0; STRIP_HEADER_BYTES + STRIP_RUNS_MAX * 4];
    let len = list.emit(&strip.header, &mut emitted).expect("what was read can be written");
    assert_eq!(emitted[..len], data[..len], "a strip has two forms");
    assert_eq!(strip.data, &data[len..]);
    reach(if strip.runs().count() > 1 { "many runs" } else { "one run" });
}

thread_local! {
    /// One decoder for all inputs, so that they meet what others left behind.
    static DECODER: RefCell<StripDecoder> = RefCell::new(StripDecoder::new(ANNOUNCED.0, ANNOUNCED.1));
}

fn decode(frame: u32, data: &[u8]) {
    DECODER.with_borrow_mut(|decoder| {
        let before = decoder.figures();
        let result = decoder.handle(frame, data);
        let after = decoder.figures();
        match result {
            Ok(blocks) => {
                assert_eq!(blocks as u64, after.blocks - before.blocks);
                assert_eq!(after.strips, before.strips + 1);
                let count = Strip::parse(data).expect("it was decoded").block_count;
                assert_eq!(blocks as u64 + after.overtaken - before.overtaken, u64::from(count));
                reach("all blocks decoded");
            }
            Err(DropReason::Strip) if after.blocks > before.blocks => reach("breaks off"),
            Err(DropReason::Strip) => {}
            Err(DropReason::StripSize) => reach("picture too large"),
            Err(DropReason::Late) => reach("late"),
            Err(reason) => panic!("{reason:?}"),
        }
        let picture = decoder.picture();
        assert!(picture.width <= ANNOUNCED.0 && picture.height <= ANNOUNCED.1);
        assert!(picture.rgb.is_empty() || picture.is_consistent());
    });
}
