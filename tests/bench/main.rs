//! What pgseal costs beside a direct connection and PgBouncer: `cargo bench --bench cost`.
//!
//! Everything runs on loopback against a private PostgreSQL. Rounds are short and alternate between the variants, so
//! that a busy machine is busy for all of them; medians are compared with the baseline of the same run.

mod latency;
mod pgbench;
mod process;
mod servers;
mod table;

use std::error::Error;
use std::process::ExitCode;

/// What went wrong, told once at the end.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    // `cargo test --benches` runs this program too, and has no use for figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("run it with: cargo bench --bench cost");
        return ExitCode::SUCCESS;
    }
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = std::iter::successors(error.source(), |cause| (*cause).source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            eprintln!("cost: {error}{causes}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    let servers = servers::Servers::start()?;
    pgbench::report(&servers)?;
    latency::report(&servers)
}
