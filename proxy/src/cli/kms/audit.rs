//! pgseal kms audit.

use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgseal::kms::audit;
use serde_json::json;

use super::open::{Failure, StoreArgs, failed};
use crate::cli::schema::print;

/// The verbs of `pgseal kms audit`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check every hash, number and signature of the log; exit code 1 if it does not hold
    Verify(Verify),
    /// Show what an auditor without the store needs for `verify`: its id and the public key of its checkpoints
    Key,
}

/// Flags of `pgseal kms audit verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// The log, where the store is not at hand; needs --store-id and --public-key
    #[arg(long, value_name = "FILE", requires = "store_id", requires = "public_key")]
    log: Option<PathBuf>,
    /// From `pgseal kms audit key`
    #[arg(long, value_name = "ID")]
    store_id: Option<String>,
    /// From `pgseal kms audit key`
    #[arg(long, value_name = "BASE64")]
    public_key: Option<String>,
}

pub(super) fn run(store: &StoreArgs, command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Key => {
            let opened = store.open(1)?;
            let state = opened.state();
            let public = STANDARD.encode(&state.audit_public);
            let response = json!({ "StoreId": state.store, "PublicKey": public });
            store.show(&response, |_| format!("--store-id {} --public-key {public}", state.store));
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify(Verify { log: Some(log), store_id: Some(id), public_key: Some(public) }) => {
            let public = STANDARD.decode(public).map_err(|_| Failure::Usage("--public-key is no base64".into()))?;
            let text = std::fs::read_to_string(log).map_err(|error| failed(log, &error))?;
            report(store, audit::verify(&text, id, &public, None))
        }
        Command::Verify(_) => {
            // Opening holds the log against the anchor; what was appended since is in the head.
            let opened = store.open(1)?;
            let (file, state) = (store.paths()?.audit, opened.state());
            let text = std::fs::read_to_string(&file).map_err(|error| failed(&file, &error))?;
            report(store, audit::verify(&text, &state.store, &state.audit_public, Some(opened.audit_head())))
        }
    }
}

fn report(store: &StoreArgs, result: Result<audit::Report, audit::Broken>) -> Result<ExitCode, Failure> {
    match result {
        Ok(report) => {
            let response = json!({
                "Holds": true,
                "Records": report.head.records,
                "Checkpoints": report.checkpoints,
                "BehindLastCheckpoint": report.unsigned,
                "Head": report.head.hash.to_string(),
            });
            store.show(&response, |_| {
                format!(
                    "the log holds: {} records, {} signed checkpoints, {} records behind the last\nhead {}",
                    report.head.records, report.checkpoints, report.unsigned, report.head.hash
                )
            });
            Ok(ExitCode::SUCCESS)
        }
        Err(broken) => {
            if store.is_json() {
                print(format_args!("{:#}", json!({ "Holds": false, "Reason": broken.to_string() })));
            }
            Err(Failure::Failed(format!("the log does not hold: {broken}")))
        }
    }
}
