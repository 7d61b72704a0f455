//! Pixels out of a compositor's memory, which is read as the file that it is: a compositor that makes it smaller meanwhile costs a
//! picture and not the program.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::pods::{Order, VideoFormat};
use crate::picture::Picture;

/// Bytes of a pixel as it is stored.
const STORED_BYTES: u64 = 4;
/// Bytes read at once, or a row if that is more.
const PIECE_BYTES: u64 = 128 * 1024;

/// A part of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Column of the upper left corner.
    pub x: i32,
    /// Its row.
    pub y: i32,
    /// Pixels in a row; 0 if it says nothing.
    pub width: u32,
    /// Rows; 0 if it says nothing.
    pub height: u32,
}

impl Region {
    /// As it lies in memory.
    pub fn parse(bytes: [u8; 16]) -> Self {
        let [x, y, width, height] = std::array::from_fn(|n| std::array::from_fn(|byte| bytes[n * 4 + byte]));
        Self {
            x: i32::from_ne_bytes(x),
            y: i32::from_ne_bytes(y),
            width: u32::from_ne_bytes(width),
            height: u32::from_ne_bytes(height),
        }
    }

    /// Whether it says nothing.
    pub const fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// The rows that it touches, of so many.
    pub fn rows(&self, height: u32) -> Range<u32> {
        let edge = |row: i64| u32::try_from(row.clamp(0, height.into())).unwrap_or(0);
        edge(self.y.into())..edge(i64::from(self.y) + i64::from(self.height))
    }
}

/// What a compositor says of a frame's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Where in the file its part begins.
    pub begin: u64,
    /// How long that is.
    pub len_bytes: u64,
    /// Where in that the frame begins.
    pub offset: u64,
    /// From one row to the next; 0 if rows lie without a gap.
    pub stride: i64,
}

/// Where a picture's pixels lie in a file. All of them inside what the compositor has said is its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    order: Order,
    width: u16,
    height: u16,
    first: u64,
    stride: u64,
}

impl Layout {
    /// Of a frame, or of the part of it that `crop` says. None if it does not lie in its memory.
    pub fn new(format: VideoFormat, memory: Memory, crop: Option<Region>) -> Option<Self> {
        let all = Region { x: 0, y: 0, width: format.width, height: format.height };
        let Region { x, y, width, height } = crop.filter(|crop| !crop.is_empty()).unwrap_or(all);
        let (x, y) = (u32::try_from(x).ok()?, u32::try_from(y).ok()?);
        if x.checked_add(width)? > format.width || y.checked_add(height)? > format.height {
            return None;
        }
        let row_bytes = u64::from(format.width) * STORED_BYTES;
        let stride = if memory.stride == 0 { row_bytes } else { u64::try_from(memory.stride).ok()? };
        if stride < row_bytes {
            return None;
        }
        let to_first = stride.checked_mul(y.into())?.checked_add(u64::from(x) * STORED_BYTES)?;
        let in_memory = memory.offset.checked_add(to_first)?;
        let len = stride.checked_mul((height - 1).into())?.checked_add(u64::from(width) * STORED_BYTES)?;
        if in_memory.checked_add(len)? > memory.len_bytes {
            return None;
        }
        let first = memory.begin.checked_add(in_memory)?;
        let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
        Some(Self { order: format.order, width, height, first, stride })
    }

