//! What `serve` runs with: flags, environment and `--config FILE`, parsed once into checked types.

use std::path::{Path, PathBuf};
use std::time::Duration;

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
    auth: Option<String>,
    tls: Option<toml::Value>,
    admin: Option<toml::Value>,
    log: Option<toml::Value>,
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
        let later = match (&file.auth, &file.tls, &file.admin, &file.log) {
            (Some(auth), ..) if auth != "relay" => Some(format!("auth = {auth:?}")),
            (_, Some(_), ..) => Some("[tls]".into()),
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
        assert!(error.ends_with("[tls] is not in this version"), "{error}");
    }
}
