//! One test's world: a database, its schema applied, a proxy in front, the server link tapped.

use std::path::{Path, PathBuf};
use std::process::Command;

use pgseal::testing::tap::{Cut, Tap, Target};
use tokio_postgres::{Client, Config, NoTls};

use super::cluster::cluster;
use super::leaks::{Heard, Watch, canary};
use super::proxy::{self, Proxy};
use super::raw::Raw;
use super::scratch::{Scratch, random};
use crate::lying::Liar;

/// Dropping it looks for leaks, then ends the proxy; the database goes with the cluster.
pub(crate) struct World {
    // The fields end in this order: the proxy first.
    proxy: Proxy,
    link: Tap,
    /// Behind the tap, which keeps what was said to it.
    liar: Option<Liar>,
    database: String,
    schema: PathBuf,
    scratch: Scratch,
    /// Only where something is protected.
    watch: Option<Watch>,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.as_ref().filter(|_| !std::thread::panicking()) {
            watch.check(self);
        }
    }
}

impl World {
    /// A database of its own behind a proxy with nothing protected.
    pub(crate) fn plain(name: &str) -> Self {
        Self::make(name, "", None, Cut::Whole, false)
    }

    /// The same in which `sql` has been run: the twin of a sealed one.
    pub(crate) fn twin(name: &str, sql: &str) -> Self {
        Self::make(name, sql, None, Cut::Whole, false)
    }

    /// The same with the server link cut into pieces.
    pub(crate) fn cut(name: &str, cut: Cut) -> Self {
        Self::make(name, "", None, cut, false)
    }

    /// Runs `sql` straight at the server, then `pgseal schema apply --create-keys` with `schema`, then serves it.
    pub(crate) fn sealed(name: &str, sql: &str, schema: &str) -> Self {
        Self::make(name, sql, Some(schema), Cut::Whole, false)
    }

    /// The same with the server link cut into pieces.
    pub(crate) fn sealed_cut(name: &str, sql: &str, schema: &str, cut: Cut) -> Self {
        Self::make(name, sql, Some(schema), cut, false)
    }

    /// The same on a server that lies when it is told to: [`World::liar`].
    pub(crate) fn lying(name: &str, sql: &str, schema: &str) -> Self {
        Self::make(name, sql, Some(schema), Cut::Whole, true)
    }

    fn make(name: &str, sql: &str, schema: Option<&str>, cut: Cut, lying: bool) -> Self {
        let scratch = Scratch::new(name);
        let database = database(name, sql);
        let schema_file = scratch.write("pgseal.toml", schema.unwrap_or("version = 1\n"));
        let state = proxy::state_dir(scratch.path());
        if schema.is_some() {
            apply(&state, &schema_file, &database);
        }
        let server = cluster().socket_dir().join(format!(".s.PGSQL.{}", cluster().port()));
        let liar = lying.then(|| Liar::start(&scratch.folder("liar"), cluster().port(), server.clone()));
        let server = liar.as_ref().map_or(server, |liar| liar.socket().to_owned());
        let link = Tap::start(scratch.path(), cluster().port(), Target::Unix(server), cut).unwrap();
        let proxy = Proxy::start(&state, &schema_file, &unix_url(scratch.path(), &database), &[]);
        let watch = schema.map(|_| Watch::new(&database));
        Self { proxy, link, liar, database, schema: schema_file, scratch, watch }
    }

    /// A new text for a protected column. When the world goes it must be nowhere at the server.
    pub(crate) fn secret(&self) -> String {
        let secret = canary();
        self.keep_secret(&secret);
        secret
    }

    /// The same for a text of the test's own choice, one that occurs nowhere else.
    pub(crate) fn keep_secret(&self, secret: &str) {
        self.watch.as_ref().expect("something is protected").keep_secret(secret);
    }

    /// Why this test has no [`World::secret`]: one of both every test on sealed tables must say.
    pub(crate) fn writes_no_secret(&self, why: &'static str) {
        self.watch.as_ref().expect("something is protected").excuse(why);
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    pub(crate) fn schema(&self) -> &Path {
        &self.schema
    }

    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    pub(crate) fn proxy_mut(&mut self) -> &mut Proxy {
        &mut self.proxy
    }

    pub(crate) fn link(&self) -> &Tap {
        &self.link
    }

    /// The server of this world.
    pub(crate) fn liar(&self) -> &Liar {
        self.liar.as_ref().expect("this world's server is honest")
    }

    /// An application's connection.
    pub(crate) async fn client(&self) -> Client {
        self.connect(self.proxy.address().port()).await
    }

    /// The same, straight at the server: what a DBA sees.
    pub(crate) async fn direct(&self) -> Client {
        self.connect(cluster().port()).await
    }

    async fn connect(&self, port: u16) -> Client {
        let (client, connection) = self.config(port).connect(NoTls).await.unwrap();
        // Ends with the client or with the runtime; a lost connection shows in the client's own results.
        tokio::spawn(async move { drop(connection.await) });
        client
    }

    /// How a driver is told to connect through the proxy.
    pub(crate) fn config_of_client(&self) -> Config {
        self.config(self.proxy.address().port())
    }

    fn config(&self, port: u16) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user("postgres").dbname(&self.database).password(cluster().password());
        config
    }