    /// Reads rows into `picture`; all of them if it has other sides.
    ///
    /// # Errors
    /// The file is shorter than was said, or can't be read. The picture may then be a mixture of old and new.
    pub fn read(&self, file: &File, rows: Range<u32>, picture: &mut Picture, piece: &mut Vec<u8>) -> io::Result<()> {
        let mut rows = rows.start.min(self.height.into())..rows.end.min(self.height.into());
        if (picture.width, picture.height) != (self.width, self.height) || !picture.is_consistent() {
            (picture.width, picture.height) = (self.width, self.height);
            picture.rgb.clear();
            picture.rgb.resize(usize::from(self.width) * usize::from(self.height) * 3, 0);
            rows = 0..self.height.into();
        }
        let row_bytes = usize::from(self.width) * 3;
        let stored = usize::from(self.width) * STORED_BYTES as usize;
        let at_once = usize::try_from((PIECE_BYTES / self.stride.max(1)).max(1)).unwrap_or(1);
        let wanted = picture.rgb.chunks_exact_mut(row_bytes).take(rows.end as usize).skip(rows.start as usize);
        let mut wanted = wanted.zip(u64::from(rows.start)..).peekable();
        while let Some((_, row)) = wanted.peek() {
            let row = *row;
            let count = at_once.min(rows.end as usize - row as usize);
            let len = self.stride as usize * (count - 1) + stored;
            piece.resize(len, 0);
            file.read_exact_at(piece, self.first + self.stride * row)?;
            for (line, (rgb, _)) in piece.chunks(self.stride as usize).zip(wanted.by_ref().take(count)) {
                convert(self.order, line, rgb);
            }
        }
        Ok(())
    }
}

