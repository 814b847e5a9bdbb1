//! The schema lock: what `schema apply` found and fixed, as TOML that people review and commit (CAT-1).

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Action, DependentKind, Dependents};

/// The format of the lock that this version writes and reads.
pub const FORMAT: u32 = 1;

/// [`SignatureSet::suite`] of suite 0x01.
pub const HMAC_SHA_384: &str = "HMAC-SHA-384";

/// [`Object::kind`] of a trigger that may make a write report no row (SIG-6).
pub const BEFORE_ROW_TRIGGER: &str = "before row trigger";

const HEAD: &str = "# Written by `pgseal schema apply` and `pgseal keys create`; review and commit it beside the schema \
                    file.\n# What it says decides where a plaintext goes: do not edit it by hand.\n\n";

/// One database's lock. Maps are ordered, so that the same facts give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// [`FORMAT`]
    pub format: u32,
    /// UUID of the key store, once it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// The database it belongs to; absent until `schema apply`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// Keys by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, Key>,
    /// Applied tables by logical name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Table>,
    /// What depends on a protected table or names one, by what it is and its qualified name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dependents: BTreeMap<String, Dependent>,
}

/// Which database a lock belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `current_database()`
    pub name: String,
    /// `pg_control_system().system_identifier`, in decimal.
    pub system_identifier: String,
}

/// What is known of one branch key and its beacon key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The highest generation seen: never stepped back (KEY-5).
    pub generation: u64,
    /// Below it a version opens and never seals.
    pub min_generation: u64,
    /// Epoch of the beacon key.
    pub beacon_epoch: u64,
    /// key_commit of every branch key version, hex, ascending generation (KEY-2).
    pub key_commits: Vec<String>,
    /// key_commit of every beacon key version, hex, ascending generation.
    pub beacon_commits: Vec<String>,
}

/// One applied table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// `pg_namespace.nspname`
    pub schema: String,
    /// `pg_class.relname`
    pub name: String,
    /// Id of its branch key.
    pub branch_key: String,
    /// BLAKE3 over the live facts of CAT-5, hex.
    pub digest: String,
    /// Logical names of the primary key's columns.
    pub primary_key: Vec<String>,
    /// The oldest signature set that readers accept (SIG-3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_set: Option<u32>,
    /// In logical order.
    pub columns: Vec<Column>,
    /// Exact beacons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beacons: Vec<Beacon>,
    /// Ascending ids; the last is current.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signature_sets: Vec<SignatureSet>,
    /// Unique keys, foreign keys, triggers and rules, as PostgreSQL prints them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
}

/// One logical column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Fixed for life.
    pub logical: String,
    /// The physical name.
    pub name: String,
    /// `pg_attribute.attnum`
    pub attnum: i16,
    /// What happens to it.
    pub action: Action,
    /// The logical type as `format_type` prints it.
    #[serde(rename = "type")]
    pub ty: String,
    /// Logical `pg_type.oid`.
    pub type_oid: u32,
    /// Logical `atttypmod`.
    pub typmod: i32,
    /// Logical `typlen`.
    pub typlen: i16,
    /// Its collation, if it is not the type's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// NOT NULL
    pub not_null: bool,
    /// What an INSERT that leaves it out means, if not NULL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Default>,
    /// Bytes to whose multiple the plaintext is padded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pad: Option<u32>,
}

/// A default other than NULL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Default {
    /// The stored form S of a constant, hex.
    Constant(String),
    /// An expression that the server evaluates.
    Server(String),
    /// GENERATED ALWAYS AS IDENTITY, over this sequence.
    IdentityAlways([String; 2]),
    /// GENERATED BY DEFAULT AS IDENTITY, over this sequence.
    IdentityByDefault([String; 2]),
    /// A stored generated column.
    Generated(String),
}

/// One exact beacon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beacon {
    /// Full name in the key derivation (BCN-1).
    pub full_name: String,
    /// Logical name of its column.
    pub column: String,
    /// The helper column.
    pub helper: String,
}

/// One signature set (SIG-3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureSet {
    /// From 1, never reused.
    pub id: u32,
    /// `HMAC-SHA-384`
    pub suite: String,
    /// Signed columns by the bytes of their logical names.
    pub columns: Vec<SignedColumn>,
    /// Full names of the covered beacons, ordered.
    pub beacons: Vec<String>,
}

/// One column of a signature set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedColumn {
    /// Its logical name.
    pub column: String,
    /// What happened to it.
    pub action: Action,
    /// Family of its S (VAL-3).
    pub family: u16,
}

/// Something else of a table that decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// unique, foreign key, check, before row trigger, trigger
    pub kind: String,
    /// Its name.
    pub name: String,
    /// As PostgreSQL prints it.
    pub definition: String,
}

