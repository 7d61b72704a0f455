//! The headers of datagrams: one value has one form.

use hph_core::crypto::hop::HopHeader;
use hph_core::crypto::sframe::{SFRAME_HEADER_BYTES_MAX, SframeHeader};
use hph_core::error::DropReason;
use hph_core::limits::{HOP_HEADER_BYTES, MEDIA_HEADER_BYTES, TAG_BYTES};
use hph_core::wire::datagram::{emit_clocks, parse_clocks};
use hph_core::wire::media::{MediaHeader, MediaLayout};

use super::input::Input;
use super::reach;

pub(super) const LANDMARKS: &[&str] =
    &["canonical", "longest header", "media header", "media packet", "not canonical", "too short"];

/// The bytes are read as each of the headers; and as numbers to write one of.
///
/// **Promises:** what parses is written back as it was; what is written parses; lengths are within the bytes.
pub fn sframe_header(data: &[u8]) {
    check_sframe(data);
    let mut input = Input::new(data);
    let header = SframeHeader { kid: input.u64(), counter: input.u64() };
    let mut bytes = [0; SFRAME_HEADER_BYTES_MAX];
    let len = header.emit(&mut bytes);
    assert_eq!(SframeHeader::parse(&bytes[..len]), Ok((header, len)));
    assert!(SframeHeader::parse(&bytes[..len - 1]).is_err(), "a cut header was taken");

    check_hop(data);
    check_media(data);
    let (client_us, server_us) = (input.u64(), input.u64());
    assert_eq!(parse_clocks(&emit_clocks(client_us, server_us)), Ok((client_us, server_us)));
    let _ = parse_clocks(data);
}

fn check_sframe(data: &[u8]) {
    match SframeHeader::parse(data) {
        Ok((header, len)) => {
            let mut bytes = [0; SFRAME_HEADER_BYTES_MAX];
            assert_eq!(header.emit(&mut bytes), len);
            assert_eq!(bytes[..len], data[..len], "{header:?} has two forms");
            reach(if len == SFRAME_HEADER_BYTES_MAX { "longest header" } else { "canonical" });
        }
        Err(DropReason::Length) => reach("too short"),
        Err(DropReason::MediaHeader) => reach("not canonical"),
        Err(other) => panic!("{other:?}"),
    }
}

fn check_hop(data: &[u8]) {
    if let Ok(header) = HopHeader::parse(data) {
        let mut bytes = [0; HOP_HEADER_BYTES];
        header.emit(&mut bytes);
        assert_eq!(bytes, data[..HOP_HEADER_BYTES]);
    }
}

fn check_media(data: &[u8]) {
    let Ok(header) = MediaHeader::parse(data) else { return };
    assert_eq!(MediaHeader::parse(&header.emit()), Ok(header));
    reach("media header");
    if let Ok(layout) = MediaLayout::parse(data) {
        assert_eq!(layout.header, header);
        assert_eq!(layout.clear_len_bytes, MEDIA_HEADER_BYTES + layout.sframe_len_bytes + TAG_BYTES);
        assert!(layout.clear_len_bytes < data.len(), "no media in it");
        reach("media packet");
    }
}
