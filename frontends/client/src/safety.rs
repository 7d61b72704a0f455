//! Codes that people compare, in a form that they can read to each other in any language: eight groups of five digits.
//!
//! Digits and not words, because there is no word list of standing in Vietnamese, and one list for both languages would
//! be foreign to half of those who compare.

use std::fmt;
use std::str::FromStr;

use hph_core::crypto::senderkey::{DeviceKeys, SAFETY_CODE_BYTES, device_code};
use hph_core::wire::control::DevicePublic;

/// Digits of a group: two bytes of the code.
const GROUP_DIGITS: usize = 5;

/// A safety code of a room, or the code of one device. **Bound:** 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub [u8; SAFETY_CODE_BYTES]);

impl Code {
    /// The code of one device by itself.
    pub fn of_device(device: &DevicePublic) -> Self {
        Self(device_code(&DeviceKeys { seal: device.seal, sign: device.sign }))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pairs, _) = self.0.as_chunks::<2>();
        for (index, pair) in pairs.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{:05}", u16::from_be_bytes(*pair))?;
        }
        Ok(())
    }
}

impl FromStr for Code {
    type Err = &'static str;

    /// Spaces and hyphens between digits mean nothing.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a code has eight groups of five digits";
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if digits.len() != GROUP_DIGITS * SAFETY_CODE_BYTES / 2 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(FORM);
        }
        let mut code = [0; SAFETY_CODE_BYTES];
        let (pairs, _) = code.as_chunks_mut::<2>();
        for (index, pair) in pairs.iter_mut().enumerate() {
            let group = &digits[index * GROUP_DIGITS..(index + 1) * GROUP_DIGITS];
            *pair = group.parse::<u16>().map_err(|_| FORM)?.to_be_bytes();
        }
        Ok(Self(code))
    }
}

/// What the people in a room compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSafety {
    /// The code: equal for all who see the same devices.
    pub code: Code,
    /// Our login name and device, as we know them.
    pub me: (String, DevicePublic),
    /// The others' login names and devices, in the order of the code.
    pub others: Vec<(String, DevicePublic)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_is_written_with_any_gaps() {
        let code = Code::of_device(&DevicePublic { sign: [1; 32], seal: [2; 32] });
        // As in PROTOCOL.md.
        assert_eq!(code.to_string(), "38609 27564 22283 00088 34920 01424 02196 54385");
        for text in [
            "38609 27564 22283 00088 34920 01424 02196 54385",
            "38609-27564-22283-00088-34920-01424-02196-54385",
            " 3860927564222830008834920014240219654385\n",
        ] {
            assert_eq!(text.parse(), Ok(code), "{text}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in [
            "",
            "38609",
            "38609 27564 22283 00088 34920 01424 02196 5438",
            "38609 27564 22283 00088 34920 01424 02196 543850",
            "65536 27564 22283 00088 34920 01424 02196 54385",
            "+8609 27564 22283 00088 34920 01424 02196 54385",
            "38609 27564 22283 00088 34920 01424 02196 5438٥",
        ] {
            assert!(text.parse::<Code>().is_err(), "{text}");
        }
    }
}
