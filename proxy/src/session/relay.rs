//! The two directions of a session, independent of each other within one task.
//!
//! Each reads as much as there is, handles every whole frame, writes once. A blocked write stops only the reading
//! that feeds it: that is the back-pressure, and the reason why a pipeline that fills both sockets goes on.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::time::Duration;

use pgseal::error::SqlState;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::fatal::{self, Fatal};
use super::gate::Gate;
use super::startup::Session;
use super::state::State;
use super::{Core, cancel, until};
use crate::listener::Phase;
use crate::upstream::{ReadHalf, Stream, WriteHalf};
use crate::wire::buffer::{Inbound, Outbound};

/// What a handler wants before it can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// More bytes, up to a frame of this length at the front.
    Bytes(usize),
    /// An answer of the other side.
    Wait,
    /// A turn of the other sessions first.
    Turn,
    /// The key version that the row at the front names, if it is to be had.
    Key,
}

/// Why a session ends.
enum End {
    /// The client is gone, or said so.
    Client,
    /// The server closed.
    Server,
    /// We end it.
    Fatal(Fatal),
}

/// What the two directions share.
struct Link<'s> {
    core: &'s Core,
    state: RefCell<State>,
    /// The client's side has something to do: see [`State::wake`].
    woken: Notify,
    /// How often the client took bytes.
    taken: Cell<u64>,
    /// Number of the host.
    host: usize,
}

/// Relays until one side ends.
pub(super) async fn run(client: &mut Stream, session: Session, core: &Core, mut phase: watch::Receiver<Phase>) {
    let Session { mut server, host, from_client, from_server, protected, path } = session;
    let state = RefCell::new(State::new(protected.then_some(&*core.context), Some(path)));
    let link = Link { core, state, woken: Notify::new(), taken: Cell::new(0), host };
    let mut to_client = Outbound::default();
    let end = {
        let (client_reader, client_writer) = client.split();
        let (server_reader, server_writer) = server.split();
        let down = pin!(downward(server_reader, client_writer, from_server, &mut to_client, &link));
        let up = pin!(upward(client_reader, server_writer, from_client, &link));
        let drained = pin!(drained(&mut phase, &link.state));
        tokio::select! {
            biased;
            end = Gate::new(down) => end,
            end = Gate::new(up) => end,
            () = Gate::new(drained) => End::Fatal(Fatal::shutdown()),
        }
    };
    finish(end, client, server, &link, &to_client).await;
}

async fn upward(mut reader: ReadHalf<'_>, mut writer: WriteHalf<'_>, mut inbound: Inbound, link: &Link<'_>) -> End {
    let mut outbound = Outbound::default();
    loop {
        let need = link.state.borrow_mut().handle_client(link.core, &mut inbound, outbound.bytes());
        if !outbound.is_empty() && outbound.write(&mut writer).await.is_err() {
            // The server closed. What it said last is still on its way to the client.
            return std::future::pending().await;
        }
        let wanted = match need {
            Ok(Need::Bytes(wanted)) => wanted,
            Ok(Need::Wait) => {
                link.woken.notified().await;
                continue;
            }
            Ok(Need::Turn | Need::Key) => {
                tokio::task::yield_now().await;
                continue;
            }
            Err(fatal) => return End::Fatal(fatal),
        };
        let read = tokio::select! {
            biased;
            read = inbound.read(&mut reader, wanted) => read,
            () = link.woken.notified() => continue,
        };
        match read {
            Ok(0) => return half_closed(link).await,
            Ok(_) => {}
            Err(_) => return End::Client,
        }
    }
}

/// The client closed its side. It may still read: as long as answers flow, they are delivered.
async fn half_closed(link: &Link<'_>) -> End {
    let grace = link.core.context.limits.half_closed;
    let (mut taken, mut since) = (link.taken.get(), Instant::now());
    while !link.state.borrow().is_idle() && since.elapsed() < grace {
        tokio::time::sleep(grace / 8).await;
        if taken != link.taken.get() {
            (taken, since) = (link.taken.get(), Instant::now());
        }
    }
    End::Client
}

