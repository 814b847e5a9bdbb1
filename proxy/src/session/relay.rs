//! The two directions of a session, independent of each other within one task.
//!
//! Each reads as much as there is, handles every whole frame, writes once. A blocked write stops only the reading
//! that feeds it: that is the back-pressure, and the reason why a pipeline that fills both sockets goes on.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use pgseal::error::SqlState;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::fatal::{self, Fatal};
use super::startup::Session;
use super::{Core, cancel, client, server, until};
use crate::listener::Phase;
use crate::upstream::{ReadHalf, Stream, WriteHalf};
use crate::wire::buffer::{Inbound, Outbound};

/// What a handler wants before it can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// More bytes, up to a frame of this length at the front.
    Bytes(usize),
}

/// What both directions know.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) client: client::Client,
    pub(super) server: server::Server,
}

impl State {
    /// Nothing is asked, nothing is half sent, no transaction is open.
    fn is_idle(&self) -> bool {
        self.server.answers == self.client.questions && self.server.status == b'I' && self.client.at_boundary()
    }
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

/// Relays until one side ends.
pub(super) async fn run(client: &mut Stream, session: Session, core: &Core, mut phase: watch::Receiver<Phase>) {
    let Session { mut server, host, from_client, from_server, protected: _ } = session;
    let state = RefCell::new(State::default());
    let mut to_client = Outbound::default();
    let end = {
        let (client_reader, client_writer) = client.split();
        let (server_reader, server_writer) = server.split();
        let progress = RefCell::new(Instant::now());
        let limits = &core.context.limits;
        let up = async {
            if let Err(end) = upward(client_reader, server_writer, from_client, &state).await {
                return end;
            }
            // The client closed its side. It may still read: as long as answers flow, they are delivered.
            let grace = limits.half_closed;
            while !state.borrow().is_idle() && progress.borrow().elapsed() < grace {
                tokio::time::sleep(grace / 4).await;
            }
            End::Client
        };
        let down = downward(
            server_reader,
            client_writer,
            from_server,
            &mut to_client,
            &state,
            |key| {
                core.context.cancels.insert(key, host);
            },
            &progress,
        );
        tokio::select! {
            biased;
            end = down => end,
            end = up => end,
            () = drained(&mut phase, &state) => End::Fatal(Fatal::shutdown()),
        }
    };
    finish(end, client, server, core, &state, &to_client).await;
}

async fn upward(
    mut reader: ReadHalf<'_>,
    mut writer: WriteHalf<'_>,
    mut inbound: Inbound,
    state: &RefCell<State>,
) -> Result<(), End> {
    let mut outbound = Outbound::default();
    loop {
        let need = state.borrow_mut().client.handle(&mut inbound, outbound.bytes());
        if !outbound.is_empty() && outbound.write(&mut writer).await.is_err() {
            // The server closed. What it said last is still on its way to the client.
            return std::future::pending().await;
        }
        let Need::Bytes(wanted) = need.map_err(End::Fatal)?;
        match inbound.read(&mut reader, wanted).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(_) => return Err(End::Client),
        }
    }
}

async fn downward(
    mut reader: ReadHalf<'_>,
    mut writer: WriteHalf<'_>,
    mut inbound: Inbound,
    outbound: &mut Outbound,
    state: &RefCell<State>,
    mut on_key: impl FnMut(&[u8]),
    progress: &RefCell<Instant>,
) -> End {
    let mut known = false;
    loop {
        let need = {
            let server = &mut state.borrow_mut().server;
            let need = server.handle(&mut inbound, outbound.bytes());
            if !known && !server.key.is_empty() {
                known = true;
                on_key(&server.key);
            }
            need
        };
        if !outbound.is_empty() {
            if outbound.write(&mut writer).await.is_err() {
                return End::Client;
            }
            *progress.borrow_mut() = Instant::now();
        }
        let wanted = match need {
            Ok(Need::Bytes(wanted)) => wanted,
            Err(fatal) => return End::Fatal(fatal),
        };
        match inbound.read(&mut reader, wanted).await {
            Ok(0) | Err(_) => return End::Server,
            Ok(_) => {}
        }
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
async fn finish(
    end: End,
    client: &mut Stream,
    mut server: Stream,
    core: &Core,
    state: &RefCell<State>,
    to_client: &Outbound,
) {
    let (key, busy, whole, server_said) = {
        let state = state.borrow();
        let server = &state.server;
        let busy = server.answers != state.client.questions;
        (server.key.clone(), busy, server.at_boundary() && to_client.is_empty(), server.last == b'E')
    };
    let farewell = match &end {
        End::Client => None,
        End::Server if server_said || state.borrow().client.terminated => None,
        End::Server => {
            let message = "the server closed the connection unexpectedly";
            Some(Fatal::new(SqlState::CONNECTION_FAILURE, message))
        }
        End::Fatal(fatal) => Some(fatal.clone()),
    };
    if let Some(fatal) = farewell
        && whole
    {
        fatal::send(client, &fatal).await;
    }
    match end {
        End::Server => {}
        End::Client | End::Fatal(_) => {
            if busy && !key.is_empty() {
                cancel::request(&core.context, &key).await;
            }
            let _ = terminate(&mut server).await;
        }
    }
    core.context.cancels.remove(&key);
}

async fn terminate(server: &mut Stream) -> io::Result<()> {
    let (_, mut writer) = server.split();
    let farewell = writer.write_all(b"X\0\0\0\x04");
    tokio::time::timeout(Duration::from_secs(2), farewell).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
