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
            let mut worst: Option<Error> = None;
            for member in &self.members {
                match member.unwrap(context, wraps).await {
                    Ok(key) => return Ok(key),
                    Err(error) if worst.as_ref().is_none_or(|worst| weight(&error) > weight(worst)) => {
                        worst = Some(error);
                    }
                    Err(_) => {}
                }
            }
            Err(worst.unwrap_or_else(|| Error::Unwrap {
                id: context.id().to_owned(),
                reason: "the keyring has no members".to_owned(),
            }))
        })
    }
}

/// Which of several failures is told. A denial ends the use of what is cached, so no other member hides it; a member
/// out of reach might have opened the key, so "wrong" is said only when all of them said so.
fn weight(error: &Error) -> u8 {
    match error {
        Error::Denied { .. } => 2,
        Error::Unavailable { .. } => 1,
        Error::Missing { .. } | Error::UnknownVersion { .. } | Error::Unwrap { .. } | Error::Inconsistent { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::UserFacing as _;
    use crate::keys::keyring::raw::RawKeyring;
    use crate::keys::{KeyStore as _, create_key, store::memory::MemoryStore};
    use crate::record::Kind;

    /// A member that always fails so.
    struct Fails(Error);

    impl Keyring for Fails {
        fn wrap<'a>(&'a self, _: &'a WrapContext, _: &'a Secret<32>) -> BoxFuture<'a, Result<Vec<Wrapped>, Error>> {
            Box::pin(async { Err(self.0.clone()) })
        }

        fn unwrap<'a>(&'a self, _: &'a WrapContext, _: &'a [Wrapped]) -> BoxFuture<'a, Result<Secret<32>, Error>> {
            Box::pin(async { Err(self.0.clone()) })
        }
    }

    #[tokio::test]
    async fn denied_is_told_before_unavailable_and_unavailable_before_wrong_in_any_order() {
        let wrong = Error::Unwrap { id: "cards".into(), reason: "it was wrapped by another keyring".into() };
        let down = Error::Unavailable { what: "the HSM".into(), reason: "no token".into() };
        let denied = Error::Denied { id: "cards".into(), reason: "AccessDenied".into() };
        let (good, store) = (Arc::new(RawKeyring::new(&Secret::new([1; 32]))), MemoryStore::new().unwrap());
        create_key("cards", good.as_ref(), &store).await.unwrap();
        let item = store.list("cards").await.unwrap().remove(0);
        let context = WrapContext::of(&item, store.uuid().await.unwrap());
        for (one, other, told) in [(&wrong, &down, &down), (&wrong, &denied, &denied), (&down, &denied, &denied)] {
            for (first, second) in [(one, other), (other, one)] {
                let member = |error: &Error| -> Arc<dyn Keyring> { Arc::new(Fails(error.clone())) };
                let both = MultiKeyring::new(member(first), vec![member(second)]);
                assert_eq!(&both.unwrap(&context, &item.wraps).await.err().unwrap(), told);
                let all = MultiKeyring::new(member(first), vec![member(second), good.clone()]);
                assert!(all.unwrap(&context, &item.wraps).await.is_ok(), "one that opens is enough");
            }
        }
        let kind = |error: &Error| Kind::of_seal(&error.clone().into());
        assert_eq!((kind(&denied), kind(&down)), (Kind::Denied, Kind::KeyUnavailable));
        assert_eq!(denied.message(), "key \"cards\" is denied: AccessDenied");
    }
}
