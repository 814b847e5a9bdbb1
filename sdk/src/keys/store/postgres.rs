//! A key store in table `pgseal.keys` of any PostgreSQL, over a client of the caller.

use std::time::{Duration, SystemTime};

use tokio_postgres::error::SqlState;
use tokio_postgres::{GenericClient, Row};

use super::{Inserted, Item, KeyStore};
use crate::keys::{BoxFuture, Error, Uuid};

/// The SQL that makes the key store. Idempotent; several statements, for the simple protocol.
///
/// USAGE for everyone, because rewritten SQL names the domains of this schema; the tables are closed.
pub const DDL: &str = "\
CREATE SCHEMA IF NOT EXISTS pgseal;
GRANT USAGE ON SCHEMA pgseal TO PUBLIC;
CREATE TABLE IF NOT EXISTS pgseal.store (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    id uuid NOT NULL
);
INSERT INTO pgseal.store (id) VALUES (pg_catalog.gen_random_uuid()) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS pgseal.keys (
    id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('branch', 'beacon', 'signing')),
    version uuid NOT NULL,
    key_ref bytea NOT NULL CHECK (pg_catalog.octet_length(key_ref) = 8),
    generation bigint NOT NULL CHECK (generation > 0),
    state text NOT NULL CHECK (state IN ('active', 'decrypt-only', 'disabled')),
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (id, kind, version),
    UNIQUE (id, key_ref)
);
CREATE UNIQUE INDEX IF NOT EXISTS keys_one_active ON pgseal.keys (id, kind) WHERE state = 'active';
REVOKE ALL ON pgseal.store, pgseal.keys FROM PUBLIC;
";

/// Every name is qualified and every type spelled out: `search_path` decides nothing (CAT-4).
const LIST: &str = "\
SELECT id, kind, version::pg_catalog.text, key_ref, generation, state, wrapped, created_at \
FROM pgseal.keys WHERE id OPERATOR(pg_catalog.=) $1::pg_catalog.text AND kind OPERATOR(pg_catalog.<>) 'signing'::pg_catalog.text";

const INSERT: &str = "\
INSERT INTO pgseal.keys (id, kind, version, key_ref, generation, state, wrapped, created_at) \
SELECT i, k, v::pg_catalog.uuid, r, g, s, w, c \
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]), \
pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.bytea[]), \
pg_catalog.unnest($5::pg_catalog.int8[]), pg_catalog.unnest($6::pg_catalog.text[]), \
pg_catalog.unnest($7::pg_catalog.bytea[]), pg_catalog.unnest($8::pg_catalog.timestamptz[])) \
AS new (i, k, v, r, g, s, w, c)";

/// The store behind this client.
pub struct PostgresStore<'c, C>(&'c C);

impl<'c, C: GenericClient + Sync> PostgresStore<'c, C> {
    /// A client, a transaction, or what a pool hands out. A failed insert ends a transaction.
    pub fn new(client: &'c C) -> Self {
        Self(client)
    }
}

impl<C: GenericClient + Sync> KeyStore for PostgresStore<'_, C> {
    fn uuid(&self) -> BoxFuture<'_, Result<Uuid, Error>> {
        Box::pin(async {
            let row =
                self.0.query_opt("SELECT id::pg_catalog.text FROM pgseal.store", &[]).await.map_err(unavailable)?;
            let row = row.ok_or_else(|| missing("pgseal.store is empty"))?;
            let text: &str = row.try_get(0).map_err(unavailable)?;
            text.parse().map_err(|_| missing("pgseal.store holds no UUID"))
        })
    }

    fn list<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<Item>, Error>> {
        Box::pin(async move {
            let rows = self.0.query(LIST, &[&id]).await.map_err(unavailable)?;
            rows.iter().map(|row| item(id, row)).collect()
        })
    }

    fn insert<'a>(&'a self, items: &'a [Item]) -> BoxFuture<'a, Result<Inserted, Error>> {
        Box::pin(async move {
            let ids: Vec<_> = items.iter().map(|item| item.id.as_str()).collect();
            let kinds: Vec<_> = items.iter().map(|item| item.kind.as_str()).collect();
            let versions: Vec<_> = items.iter().map(|item| item.version.to_string()).collect();
            let refs: Vec<_> = items.iter().map(|item| item.key_ref().0.to_vec()).collect();
            let generations: Vec<_> =
                items.iter().map(|item| i64::try_from(item.generation).unwrap_or(i64::MAX)).collect();
            let states: Vec<_> = items.iter().map(|item| item.state.as_str()).collect();
            let wrapped: Vec<_> = items.iter().map(Item::wrapped).collect();
            let created: Vec<_> = items.iter().map(|item| from_micros(item.created)).collect();
            // One statement: all items or none, also without a transaction around it.
            let done = self
                .0
                .execute(INSERT, &[&ids, &kinds, &versions, &refs, &generations, &states, &wrapped, &created])
                .await;
            match done {
                Ok(_) => Ok(Inserted::All),
                Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(Inserted::Conflict),
                Err(error) => Err(unavailable(error)),
            }
        })
    }
}

