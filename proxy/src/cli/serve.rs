//! pgseal serve.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config;
use crate::control;
use crate::listener::{Address, Listener};
use crate::service::{self, Service, Told};

/// Flags of `pgseal serve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Schema file or directory: which columns are sealed
    #[arg(long, env = "PGSEAL_SCHEMA", value_name = "FILE")]
    schema: Option<PathBuf>,
    /// The server, as a libpq URL or keywords; its user is the proxy's own role
    #[arg(long, env = "PGSEAL_UPSTREAM", value_name = "URL", hide_env_values = true)]
    upstream: Option<String>,
    /// Where clients connect: ADDR:PORT (port 0: any free one) or unix:PATH
    #[arg(long, env = "PGSEAL_LISTEN", value_name = "ADDR")]
    listen: Option<String>,
    /// Threads that serve [default: number of cores]
    #[arg(long, env = "PGSEAL_THREADS", value_name = "N")]
    threads: Option<usize>,
    /// Where the embedded key service keeps its root key
    #[arg(long, env = "PGSEAL_STATE_DIR", value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The schema lock [default: FILE.lock, or DIR/pgseal.lock]
    #[arg(long, env = "PGSEAL_LOCK", value_name = "PATH")]
    lock: Option<PathBuf>,
    /// Read what no flag and no environment variable says from this TOML file
    #[arg(long, env = "PGSEAL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen beyond this machine although the server decides who may log in, and so who may decrypt
    #[arg(long, env = "PGSEAL_TRUST_DATABASE_AUTHENTICATION", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    trust_database_authentication: Option<bool>,
    /// Pass on a server's wish for a clear-text password (LDAP, RADIUS, PAM)
    #[arg(long, env = "PGSEAL_ALLOW_CLEARTEXT_PASSWORD", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    allow_cleartext_password: Option<bool>,
    /// Other databases of the server that are relayed untouched
    #[arg(long, env = "PGSEAL_PASS_DATABASES", value_name = "NAME", value_delimiter = ',')]
    pass_databases: Option<Vec<String>>,
    /// The certificate that clients meet, in PEM, with those between it and its authority
    #[arg(long, env = "PGSEAL_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM, that nobody else may read
    #[arg(long, env = "PGSEAL_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Who signs certificates of clients, in PEM; with it clients over TLS must have one
    #[arg(long, env = "PGSEAL_TLS_CLIENT_CA", value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,
    /// Refuse sessions over TCP without TLS
    #[arg(long, env = "PGSEAL_REQUIRE_TLS", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    require_tls: Option<bool>,
    /// The oldest TLS version for clients: TLSv1.2 or TLSv1.3 [default: TLSv1.2]
    #[arg(long, env = "PGSEAL_TLS_MIN_VERSION", value_name = "VERSION")]
    tls_min_version: Option<String>,
}

/// Why the proxy does not start.
enum Failure {
    /// Exit code 64.
    Usage(String),
    /// Exit code 1.
    Failed(String),
}

/// Checked settings of one run.
struct Settings {
    listen: Address,
    trusting: bool,
    service: service::Settings,
}

/// Runs it.
pub fn run(args: Args) -> ExitCode {
    start_log();
    match settings(args).and_then(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(reason)) => {
            super::fail(reason);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(reason)) => {
            super::fail(reason);
            ExitCode::from(64)
        }
    }
}

/// Logs go to stderr, at the level that `PGSEAL_LOG` says.
pub(super) fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PGSEAL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (the demo) keeps the first log.
    let _ = log.try_init();
    // A panic's own message can hold text: slicing a string at a wrong place quotes the string.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

fn settings(args: Args) -> Result<Settings, Failure> {
    let failed = |reason: String| Failure::Failed(reason);
    let file = match &args.config {
        Some(path) => config::File::read(path).map_err(|error| failed(error.to_string()))?,
        None => config::File::default(),
    };
    let missing = |flag: &str| Failure::Usage(format!("serve needs {flag} (see `pgseal serve --help`)"));
    let schema = args.schema.or(file.schema).ok_or_else(|| missing("--schema FILE"))?;
    let upstream = args.upstream.or(file.upstream).ok_or_else(|| missing("--upstream URL"))?;
    let listen = args.listen.or(file.listen).ok_or_else(|| missing("--listen ADDR"))?;
    let threads = match args.threads.or(file.threads) {
        Some(0) => return Err(Failure::Usage("--threads must be at least 1".into())),
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let listen = Address::parse(&listen).map_err(|reason| failed(format!("listen: {reason}")))?;
    let trusting = args.trust_database_authentication.or(file.trust_database_authentication).unwrap_or(false);
    if !listen.is_local() && !trusting {
        return Err(failed(
            "listen: beyond this machine everybody whom the server lets in could decrypt; \
             say --trust-database-authentication if that is meant, or listen on loopback or a unix socket"
                .into(),
        ));
    }
    let tls = file.tls.client.after(config::TlsClientTable {
        cert: args.tls_cert,
        key: args.tls_key,
        client_ca: args.tls_client_ca,
        require: args.require_tls,
        min_version: args.tls_min_version,
    });
    let service = service::Settings::read(Told {
        tls: tls.resolve().map_err(Failure::Usage)?,
        schema,
        upstream,
        lock: args.lock.or(file.lock),
        state_dir: args.state_dir.or(file.state_dir),
        threads,
        limits: file.limits.resolve(),
        allow_cleartext_password: args.allow_cleartext_password.or(file.allow_cleartext_password).unwrap_or(false),
        pass_databases: args.pass_databases.or(file.pass_databases).unwrap_or_default(),
    });
    let service = service.map_err(|error| match error {
        service::Error::Schema(problems) => {
            super::schema::show_problems(&problems);
            failed("the schema cannot be used".into())
        }
        other => failed(other.to_string()),
    })?;
    Ok(Settings { listen, trusting, service })
}

fn serve(settings: Settings) -> Result<(), Failure> {
    let listener = Listener::bind(&settings.listen).map_err(Failure::Failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    let served = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let threads = settings.service.threads();
        let mut announced = false;
        let waits = |shown: &str, error: &control::Error| {
            tracing::warn!(%error, listen = shown, "the server does not answer: clients are turned away until it does");
            // Whoever started it may not read.
            announced = announce(shown).is_ok();
        };
        let service = tokio::select! {
            started = Service::start_awaiting(listener, settings.service, waits) => started?,
            () = signals.end(|| tracing::info!("SIGHUP: nothing is served yet")) => return Ok(()),
        };
        if settings.trusting {
            tracing::warn!("trust_database_authentication: whoever the server lets in can decrypt");
        }
        if !announced {
            announce(service.shown())?;
        }
        tracing::info!(listen = service.shown(), threads, "serving");
        let look_again = || {
            tracing::info!("SIGHUP: the catalog is looked at again");
            service.look_again();
        };
        signals.end(look_again).await;
        service.end(signals.end(|| tracing::info!("SIGHUP: draining goes on"))).await
    });
    // Sessions that do not end must not hold the process.
    runtime.shutdown_background();
    served.map_err(|error: service::Error| Failure::Failed(error.to_string()))
}

/// What the process is told by signals.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// From now on none of them ends the process by itself.
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one that asks for the end.
    async fn end(&mut self, hung_up: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => hung_up(),
            }
        }
    }
}

/// The one line of stdout.
fn announce(shown: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on {shown}")?;
    out.flush()
}
