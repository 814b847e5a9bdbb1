//! What `serve` runs with: flags, environment and `--config FILE`, parsed once into checked types.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::tls::Version;
use crate::tls::client::Settings;

/// `--config FILE`. Flags and environment win over it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where clients connect.
    pub listen: Option<String>,
    /// The server, as a libpq URL or keywords.
    pub upstream: Option<String>,
    /// The schema file or directory.
    pub schema: Option<PathBuf>,
    /// The schema lock.
    pub lock: Option<PathBuf>,
    /// The state directory.
    pub state_dir: Option<PathBuf>,
    /// Runtimes; the number of cores if not said.
    pub threads: Option<usize>,
    /// AUTH-2.
    pub trust_database_authentication: Option<bool>,
    /// AUTH-3.
    pub allow_cleartext_password: Option<bool>,
    /// Databases that are relayed untouched.
    pub pass_databases: Option<Vec<String>>,
    /// Limits.
    #[serde(default)]
    pub limits: LimitsTable,
    /// TLS of both legs.
    #[serde(default)]
    pub tls: TlsTable,
    auth: Option<String>,
    admin: Option<toml::Value>,
    log: Option<toml::Value>,
}

/// `[tls]`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsTable {
    /// What clients meet.
    #[serde(default)]
    pub client: TlsClientTable,
    /// The server's is said in `upstream`.
    server: Option<toml::Value>,
}

/// `[tls.client]`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsClientTable {
    /// The certificate, with those between it and its authority.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// Who signs certificates of clients.
    pub client_ca: Option<PathBuf>,
    /// Whether sessions over TCP in the clear are refused.
    pub require: Option<bool>,
    /// `TLSv1.2` or `TLSv1.3`
    pub min_version: Option<String>,
}

impl TlsClientTable {
    /// With what is said elsewhere put in front.
    #[must_use]
    pub fn after(self, said: Self) -> Self {
        Self {
            cert: said.cert.or(self.cert),
            key: said.key.or(self.key),
            client_ca: said.client_ca.or(self.client_ca),
            require: said.require.or(self.require),
            min_version: said.min_version.or(self.min_version),
        }
    }

    /// Whether TLS is offered, and how.
    ///
    /// # Errors
    /// A text: something is said that does nothing without something else.
    pub fn resolve(self) -> Result<Option<Settings>, String> {
        let least = match self.min_version {
            None => Version::V12,
            Some(text) => Version::minimum(&text).ok_or("tls-min-version is TLSv1.2 or TLSv1.3")?,
        };
        match (self.cert, self.key) {
            (Some(certificate), Some(key)) => Ok(Some(Settings {
                certificate,
                key,
                client_ca: self.client_ca,
                required: self.require.unwrap_or(false),
                least,
            })),
            (None, None) if self.client_ca.is_some() || self.require == Some(true) => {
                Err("TLS is asked of clients, but none is offered: say --tls-cert and --tls-key".into())
            }
            (None, None) => Ok(None),
            (Some(_), None) => Err("--tls-cert needs --tls-key".into()),
            (None, Some(_)) => Err("--tls-key needs --tls-cert".into()),
        }
    }
}

/// `[limits]`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    authentication_seconds: Option<u64>,
    drain_seconds: Option<u64>,
    held_frame_bytes: Option<usize>,
}

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is not what it should be; the text names line and key, never a value.
    #[error("{path}: {reason}")]
    Parse {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Known, and of a later version.
    #[error("{path}: {key} is not in this version")]
    Later {
        /// The file.
        path: String,
        /// The key.
        key: String,
    },
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: shown.clone(), source })?;
        let file: File = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count());
            // The full display would show the line, which may hold a password.
            Error::Parse { path: format!("{shown}:{line}"), reason: error.message().to_owned() }
        })?;
        let later = match (&file.auth, &file.tls.server, &file.admin, &file.log) {
            (Some(auth), ..) if auth != "relay" => Some(format!("auth = {auth:?}")),
            (_, Some(_), ..) => Some("[tls.server] (its settings stand in upstream: sslmode, sslrootcert, …)".into()),
            (_, _, Some(_), _) => Some("[admin]".into()),
            (_, _, _, Some(_)) => Some("[log]".into()),
            (_, None, None, None) => None,
        };
        match later {
            Some(key) => Err(Error::Later { path: shown, key }),
            None => Ok(file),
        }
    }
}

/// What a session may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the first byte to the end of authentication.
    pub authentication: Duration,
    /// How long active sessions may go on after SIGTERM.
    pub drain: Duration,
    /// The longest frame that is held whole because it must be understood or changed (54000).
    pub held_frame: usize,
    /// How long a client that closed its side is served before it is asked for the first time whether it is still there:
    /// a half-closed client reads on, one that is gone answers with a reset.
    pub half_closed: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            authentication: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            held_frame: 256 * 1024 * 1024,
            half_closed: Duration::from_millis(500),
        }
    }
}

impl LimitsTable {
    /// With defaults for what is not said.
    pub fn resolve(&self) -> Limits {
        let default = Limits::default();
        Limits {
            authentication: self.authentication_seconds.map_or(default.authentication, Duration::from_secs),
            drain: self.drain_seconds.map_or(default.drain, Duration::from_secs),
            held_frame: self.held_frame_bytes.unwrap_or(default.held_frame),
            half_closed: default.half_closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<File, Error> {
        let path = std::env::temp_dir().join(format!("pgseal-config-{}-{}", std::process::id(), text.len()));
        std::fs::write(&path, text).unwrap();
        let file = File::read(&path);
        std::fs::remove_file(&path).unwrap();
        file
    }

    #[test]
    fn known_keys_are_read_and_limits_have_defaults() {
        let file = read("listen = \"127.0.0.1:0\"\nauth = \"relay\"\n[limits]\ndrain_seconds = 5\n").unwrap();
        assert_eq!(file.listen.as_deref(), Some("127.0.0.1:0"));
        let limits = file.limits.resolve();
        assert_eq!((limits.drain.as_secs(), limits.authentication.as_secs()), (5, 60));
    }

    #[test]
    fn unknown_keys_are_errors_with_their_line_and_later_keys_are_named() {
        let error = read("\nlisten = \"x\"\nupstraem = \"secret\"\n").unwrap_err().to_string();
        assert!(error.contains(":3: ") && error.contains("upstraem") && !error.contains("secret"), "{error}");
        let error = read("auth = \"scram\"\n").unwrap_err().to_string();
        assert!(error.ends_with("auth = \"scram\" is not in this version"), "{error}");
        let error = read("[tls.client]\nx = 1\n").unwrap_err().to_string();
        assert!(error.contains("unknown field `x`"), "{error}");
    }

    #[test]
    fn tls_is_offered_with_certificate_and_key_and_nothing_is_asked_without() {
        let resolve = |text: &str| read(text).unwrap().tls.client.resolve();
        assert_eq!(resolve(""), Ok(None));
        let both = resolve("[tls.client]\ncert = 'c'\nkey = 'k'\nmin_version = 'TLSv1.3'\n").unwrap().unwrap();
        assert_eq!((both.required, both.least), (false, Version::V13));
        for half in ["cert = 'c'", "key = 'k'", "require = true", "client_ca = 'a'", "min_version = 'SSLv3'"] {
            assert!(resolve(&format!("[tls.client]\n{half}\n")).is_err(), "{half}");
        }
    }
}
