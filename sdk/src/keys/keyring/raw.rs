//! A 256-bit wrapping key from a file or the environment, for tests and air-gapped use.

use std::path::Path;

use zeroize::Zeroizing;

use super::{Keyring, Provider, SivWrap, WrapContext, Wrapped};
use crate::crypto::secret::Secret;
use crate::keys::{BoxFuture, Error, from_hex};
use crate::schema::keyring_uri::RawSource;

/// A keyring over a key that somebody gave as such.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use pgseal::crypto::random;
/// use pgseal::crypto::secret::Secret;
/// use pgseal::keys::keyring::raw::RawKeyring;
/// use pgseal::keys::store::memory::MemoryStore;
/// use pgseal::keys::{Creation, KeyStore, create_key};
///
/// let keyring = RawKeyring::new(&Secret::new(random::array()?));
/// let store = MemoryStore::new()?;
/// assert!(matches!(create_key("cards", &keyring, &store).await?, Creation::Created { .. }));
/// assert_eq!(store.list("cards").await?.len(), 2, "a branch key and a beacon key, both wrapped");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RawKeyring(SivWrap);

impl RawKeyring {
    /// A keyring over this root.
    pub fn new(root: &Secret<32>) -> Self {
        Self(SivWrap::new(Provider::Raw, "", root))
    }

    /// Reads the root from where the URI says: 32 bytes, or 64 hex digits and white space.
    pub fn from_source(source: &RawSource) -> Result<Self, Error> {
        let (what, bytes) = match source {
            RawSource::File(path) => {
                let what = format!("wrapping key {}", path.display());
                let bytes = read_key_file(path).map_err(|error| unavailable(&what, &error.to_string()))?;
                (what, bytes)
            }
            RawSource::Env(name) => {
                let what = format!("wrapping key in environment variable {name}");
                let text = std::env::var(name).map_err(|_| unavailable(&what, "it is not set, or not UTF-8"))?;
                (what, Zeroizing::new(text.into_bytes()))
            }
        };
        let root = parse_key(&bytes).ok_or_else(|| unavailable(&what, "it is neither 32 bytes nor 64 hex digits"))?;
        Ok(Self::new(&root))
    }
}

impl Keyring for RawKeyring {
    fn wrap<'a>(&'a self, context: &'a WrapContext, key: &'a Secret<32>) -> BoxFuture<'a, Result<Vec<Wrapped>, Error>> {
        Box::pin(async move { Ok(vec![self.0.wrap(context, key)]) })
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a WrapContext,
        wraps: &'a [Wrapped],
    ) -> BoxFuture<'a, Result<Secret<32>, Error>> {
        Box::pin(async move { self.0.unwrap(context, wraps) })
    }
}

/// The longest file that can hold a key: 64 hex digits, and white space.
const MAX_FILE: u64 = 128;

/// A key file is small; a wrong path (a log, a device) must not be read without end, and what is longer is no key that
/// begins there.
pub(super) fn read_key_file(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    use std::io::Read;

    // With room for all, so that no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    if std::fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)? as u64 > MAX_FILE {
        return Err(std::io::Error::other("it is longer than 32 bytes, or 64 hex digits and white space"));
    }
    Ok(bytes)
}

fn parse_key(bytes: &[u8]) -> Option<Secret<32>> {
    if let Ok(raw) = <[u8; 32]>::try_from(bytes) {
        return Some(Secret::new(raw));
    }
    from_hex::<32>(bytes.trim_ascii()).map(Secret::new)
}

fn unavailable(what: &str, reason: &str) -> Error {
    Error::Unavailable { what: what.to_owned(), reason: reason.to_owned() }
}
