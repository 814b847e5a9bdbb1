//! pgseal kms key.

use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgseal::kms::error::KmsError;
use serde_json::{Value, json};

use super::open::{Failure, StoreArgs, failed, field, pair, write};
use crate::kms::now;

/// The verbs of `pgseal kms key`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a key
    Create(Create),
    /// Show every key with its state, uses and percent of its limit
    List,
    /// Show one key
    Describe(Named),
    /// Make a disabled key usable
    Enable(Named),
    /// Make a key unusable, for now
    Disable(Named),
    /// New material, now; what the old sealed still opens
    Rotate(Named),
    /// Rotate by a period
    RotateEvery(RotateEvery),
    /// End periodic rotation
    RotateNever(Named),
    /// Show past rotations
    Rotations(Named),
    /// End a key for ever after 7 to 30 days; nothing that it sealed opens again
    ScheduleDeletion(ScheduleDeletion),
    /// Keep a key whose end was scheduled; it is disabled then
    CancelDeletion(Named),
    /// Set tags
    Tag(Tag),
    /// Remove tags
    Untag(Untag),
    /// How often one version of its material may be used, where that is less than its algorithm's limit
    Limit(SetLimit),
    /// The public half, in DER
    PublicKey(PublicKey),
}

/// A key.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// Id, ARN or alias
    key: String,
}

/// Flags of `pgseal kms key create`.
#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// SYMMETRIC_DEFAULT, HMAC_256, ECC_NIST_P256, RSA_3072 …
    #[arg(long, default_value = "SYMMETRIC_DEFAULT")]
    key_spec: String,
    /// ENCRYPT_DECRYPT, SIGN_VERIFY or GENERATE_VERIFY_MAC
    #[arg(long)]
    key_usage: Option<String>,
    /// What it is for, in words
    #[arg(long)]
    description: Option<String>,
    /// Its policy, as JSON [default: the account's IAM policies decide]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A tag; may come again
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    tag: Vec<(String, String)>,
    /// A name for it: alias/NAME
    #[arg(long, value_name = "ALIAS")]
    alias: Option<String>,
}

/// Flags of `pgseal kms key rotate-every`.
#[derive(Debug, clap::Args)]
pub(super) struct RotateEvery {
    /// Id, ARN or alias
    key: String,
    /// 90 to 2560
    #[arg(long, default_value_t = 365)]
    days: u32,
}

/// Flags of `pgseal kms key schedule-deletion`.
#[derive(Debug, clap::Args)]
pub(super) struct ScheduleDeletion {
    /// Id, ARN or alias
    key: String,
    /// 7 to 30
    #[arg(long, default_value_t = 30)]
    days: u32,
}

/// Tags to set.
#[derive(Debug, clap::Args)]
pub(super) struct Tag {
    /// Id, ARN or alias
    key: String,
    /// NAME=VALUE
    #[arg(required = true, value_parser = pair)]
    tags: Vec<(String, String)>,
}

/// Tags to remove.
#[derive(Debug, clap::Args)]
pub(super) struct Untag {
    /// Id, ARN or alias
    key: String,
    /// Names
    #[arg(required = true)]
    names: Vec<String>,
}

/// Flags of `pgseal kms key limit`.
#[derive(Debug, clap::Args)]
pub(super) struct SetLimit {
    /// Id, ARN or alias
    key: String,
    /// Uses of one version; without it the algorithm's own limit
    #[arg(long)]
    uses: Option<u64>,
}

