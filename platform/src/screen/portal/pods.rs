//! PipeWire's parameters, written and read as the plain bytes that they are: a head of size and kind, a body, padding to eight.
//!
//! Numbers are those of PipeWire's public headers (`spa/utils/type.h`, `spa/param`, `spa/buffer`); they never change.

/// Which parameter an object is.
pub const PARAM_ENUM_FORMAT: u32 = 3;
/// The format that was agreed upon.
pub const PARAM_FORMAT: u32 = 4;
const PARAM_BUFFERS: u32 = 5;
const PARAM_META: u32 = 6;

const TYPE_ID: u32 = 3;
const TYPE_INT: u32 = 4;
const TYPE_RECTANGLE: u32 = 10;
const TYPE_FRACTION: u32 = 11;
const TYPE_OBJECT: u32 = 15;
const TYPE_CHOICE: u32 = 19;

const OBJECT_FORMAT: u32 = 0x40003;
const OBJECT_BUFFERS: u32 = 0x40004;
const OBJECT_META: u32 = 0x40005;

const CHOICE_RANGE: u32 = 1;
const CHOICE_ENUM: u32 = 3;
const CHOICE_FLAGS: u32 = 4;

const KEY_MEDIA_TYPE: u32 = 1;
const KEY_MEDIA_SUBTYPE: u32 = 2;
const KEY_VIDEO_FORMAT: u32 = 0x20001;
const KEY_VIDEO_SIZE: u32 = 0x20003;
const KEY_VIDEO_RATE: u32 = 0x20004;
const KEY_VIDEO_RATE_MAX: u32 = 0x20005;
const MEDIA_VIDEO: u32 = 2;
const MEDIA_RAW: u32 = 1;

const KEY_BUFFERS_COUNT: u32 = 1;
const KEY_BUFFERS_DATA_TYPE: u32 = 6;
const KEY_META_TYPE: u32 = 1;
const KEY_META_SIZE: u32 = 2;

/// Memory behind a file descriptor.
pub const DATA_MEM_FD: u32 = 2;
/// Says which part of the memory is the picture: `x`, `y`, `width`, `height`.
pub const META_CROP: u32 = 2;
/// Says which parts have changed: as many of the same.
pub const META_DAMAGE: u32 = 3;
/// Bytes of one region.
pub const REGION_BYTES: u32 = 16;
/// More regions than that are not asked for; a compositor with more sends one around them.
const REGIONS_MAX: u32 = 16;
/// Frames that the compositor may be ahead.
const BUFFERS: [u32; 3] = [4, 2, 8];

/// Longest side that is taken. Also the bound of memory: three bytes a pixel.
pub const SIDE_MAX: u32 = 8192;

/// In which order a pixel's four bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Blue, green, red and one that means nothing here.
    Bgr,
    /// Red, green, blue and that one.
    Rgb,
}

/// PipeWire's formats that are understood, best first. What is behind a transparent window is no matter of ours.
const FORMATS: [(u32, Order); 4] = [(8, Order::Bgr), (7, Order::Rgb), (12, Order::Bgr), (11, Order::Rgb)];

/// What frames look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoFormat {
    /// Order of a pixel's bytes.
    pub order: Order,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// What we take: pixels of four bytes in memory, up to so many pictures a second.
pub fn offer(fps_max: u32) -> Vec<u8> {
    let formats: Vec<Vec<u8>> = FORMATS.iter().take(1).chain(&FORMATS).map(|(format, _)| words(&[*format])).collect();
    let sizes = [[1920, 1080], [1, 1], [SIDE_MAX, SIDE_MAX]].map(|size| words(&size));
    // 0/1 means whenever something changes.
    let rates = [[0, 1], [0, 1], [1000, 1]].map(|rate| words(&rate));
    let rates_max = [[fps_max, 1], [1, 1], [fps_max, 1]].map(|rate| words(&rate));
    object(
        OBJECT_FORMAT,
        PARAM_ENUM_FORMAT,
        &[
            (KEY_MEDIA_TYPE, pod(TYPE_ID, &words(&[MEDIA_VIDEO]))),
            (KEY_MEDIA_SUBTYPE, pod(TYPE_ID, &words(&[MEDIA_RAW]))),
            (KEY_VIDEO_FORMAT, choice(CHOICE_ENUM, TYPE_ID, &formats)),
            (KEY_VIDEO_SIZE, choice(CHOICE_RANGE, TYPE_RECTANGLE, &sizes)),
            (KEY_VIDEO_RATE, choice(CHOICE_RANGE, TYPE_FRACTION, &rates)),
            (KEY_VIDEO_RATE_MAX, choice(CHOICE_RANGE, TYPE_FRACTION, &rates_max)),
        ],
    )
}

