//! What a server says of itself, and how it stands in a TXT record.

use hph_core::limits::DISPLAY_NAME_MAX_BYTES;
use hph_core::wire::text::is_display_name;
use mdns_sd::TxtProperties;

/// Version of the record. A reader takes no other.
const VERSION: &str = "1";
/// Instance names are labels of at most 63 bytes; the pin's beginning keeps servers of one name apart.
const INSTANCE_NAME_MAX_BYTES: usize = 48;
const INSTANCE_PIN_BYTES: usize = 4;

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its name.
    pub name: String,
    /// Rooms that it has.
    pub rooms: u32,
    /// People who are signed in.
    pub people: u32,
    /// SHA-256 of its public key.
    pub pin: [u8; 32],
}

impl Notice {
    /// The instance name: for people, and no other server's.
    pub(super) fn instance(&self) -> String {
        let mut end = self.name.len().min(INSTANCE_NAME_MAX_BYTES);
        while !self.name.is_char_boundary(end) {
            end -= 1;
        }
        format!("{} ({})", self.name[..end].trim_end(), hex(&self.pin[..INSTANCE_PIN_BYTES]))
    }

    /// A host name that is no other server's.
    pub(super) fn host(&self) -> String {
        format!("hph-{}.local.", hex(&self.pin[..8]))
    }

    pub(super) fn properties(&self) -> Vec<(&'static str, String)> {
        vec![
            ("v", VERSION.to_owned()),
            ("name", self.name.clone()),
            ("rooms", self.rooms.to_string()),
            ("people", self.people.to_string()),
            ("fp", hex(&self.pin)),
        ]
    }

    /// Reads a record; none if it is not one of ours, or if its name would deceive.
    pub(super) fn read(properties: &TxtProperties) -> Option<Self> {
        let value = |key| properties.get_property_val_str(key);
        let name = value("name").filter(|name| name.len() <= DISPLAY_NAME_MAX_BYTES && is_display_name(name))?;
        let count = |key| value(key).and_then(|count| count.parse().ok()).unwrap_or(0);
        (value("v")? == VERSION).then_some(())?;
        Some(Self {
            name: name.to_owned(),
            rooms: count("rooms"),
            people: count("people"),
            pin: from_hex(value("fp")?)?,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use mdns_sd::{IntoTxtProperties, ServiceInfo};

    use super::*;

    fn notice(name: &str) -> Notice {
        Notice { name: name.to_owned(), rooms: 3, people: 12, pin: [0xa5; 32] }
    }

    fn read(pairs: &[(&str, String)]) -> Option<Notice> {
        Notice::read(&pairs.into_txt_properties())
    }

    #[test]
    fn a_notice_comes_back_as_it_was_made() {
        for name in ["Trường A", "v1.2 \\ \"phòng\"", &"ờ".repeat(32)] {
            assert_eq!(read(&notice(name).properties()), Some(notice(name)));
            assert!(notice(name).instance().len() <= 63, "{}", notice(name).instance());
            let info =
                ServiceInfo::new(super::super::SERVICE, &notice(name).instance(), &notice(name).host(), "", 7400, None);
            assert!(info.is_ok(), "{name}");
        }
        assert_eq!(notice("Trường A").instance(), "Trường A (a5a5a5a5)");
    }

    #[test]
    fn records_of_others_and_names_that_deceive_are_not_read() {
        let with = |key: &str, value: &str| {
            let mut pairs = notice("Trường A").properties();
            for pair in pairs.iter_mut().filter(|pair| pair.0 == key) {
                pair.1 = value.to_owned();
            }
            read(&pairs)
        };
        for (key, value) in
            [("v", "2"), ("name", ""), ("name", "a\u{202e}b"), ("name", "a\nb"), ("fp", "a5"), ("fp", "é")]
        {
            assert_eq!(with(key, value), None, "{key} {value:?}");
        }
        assert_eq!(with("fp", &"zz".repeat(32)), None);
        assert_eq!(with("people", "-1").map(|notice| notice.people), Some(0), "a count is not worth losing a server");
        assert_eq!(read(&[]), None);
    }
}
