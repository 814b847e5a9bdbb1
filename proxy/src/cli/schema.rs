//! pgseal schema: check a schema file offline, show what it would change, apply it.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pgseal::schema::Problems;
use pgseal::schema::checked::Schema;
use pgseal::schema::{diagnostics, parse};

use crate::tls::Database;
use crate::upstream::Upstream;
use pgseal::apply::{self, Changes};
use pgseal::keys::keyring::local;

/// The verbs of `pgseal schema`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Read the schema file and say what is wrong with it; contacts nothing
    Check(CheckArgs),
    /// Show what `apply` would do; exit code 2 if there is something
    Plan(DatabaseArgs),
    /// Make the database what the schema file says, and write the lock; a second run changes nothing
    Apply(ApplyArgs),
}

/// Flags of `pgseal schema check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The schema file, or a directory with one file a table
    #[arg(long, env = "PGSEAL_SCHEMA", value_name = "FILE", default_value = "pgseal.toml")]
    pub schema: PathBuf,
}

/// Flags of every command that reads a schema file and talks to its database.
#[derive(Debug, clap::Args)]
pub struct DatabaseArgs {
    /// The schema file, or a directory with one file a table
    #[arg(long, env = "PGSEAL_SCHEMA", value_name = "FILE")]
    pub schema: PathBuf,
    /// The database, as libpq URL or keywords, as the owner of its tables
    #[arg(long, env = "PGSEAL_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: String,
    /// The schema lock [default: FILE.lock, or DIR/pgseal.lock]
    #[arg(long, env = "PGSEAL_LOCK", value_name = "PATH")]
    pub lock: Option<PathBuf>,
    /// Where the embedded key service keeps its root key [default: $XDG_STATE_HOME/pgseal]
    #[arg(long, env = "PGSEAL_STATE_DIR", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

/// Flags of `pgseal schema apply`.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    common: DatabaseArgs,
    /// Make each named key that neither the key store nor the lock knows
    #[arg(long, env = "PGSEAL_CREATE_KEYS")]
    create_keys: bool,
}

/// Runs one.
pub fn run(command: Command) -> ExitCode {
    match command {
        Command::Check(args) => check(&args.schema),
        Command::Plan(args) => settle(args.with(false, |request| async move { plan(&request).await })),
        Command::Apply(args) => {
            let create = args.create_keys;
            settle(args.common.with(create, |request| async move { apply(&request).await }))
        }
    }
}

impl DatabaseArgs {
    /// Everything that is wrong with the arguments is said before anything is contacted.
    pub(crate) fn with<F, R>(&self, create_keys: bool, then: F) -> Result<ExitCode, String>
    where
        F: FnOnce(Request) -> R,
        R: Future<Output = Result<ExitCode, String>>,
    {
        let Ok(schema) = load(&self.schema) else { return Ok(ExitCode::FAILURE) };
        let database =
            Upstream::parse(&self.database).map_err(|error| error.to_string().replacen("upstream", "--database", 1))?;
        let request = Request {
            schema,
            database: Database { config: database.control(), connector: database.connector() },
            lock: apply::lock_path(&self.schema, self.lock.as_deref()),
            create_keys,
            state_dir: local::state_dir(self.state_dir.as_deref()).map_err(|error| error.to_string())?,
        };
        block_on(then(request))?
    }
}

/// [`apply::Request`], owned.
pub(crate) struct Request {
    schema: Schema,
    database: Database,
    lock: PathBuf,
    create_keys: bool,
    state_dir: PathBuf,
}

impl Request {
    pub(crate) fn borrow(&self) -> apply::Request<'_> {
        apply::Request {
            schema: &self.schema,
            database: &self.database,
            lock: &self.lock,
            create_keys: self.create_keys,
            state_dir: &self.state_dir,
        }
    }
}

/// Reads a schema file, or shows what is wrong with it.
pub(crate) fn load(path: &Path) -> Result<Schema, ()> {
    parse::load(path).map_err(|problems| show_problems(&problems))
}

/// Draws what is wrong with a schema file on stderr.
pub(super) fn show_problems(problems: &Problems) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let _ = writeln!(std::io::stderr(), "{}", diagnostics::render(problems, colour));
}

fn check(path: &Path) -> ExitCode {
    let Ok(schema) = load(path) else { return ExitCode::FAILURE };
    let sealed = schema.tables.iter().flat_map(|t| t.columns.values()).filter(|column| column.is_sealed()).count();
    print(format_args!(
        "{}, {}, {}, no errors. Nothing was contacted or changed.",
        count(schema.files, "file"),
        count(schema.tables.len(), "table"),
        count(sealed, "sealed column")
    ));
    ExitCode::SUCCESS
}

async fn plan(request: &Request) -> Result<ExitCode, String> {
    let (changes, stale) = apply::read(&request.borrow()).await.map_err(|error| error.to_string())?;
    show(&changes);
    for step in &changes.steps {
        print(format_args!("-- {}\n{};", step.what, step.sql.trim_end_matches(';')));
    }
    if !changes.refusals.is_empty() {
        for refusal in &changes.refusals {
            super::fail(refusal);
        }
        return Ok(ExitCode::FAILURE);
    }
    for relation in &changes.must_be_empty {
        print(format_args!(
            "{}.{}: ACCESS EXCLUSIVE lock until the end; it is empty, so no row is rewritten",
            relation.schema, relation.name
        ));
    }
    for table in &stale {
        print(format_args!("table {table}: not what the lock says; `apply` records what the database says now"));
    }
    if changes.steps.is_empty() && stale.is_empty() {
        print(format_args!("nothing to do"));
        return Ok(ExitCode::SUCCESS);
    }
    print(format_args!("{} pending, and the lock; one transaction", count(changes.steps.len(), "change")));
    Ok(ExitCode::from(2))
}

async fn apply(request: &Request) -> Result<ExitCode, String> {
    let outcome = apply::run(&request.borrow()).await.map_err(|error| error.to_string())?;
    show(&outcome.changes);
    for step in &outcome.changes.steps {
        print(format_args!("done: {}", step.what));
    }
    super::keys::show(&outcome.keys);
    if outcome.lock_written {
        print(format_args!("{} written: review and commit it", request.lock.display()));
    }
    if outcome.changes.steps.is_empty() && !outcome.lock_written {
        print(format_args!("nothing to do"));
    }
    print(format_args!(
        "The role of `pgseal serve --upstream` needs, once:\n  GRANT USAGE ON SCHEMA pgseal TO <role>;\n  \
         GRANT SELECT ON pgseal.store, pgseal.keys TO <role>;"
    ));
    Ok(ExitCode::SUCCESS)
}

fn show(changes: &Changes) {
    super::warn_of_absent(&changes.absent);
    for note in &changes.notes {
        print(format_args!("note: {note}"));
    }
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Runs what talks to a database; one thread is enough.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    Ok(runtime.block_on(future))
}

/// The exit code of a command, its error printed.
pub(super) fn settle(outcome: Result<ExitCode, String>) -> ExitCode {
    outcome.unwrap_or_else(|reason| {
        super::fail(reason);
        ExitCode::FAILURE
    })
}

/// One line on stdout; a reader that is gone ends nothing.
pub(super) fn print(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
