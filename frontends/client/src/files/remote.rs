//! A file that can be fetched, and how it is told to one person.

use hph_core::crypto::file::sealed_len;
use hph_core::wire::text::is_file_name;

use super::safe_name;

/// What the direct message begins with that tells of a file.
const SCHEME: &str = "hph-file:";

/// A file on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its number there.
    pub file: u64,
    /// As whoever sent it calls it: to be shown. See [`safe_name`].
    pub name: String,
    /// **Units:** bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// What opens it, if it is for one person; none on a shelf.
    pub key: Option<[u8; 32]>,
}

impl RemoteFile {
    /// How many bytes the server has of it.
    pub fn stored_size(&self) -> u64 {
        if self.key.is_some() { sealed_len(self.size) } else { self.size }
    }

    /// The text of the direct message that tells of it; none if it is no file for one person. Whoever reads it may fetch and
    /// open the file.
    pub fn to_direct(&self) -> Option<String> {
        let key = self.key?;
        let name: String = self.name.bytes().map(escaped).collect();
        Some(format!(
            "{SCHEME}{}?size={}&sha256={}&key={}&name={name}",
            self.file,
            self.size,
            hex(&self.sha256),
            hex(&key)
        ))
    }

    /// The file that a direct message tells of; none if it tells of none.
    pub fn from_direct(text: &str) -> Option<Self> {
        let (file, fields) = text.strip_prefix(SCHEME)?.split_once('?')?;
        let field = |name: &str| fields.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let name = unescaped(field("name")?)?;
        let name = if is_file_name(&name) { name } else { safe_name(&name) };
        Some(Self {
            file: file.parse().ok()?,
            name,
            size: field("size")?.parse().ok()?,
            sha256: from_hex(field("sha256")?)?,
            key: Some(from_hex(field("key")?)?),
        })
    }
}

fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push((digit()? * 16 + digit()?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (pair[0] * 16 + pair[1]) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use hph_core::wire::text::is_chat_text;

    use super::*;

    #[test]
    fn a_file_for_one_person_comes_back_from_its_message() {
        for name in ["bài tập & đáp án=1.pdf", "a", &"ờ".repeat(66)] {
            let file = RemoteFile { file: 7, name: name.to_owned(), size: 9, sha256: [1; 32], key: Some([0xa5; 32]) };
            let text = file.to_direct().expect("for one person");
            assert!(is_chat_text(&text) && text.len() < 3000, "{}", text.len());
            assert_eq!(RemoteFile::from_direct(&text), Some(file));
        }
        let shelf = RemoteFile { file: 7, name: "a".to_owned(), size: 9, sha256: [1; 32], key: None };
        assert_eq!(shelf.to_direct(), None);
    }

    #[test]
    fn other_messages_tell_of_no_file_and_no_name_is_a_path() {
        let good = RemoteFile { file: 7, name: "a".to_owned(), size: 9, sha256: [1; 32], key: Some([2; 32]) };
        let good = good.to_direct().expect("for one person");
        let path = good.replace("name=a", "name=..%2F..%2Fetc%2Fpasswd");
        assert_eq!(RemoteFile::from_direct(&path).expect("a file").name, "_.._etc_passwd");
        for (from, to) in [
            ("hph-file:", "file:"),
            (":7?", ":x?"),
            ("size=9", "size=-9"),
            ("sha256=01", "sha256=0"),
            ("name=a", "name=%F"),
        ] {
            assert_eq!(RemoteFile::from_direct(&good.replacen(from, to, 1)), None, "{to}");
        }
        assert_eq!(RemoteFile::from_direct("chào"), None);
    }
}
