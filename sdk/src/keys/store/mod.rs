//! Where wrapped keys are kept: conditional writes, so that two rotators cannot both win.

pub mod file;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;

use super::keyring::{Wrapped, wrapped};
use super::{BoxFuture, Error, KeyCommit, KeyRef, Uuid};

/// What an item's key is for: its purpose in the wrapping context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Cells and row signatures are derived from it.
    Branch,
    /// Search tags are derived from it.
    Beacon,
}

impl Kind {
    /// As the key store and the context spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Branch => "branch",
            Kind::Beacon => "beacon",
        }
    }

    /// Reads [`Kind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "branch" => Some(Kind::Branch),
            "beacon" => Some(Kind::Beacon),
            _ => None,
        }
    }
}

/// What the store says of a version. It is the server's word: it can take a version out of use, never put one in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The newest.
    Active,
    /// An older one.
    DecryptOnly,
    /// Neither seals nor opens.
    Disabled,
}

impl State {
    /// As the key store spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Active => "active",
            State::DecryptOnly => "decrypt-only",
            State::Disabled => "disabled",
        }
    }

    /// Reads [`State::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(State::Active),
            "decrypt-only" => Some(State::DecryptOnly),
            "disabled" => Some(State::Disabled),
            _ => None,
        }
    }
}

/// One wrapped version of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The branch key id; a beacon key has that of its branch key.
    pub id: String,
    /// What it is for.
    pub kind: Kind,
    /// Names the version.
    pub version: Uuid,
    /// Counts from 1 per id and kind.
    pub generation: u64,
    /// What the store says of it.
    pub state: State,
    /// What the unwrapped key must give (KEY-2).
    pub commit: KeyCommit,
    /// The key, wrapped by every member of its keyring.
    pub wraps: Vec<Wrapped>,
    /// Microseconds since 1970.
    pub created: i64,
}

impl Item {
    /// The head of the commitment.
    pub fn key_ref(&self) -> KeyRef {
        self.commit.key_ref()
    }

    /// The content of column `wrapped`.
    pub fn wrapped(&self) -> Vec<u8> {
        wrapped::write_list(self.commit, &self.wraps)
    }

    /// An item from its stored parts; `key_ref` must be the head of the commitment in `wrapped`.
    #[allow(clippy::too_many_arguments, reason = "one per column of the key store")]
    fn from_stored(
        id: &str,
        kind: &str,
        version: &str,
        key_ref: &[u8],
        generation: u64,
        state: &str,
        wrapped: &[u8],
        created: i64,
    ) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Inconsistent { id: id.to_owned(), reason: reason.to_owned() };
        let (commit, wraps) =
            wrapped::parse_list(wrapped).map_err(|error| wrong(&format!("its wrapped form is unreadable: {error}")))?;
        if commit.key_ref().0 != key_ref {
            return Err(wrong("its reference does not belong to its wrapped form"));
        }
        Ok(Self {
            id: id.to_owned(),
            kind: Kind::parse(kind).ok_or_else(|| wrong("its kind is unknown in this version"))?,
            version: version.parse().map_err(|_| wrong("its version is no UUID"))?,
            generation,
            state: State::parse(state).ok_or_else(|| wrong("its state is unknown"))?,
            commit,
            wraps,
            created,
        })
    }
}

/// What an insert did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// All items are stored.
    All,
    /// None is: somebody else was first.
    Conflict,
}

/// A key store. Everything in it may have been changed by whoever owns it; the wraps are what is trusted.
pub trait KeyStore: Send + Sync {
    /// The store's own UUID, part of every wrapping context.
    fn uuid(&self) -> BoxFuture<'_, Result<Uuid, Error>>;

    /// Every item of this id, in no particular order; none if there is no such key.
    fn list<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<Item>, Error>>;

    /// Stores all of these items or none: none if one of them has the (id, kind, version) or (id, key_ref) of a
    /// stored one, or is a second active one of its (id, kind).
    fn insert<'a>(&'a self, items: &'a [Item]) -> BoxFuture<'a, Result<Inserted, Error>>;
}

/// The condition of [`KeyStore::insert`] for stores that keep their items in memory.
fn conflicts(stored: &[Item], new: &[Item]) -> bool {
    let clash = |a: &Item, b: &Item| {
        a.id == b.id
            && (a.key_ref() == b.key_ref()
                || (a.kind == b.kind
                    && (a.version == b.version || (a.state == State::Active && b.state == State::Active))))
    };
    new.iter().enumerate().any(|(i, item)| stored.iter().chain(&new[..i]).any(|other| clash(item, other)))
}
