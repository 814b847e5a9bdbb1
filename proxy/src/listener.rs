//! The listening socket: bound once, shared by one runtime per core, and the accept loops.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::session::{self, Context, TurnedAway};
use crate::tls::client::Leg;
use crate::upstream::{self, Stream};

mod shortage;

pub use shortage::Shortage;
use shortage::Spare;

/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// Deep statements are walked on the stack (SQL-3); glibc's default of 2 MiB is Rust's choice, not ours.
const STACK: usize = 8 * 1024 * 1024;

/// A `--listen` value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `ADDR:PORT`
    Tcp(SocketAddr),
    /// `unix:PATH`, or a path
    Unix(PathBuf),
}

impl Address {
    /// Reads a `--listen` value; names are resolved.
    ///
    /// # Errors
    /// A text for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:").or(text.starts_with('/').then_some(text)) {
            return if path.is_empty() { Err("unix: needs a path".into()) } else { Ok(Self::Unix(path.into())) };
        }
        match text.to_socket_addrs().map(|mut found| found.next()) {
            Ok(Some(address)) => Ok(Self::Tcp(address)),
            Ok(None) => Err(format!("{text:?} has no address")),
            Err(error) => Err(format!("{text:?} is no ADDR:PORT and no unix:PATH ({error})")),
        }
    }

    /// Whether only this machine can reach it (AUTH-2).
    pub fn is_local(&self) -> bool {
        match self {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix(_) => true,
        }
    }
}

/// The bound socket. A unix socket's file goes when this does.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
    shown: String,
}

#[derive(Debug)]
enum Bound {
    Tcp(std::net::TcpListener),
    Unix(StdUnixListener, PathBuf),
}

/// What sessions are told about the end of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Accept and serve.
    Serving,
    /// Accept nothing; sessions end as soon as they are idle.
    Draining,
    /// Sessions end now.
    Ending,
}

impl Listener {
    /// Binds, so that a taken port is an error at start.
    ///
    /// # Errors
    /// A text for the user.
    pub fn bind(address: &Address) -> Result<Self, String> {
        match address {
            Address::Tcp(wanted) => {
                let listener = bind_tcp(*wanted).map_err(|error| format!("cannot listen on {wanted}: {error}"))?;
                let real = listener.local_addr().map_err(|error| format!("cannot listen on {wanted}: {error}"))?;
                Ok(Self { socket: Bound::Tcp(listener), shown: real.to_string() })
            }
            Address::Unix(path) => {
                let shown = format!("unix:{}", path.display());
                let listener = bind_unix(path).map_err(|error| format!("cannot listen on {shown}: {error}"))?;
                Ok(Self { socket: Bound::Unix(listener, path.clone()), shown })
            }
        }
    }

