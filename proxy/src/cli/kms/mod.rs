//! pgseal kms: the embedded key service, a group of verbs a file.

mod policy;

use std::process::ExitCode;

/// The verbs of `pgseal kms`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Key policies
    #[command(subcommand)]
    Policy(policy::Command),
}

/// Runs one.
pub fn run(command: Command) -> ExitCode {
    match command {
        Command::Policy(command) => policy::run(command),
    }
}
