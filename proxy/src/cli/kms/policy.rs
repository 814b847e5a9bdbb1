//! pgseal kms policy: what the policies of a key say, and what would follow from others.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pgseal::kms::authz::cases;

use crate::cli::fail;
use crate::cli::schema::print;

/// The verbs of `pgseal kms policy`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Decide recorded cases and compare; exit code 1 if any differs
    Test(TestArgs),
}

/// Flags of `pgseal kms policy test`.
#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// JSON lines: policy, iam, grants, req, expect
    #[arg(long, value_name = "FILE")]
    cases: PathBuf,
}

pub(super) fn run(command: Command) -> ExitCode {
    match command {
        Command::Test(args) => test(&args.cases),
    }
}

fn test(file: &Path) -> ExitCode {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            fail(format_args!("{}: {error}", file.display()));
            return ExitCode::FAILURE;
        }
    };
    let (mut agree, mut differ) = (0_usize, 0_usize);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let said = match cases::run(line) {
            Ok(outcome) if outcome.agrees() => {
                agree += 1;
                continue;
            }
            Ok(outcome) => {
                let word = |allowed| if allowed { "allowed" } else { "denied" };
                let (expected, decision) = (word(outcome.expected), outcome.decision);
                let why = outcome.why.map(|why| format!(" ({why})")).unwrap_or_default();
                format!("expected {expected}{why}, decided {}: {}", word(decision.allowed()), decision.reason())
            }
            Err(error) => error.to_string(),
        };
        differ += 1;
        print(format_args!("line {}: {said}", number + 1));
    }
    print(format_args!("{agree} agree, {differ} differ"));
    if differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
