//! The URIs that name a wrapping key: raw:file=…, raw:env=…, local:NAME; aws-kms: and pkcs11: are known.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A wrapping key, as `generator` and `children` of `[keyrings.NAME]` spell it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyringUri {
    /// A 256-bit key given as such.
    Raw(RawSource),
    /// A named key of the embedded key service.
    Local {
        /// 1–128 bytes of `[A-Za-z0-9_./-]`.
        name: String,
    },
}

/// Where a raw key is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RawSource {
    /// `raw:file=PATH`
    File(PathBuf),
    /// `raw:env=NAME`
    Env(String),
}

/// Why a text names no wrapping key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringUriError {
    /// A key service that this version does not speak to.
    #[error("{scheme}: keyrings are not in this version")]
    NotInThisVersion {
        /// The scheme without its colon.
        scheme: &'static str,
    },
    /// Anything else.
    #[error("{0}")]
    Invalid(&'static str),
}

const FORMS: &str = "a keyring is written local:NAME, raw:file=PATH or raw:env=NAME";

impl FromStr for KeyringUri {
    type Err = KeyringUriError;

    fn from_str(text: &str) -> Result<Self, KeyringUriError> {
        let (scheme, rest) = text.split_once(':').ok_or(KeyringUriError::Invalid(FORMS))?;
        match scheme {
            "local" => local(rest),
            "raw" => raw(rest).map(KeyringUri::Raw),
            "aws-kms" => Err(KeyringUriError::NotInThisVersion { scheme: "aws-kms" }),
            "pkcs11" => Err(KeyringUriError::NotInThisVersion { scheme: "pkcs11" }),
            "vault" => Err(KeyringUriError::NotInThisVersion { scheme: "vault" }),
            _ => Err(KeyringUriError::Invalid(FORMS)),
        }
    }
}

/// As [`FromStr`] reads it.
impl fmt::Display for KeyringUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyringUri::Raw(RawSource::File(path)) => write!(f, "raw:file={}", path.display()),
            KeyringUri::Raw(RawSource::Env(name)) => write!(f, "raw:env={name}"),
            KeyringUri::Local { name } => write!(f, "local:{name}"),
        }
    }
}

fn local(name: &str) -> Result<KeyringUri, KeyringUriError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
    if (1..=128).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(KeyringUri::Local { name: name.to_owned() })
    } else {
        Err(KeyringUriError::Invalid("the name in local:NAME has 1 to 128 of A-Z a-z 0-9 _ . / -"))
    }
}

fn raw(rest: &str) -> Result<RawSource, KeyringUriError> {
    match rest.split_once('=') {
        Some(("file", path)) if !path.is_empty() => Ok(RawSource::File(PathBuf::from(path))),
        Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(RawSource::Env(name.to_owned())),
        _ => Err(KeyringUriError::Invalid("a raw key is written raw:file=PATH or raw:env=NAME")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_this_version_round_trip() {
        for text in ["local:customer-data", "raw:file=/etc/pgseal/root.hex", "raw:env=PGSEAL_ROOT"] {
            assert_eq!(text.parse::<KeyringUri>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn known_services_of_later_versions_are_refused_by_name() {
        for (text, scheme) in [("aws-kms:arn:aws:kms:x", "aws-kms"), ("pkcs11:token=dr;object=pgseal", "pkcs11")] {
            let error = text.parse::<KeyringUri>().unwrap_err();
            assert_eq!(error, KeyringUriError::NotInThisVersion { scheme });
            assert_eq!(error.to_string(), format!("{scheme}: keyrings are not in this version"));
        }
    }

    #[test]
    fn anything_else_is_invalid() {
        for text in
            ["", "local", "local:", "local:a b", "raw:", "raw:file=", "raw:env=", "raw:hex=00", "Local:a", "x:y"]
        {
            assert!(matches!(text.parse::<KeyringUri>(), Err(KeyringUriError::Invalid(_))), "{text}");
        }
    }
}
