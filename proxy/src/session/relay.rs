//! The two directions of a session, independent of each other within one task.
//!
//! Each reads as much as there is, handles every whole frame, writes once. A blocked write stops only the reading
//! that feeds it: that is the back-pressure, and the reason why a pipeline that fills both sockets goes on.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use pgseal::error::SqlState;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tracing::{Instrument as _, Span};

use super::ends;
use super::fatal::{self, Fatal};
use super::gate::{Gate, Signal};
use super::startup::Session;
use super::state::State;
use super::{Core, until};
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
    /// What the client has to be told is on its way to it: nothing is over before that.
    telling: Cell<bool>,
    /// The client's side has something to do: see [`State::wake`].
    woken: Signal,
    /// The client is to be asked whether it is still there.
    question: Signal,
    /// Number of the host.
    host: usize,
}

/// Relays until one side ends. What is logged meanwhile belongs to `span`.
pub(super) async fn run(
    client: &mut Stream,
    session: Box<Session>,
    core: &Core,
    mut phase: watch::Receiver<Phase>,
    span: &Span,
) {
    let Session { mut server, host, from_client, from_server, protected, path } = *session;
    let link = Link {
        core,
        state: RefCell::new(span.in_scope(|| State::new(protected.then_some(&*core.context), Some(path)))),
        telling: Cell::new(false),
        woken: Signal::default(),
        question: Signal::default(),
        host,
    };
    let mut to_client = Outbound::default();
    let end = {
        let (client_reader, client_writer) = client.split();
        let (server_reader, server_writer) = server.split();
        let down = pin!(downward(server_reader, client_writer, from_server, &mut to_client, &link));
        let up = pin!(upward(client_reader, server_writer, from_client, &link));
        let drained = pin!(drained(&mut phase, &link));
        let (down, up) = (Gate::new(down), Gate::new(up));
        link.question.wakes(down.waker());
        link.woken.wakes(up.waker());
        tokio::select! {
            biased;
            end = down => end,
            end = up => end,
            () = Gate::new(drained) => End::Fatal(Fatal::shutdown()),
        }
    };
    Box::pin(finish(end, client, server, &link, &to_client).instrument(span.clone())).await;
}

async fn upward(mut reader: ReadHalf<'_>, mut writer: WriteHalf<'_>, mut inbound: Inbound, link: &Link<'_>) -> End {
    let mut outbound = Outbound::default();
    loop {
        let need = link.state.borrow_mut().handle_client(link.core, &mut inbound, outbound.bytes());
        match unless_gone(outbound.write(&mut writer), &reader, link).await {
            Some(Ok(())) => {}
            // The server closed. What it said last is still on its way to the client.
            Some(Err(_)) => return pending().await,
            None => return End::Client,
        }
        let wanted = match need {
            Ok(Need::Bytes(wanted)) => wanted,
            Ok(Need::Wait) => match unless_gone(link.woken.taken(), &reader, link).await {
                Some(()) => continue,
                None => return End::Client,
            },
            Ok(Need::Turn | Need::Key) => {
                tokio::task::yield_now().await;
                continue;
            }
            Err(fatal) => return End::Fatal(fatal),
        };
        let read = poll_fn(|context| match link.woken.take() {
            true => Poll::Ready(None),
            false => inbound.poll_read(&mut reader, context, wanted).map(Some),
        });
        match read.await {
            None | Some(Ok(1..)) => {}
            Some(Ok(0)) => break,
            Some(Err(_)) => return End::Client,
        }
    }
    // The client closed its side. It may still read: the server is told the same, answers what it has, and closes.
    let said_goodbye = {
        let state = &mut *link.state.borrow_mut();
        if state.queue.is_empty() && state.running.is_none() && state.from_server.bytes == 0 && !link.telling.get() {
            return End::Client;
        }
        std::mem::replace(&mut state.terminated, true)
    };
    if said_goodbye {
        // PostgreSQL goes on to the end of what was asked, whoever listens.
        return pending().await;
    }
    // A server that is gone says so in the other direction.
    let _ = writer.shutdown().await;
    Box::pin(gone(&reader, link)).await;
    End::Client
}

/// What `what` says; `None` if the client, which is not read meanwhile, is gone before that. Most is said at once, and then
/// nobody looks.
async fn unless_gone<T>(what: impl Future<Output = T>, client: &ReadHalf<'_>, link: &Link<'_>) -> Option<T> {
    let mut what = pin!(what);
    if let Poll::Ready(said) = poll_fn(|context| Poll::Ready(what.as_mut().poll(context))).await {
        return Some(said);
    }
    tokio::select! {
        biased;
        said = what => Some(said),
        () = Box::pin(gone(client, link)) => None,
    }
}

/// Returns when the client, which is not read meanwhile, is gone.
async fn gone(client: &ReadHalf<'_>, link: &Link<'_>) {
    ends::gone(client, &link.question, link.core.context.limits.half_closed).await;
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
                link.woken.give();
            }
            need
        };
        link.telling.set(!outbound.is_empty());
        if outbound.write(&mut writer).await.is_err() {
            return End::Client;
        }
        link.telling.set(false);
        let wanted = match need {
            Ok(Need::Bytes(wanted)) => wanted,
            Ok(Need::Wait | Need::Turn) => {
                tokio::task::yield_now().await;
                continue;
            }
            Ok(Need::Key) => {
                let span = link.state.borrow().span.clone();
                Box::pin(load_key(link).instrument(span)).await;
                continue;
            }
            Err(fatal) => return End::Fatal(fatal),
        };
        let read = poll_fn(|context| match link.question.take() {
            true => Poll::Ready(None),
            false => inbound.poll_read(&mut reader, context, wanted).map(Some),
        });
        match read.await {
            // Between two frames only. Within one the client is asked by what comes next.
            None if link.state.borrow().from_server.bytes == 0 => outbound.bytes().extend_from_slice(ends::QUESTION),
            None | Some(Ok(1..)) => {}
            Some(Ok(0) | Err(_)) => return End::Server,
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
async fn drained(phase: &mut watch::Receiver<Phase>, link: &Link<'_>) {
    until(phase, Phase::Draining).await;
    loop {
        if link.state.borrow().is_idle() && !link.telling.get() {
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
        tracing::info!(sqlstate = fatal.sqlstate.code(), reason = fatal.message, "session ended");
        if whole {
            fatal::send(client, &fatal).await;
        }
    }
    match end {
        End::Server => {}
        End::Client | End::Fatal(_) if busy && !key.is_empty() => ends::abandon(&mut server, context, &key).await,
        End::Client | End::Fatal(_) => ends::terminate(&mut server).await,
    }
    context.cancels.remove(&key);
}
