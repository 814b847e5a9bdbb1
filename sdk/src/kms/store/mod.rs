//! The service over its files: sealed state, anchor, audit log, lock. The only part of `kms` that does I/O.
//!
//! A state is written beside the file, synced, renamed over it, and the directory synced: whoever is killed leaves the
//! old one or the new one. The anchor, which should lie on another disk, then says which state is the newest: a store
//! copied from yesterday is refused. Several processes may use one store: a lock is held for each write, and each
//! request first looks whether somebody else has written.

mod anchor;
mod files;
mod root;
pub mod seal;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anchor::Anchor;
use files::{Lock, Log, Stamp};
use seal::FileKey;
pub use seal::Root;

use super::audit::{Event, Head};
use super::error::{Code, KmsError};
use super::key::Seconds;
use super::service::{Answer, Body, Call, answer, housekeep};
use super::state::{Identity, State};

/// The store cannot be used. Texts name files and never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file.
    #[error("{}: {reason}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The file is something else, or was cut.
    #[error("this is no key service's store, or not a whole one")]
    NotAStore,
    /// It was written by another version.
    #[error("the store was written by another version of pgseal")]
    OtherVersion,
    /// The root is another, or the file was changed.
    #[error("the key file or passphrase is not the store's, or the store was changed")]
    WrongRoot,
    /// The store has another kind of root.
    #[error("the store is sealed under {0}")]
    OtherRoot(&'static str),
    /// There is one already.
    #[error("{} is there already and is not replaced", .0.display())]
    Exists(PathBuf),
    /// The anchor knows a newer state.
    #[error(
        "the store is older than its anchor knows (write {found}, the anchor has seen {known}): it was copied back, or \
         another copy is in use. After a restore that was meant, `pgseal kms anchor` makes the anchor anew"
    )]
    Older {
        /// Writes that the store has seen.
        found: u64,
        /// Writes that the anchor knows.
        known: u64,
    },
    /// There is no anchor.
    #[error(
        "{} is missing: without it a store that was copied back would not be noticed. After a restore that was meant, \
         `pgseal kms anchor` makes it anew",
        .0.display()
    )]
    NoAnchor(PathBuf),
    /// The anchor is of another store, or was changed.
    #[error("{} is not the anchor of this store, or was changed", .0.display())]
    ForeignAnchor(PathBuf),
    /// The audit log ends before what the anchor knows.
    #[error("{} was cut or replaced: the anchor knows record {known}", file.display())]
    AuditCut {
        /// The log.
        file: PathBuf,
        /// The anchor's last record.
        known: u64,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    NoRandomness,
    /// Argon2id asks for more memory than there is.
    #[error("there is not enough memory to stretch the passphrase")]
    NoMemory,
    /// What was to be changed is refused.
    #[error("{0}")]
    Refused(#[from] KmsError),
}

/// The files of a store.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The sealed state.
    pub store: PathBuf,
    /// What the newest state is; best kept on another disk.
    pub anchor: PathBuf,
    /// The audit log.
    pub audit: PathBuf,
}

impl Paths {
    /// The store, with its other files beside it.
    pub fn beside(store: &Path) -> Self {
        Self { store: store.to_owned(), anchor: with(store, ".anchor"), audit: with(store, ".audit") }
    }
}

