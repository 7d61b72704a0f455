//! Strips of pictures: their blocks, and what a decoder makes of them.

use hph_core::error::DropReason;
use hph_core::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, STRIP_BLOCKS_MAX, STRIP_HEADER_BYTES, STRIP_RUNS_MAX};
use hph_core::media::strip::{RunList, Strip};

use super::reach;

pub(super) const LANDMARKS: &[&str] = &["many runs", "one run", "refused"];

/// The bytes are the payload of a datagram.
///
/// **Promises:** a strip's blocks are in order and within the picture, and written back they are the bytes that were read.
pub fn strip(data: &[u8]) {
    let data = &data[..data.len().min(FRAGMENT_PAYLOAD_MAX_BYTES)];
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
