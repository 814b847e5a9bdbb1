//! What wraps and unwraps a branch key (KEY-1): one trait, a file for each backend.

pub mod context;
pub mod local;
pub mod multi;
pub mod raw;
pub mod wrapped;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use context::WrapContext;
pub use multi::MultiKeyring;
pub use wrapped::{Provider, Wrapped};

use super::{BoxFuture, Error};
use crate::crypto::hkdf;
use crate::crypto::secret::Secret;
use crate::crypto::siv::SivKey;
use crate::schema::keyring_uri::KeyringUri;

/// Something that can wrap a key under an encryption context, and open what it wrapped under the same one.
///
/// The futures are boxed so that a keyring may live behind a network and stand in a `dyn`.
pub trait Keyring: Send + Sync {
    /// Wraps a key; a multi-keyring returns one wrap for each of its members.
    fn wrap<'a>(&'a self, context: &'a WrapContext, key: &'a Secret<32>) -> BoxFuture<'a, Result<Vec<Wrapped>, Error>>;

    /// Opens the first of these wraps that it can.
    ///
    /// # Errors
    /// [`Error::Unwrap`] if none of them is this keyring's or none opens under this context.
    fn unwrap<'a>(&'a self, context: &'a WrapContext, wraps: &'a [Wrapped])
    -> BoxFuture<'a, Result<Secret<32>, Error>>;
}

/// The keyring behind one URI. `state_dir` is where `local:` keys have their root key.
///
/// # Errors
/// [`Error::Unavailable`] that names what is missing: nothing is created here (KEY-6).
pub fn open(uri: &KeyringUri, state_dir: &Path) -> Result<Arc<dyn Keyring>, Error> {
    match uri {
        KeyringUri::Raw(source) => Ok(Arc::new(raw::RawKeyring::from_source(source)?)),
        KeyringUri::Local { name } => {
            let root = local::RootKey::open(&local::checked_root_key_file(state_dir)?)?;
            Ok(Arc::new(local::LocalKeyring::new(name, &root)))
        }
    }
}

/// The keyring of a schema file's `generator` and `children`: the first one alone if there are no children.
pub fn open_all(generator: &KeyringUri, children: &[KeyringUri], state_dir: &Path) -> Result<Arc<dyn Keyring>, Error> {
    let generator = open(generator, state_dir)?;
    if children.is_empty() {
        return Ok(generator);
    }
    let children = children.iter().map(|uri| open(uri, state_dir)).collect::<Result<_, _>>()?;
    Ok(Arc::new(MultiKeyring::new(generator, children)))
}

/// Makes the root key that these keyrings need and that is not there yet: only for `keys create` and
/// `schema apply --create-keys` (KEY-6). Returns its path if it was made now, so that its owner can be told.
pub fn create_root_key<'a>(
    uris: impl IntoIterator<Item = &'a KeyringUri>,
    state_dir: &Path,
) -> Result<Option<PathBuf>, Error> {
    if !uris.into_iter().any(|uri| matches!(uri, KeyringUri::Local { .. })) {
        return Ok(None);
    }
    let file = local::checked_root_key_file(state_dir)?;
    match local::RootKey::open_or_create(&file)? {
        local::Opened::Created(_) => Ok(Some(file)),
        local::Opened::Existing(_) => Ok(None),
    }
}

/// Wraps with AES-256-SIV under a KEK that is derived from a root key: what raw and local keyrings share (KEY-1).
struct SivWrap {
    provider: Provider,
    name: String,
    kek: SivKey,
}

impl SivWrap {
    fn new(provider: Provider, name: &str, root: &Secret<32>) -> Self {
        let mut info = b"pgseal wrap v1".to_vec();
        crate::framing::put_u16_part(&mut info, name.as_bytes());
        Self { provider, name: name.to_owned(), kek: SivKey::new(&hkdf::derive::<64>(root.expose(), &[&info])) }
    }

    fn wrap(&self, context: &WrapContext, key: &Secret<32>) -> Wrapped {
        let mut wrapped = Wrapped { provider: self.provider, arn: self.name.clone(), blob: Vec::new() };
        wrapped.blob = self.kek.seal(&associated(&wrapped, context), key.expose());
        wrapped
    }

    fn unwrap(&self, context: &WrapContext, wraps: &[Wrapped]) -> Result<Secret<32>, Error> {
        let mut reason = "it was wrapped by another keyring";
        for wrapped in wraps.iter().filter(|wrapped| wrapped.provider == self.provider && wrapped.arn == self.name) {
            match self.kek.open(&associated(wrapped, context), &wrapped.blob) {
                Ok(key) => match <&[u8; 32]>::try_from(key.as_slice()) {
                    Ok(key) => return Ok(Secret::new(*key)),
                    Err(_) => reason = "the wrapped key has another length",
                },
                Err(_) => reason = "the wrapping key does not fit, or the item was changed",
            }
        }
        Err(Error::Unwrap { id: context.id().to_owned(), reason: reason.to_owned() })
    }
}

/// One component: wrapped-key header ‖ context.
fn associated(wrapped: &Wrapped, context: &WrapContext) -> Vec<u8> {
    let mut bytes = wrapped.header();
    context.write(&mut bytes);
    bytes
}