fn with(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin {
    /// The address, if from a network.
    pub source: Option<IpAddr>,
    /// Whether it came through TLS.
    pub secure: bool,
}

/// An open store.
pub struct Store {
    paths: Paths,
    key: FileKey,
    state: State,
    stamp: Stamp,
    lock: Lock,
    log: Log,
    ahead: u64,
}

impl Store {
    /// Makes a store; existing files are never replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn create(paths: &Paths, root: &Root, state: State, now: Seconds) -> Result<Self, StoreError> {
        let lock = Lock::open(&with(&paths.store, ".lock"))?;
        let _held = lock.hold()?;
        for file in [&paths.store, &paths.anchor, &paths.audit] {
            if fs::exists(file).map_err(|error| files::failed(file, &error))? {
                return Err(StoreError::Exists(file.clone()));
            }
        }
        let key = FileKey::create(root)?;
        let log = Log::create(&paths.audit, &state.store)?;
        drop(_held);
        let mut store = Self { paths: paths.clone(), key, state, stamp: Stamp::default(), lock, log, ahead: 1 };
        let held = store.lock.hold()?;
        let state = store.state.clone();
        store.stamp = files::write(&store.paths.store, &store.key.seal(&state)?)?;
        drop(held);
        store.checkpoint(now)?;
        Ok(store)
    }

    /// Opens a store. `ahead`: how many uses of a key are counted with one write.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(paths: &Paths, root: &Root, ahead: u64) -> Result<Self, StoreError> {
        let lock = Lock::open(&with(&paths.store, ".lock"))?;
        let held = lock.hold()?;
        let (file, stamp) = files::read(&paths.store)?;
        let (key, mut state) = seal::open(&file, root)?;
        state.ahead = ahead;
        let anchor = Anchor::read(&paths.anchor, &key)?;
        anchor.check(&paths.anchor, &state, &file)?;
        let log = Log::open(&paths.audit, &state.store, &anchor)?;
        drop(held);
        Ok(Self { paths: paths.clone(), key, state, stamp, lock, log, ahead })
    }

    /// Makes the anchor anew for the store and the log as they are: after a restore that was meant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn anchor_anew(paths: &Paths, root: &Root, now: Seconds) -> Result<Self, StoreError> {
        let lock = Lock::open(&with(&paths.store, ".lock"))?;
        let held = lock.hold()?;
        let (file, stamp) = files::read(&paths.store)?;
        let (key, state) = seal::open(&file, root)?;
        let log = Log::adopt(&paths.audit, &state.store)?;
        drop(held);
        let mut store = Self { paths: paths.clone(), key, state, stamp, lock, log, ahead: 1 };
        store.checkpoint(now)?;
        Ok(store)
    }

    /// The state as of the last request.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Where the audit log ends.
    pub fn audit_head(&self) -> Head {
        self.log.head()
    }

    /// Reads what another process has written since.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn refresh(&mut self) -> Result<(), StoreError> {
        if Stamp::of(&self.paths.store)? == self.stamp {
            return Ok(());
        }
        let (file, stamp) = files::read(&self.paths.store)?;
        if !self.key.is_of(&file) {
            return Err(StoreError::WrongRoot);
        }
        let mut state = self.key.open(&file)?;
        if state.generation < self.state.generation || state.store != self.state.store {
            return Err(StoreError::Older { found: state.generation, known: self.state.generation });
        }
        state.ahead = self.ahead;
        (self.state, self.stamp) = (state, stamp);
        Ok(())
    }

    /// Answers a request: decided, written to the audit log, stored if anything changed, and only then returned.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be logged or stored; then nothing was done.
    pub fn call(
        &mut self,
        identity: &Identity,
        action: &str,
        body: &Body,
        now: Seconds,
        origin: Origin,
    ) -> Result<Answer, StoreError> {
        let call = Call { identity, action, body, now, source: origin.source, secure: origin.secure };
        self.refresh()?;
        if let Some(answer) = answer(&mut self.state, &call) {
            let held = self.lock.hold()?;
            record(&mut self.log, &call, &answer)?;
            drop(held);
            return Ok(answer);
        }
        let lock = self.lock.clone();
        let held = lock.hold()?;
        self.refresh()?;
        let mut next = self.state.clone();
        next.durable = true;
        let answer = answer(&mut next, &call).ok_or(StoreError::NotAStore)?;
        record(&mut self.log, &call, &answer)?;
        if answer.result.is_ok() {
            self.keep(next)?;
        }
        drop(held);
        Ok(answer)
    }

    /// Refuses a request whose caller is not known, and logs it: `caller` is what it claims.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be logged.
    pub fn refuse(&mut self, caller: &str, action: &str, error: &KmsError, now: Seconds) -> Result<(), StoreError> {
        let _held = self.lock.hold()?;
        let event =
            Event { time: now, caller, action, decided: &[], context: &Default::default(), outcome: error.code.name() };
        self.log.append(&event)
    }

    /// A change by whoever holds the store's root: callers and limits, which are no operation of AWS KMS. Logged as
    /// `action` by the owner.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with what `change` refuses, or why it was not stored.
    pub fn change<T>(
        &mut self,
        action: &str,
        now: Seconds,
        change: impl FnOnce(&mut State) -> Result<T, KmsError>,
    ) -> Result<T, StoreError> {
        let lock = self.lock.clone();
        let _held = lock.hold()?;
        self.refresh()?;
        let mut next = self.state.clone();
        next.durable = true;
        let result = change(&mut next);
        let outcome = result.as_ref().map_or_else(|error| error.code.name(), |_| "ok");
        let event = Event {
            time: now,
            caller: "owner of the store",
            action,
            decided: &[],
            context: &Default::default(),
            outcome,
        };
        self.log.append(&event)?;
        let made = result?;
        self.keep(next)?;
        Ok(made)
    }

    /// What happens by itself (ended keys and grants, due rotations), and a signed checkpoint. Once a minute.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tick(&mut self, now: Seconds) -> Result<(), StoreError> {
        self.refresh()?;
        if self.state.is_due(now) {
            self.change("Housekeeping", now, |state| {
                housekeep(state, now);
                Ok(())
            })?;
        }
        self.checkpoint(now)
    }

    /// A signed checkpoint of the audit log, and the anchor brought up to it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn checkpoint(&mut self, now: Seconds) -> Result<(), StoreError> {
        let _held = self.lock.hold()?;
        self.log.checkpoint(&self.state.store, &self.state.audit_key, now)?;
        let (file, _) = files::read(&self.paths.store)?;
        let newest = self.key.open(&file)?;
        Anchor::of(&newest, &file, &self.log).write(&self.paths.anchor, &self.key)
    }

    /// Stores the next state. The lock is held.
    fn keep(&mut self, mut next: State) -> Result<(), StoreError> {
        next.durable = false;
        next.generation += 1;
        self.log.sync()?;
        let file = self.key.seal(&next)?;
        let stamp = files::write(&self.paths.store, &file)?;
        (self.state, self.stamp) = (next, stamp);
        Anchor::of(&self.state, &file, &self.log).write(&self.paths.anchor, &self.key)
    }
}

fn record(log: &mut Log, call: &Call<'_>, answer: &Answer) -> Result<(), StoreError> {
    log.append(&Event {
        time: call.now,
        caller: call.identity.principal.arn(),
        action: call.action,
        decided: &answer.decided,
        context: &answer.context,
        outcome: answer.result.as_ref().map_or_else(|error| error.code.name(), |_| "ok"),
    })
}

impl StoreError {
    /// What a caller over a network is told of it.
    pub fn for_caller(&self) -> KmsError {
        match self {
            Self::Refused(error) => error.clone(),
            _ => KmsError::new(Code::INTERNAL, "the key service failed; its log says why"),
        }
    }
}

#[cfg(test)]
mod tests;
