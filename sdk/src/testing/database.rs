//! A database of a test's own, its schema applied and its keys made, with a pool and a sealer over it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::{Config, NoTls};

use super::Error;
use super::memory::schema;
use super::postgres::{Binaries, Postgres};
use crate::apply;
use crate::crypto::random;
use crate::keys::keyring::local::create_private_directory;
use crate::schema::Lock;
use crate::sealer::Sealer;

/// How long a caller waits for a connection of the pool.
const WAIT: Duration = Duration::from_secs(30);

/// A throw-away database.
///
/// All of a process share one cluster, which the first call starts and which ends with the process; each has a database
/// of its own. The server's programs are those of an installed PostgreSQL, see [`Binaries::find`]. Needs the features
/// `testing` and `client`.
///
/// ```
/// use pgseal::testing::Database;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let database = Database::sealed(
///     "CREATE TABLE patient (id bigint PRIMARY KEY, diagnosis text)",
///     r#"
///     version = 1
///     keyrings.test.generator = "local:test"
///     branch_keys.patients.keyring = "test"
///     [tables.patient]
///     name = "public.patient"
///     branch_key = "patients"
///     [tables.patient.columns]
///     id        = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
///     diagnosis = { action = "ENCRYPT_AND_SIGN", type = "text" }
///     "#,
/// )
/// .await?;
/// // What a service is given:
/// let (sealer, pool) = (database.sealer(), database.pool());
/// let client = sealer.client(pool).await?;
/// client.execute("INSERT INTO patient VALUES ($1, $2)", &[&7_i64, &"J45.1"]).await?;
/// let row = client.query_one("SELECT diagnosis FROM patient WHERE id = $1", &[&7_i64]).await?;
/// assert_eq!(row.get::<_, String>("diagnosis"), "J45.1");
/// // What the server's administrator sees:
/// assert!(database.at_server("SELECT diagnosis FROM patient").await?.starts_with(r"\x01"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Database {
    sealer: Sealer,
    pool: Pool,
    name: String,
    cluster: Arc<Postgres>,
    folder: Folder,
}

impl Database {
    /// Runs `sql` in a new database, then what `pgseal schema apply --create-keys` runs for this schema text, and builds
    /// a sealer over it. Keyrings of the text are `local:` ones: their root key is made in a folder that goes with the
    /// database.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sealed(sql: &str, schema: &str) -> Result<Self, Error> {
        let folder = Folder::new()?;
        folder.write("schema.toml", schema)?;
        let name = format!("pgseal_{}", folder.unique);
        let cluster = {
            let (name, sql) = (name.clone(), sql.to_owned());
            let made = move || {
                let cluster = cluster()?;
                cluster.create_database(&name)?;
                if !sql.trim().is_empty() {
                    cluster.psql(&name, &sql)?;
                }
                Ok(cluster)
            };
            blocking(made).await?
        };
        let config = config(&cluster, &name);
        let request = apply::Request {
            schema: &self::schema(schema)?,
            database: &config,
            lock: &Lock::path_for(&folder.schema_file()),
            create_keys: true,
            state_dir: &folder.path,
        };
        apply::run(&request).await?;
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager).runtime(Runtime::Tokio1).max_size(8).wait_timeout(Some(WAIT)).build()?;
        let sealer = Sealer::builder().schema_file(folder.schema_file()).state_dir(&folder.path).pool(&pool);
        let sealer = sealer.build().await?;
        Ok(Self { sealer, pool, name, cluster, folder })
    }

    /// Seals, opens, and gives clients.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Connections straight to the server, as its superuser; [`Sealer::client`] takes them.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// How tokio-postgres connects, straight to the server.
    pub fn config(&self) -> Config {
        config(&self.cluster, &self.name)
    }

    /// How anything else connects, straight to the server.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// The schema file; its lock is beside it.
    pub fn schema_file(&self) -> PathBuf {
        self.folder.schema_file()
    }

    /// Where the root key is.
    pub fn state_dir(&self) -> &Path {
        &self.folder.path
    }

    /// Runs SQL straight at the server and returns what psql prints (unaligned, rows only): what an administrator sees.
    ///
    /// # Errors
    /// [`Error::Postgres`]: what psql says.
    pub async fn at_server(&self, sql: &str) -> Result<String, Error> {
        let (cluster, name, sql) = (Arc::clone(&self.cluster), self.name.clone(), sql.to_owned());
        blocking(move || Ok(cluster.psql(&name, &sql)?)).await
    }
}

/// Over the unix socket, where the server asks for no password.
fn config(cluster: &Postgres, name: &str) -> Config {
    let mut config = Config::new();
    config.host_path(cluster.socket_dir()).port(cluster.port()).user("postgres").dbname(name);
    config
}

