//! Edits of the original bytes at token boundaries (SQL-1, SQL-2).
//!
//! Every byte that no edit covers is copied. An edit begins and ends where tokens do, edits do not overlap, and where
//! two texts meet that would grow into one token a space is put between them.

use std::ops::Range;

use super::lex::Token;
use super::physical::{Origin, Piece};

/// Edits of one statement, collected in any order and applied once.
#[derive(Debug)]
pub(super) struct Edits<'t> {
    text: &'t str,
    tokens: &'t [Token],
    edits: Vec<(Range<usize>, Vec<Piece>)>,
}

/// An edit that cannot be made: a defect of the planner, never of the statement. The statement is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an edit at byte {at} {why}")]
pub(super) struct SpliceError {
    /// Byte offset in the client's text.
    pub(super) at: usize,
    /// What is wrong.
    pub(super) why: &'static str,
}

/// The physical text in pieces, and where its text comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spliced {
    /// For [`Template::pieces`](super::Template).
    pub(super) pieces: Vec<Piece>,
    /// For each piece, where it comes from, in bytes.
    pub(super) origins: Vec<Origin>,
}

impl<'t> Edits<'t> {
    /// Edits of `text`, whose tokens are `tokens`.
    pub(super) fn new(text: &'t str, tokens: &'t [Token]) -> Self {
        Self { text, tokens, edits: Vec::new() }
    }

    /// Replaces the bytes of `range`, which must begin where a token begins and end where one ends.
    pub(super) fn replace(&mut self, range: Range<usize>, with: Vec<Piece>) {
        self.edits.push((range, with));
    }

    /// Inserts before the byte `at`, which must be where a token begins or ends. Insertions at one place keep the
    /// order in which they were made, and stand before what replaces the token that begins there.
    pub(super) fn insert(&mut self, at: usize, what: Vec<Piece>) {
        self.edits.push((at..at, what));
    }

    /// The pieces of the statement at `range` after all edits. Neighbouring texts of one origin are one piece.
    pub(super) fn apply(mut self, range: Range<usize>) -> Result<Spliced, SpliceError> {
        // Stable: insertions at one place stay in order. An insertion comes before a replacement that begins there.
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut spliced = Spliced::default();
        let mut copied = range.start;
        for (edit, pieces) in &self.edits {
            self.check(edit, &range, copied)?;
            spliced.copy(self.text, copied..edit.start);
            for piece in pieces {
                spliced.push(piece.clone(), Origin::Ours(edit.start));
            }
            copied = edit.end;
        }
        spliced.copy(self.text, copied..range.end);
        Ok(spliced)
    }

    fn check(&self, edit: &Range<usize>, statement: &Range<usize>, copied: usize) -> Result<(), SpliceError> {
        let error = |why| Err(SpliceError { at: edit.start, why });
        if edit.start > edit.end || edit.start < statement.start || edit.end > statement.end {
            return error("lies outside of the statement");
        }
        if edit.start < copied {
            return error("overlaps another");
        }
        if !self.begins(edit.start) && (!edit.is_empty() || !self.ends(edit.start)) {
            return error("does not begin with a token");
        }
        if !edit.is_empty() && !self.ends(edit.end) {
            return error("does not end with a token");
        }
        Ok(())
    }

    fn begins(&self, at: usize) -> bool {
        self.tokens.binary_search_by_key(&at, |token| token.range.start).is_ok()
    }

    fn ends(&self, at: usize) -> bool {
        self.tokens.binary_search_by_key(&at, |token| token.range.end).is_ok()
    }
}

impl Spliced {
    /// The bytes of the client in `range`.
    fn copy(&mut self, text: &str, range: Range<usize>) {
        let start = range.start;
        if let Some(bytes) = text.get(range).filter(|bytes| !bytes.is_empty()) {
            self.push(Piece::Text(bytes.to_owned()), Origin::Client(start));
        }
    }

    fn push(&mut self, piece: Piece, origin: Origin) {
        if grow_together(self.pieces.last(), &piece) {
            self.add(Piece::Text(" ".to_owned()), Origin::Ours(offset(origin)));
        }
        self.add(piece, origin);
    }

    fn add(&mut self, piece: Piece, origin: Origin) {
        match (self.pieces.last_mut(), self.origins.last(), piece) {
            (_, _, Piece::Text(empty)) if empty.is_empty() => {}
            (Some(Piece::Text(text)), Some(Origin::Ours(_)), Piece::Text(more))
                if matches!(origin, Origin::Ours(_)) =>
            {
                text.push_str(&more);
            }
            (_, _, piece) => {
                self.pieces.push(piece);
                self.origins.push(origin);
            }
        }
    }
}

/// The offset itself.
fn offset(origin: Origin) -> usize {
    match origin {
        Origin::Client(at) | Origin::Ours(at) => at,
    }
}

