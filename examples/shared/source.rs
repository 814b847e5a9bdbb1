//! The database of an example: yours by `DATABASE_URL`, or a throw-away one.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use pgseal::sealer::Sealer;
use pgseal::testing::Database;
use tokio_postgres::NoTls;

/// The payments sample.
pub(crate) const SQL: &str = include_str!("../../schema/payments.sql");
pub(crate) const SCHEMA: &str = include_str!("../../schema/payments.toml");

/// A pool, and a sealer for its database.
pub(crate) struct Source {
    pub(crate) pool: Pool,
    pub(crate) sealer: Sealer,
    /// Lives as long as the example does.
    pub(crate) throw_away: Option<Database>,
}

impl Source {
    /// `DATABASE_URL` with the schema file `PGSEAL_SCHEMA` and the lock beside it; without them a PostgreSQL of its
    /// own, which ends with the process.
    pub(crate) async fn from_environment() -> Result<Self, Box<dyn Error>> {
        match (std::env::var("DATABASE_URL"), std::env::var("PGSEAL_SCHEMA")) {
            (Ok(url), Ok(schema)) => Self::open(&url, Path::new(&schema)).await,
            (Err(_), Err(_)) => Self::throw_away().await,
            _ => Err("set both DATABASE_URL and PGSEAL_SCHEMA, or neither".into()),
        }
    }

    async fn open(url: &str, schema: &Path) -> Result<Self, Box<dyn Error>> {
        let config: tokio_postgres::Config = url.parse()?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        // Who waits longer than this for a connection is told so, rather than left hanging.
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(16)
            .wait_timeout(Some(Duration::from_secs(5)))
            .create_timeout(Some(Duration::from_secs(5)))
            .runtime(Runtime::Tokio1)
            .build()?;
        let sealer = Sealer::builder().schema_file(schema).pool(&pool).build().await?;
        Ok(Self { pool, sealer, throw_away: None })
    }

    pub(crate) async fn throw_away() -> Result<Self, Box<dyn Error>> {
        let database = Database::sealed(SQL, SCHEMA).await?;
        Ok(Self { pool: database.pool().clone(), sealer: database.sealer().clone(), throw_away: Some(database) })
    }
}
