//! What every verb of `pgseal kms` shares: which store, under which root, as whom, and how an answer is shown.

use std::fmt::Display;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pgseal::kms::error::Code;
use pgseal::kms::service::Body;
use pgseal::kms::store::{Origin, Paths, Root, Store, StoreError};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::cli::fail;
use crate::cli::schema::print;
use crate::kms::now;

/// Flags of every verb.
#[derive(Debug, clap::Args)]
pub(super) struct StoreArgs {
    /// The store
    #[arg(long, env = "PGSEAL_KMS_STORE", value_name = "FILE", global = true)]
    store: Option<PathBuf>,
    /// The key file that the store is sealed under [default: STORE.key]
    #[arg(long, env = "PGSEAL_KMS_KEY_FILE", value_name = "FILE", global = true)]
    key_file: Option<PathBuf>,
    /// A file with the passphrase that the store is sealed under
    #[arg(long, env = "PGSEAL_KMS_PASSPHRASE_FILE", value_name = "FILE", global = true, conflicts_with = "key_file")]
    passphrase_file: Option<PathBuf>,
    /// Where the anchor is; best on another disk [default: STORE.anchor]
    #[arg(long, env = "PGSEAL_KMS_ANCHOR", value_name = "FILE", global = true)]
    anchor: Option<PathBuf>,
    /// Where the audit log is [default: STORE.audit]
    #[arg(long, env = "PGSEAL_KMS_AUDIT", value_name = "FILE", global = true)]
    audit: Option<PathBuf>,
    /// As this caller instead of the root of the account
    #[arg(long = "as", env = "PGSEAL_KMS_CALLER", value_name = "NAME", global = true)]
    caller: Option<String>,
    /// How answers are shown
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true)]
    output: Output,
}

/// How answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Output {
    /// For people and pipes
    Text,
    /// AWS's own JSON
    Json,
}

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// Exit code 64.
    Usage(String),
    /// Exit code 1.
    Failed(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Something about a file.
pub(super) fn failed(file: &Path, error: &dyn Display) -> Failure {
    Failure::Failed(format!("{}: {error}", file.display()))
}

/// Prints what failed; gives the exit code.
pub(super) fn settle(result: Result<ExitCode, Failure>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(Failure::Failed(reason)) => {
            fail(reason);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(reason)) => {
            fail(reason);
            ExitCode::from(64)
        }
    }
}

impl StoreArgs {
    pub(super) fn paths(&self) -> Result<Paths, Failure> {
        let missing = || Failure::Usage("which store? --store FILE, or PGSEAL_KMS_STORE".into());
        let mut paths = Paths::beside(self.store.as_deref().ok_or_else(missing)?);
        if let Some(anchor) = &self.anchor {
            paths.anchor.clone_from(anchor);
        }
        if let Some(audit) = &self.audit {
            paths.audit.clone_from(audit);
        }
        Ok(paths)
    }

    /// The key file, if that is what the store is sealed under.
    pub(super) fn key_file(&self) -> Result<Option<PathBuf>, Failure> {
        if self.passphrase_file.is_some() {
            return Ok(None);
        }
        if let Some(file) = &self.key_file {
            return Ok(Some(file.clone()));
        }
        let mut name = self.paths()?.store.into_os_string();
        name.push(".key");
        Ok(Some(name.into()))
    }

    pub(super) fn root(&self) -> Result<Root, Failure> {
        match (&self.passphrase_file, self.key_file()?) {
            (Some(file), _) => Ok(Root::passphrase_file(file)?),
            (None, Some(file)) => Ok(Root::key_file(&file)?),
            (None, None) => Err(Failure::Usage("a key file or a passphrase file is needed".into())),
        }
    }

    /// Opens the store. `ahead`: how many uses of a key one write counts.
    pub(super) fn open(&self, ahead: u64) -> Result<Store, Failure> {
        Ok(Store::open(&self.paths()?, &self.root()?, ahead)?)
    }

