//! What the tests of this layer share.

/// The bytes that `text` writes in hexadecimal; panics unless it is exactly `N`.
pub fn hex<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N, "{text}");
    core::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hexadecimal"))
}
