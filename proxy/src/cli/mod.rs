//! The command line: a command a file. Exit codes: 0 ok, 1 failed, 2 changes pending, 64 wrong usage.

pub mod demo;
pub mod explain;
pub mod keys;
pub mod kms;
pub mod schema;
pub mod serve;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use pgseal::schema::Relation;

/// Field-level encryption for PostgreSQL.
///
/// Applications connect to `pgseal serve` as to any PostgreSQL; the columns that a schema file names are sealed
/// before they reach the server and opened on the way back.
#[derive(Debug, Parser)]
#[command(name = "pgseal", version, max_term_width = 110, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch an application work on sealed columns, and see what the database holds of it
    Demo(demo::Args),
    /// Check a schema file, show what it would change, apply it
    #[command(subcommand)]
    Schema(schema::Command),
    /// Run the proxy
    Serve(serve::Args),
    /// Show what becomes of a statement: decision, reason, physical SQL
    Explain(explain::Args),
    /// Create the keys that a schema file names
    #[command(subcommand)]
    Keys(keys::Command),
    /// The embedded key service: keys, policies, grants, and what AWS KMS does with them
    Kms(kms::Args),
    /// Commands of later versions: known, and refused by name
    #[command(external_subcommand)]
    Later(Vec<String>),
}

/// Commands that are planned: refused with "not in this version", not "unknown".
const LATER: &[&str] = &[
    "advise",
    "attack",
    "backfill",
    "ca",
    "completions",
    "doctor",
    "evidence",
    "hsm",
    "init",
    "man",
    "observe",
    "open",
    "psql",
    "rotate",
    "seal",
    "tde",
    "tls",
    "users",
    "verify",
];

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let shown = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // A closed stderr leaves nobody to tell.
            let _ = error.print();
            return if shown { ExitCode::SUCCESS } else { ExitCode::from(64) };
        }
    };
    match cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Schema(command) => schema::run(command),
        Command::Serve(args) => serve::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Keys(command) => keys::run(command),
        Command::Kms(args) => kms::run(args),
        Command::Later(words) => later(&words),
    }
}

fn later(words: &[String]) -> ExitCode {
    let name = words.first().map_or("", String::as_str);
    if LATER.contains(&name) {
        fail(format_args!("`pgseal {name}` is not in this version"));
        return ExitCode::FAILURE;
    }
    fail(format_args!("unknown command `{name}`; `pgseal --help` lists the commands"));
    ExitCode::from(64)
}

/// Prints one warning to stderr for each table of the schema file that the database does not have.
#[allow(clippy::print_stderr)]
pub(crate) fn warn_of_absent<'r>(absent: impl IntoIterator<Item = &'r Relation>) {
    for Relation { schema, name } in absent {
        eprintln!(
            "pgseal: warning: table {schema}.{name} of the schema file does not exist\n  help: until it is created at the \
             database and applied, whatever names it is refused; if its name is written wrong, the table that was \
             meant is not protected"
        );
    }
}

/// Prints one error line to stderr.
#[allow(clippy::print_stderr)]
pub(crate) fn fail(text: impl std::fmt::Display) {
    eprintln!("pgseal: {text}");
}
