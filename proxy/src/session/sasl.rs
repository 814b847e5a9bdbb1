//! What SCRAM has to do with TLS (RFC 5802, 6): `SCRAM-SHA-256-PLUS` ties a login to the certificate that the client sees,
//! which is the proxy's, while the server knows its own.

use pgseal::error::SqlState;

use super::fatal::Fatal;
use crate::upstream::Stream;

/// Whether a login that is tied to the server's certificate can be relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// The client sees the server's own certificate.
    Holds,
    /// It sees another, or none.
    Breaks,
}

impl Binding {
    /// Of this pair of connections.
    pub(super) fn between(client: &Stream, server: &Stream) -> Self {
        let certificate = |stream: &'_ Stream| stream.secured().and_then(|secured| secured.certificate().cloned());
        match (certificate(client), certificate(server)) {
            (Some(shown), Some(real)) if shown == real => Binding::Holds,
            _ => Binding::Breaks,
        }
    }
}

/// What the client was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// What the server offers.
    AsItWas,
    /// The same without what is tied to its certificate.
    Fewer,
}

const PLUS: &[u8] = b"SCRAM-SHA-256-PLUS";

/// An AuthenticationSASL without the mechanism that is tied to the certificate; nothing if it is none, or does not have it.
pub(super) fn without_binding(frame: &[u8]) -> Option<Vec<u8>> {
    let names = frame.strip_prefix(b"R")?.get(4..)?.strip_prefix(&[0, 0, 0, 10])?;
    let mechanisms = || names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    if !mechanisms().any(|name| name == PLUS) {
        return None;
    }
    let mut body = vec![0, 0, 0, 10];
    for name in mechanisms().filter(|name| *name != PLUS) {
        body.extend(name.iter().chain([&0]));
    }
    body.push(0);
    let mut fewer = vec![b'R'];
    fewer.extend(u32::try_from(body.len() + 4).ok()?.to_be_bytes());
    fewer.append(&mut body);
    Some(fewer)
}

/// Whether this SASLInitialResponse says that the client could tie its login to a certificate and thinks that the server
/// cannot (flag `y`). A server that can takes that for an attack.
pub(super) fn misses_binding(frame: &[u8]) -> bool {
    let Some(body) = frame.get(5..) else { return false };
    let Some(end) = body.iter().position(|byte| *byte == 0) else { return false };
    body.get(end + 5) == Some(&b'y')
}

/// What such a client is told: the server would only say that authentication failed.
pub(super) fn cannot_work() -> Fatal {
    Fatal::new(
        SqlState::INVALID_AUTHORIZATION,
        "a login that is tied to the server's certificate cannot be relayed through a proxy that has another certificate",
    )
    .detail("The client has TLS to the proxy, the proxy has TLS to the server, and both can do SCRAM-SHA-256-PLUS.")
    .hint(
        "Connect with channel_binding=disable; or give the proxy the server's own certificate and key; or let it reach the \
         server over a unix socket or with sslmode=disable on loopback.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(names: &[&str]) -> Vec<u8> {
        let mut frame = vec![b'R', 0, 0, 0, 0, 0, 0, 0, 10];
        for name in names {
            frame.extend(name.bytes().chain([0]));
        }
        frame.push(0);
        frame[4] = u8::try_from(frame.len() - 1).unwrap();
        frame
    }

    #[test]
    fn only_what_is_tied_to_the_certificate_is_taken_from_the_offer() {
        let both = offer(&["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
        assert_eq!(without_binding(&both), Some(offer(&["SCRAM-SHA-256"])));
        assert_eq!(without_binding(&offer(&["SCRAM-SHA-256"])), None);
        assert_eq!(without_binding(&[b'R', 0, 0, 0, 8, 0, 0, 0, 0]), None);
        for end in 0..both.len() {
            // A part of it is not taken for the whole by whoever cuts frames, and is no panic here.
            let _ = without_binding(&both[..end]);
        }
    }

    #[test]
    fn the_flag_of_a_client_that_misses_it_is_seen() {
        let response = |data: &[u8]| [&b"p\0\0\0\0SCRAM-SHA-256\0\0\0\0\x10"[..], data].concat();
        assert!(misses_binding(&response(b"y,,n=,r=x")));
        assert!(!misses_binding(&response(b"n,,n=,r=x")));
        assert!(!misses_binding(b"p\0\0\0\x04"));
    }
}