fn item(id: &str, row: &Row) -> Result<Item, Error> {
    let wrong = |reason: &str| Error::Inconsistent { id: id.to_owned(), reason: reason.to_owned() };
    if row.try_get::<_, &str>(0).map_err(unavailable)? != id {
        return Err(wrong("the key store answered with another id"));
    }
    let generation = u64::try_from(row.try_get::<_, i64>(4).map_err(unavailable)?);
    Item::from_stored(
        id,
        row.try_get(1).map_err(unavailable)?,
        row.try_get(2).map_err(unavailable)?,
        row.try_get(3).map_err(unavailable)?,
        generation.map_err(|_| wrong("its generation is negative"))?,
        row.try_get(5).map_err(unavailable)?,
        row.try_get(6).map_err(unavailable)?,
        to_micros(row.try_get(7).map_err(unavailable)?).ok_or_else(|| wrong("its creation time is out of range"))?,
    )
}

fn from_micros(micros: i64) -> SystemTime {
    let distance = Duration::from_micros(micros.unsigned_abs());
    if micros < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

fn to_micros(time: SystemTime) -> Option<i64> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).ok(),
        Err(before) => i64::try_from(before.duration().as_micros()).ok().map(|micros| -micros),
    }
}

/// PostgreSQL's own message names tables and roles; it holds no value of these statements.
fn unavailable(error: tokio_postgres::Error) -> Error {
    let reason = match error.as_db_error() {
        Some(error) if *error.code() == SqlState::UNDEFINED_TABLE || *error.code() == SqlState::INVALID_SCHEMA_NAME => {
            "table pgseal.keys is not there; pgseal schema apply and pgseal keys create make it".to_owned()
        }
        Some(error) => format!("{} ({})", error.message(), error.code().code()),
        None => error.to_string(),
    };
    Error::Unavailable { what: "the key store".to_owned(), reason }
}

fn missing(reason: &str) -> Error {
    Error::Unavailable { what: "the key store".to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creation_times_survive_the_way_through_system_time() {
        for micros in [0, 1, -1, 1_700_000_000_123_456, -1_700_000_000_123_456] {
            assert_eq!(to_micros(from_micros(micros)), Some(micros));
        }
    }

    /// Starts a server of its own: slow, and the only way to know that the SQL is right.
    #[cfg(feature = "testing")]
    #[tokio::test]
    async fn a_real_server_keeps_keys_and_lets_only_one_maker_win_key_1() {
        use tokio_postgres::NoTls;

        use crate::crypto::secret::Secret;
        use crate::keys::cache::{DEFAULT_TTL, Pins};
        use crate::keys::keyring::raw::RawKeyring;
        use crate::keys::{Creation, KeyCache, KeySource, create_key};
        use crate::testing::postgres::{Binaries, Postgres};

        let cache = std::env::temp_dir().join("pgseal-test-postgres");
        let server = Postgres::start(Binaries::find(&cache).unwrap()).unwrap();
        let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let store = PostgresStore::new(&client);
        let keyring = std::sync::Arc::new(RawKeyring::new(&Secret::new([1; 32])));

        let error = create_key("cards", &*keyring, &store).await.unwrap_err();
        assert!(error.to_string().contains("pgseal.keys is not there"), "{error}");
        for _ in 0..2 {
            client.batch_execute(DDL).await.unwrap();
        }
        let uuid = store.uuid().await.unwrap();
        client.batch_execute(DDL).await.unwrap();
        assert_eq!(store.uuid().await.unwrap(), uuid, "the store keeps its UUID");

        // A hostile search_path changes nothing.
        client
            .batch_execute(
                "CREATE SCHEMA evil; SET search_path = evil, pg_catalog;
                 CREATE FUNCTION evil.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT NULL::text'",
            )
            .await
            .unwrap();
        assert!(matches!(create_key("cards", &*keyring, &store).await.unwrap(), Creation::Created { .. }));
        assert_eq!(create_key("cards", &*keyring, &store).await.unwrap(), Creation::Existed);
        let items = store.list("cards").await.unwrap();
        assert_eq!(items.len(), 2);
        let second = Item { version: Uuid::random().unwrap(), ..items[0].clone() };
        assert_eq!(store.insert(&[second]).await.unwrap(), Inserted::Conflict);
        assert_eq!(store.list("cards").await.unwrap().len(), 2);

        let keys = KeyCache::new(DEFAULT_TTL);
        keys.register("cards", keyring, Pins { store: Some(uuid), ..Pins::default() });
        keys.load(&store, &["cards"]).await.unwrap();
        keys.sealing("cards").unwrap();
        keys.beacon("cards").unwrap();

        client.execute("UPDATE pgseal.keys SET created_at = created_at + '1 s'", &[]).await.unwrap();
        let again = KeyCache::new(DEFAULT_TTL);
        again.register("cards", std::sync::Arc::new(RawKeyring::new(&Secret::new([1; 32]))), Pins::default());
        assert!(matches!(again.load(&store, &["cards"]).await, Err(Error::Unwrap { .. })));
        connection.abort();
    }
}