    /// Asks the service, as the caller that was named; the audit log ends with a checkpoint.
    pub(super) fn ask(&self, action: &str, body: Value) -> Result<Value, Failure> {
        let mut store = self.open(1)?;
        let identity = match &self.caller {
            None => store.state().root().map_err(|error| Failure::Failed(error.to_string()))?,
            Some(name) => {
                let unknown =
                    || Failure::Failed(format!("there is no caller {name}; `pgseal kms caller list` shows them"));
                store.state().caller(name).ok_or_else(unknown)?
            }
        };
        let Value::Object(mut map) = body else { return Err(Failure::Usage("no parameters".into())) };
        map.retain(|_, value| !value.is_null());
        let answer = store.call(&identity, action, &Body::new(map), now(), Origin::default())?;
        store.checkpoint(now())?;
        for warning in &answer.warnings {
            fail(format_args!("warning: {warning}"));
        }
        answer.result.map_err(|error| {
            // AWS says nothing more, so that an answer is no oracle; what it can be is in the manual.
            let hint = match error.code {
                Code::INVALID_CIPHERTEXT => "the ciphertext was changed, or key or encryption context are others",
                Code::INVALID_SIGNATURE => "the signature does not hold",
                Code::INVALID_MAC => "the tag does not hold",
                _ => "",
            };
            Failure::Failed(format!("{error}{hint}"))
        })
    }

    /// All pages of a list, as one answer.
    pub(super) fn ask_all(&self, action: &str, body: &Value, list: &str) -> Result<Value, Failure> {
        let (mut all, mut body) = (Vec::new(), body.clone());
        loop {
            let mut page = self.ask(action, body.clone())?;
            if let Some(entries) = page[list].as_array_mut() {
                all.append(entries);
            }
            if page["Truncated"] != true {
                let mut response = serde_json::json!({});
                response[list] = all.into();
                return Ok(response);
            }
            body["Marker"] = page["NextMarker"].take();
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// Shows an answer: AWS's JSON, or what `text` makes of it.
    pub(super) fn show(&self, response: &Value, text: impl FnOnce(&Value) -> String) {
        let shown = match self.output {
            Output::Json => format!("{response:#}"),
            Output::Text => text(response),
        };
        if !shown.is_empty() {
            print(format_args!("{}", shown.trim_end()));
        }
    }
}

/// A field of an answer as text.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// `NAME=VALUE`, for contexts and tags.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected NAME=VALUE".into()),
    }
}

/// Pairs as an object; null without any.
pub(super) fn object(pairs: &[(String, String)]) -> Value {
    if pairs.is_empty() {
        return Value::Null;
    }
    pairs
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A file, or standard input.
pub(super) fn read(file: Option<&Path>, most: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(8192));
    let read = match file {
        Some(file) => std::fs::File::open(file).and_then(|open| open.take(most + 1).read_to_end(&mut bytes)),
        None => io::stdin().lock().take(most + 1).read_to_end(&mut bytes),
    };
    let name = file.map_or_else(|| "standard input".to_owned(), |file| file.display().to_string());
    read.map_err(|error| Failure::Failed(format!("{name}: {error}")))?;
    if bytes.len() as u64 > most {
        return Err(Failure::Failed(format!("{name} is longer than {most} bytes")));
    }
    Ok(bytes)
}

/// Into a file (mode 0600), or to standard output.
pub(super) fn write(file: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    let written = match file {
        Some(path) => {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(path).and_then(|mut open| open.write_all(bytes))
        }
        None => io::stdout().lock().write_all(bytes),
    };
    let name = file.map_or_else(|| "standard output".to_owned(), |file| file.display().to_string());
    written.map_err(|error| Failure::Failed(format!("{name}: {error}")))
}

/// `90s`, `15m`, `1h`, `7d` in seconds.
pub(super) fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || "expected a number and s, m, h or d, as in 1h".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("1h"), Ok(3600));
        assert_eq!(seconds("7d"), Ok(604_800));
        for wrong in ["", "h", "1", "0h", "-1h", "1w", "1é", "99999999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
