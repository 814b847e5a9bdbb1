//! The server leg: libpq's `ssl*` settings (PostgreSQL 18 manual, 32.1.2 and 32.19).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;

use super::verify::AnyName;
use super::{ALPN, Version, files, provider, versions};

/// `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// In the clear.
    Disable,
    /// As [`Mode::Prefer`]: libpq would begin in the clear.
    Allow,
    /// TLS where the server has it, whoever it is; else in the clear.
    Prefer,
    /// TLS, whoever the server is.
    Require,
    /// TLS, and an authority that is trusted has signed the server's certificate.
    VerifyCa,
    /// The same, and the certificate is for the host's name.
    VerifyFull,
}

impl Mode {
    /// Reads libpq's word.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Mode::Disable,
            "allow" => Mode::Allow,
            "prefer" => Mode::Prefer,
            "require" => Mode::Require,
            "verify-ca" => Mode::VerifyCa,
            "verify-full" => Mode::VerifyFull,
            _ => return None,
        })
    }

    /// libpq's word.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Disable => "disable",
            Mode::Allow => "allow",
            Mode::Prefer => "prefer",
            Mode::Require => "require",
            Mode::VerifyCa => "verify-ca",
            Mode::VerifyFull => "verify-full",
        }
    }

    /// Whether nothing may ever travel in the clear.
    pub fn demands(self) -> bool {
        self >= Mode::Require
    }
}

/// `sslrootcert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The authorities of the system.
    System,
    /// Those of a file.
    File(PathBuf),
}

/// What was said of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `sslmode`
    pub mode: Mode,
    /// `sslrootcert`; nobody's signature is looked at without.
    pub roots: Option<Roots>,
    /// `sslcert` and `sslkey`
    pub identity: Option<(PathBuf, PathBuf)>,
    /// `sslnegotiation=direct`
    pub direct: bool,
    /// `sslsni`
    pub sni: bool,
    /// `ssl_min_protocol_version`
    pub least: Version,
    /// `ssl_max_protocol_version`
    pub most: Version,
}

/// Settings with what was read of their files.
#[derive(Debug, Clone)]
pub struct Leg {
    settings: Settings,
    /// Nothing where TLS is never tried.
    config: Option<Arc<ClientConfig>>,
}

impl PartialEq for Leg {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl Eq for Leg {}

impl Leg {
    /// Reads the files. `used`: whether there is a host that TLS is for.
    ///
    /// # Errors
    /// A text that names the file or setting.
    pub fn new(settings: Settings, used: bool) -> Result<Self, String> {
        let config = match used && settings.mode != Mode::Disable {
            true => Some(Arc::new(config(&settings)?)),
            false => None,
        };
        Ok(Self { settings, config })
    }

    /// `sslmode`; `disable` where there is no host that TLS is for.
    pub fn mode(&self) -> Mode {
        if self.config.is_some() { self.settings.mode } else { Mode::Disable }
    }

    /// `sslnegotiation=direct`
    pub fn is_direct(&self) -> bool {
        self.settings.direct
    }

    /// What a handshake needs.
    pub(crate) fn config(&self) -> Option<&Arc<ClientConfig>> {
        self.config.as_ref()
    }
}

/// A host as a certificate names it.
pub(crate) fn name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|_| "its name can be in no certificate".to_owned())
}

fn config(settings: &Settings) -> Result<ClientConfig, String> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let roots = match &settings.roots {
        None => None,
        Some(Roots::System) => Some(files::system()?),
        Some(Roots::File(path)) => Some(files::roots(path)?),
    };
    let verifier: Arc<dyn ServerCertVerifier> = match (settings.mode, roots) {
        (Mode::VerifyFull, Some(roots)) => {
            let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
            built.map_err(|error| format!("sslrootcert: {error}"))?
        }
        // Whoever reads the settings gives these modes roots; nothing else may come of it if one day it does not.
        (Mode::VerifyFull | Mode::VerifyCa, None) => return Err("sslrootcert is missing".into()),
        (_, roots) => Arc::new(AnyName { roots, algorithms }),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(settings.least, settings.most))
        .map_err(|error| format!("ssl_min_protocol_version: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &settings.identity {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => identified(config, certificate, key)?,
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = settings.sni;
    Ok(config)
}

fn identified(
    config: rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
    certificate: &Path,
    key: &Path,
) -> Result<ClientConfig, String> {
    config
        .with_client_auth_cert(files::chain(certificate)?, files::key(key)?)
        .map_err(|_| format!("private key file {} does not fit {}", key.display(), certificate.display()))
}