/// A view, function, type or operator through which a statement may touch a protected table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependent {
    /// What it is; a lock of old does not say, and then the name counts as any of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<DependentKind>,
    /// The last part of its name, or its symbol; in a lock of old the key is the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why it counts.
    pub reason: String,
    /// BLAKE3 over its text, hex.
    pub hash: String,
}

/// Why a lock cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The lock.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is not a lock.
    #[error("{path}:{line}: {reason}")]
    Malformed {
        /// The lock.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A later version wrote it.
    #[error("{path}: format {format} is not in this version, which reads format {FORMAT}")]
    Format {
        /// The lock.
        path: PathBuf,
        /// What it says.
        format: u32,
    },
}

impl Dependent {
    /// Adds it to those that count.
    pub fn join(&self, key: &str, dependents: &mut Dependents) {
        let any = [DependentKind::Relation, DependentKind::Type, DependentKind::Routine];
        let kinds = self.kind.as_ref().map_or(&any[..], std::slice::from_ref);
        for kind in kinds {
            dependents.insert(*kind, self.name.as_deref().unwrap_or(key), self.reason.as_str());
        }
    }
}

impl std::default::Default for Lock {
    fn default() -> Self {
        Self {
            format: FORMAT,
            store: None,
            database: None,
            keys: BTreeMap::new(),
            tables: BTreeMap::new(),
            dependents: BTreeMap::new(),
        }
    }
}

impl Lock {
    /// Where the lock of a schema file is if `--lock` does not say: FILE.lock, or DIR/pgseal.lock.
    pub fn path_for(schema: &Path) -> PathBuf {
        if schema.is_dir() {
            return schema.join("pgseal.lock");
        }
        let mut path = schema.as_os_str().to_owned();
        path.push(".lock");
        path.into()
    }

    /// Reads a lock; `None` if there is no such file.
    ///
    /// # Errors
    /// See [`LockError`].
    ///
    /// ```
    /// use pgseal::schema::Lock;
    ///
    /// # let dir = std::env::temp_dir().join(format!("pgseal-doctest-lock-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let schema_file = dir.join("clinic.toml");
    /// let lock_file = Lock::path_for(&schema_file);
    /// assert!(lock_file.ends_with("clinic.toml.lock"));
    /// assert_eq!(Lock::read(&lock_file)?, None);
    ///
    /// Lock::default().stage(&lock_file)?.publish()?;
    /// assert_eq!(Lock::read(&lock_file)?, Some(Lock::default()));
    /// # std::fs::remove_dir_all(&dir)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(path: &Path) -> Result<Option<Self>, LockError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::from_toml(path, &text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LockError::Io { path: path.to_owned(), source }),
        }
    }

    /// Reads a lock from its text; `path` is for messages.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn from_toml(path: &Path, text: &str) -> Result<Self, LockError> {
        let lock: Lock = toml::from_str(text).map_err(|error| LockError::Malformed {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| text.bytes().take(span.start).filter(|&b| b == b'\n').count() + 1),
            reason: error.message().to_owned(),
        })?;
        if lock.format != FORMAT {
            return Err(LockError::Format { path: path.to_owned(), format: lock.format });
        }
        Ok(lock)
    }

    /// Writes the lock beside its place and flushes it to disk; [`Staged::publish`] puts it there in one step, so that
    /// a reader sees the old or the new one.
    ///
    /// # Errors
    /// [`LockError::Io`]
    pub fn stage(&self, path: &Path) -> Result<Staged, LockError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.tmp", std::process::id()));
        let staged = Staged { temporary: temporary.into(), path: path.to_owned(), published: false };
        let written = std::fs::File::create(&staged.temporary).and_then(|mut file| {
            file.write_all(self.to_string().as_bytes())?;
            file.sync_all()
        });
        written.map_err(|source| LockError::Io { path: path.to_owned(), source })?;
        Ok(staged)
    }
}

/// Reads a commitment as [`Key::key_commits`] has it.
pub fn commit(text: &str) -> Option<[u8; 32]> {
    from_hex(text)?.try_into().ok()
}

/// Pairs of hex digits.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    digits.chunks(2).map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()).collect()
}

/// A lock that is written and not yet in its place; dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Staged {
    temporary: PathBuf,
    path: PathBuf,
    published: bool,
}

impl Staged {
    /// Puts it in its place.
    ///
    /// # Errors
    /// [`LockError::Io`]; then the new text is still beside the old lock, and the message names it.
    pub fn publish(mut self) -> Result<(), LockError> {
        self.published = true;
        std::fs::rename(&self.temporary, &self.path)
            .map_err(|source| LockError::Io { path: self.temporary.clone(), source })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published {
            // What is left of an attempt does not count; the next one writes over it.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// The text of the file.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        f.write_str(&toml::to_string(self).map_err(|_| fmt::Error)?)
    }
}