/// Flags of `pgseal kms key public-key`.
#[derive(Debug, clap::Args)]
pub(super) struct PublicKey {
    /// Id, ARN or alias
    key: String,
    /// Into this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(store: &StoreArgs, command: Command) -> Result<ExitCode, Failure> {
    let simple = |action: &str, body: Value| {
        let response = store.ask(action, body)?;
        store.show(&response, |_| "done".to_owned());
        Ok(ExitCode::SUCCESS)
    };
    match command {
        Command::Create(args) => create(store, args),
        Command::List => list(store),
        Command::Describe(Named { key }) => {
            let response = store.ask("DescribeKey", json!({ "KeyId": key }))?;
            store.show(&response, |response| format!("{:#}", response["KeyMetadata"]));
            Ok(ExitCode::SUCCESS)
        }
        Command::Enable(Named { key }) => simple("EnableKey", json!({ "KeyId": key })),
        Command::Disable(Named { key }) => simple("DisableKey", json!({ "KeyId": key })),
        Command::Rotate(Named { key }) => simple("RotateKeyOnDemand", json!({ "KeyId": key })),
        Command::RotateEvery(RotateEvery { key, days }) => {
            simple("EnableKeyRotation", json!({ "KeyId": key, "RotationPeriodInDays": days }))
        }
        Command::RotateNever(Named { key }) => simple("DisableKeyRotation", json!({ "KeyId": key })),
        Command::Rotations(Named { key }) => {
            let response = store.ask_all("ListKeyRotations", &json!({ "KeyId": key }), "Rotations")?;
            store.show(&response, |response| {
                let rotations = response["Rotations"].as_array().map(Vec::as_slice).unwrap_or_default();
                rotations
                    .iter()
                    .map(|one| format!("{} {}\n", one["RotationDate"], field(one, "RotationType")))
                    .collect()
            });
            Ok(ExitCode::SUCCESS)
        }
        Command::ScheduleDeletion(ScheduleDeletion { key, days }) => {
            simple("ScheduleKeyDeletion", json!({ "KeyId": key, "PendingWindowInDays": days }))
        }
        Command::CancelDeletion(Named { key }) => simple("CancelKeyDeletion", json!({ "KeyId": key })),
        Command::Tag(Tag { key, tags }) => simple("TagResource", json!({ "KeyId": key, "Tags": tags_of(&tags) })),
        Command::Untag(Untag { key, names }) => simple("UntagResource", json!({ "KeyId": key, "TagKeys": names })),
        Command::Limit(SetLimit { key, uses }) => {
            store.open(1)?.change("SetKeyLimit", now(), |state| {
                let id = state.find(&key, now())?;
                if uses == Some(0) {
                    return Err(KmsError::validation("a limit is at least 1"));
                }
                state.key_mut(&id)?.limit = uses;
                Ok(())
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Command::PublicKey(PublicKey { key, out }) => {
            let response = store.ask("GetPublicKey", json!({ "KeyId": key }))?;
            if store.is_json() {
                store.show(&response, |_| String::new());
            } else {
                let der = STANDARD.decode(field(&response, "PublicKey"));
                write(out.as_deref(), &der.map_err(|error| Failure::Failed(error.to_string()))?)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn create(store: &StoreArgs, args: Create) -> Result<ExitCode, Failure> {
    let policy = match &args.policy {
        Some(file) => Some(std::fs::read_to_string(file).map_err(|error| failed(file, &error))?),
        None => None,
    };
    let response = store.ask(
        "CreateKey",
        json!({
            "KeySpec": args.key_spec,
            "KeyUsage": args.key_usage,
            "Description": args.description,
            "Policy": policy,
            "Tags": tags_of(&args.tag),
        }),
    )?;
    let id = field(&response["KeyMetadata"], "KeyId");
    if let Some(alias) = &args.alias {
        store.ask("CreateAlias", json!({ "AliasName": alias, "TargetKeyId": id }))?;
    }
    store.show(&response, |_| id.to_owned());
    Ok(ExitCode::SUCCESS)
}

fn tags_of(tags: &[(String, String)]) -> Value {
    tags.iter().map(|(name, value)| json!({ "TagKey": name, "TagValue": value })).collect()
}

fn list(store: &StoreArgs) -> Result<ExitCode, Failure> {
    // The operation decides whether the caller may; what is shown is more than it answers.
    let allowed = store.ask_all("ListKeys", &json!({}), "Keys")?;
    let opened = store.open(1)?;
    let state = opened.state();
    let shown = allowed["Keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let keys: Vec<Value> = shown
        .iter()
        .filter_map(|entry| {
            let key = state.keys.get(field(entry, "KeyId"))?;
            let counted = key.versions.last()?.counted;
            let names = state.aliases.iter().filter(|(_, alias)| alias.key == key.id).map(|(name, _)| name);
            Some(json!({
                "KeyId": key.id,
                "KeyArn": state.key_arn(&key.id),
                "KeySpec": key.spec.name(),
                "KeyState": key.state().name(),
                "Aliases": names.collect::<Vec<_>>(),
                "CreationDate": key.created,
                "MaterialVersion": key.versions.len(),
                "Uses": counted.uses,
                "Bytes": counted.bytes,
                "Limit": key.limit().uses,
                "LimitSource": key.limit().source,
                "Percent": key.percent(),
            }))
        })
        .collect();
    store.show(&json!({ "Keys": keys }), |_| {
        let line = |key: &Value| {
            let percent =
                key["Percent"].as_u64().map_or_else(|| "no limit".to_owned(), |percent| format!("{percent} %"));
            let aliases = key["Aliases"].as_array().into_iter().flatten().filter_map(Value::as_str);
            format!(
                "{}  {}  {}  {} uses  {} bytes  {percent}  {}\n",
                field(key, "KeyId"),
                field(key, "KeySpec"),
                field(key, "KeyState"),
                key["Uses"],
                key["Bytes"],
                aliases.collect::<Vec<_>>().join(" ")
            )
        };
        keys.iter().map(line).collect()
    });
    Ok(ExitCode::SUCCESS)
}
