//! pgseal schema.

use std::process::ExitCode;

/// The verbs of `pgseal schema`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {}

/// Runs one.
pub fn run(command: Command) -> ExitCode {
    match command {}
}