    /// `ADDR:PORT` with the real port, or `unix:PATH`.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    fn share(&self) -> io::Result<Shared> {
        Ok(match &self.socket {
            Bound::Tcp(listener) => Shared::Tcp(listener.try_clone()?),
            Bound::Unix(listener, _) => Shared::Unix(listener.try_clone()?),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Bound::Unix(_, path) = &self.socket {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A socket file that nobody answers at was left behind by a killed process.
fn bind_unix(path: &PathBuf) -> io::Result<StdUnixListener> {
    use std::os::unix::fs::FileTypeExt;
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(_) => std::fs::remove_file(path)?,
        }
    }
    let listener = StdUnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

enum Shared {
    Tcp(std::net::TcpListener),
    Unix(StdUnixListener),
}

enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Accepting {
    fn new(shared: Shared) -> io::Result<Self> {
        Ok(match shared {
            Shared::Tcp(listener) => Accepting::Tcp(TcpListener::from_std(listener)?),
            Shared::Unix(listener) => Accepting::Unix(UnixListener::from_std(listener)?),
        })
    }

    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Accepting::Tcp(listener) => Stream::accepted(listener.accept().await?.0),
            Accepting::Unix(listener) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

/// How long a client that is turned away may take for its start-up packet.
const HEARING: Duration = Duration::from_secs(1);

/// Turns away whoever comes before the server could be looked at.
///
/// # Errors
/// What the system says about the socket.
pub async fn turn_away_early(listener: &Listener, tls: Option<Arc<Leg>>) -> io::Result<Infallible> {
    let accepting = Accepting::new(listener.share()?)?;
    let (mut spare, shortage) = (Spare::new(), Shortage::default());
    loop {
        match accepting.accept().await {
            // On its own: who came last is still answered when the server is there.
            Ok(stream) => {
                let tls = tls.clone();
                drop(tokio::spawn(async move {
                    session::turn_away(stream, TurnedAway::TooEarly, HEARING, tls.as_deref()).await;
                }));
            }
            Err(error) => not_accepted(&error, &accepting, &mut spare, (&shortage, tls.as_deref())).await,
        }
    }
}

/// A connection that could not be accepted does not go away: it is told why, or waited for.
async fn not_accepted(
    error: &io::Error,
    accepting: &Accepting,
    spare: &mut Spare,
    (shortage, tls): (&Shortage, Option<&Leg>),
) {
    if upstream::out_of_descriptors(error) {
        // Without waiting: whatever runs meanwhile would take what was lent.
        spare.lend();
        let accepted = {
            let mut accept = pin!(accepting.accept());
            poll_fn(|context| Poll::Ready(accept.as_mut().poll(context))).await
        };
        match accepted {
            // Linux wants a descriptor before it looks whether anybody is there.
            Poll::Pending => return spare.regain(),
            Poll::Ready(Ok(stream)) => {
                shortage.felt();
                session::turn_away(stream, TurnedAway::TooMany, HEARING, tls).await;
                return spare.regain();
            }
            Poll::Ready(Err(_)) => {
                shortage.felt();
                spare.regain();
            }
        }
    } else {
        tracing::warn!(%error, "a connection was not accepted");
    }
    // The next try could fail at once.
    tokio::time::sleep(RETRY).await;
}

const RETRY: Duration = Duration::from_millis(50);

/// The threads that serve.
#[derive(Debug)]
pub struct Workers(Vec<std::thread::JoinHandle<()>>);

impl Workers {
    /// Starts `threads` runtimes over `listener`.
    ///
    /// # Errors
    /// What the system says about threads and sockets.
    pub fn start(
        listener: &Listener,
        threads: usize,
        context: &Arc<Context>,
        phase: &watch::Receiver<Phase>,
    ) -> io::Result<Self> {
        let mut workers = Vec::new();
        for number in 0..threads {
            let shared = listener.share()?;
            let (context, phase) = (Arc::clone(context), phase.clone());
            let thread = std::thread::Builder::new().name(format!("serve-{number}")).stack_size(STACK);
            let (built, building) = mpsc::channel();
            workers.push(thread.spawn(move || {
                // A runtime of this thread alone: a `LocalSet` would poll the accept loop at every event of a session.
                let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
                let (runtime, outcome) = match runtime {
                    Ok(runtime) => (Some(runtime), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                // Whoever starts the workers waits for it.
                let _ = built.send(outcome);
                if let Some(runtime) = runtime {
                    runtime.block_on(serve(shared, context, phase));
                }
            })?);
            building.recv().map_err(io::Error::other)??;
        }
        Ok(Self(workers))
    }

    /// Waits for all of them.
    ///
    /// # Errors
    /// A worker that panicked, by number.
    pub fn join(self) -> Result<(), usize> {
        let ends: Vec<_> = self.0.into_iter().map(std::thread::JoinHandle::join).collect();
        ends.iter().position(Result::is_err).map_or(Ok(()), Err)
    }
}

async fn serve(shared: Shared, context: Arc<Context>, mut phase: watch::Receiver<Phase>) {
    let accepting = match Accepting::new(shared) {
        Ok(accepting) => accepting,
        Err(error) => {
            tracing::error!(%error, "a worker cannot use the listening socket");
            return;
        }
    };
    let core = Rc::new(session::Core::new(&context));
    let mut spare = Spare::new();
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accepting.accept() => match accepted {
                Ok(stream) => {
                    let (core, phase) = (Rc::clone(&core), phase.clone());
                    sessions.spawn_local(session::run(stream, core, phase));
                }
                Err(error) => {
                    let told = (&context.shortage, context.tls.as_deref());
                    not_accepted(&error, &accepting, &mut spare, told).await;
                }
            },
            // A panic ends its session only, which has logged it.
            Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
            changed = phase.changed() => {
                if changed.is_err() || *phase.borrow() != Phase::Serving {
                    break;
                }
            }
        }
    }
    drop(accepting);
    while sessions.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_values_are_addresses_names_or_unix_paths() {
        assert_eq!(Address::parse("127.0.0.1:6432"), Ok(Address::Tcp(([127, 0, 0, 1], 6432).into())));
        assert_eq!(Address::parse("unix:/tmp/x"), Ok(Address::Unix("/tmp/x".into())));
        assert!(Address::parse("6432").is_err() && Address::parse("unix:").is_err());
    }

    #[test]
    fn auth_2_only_loopback_and_unix_sockets_are_local() {
        for (text, local) in [("127.0.0.1:1", true), ("[::1]:1", true), ("0.0.0.0:1", false), ("unix:/x", true)] {
            assert_eq!(Address::parse(text).unwrap().is_local(), local, "{text}");
        }
    }

    #[test]
    fn a_taken_port_is_an_error_and_a_stale_socket_file_is_not() {
        let first = Listener::bind(&Address::parse("127.0.0.1:0").unwrap()).unwrap();
        let taken = Listener::bind(&Address::parse(first.shown()).unwrap()).unwrap_err();
        assert!(taken.contains(first.shown()), "{taken}");

        let path = std::env::temp_dir().join(format!("pgseal-listener-{}", std::process::id()));
        drop(StdUnixListener::bind(&path).unwrap());
        let address = Address::Unix(path.clone());
        let bound = Listener::bind(&address).unwrap();
        assert!(Listener::bind(&address).is_err());
        drop(bound);
        assert!(!path.exists());
    }
}
