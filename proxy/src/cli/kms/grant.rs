//! pgseal kms grant.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::open::{Failure, StoreArgs, field, object, pair, seconds};

/// The verbs of `pgseal kms grant`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Let a principal use a key
    Create(Create),
    /// Show a key's grants
    List(Named),
    /// End a grant, as its grantee or whoever may retire it
    Retire(Ended),
    /// End a grant, as whoever manages the key
    Revoke(Ended),
}

/// Flags of `pgseal kms grant create`.
#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// Id, ARN or alias of the key
    key: String,
    /// The ARN of who may
    #[arg(long, value_name = "ARN")]
    grantee: String,
    /// Encrypt, Decrypt, GenerateDataKey …
    #[arg(long = "operation", value_name = "NAME", required = true, value_delimiter = ',')]
    operations: Vec<String>,
    /// Only with exactly this encryption context; may come again
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    context_equals: Vec<(String, String)>,
    /// Only with at least this encryption context; may come again
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, conflicts_with = "context_equals")]
    context_subset: Vec<(String, String)>,
    /// The ARN of who may retire it
    #[arg(long, value_name = "ARN")]
    retiring: Option<String>,
    /// What it is called
    #[arg(long)]
    name: Option<String>,
    /// After this time it ends by itself: 15m, 1h, 7d
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    lasting: Option<i64>,
}

/// A key.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// Id, ARN or alias
    key: String,
}

/// A grant of a key.
#[derive(Debug, clap::Args)]
pub(super) struct Ended {
    /// Id, ARN or alias of the key
    key: String,
    /// The grant's id
    grant: String,
}

pub(super) fn run(store: &StoreArgs, command: Command) -> Result<ExitCode, Failure> {
    let end = |action: &str, Ended { key, grant }: Ended| {
        let response = store.ask(action, json!({ "KeyId": key, "GrantId": grant }))?;
        store.show(&response, |_| "done".to_owned());
        Ok(ExitCode::SUCCESS)
    };
    match command {
        Command::Create(args) => {
            let constraints = match (object(&args.context_equals), object(&args.context_subset)) {
                (Value::Null, Value::Null) => Value::Null,
                (equals, Value::Null) => json!({ "EncryptionContextEquals": equals }),
                (_, subset) => json!({ "EncryptionContextSubset": subset }),
            };
            let response = store.ask(
                "CreateGrant",
                json!({
                    "KeyId": args.key,
                    "GranteePrincipal": args.grantee,
                    "Operations": args.operations,
                    "Constraints": constraints,
                    "RetiringPrincipal": args.retiring,
                    "Name": args.name,
                    "ExpiresInSeconds": args.lasting,
                }),
            )?;
            store.show(&response, |response| field(response, "GrantId").to_owned());
            Ok(ExitCode::SUCCESS)
        }
        Command::List(Named { key }) => {
            let response = store.ask_all("ListGrants", &json!({ "KeyId": key }), "Grants")?;
            store.show(&response, |response| {
                let grants = response["Grants"].as_array().map(Vec::as_slice).unwrap_or_default();
                grants.iter().map(line).collect()
            });
            Ok(ExitCode::SUCCESS)
        }
        Command::Retire(ended) => end("RetireGrant", ended),
        Command::Revoke(ended) => end("RevokeGrant", ended),
    }
}

fn line(grant: &Value) -> String {
    let operations = grant["Operations"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let ends = grant["ExpirationDate"].as_i64().map(|end| format!("  ends {end}")).unwrap_or_default();
    format!(
        "{}  {}  {}{ends}\n",
        field(grant, "GrantId"),
        field(grant, "GranteePrincipal"),
        operations.collect::<Vec<_>>().join(",")
    )
}
