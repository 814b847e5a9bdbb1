//! pgseal kms alias.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::open::{Failure, StoreArgs, field};

/// The verbs of `pgseal kms alias`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Name a key
    Create(Pointed),
    /// Let a name mean another key of the same kind
    Update(Pointed),
    /// Forget a name; its key stays
    Delete(Named),
    /// Show names and what they mean
    List,
}

/// A name and its key.
#[derive(Debug, clap::Args)]
pub(super) struct Pointed {
    /// alias/NAME
    alias: String,
    /// Id, ARN or alias of the key
    key: String,
}

/// A name.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// alias/NAME
    alias: String,
}

pub(super) fn run(store: &StoreArgs, command: Command) -> Result<ExitCode, Failure> {
    let done = |action: &str, body: Value| {
        let response = store.ask(action, body)?;
        store.show(&response, |_| "done".to_owned());
        Ok(ExitCode::SUCCESS)
    };
    match command {
        Command::Create(Pointed { alias, key }) => {
            done("CreateAlias", json!({ "AliasName": alias, "TargetKeyId": key }))
        }
        Command::Update(Pointed { alias, key }) => {
            done("UpdateAlias", json!({ "AliasName": alias, "TargetKeyId": key }))
        }
        Command::Delete(Named { alias }) => done("DeleteAlias", json!({ "AliasName": alias })),
        Command::List => {
            let response = store.ask_all("ListAliases", &json!({}), "Aliases")?;
            store.show(&response, |response| {
                let aliases = response["Aliases"].as_array().map(Vec::as_slice).unwrap_or_default();
                aliases
                    .iter()
                    .map(|one| format!("{}  {}\n", field(one, "AliasName"), field(one, "TargetKeyId")))
                    .collect()
            });
            Ok(ExitCode::SUCCESS)
        }
    }
}
