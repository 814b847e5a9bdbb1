//! The way of the payments sample through apply, start and drift, against a private PostgreSQL.

use std::path::{Path, PathBuf};

use pgseal::keys::KeySource;
use pgseal::schema::checked::Schema;
use pgseal::schema::{DependentKind, Lock, parse};
use pgseal::testing::postgres::{Binaries, Postgres};

use super::{Error, Started, start};
use crate::upstream::Upstream;
use pgseal::apply;

const SQL: &str = include_str!("../../../schema/payments.sql");

struct Fixture {
    postgres: Postgres,
    home: PathBuf,
    schema: Schema,
}

impl Fixture {
    fn new() -> Self {
        let binaries = Binaries::find(&std::env::temp_dir()).unwrap();
        let postgres = Postgres::start(binaries).unwrap();
        postgres.create_database("pay").unwrap();
        postgres.psql("pay", SQL).unwrap();
        let home = std::env::temp_dir().join(format!("pgseal-control-{}", postgres.port()));
        std::fs::create_dir_all(&home).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/payments.toml");
        Self { postgres, home, schema: parse::load(&file).unwrap() }
    }

    async fn apply(&self, create_keys: bool) -> Result<apply::Outcome, apply::Error> {
        let config = Upstream::parse(&self.postgres.url("pay")).unwrap().control();
        let request = apply::Request {
            schema: &self.schema,
            database: &config,
            lock: &self.lock_path(),
            create_keys,
            state_dir: &self.state_dir(),
        };
        apply::run(&request).await
    }

    async fn start(&self, lock: Option<Lock>, user: &str) -> Result<Started, Error> {
        let url = self.postgres.url("pay").replace("//postgres:", &format!("//{user}:"));
        let (upstream, state_dir) = (Upstream::parse(&url).unwrap(), self.state_dir());
        start(self.schema.clone(), lock, &self.lock_path(), &upstream, &state_dir, async |error| Err(error)).await
    }

    fn lock(&self) -> Lock {
        Lock::read(&self.lock_path()).unwrap().unwrap()
    }

    fn lock_path(&self) -> PathBuf {
        self.home.join("pgseal.lock")
    }

    fn state_dir(&self) -> PathBuf {
        self.home.join("state")
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

#[tokio::test]
async fn cat_5_the_sample_is_applied_served_refused_on_drift_and_served_again() {
    let fixture = Fixture::new();
    let pg = &fixture.postgres;

    // Not applied: serve says what is missing and changes nothing.
    let Err(Error::Pending(why)) = fixture.start(None, "postgres").await else { panic!("it started") };
    let text = why.to_string();
    assert!(text.contains("pgseal schema apply"), "{text}");

    // Applied without keys: both are named.
    fixture.apply(false).await.unwrap();
    let Err(Error::Keys(missing)) = fixture.start(Some(fixture.lock()), "postgres").await else { panic!("it started") };
    assert_eq!(missing.len(), 2);

    // With keys, a second and a third run change nothing.
    fixture.apply(true).await.unwrap();
    let text = fixture.lock().to_string();
    let again = fixture.apply(true).await.unwrap();
    assert!(again.changes.steps.is_empty() && !again.lock_written);
    assert_eq!(fixture.lock().to_string(), text);

    // The grants that apply prints are enough for the proxy's own role.
    pg.psql(
        "pay",
        &format!(
            "CREATE ROLE proxy LOGIN PASSWORD '{}'; GRANT USAGE ON SCHEMA pgseal TO proxy; \
             GRANT SELECT ON pgseal.store, pgseal.keys TO proxy",
            pg.password()
        ),
    )
    .unwrap();
    let started = fixture.start(Some(fixture.lock()), "proxy").await.unwrap();
    let (published, keys, control) = (started.protection, started.keys, started.control);
    let first = published.borrow().clone();
    assert_eq!(first.tables.len(), 2);
    assert!(first.drifted.is_empty());
    keys.sealing("cards").unwrap();
    keys.beacon("payments").unwrap();

    // Nothing changed: nothing is published.
    control.look().await.unwrap();
    assert!(!published.has_changed().unwrap());

    // A column behind the proxy's back: this table is refused, the other is not.
    pg.psql("pay", "ALTER TABLE payment_card ADD COLUMN cvv text").unwrap();
    control.look().await.unwrap();
    let drifted = published.borrow().clone();
    assert_eq!(drifted.drifted.keys().collect::<Vec<_>>(), ["payment_card"]);
    assert_ne!(drifted.epoch, first.epoch);
    let Err(Error::Pending(why)) = fixture.start(Some(fixture.lock()), "proxy").await else { panic!("it started") };
    let text = why.to_string();
    assert!(text.contains("cvv"), "{text}");

    // It is gone again, and a function that names the table joins what is refused when named.
    pg.psql(
        "pay",
        "ALTER TABLE payment_card DROP COLUMN cvv; \
         CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM payment_card'",
    )
    .unwrap();
    control.look().await.unwrap();
    let back = published.borrow().clone();
    assert!(back.drifted.is_empty());
    assert!(back.dependents.reason(DependentKind::Routine, "peek").is_some());

    // Without a lock what is there is trusted on first use.
    let trusted = fixture.start(None, "proxy").await.unwrap();
    assert_eq!(trusted.protection.borrow().tables.len(), 2);

    // A table of the schema file that is gone is refused by its name, not forgotten.
    pg.psql("pay", "DROP TABLE payment").unwrap();
    control.look().await.unwrap();
    assert!(published.borrow().drifted.contains_key("payment"));
}

#[tokio::test]
async fn sql_55_a_table_with_rows_is_refused_and_nothing_is_changed() {
    let fixture = Fixture::new();
    fixture.postgres.psql("pay", "INSERT INTO payment_card (customer_id, pan, holder) VALUES (1, 'a', 'b')").unwrap();
    let Err(apply::Error::Refused(refusals)) = fixture.apply(true).await else { panic!("it was applied") };
    assert!(refusals[0].what.contains("online migration is not in this version"));
    let schemas = fixture.postgres.psql("pay", "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgseal'").unwrap();
    assert_eq!(schemas.trim(), "0");
    assert!(!fixture.lock_path().exists());
}
