//! pgseal kms init and anchor.

use std::process::ExitCode;

use pgseal::kms::state::State;
use pgseal::kms::store::{Root, Store};

use super::open::{Failure, StoreArgs, failed};
use crate::cli::schema::print;
use crate::kms::now;

/// Flags of `pgseal kms init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The account that keys are made in: twelve digits
    #[arg(long, value_name = "ACCOUNT", default_value = "000000000000")]
    account: String,
    /// For ARNs and signatures; clients must be told the same
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,
}

pub(super) fn run(store: &StoreArgs, args: &Args) -> Result<ExitCode, Failure> {
    let refused = |error: pgseal::kms::error::KmsError| Failure::Usage(error.message);
    let state = State::new(&args.account, &args.region).map_err(refused)?;
    let paths = store.paths()?;
    let root = match store.key_file()? {
        Some(file) if !std::fs::exists(&file).map_err(|error| failed(&file, &error))? => {
            let root = Root::create_key_file(&file)?;
            print(format_args!(
                "key file made: {}\n  keep a copy where the store is not: without it nothing opens",
                file.display()
            ));
            root
        }
        Some(_) | None => store.root()?,
    };
    Store::create(&paths, &root, state, now())?;
    print(format_args!(
        "store made: {}\n  audit log: {}\n  anchor: {} (best on another disk: it tells a store that was copied back)",
        paths.store.display(),
        paths.audit.display(),
        paths.anchor.display()
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn anchor(store: &StoreArgs) -> Result<ExitCode, Failure> {
    let made = Store::anchor_anew(&store.paths()?, &store.root()?, now())?;
    let (writes, records) = (made.state().generation, made.audit_head().records);
    print(format_args!("anchor made: write {writes}, audit record {records}"));
    Ok(ExitCode::SUCCESS)
}