async fn downward(
    mut reader: ReadHalf<'_>,
    mut writer: WriteHalf<'_>,
    mut inbound: Inbound,
    outbound: &mut Outbound,
    link: &Link<'_>,
) -> End {
    let mut known = false;
    loop {
        let need = {
            let state = &mut link.state.borrow_mut();
            let need = state.handle_server(link.core, &mut inbound, outbound.bytes());
            if !known && !state.key.is_empty() {
                known = true;
                link.core.context.cancels.insert(&state.key, link.host);
            }
            if std::mem::take(&mut state.wake) {
                link.woken.notify_one();
            }
            need
        };
        if !outbound.is_empty() {
            if outbound.write(&mut writer).await.is_err() {
                return End::Client;
            }
            link.taken.set(link.taken.get().wrapping_add(1));
        }
        let wanted = match need {
            Ok(Need::Bytes(wanted)) => wanted,
            Ok(Need::Wait | Need::Turn) => {
                tokio::task::yield_now().await;
                continue;
            }
            Ok(Need::Key) => {
                load_key(link).await;
                continue;
            }
            Err(fatal) => return End::Fatal(fatal),
        };
        match inbound.read(&mut reader, wanted).await {
            Ok(0) | Err(_) => return End::Server,
            Ok(_) => {}
        }
    }
}

/// Loads what was sought last; if it is not to be had, the row is an error when it is opened again.
async fn load_key(link: &Link<'_>) {
    let sought = link.state.borrow().sought.last();
    if let (Some(control), Some((id, key_ref))) = (&link.core.context.control, sought)
        && let Err(error) = control.load_version(&id, key_ref).await
    {
        // The client is told by the row's own error. Rows are the server's: they must not fill the log.
        tracing::debug!(%error, "a key version that a row names could not be loaded");
    }
}

/// Waits until the process drains and this session is idle, or until its time is over.
async fn drained(phase: &mut watch::Receiver<Phase>, state: &RefCell<State>) {
    until(phase, Phase::Draining).await;
    loop {
        if state.borrow().is_idle() {
            return;
        }
        tokio::select! {
            () = until(phase, Phase::Ending) => return,
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    }
}

/// Says good-bye to both sides, and cancels what nobody waits for any more.
async fn finish(end: End, client: &mut Stream, mut server: Stream, link: &Link<'_>, to_client: &Outbound) {
    let context = &link.core.context;
    let (key, busy, whole, expected) = {
        let state = link.state.borrow();
        let whole = state.from_server.bytes == 0 && to_client.is_empty();
        (state.key.clone(), !state.queue.is_empty(), whole, state.server_failed || state.terminated)
    };
    let farewell = match &end {
        End::Client => None,
        End::Server if expected => None,
        End::Server => {
            let message = "the server closed the connection unexpectedly";
            Some(Fatal::new(SqlState::CONNECTION_FAILURE, message))
        }
        End::Fatal(fatal) => Some(fatal.clone()),
    };
    if let Some(fatal) = farewell {
        tracing::info!(sqlstate = %fatal.sqlstate, reason = %fatal.message, "session ended");
        if whole {
            fatal::send(client, &fatal).await;
        }
    }
    match end {
        End::Server => {}
        End::Client | End::Fatal(_) => {
            if busy && !key.is_empty() {
                cancel::request(context, &key).await;
            }
            // It may be gone already.
            let _ = terminate(&mut server).await;
        }
    }
    context.cancels.remove(&key);
}

async fn terminate(server: &mut Stream) -> io::Result<()> {
    let (_, mut writer) = server.split();
    let farewell = writer.write_all(b"X\0\0\0\x04");
    tokio::time::timeout(Duration::from_secs(2), farewell).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
