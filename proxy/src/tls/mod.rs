//! TLS of both legs: what was said of it, checked once, and made into what a handshake needs.
//!
//! The two legs know nothing of each other: [`client`] is what clients meet, [`server`] what the proxy asks of its server.

pub mod client;
mod control;
mod files;
pub mod server;
mod verify;

use std::io;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{AlertDescription, CertificateError, SupportedProtocolVersion, version};

pub use control::Connector;
pub(crate) use control::Database;

/// What PostgreSQL calls its protocol in ALPN (PostgreSQL 18 manual, 54.2.11).
pub(crate) const ALPN: &[u8] = b"postgresql";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A version of the protocol, by PostgreSQL's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `TLSv1.2`
    V12,
    /// `TLSv1.3`
    V13,
}

impl Version {
    /// Reads a minimum. What is older than 1.2 is a minimum that 1.2 fulfils.
    pub fn minimum(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "tlsv1" | "tlsv1.1" | "tlsv1.2" => Some(Version::V12),
            "tlsv1.3" => Some(Version::V13),
            _ => None,
        }
    }

    /// Reads a maximum. What is older than 1.2 is not spoken here.
    pub fn maximum(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "tlsv1.2" => Some(Version::V12),
            "tlsv1.3" => Some(Version::V13),
            _ => None,
        }
    }
}

/// The versions between two bounds.
fn versions(least: Version, most: Version) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(Version::V13, &version::TLS13), (Version::V12, &version::TLS12)];
    all.iter().filter(|(version, _)| (least..=most).contains(version)).map(|(_, spoken)| *spoken).collect()
}

/// Why a handshake failed, in words for whoever configured it. `who` is the other side.
pub(crate) fn explain(error: &io::Error, who: &str) -> String {
    let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("the {who} closed the connection during the TLS handshake"),
            _ => format!("TLS handshake: {error}"),
        };
    };
    match cause {
        rustls::Error::InvalidCertificate(reason) => format!("the {who}'s certificate is refused: {}", refused(reason)),
        rustls::Error::NoCertificatesPresented => format!("the {who} has sent no certificate"),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            format!("the {who} wants a certificate from us, and got none")
        }
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError),
        ) => format!("the {who} does not take our certificate ({alert:?})"),
        rustls::Error::InvalidMessage(_) => format!("the {who} does not speak TLS"),
        other => format!("TLS handshake: {other}"),
    }
}

/// Without what the certificate itself says: it is the other side's text.
fn refused(reason: &CertificateError) -> String {
    match reason {
        CertificateError::UnknownIssuer => "no authority that is trusted here has signed it".into(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is not for the host name that was asked for".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet (is the clock right?)".into()
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is an authority's own; have the server use one that the authority has signed".into()
        }
        other => format!("{other:?}").split(['(', '{']).next().unwrap_or_default().trim().to_owned(),
    }
}
