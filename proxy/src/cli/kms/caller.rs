//! pgseal kms caller: who may call over HTTP. No operation of AWS KMS: whoever holds the store's root decides.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use pgseal::kms::authz::{Policy, Principal};
use pgseal::kms::error::{Code, KmsError};
use pgseal::kms::state::{Caller, State};
use serde_json::json;
use zeroize::Zeroizing;

use super::open::{Failure, StoreArgs, failed, pair, write};
use crate::cli::schema::print;
use crate::kms::now;

/// The verbs of `pgseal kms caller`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add an identity, and make it an access key
    Add(Add),
    /// Make another access key; the old ones stay
    AddKey(Named),
    /// Take an access key away
    RemoveKey(RemoveKey),
    /// Replace the IAM policies of an identity
    Policy(SetPolicy),
    /// Show identities and the ids of their access keys
    List,
    /// Remove an identity with its access keys
    Remove(Named),
}

/// Flags of `pgseal kms caller add`.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// What it is called here
    name: String,
    /// Who it is, for example arn:aws:iam::000000000000:role/app
    #[arg(long)]
    arn: String,
    /// An IAM policy, as JSON; may come again
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// For aws:PrincipalTag; may come again
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    tag: Vec<(String, String)>,
    /// For aws:PrincipalOrgID
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// Write the access key to this file, as AWS's SDKs read it [default: shown]
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
}

/// An identity.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// What it is called here
    name: String,
    /// Write the access key to this file, as AWS's SDKs read it [default: shown]
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
}

/// An access key.
#[derive(Debug, clap::Args)]
pub(super) struct RemoveKey {
    /// What its identity is called here
    name: String,
    /// The id of the access key
    id: String,
}

/// IAM policies.
#[derive(Debug, clap::Args)]
pub(super) struct SetPolicy {
    /// What the identity is called here
    name: String,
    /// An IAM policy, as JSON; may come again; without any it has none
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
}

pub(super) fn run(store: &StoreArgs, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Add(args) => add(store, args)?,
        Command::AddKey(Named { name, credentials }) => {
            let made = store.open(1)?.change("AddAccessKey", now(), |state| new_key(state, &name))?;
            give(store, credentials.as_ref(), &name, &made)?;
        }
        Command::RemoveKey(RemoveKey { name, id }) => {
            store.open(1)?.change("RemoveAccessKey", now(), |state| {
                let caller = state.callers.get_mut(&name).ok_or_else(|| no_caller(&name))?;
                let removed = caller.access_keys.remove(&id);
                removed
                    .map(|_| ())
                    .ok_or_else(|| KmsError::new(Code::NOT_FOUND, format!("{name} has no access key {id}")))
            })?;
        }
        Command::Policy(SetPolicy { name, policy }) => {
            let policies = policies(&policy)?;
            store.open(1)?.change("SetCallerPolicies", now(), |state| {
                state.callers.get_mut(&name).ok_or_else(|| no_caller(&name))?.policies = policies;
                Ok(())
            })?;
        }
        Command::List => list(store)?,
        Command::Remove(Named { name, .. }) => {
            store.open(1)?.change("RemoveCaller", now(), |state| {
                state.callers.remove(&name).map(|_| ()).ok_or_else(|| no_caller(&name))
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn add(store: &StoreArgs, args: Add) -> Result<(), Failure> {
    Principal::parse(&args.arn).map_err(|error| Failure::Usage(format!("{}: {error}", args.arn)))?;
    let policies = policies(&args.policy)?;
    let Add { name, arn, tag, organization, credentials, .. } = args;
    let made = store.open(1)?.change("AddCaller", now(), |state| {
        if state.callers.contains_key(&name) {
            return Err(KmsError::new(Code::ALREADY_EXISTS, format!("there is a caller {name}")));
        }
        let tags: BTreeMap<String, String> = tag.into_iter().collect();
        let caller = Caller { arn, policies, tags, organization, access_keys: BTreeMap::new() };
        state.callers.insert(name.clone(), caller);
        new_key(state, &name)
    })?;
    give(store, credentials.as_ref(), &name, &made)
}

/// An access key that was made: its id, and its secret.
struct Made {
    id: String,
    secret: Zeroizing<String>,
}

fn new_key(state: &mut State, name: &str) -> Result<Made, KmsError> {
    let (id, secret, key) = State::new_access_key(now())?;
    let caller = state.callers.get_mut(name).ok_or_else(|| no_caller(name))?;
    caller.access_keys.insert(id.clone(), key);
    Ok(Made { id, secret: Zeroizing::new(secret) })
}

fn give(store: &StoreArgs, file: Option<&PathBuf>, name: &str, made: &Made) -> Result<(), Failure> {
    let Made { id, secret } = made;
    if let Some(file) = file {
        let region = store.open(1)?.state().region.clone();
        let text = Zeroizing::new(format!(
            "[default]\naws_access_key_id = {id}\naws_secret_access_key = {}\nregion = {region}\n",
            secret.as_str()
        ));
        write(Some(file), text.as_bytes())?;
        print(format_args!("access key {id} of {name} is in {}", file.display()));
        return Ok(());
    }
    let response = json!({ "Caller": name, "AccessKeyId": id, "SecretAccessKey": secret.as_str() });
    store.show(&response, |_| {
        format!("AWS_ACCESS_KEY_ID={id}\nAWS_SECRET_ACCESS_KEY={}\n# shown this once", secret.as_str())
    });
    Ok(())
}

fn list(store: &StoreArgs) -> Result<(), Failure> {
    let opened = store.open(1)?;
    let callers: Vec<_> = opened.state().callers.iter().collect();
    let response = json!({ "Callers": callers.iter().map(|(name, caller)| json!({
        "Name": name,
        "Arn": caller.arn,
        "AccessKeyIds": caller.access_keys.keys().collect::<Vec<_>>(),
        "Policies": caller.policies,
        "Tags": caller.tags,
        "Organization": caller.organization,
    })).collect::<Vec<_>>() });
    store.show(&response, |_| {
        let line = |(name, caller): &(&String, &Caller)| {
            let keys = caller.access_keys.keys().cloned().collect::<Vec<_>>().join(" ");
            format!("{name}  {}  {keys}\n", caller.arn)
        };
        callers.iter().map(line).collect()
    });
    Ok(())
}

fn policies(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).map_err(|error| failed(file, &error))?;
        Policy::parse(&text).map_err(|error| failed(file, &error))?;
        Ok(text)
    };
    files.iter().map(read).collect()
}

fn no_caller(name: &str) -> KmsError {
    KmsError::new(Code::NOT_FOUND, format!("there is no caller {name}"))
}
