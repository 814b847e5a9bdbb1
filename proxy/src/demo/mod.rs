//! pgseal demo: a real application session on sealed columns, and what the database holds of it.
//!
//! Everything that is printed was measured just before; the commands that it runs are this very binary's.

mod ask;
mod block_attacks;
mod block_cost;
mod block_leaks;
mod block_readers;
mod block_remains;
mod block_table;
mod error;
mod print;
mod sample;
mod server;
mod stage;

pub use error::Error;

use stage::Stage;

/// Runs the demo: on a server of its own, or on the one that `database` names.
///
/// # Errors
/// What could not be done, with what the command or the server said.
pub fn run(keep: bool, database: Option<&str>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new("starting", error))?;
    runtime.block_on(show(keep, database))
}

async fn show(keep: bool, database: Option<&str>) -> Result<(), Error> {
    print::title("pgseal: an application works on sealed columns; the database holds ciphertext");
    let mut stage = Stage::set(database).await?;
    let outcome = blocks(&mut stage).await;
    if outcome.is_ok() && keep {
        keep_running(&stage).await?;
    }
    // Whatever happened, what the demo made in somebody else's server goes away again.
    let cleared = stage.clear().await;
    outcome.and(cleared)
}

async fn blocks(stage: &mut Stage) -> Result<(), Error> {
    let rows = block_table::show(stage).await?;
    block_readers::show(stage, &rows).await?;
    block_leaks::show(stage, &rows).await?;
    block_attacks::show(stage, &rows).await?;
    block_cost::show(stage, &rows).await?;
    block_remains::show(stage).await?;
    print::title("Not shown, because not in this version");
    print::text(
        "Sealing a table that holds data; masked roles; statements as ORMs send them beside a plaintext twin (block 4: the \
         tests do it, see README.md); key rotation under load (6); sealed backups (7).",
    );
    print::text("Yours next: README.md, \"The first table of your own\".");
    Ok(())
}

async fn keep_running(stage: &Stage) -> Result<(), Error> {
    print::title("Still running; Ctrl-C ends it");
    print::text("what the application sees:");
    print::code(&stage.psql_through_proxy());
    print::text("what the database holds:");
    print::code(&stage.psql_direct());
    tokio::signal::ctrl_c().await.map_err(|error| Error::new("waiting for Ctrl-C", error))
}
