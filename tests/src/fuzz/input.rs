//! Bytes that decide what happens.

/// Reads decisions off the front of some bytes. Total: where the bytes end, zeros follow.
#[derive(Clone, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn u8(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let bytes = self.take(N);
        array[..bytes.len()].copy_from_slice(bytes);
        array
    }

    /// A length (one byte below 128, else two bytes with the top bit set), then so many bytes if they are there.
    pub fn chunk(&mut self) -> &'a [u8] {
        let first = usize::from(self.u8());
        let len = if first < 128 { first } else { (first & 127) << 8 | usize::from(self.u8()) };
        self.take(len)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.take(self.0.len())
    }

    /// One of `items`.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::from(self.u8()) % items.len()]
    }

    /// The bytes with one bit changed that the input chooses; none of nothing.
    pub fn altered(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let bit = usize::from(self.u16()).checked_rem(bytes.len() * 8)?;
        let mut altered = bytes.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        Some(altered)
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
