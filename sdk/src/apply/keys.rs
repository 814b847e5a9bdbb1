//! The keys that a schema file names: made when asked, and pinned in the lock by their commitments (KEY-2, KEY-6).

use std::path::Path;

use crate::keys::keyring::local::{Opened, RootKey, root_key_file};
use crate::keys::keyring::{self, Keyring, WrapContext};
use crate::keys::named::uris;
use crate::keys::store::postgres::{DDL, PostgresStore};
use crate::keys::store::{KeyStore, Kind};
use crate::keys::{Creation, Error as KeyError, KeyCommit, create_key};
use crate::schema::checked::Schema;
use crate::schema::keyring_uri::KeyringUri;
use crate::schema::{Lock, lock};
use tokio_postgres::Client;

use super::run::{Error, Request, begin, connect, exclusive};

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyReport {
    /// The root key file was made.
    RootKey(String),
    /// It was made.
    Created(String),
    /// It was in the store, and its commitments are in the lock now.
    Pinned(String),
    /// Store and lock agreed before.
    Known(String),
    /// The store does not have it; the reason says what makes it.
    Missing(String),
}

/// Makes and pins the keys of a schema file, inside the transaction of `apply`.
pub(super) async fn settle(client: &Client, request: &Request<'_>, lock: &mut Lock) -> Result<Vec<KeyReport>, Error> {
    let store = PostgresStore::new(client);
    pin_store(&store, lock).await?;
    let mut reports = Vec::new();
    for id in request.schema.branch_keys.keys() {
        let there = !store.list(id).await?.is_empty();
        if lock.keys.contains_key(id) && there {
            reports.push(KeyReport::Known(id.clone()));
        } else if lock.keys.contains_key(id) {
            return Err(lost(id).into());
        } else if there || request.create_keys {
            reports.extend(make(&store, request.schema, request.state_dir, id, request.create_keys, lock).await?);
        } else {
            reports.push(KeyReport::Missing(id.clone()));
        }
    }
    Ok(reports)
}

/// `keys create`: the key store, one key, and its entry in the lock.
///
/// # Errors
/// See [`Error`]
pub async fn create(request: &Request<'_>, id: &str) -> Result<Vec<KeyReport>, Error> {
    if !request.schema.branch_keys.contains_key(id) {
        return Err(Error::Result(format!("key {id:?} is not in the schema file: add [branch_keys.{id}]")));
    }
    let previous = Lock::read(request.lock)?;
    let mut lock = previous.clone().unwrap_or_default();
    let client = connect(request.database).await?;
    begin(&client, "START TRANSACTION").await?;
    exclusive(&client).await?;
    client.batch_execute(DDL).await.map_err(Error::database("cannot make the key store"))?;
    let store = PostgresStore::new(&client);
    pin_store(&store, &mut lock).await?;
    if lock.keys.contains_key(id) && store.list(id).await?.is_empty() {
        return Err(lost(id).into());
    }
    let reports = make(&store, request.schema, request.state_dir, id, true, &mut lock).await?;
    let staged = if previous.as_ref() == Some(&lock) { None } else { Some(lock.stage(request.lock)?) };
    client.batch_execute("COMMIT").await.map_err(Error::database("COMMIT"))?;
    if let Some(staged) = staged {
        staged.publish()?;
    }
    Ok(reports)
}

/// A store of another UUID is another store: its keys are not ours.
async fn pin_store(store: &dyn KeyStore, lock: &mut Lock) -> Result<(), Error> {
    let uuid = store.uuid().await?.to_string();
    match &lock.store {
        Some(known) if *known != uuid => Err(Error::Result(format!(
            "the lock knows key store {known}, and this database holds {uuid}: is this another database?"
        ))),
        _ => {
            lock.store = Some(uuid);
            Ok(())
        }
    }
}

async fn make(
    store: &dyn KeyStore,
    schema: &Schema,
    state_dir: &Path,
    id: &str,
    create: bool,
    lock: &mut Lock,
) -> Result<Vec<KeyReport>, Error> {
    let mut reports = Vec::new();
    let (generator, children) = uris(schema, id)?;
    let local = std::iter::once(&generator).chain(&children).any(|uri| matches!(uri, KeyringUri::Local { .. }));
    // A new root key cannot open what an old one wrapped: it is made only for a key that is new too.
    let create = create && store.list(id).await?.is_empty();
    let file = root_key_file(state_dir);
    if local && !create && !file.exists() {
        return Err(Error::Result(format!(
            "key {id:?} is in the key store, and its root key is not here: bring {}, or set PGSEAL_ROOT_KEY_FILE",
            file.display()
        )));
    }
    if create
        && local
        && let Opened::Created(_) = RootKey::open_or_create(&file)?
    {
        reports.push(KeyReport::RootKey(file.display().to_string()));
    }
    let keyring = keyring::open_all(&generator, &children, state_dir)?;
    if create && let Creation::Created { branch, beacon } = create_key(id, keyring.as_ref(), store).await? {
        lock.keys.insert(id.to_owned(), entry(1, 1, &[branch], &[beacon]));
        reports.push(KeyReport::Created(id.to_owned()));
        return Ok(reports);
    }
    let pinned = pin(store, keyring.as_ref(), id).await?;
    let known = lock.keys.get(id).is_some_and(|known| known.key_commits == pinned.key_commits);
    if !known {
        if lock.keys.contains_key(id) {
            return Err(KeyError::Inconsistent {
                id: id.to_owned(),
                reason: "the key store holds other versions than the lock".into(),
            }
            .into());
        }
        lock.keys.insert(id.to_owned(), pinned);
    }
    reports.push(if known { KeyReport::Known(id.to_owned()) } else { KeyReport::Pinned(id.to_owned()) });
    Ok(reports)
}

/// What the store holds of a key, each version opened once: its commitment is inside the wrap.
async fn pin(store: &dyn KeyStore, keyring: &dyn Keyring, id: &str) -> Result<lock::Key, Error> {
    let uuid = store.uuid().await?;
    let mut items = store.list(id).await?;
    items.sort_by_key(|item| item.generation);
    let (mut branch, mut beacon) = (Vec::new(), Vec::new());
    let (mut generation, mut epoch) = (0, 0);
    for item in &items {
        let key = keyring.unwrap(&WrapContext::of(item, uuid), &item.wraps).await?;
        if KeyCommit::of(&key) != item.commit {
            let reason = "a version is not the key that its commitment says".into();
            return Err(KeyError::Inconsistent { id: id.to_owned(), reason }.into());
        }
        match item.kind {
            Kind::Branch => {
                branch.push(item.commit);
                generation = item.generation;
            }
            Kind::Beacon => {
                beacon.push(item.commit);
                epoch = item.generation;
            }
        }
    }
    Ok(entry(generation, epoch, &branch, &beacon))
}

fn entry(generation: u64, epoch: u64, branch: &[KeyCommit], beacon: &[KeyCommit]) -> lock::Key {
    let hex = |commits: &[KeyCommit]| commits.iter().map(ToString::to_string).collect();
    lock::Key {
        generation,
        min_generation: 1,
        beacon_epoch: epoch,
        key_commits: hex(branch),
        beacon_commits: hex(beacon),
    }
}

fn lost(id: &str) -> KeyError {
    KeyError::Inconsistent {
        id: id.to_owned(),
        reason: "the lock knows it and the key store does not have it: restore pgseal.keys from a backup".into(),
    }
}
