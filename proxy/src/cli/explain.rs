//! pgseal explain.

use std::process::ExitCode;

/// Flags of `pgseal explain`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(args: Args) -> ExitCode {
    let _ = args;
    super::fail("not in this version");
    ExitCode::FAILURE
}