    /// A raw connection through the proxy, logged in.
    pub(crate) fn raw(&self) -> Raw {
        let mut raw = self.raw_unauthenticated();
        raw.log_in(&self.database);
        raw
    }

    /// A raw connection to the proxy that has sent nothing.
    pub(crate) fn raw_unauthenticated(&self) -> Raw {
        Raw::dial(self.proxy.address()).heard_by(self.heard())
    }

    /// Where everything that raw clients of a sealed world hear is kept.
    pub(crate) fn heard(&self) -> Option<Heard> {
        self.watch.as_ref().map(Watch::heard)
    }

    /// A raw connection straight at the server, logged in.
    pub(crate) fn raw_direct(&self) -> Raw {
        let mut raw = Raw::dial_unix(cluster().socket_dir(), cluster().port());
        raw.log_in(&self.database);
        raw
    }

    /// `psql` through the proxy.
    pub(crate) fn psql(&self) -> Command {
        psql(&self.database, self.proxy.address().port())
    }

    /// SQL straight at the server, as psql prints it (unaligned, rows only).
    pub(crate) fn at_server(&self, sql: &str) -> String {
        cluster().psql(&self.database, sql).unwrap_or_else(|error| panic!("{error}"))
    }

    /// `pgseal COMMAND… --schema FILE --database URL` on this world.
    pub(crate) fn pgseal(&self, words: &[&str]) -> Command {
        let mut command = proxy::pgseal(&proxy::state_dir(self.scratch.path()));
        command.args(words).arg("--schema").arg(&self.schema).args(["--database", &direct_url(&self.database)]);
        command
    }

    /// Ends this world's proxy and starts another one on the same database, keys and lock.
    pub(crate) fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// The same with a level of its log: `trace` says everything.
    pub(crate) fn restart_logging(&mut self, level: &str) {
        self.restart_with(&[("PGSEAL_LOG", level), ("RUST_LOG", level)]);
    }

    fn restart_with(&mut self, environment: &[(&str, &str)]) {
        let state = proxy::state_dir(self.scratch.path());
        let url = unix_url(self.scratch.path(), &self.database);
        self.proxy = Proxy::start_with(&state, &self.schema, &url, environment);
    }
}

/// A fresh database in which `sql` has been run.
pub(crate) fn database(name: &str, sql: &str) -> String {
    let database = format!("{name}_{}", random(5));
    cluster().create_database(&database).unwrap_or_else(|error| panic!("{error}"));
    if !sql.is_empty() {
        cluster().psql(&database, sql).unwrap_or_else(|error| panic!("{error}"));
    }
    database
}

/// `pgseal schema apply --create-keys`, which must succeed.
pub(crate) fn apply(state: &Path, schema: &Path, database: &str) {
    let mut command = proxy::pgseal(state);
    command.args(["schema", "apply", "--create-keys", "--schema"]).arg(schema);
    proxy::succeed(command.args(["--database", &direct_url(database)]));
}

/// Straight at the server over its unix socket: trust.
pub(crate) fn direct_url(database: &str) -> String {
    unix_url(cluster().socket_dir(), database)
}

/// A URL for a unix socket in `dir`, with the cluster's port.
pub(crate) fn unix_url(dir: &Path, database: &str) -> String {
    format!("postgresql:///{database}?host={}&port={}&user=postgres", dir.display(), cluster().port())
}

/// A URL over loopback: SCRAM.
pub(crate) fn url(database: &str, port: u16) -> String {
    format!("postgresql://postgres:{}@127.0.0.1:{port}/{database}", cluster().password())
}

/// `psql` over loopback.
pub(crate) fn psql(database: &str, port: u16) -> Command {
    let mut command = Command::new(cluster().binaries().program("psql"));
    command.args(["-X", "-w", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-d", database]);
    command.args(["-p", &port.to_string()]).env("PGPASSWORD", cluster().password()).env("PGSSLMODE", "disable");
    command
}
