//! The device's secret: 32 random bytes, made once, from which its keys follow. Whoever reads it can pose as the device.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hph_platform::entropy;

/// Reads the secret at `path`; makes it, readable by its owner only, if there is none.
///
/// # Errors
/// The file can't be read or made, or has another length: then it is left alone.
pub fn load_or_create(path: &Path) -> io::Result<[u8; 32]> {
    match fs::read(path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: not a device secret", path.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => Err(error),
    }
}

fn create(path: &Path) -> io::Result<[u8; 32]> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let seed: [u8; 32] = entropy::array();
    let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match written {
        Ok(mut file) => {
            file.write_all(&seed)?;
            file.sync_all()?;
            Ok(seed)
        }
        // Another program of ours was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load_or_create(path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_device_stays_the_same_device_and_its_secret_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/device");
        let first = load_or_create(&path).unwrap();
        assert_eq!(load_or_create(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_secret_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device");
        fs::write(&path, b"short").unwrap();
        assert!(load_or_create(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }
}
