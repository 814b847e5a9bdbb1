//! The client leg: certificate and key that clients meet, whether TLS is demanded, and of whom a certificate is.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};

use super::{ALPN, Version, files, provider, versions};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(10);

/// What was said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The proxy's certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signs certificates of clients; with it every client over TLS must have one.
    pub client_ca: Option<PathBuf>,
    /// Whether sessions over TCP in the clear are refused.
    pub required: bool,
    /// The oldest version that is spoken.
    pub least: Version,
}

/// What handshakes of one time use. A session keeps what it began with.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// For the handshake.
    pub(crate) config: Arc<ServerConfig>,
    /// The proxy's own certificate.
    pub(crate) leaf: CertificateDer<'static>,
}

/// The leg, which follows its files.
#[derive(Debug)]
pub struct Leg {
    settings: Settings,
    current: Mutex<(Loaded, Stamp)>,
}

/// The files from outside: an edit in place moves a time, a replacement is another file.
type Stamp = Vec<Option<(u64, u64, Option<SystemTime>)>>;

impl Leg {
    /// Reads the files.
    ///
    /// # Errors
    /// A text that names the file.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let stamp = stamp(&settings);
        let current = Mutex::new((load(&settings)?, stamp));
        Ok(Self { settings, current })
    }

    /// Whether sessions over TCP in the clear are refused.
    pub fn is_required(&self) -> bool {
        self.settings.required
    }

    /// What the next handshake uses.
    pub(crate) fn loaded(&self) -> Loaded {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Takes up files that changed. What cannot be used is logged once and changes nothing.
    pub fn reload(&self) {
        let now = stamp(&self.settings);
        if self.current.lock().unwrap_or_else(PoisonError::into_inner).1 == now {
            return;
        }
        let loaded = load(&self.settings);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.1 = now;
        match loaded {
            Ok(loaded) => {
                current.0 = loaded;
                tracing::info!("TLS: a new certificate is in use for new sessions");
            }
            Err(reason) => tracing::error!(reason, "TLS: the new files are not taken; those before stay in use"),
        }
    }

    /// Follows the files for ever.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.reload();
        }
    }
}

fn stamp(settings: &Settings) -> Stamp {
    let paths = [Some(&settings.certificate), Some(&settings.key), settings.client_ca.as_ref()];
    let look = |path: &PathBuf| metadata(path).ok().map(|found| (found.ino(), found.len(), found.modified().ok()));
    paths.into_iter().flatten().map(look).collect()
}

fn load(settings: &Settings) -> Result<Loaded, String> {
    let chain = files::chain(&settings.certificate)?;
    let leaf = chain.first().cloned().ok_or("no certificate")?;
    let provider = provider();
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(settings.least, Version::V13))
        .map_err(|error| format!("minimum version: {error}"))?;
    let config = match &settings.client_ca {
        None => config.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(files::roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|error| format!("certificate file {}: {error}", path.display()))?;
            config.with_client_cert_verifier(verifier)
        }
    };
    let mut config = config.with_single_cert(chain, files::key(&settings.key)?).map_err(|_| {
        format!("private key file {} does not fit {}", settings.key.display(), settings.certificate.display())
    })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // As PostgreSQL: every session makes its own keys, and none of them outlives it.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Loaded { config: Arc::new(config), leaf })
}
