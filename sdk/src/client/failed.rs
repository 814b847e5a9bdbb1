//! What the server says about a statement, in the application's terms.

use tokio_postgres::error::{DbError as ServerError, ErrorPosition};

use super::{DbError, Error};
use crate::encoding::ClientEncoding;
use crate::exec::errors::{self, ClientValues};
use crate::schema::Protection;
use crate::sql::Plan;

/// An error of the server or the driver. With a plan it is told in the terms of its statement; without one it is the
/// application's as it is. Without a plan of its own, one that wrote earlier in the transaction counts: a constraint may
/// be checked at the commit.
pub(super) fn failed(
    error: tokio_postgres::Error,
    plan: Option<&Plan>,
    sent: Option<ClientValues<'_>>,
    position: impl FnOnce(u32) -> Option<u32>,
) -> Error {
    let Some(server) = error.as_db_error() else { return error.into() };
    let Some(plan) = plan else { return DbError::from(server).placed(position).into() };
    let fields = fields(server);
    let fields: Vec<(u8, &[u8])> = fields.iter().map(|(code, text)| (*code, text.as_bytes())).collect();
    match DbError::from_fields(&errors::translate(&fields, plan, sent, position)) {
        Ok(error) => error.into(),
        Err(malformed) => malformed.into(),
    }
}

/// Whether an error of a statement that was forwarded is about nothing of ours.
pub(super) fn is_of_others(error: &tokio_postgres::Error, protection: &Protection) -> bool {
    let Some(server) = error.as_db_error() else { return true };
    let fields = fields(server);
    let fields: Vec<(u8, &[u8])> = fields.iter().map(|(code, text)| (*code, text.as_bytes())).collect();
    errors::is_of_others(&fields, protection, ClientEncoding::UTF8)
}

/// The fields of an ErrorResponse that the driver has read.
fn fields(error: &ServerError) -> Vec<(u8, String)> {
    let mut fields = vec![
        (b'S', error.severity().to_owned()),
        (b'C', error.code().code().to_owned()),
        (b'M', error.message().to_owned()),
    ];
    let mut push = |code: u8, text: Option<String>| fields.extend(text.map(|text| (code, text)));
    push(b'V', error.parsed_severity().map(|severity| severity.to_string()));
    match error.position() {
        Some(ErrorPosition::Original(at)) => push(b'P', Some(at.to_string())),
        Some(ErrorPosition::Internal { position, query }) => {
            push(b'p', Some(position.to_string()));
            push(b'q', Some(query.clone()));
        }
        None => {}
    }
    let text = |text: Option<&str>| text.map(str::to_owned);
    push(b'D', text(error.detail()));
    push(b'H', text(error.hint()));
    push(b'W', text(error.where_()));
    push(b's', text(error.schema()));
    push(b't', text(error.table()));
    push(b'c', text(error.column()));
    push(b'd', text(error.datatype()));
    push(b'n', text(error.constraint()));
    push(b'F', text(error.file()));
    push(b'L', error.line().map(|line| line.to_string()));
    push(b'R', text(error.routine()));
    fields
}
