//! What depends on a protected table without naming it, and code: refused where a value could reach the table behind
//! us, and as without us where it could not (SQL-13, SQL-65).

mod cost;
mod found;
mod looked;
mod passes;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use pgseal::client::Client;
use pgseal::sealer::Sealer;
use tokio_postgres::{Config, NoTls};

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::proxy::state_dir;

const TABLES: &str = "
    CREATE TABLE person (id bigint PRIMARY KEY, name text NOT NULL);
    CREATE TABLE note (id int, text text, tbalance int);";

const SCHEMA: &str = r#"
version = 1
[keyrings.test]
generator = "local:test"
[branch_keys.people]
keyring = "test"
[tables.person]
name = "public.person"
branch_key = "people"
[tables.person.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
name = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

/// Both doors to one sealed database.
struct Doors {
    world: World,
    sealer: Sealer,
    pool: Pool,
    proxied: tokio_postgres::Client,
}

impl Doors {
    /// With `sql` run at the server before anything is sealed.
    async fn open(name: &str, sql: &str) -> Self {
        let world = World::sealed(name, &format!("{TABLES}{sql}"), SCHEMA);
        let mut config = Config::new();
        config.host_path(world.scratch().path()).port(cluster().port()).user("postgres").dbname(world.database());
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager).max_size(4).runtime(Runtime::Tokio1).build().unwrap();
        let state = state_dir(world.scratch().path());
        let sealer = Sealer::builder().schema_file(world.schema()).state_dir(state).pool(&pool).build().await.unwrap();
        let proxied = world.client().await;
        Self { world, sealer, pool, proxied }
    }

    /// Runs `sql` at the server, behind both doors, which look at the catalog then.
    async fn make(&mut self, sql: &str) {
        self.world.at_server(sql);
        self.sealer.look_again().await.unwrap();
        self.world.restart();
        self.proxied = self.world.client().await;
    }

    async fn client(&self) -> Client {
        self.sealer.client(&self.pool).await.unwrap()
    }

    /// The SQLSTATE that each door gives for a text, by the simple protocol.
    async fn codes(&self, sql: &str) -> [Option<String>; 2] {
        let proxied = self.proxied.batch_execute(sql).await.err();
        let own = self.client().await.batch_execute(sql).await.err();
        [
            proxied.map(|error| error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned())),
            own.map(|error| error.code().map_or_else(|| error.to_string(), str::to_owned)),
        ]
    }

    async fn refused(&self, sql: &str) {
        let refused = Some("0A000".to_owned());
        assert_eq!(self.codes(sql).await, [refused.clone(), refused], "{sql}");
    }

    async fn passes(&self, sql: &str) {
        assert_eq!(self.codes(sql).await, [None, None], "{sql}");
    }
}
