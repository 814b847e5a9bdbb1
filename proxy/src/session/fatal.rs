//! An error that ends a connection: the ErrorResponse with which we, not the server, take leave.

use std::time::Duration;

use pgseal::error::SqlState;
use tokio::io::AsyncWriteExt;

use crate::upstream::Stream;

/// Why a connection ends. Its texts reach the client: names at most, never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fatal {
    pub(super) sqlstate: SqlState,
    pub(super) message: String,
    pub(super) detail: Option<String>,
    pub(super) hint: Option<String>,
}

impl Fatal {
    pub(super) fn new(sqlstate: SqlState, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into(), detail: None, hint: None }
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn protocol(message: impl Into<String>) -> Self {
        Self::new(SqlState::PROTOCOL_VIOLATION, message)
    }

    /// PostgreSQL's own words for the same event.
    pub(super) fn shutdown() -> Self {
        Self::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
    }

    /// PostgreSQL's own words for a connection that finds no room.
    pub(super) fn too_many_clients() -> Self {
        Self::new(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already")
    }

    /// Its server could not be looked at yet.
    pub(super) fn not_yet() -> Self {
        Self::new(SqlState::CANNOT_CONNECT_NOW, "the proxy has not reached its database server yet")
            .hint("It goes on trying; its log says what is wrong.")
    }

    /// The ErrorResponse of it.
    pub(super) fn frame(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut field = |code: u8, text: &str| {
            body.push(code);
            body.extend(text.bytes().filter(|byte| *byte != 0));
            body.push(0);
        };
        field(b'S', "FATAL");
        field(b'V', "FATAL");
        field(b'C', self.sqlstate.code());
        field(b'M', &self.message);
        if let Some(detail) = &self.detail {
            field(b'D', detail);
        }
        if let Some(hint) = &self.hint {
            field(b'H', hint);
        }
        body.push(0);
        let mut frame = vec![b'E'];
        frame.extend(u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes());
        frame.append(&mut body);
        frame
    }
}

/// Tells the client, if it still listens; a client that reads nothing does not hold the session.
pub(super) async fn send(client: &mut Stream, fatal: &Fatal) {
    let (_, mut writer) = client.split();
    let frame = fatal.frame();
    let told = async {
        writer.write_all(&frame).await?;
        writer.flush().await
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), told).await;
}
