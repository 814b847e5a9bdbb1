//! Edits of the original bytes at token boundaries (SQL-1, SQL-2).

use std::ops::Range;

use super::lex::Token;
use super::physical::Piece;

/// Edits of one statement, collected in any order and applied once.
#[derive(Debug)]
pub struct Edits<'t> {
    text: &'t str,
    tokens: &'t [Token],
    edits: Vec<(Range<usize>, Vec<Piece>)>,
}

/// An edit that cannot be made: a defect of the planner, never of the statement. The statement is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an edit at byte {at} {why}")]
pub struct SpliceError {
    /// Byte offset in the client's text.
    pub at: usize,
    /// What is wrong.
    pub why: &'static str,
}

/// The physical text in pieces, and where its text comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spliced {
    /// For [`Template::pieces`](super::Template).
    pub pieces: Vec<Piece>,
    /// By piece: where in the client's text the first byte of a copied piece stands; `None` for text of ours and
    /// for slots, with the client's byte that they stand for.
    pub origins: Vec<Origin>,
}

/// Where a piece comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Bytes of the client, from this offset on.
    Client(usize),
    /// Ours, in place of, or inserted before, this offset.
    Ours(usize),
}

impl<'t> Edits<'t> {
    /// Edits of `text`, whose tokens are `tokens`.
    pub fn new(text: &'t str, tokens: &'t [Token]) -> Self {
        Self { text, tokens, edits: Vec::new() }
    }

    /// Replaces the bytes of `range`, which must begin where a token begins and end where one ends.
    pub fn replace(&mut self, range: Range<usize>, with: Vec<Piece>) {
        self.edits.push((range, with));
    }

    /// Inserts before the byte `at`, which must be where a token begins or ends. Insertions at one place keep the
    /// order in which they were made.
    pub fn insert(&mut self, at: usize, what: Vec<Piece>) {
        self.edits.push((at..at, what));
    }

    /// The pieces of the statement at `range` after all edits. White space is added where an edit would make two
    /// tokens grow together.
    pub fn apply(self, range: Range<usize>) -> Result<Spliced, SpliceError> {
        let _ = (range, self.text, self.tokens);
        todo!()
    }
}

impl Spliced {
    /// The client's position (1-based, in characters, as ErrorResponse field P) for a position in the physical text
    /// whose slots were printed with these lengths in characters.
    pub fn client_position(&self, text: &str, physical: usize, slot_chars: impl Fn(usize) -> usize) -> Option<usize> {
        let _ = (text, physical, slot_chars);
        todo!()
    }
}
