//! Whether a text can name a protected object, decided on tokens and never on bytes (SQL-5).
//!
//! [`Names::first`] is the question that every statement is asked. A scan over the bytes answers most of them
//! without allocation; only a text that holds something like a protected name is read token by token.

use crate::schema::Protection;

use super::lex::Token;
use super::physical::Effect;

/// The names whose mention makes a statement touch a protected object.
#[derive(Debug, Clone, Copy)]
pub struct Names<'p> {
    protection: &'p Protection,
}

/// A protected name that a text mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Byte offset of the token that mentions it (of the string, for a name inside one).
    pub at: usize,
    /// How.
    pub kind: MentionKind,
}

/// How a text mentions a protected object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MentionKind {
    /// An identifier of this name, as the catalog spells it.
    Identifier(String),
    /// The name stands inside a string constant or a dollar-quoted body.
    Body(String),
    /// An identifier `pgseal` or `pgseal_…`, or one inside a body: the client has no business there (SQL-11).
    Reserved,
    /// `U&"…"`, or a constant whose value cannot be read here: it may be any name.
    Unreadable,
    /// Code that builds SQL at run time (EXECUTE inside a body, `dblink`, `query_to_xml`, …): SQL-13.
    Dynamic,
    /// The text has no tokens and holds a protected name.
    NoTokens,
}

impl<'p> Names<'p> {
    /// The names of `protection`.
    pub fn of(protection: &'p Protection) -> Self {
        Self { protection }
    }

    /// Whether `text` can name a protected object: `None` means that it cannot, and that it may be forwarded.
    pub fn first(&self, text: &str) -> Option<Mention> {
        let _ = (text, self.protection);
        todo!()
    }

    /// Every mention among `tokens` (those of one statement, or of a whole text), in order.
    pub fn mentions(&self, text: &str, tokens: &[Token]) -> Vec<Mention> {
        let _ = (text, tokens);
        todo!()
    }
}

/// What a statement changes in the session, read from its tokens: conservative, so `Opaque` when in doubt.
pub fn effect(text: &str, tokens: &[Token]) -> Effect {
    let _ = (text, tokens);
    todo!()
}
