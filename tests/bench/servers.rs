//! The database, and what stands before it: nothing, PgBouncer, or pgseal.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pgseal::testing::postgres::{Binaries, Postgres};

use crate::Result;
use crate::process::Process;

/// The database in which nothing is protected.
pub(crate) const PLAIN: &str = "plain";
/// The database with two protected tables.
pub(crate) const SEALED: &str = "sealed";

const TABLES: &str = "\
    CREATE TABLE card (id bigint PRIMARY KEY, pan text NOT NULL, holder text NOT NULL); \
    CREATE INDEX ON card (pan); \
    CREATE TABLE transfer (id bigint PRIMARY KEY, reference text NOT NULL, amount bigint NOT NULL);";

const SCHEMA: &str = r#"version = 1
[keyrings.bench]
generator = "local:bench"
[branch_keys.bench]
keyring = "bench"

[tables.card]
name = "public.card"
branch_key = "bench"
row_signature = "none"
[tables.card.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
holder = { action = "ENCRYPT_AND_SIGN", type = "text" }
[tables.card.beacons]
standard = [{ name = "pan", length = "exact" }]

[tables.transfer]
name = "public.transfer"
branch_key = "bench"
row_signature = "HMAC-SHA-384"
[tables.transfer.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
reference = { action = "ENCRYPT_AND_SIGN", type = "text" }
amount = { action = "ENCRYPT_AND_SIGN", type = "bigint" }
"#;

/// All of it; ends with this value.
pub(crate) struct Servers {
    /// Before the database in which nothing is protected.
    pub(crate) pgseal_plain: Proxy,
    /// The same with one thread, as PgBouncer has one.
    pub(crate) pgseal_single: Proxy,
    /// Before the database with protected tables.
    pub(crate) pgseal_sealed: Proxy,
    /// Before the database in which nothing is protected; `None` if it is not installed.
    pub(crate) pgbouncer: Option<Proxy>,
    /// The server.
    pub(crate) postgres: Postgres,
    _folder: Folder,
}

/// A process that speaks PostgreSQL's protocol on a loopback port.
pub(crate) struct Proxy {
    /// The process.
    pub(crate) process: Process,
    /// Its port.
    pub(crate) port: u16,
}

impl Servers {
    /// Starts everything and fills the databases.
    pub(crate) fn start() -> Result<Self> {
        let binaries = Binaries::find(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
        println!("PostgreSQL {}: {}", binaries.source, binaries.dir.display());
        let postgres = Postgres::start(binaries)?;
        // The cluster of the tests logs every statement.
        postgres.psql("postgres", "ALTER SYSTEM SET log_statement = 'none'")?;
        postgres.psql("postgres", "SELECT pg_reload_conf()")?;
        let folder = Folder::new(&postgres)?;
        let nothing = folder.write("nothing.toml", "version = 1\n")?;
        let schema = folder.write("tables.toml", SCHEMA)?;
        fill(&postgres, PLAIN)?;
        fill(&postgres, SEALED)?;
        let mut apply = pgseal_command(&folder);
        apply.args(["schema", "apply", "--create-keys", "--schema"]).arg(&schema);
        succeed(apply.args(["--database", &postgres.url(SEALED)]))?;
        Ok(Self {
            pgseal_plain: pgseal(&postgres, &folder, PLAIN, &nothing, &[])?,
            pgseal_single: pgseal(&postgres, &folder, PLAIN, &nothing, &["--threads", "1"])?,
            pgseal_sealed: pgseal(&postgres, &folder, SEALED, &schema, &[])?,
            pgbouncer: pgbouncer(&postgres, &folder)?,
            postgres,
            _folder: folder,
        })
    }

    /// One of PostgreSQL's programs, told how to log in.
    pub(crate) fn program(&self, name: &str) -> Command {
        program(&self.postgres, name)
    }
}

fn program(postgres: &Postgres, name: &str) -> Command {
    let mut command = Command::new(postgres.binaries().program(name));
    command.args(["-h", "127.0.0.1", "-U", "postgres"]);
    command.env("PGPASSWORD", postgres.password()).env("PGSSLMODE", "disable").env_remove("PGOPTIONS");
    command
}

/// A database with pgbench's tables and two of ours.
fn fill(postgres: &Postgres, database: &str) -> Result<()> {
    postgres.create_database(database)?;
    postgres.psql(database, TABLES)?;
    let mut pgbench = program(postgres, "pgbench");
    succeed(pgbench.args(["-i", "-q", "-p", &postgres.port().to_string(), database])).map(drop)
}

/// pgseal before a database, over loopback on both sides.
fn pgseal(postgres: &Postgres, folder: &Folder, database: &str, schema: &Path, more: &[&str]) -> Result<Proxy> {
    let mut serve = pgseal_command(folder);
    serve.arg("serve").arg("--schema").arg(schema).args(["--upstream", &postgres.url(database)]);
    let (process, line) = Process::announced(serve.args(["--listen", "127.0.0.1:0"]).args(more))?;
    let port = line.trim_end().rsplit(':').next().map(str::parse).ok_or("pgseal announced no port")??;
    Ok(Proxy { process, port })
}

fn pgseal_command(folder: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    command.env("PGSEAL_STATE_DIR", folder.0.join("state")).env("PGSEAL_LOG", "warn");
    command
}

/// PgBouncer with its own defaults, which include session mode; only where it listens and who may come is said.
fn pgbouncer(postgres: &Postgres, folder: &Folder) -> Result<Option<Proxy>> {
    let Some(path) = installed("pgbouncer") else {
        println!("PgBouncer: not installed, measured without it (Debian: apt-get install pgbouncer)");
        return Ok(None);
    };
    let version = Command::new(&path).arg("--version").output()?.stdout;
    println!("{}", String::from_utf8_lossy(&version).lines().next().unwrap_or("PgBouncer"));
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let users = folder.write("users", &format!("\"postgres\" \"{}\"\n", postgres.password()))?;
    let settings = format!(
        "[databases]\n{PLAIN} = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\npool_mode = session\nauth_type = scram-sha-256\nauth_file = {}\n",
        postgres.port(),
        users.display()
    );
    let settings = folder.write("pgbouncer.ini", &settings)?;
    let mut command = Command::new(path);
    // It refuses to run as root.
    command.uid(folder.owner()?.0).gid(folder.owner()?.1).arg("-q").arg(settings);
    let process = Process::silent(&mut command)?;
    let until = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > until {
            return Err("PgBouncer did not start listening".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(Some(Proxy { process, port }))
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian puts it where only root's PATH leads.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Runs a command that must succeed; what it said is the error otherwise. Returns what it printed.
pub(crate) fn succeed(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let program = Path::new(command.get_program()).display();
    Err(format!("{program}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

/// Settings and state, readable for PostgreSQL's user only; removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(postgres: &Postgres) -> Result<Self> {
        let folder = Self(std::env::temp_dir().join(format!("pgseal-cost-{}", std::process::id())));
        fs::create_dir(&folder.0)?;
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700))?;
        let server = fs::metadata(postgres.data())?;
        chown(&folder.0, Some(server.uid()), Some(server.gid()))?;
        Ok(folder)
    }

    fn owner(&self) -> Result<(u32, u32)> {
        let owner = fs::metadata(&self.0)?;
        Ok((owner.uid(), owner.gid()))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        let (user, group) = self.owner()?;
        chown(&path, Some(user), Some(group))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
