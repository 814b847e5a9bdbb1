//! pgseal kms policy: what the policies of a key say, and what would follow from others.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pgseal::kms::authz::cases;
use serde_json::json;

use super::open::{Failure, StoreArgs, failed};
use crate::cli::fail;
use crate::cli::schema::print;

/// The verbs of `pgseal kms policy`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show a key's policy
    Get(KeyArgs),
    /// Replace a key's policy
    Put(PutArgs),
    /// Decide recorded cases and compare; exit code 1 if any differs
    Test(TestArgs),
}

/// A key.
#[derive(Debug, clap::Args)]
pub(super) struct KeyArgs {
    /// Id, ARN or alias
    key: String,
}

/// Flags of `pgseal kms policy put`.
#[derive(Debug, clap::Args)]
pub(super) struct PutArgs {
    /// Id, ARN or alias
    key: String,
    /// The policy, as JSON
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Also if its author could not change it again
    #[arg(long)]
    bypass_policy_lockout_safety_check: bool,
}

/// Flags of `pgseal kms policy test`.
#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// JSON lines: policy, iam, grants, req, expect
    #[arg(long, value_name = "FILE")]
    cases: PathBuf,
}

pub(super) fn run(store: &StoreArgs, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Test(args) => Ok(test(&args)),
        Command::Get(KeyArgs { key }) => {
            let response = store.ask("GetKeyPolicy", json!({ "KeyId": key }))?;
            store.show(&response, |response| match response["Policy"].as_str() {
                Some(policy) => policy.to_owned(),
                None => String::new(),
            });
            Ok(ExitCode::SUCCESS)
        }
        Command::Put(PutArgs { key, policy, bypass_policy_lockout_safety_check }) => {
            let text = std::fs::read_to_string(&policy).map_err(|error| failed(&policy, &error))?;
            let body = json!({
                "KeyId": key,
                "Policy": text,
                "BypassPolicyLockoutSafetyCheck": bypass_policy_lockout_safety_check,
            });
            let response = store.ask("PutKeyPolicy", body)?;
            store.show(&response, |_| "policy stored".to_owned());
            Ok(ExitCode::SUCCESS)
        }
    }
}

pub(super) fn test(args: &TestArgs) -> ExitCode {
    let file: &Path = &args.cases;
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
