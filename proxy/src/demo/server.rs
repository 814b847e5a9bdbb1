//! The server that the demo works on: a private one, or one that the user names. Either way in a database of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use pgseal::testing::postgres::{Binaries, Postgres};
use pgseal::testing::tap::Target;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::Error;

pub(super) struct Server {
    /// Ends with the demo; None for a server that was there before.
    private: Option<Postgres>,
    /// To its own database.
    config: Config,
    /// Where it listens.
    pub(super) target: Target,
    pub(super) port: u16,
    pub(super) database: String,
    /// In words.
    pub(super) source: String,
    pub(super) started_in: Duration,
}

impl Server {
    pub(super) async fn find(url: Option<&str>, database: String) -> Result<Self, Error> {
        match url {
            Some(url) => Self::given(url, database).await,
            None => Self::private(database),
        }
    }

    fn private(database: String) -> Result<Self, Error> {
        let cache = Path::new("target").join("demo");
        let binaries = Binaries::find(&cache).map_err(|error| Error::new("a PostgreSQL server", error))?;
        let source = format!("private, {}: {}", binaries.source, binaries.dir.display());
        let begun = Instant::now();
        let postgres = Postgres::start(binaries).map_err(|error| Error::new("a PostgreSQL server", error))?;
        let started_in = begun.elapsed();
        postgres.create_database(&database).map_err(|error| Error::new("CREATE DATABASE", error))?;
        let port = postgres.port();
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user("postgres").password(postgres.password()).dbname(&database);
        let target = Target::Unix(postgres.socket_dir().join(format!(".s.PGSQL.{port}")));
        Ok(Self { private: Some(postgres), config, target, port, database, source, started_in })
    }

    async fn given(url: &str, database: String) -> Result<Self, Error> {
        let what = "the server that was named";
        // The driver's own error would repeat parts of the URL, which may hold a password.
        let mut config: Config = url.parse().map_err(|_| Error::new(what, "its URL cannot be read"))?;
        let begun = Instant::now();
        let client = connect(&config).await?;
        let made =
            client.batch_execute(&format!("CREATE DATABASE \"{database}\" TEMPLATE template0 ENCODING 'UTF8'")).await;
        made.map_err(|error| Error::sql("CREATE DATABASE", &error))?;
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let target = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => Target::Tcp(host.clone(), port),
            Some(Host::Unix(dir)) => Target::Unix(dir.join(format!(".s.PGSQL.{port}"))),
            None => return Err(Error::new(what, "its URL names no host")),
        };
        config.dbname(&database);
        let source = "the server that was named".to_owned();
        Ok(Self { private: None, config, target, port, database, source, started_in: begun.elapsed() })
    }

    /// A connection straight at the server: what its administrator sees.
    pub(super) async fn direct(&self) -> Result<Client, Error> {
        connect(&self.config).await
    }

    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("postgres")
    }

    pub(super) fn password(&self) -> Option<String> {
        self.config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Keywords for libpq to reach the database at `host`, without the password.
    pub(super) fn keywords(&self, host: &str, port: u16) -> String {
        format!("host={host} port={port} user={} dbname={} sslmode=disable", self.user(), self.database)
    }

    /// The host and port that a client would be told.
    pub(super) fn address(&self) -> (String, u16) {
        match &self.target {
            // A private server listens on loopback too.
            Target::Unix(_) if self.private.is_some() => ("127.0.0.1".into(), self.port),
            Target::Unix(path) => (path.parent().unwrap_or(Path::new("/tmp")).display().to_string(), self.port),
            Target::Tcp(host, port) => (host.clone(), *port),
        }
    }

    /// The private server, whose log and files can be read.
    pub(super) fn files(&self) -> Option<&Postgres> {
        self.private.as_ref()
    }

    /// Drops the database from a server that goes on without us.
    pub(super) async fn leave(&self) -> Result<(), Error> {
        if self.private.is_some() {
            return Ok(());
        }
        let mut config = self.config.clone();
        let client = connect(config.dbname("postgres")).await?;
        let dropped = client.batch_execute(&format!("DROP DATABASE \"{}\" WITH (FORCE)", self.database)).await;
        dropped.map_err(|error| Error::sql("DROP DATABASE", &error))
    }
}

/// A connection that lives until its client is dropped.
pub(super) async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await.map_err(|error| Error::sql("connecting", &error))?;
    // A lost connection shows in the client's own results.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}