/// The one cluster of this process.
fn cluster() -> Result<Arc<Postgres>, Error> {
    static CLUSTER: Mutex<Option<Arc<Postgres>>> = Mutex::new(None);
    let mut cluster = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = &*cluster {
        return Ok(Arc::clone(cluster));
    }
    let binaries = Binaries::find(&std::env::temp_dir().join("pgseal-test-postgres"))?;
    Ok(Arc::clone(cluster.insert(Arc::new(Postgres::start(binaries)?))))
}

/// Runs what waits for other processes beside the runtime's own threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let runtime = tokio::runtime::Handle::try_current().map_err(|_| Error::Runtime)?;
    runtime.spawn_blocking(work).await.map_err(|_| Error::Runtime)?
}

/// A folder that only its owner may enter; gone with the database.
struct Folder {
    path: PathBuf,
    unique: String,
}

impl Folder {
    fn new() -> Result<Self, Error> {
        let unique: String = random::array::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("pgseal-testing-{unique}"));
        create_private_directory(&path).map_err(Error::Folder)?;
        Ok(Self { path, unique })
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        std::fs::write(self.path.join(name), text).map_err(Error::Folder)
    }

    fn schema_file(&self) -> PathBuf {
        self.path.join("schema.toml")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "CREATE TABLE note (id bigint PRIMARY KEY, body text)";
    const SCHEMA: &str = r#"version = 1
keyrings.k.generator = "local:x"
branch_keys.notes.keyring = "k"
[tables.note]
name = "public.note"
branch_key = "notes"
[tables.note.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
body = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

    #[tokio::test]
    async fn two_databases_share_a_server_and_nothing_else() {
        let (one, other) = (Database::sealed(SQL, SCHEMA).await.unwrap(), Database::sealed(SQL, SCHEMA).await.unwrap());
        assert_eq!(one.cluster.port(), other.cluster.port());
        assert_ne!(one.url(), other.url());
        let client = one.sealer().client(one.pool()).await.unwrap();
        client.execute("INSERT INTO note VALUES (1, 'first')", &[]).await.unwrap();
        let client = other.sealer().client(other.pool()).await.unwrap();
        assert_eq!(client.query("SELECT body FROM note", &[]).await.unwrap().len(), 0);
        // A cell of one is no cell of the other: their keys are their own.
        let cell = one.at_server("SELECT body FROM note").await.unwrap();
        other.at_server(&format!("INSERT INTO note VALUES (1, '{}')", cell.trim())).await.unwrap();
        assert!(client.query("SELECT body FROM note", &[]).await.is_err());
        let folder = one.state_dir().to_owned();
        assert!(folder.join("root.key").exists() && one.schema_file().exists());
        drop(one);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn apply_goes_on_from_a_lock_that_was_made_without_a_database_sig_3() {
        let signed = SCHEMA.replace("[tables.note.columns]", "row_signature = \"HMAC-SHA-384\"\n[tables.note.columns]");
        let typed = signed.replace(
            "\"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\"",
            "{ action = \"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\", type = \"bigint\" }",
        );
        let grown = format!("{typed}kind = {{ action = \"SIGN_ONLY\", type = \"text\" }}\n");
        let first = Lock::without_database(&schema(&typed).unwrap(), None).unwrap();
        let schema = schema(&grown).unwrap();
        let alone = Lock::without_database(&schema, Some(&first)).unwrap();

        let database = Database::sealed(SQL, SCHEMA).await.unwrap();
        let tables = "DROP TABLE note; CREATE TABLE note (id bigint PRIMARY KEY, body text, kind text)";
        database.at_server(tables).await.unwrap();
        let lock = database.state_dir().join("records.lock");
        alone.stage(&lock).unwrap().publish().unwrap();
        let config = database.config();
        let request = apply::Request {
            schema: &schema,
            database: &config,
            lock: &lock,
            create_keys: true,
            state_dir: database.state_dir(),
        };
        apply::run(&request).await.unwrap();
        let applied = Lock::read(&lock).unwrap().unwrap();
        let (before, after) = (&alone.tables["note"], &applied.tables["note"]);
        assert_eq!(after.signature_sets.last().map(|set| set.id), Some(2));
        assert_eq!((&after.signature_sets, after.min_set), (&before.signature_sets, before.min_set));
        assert!(applied.database.is_some() && applied.keys.contains_key("notes"));
    }

    #[tokio::test]
    async fn what_is_wrong_with_sql_or_schema_is_said() {
        let error = Database::sealed("CREATE TABEL note (id bigint)", SCHEMA).await.err().unwrap();
        assert!(matches!(&error, Error::Postgres(_)) && error.to_string().contains("TABEL"), "{error}");
        let error = Database::sealed(SQL, &SCHEMA.replace("version = 1", "version = 2")).await.err().unwrap();
        assert!(matches!(&error, Error::Schema(_)), "{error}");
        let error = Database::sealed("CREATE TABLE note (id bigint, body text)", SCHEMA).await.err().unwrap();
        assert!(matches!(&error, Error::Apply(_)) && error.to_string().contains("no primary key"), "{error}");
    }
}
