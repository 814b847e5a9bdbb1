//! Files of a store: whole writes, the lock, and the audit log that is only appended to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::StoreError;
use super::anchor::Anchor;
use crate::kms::audit::{Event, Hash, Head};
use crate::kms::key::Seconds;
use crate::kms::secret::Material;

/// The longest store that is read: 1 GiB.
const MAX_FILE: u64 = 1 << 30;

pub(super) fn failed(file: &Path, error: &io::Error) -> StoreError {
    StoreError::File { file: file.to_owned(), reason: error.to_string() }
}

/// Tells one write of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stamp {
    node: u64,
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(file: &Path) -> Result<Self, StoreError> {
        fs::metadata(file).map(|metadata| Self::from(&metadata)).map_err(|error| failed(file, &error))
    }

    fn from(metadata: &fs::Metadata) -> Self {
        #[cfg(unix)]
        let node = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let node = 0;
        Self { node, len: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// A file, with the stamp of exactly what was read.
pub(super) fn read(file: &Path) -> Result<(Vec<u8>, Stamp), StoreError> {
    let read = || {
        let open = File::open(file)?;
        let stamp = Stamp::from(&open.metadata()?);
        let mut bytes = Vec::new();
        if open.take(MAX_FILE + 1).read_to_end(&mut bytes)? as u64 > MAX_FILE {
            return Err(io::Error::other("it is longer than 1 GiB"));
        }
        Ok((bytes, stamp))
    };
    read().map_err(|error| failed(file, &error))
}

pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Replaces a file: written beside it, synced, renamed over it, the directory synced.
pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<Stamp, StoreError> {
    let draft = super::with(file, ".new");
    let write = || {
        let mut new = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&draft)?;
        new.write_all(bytes)?;
        new.sync_all()?;
        let stamp = Stamp::from(&new.metadata()?);
        fs::rename(&draft, file)?;
        let directory = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()?;
        Ok(stamp)
    };
    write().map_err(|error| failed(file, &error))
}

/// The lock of a store: held while anything is written; it ends with its holder, also when that is killed.
#[derive(Clone)]
pub(super) struct Lock {
    file: Arc<File>,
    path: PathBuf,
}

/// The lock, held.
pub(super) struct Held(Arc<File>);

impl Lock {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(path);
        Ok(Self { file: Arc::new(file.map_err(|error| failed(path, &error))?), path: path.to_owned() })
    }

    pub(super) fn hold(&self) -> Result<Held, StoreError> {
        self.file.lock().map_err(|error| failed(&self.path, &error))?;
        Ok(Held(Arc::clone(&self.file)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It ends with the file at the latest.
        let _ = self.0.unlock();
    }
}

/// The audit log. Every method but [`Log::head`] is called under the lock.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    len: u64,
    head: Head,
}

impl Log {
    fn with(path: &Path, options: &mut OpenOptions, store: &str) -> Result<Self, StoreError> {
        let file = private(options.read(true).append(true)).open(path).map_err(|error| failed(path, &error))?;
        Ok(Self { path: path.to_owned(), file, len: 0, head: Head::empty(store) })
    }

    pub(super) fn create(path: &Path, store: &str) -> Result<Self, StoreError> {
        Self::with(path, OpenOptions::new().create_new(true), store)
    }

    /// Opens the log where the anchor knows it; what was appended since must follow.
    pub(super) fn open(path: &Path, store: &str, anchor: &Anchor) -> Result<Self, StoreError> {
        let mut log = Self::with(path, &mut OpenOptions::new(), store)?;
        let (len, head) = anchor.audit;
        if len > 0 {
            let cut = || StoreError::AuditCut { file: path.to_owned(), known: head.records };
            let line = log.line_ending_at(len)?.ok_or_else(cut)?;
            if line.get(..64).and_then(Hash::parse) != Some(head.hash) {
                return Err(cut());
            }
        }
        (log.len, log.head) = (len, head);
        log.catch_up()?;
        Ok(log)
    }

    /// Opens a log whatever an anchor knows; all of it must be a chain. One that is not there is begun.
    pub(super) fn adopt(path: &Path, store: &str) -> Result<Self, StoreError> {
        let mut log = Self::with(path, OpenOptions::new().create(true), store)?;
        log.catch_up()?;
        Ok(log)
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// How long it is, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn append(&mut self, event: &Event<'_>) -> Result<(), StoreError> {
        self.catch_up()?;
        let (line, head) = self.head.record(event)?;
        self.put(&line, head)
    }

    pub(super) fn checkpoint(&mut self, store: &str, key: &Material, now: Seconds) -> Result<(), StoreError> {
        self.catch_up()?;
        let (line, head) = self.head.checkpoint(store, key, now)?;
        self.put(&line, head)?;
        self.sync()
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|error| failed(&self.path, &error))
    }

    fn put(&mut self, line: &str, head: Head) -> Result<(), StoreError> {
        self.file.write_all(line.as_bytes()).map_err(|error| failed(&self.path, &error))?;
        self.len += line.len() as u64;
        self.head = head;
        Ok(())
    }

    /// Follows what other processes have appended. A line that was begun and not ended goes: its writer was killed or
    /// its disk was full before the request was answered.
    fn catch_up(&mut self) -> Result<(), StoreError> {
        let cut = |log: &Self| StoreError::AuditCut { file: log.path.clone(), known: log.head.records };
        let read = |log: &mut Self| {
            if log.file.metadata()?.len() == log.len {
                return Ok(Vec::new());
            }
            log.file.seek(SeekFrom::Start(log.len))?;
            let mut new = Vec::new();
            log.file.read_to_end(&mut new)?;
            Ok(new)
        };
        let new = read(self).map_err(|error| failed(&self.path, &error))?;
        if new.is_empty() {
            let len = self.file.metadata().map_err(|error| failed(&self.path, &error))?.len();
            return if len == self.len { Ok(()) } else { Err(cut(self)) };
        }
        let whole = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in std::str::from_utf8(&new[..whole]).map_err(|_| cut(self))?.lines() {
            self.head = self.head.follow(line).map_err(|_| cut(self))?;
        }
        self.len += whole as u64;
        if whole < new.len() {
            self.file.set_len(self.len).map_err(|error| failed(&self.path, &error))?;
        }
        Ok(())
    }

    /// The line that ends at this place, without its end.
    fn line_ending_at(&mut self, end: u64) -> Result<Option<String>, StoreError> {
        const WINDOW: u64 = 1 << 16;
        let start = end.saturating_sub(WINDOW);
        let read = |file: &mut File| {
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.take(end - start).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read(&mut self.file).map_err(|error| failed(&self.path, &error))?;
        let Some(text) = bytes.strip_suffix(b"\n").filter(|_| bytes.len() as u64 == end - start) else {
            return Ok(None);
        };
        let begin = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Ok(String::from_utf8(text[begin..].to_vec()).ok())
    }
}
