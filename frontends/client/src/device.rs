//! The device's secret: 32 random bytes, made once, from which its keys follow. Whoever reads it can pose as the device.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use hph_core::crypto::senderkey::DeviceSecret;
use hph_core::wire::control::DevicePublic;
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

/// The public keys of the device whose secret is at `path`; none if there is no secret yet.
///
/// # Errors
/// The file can't be read, or is no secret.
pub fn keys(path: &Path) -> io::Result<Option<DevicePublic>> {
    if !path.try_exists()? {
        return Ok(None);
    }
    let keys = DeviceSecret::from_seed(&load_or_create(path)?).keys();
    Ok(Some(DevicePublic { seal: keys.seal, sign: keys.sign }))
}

fn create(path: &Path) -> io::Result<[u8; 32]> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
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
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn its_keys_are_told_without_making_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device");
        assert_eq!(keys(&path).unwrap(), None);
        assert!(!path.exists());
        let seed = load_or_create(&path).unwrap();
        let own = DeviceSecret::from_seed(&seed).keys();
        assert_eq!(keys(&path).unwrap(), Some(DevicePublic { seal: own.seal, sign: own.sign }));
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
