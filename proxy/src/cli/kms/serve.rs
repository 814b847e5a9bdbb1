//! pgseal kms serve.

use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::open::{Failure, StoreArgs};
use crate::cli::schema::print;
use crate::cli::serve::start_log;
use crate::kms;

/// How many uses of a key are counted with one write of the store. What a killed service had left counts as used: of
/// a limit of 2^48, nothing.
const AHEAD: u64 = 1 << 16;

/// Flags of `pgseal kms serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where clients connect (port 0: any free one)
    #[arg(long, env = "PGSEAL_KMS_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
    /// Listen beyond this machine although there is no TLS here: data keys cross the network in the clear
    #[arg(long, env = "PGSEAL_KMS_CLEAR_TEXT_BEYOND_LOOPBACK")]
    clear_text_beyond_loopback: bool,
}

pub(super) fn run(store: &StoreArgs, args: &Args) -> Result<ExitCode, Failure> {
    if !args.listen.ip().is_loopback() && !args.clear_text_beyond_loopback {
        return Err(Failure::Usage(format!(
            "{} is reached from other machines, and answers hold data keys in the clear: put TLS in front and listen on \
             127.0.0.1, or say --clear-text-beyond-loopback",
            args.listen
        )));
    }
    start_log();
    let opened = store.open(AHEAD)?;
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", args.listen));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
        let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        let (mut terminate, mut interrupt) = (terminate.map_err(failed)?, interrupt.map_err(failed)?);
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            let _ = stop.send(true);
        });
        let address = listener.local_addr().map_err(failed)?;
        print(format_args!("listening on http://{address} (region {})", opened.state().region));
        kms::serve(listener, opened, stopped).await?;
        Ok(ExitCode::SUCCESS)
    })
}
