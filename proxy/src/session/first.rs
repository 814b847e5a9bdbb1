//! From the first byte to the first packet: requests for encryption, TLS, and what the connection is for.

use pgseal::error::SqlState;

use super::fatal::Fatal;
use super::startup::End;
use super::{Context, cancel};
use crate::tls::client::Leg;
use crate::tls::explain;
use crate::upstream::{Secured, Stream};
use crate::wire::buffer::{Inbound, Outbound};
use crate::wire::frame::MAX_STARTUP;

const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;

/// What a connection is for.
pub(super) enum First {
    /// A session: the start-up packet, whole, with its length in front.
    Startup(Vec<u8>),
    /// A cancel request: process id and secret.
    Cancel(Vec<u8>),
}

/// The first packet of a client. Encryption requests before it are answered.
pub(super) async fn first_packet(client: &mut Stream, inbound: &mut Inbound, tls: Option<&Leg>) -> Result<First, End> {
    let (mut ssl_asked, mut gss_asked) = (false, false);
    loop {
        let packet = loop {
            if starts_tls(client, inbound) {
                if ssl_asked {
                    return Err(Fatal::protocol("TLS was asked for in two ways").into());
                }
                let leg = tls.ok_or_else(no_tls)?;
                let early = inbound.bytes().to_vec();
                inbound.consume(early.len());
                handshake(client, early, leg).await?;
                if !client.secured().is_some_and(Secured::is_postgresql) {
                    return Err(Fatal::protocol(
                        "received direct SSL connection request without ALPN protocol negotiation extension",
                    )
                    .into());
                }
                ssl_asked = true;
                continue;
            }
            if let Some(packet) = take_packet(inbound)? {
                break packet;
            }
            let (mut reader, _) = client.split();
            if inbound.read(&mut reader, MAX_STARTUP).await? == 0 {
                return Err(End::Closed);
            }
        };
        let (asked, injected) = match code(&packet) {
            SSL_REQUEST if !ssl_asked => (&mut ssl_asked, "received unencrypted data after SSL request"),
            GSSENC_REQUEST if !gss_asked => {
                (&mut gss_asked, "received unencrypted data after GSSAPI encryption request")
            }
            cancel::CODE => {
                let key = packet.get(8..).filter(|key| cancel::is_key(key)).ok_or(End::Closed)?;
                return Ok(First::Cancel(key.to_vec()));
            }
            _ => return Ok(First::Startup(packet)),
        };
        *asked = true;
        // Over a unix socket there is no TLS, and none within TLS: as PostgreSQL has it.
        let leg = tls.filter(|_| code(&packet) == SSL_REQUEST && matches!(client, Stream::Tcp(_)));
        let mut answer = Outbound::default();
        answer.bytes().push(if leg.is_some() { b'S' } else { b'N' });
        let (_, mut writer) = client.split();
        answer.write(&mut writer).await?;
        // Sent before our answer was known: not by a client that waits for it (`ProcessStartupPacket`).
        if !inbound.bytes().is_empty() {
            return Err(Fatal::protocol(injected).detail(INJECTED).into());
        }
        if let Some(leg) = leg {
            handshake(client, Vec::new(), leg).await?;
        }
    }
}

/// Whether a client begins with TLS itself (`sslnegotiation=direct`): no length begins so.
fn starts_tls(client: &Stream, inbound: &Inbound) -> bool {
    inbound.bytes().first() == Some(&0x16) && client.secured().is_none()
}

fn no_tls() -> Fatal {
    Fatal::new(SqlState::FEATURE_NOT_SUPPORTED, "this proxy offers no TLS")
        .hint("Serve with --tls-cert and --tls-key, or connect with sslmode=disable or prefer, without sslnegotiation=direct.")
}

/// A client whose handshake fails is told by TLS itself.
async fn handshake(client: &mut Stream, early: Vec<u8>, leg: &Leg) -> Result<(), End> {
    let done = client.accept_tls(early, leg.loaded()).await;
    done.map_err(|error| {
        let reason = explain(&error, "client");
        tracing::info!(reason, "connection refused");
        End::Closed
    })
}

/// Where TLS is required a session over TCP has it. A cancel request may come without: libpq before 17 sends it so.
pub(super) fn demand_tls(client: &Stream, context: &Context) -> Result<(), Fatal> {
    let required = context.tls.as_ref().is_some_and(|leg| leg.is_required());
    if required && matches!(client, Stream::Tcp(_)) {
        return Err(Fatal::new(SqlState::INVALID_AUTHORIZATION, "this proxy takes connections over TLS only")
            .hint("Connect with sslmode=verify-full (or at least require)."));
    }
    Ok(())
}

/// PostgreSQL's own words.
const INJECTED: &str =
    "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.";

/// A packet, if it is whole. What cannot be one is answered by silence, as in `ProcessStartupPacket`: whoever sent it does
/// not speak this protocol.
fn take_packet(inbound: &mut Inbound) -> Result<Option<Vec<u8>>, End> {
    let bytes = inbound.bytes();
    let [a, b, c, d, ..] = *bytes else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if !(8..=MAX_STARTUP).contains(&length) {
        tracing::debug!("invalid length of startup packet");
        return Err(End::Closed);
    }
    let Some(packet) = bytes.get(..length).map(<[u8]>::to_vec) else { return Ok(None) };
    inbound.consume(length);
    Ok(Some(packet))
}

pub(super) fn code(packet: &[u8]) -> u32 {
    match *packet {
        [_, _, _, _, a, b, c, d, ..] => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_of_a_length_that_none_has_is_closed() {
        let refused = |bytes: &[u8]| {
            let mut inbound = Inbound::default();
            inbound.feed(bytes);
            match take_packet(&mut inbound) {
                Err(End::Refused(fatal)) => Some(fatal.sqlstate.code()),
                Err(End::Closed) => None,
                Ok(_) => Some("taken"),
            }
        };
        assert_eq!(refused(&10_005_u32.to_be_bytes()), None);
        assert_eq!(refused(&7_u32.to_be_bytes()), None);
        assert_eq!(refused(b"GET / HTTP/1.1"), None);
        assert_eq!(refused(&10_004_u32.to_be_bytes()), Some("taken"));
        assert_eq!(refused(&[0x16, 3, 1, 0]), None, "TLS within TLS");
    }
}
