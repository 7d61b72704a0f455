//! Where the fragments of an encoded frame begin and end.
//!
//! All fragments of a frame have one size, only the last may be shorter: so a fragment's place is `index * size`, and a
//! burst leaves in one segmented send. The sizes are as equal as that allows, so that no tiny last datagram is sent.

use core::ops::Range;

use crate::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, FRAGMENTS_MAX, FRAME_MAX_BYTES};

// With nearly equal sizes the last fragment would be empty if there were more fragments than bytes in one.
const _: () = assert!(FRAGMENTS_MAX <= FRAGMENT_PAYLOAD_MAX_BYTES);

/// One fragment as its receiver sees it: the authenticated fields of the media header and the opened payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Number of the frame in its track; wraps around.
    pub frame: u32,
    /// Place of this fragment in its frame, below `count`.
    pub index: u16,
    /// Fragments of the frame, 1 to [`FRAGMENTS_MAX`].
    pub count: u16,
    /// Media timestamp of the frame, in units of the track's media clock.
    pub timestamp: u32,
    /// The media bytes, 1 to [`FRAGMENT_PAYLOAD_MAX_BYTES`].
    pub payload: &'a [u8],
}

/// Why a frame cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameLengthError {
    /// A frame has at least one byte.
    Empty,
    /// A frame has at most [`FRAME_MAX_BYTES`] bytes.
    TooLong,
}

/// The cuts of one encoded frame.
///
/// **Bound:** constant work and memory, whatever the frame's length; it never sees the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragmenter {
    len: usize,
    size: usize,
    count: u16,
}

impl Fragmenter {
    /// Plans the cuts of a frame of `len` bytes.
    ///
    /// # Errors
    /// [`FrameLengthError`] if the frame is empty or longer than [`FRAME_MAX_BYTES`].
    pub const fn new(len: usize) -> Result<Self, FrameLengthError> {
        if len == 0 {
            return Err(FrameLengthError::Empty);
        }
        if len > FRAME_MAX_BYTES {
            return Err(FrameLengthError::TooLong);
        }
        // As `div_ceil`, in a form that shows that it is not zero.
        let count = len.saturating_sub(1).wrapping_div(FRAGMENT_PAYLOAD_MAX_BYTES).saturating_add(1);
        Ok(Self { len, size: len.div_ceil(count), count: count as u16 })
    }

    /// How many fragments there are, 1 to [`FRAGMENTS_MAX`].
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// Bytes of every fragment but the last, which may have fewer; at most [`FRAGMENT_PAYLOAD_MAX_BYTES`].
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The bytes of the frame that fragment `index` carries. **Shape:** an empty range at the frame's end if there is
    /// no such fragment.
    pub const fn fragment(&self, index: u16) -> Range<usize> {
        let start = smaller((index as usize).saturating_mul(self.size), self.len);
        start..smaller(start.saturating_add(self.size), self.len)
    }

    /// Every fragment's index and bytes, in order.
    pub fn fragments(&self) -> impl ExactSizeIterator<Item = (u16, Range<usize>)> + use<> {
        let plan = *self;
        (0..plan.count).map(move |index| (index, plan.fragment(index)))
    }
}

/// `Ord::min` is not callable in a `const fn`.
const fn smaller(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_too_long_frame_is_refused() {
        assert_eq!(Fragmenter::new(0), Err(FrameLengthError::Empty));
        assert_eq!(Fragmenter::new(FRAME_MAX_BYTES + 1), Err(FrameLengthError::TooLong));
    }

    #[test]
    fn a_short_frame_is_one_fragment() {
        let plan = Fragmenter::new(1).unwrap();
        assert_eq!((plan.count(), plan.size(), plan.fragment(0)), (1, 1, 0..1));
        let plan = Fragmenter::new(FRAGMENT_PAYLOAD_MAX_BYTES).unwrap();
        assert_eq!(plan.count(), 1);
        let plan = Fragmenter::new(FRAGMENT_PAYLOAD_MAX_BYTES + 1).unwrap();
        assert_eq!(plan.count(), 2);
    }

    #[test]
    fn fragments_of_every_length_cover_the_frame_with_equal_sizes() {
        for len in 1..=FRAME_MAX_BYTES {
            let plan = Fragmenter::new(len).unwrap();
            assert!(usize::from(plan.count()) <= FRAGMENTS_MAX);
            assert!(plan.size() <= FRAGMENT_PAYLOAD_MAX_BYTES);
            let last = plan.count() - 1;
            let begin = usize::from(last) * plan.size();
            assert!(begin < len && len - begin <= plan.size(), "length {len}");
        }
        let plan = Fragmenter::new(FRAME_MAX_BYTES - 7).unwrap();
        let mut end = 0;
        for (index, range) in plan.fragments() {
            assert_eq!(range.start, end);
            assert!(range.len() == plan.size() || index + 1 == plan.count());
            end = range.end;
        }
        assert_eq!(end, FRAME_MAX_BYTES - 7);
    }

    #[test]
    fn a_fragment_beyond_the_last_is_empty() {
        let plan = Fragmenter::new(5000).unwrap();
        assert!(plan.fragment(plan.count()).is_empty());
        assert!(plan.fragment(u16::MAX).is_empty());
    }
}
