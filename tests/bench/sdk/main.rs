//! What the SDK costs beside plain tokio-postgres, and what sealing and planning cost by themselves: `cargo bench --bench
//! sdk`; `cargo bench --bench sdk -- planning` is the last alone.
//!
//! Everything runs on loopback against a private PostgreSQL. Rounds are short and alternate between the variants, so
//! that a busy machine is busy for all of them; medians are compared with those of the same run.

mod planning;
mod records;
mod statements;
#[path = "../table.rs"]
mod table;

use std::error::Error;
use std::process::ExitCode;

/// What went wrong, told once at the end.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    // `cargo test --benches` runs this program too, and has no use for figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("run it with: cargo bench --bench sdk");
        return ExitCode::SUCCESS;
    }
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = std::iter::successors(error.source(), |cause| (*cause).source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            eprintln!("sdk: {error}{causes}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    planning::report()?;
    if std::env::args().any(|argument| argument == "planning") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        records::report().await?;
        statements::report().await
    })
}
