//! A statement over relations that share a protected table's name and are not protected: their schemas are spliced in, so
//! that the server resolves none of these names (SQL-63, CAT-4).

use std::ops::Range;

use super::source::{Source, unreadable};
use crate::schema::Relation;
use crate::schema::names::quote;
use crate::sql::splice::Edits;
use crate::sql::{Origin, Piece, Refusal, Template};

/// The statement with each of these names qualified, and nothing else changed.
pub(super) fn qualified(
    source: &Source<'_>,
    range: Range<usize>,
    names: &[(Range<usize>, Relation)],
) -> Result<Template, Refusal> {
    let mut edits = Edits::new(source.text, source.tokens);
    for (bytes, Relation { schema, name }) in names {
        edits.replace(bytes.clone(), vec![Piece::Text(format!("{}.{}", quote(schema), quote(name)))]);
    }
    let spliced = edits.apply(range).map_err(|_| unreadable())?;
    let characters = |origin| match origin {
        Origin::Client(byte) => Origin::Client(source.characters(byte)),
        Origin::Ours(byte) => Origin::Ours(source.characters(byte)),
    };
    Ok(Template {
        pieces: spliced.pieces,
        origins: spliced.origins.into_iter().map(characters).collect(),
        slots: Vec::new(),
    })
}
