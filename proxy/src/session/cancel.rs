//! CancelRequest: passed on to the server, then closed when the server has closed.
//!
//! Process id and secret are the server's own, so nothing needs to be remembered for one server. With several, the
//! bytes of BackendKeyData say which host they belong to.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Context;

/// The request code of a CancelRequest (`CANCEL_REQUEST_CODE`, libpq/pqcomm.h).
pub const CODE: u32 = 80_877_102;

/// A dead server must not hold the task of a cancel for ever.
const LIMIT: Duration = Duration::from_secs(10);

/// From process id and secret, as in BackendKeyData, to the number of the host.
#[derive(Debug, Default)]
pub struct Registry(Mutex<HashMap<Vec<u8>, usize>>);

impl Registry {
    pub(super) fn insert(&self, key: &[u8], host: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_vec(), host);
    }

    pub(super) fn remove(&self, key: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn host(&self, key: &[u8]) -> Option<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
}

/// Whether these bytes can be process id and secret: 4 bytes each up to protocol 3.0, the secret up to 256 since 3.2.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    (8..=260).contains(&bytes.len())
}

/// Sends a CancelRequest for `key` and returns when the server has closed: then it has been handled.
pub(super) async fn request(context: &Context, key: &[u8]) {
    let host = match (context.cancels.host(key), context.upstream.hosts.len()) {
        (Some(host), _) => host,
        // Another proxy's session, perhaps: one server knows all of them.
        (None, 1) => 0,
        (None, _) => return,
    };
    let mut packet = Vec::with_capacity(key.len() + 8);
    packet.extend(u32::try_from(key.len() + 8).unwrap_or(0).to_be_bytes());
    packet.extend(CODE.to_be_bytes());
    packet.extend(key);
    let exchange = async {
        let mut server = context.upstream.connect_index(host).await.map_err(std::io::Error::other)?;
        let (mut reader, mut writer) = server.split();
        writer.write_all(&packet).await?;
        writer.flush().await?;
        let mut nothing = [0_u8; 64];
        while reader.read(&mut nothing).await? > 0 {}
        std::io::Result::Ok(())
    };
    match tokio::time::timeout(LIMIT, exchange).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "a cancel request did not reach the server"),
        Err(_) => tracing::warn!("a cancel request did not reach the server in time"),
    }
}
