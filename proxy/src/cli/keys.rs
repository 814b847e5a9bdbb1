//! pgseal keys.

use std::process::ExitCode;

/// The verbs of `pgseal keys`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {}

/// Runs one.
pub fn run(command: Command) -> ExitCode {
    match command {}
}
