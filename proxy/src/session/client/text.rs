//! What the client's texts and names say under the settings of the session (SQL-7).

use std::borrow::Cow;

use pgseal::encoding::{ClientEncoding, EncodingError};
use pgseal::error::UserFacing;
use pgseal::sql::Refusal;
use pgseal::sql::client_text::ClientText;

use super::super::state::State;
use super::Fate;

/// What bytes of the client say.
enum Said<T> {
    This(T),
    /// These settings are asked for first.
    After(&'static [&'static str]),
    Nothing(Refusal),
}

impl State {
    /// The text of a Query, or what becomes of the Query without it.
    pub(super) fn query_text<'t>(&mut self, bytes: &'t [u8], out: &mut Vec<u8>) -> Result<ClientText<'t>, Fate> {
        match self.text_said(bytes) {
            Said::This(text) => Ok(text),
            Said::After(shows) => Err(self.ask_by_query(shows, out)),
            Said::Nothing(refusal) => {
                self.refuse_query(&refusal, None, out);
                Err(Fate::Drop)
            }
        }
    }

    /// The text of a Parse, or what becomes of the Parse without it.
    pub(super) fn parse_text<'t>(
        &mut self,
        unnamed: bool,
        bytes: &'t [u8],
        out: &mut Vec<u8>,
    ) -> Result<ClientText<'t>, Fate> {
        let said = self.text_said(bytes);
        self.within_batch(said, unnamed, out)
    }

    /// The name of a statement or portal in UTF-8, or what becomes of its message without it.
    pub(super) fn name<'n>(&mut self, bytes: &'n [u8], out: &mut Vec<u8>) -> Result<Cow<'n, [u8]>, Fate> {
        if bytes.is_ascii() {
            return Ok(Cow::Borrowed(bytes));
        }
        let said = self.said(bytes, |state| match state.session.facts.settings().encoding.decode(bytes) {
            Ok(Cow::Borrowed(name)) => Ok(Cow::Borrowed(name.as_bytes())),
            Ok(Cow::Owned(name)) => Ok(Cow::Owned(name.into_bytes())),
            Err(error) => Err(unread_name(&error)),
        });
        self.within_batch(said, false, out)
    }

    /// A text that is not sent, read as far as it can be: its settings are not asked for any more.
    pub(super) fn skipped_text<'t>(&self, bytes: &'t [u8]) -> Result<ClientText<'t>, Refusal> {
        let facts = &self.session.facts;
        ClientText::read(bytes, facts.settings().encoding, facts.strings())
    }

    /// The encoding in which the server reads what we send now.
    pub(super) fn encoding(&self) -> ClientEncoding {
        let facts = &self.session.facts;
        if facts.shows(false).is_empty() { facts.settings().encoding } else { ClientEncoding::UNKNOWN }
    }

    /// The settings are asked for in the client's batch; or its message is refused.
    fn within_batch<T>(&mut self, said: Said<T>, unnamed: bool, out: &mut Vec<u8>) -> Result<T, Fate> {
        match said {
            Said::This(said) => Ok(said),
            Said::After(shows) => {
                self.ask(shows, out);
                Err(Fate::Wait)
            }
            Said::Nothing(refusal) => Err(self.refuse(unnamed, &refusal, None, out)),
        }
    }

    fn text_said<'t>(&self, bytes: &'t [u8]) -> Said<ClientText<'t>> {
        self.said(bytes, |state| state.skipped_text(bytes))
    }

    fn said<T>(&self, bytes: &[u8], read: impl FnOnce(&Self) -> Result<T, Refusal>) -> Said<T> {
        let shows = self.session.facts.shows_for(bytes);
        match read(self) {
            // The server answers no question in a failed transaction.
            _ if !shows.is_empty() && self.status == b'E' => Said::Nothing(behind_a_setting()),
            _ if !shows.is_empty() => Said::After(shows),
            Ok(said) => Said::This(said),
            Err(refusal) => Said::Nothing(refusal),
        }
    }
}

fn unread_name(error: &EncodingError) -> Refusal {
    let refusal = match error {
        EncodingError::Unread(_) => {
            Refusal::new("names of statements and portals must be ASCII in this client_encoding in this version")
        }
        EncodingError::Invalid(_) | EncodingError::Untranslatable { .. } => {
            Refusal::error(error.sqlstate(), error.message())
        }
    };
    error.hint().into_iter().fold(refusal, Refusal::hint)
}

fn behind_a_setting() -> Refusal {
    Refusal::new("a text that client_encoding or standard_conforming_strings decides, behind one that may change them")
        .hint("Wait for the answer before you send it.")
}
