//! Seals a CSV file into a sealed table, in transactions of many rows, with a progress bar.
//!
//! ```text
//! cargo run -p pgseal --example seal_csv --features client,config,testing
//! ```
//!
//! seals the sample beside this file into a throw-away PostgreSQL and shows what both sides see. On yours:
//!
//! ```text
//! DATABASE_URL=… PGSEAL_SCHEMA=payments.toml seal_csv [--skip-bad] [--batch ROWS] cards.csv
//! ```
//!
//! A bad row is named by its line, never by its values. It stops the run, with nothing of its transaction stored, or is
//! left out with `--skip-bad`. `batch` does the work.

#[path = "../shared/amount.rs"]
mod amount;
mod batch;
#[path = "../shared/source.rs"]
mod source;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fs::File;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use pgseal::client::Client;

use batch::{BadRow, Batches};
use source::Source;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/seal_csv/cards.csv");
const USAGE: &str = "usage: seal_csv [--skip-bad] [--batch ROWS] [FILE.csv]";

/// What was asked for.
struct Options {
    file: PathBuf,
    batches: Batches,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(std::env::args().skip(1)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("seal_csv: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let Options { file, batches } = options(arguments)?;
    let input = File::open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let source = Source::from_environment().await?;
    let bar = progress(input.metadata()?.len())?;
    let mut client = source.sealer.client(&source.pool).await?;
    let mut bad = |row: &BadRow| bar.suspend(|| eprintln!("{row}"));
    let done = batches.seal(&mut client, input, |bytes| bar.set_position(bytes), &mut bad).await;
    bar.finish_and_clear();
    let report = done?;
    println!("{} rows sealed, {} left out", report.sealed, report.left_out);
    if source.throw_away.is_some() {
        show(&source, &client).await?;
    }
    Ok(())
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { file: SAMPLE.into(), batches: Batches { rows: 500, skip_bad: false } };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--skip-bad" => options.batches.skip_bad = true,
            "--batch" => {
                let rows = arguments.next().and_then(|rows| rows.parse().ok()).filter(|&rows| rows > 0);
                options.batches.rows = rows.ok_or("--batch takes a number of rows from 1")?;
            }
            option if option.starts_with('-') => return Err(USAGE.to_owned()),
            file => options.file = file.into(),
        }
    }
    Ok(options)
}

/// Over the bytes of the file; nothing is drawn where nobody looks.
fn progress(bytes: u64) -> Result<ProgressBar, Box<dyn Error>> {
    if !stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")?;
    Ok(ProgressBar::new(bytes).with_style(style))
}

/// One row of the sample, as the application and as the server's administrator see it.
async fn show(source: &Source, client: &Client) -> Result<(), Box<dyn Error>> {
    let pan = "4000000000000001";
    let row = client.query_opt("SELECT id, holder FROM payment_card WHERE pan = $1", &[&pan]).await?;
    let Some(row) = row else { return Ok(()) };
    let (id, holder): (i64, &str) = (row.try_get("id")?, row.try_get("holder")?);
    println!("by pan {pan} the application finds: {id}, {holder}");
    let server = source.pool.get().await?;
    let row = server.query_one("SELECT left(holder::bytea::text, 40) FROM payment_card WHERE id = $1", &[&id]).await?;
    println!("what the server has of that holder: {}…", row.try_get::<_, &str>(0)?);
    Ok(())
}