/// Four bytes a pixel become red, green, blue.
fn convert(order: Order, stored: &[u8], rgb: &mut [u8]) {
    let (stored, _) = stored.as_chunks::<4>();
    let (pixels, _) = rgb.as_chunks_mut::<3>();
    match order {
        Order::Bgr => pixels.iter_mut().zip(stored).for_each(|(pixel, [b, g, r, _])| *pixel = [*r, *g, *b]),
        Order::Rgb => pixels.iter_mut().zip(stored).for_each(|(pixel, [r, g, b, _])| *pixel = [*r, *g, *b]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::TestDir;

    const WHOLE: Range<u32> = 0..u32::MAX;

    fn format(order: Order, width: u32, height: u32) -> VideoFormat {
        VideoFormat { order, width, height }
    }

    const fn memory(len_bytes: u64, offset: u64, stride: i64) -> Memory {
        Memory { begin: 0, len_bytes, offset, stride }
    }

    fn file_of(bytes: &[u8]) -> File {
        // Others run beside us: each thread has a folder of its own, and an open file outlives it.
        let folder = TestDir::new(&format!("pixels-{:?}", std::thread::current().id()));
        let path = folder.path().join("frame");
        std::fs::write(&path, bytes).unwrap();
        File::open(path).unwrap()
    }

    /// A file in which the pixel of column x and row y is blue x, green y, red 200.
    fn file(begin: usize, stride: usize, height: u8) -> File {
        let mut bytes = vec![0xEE; begin];
        for y in 0..height {
            let pixels = (0..u8::try_from(stride / 4).unwrap()).flat_map(|x| [x, y, 200, 77]);
            bytes.extend(pixels.chain(std::iter::repeat_n(0xEE, stride % 4)));
        }
        file_of(&bytes)
    }

    fn read(layout: Layout, file: &File) -> Picture {
        let mut picture = Picture::default();
        layout.read(file, WHOLE, &mut picture, &mut Vec::new()).unwrap();
        assert!(picture.is_consistent());
        picture
    }

    #[test]
    fn rows_with_a_gap_between_them_are_read_in_both_orders() {
        let file = file(32, 26, 3);
        let part = Memory { begin: 10, ..memory(100, 22, 26) };
        let blue = read(Layout::new(format(Order::Bgr, 5, 3), part, None).unwrap(), &file);
        assert_eq!((blue.width, blue.height), (5, 3));
        assert_eq!((blue.pixel(4, 2), blue.pixel(0, 1)), (Some([200, 2, 4]), Some([200, 1, 0])));
        let red = read(Layout::new(format(Order::Rgb, 5, 3), part, None).unwrap(), &file);
        assert_eq!(red.pixel(4, 2), Some([4, 2, 200]));
    }

    #[test]
    fn of_a_cropped_frame_only_the_part_is_read() {
        let crop = Some(Region { x: 2, y: 1, width: 3, height: 2 });
        let layout = Layout::new(format(Order::Bgr, 8, 4), memory(128, 0, 32), crop).unwrap();
        let picture = read(layout, &file(0, 32, 4));
        assert_eq!((picture.width, picture.height), (3, 2));
        assert_eq!((picture.pixel(0, 0), picture.pixel(2, 1)), (Some([200, 1, 2]), Some([200, 2, 4])));
        let nothing = Some(Region { x: 2, y: 1, width: 0, height: 2 });
        let layout = Layout::new(format(Order::Bgr, 8, 4), memory(128, 0, 0), nothing).unwrap();
        assert_eq!(read(layout, &file(0, 32, 4)).width, 8, "a part of no size says nothing");
    }

    #[test]
    fn only_changed_rows_are_read_anew() {
        let layout = Layout::new(format(Order::Bgr, 4, 200), memory(16 * 200, 0, 16), None).unwrap();
        let mut picture = Picture::black(4, 200);
        layout.read(&file(0, 16, 200), 150..152, &mut picture, &mut Vec::new()).unwrap();
        let seen: Vec<u16> = (0..200).filter(|y| picture.pixel(0, *y) != Some([0; 3])).collect();
        assert_eq!(seen, [150, 151]);
        assert_eq!(picture.pixel(3, 151), Some([200, 151, 3]));
        // A picture of other sides has no old rows.
        let mut other = Picture::black(5, 200);
        layout.read(&file(0, 16, 200), 150..152, &mut other, &mut Vec::new()).unwrap();
        assert_eq!((other.width, other.pixel(1, 7)), (4, Some([200, 7, 1])));
    }

    #[test]
    fn large_frames_come_in_pieces() {
        let (width, height) = (1000u16, 90u16);
        let layout = Layout::new(format(Order::Rgb, width.into(), height.into()), memory(360_000, 0, 0), None).unwrap();
        let bytes: Vec<u8> = (0..360_000u32).map(|n| (n / 4 % 251) as u8).collect();
        let picture = read(layout, &file_of(&bytes));
        assert!((0..90_000usize).all(|n| picture.rgb[n * 3] == (n % 251) as u8));
    }

    #[test]
    fn what_does_not_lie_in_its_memory_is_refused() {
        let of = |memory, crop| Layout::new(format(Order::Bgr, 8, 4), memory, crop);
        assert!(of(memory(128, 0, 32), None).is_some());
        for (name, wrong) in [
            ("too short", memory(127, 0, 32)),
            ("begins too late", memory(128, 1, 32)),
            ("rows that overlap", memory(4096, 0, 31)),
            ("upside down", memory(4096, 0, -32)),
            ("rows too far apart", memory(4096, 0, i64::MAX)),
            ("beyond all", memory(u64::MAX, u64::MAX, 32)),
        ] {
            assert!(of(wrong, None).is_none(), "{name}");
        }
        for (x, y, width, height) in
            [(-1, 0, 4, 4), (0, -1, 4, 4), (5, 0, 4, 4), (0, 1, 4, 4), (i32::MAX, 0, u32::MAX, 1)]
        {
            assert!(of(memory(128, 0, 32), Some(Region { x, y, width, height })).is_none(), "{x} {y} {width} {height}");
        }
    }

    #[test]
    fn a_file_that_is_shorter_than_was_said_is_an_error() {
        let layout = Layout::new(format(Order::Bgr, 8, 4), memory(128, 0, 32), None).unwrap();
        let error = layout.read(&file(0, 32, 3), WHOLE, &mut Picture::default(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn regions_know_their_rows() {
        let region = |y, height| Region { x: 0, y, width: 1, height };
        assert_eq!(region(2, 3).rows(10), 2..5);
        assert_eq!(region(-2, 3).rows(10), 0..1);
        assert_eq!(region(8, u32::MAX).rows(10), 8..10);
        assert_eq!(region(i32::MIN, 1).rows(10), 0..0);
        let bytes = [1i32, -2, 3, 4].map(i32::to_ne_bytes).concat();
        let parsed = Region::parse(bytes.try_into().unwrap());
        assert_eq!(parsed, Region { x: 1, y: -2, width: 3, height: 4 });
    }
}
