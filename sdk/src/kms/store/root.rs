//! Where a root comes from: a key file, or the first line of a passphrase's file.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use super::StoreError;
use super::files::{failed, private};
use super::seal::Root;
use crate::crypto::random;
use crate::crypto::secret::Secret;

/// The longest passphrase in bytes.
const MAX_PHRASE: u64 = 1024;

impl Root {
    /// The 32 bytes of a file that only its owner may read.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn key_file(file: &Path) -> Result<Self, StoreError> {
        let bytes = read(file, 33)?;
        match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(key) => Ok(Self::Key(Secret::new(key))),
            Err(_) => Err(refused(file, "it is not 32 bytes long")),
        }
    }

    /// Makes such a file with random bytes; one that is there is never replaced.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn create_key_file(file: &Path) -> Result<Self, StoreError> {
        let key = Zeroizing::new(random::array::<32>().map_err(|_| StoreError::NoRandomness)?);
        let write = || {
            let mut new = private(OpenOptions::new().write(true).create_new(true)).open(file)?;
            new.write_all(key.as_slice())?;
            new.sync_all()
        };
        write().map_err(|error| failed(file, &error))?;
        Ok(Self::Key(Secret::new(*key)))
    }

    /// The first line of a file that only its owner may read.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn passphrase_file(file: &Path) -> Result<Self, StoreError> {
        let bytes = read(file, MAX_PHRASE + 1)?;
        if bytes.len() as u64 > MAX_PHRASE {
            return Err(refused(file, "a passphrase is at most 1024 bytes long"));
        }
        let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
        match std::str::from_utf8(line) {
            Ok("") => Err(refused(file, "its first line is empty")),
            Ok(phrase) => Ok(Self::Passphrase(Zeroizing::new(phrase.to_owned()))),
            Err(_) => Err(refused(file, "its first line is not UTF-8")),
        }
    }
}

fn refused(file: &Path, reason: &str) -> StoreError {
    StoreError::File { file: file.to_owned(), reason: reason.to_owned() }
}

fn read(file: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let open = fs::File::open(file).map_err(|error| failed(file, &error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = open.metadata().map_err(|error| failed(file, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(refused(file, "others than its owner may use it; chmod 600 it"));
        }
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(most as usize));
    open.take(most).read_to_end(&mut bytes).map_err(|error| failed(file, &error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::test_dir::TestDir;

    #[test]
    fn a_key_file_is_made_once_and_read_by_its_owner_alone() {
        let dir = TestDir::new();
        let file = dir.path().join("root.key");
        Root::create_key_file(&file).unwrap();
        assert!(Root::create_key_file(&file).is_err());
        assert!(matches!(Root::key_file(&file), Ok(Root::Key(_))));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(Root::key_file(&file).is_err());
        }
    }
}
