//! A directory that a test may fill; it goes when the test ends.

use std::fs;
use std::path::{Path, PathBuf};

use super::Uuid;

pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("pgseal-test-{}", Uuid::random().unwrap()));
        super::keyring::local::create_private_directory(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}
