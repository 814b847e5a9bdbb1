//! pgseal explain: what becomes of a statement.

use std::process::ExitCode;

use pgseal::schema::Lock;
use pgseal::sql::explain;

use super::schema::{block_on, load, print};
use crate::control;
use crate::upstream::Upstream;
use pgseal::apply;

/// Flags of `pgseal explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The schema file, or a directory with one file a table
    #[arg(long, env = "PGSEAL_SCHEMA", value_name = "FILE")]
    schema: std::path::PathBuf,
    /// The database, as libpq URL or keywords; its catalog is read, nothing is changed
    #[arg(long, env = "PGSEAL_DATABASE", value_name = "URL", hide_env_values = true)]
    database: String,
    /// The schema lock [default: FILE.lock, or DIR/pgseal.lock]
    #[arg(long, env = "PGSEAL_LOCK", value_name = "PATH")]
    lock: Option<std::path::PathBuf>,
    /// One or more statements
    #[arg(value_name = "SQL")]
    sql: String,
}

/// Runs it. A refused statement is an answer: exit code 0.
pub fn run(args: Args) -> ExitCode {
    let Ok(schema) = load(&args.schema) else { return ExitCode::FAILURE };
    let work = async {
        let database =
            Upstream::parse(&args.database).map_err(|error| error.to_string().replacen("upstream", "--database", 1))?;
        let path = apply::lock_path(&args.schema, args.lock.as_deref());
        let lock = Lock::read(&path).map_err(|error| error.to_string())?;
        let protection = control::protection(schema, lock, &database).await.map_err(|error| error.to_string())?;
        super::warn_of_absent(protection.pending.values());
        Ok(explain::explain(&args.sql, &protection))
    };
    match block_on(work).and_then(|explained: Result<String, String>| explained) {
        Ok(text) => {
            print(format_args!("{}", text.trim_end()));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            super::fail(reason);
            ExitCode::FAILURE
        }
    }
}
