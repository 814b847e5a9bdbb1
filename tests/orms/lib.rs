//! What a test of a driver stands on: the payments sample twice on one private server, plain and sealed, the sealed
//! one behind an endpoint in this process. The driver's code runs on both and cannot know which one it has.
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pgseal::apply;
use pgseal::schema::parse;
use pgseal::testing::leaks::{needles, search};
use pgseal::testing::postgres::{Binaries, Postgres};
use pgseal_proxy::endpoint::{Endpoint, Options};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/payments.toml");
/// Where a server is put that has to be fetched.
const CACHE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
const TABLES: &str = include_str!("../../schema/payments.sql");

/// Runs what is asynchronous to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The one server of this test process; it ends with it.
fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| {
        let binaries = Binaries::find(Path::new(CACHE)).unwrap_or_else(|error| panic!("{error}"));
        Postgres::start(binaries).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// The payments sample, plain and sealed.
pub struct Stage {
    name: &'static str,
    endpoint: Endpoint,
    folder: PathBuf,
}

impl Stage {
    /// Makes both databases, applies the schema file to one, and serves it.
    pub fn new(name: &'static str) -> Self {
        let folder = std::env::temp_dir().join(format!("pgseal-orms-{}-{name}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        for side in ["plain", "sealed"] {
            let database = format!("{name}_{side}");
            server().create_database(&database).unwrap();
            server().psql(&database, TABLES).unwrap();
        }
        let lock = folder.join("payments.toml.lock");
        let database = server().url(&format!("{name}_sealed"));
        let schema = parse::load(Path::new(SCHEMA)).unwrap_or_else(|problems| panic!("{problems:?}"));
        let request = apply::Request {
            schema: &schema,
            database: &database.parse::<tokio_postgres::Config>().unwrap(),
            lock: &lock,
            create_keys: true,
            state_dir: &folder,
        };
        block_on(apply::run(&request)).unwrap_or_else(|error| panic!("{error}"));
        let options = Options::new(SCHEMA, database).lock(lock).state_dir(&folder).threads(1);
        let endpoint = Endpoint::spawn(options).unwrap_or_else(|error| panic!("{error}"));
        Self { name, endpoint, folder }
    }

    /// Where the plain tables are: straight at the server.
    pub fn plain(&self) -> String {
        server().url(&format!("{}_plain", self.name))
    }

    /// Where the sealed tables are: through the endpoint.
    pub fn sealed(&self) -> String {
        let url = self.endpoint.url("postgres", &format!("{}_sealed", self.name));
        url.replacen("postgres@", &format!("postgres:{}@", server().password()), 1)
    }

    /// What `sql` gives straight at the sealed database, as psql prints it.
    pub fn at_server(&self, sql: &str) -> String {
        server().psql(&format!("{}_sealed", self.name), sql).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Every sealed column of every row that the driver left is a cell, and the server holds nothing of `sealed`
    /// anywhere: neither in its files nor in its log, where it does hold `plain`.
    pub fn assert_sealed(&self, plain: &[&str], sealed: &[&str]) {
        for sql in [
            "SELECT pan, iban, holder, credit_limit FROM payment_card",
            "SELECT amount, reference, details FROM payment",
        ] {
            let rows = self.at_server(sql);
            assert!(!rows.is_empty());
            assert!(rows.split_whitespace().flat_map(|row| row.split('|')).all(|cell| cell.starts_with("\\x01")));
        }
        self.at_server("CHECKPOINT");
        let log = fs::read(server().log_file()).unwrap();
        let mut files = Vec::new();
        read_all(&server().data(), &mut files);
        for (place, bytes) in [("log", log), ("files", files)] {
            let plain = needles(plain);
            let found = search(&bytes, &plain);
            let values = plain.iter().filter(|needle| needle.form == "as it is").count();
            assert_eq!(found.iter().filter(|needle| needle.form == "as it is").count(), values, "{place}: no control");
            let sealed = needles(sealed);
            assert!(search(&bytes, &sealed).is_empty(), "a sealed value is in the server's {place}");
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A test that fails must fail for its own reason.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn read_all(path: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => read_all(&entry.path(), into),
            // A file can go away between listing and reading.
            _ => into.extend(fs::read(entry.path()).unwrap_or_default()),
        }
    }
}

/// What one run of a driver writes: values of its own, so that they can be searched for.
pub struct Secrets {
    /// A card's number, and the one that replaces it.
    pub pan: [String; 2],
    /// An account.
    pub iban: String,
    /// A name.
    pub holder: String,
    /// A payment's reference.
    pub reference: String,
}

impl Secrets {
    /// Told apart by `mark`, ten digits.
    pub fn new(mark: u64) -> Self {
        Self {
            pan: [format!("411{mark:010}001"), format!("411{mark:010}002")],
            iban: format!("DE02{mark:010}00000042"),
            holder: format!("Ada {mark:010} Lovelace"),
            reference: format!("invoice {mark:010}"),
        }
    }

    /// Every one of them.
    pub fn all(&self) -> Vec<&str> {
        vec![&self.pan[0], &self.pan[1], &self.iban, &self.holder, &self.reference]
    }
}
