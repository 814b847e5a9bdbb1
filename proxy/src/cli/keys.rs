//! pgseal keys: the keys that a schema file names.

use std::process::ExitCode;

use super::schema::{DatabaseArgs, print, settle};
use pgseal::apply::keys::{self, KeyReport};

/// The verbs of `pgseal keys`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a branch key and its beacon key; one that exists is left alone
    Create(CreateArgs),
    /// Known, and of a later version
    #[command(external_subcommand)]
    Later(Vec<String>),
}

/// Flags of `pgseal keys create`.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// The id, as [branch_keys.NAME] in the schema file
    name: String,
    #[command(flatten)]
    common: DatabaseArgs,
}

const LATER: &[&str] = &["list", "status", "rotate", "disable", "backup", "restore", "drill", "shred"];

/// Runs one.
pub fn run(command: Command) -> ExitCode {
    match command {
        Command::Create(args) => {
            let name = args.name;
            settle(args.common.with(true, |request| async move {
                let reports = keys::create(&request.borrow(), &name).await.map_err(|error| error.to_string())?;
                show(&reports);
                Ok(ExitCode::SUCCESS)
            }))
        }
        Command::Later(words) => {
            let name = words.first().map_or("", String::as_str);
            if LATER.contains(&name) {
                super::fail(format_args!("`pgseal keys {name}` is not in this version"));
                return ExitCode::FAILURE;
            }
            super::fail(format_args!("unknown command `keys {name}`; `pgseal keys --help` lists the commands"));
            ExitCode::from(64)
        }
    }
}

/// What became of each key.
pub(super) fn show(reports: &[KeyReport]) {
    for report in reports {
        match report {
            KeyReport::RootKey(file) => {
                print(format_args!(
                    "root key made: {file}\n  keep a copy where the database is not: without it nothing opens"
                ));
            }
            KeyReport::Created(id) => print(format_args!("key {id}: made")),
            KeyReport::Pinned(id) => print(format_args!("key {id}: was in the key store, now in the lock")),
            KeyReport::Known(id) => print(format_args!("key {id}: there")),
            KeyReport::Missing(id) => print(format_args!("key {id}: missing; make it with `pgseal keys create {id}`")),
        }
    }
}
