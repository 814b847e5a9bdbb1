//! A connection that is given up keeps its slot of the pool until its backend is gone (issue 10, "What must work", 10).

use pgseal::client::{Client, Error};
use tokio_postgres::{Config, NoTls};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};

use super::Service;
use crate::harness::World;
use crate::harness::cluster::cluster;

const UPDATE: &str = "UPDATE account SET holder = 'new' WHERE id = 1";
const BACKENDS: &str = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = current_user";

/// A service whose pool has so many slots, and whose role so many connections.
async fn limited(name: &str, slots: usize) -> Service {
    let mut service = Service::sized(name, slots).await;
    let role = service.world.database().to_owned();
    service.world.at_server(&format!(
        "CREATE ROLE {role} LOGIN CONNECTION LIMIT {slots};
         GRANT USAGE ON SCHEMA pgseal TO {role};
         GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    service.pool = pool(&service.world, &role, slots);
    let client = service.client().await;
    let insert = "INSERT INTO account (id, iban, holder) VALUES (1, 'i', $1)";
    client.execute(insert, &[&service.secret()]).await.unwrap();
    drop(client);
    service
}

fn pool(world: &World, role: &str, slots: usize) -> Pool {
    let mut config = Config::new();
    config.host_path(world.scratch().path()).port(cluster().port()).user(role).dbname(world.database());
    let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager).max_size(slots).runtime(Runtime::Tokio1).build().unwrap()
}

/// The row, locked by somebody else until the session ends.
async fn locked(service: &Service) -> tokio_postgres::Client {
    let other = service.world.direct().await;
    other.batch_execute("BEGIN; SELECT 1 FROM account WHERE id = 1 FOR UPDATE").await.unwrap();
    other
}

/// Waits until so many of the service's statements wait for the row.
async fn until_waiting(service: &Service, pid: i32) {
    let waiting = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'");
    while service.world.at_server(&waiting).trim() == "0" {
        tokio::task::yield_now().await;
    }
}

async fn pid(client: &Client) -> i32 {
    client.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await.unwrap().get(0)
}

/// How a call comes to wait for the row.
#[derive(Clone, Copy, Debug)]
enum Waits {
    Stepped,
    InBlock,
    InTransaction,
}

/// Makes a call that waits for the row, and drops it there with its client.
async fn give_up(service: &Service, waits: Waits) {
    let mut client = service.client().await;
    let pid = pid(&client).await;
    let call = async {
        match waits {
            Waits::Stepped => client.execute(UPDATE, &[]).await.map(drop),
            Waits::InBlock => {
                client.batch_execute("BEGIN").await?;
                client.query("SELECT id FROM account FOR UPDATE", &[]).await.map(drop)
            }
            Waits::InTransaction => {
                let transaction = client.transaction().await?;
                transaction.execute(UPDATE, &[]).await.map(drop)
            }
        }
    };
    tokio::select! {
        result = call => panic!("the row is locked: {result:?}"),
        () = until_waiting(service, pid) => {}
    }
}

#[tokio::test]
async fn thirty_calls_that_time_out_on_a_locked_row_never_have_more_backends_than_the_pool_has_slots() {
    let service = limited("cslots", 3).await;
    let other = locked(&service).await;
    for waits in [Waits::Stepped, Waits::InBlock, Waits::InTransaction] {
        for round in 0..10 {
            give_up(&service, waits).await;
            let client = service.client().await;
            let backends: i64 = client.query_one(BACKENDS, &[]).await.unwrap().get(0);
            assert!(backends <= 3, "{backends} after {round} times {waits:?}");
        }
    }
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(service.client().await.execute(UPDATE, &[]).await.unwrap(), 1);
}

#[tokio::test]
async fn the_next_client_on_the_only_slot_comes_when_the_backend_before_it_is_gone() {
    let service = limited("cslot", 1).await;
    let _other = locked(&service).await;
    for waits in [Waits::Stepped, Waits::InBlock, Waits::InTransaction] {
        for _ in 0..5 {
            give_up(&service, waits).await;
            let client = service.client().await;
            assert_eq!(client.query_one(BACKENDS, &[]).await.unwrap().get::<_, i64>(0), 1, "{waits:?}");
        }
    }
}

#[tokio::test]
async fn a_row_that_was_locked_by_a_call_that_was_dropped_is_free_again() {
    let service = limited("cfreed", 2).await;
    let client = service.client().await;
    client.batch_execute("BEGIN; UPDATE note SET text = 'x'").await.unwrap();
    client.query("SELECT id FROM account FOR UPDATE", &[]).await.unwrap();
    drop(client);
    // Without a limit of its own: it waits for the lock.
    assert_eq!(service.client().await.execute(UPDATE, &[]).await.unwrap(), 1);
}

#[tokio::test]
async fn an_update_that_was_dropped_gives_back_its_locks_though_its_client_is_kept() {
    let service = limited("ckept", 1).await;
    {
        let client = service.client().await;
        let insert = "INSERT INTO account (id, iban, holder) VALUES (2, 'j', $1)";
        client.execute(insert, &[&service.secret()]).await.unwrap();
    }
    let other = service.world.direct().await;
    other.batch_execute("BEGIN; SELECT 1 FROM account WHERE id = 2 FOR UPDATE").await.unwrap();
    let client = service.client().await;
    let pid = pid(&client).await;
    tokio::select! {
        result = client.execute("UPDATE account SET holder = 'new'", &[]) => panic!("a row is locked: {result:?}"),
        () = until_waiting(&service, pid) => {}
    }
    // Its first row was locked by then. This waits until it is not.
    let free = "SELECT count(*) FROM (SELECT id FROM account WHERE id = 1 FOR UPDATE) locked";
    assert_eq!(service.world.direct().await.query_one(free, &[]).await.unwrap().get::<_, i64>(0), 1);
    assert!(matches!(client.query("SELECT 1", &[]).await, Err(Error::Broken)));
}

#[tokio::test]
async fn a_role_that_may_not_end_its_backend_gets_its_slot_back_all_the_same() {
    let service = limited("cforbidden", 1).await;
    let revoke = "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_terminate_backend(int, bigint) FROM PUBLIC";
    service.world.at_server(revoke);
    let other = locked(&service).await;
    give_up(&service, Waits::Stepped).await;
    other.batch_execute("ROLLBACK").await.unwrap();
    // The old backend may need a moment to see that its client has gone.
    let mut left = 100;
    let client = loop {
        match service.sealer.client(&service.pool).await {
            Ok(client) => break client,
            Err(error) => assert!(left > 0 && error.code() == Some("53300"), "{error}"),
        }
        left -= 1;
    };
    assert_eq!(client.execute(UPDATE, &[]).await.unwrap(), 1);
}

#[test]
fn a_client_that_outlives_its_runtime_is_dropped_in_silence() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (service, client) = first.block_on(async {
        let service = Service::start("cruntime").await;
        service.world.writes_no_secret("it writes nothing");
        let client = service.client().await;
        client.batch_execute("BEGIN").await.unwrap();
        (service, client)
    });
    drop(first);
    drop(client);
    drop(service);
}
