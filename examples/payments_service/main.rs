//! A JSON API over sealed tables: create, find, read and change payment cards and their payments.
//!
//! ```text
//! cargo run -p pgseal --example payments_service --features client,config,testing,with-serde_json-1
//! ```
//!
//! starts it on a throw-away PostgreSQL. On yours: `pgseal schema apply --create-keys` with `schema/payments.toml`, then
//! the same command with `DATABASE_URL`, and `PGSEAL_SCHEMA` for the path of the schema file. `LISTEN` is where it
//! listens, else 127.0.0.1:8080.
//!
//! `api` is what a service of your own would look like: its SQL is that of an unsealed table. `answer` says which error
//! becomes which status.

#[path = "../shared/amount.rs"]
mod amount;
mod answer;
mod api;
#[path = "../shared/source.rs"]
mod source;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use deadpool_postgres::Pool;
use pgseal::client::{self, Client};
use pgseal::sealer::Sealer;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use source::Source;

/// How long requests in flight may take to end.
const DRAIN: Duration = Duration::from_secs(30);

/// What every request has at hand.
struct Service {
    pool: Pool,
    sealer: Sealer,
    log: Log,
}

/// Where a line goes. No line holds a value.
type Log = Box<dyn Fn(&str) + Send + Sync>;

impl Service {
    /// A connection of the pool, for one request.
    async fn client(&self) -> Result<Client, client::Error> {
        self.sealer.client(&self.pool).await
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("payments_service: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let stop = asked_to_stop()?;
    let source = Source::from_environment().await?;
    let listener = TcpListener::bind(std::env::var("LISTEN").as_deref().unwrap_or("127.0.0.1:8080")).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}");
    if source.throw_away.is_some() {
        println!("on a throw-away PostgreSQL; try");
        println!(
            "  curl -i http://{address}/cards -H 'content-type: application/json' -d \
             '{{\"customer_id\":1,\"pan\":\"4000000000000002\",\"holder\":\"Ada Specimen\",\"credit_limit\":\"250.00\"}}'"
        );
        println!(
            "  curl -i http://{address}/cards/search -H 'content-type: application/json' -d \
             '{{\"pan\":\"4000000000000002\"}}'"
        );
    }
    let log: Log = Box::new(|line| eprintln!("{line}"));
    let service = Service { pool: source.pool.clone(), sealer: source.sealer.clone(), log };
    serve(listener, service, stop).await?;
    source.pool.close();
    Ok(())
}

/// Answers until `stop`, then takes no more requests and ends those in flight.
async fn serve(
    listener: TcpListener,
    service: Service,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, mut stopped) = watch::channel(false);
    let graceful = async move {
        stop.await;
        stopping.send_replace(true);
    };
    let too_late = async move {
        // An error means that the server has ended already.
        if stopped.wait_for(|stopped| *stopped).await.is_ok() {
            tokio::time::sleep(DRAIN).await;
        }
    };
    tokio::select! {
        ended = axum::serve(listener, api::router(service)).with_graceful_shutdown(graceful).into_future() => ended,
        () = too_late => Err(io::Error::new(io::ErrorKind::TimedOut, "requests were still running after the drain time")),
    }
}

/// Ready at SIGTERM or ctrl-c. The signals are taken over at once, so that none is lost while the service starts.
fn asked_to_stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