/// Whether white space is needed between two neighbours. A slot is printed as `$n` or as a constant in quotes, so it
/// must keep away from letters, digits, quotes, dollars and operators (a minus sign, `U&`).
fn grow_together(left: Option<&Piece>, right: &Piece) -> bool {
    let left = match left {
        None => return false,
        Some(Piece::Slot(_)) => b'$',
        Some(Piece::Text(text)) => text.bytes().next_back().unwrap_or(b' '),
    };
    let right = match right {
        Piece::Slot(_) => b'$',
        Piece::Text(text) => text.bytes().next().unwrap_or(b' '),
    };
    let stands_alone = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'(' | b')' | b'[' | b']' | b',' | b';');
    // A qualified name is written `"a"."b"`: a point is no danger beside a quote or a name, only beside a number.
    let point = |one: u8, other: u8| one == b'.' && !matches!(other, b'0'..=b'9' | b'$' | b'.');
    !stands_alone(left) && !stands_alone(right) && !point(left, right) && !point(right, left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lex::lex;

    fn ours(text: &str) -> Vec<Piece> {
        vec![Piece::Text(text.to_owned())]
    }

    fn print(spliced: &Spliced) -> String {
        let print = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Slot(slot) => format!("${}", slot + 1),
        };
        spliced.pieces.iter().map(print).collect()
    }

    /// Replaces each of `edits` (text to find, what to put there; an empty `find` inserts at the end).
    fn splice(text: &str, edits: &[(&str, Vec<Piece>)]) -> Result<Spliced, SpliceError> {
        let tokens = lex(text).unwrap();
        let mut all = Edits::new(text, &tokens);
        for (find, with) in edits {
            let at = text.find(find).unwrap();
            all.replace(at..at + find.len(), with.clone());
        }
        all.apply(0..text.len())
    }

    #[test]
    fn bytes_that_no_edit_covers_are_copied_sql_1() {
        let text = "SELECT /* é */ 'O''B',\t\"T\".a FROM t -- x";
        let spliced = splice(text, &[]).unwrap();
        assert_eq!(spliced.pieces, ours(text));
        let spliced = splice(text, &[("'O''B'", vec![Piece::Slot(0)]), ("t --", ours("t --"))]);
        assert_eq!(spliced.unwrap_err().why, "does not end with a token");
        let spliced = splice(text, &[("\"T\"", ours("\"s\".\"u\"")), ("'O''B'", vec![Piece::Slot(0)])]).unwrap();
        assert_eq!(print(&spliced), "SELECT /* é */ $1,\t\"s\".\"u\".a FROM t -- x");
    }

    #[test]
    fn edits_must_not_overlap_or_cut_tokens() {
        let text = "SELECT abc, 'def'";
        assert_eq!(
            splice(text, &[("abc, 'def'", ours("x")), ("'def'", ours("y"))]).unwrap_err().why,
            "overlaps another"
        );
        assert_eq!(splice(text, &[("bc", ours("x"))]).unwrap_err().why, "does not begin with a token");
        assert_eq!(splice(text, &[("ab", ours("x"))]).unwrap_err().why, "does not end with a token");
        assert_eq!(splice(text, &[("def", ours("x"))]).unwrap_err().why, "does not begin with a token");
        let tokens = lex(text).unwrap();
        let mut edits = Edits::new(text, &tokens);
        edits.insert(0, ours("x"));
        assert_eq!(edits.apply(7..text.len()).unwrap_err().why, "lies outside of the statement");
    }

    #[test]
    fn insertions_at_one_place_keep_their_order_and_stand_before_a_replacement() {
        let text = "SELECT a FROM t";
        let tokens = lex(text).unwrap();
        let mut edits = Edits::new(text, &tokens);
        edits.replace(7..8, ours("b"));
        edits.insert(7, ours("x,"));
        edits.insert(7, ours("y,"));
        edits.insert(15, ours(" WHERE c"));
        assert_eq!(print(&edits.apply(0..15).unwrap()), "SELECT x,y,b FROM t WHERE c");
    }

    #[test]
    fn texts_that_would_grow_into_one_token_are_kept_apart() {
        let text = "SELECT a FROM t WHERE a>='x'AND b=-'y'";
        let spliced = splice(text, &[("'x'", vec![Piece::Slot(0)]), ("'y'", ours("-1"))]).unwrap();
        assert_eq!(print(&spliced), "SELECT a FROM t WHERE a>= $1 AND b=- -1");
        let spliced = splice("SELECT'x'", &[("'x'", ours("b"))]).unwrap();
        assert_eq!(print(&spliced), "SELECT b");
        let spliced = splice("SELECT a 'x'", &[("'x'", ours("b"))]).unwrap();
        assert_eq!(print(&spliced), "SELECT a b");
    }

    #[test]
    fn every_piece_tells_where_it_comes_from() {
        let text = "SELECT é, b FROM t WHERE x = 'ü'";
        let spliced = splice(text, &[("b", ours("b, c")), ("'ü'", vec![Piece::Slot(0)])]).unwrap();
        let expected = [Origin::Client(0), Origin::Ours(11), Origin::Client(12), Origin::Ours(30)];
        assert_eq!(spliced.origins, expected);
    }
}
