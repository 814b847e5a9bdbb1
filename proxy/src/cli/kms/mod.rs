//! pgseal kms: the embedded key service, a group of verbs a file. Who knows `aws kms` finds its operations here.

mod alias;
mod audit;
mod caller;
mod data;
mod grant;
mod init;
mod key;
mod open;
mod policy;
mod serve;

use std::process::ExitCode;

/// Flags and verbs of `pgseal kms`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    store: open::StoreArgs,
    #[command(subcommand)]
    command: Command,
}

/// The verbs of `pgseal kms`.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a store, and a key file if there is none
    Init(init::Args),
    /// Answer AWS's SDKs and awscli over HTTP
    Serve(serve::Args),
    /// Who may call over HTTP: identities, their IAM policies, their access keys
    #[command(subcommand)]
    Caller(caller::Command),
    /// Keys: make, list, describe, rotate, disable, end
    #[command(subcommand)]
    Key(key::Command),
    /// Names for keys
    #[command(subcommand)]
    Alias(alias::Command),
    /// Key policies
    #[command(subcommand)]
    Policy(policy::Command),
    /// Grants, also such that end by themselves
    #[command(subcommand)]
    Grant(grant::Command),
    /// Encrypt up to 4,096 bytes
    Encrypt(data::Encrypt),
    /// Decrypt what `encrypt` or an AWS SDK made with a key of this store
    Decrypt(data::Decrypt),
    /// Sign a message, or with --digest its digest
    Sign(data::Sign),
    /// Verify a signature; exit code 1 if it does not hold
    Verify(data::Verify),
    /// Make a message's tag (HMAC)
    Mac(data::Mac),
    /// Verify a tag; exit code 1 if it does not hold
    VerifyMac(data::VerifyMac),
    /// Random bytes
    Random(data::Random),
    /// The audit log
    #[command(subcommand)]
    Audit(audit::Command),
    /// Make the anchor anew: only after a restore that was meant
    Anchor,
}

/// Runs one.
pub fn run(args: Args) -> ExitCode {
    let Args { store, command } = args;
    match command {
        Command::Policy(policy::Command::Test(args)) => policy::test(&args),
        command => open::settle(with_store(&store, command)),
    }
}

fn with_store(store: &open::StoreArgs, command: Command) -> Result<ExitCode, open::Failure> {
    match command {
        Command::Init(args) => init::run(store, &args),
        Command::Serve(args) => serve::run(store, &args),
        Command::Caller(command) => caller::run(store, command),
        Command::Key(command) => key::run(store, command),
        Command::Alias(command) => alias::run(store, command),
        Command::Policy(command) => policy::run(store, command),
        Command::Grant(command) => grant::run(store, command),
        Command::Encrypt(args) => data::encrypt(store, &args),
        Command::Decrypt(args) => data::decrypt(store, &args),
        Command::Sign(args) => data::sign(store, &args),
        Command::Verify(args) => data::verify(store, &args),
        Command::Mac(args) => data::mac(store, &args),
        Command::VerifyMac(args) => data::verify_mac(store, &args),
        Command::Random(args) => data::random(store, &args),
        Command::Audit(command) => audit::run(store, &command),
        Command::Anchor => init::anchor(store),
    }
}
