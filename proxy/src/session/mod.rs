//! One client connection and its server connection, from the first byte to the last.

pub mod cancel;
mod client;
mod ends;
mod fatal;
mod first;
mod gate;
mod log;
mod queue;
mod relay;
mod sasl;
mod server;
mod sought;
mod startup;
mod state;
mod world;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use pgseal::error::SqlState;
use pgseal::exec::cache::PlanCache;
use pgseal::keys::KeySource;
use pgseal::schema::Protection;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::config::Limits;
use crate::control::Control;
use crate::listener::{Phase, Shortage};
use crate::tls;
use crate::upstream::{Stream, Upstream};
use crate::wire::buffer::Inbound;

/// What all sessions share. `serve` builds it once.
pub struct Context {
    /// The server.
    pub upstream: Upstream,
    /// TLS for clients, if they are offered it.
    pub tls: Option<Arc<tls::client::Leg>>,
    /// Limits.
    pub limits: Limits,
    /// AUTH-3: pass on a server's wish for a clear-text password.
    pub allow_cleartext_password: bool,
    /// Databases beside the upstream's own that are relayed untouched.
    pub pass_databases: Vec<String>,
    /// Which host a CancelRequest belongs to.
    pub cancels: cancel::Registry,
    /// What is protected; sessions follow its changes.
    pub protection: watch::Receiver<Arc<Protection>>,
    /// The keys for it.
    pub keys: Arc<dyn KeySource>,
    /// Told when a session changes the catalog; loads key versions that a row names and nobody knows here yet.
    pub control: Option<Arc<Control>>,
    /// Whether descriptors ran out lately.
    pub shortage: Shortage,
}

/// What the sessions of one core share.
pub struct Core {
    context: Arc<Context>,
    plans: RefCell<PlanCache>,
}

impl Core {
    /// For one runtime.
    pub fn new(context: &Arc<Context>) -> Self {
        Self { context: Arc::clone(context), plans: RefCell::default() }
    }
}

/// Serves one accepted connection to its end.
pub async fn run(mut client: Stream, core: Rc<Core>, mut phase: watch::Receiver<Phase>) {
    let span = log::session(&client);
    let _panic = log::Panic(&span);
    // On the heap: a session that has begun has no room for it any more.
    let opening = Box::pin(startup::open(&mut client, &core.context).instrument(span.clone()));
    let opened = tokio::select! {
        opened = tokio::time::timeout(core.context.limits.authentication, opening) => opened,
        () = until(&mut phase, Phase::Draining) => {
            fatal::send(&mut client, &fatal::Fatal::shutdown()).await;
            return;
        }
    };
    match opened {
        Ok(startup::Opened::Session(session)) => relay::run(&mut client, session, &core, phase, &span).await,
        Ok(startup::Opened::Refused(reason)) => {
            // Of a shortage the log hears once.
            if reason.sqlstate != SqlState::TOO_MANY_CONNECTIONS {
                let sqlstate = reason.sqlstate.code();
                tracing::info!(parent: &span, sqlstate, reason = reason.message, "connection refused");
            }
            fatal::send(&mut client, &reason).await;
        }
        Ok(startup::Opened::Closed) => {}
        Err(_) => {
            let reason = fatal::Fatal::new(SqlState::PROTOCOL_VIOLATION, "authentication took too long");
            fatal::send(&mut client, &reason).await;
        }
    }
    close(&mut client).await;
}

async fn close(client: &mut Stream) {
    let (_, mut writer) = client.split();
    // The peer may be gone already.
    let _ = writer.shutdown().await;
}

/// Why a connection is turned away before anything is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// There is no descriptor for it.
    TooMany,
    /// The server has not been looked at yet: nobody knows what is protected.
    TooEarly,
}

/// Answers a connection that is not served. What it asks is heard first, since a client reads an error as the answer to
/// its start-up packet only.
pub async fn turn_away(mut client: Stream, why: TurnedAway, patience: Duration, tls: Option<&tls::client::Leg>) {
    let reason = match why {
        TurnedAway::TooMany => fatal::Fatal::too_many_clients(),
        TurnedAway::TooEarly => fatal::Fatal::not_yet(),
    };
    let mut inbound = Inbound::default();
    match tokio::time::timeout(patience, first::first_packet(&mut client, &mut inbound, tls)).await {
        Ok(Ok(first::First::Startup(_))) => fatal::send(&mut client, &reason).await,
        Ok(Err(startup::End::Refused(other))) => fatal::send(&mut client, &other).await,
        Ok(Ok(first::First::Cancel(_)) | Err(startup::End::Closed)) | Err(_) => {}
    }
    close(&mut client).await;
}

/// Waits until the process is at least that far in its end. A sender that is gone counts as the end.
async fn until(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    let _ = phase
        .wait_for(|phase| match (*phase, wanted) {
            (Phase::Serving, Phase::Draining | Phase::Ending) | (Phase::Draining, Phase::Ending) => false,
            (Phase::Serving | Phase::Draining | Phase::Ending, _) => true,
        })
        .await;
}

#[cfg(test)]
mod tests;
