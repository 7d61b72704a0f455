//! Gateways that the owner trusts to say where browsers are: whoever has the key in the data directory.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use futures_lite::io::{AsyncRead, AsyncReadExt};
use hph_core::crypto::gateway::{FOREWORD_BYTES, verify_foreword};
use hph_platform::entropy;

use crate::files;

/// The key's file in the data directory.
pub(crate) const KEY_FILE: &str = "gateway.key";
/// What a gateway speaks inside TLS (PROTOCOL.md section 3.1).
pub(crate) const ALPN: &[u8] = b"hph-gateway/1";

/// The key; made at the first start.
///
/// # Errors
/// The file can't be read or written, or holds something else.
pub(crate) fn load_or_create_key(data_dir: &Path) -> io::Result<[u8; 32]> {
    let path = data_dir.join(KEY_FILE);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    files::restrict(&path).map_err(named)?;
    match fs::read_to_string(&path) {
        Ok(text) => parse(text.trim())
            .ok_or_else(|| named(io::Error::new(io::ErrorKind::InvalidData, "no key of 64 hexadecimal digits"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key: [u8; 32] = entropy::array();
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            files::write_atomically(&path, format!("{hex}\n").as_bytes()).map_err(named)?;
            Ok(key)
        }
        Err(error) => Err(named(error)),
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    bytes?.try_into().ok().filter(|_| rest.is_empty())
}

/// Where the browser is, as the gateway proves that it may say.
///
/// # Errors
/// It proves nothing.
pub(crate) async fn read_foreword(
    key: &[u8; 32],
    binding: &[u8; 32],
    reader: &mut (impl AsyncRead + Unpin),
) -> io::Result<IpAddr> {
    let mut bytes = [0; FOREWORD_BYTES];
    reader.read_exact(&mut bytes).await?;
    verify_foreword(key, binding, &bytes).ok_or_else(|| io::ErrorKind::PermissionDenied.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_a_damaged_one_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = load_or_create_key(folder.path()).expect("made");
        assert_eq!(load_or_create_key(folder.path()).expect("read"), key);
        fs::write(folder.path().join(KEY_FILE), "nonsense").expect("written");
        assert!(load_or_create_key(folder.path()).expect_err("refused").to_string().contains(KEY_FILE));
    }
}
