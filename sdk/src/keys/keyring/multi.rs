//! Several keyrings over one key: each wraps it, any one of them opens it.

use std::sync::Arc;

use super::{Keyring, WrapContext, Wrapped};
use crate::crypto::secret::Secret;
use crate::keys::{BoxFuture, Error};

/// A generator and its children, AWS's terms. All must be there to wrap, one is enough to unwrap.
pub struct MultiKeyring {
    members: Vec<Arc<dyn Keyring>>,
}

impl MultiKeyring {
    /// The generator is asked first.
    pub fn new(generator: Arc<dyn Keyring>, children: Vec<Arc<dyn Keyring>>) -> Self {
        Self { members: std::iter::once(generator).chain(children).collect() }
    }
}

impl Keyring for MultiKeyring {
    fn wrap<'a>(&'a self, context: &'a WrapContext, key: &'a Secret<32>) -> BoxFuture<'a, Result<Vec<Wrapped>, Error>> {
        Box::pin(async move {
            let mut wraps = Vec::with_capacity(self.members.len());
            for member in &self.members {
                wraps.extend(member.wrap(context, key).await?);
            }
            Ok(wraps)
        })
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a WrapContext,
        wraps: &'a [Wrapped],
    ) -> BoxFuture<'a, Result<Secret<32>, Error>> {
        Box::pin(async move {
            let mut first = None;
            for member in &self.members {
                match member.unwrap(context, wraps).await {
                    Ok(key) => return Ok(key),
                    Err(error) => first = first.or(Some(error)),
                }
            }
            Err(first.unwrap_or_else(|| Error::Unwrap {
                id: context.id().to_owned(),
                reason: "the keyring has no members".to_owned(),
            }))
        })
    }
}
