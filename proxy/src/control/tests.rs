//! The way of the payments sample through apply, start and drift, against a private PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgseal::keys::{KeySource, named};
use pgseal::schema::checked::Schema;
use pgseal::schema::{DependentKind, Lock, Protection, parse};
use pgseal::testing::postgres::{Binaries, Postgres};

use super::{Error, Started, start};
use crate::upstream::Upstream;
use pgseal::apply;
use pgseal::apply::files::Files;
use pgseal::apply::sight::Pace;

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
        Self { postgres, home, schema: parse::load(&schema_file()).unwrap() }
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
        self.start_at(lock, user, Pace::default()).await
    }

    async fn start_at(&self, lock: Option<Lock>, user: &str, pace: Pace) -> Result<Started, Error> {
        let url = self.postgres.url("pay").replace("//postgres:", &format!("//{user}:"));
        let (upstream, state_dir) = (Upstream::parse(&url).unwrap(), self.state_dir());
        let files = Files::new(&schema_file(), &self.lock_path());
        start(self.schema.clone(), lock, files, &upstream, &state_dir, pace, async |error| Err(error)).await
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

fn schema_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/payments.toml")
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
    control.watch.look().await.unwrap();
    assert!(!published.has_changed().unwrap());

    // A column behind the proxy's back: this table is refused, the other is not.
    pg.psql("pay", "ALTER TABLE payment_card ADD COLUMN cvv text").unwrap();
    control.watch.look().await.unwrap();
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
    control.watch.look().await.unwrap();
    let back = published.borrow().clone();
    assert!(back.drifted.is_empty());
    assert!(back.dependents.reason(DependentKind::Routine, "peek").is_some());

    // Without a lock what is there is trusted on first use.
    let trusted = fixture.start(None, "proxy").await.unwrap();
    assert_eq!(trusted.protection.borrow().tables.len(), 2);

    // A table of the schema file that is gone is refused by its name, not forgotten.
    pg.psql("pay", "DROP TABLE payment").unwrap();
    control.watch.look().await.unwrap();
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

/// Waits until a look has published what this asks for.
async fn until(published: &mut tokio::sync::watch::Receiver<Arc<Protection>>, wanted: impl Fn(&Protection) -> bool) {
    let patience = Duration::from_secs(60);
    let seen = tokio::time::timeout(patience, published.wait_for(|protection| wanted(protection))).await;
    drop(seen.expect("it was not published").unwrap());
}

const SOON: Pace = Pace {
    every: Duration::from_millis(50),
    again: Duration::from_millis(10),
    look: Duration::from_secs(30),
    table: Duration::ZERO,
    trust: Duration::from_secs(1),
};

#[tokio::test]
async fn cat_5_what_nobody_can_look_at_is_refused_after_a_time_and_answered_again_when_it_is_seen() {
    let fixture = Fixture::new();
    fixture.apply(true).await.unwrap();
    let pg = &fixture.postgres;
    let started = fixture.start_at(Some(fixture.lock()), "postgres", SOON).await.unwrap();
    // A view that is new to us, over a table that somebody holds: PostgreSQL's functions wait for it.
    let other = "CREATE TABLE other (a int); \
                 CREATE FUNCTION shown(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'; \
                 CREATE VIEW others AS SELECT shown('x') AS shown, a FROM other";
    pg.psql("pay", other).unwrap();
    let config = Upstream::parse(&pg.url("pay")).unwrap().control();
    let (holder, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    holder.batch_execute("BEGIN; LOCK TABLE other IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (control, mut published) = (started.control, started.protection);
    let watching = tokio::spawn(Arc::clone(&control).watch());
    until(&mut published, |protection| protection.drifted.len() == 2).await;
    let refused = published.borrow().clone();
    assert!(refused.drifted.values().all(|why| why.contains("could not be looked at")), "{:?}", refused.drifted);
    assert!(!control.watch.sight().is_in_sight() && control.watch.sight().is_lost());
    holder.batch_execute("ROLLBACK").await.unwrap();
    until(&mut published, |protection| protection.drifted.is_empty()).await;
    assert_ne!(published.borrow().epoch, refused.epoch);
    watching.abort();
}

#[tokio::test]
async fn a_look_that_waits_holds_up_no_key() {
    let fixture = Fixture::new();
    fixture.apply(true).await.unwrap();
    let pg = &fixture.postgres;
    let pace = Pace { look: Duration::from_secs(3600), trust: Duration::from_secs(7200), ..SOON };
    let started = fixture.start_at(Some(fixture.lock()), "postgres", pace).await.unwrap();
    let ask = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgseal'";
    let stopped = Stopped(pg.psql("pay", ask).unwrap().lines().map(str::to_owned).collect());
    assert_eq!(stopped.0.len(), 1, "the looks have one connection");
    signal("-STOP", &stopped.0);
    let keys = started.keys;
    let watching = tokio::spawn(started.control.watch());
    // What is registered anew is due at once.
    let before = keys.counters().store_reads;
    let keyring = named::keyring_of(&fixture.schema, "cards", &fixture.state_dir()).unwrap();
    keys.register("cards", keyring, named::pins(&fixture.lock(), "cards").unwrap());
    let refreshed = async {
        while keys.counters().store_reads == before || keys.next_refresh().unwrap() <= Instant::now() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), refreshed).await.expect("the key was not refreshed");
    watching.abort();
}

/// Backends that a signal stopped; they go on when this goes.
struct Stopped(Vec<String>);

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(name: &str, pids: &[String]) {
    assert!(Command::new("kill").arg(name).args(pids).status().unwrap().success());
}
