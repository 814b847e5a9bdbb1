//! Everything that must stand before the first statement: server, keys, sealed tables, proxy, tap.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgseal::testing::tap::{Cut, Tap};
use tokio_postgres::{Client, Config};

use super::server::{Server, connect};
use super::{Error, print, sample};

pub(super) struct Stage {
    // The fields end in this order: the proxy before its server.
    proxy: Proxy,
    pub(super) link: Tap,
    pub(super) server: Server,
    folder: Folder,
}

impl Stage {
    pub(super) async fn set(database: Option<&str>) -> Result<Self, Error> {
        let folder = Folder::new()?;
        let server = Server::find(database, format!("pgseal_demo_{}", random()?)).await?;
        match Self::on(&server, &folder).await {
            Ok((proxy, link)) => Ok(Self { proxy, link, server, folder }),
            Err(error) => {
                server.leave().await?;
                Err(error)
            }
        }
    }

    async fn on(server: &Server, folder: &Folder) -> Result<(Proxy, Tap), Error> {
        let direct = server.direct().await?;
        let version: String = direct
            .query_one("SHOW server_version", &[])
            .await
            .map_err(|error| Error::sql("SHOW server_version", &error))?
            .get(0);
        print::fact("PostgreSQL", &format!("{version}, ready in {}", seconds(server.started_in)));
        print::fact("", &server.source);
        direct.batch_execute(sample::TABLES).await.map_err(|error| Error::sql("schema/payments.sql", &error))?;
        let schema = schema_file(folder);
        std::fs::write(&schema, sample::SCHEMA).map_err(|error| Error::new("writing payments.toml", error))?;
        let link = Tap::start(folder.path(), server.port, server.target.clone(), Cut::Whole)
            .map_err(|error| Error::new("tapping the server link", error))?;
        let upstream = upstream(server, folder);
        let begun = Instant::now();
        let mut apply = command(server, folder)?;
        apply.args(["schema", "apply", "--create-keys", "--schema"]).arg(&schema).args(["--database", &upstream]);
        let output = apply.output().map_err(|error| Error::new("pgseal schema apply", error))?;
        if !output.status.success() {
            return Err(Error::new("pgseal schema apply", String::from_utf8_lossy(&output.stderr).trim()));
        }
        print::fact(
            "keys made, tables sealed",
            &format!("pgseal schema apply --create-keys: {}", seconds(begun.elapsed())),
        );
        let begun = Instant::now();
        let proxy = Proxy::start(command(server, folder)?, &schema, &upstream, folder.path())?;
        print::fact(
            "proxy",
            &format!("pgseal serve, listening on {} after {}", proxy.address, seconds(begun.elapsed())),
        );
        Ok((proxy, link))
    }

    /// The application's connection.
    pub(super) async fn client(&self) -> Result<Client, Error> {
        let mut config = Config::new();
        let (host, port) = self.proxy.host_and_port();
        config.host(host).port(port).user(self.server.user()).dbname(&self.server.database);
        if let Some(password) = self.server.password() {
            config.password(password);
        }
        connect(&config).await
    }

    /// What `pgseal explain` says of a statement.
    pub(super) fn explain(&self, sql: &str) -> Result<String, Error> {
        let what = "pgseal explain";
        let mut explain = command(&self.server, &self.folder)?;
        explain.arg("explain").arg("--schema").arg(schema_file(&self.folder));
        let output = explain.args(["--database", &upstream(&self.server, &self.folder), sql]).output();
        let output = output.map_err(|error| Error::new(what, error))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(Error::new(what, String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    pub(super) fn psql_through_proxy(&self) -> String {
        let (host, port) = self.proxy.host_and_port();
        self.psql(host, port)
    }

    pub(super) fn psql_direct(&self) -> String {
        let (host, port) = self.server.address();
        self.psql(&host, port)
    }

    fn psql(&self, host: &str, port: u16) -> String {
        // Only the password of the demo's own server, which ends with it, is shown.
        let password = match (self.server.files(), self.server.password()) {
            (Some(_), Some(password)) => format!("PGPASSWORD={password} "),
            _ => String::new(),
        };
        format!("{password}psql \"{}\"", self.server.keywords(host, port))
    }

    /// Ends the proxy and removes what was made.
    pub(super) async fn clear(self) -> Result<(), Error> {
        let Self { proxy, link, server, folder } = self;
        drop((proxy, link));
        let left = server.leave().await;
        drop((server, folder));
        left
    }
}

fn schema_file(folder: &Folder) -> PathBuf {
    folder.path().join("payments.toml")
}

/// Keywords that lead to the server through the tap.
fn upstream(server: &Server, folder: &Folder) -> String {
    server.keywords(&folder.path().display().to_string(), server.port)
}

/// This very binary, with the demo's own state directory.
fn command(server: &Server, folder: &Folder) -> Result<Command, Error> {
    let program = std::env::current_exe().map_err(|error| Error::new("finding this binary", error))?;
    let setpriv = Path::new("/usr/bin/setpriv");
    let mut command = if setpriv.is_file() {
        // So that a demo that is killed leaves no proxy behind.
        let mut command = Command::new(setpriv);
        command.arg("--pdeathsig=TERM").arg("--").arg(program);
        command
    } else {
        Command::new(program)
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    command.env("PGSEAL_STATE_DIR", folder.path()).stdin(Stdio::null());
    if let Some(password) = server.password() {
        command.env("PGPASSWORD", password);
    }
    // Ctrl-C is for the demo, which then ends the proxy.
    command.process_group(0);
    Ok(command)
}

struct Proxy {
    child: Child,
    address: String,
}

impl Proxy {
    fn start(mut command: Command, schema: &Path, upstream: &str, folder: &Path) -> Result<Self, Error> {
        let what = "pgseal serve";
        let log = folder.join("serve.log");
        let stderr = std::fs::File::create(&log).map_err(|error| Error::new(what, error))?;
        command.arg("serve").arg("--schema").arg(schema).args(["--upstream", upstream, "--listen", "127.0.0.1:0"]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(stderr).spawn().map_err(|error| Error::new(what, error))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| Error::new(what, error))?;
        }
        match line.strip_prefix("listening on ") {
            Some(address) => Ok(Self { child, address: address.trim_end().to_owned() }),
            None => {
                // It said why it does not start.
                let _ = child.wait();
                Err(Error::new(what, std::fs::read_to_string(&log).unwrap_or_default().trim()))
            }
        }
    }

    fn host_and_port(&self) -> (&str, u16) {
        let (host, port) = self.address.rsplit_once(':').unwrap_or((&self.address, ""));
        (host, port.parse().unwrap_or_default())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // All its clients are ours: nothing to drain.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder for state, schema file and sockets; only its owner enters.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Error> {
        let what = "making a folder";
        let path = std::env::temp_dir().join(format!("pgseal-demo-{}-{}", std::process::id(), random()?));
        std::fs::create_dir(&path).map_err(|error| Error::new(what, error))?;
        let folder = Self(path);
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))
            .map_err(|error| Error::new(what, error))?;
        Ok(folder)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Under TMPDIR: what cannot be removed now goes later.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn random() -> Result<String, Error> {
    let mut bytes = [0_u8; 4];
    getrandom::fill(&mut bytes).map_err(|error| Error::new("drawing a random name", error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
