//! Schema file and lock on disk: whether they changed since they were read.

use std::fs::{Metadata, metadata, read_dir};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::schema::{Lock, Schema, parse};

/// Where they are, and what they looked like from outside at the last glance.
#[derive(Debug, Clone)]
pub struct Files {
    schema: PathBuf,
    lock: PathBuf,
    stamp: Vec<Stamp>,
}

/// A file from outside: an edit in place moves its time, a replacement is another file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    found: Option<(u64, u64, Option<SystemTime>)>,
}

impl Stamp {
    fn of(path: PathBuf) -> Self {
        let seen = |found: Metadata| (found.ino(), found.len(), found.modified().ok());
        Self { found: metadata(&path).ok().map(seen), path }
    }
}

impl Files {
    /// To be made before they are read for the first time, so that no change falls between.
    pub fn new(schema: &Path, lock: &Path) -> Self {
        Self { schema: schema.to_owned(), lock: lock.to_owned(), stamp: stamp(schema, lock) }
    }

    /// The lock's path.
    pub fn lock(&self) -> &Path {
        &self.lock
    }

    /// Whether they look other than at the last glance.
    pub fn changed(&mut self) -> bool {
        let now = stamp(&self.schema, &self.lock);
        let changed = now != self.stamp;
        self.stamp = now;
        changed
    }

    /// Reads both; nothing while there is no lock.
    ///
    /// # Errors
    /// Which of them cannot be read, and why.
    pub fn read(&self) -> Result<Option<(Schema, Lock)>, String> {
        let schema = parse::load(&self.schema).map_err(|problems| problems.to_string())?;
        let lock = Lock::read(&self.lock).map_err(|error| error.to_string())?;
        Ok(lock.map(|lock| (schema, lock)))
    }
}

/// Of a directory each file in it. What cannot be listed is said when it is read.
fn stamp(schema: &Path, lock: &Path) -> Vec<Stamp> {
    let mut paths = vec![schema.to_owned(), lock.to_owned()];
    if let Ok(entries) = read_dir(schema) {
        paths.extend(entries.flatten().map(|entry| entry.path()));
    }
    paths.sort();
    paths.dedup();
    paths.into_iter().map(Stamp::of).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_edit_a_replacement_a_new_file_and_a_lost_one_are_changes_and_a_second_glance_is_none() {
        let home = std::env::temp_dir().join(format!("pgseal-files-{}", std::process::id()));
        let schema = home.join("schema");
        fs::create_dir_all(&schema).unwrap();
        let (one, two, lock) = (schema.join("one.toml"), schema.join("two.toml"), home.join("pgseal.lock"));
        fs::write(&one, "a").unwrap();
        let mut files = Files::new(&schema, &lock);
        assert!(!files.changed());
        let changes: [&dyn Fn(); 5] = [
            &|| fs::write(&one, "ab").unwrap(),
            &|| fs::write(&two, "c").unwrap(),
            &|| fs::write(&lock, "d").unwrap(),
            &|| {
                fs::write(home.join("new"), "e").unwrap();
                fs::rename(home.join("new"), &lock).unwrap();
            },
            &|| fs::remove_file(&two).unwrap(),
        ];
        for (number, change) in changes.iter().enumerate() {
            change();
            assert!(files.changed() && !files.changed(), "change {number}");
        }
        fs::remove_dir_all(&home).unwrap();
    }
}