/// What is to be said with each frame, and in what memory it comes: files only, for what another program may shrink at any time is
/// better read than mapped.
pub fn wishes() -> [Vec<u8>; 3] {
    let meta = |kind, size| object(OBJECT_META, PARAM_META, &[(KEY_META_TYPE, pod(TYPE_ID, &words(&[kind]))), size]);
    let regions = [REGIONS_MAX, 1, REGIONS_MAX].map(|count| words(&[count * REGION_BYTES]));
    [
        object(
            OBJECT_BUFFERS,
            PARAM_BUFFERS,
            &[
                (KEY_BUFFERS_COUNT, choice(CHOICE_RANGE, TYPE_INT, &BUFFERS.map(|count| words(&[count])))),
                (KEY_BUFFERS_DATA_TYPE, choice(CHOICE_FLAGS, TYPE_INT, &[words(&[1 << DATA_MEM_FD])])),
            ],
        ),
        meta(META_CROP, (KEY_META_SIZE, pod(TYPE_INT, &words(&[REGION_BYTES])))),
        meta(META_DAMAGE, (KEY_META_SIZE, choice(CHOICE_RANGE, TYPE_INT, &regions))),
    ]
}

/// The format that was agreed upon; none if it is none of ours.
pub fn parse_format(bytes: &[u8]) -> Option<VideoFormat> {
    let (TYPE_OBJECT, body) = split_pod(bytes)? else { return None };
    let (OBJECT_FORMAT, mut rest) = (word(body, 0)?, body.get(8..)?) else { return None };
    let (mut order, mut size) = (None, None);
    while !rest.is_empty() {
        let key = word(rest, 0)?;
        let (kind, value) = split_pod(rest.get(8..)?)?;
        // A choice of one is as good as its first value.
        let value = if kind == TYPE_CHOICE { value.get(16..)? } else { value };
        match key {
            KEY_VIDEO_FORMAT => {
                order = FORMATS.iter().find(|(known, _)| word(value, 0) == Some(*known)).map(|(_, o)| *o)
            }
            KEY_VIDEO_SIZE => size = Some((word(value, 0)?, word(value, 1)?)),
            _ => {}
        }
        let len = 16 + word(rest, 2)?.checked_next_multiple_of(8)?;
        rest = rest.get(usize::try_from(len).ok()?..).unwrap_or_default();
    }
    let (width, height) = size?;
    let is_bounded = (1..=SIDE_MAX).contains(&width) && (1..=SIDE_MAX).contains(&height);
    Some(VideoFormat { order: order?, width, height }).filter(|_| is_bounded)
}

/// Kind and body of the value that begins here.
fn split_pod(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let len = usize::try_from(word(bytes, 0)?).ok()?;
    Some((word(bytes, 1)?, bytes.get(8..)?.get(..len)?))
}

/// The so-manieth number.
fn word(bytes: &[u8], index: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(index * 4..)?.first_chunk()?))
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

/// A value with its head, not padded.
fn pod(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut out = words(&[len_of(body), kind]);
    out.extend_from_slice(body);
    out
}

/// Values to choose from: the first one is preferred, the others are what the choice is about.
fn choice(choice: u32, kind: u32, values: &[Vec<u8>]) -> Vec<u8> {
    let mut body = words(&[choice, 0, values.first().map_or(0, |value| len_of(value)), kind]);
    body.extend(values.iter().flatten());
    pod(TYPE_CHOICE, &body)
}

/// An object of properties.
fn object(kind: u32, id: u32, properties: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut body = words(&[kind, id]);
    for (key, value) in properties {
        body.extend(words(&[*key, 0]));
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(8), 0);
    }
    pod(TYPE_OBJECT, &body)
}

fn len_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(format: u32, width: u32, height: u32) -> Vec<u8> {
        object(
            OBJECT_FORMAT,
            PARAM_FORMAT,
            &[
                (KEY_MEDIA_TYPE, pod(TYPE_ID, &words(&[MEDIA_VIDEO]))),
                (KEY_MEDIA_SUBTYPE, pod(TYPE_ID, &words(&[MEDIA_RAW]))),
                (KEY_VIDEO_FORMAT, pod(TYPE_ID, &words(&[format]))),
                (KEY_VIDEO_SIZE, pod(TYPE_RECTANGLE, &words(&[width, height]))),
                (KEY_VIDEO_RATE, pod(TYPE_FRACTION, &words(&[0, 1]))),
            ],
        )
    }

    #[test]
    fn an_agreed_format_is_read_as_it_was_written() {
        let expected = |order, width, height| Some(VideoFormat { order, width, height });
        assert_eq!(parse_format(&agreed(8, 1280, 720)), expected(Order::Bgr, 1280, 720));
        assert_eq!(parse_format(&agreed(11, 3, 5)), expected(Order::Rgb, 3, 5));
        // Of what is only offered, the first of each choice.
        assert_eq!(parse_format(&offer(30)), expected(Order::Bgr, 1920, 1080));
    }

    #[test]
    fn formats_that_are_none_of_ours_are_none() {
        assert_eq!(parse_format(&agreed(2, 1280, 720)), None, "I420");
        for (width, height) in [(0, 720), (1280, 0), (SIDE_MAX + 1, 720), (1280, u32::MAX)] {
            assert_eq!(parse_format(&agreed(8, width, height)), None, "{width}x{height}");
        }
        for wish in wishes() {
            assert_eq!(parse_format(&wish), None);
        }
    }

    #[test]
    fn broken_bytes_are_none_and_no_panic() {
        let whole = agreed(8, 1280, 720);
        for len in 0..whole.len() {
            let _ = parse_format(&whole[..len]);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut broken = whole.clone();
                broken[at] = value;
                let _ = parse_format(&broken);
            }
        }
        assert_eq!(parse_format(&whole[..whole.len() - 40]), None, "its body is not all there");
    }
}
