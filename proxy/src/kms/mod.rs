//! The HTTP face of the embedded key service: AWS JSON 1.1 over HTTP/1.1, so that awscli, boto3 and the AWS SDKs work
//! unchanged. What is decided stands in `pgseal::kms`; here are sockets.

mod answer;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use pgseal::kms::store::{Store, StoreError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Connections at one time; others wait in the socket's queue.
const CONNECTIONS: usize = 512;
/// How long a client may take over a request's head, or say nothing between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the audit log is signed and what is due by itself happens.
const TICK: Duration = Duration::from_secs(60);

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// A store that several connections share.
pub(crate) type Shared = Arc<Mutex<Store>>;

/// Runs `with` on the store, on a thread that may wait for a disk.
async fn on_store<T: Send + 'static>(store: &Shared, with: impl FnOnce(&mut Store) -> T + Send + 'static) -> Option<T> {
    let store = Arc::clone(store);
    // A request that panicked changed a copy of the state, or nothing.
    tokio::task::spawn_blocking(move || with(&mut store.lock().unwrap_or_else(PoisonError::into_inner))).await.ok()
}

/// Serves until `stop` says so; requests that have begun are answered, and the audit log ends with a checkpoint.
///
/// # Errors
/// [`StoreError`] if the last checkpoint could not be written.
pub async fn serve(listener: TcpListener, store: Store, mut stop: watch::Receiver<bool>) -> Result<(), StoreError> {
    let store: Shared = Arc::new(Mutex::new(store));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let place = Arc::clone(&room).acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        tokio::select! {
            (accepted, place) = accepted => match accepted {
                Ok((socket, peer)) => {
                    let (store, stop) = (Arc::clone(&store), stop.clone());
                    tokio::spawn(async move {
                        connection(socket, peer, store, stop).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of descriptors: they come back when a connection ends.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            _ = tick.tick() => {
                if let Some(Err(error)) = on_store(&store, |store| store.tick(now())).await {
                    tracing::error!(%error, "no checkpoint");
                }
            }
            changed = stop.changed() => {
                if changed.is_err() || *stop.borrow() {
                    break;
                }
            }
        }
    }
    drop(listener);
    // Every place free again: every connection has ended.
    let _ = room.acquire_many(CONNECTIONS as u32).await;
    on_store(&store, |store| store.checkpoint(now())).await.unwrap_or(Ok(()))
}

async fn connection(socket: TcpStream, peer: SocketAddr, store: Shared, mut stop: watch::Receiver<bool>) {
    // Answers are one write each; without this they wait for an acknowledgement.
    let _ = socket.set_nodelay(true);
    let service = service_fn(|request| {
        let store = Arc::clone(&store);
        async move { Ok::<_, Infallible>(answer::answer(request, peer.ip(), &store).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A client that went away, or spoke no HTTP.
        _ = connection.as_mut() => return,
        _ = stop.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
