//! pgseal demo.

use std::process::ExitCode;

use crate::demo;

/// Flags of `pgseal demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave everything running at the end, and print how to connect
    #[arg(long)]
    keep: bool,
    /// Use this server instead of a private one: a database is made there, and dropped at the end
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database: Option<String>,
}

/// Runs it.
pub fn run(args: Args) -> ExitCode {
    match demo::run(args.keep, args.database.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            super::fail(error);
            ExitCode::FAILURE
        }
    }
}
