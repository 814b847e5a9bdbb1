//! A second reading by sqlparser's tokenizer: it must find tokens of the same kind in the same places as ours (SQL-6).
//!
//! The parser never sees these tokens. They are a witness: a text that two lexers read differently is refused. Known
//! and harmless differences are named here: how a run of operator characters is cut (PostgreSQL's rule is ours),
//! continued strings (sqlparser sees several), numbers such as `1.` and `U&"…"` (several tokens).

use std::ops::Range;

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Location, Token as Theirs, Tokenizer};

use super::{Part, Refusal};
use crate::sql::lex::{Kind, Token};

/// Kinds as both lexers know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Quoted,
    String,
    Number,
    Param,
    Mark(u8),
    Operator,
}

pub(super) fn check(text: &str, tokens: &[Token], part: &Part) -> Result<(), Refusal> {
    let source = text.get(part.range.clone()).unwrap_or("");
    let theirs = theirs(source).ok_or_else(|| disagreement(part.range.start))?;
    let mut theirs = theirs.iter().peekable();
    let mut ours = tokens.iter().peekable();
    while let Some(token) = ours.next() {
        let class = ours_as_class(token.kind);
        let mut range = token.range.start - part.range.start..token.range.end - part.range.start;
        if class == Class::Operator {
            while let Some(next) = ours.next_if(|next| {
                next.range.start == range.end + part.range.start && ours_as_class(next.kind) == Class::Operator
            }) {
                range.end = next.range.end - part.range.start;
            }
        }
        let error = || disagreement(token.range.start);
        let (first, first_class) = theirs.next().ok_or_else(error)?;
        let mut end = first.end;
        let mut agrees = first.start == range.start && same(token.kind, class, *first_class);
        while end < range.end {
            let (more, more_class) = theirs.next().ok_or_else(error)?;
            agrees &= may_be_several(token.kind, class) && same(token.kind, class, *more_class);
            end = more.end;
        }
        if !agrees || end != range.end {
            return Err(error());
        }
    }
    match theirs.next() {
        None => Ok(()),
        Some((extra, _)) => Err(disagreement(part.range.start + extra.start)),
    }
}

fn same(kind: Kind, ours: Class, theirs: Class) -> bool {
    // `U&"a"`: a word, an operator, a quoted identifier. `1.`, `.5`: a number and a point.
    kind == Kind::UnicodeIdentifier || ours == theirs || (kind == Kind::Float && theirs == Class::Mark(b'.'))
}

fn may_be_several(kind: Kind, class: Class) -> bool {
    matches!(class, Class::Operator | Class::String) || matches!(kind, Kind::UnicodeIdentifier | Kind::Float)
}

fn disagreement(at: usize) -> Refusal {
    Refusal::new("the text of the statement can be read in two ways")
        .hint("Write operators, numbers and constants with spaces around them and without unusual escapes.")
        .at(at)
}

fn ours_as_class(kind: Kind) -> Class {
    match kind {
        Kind::Word => Class::Word,
        Kind::QuotedIdentifier | Kind::UnicodeIdentifier => Class::Quoted,
        Kind::String
        | Kind::EscapeString
        | Kind::UnicodeString
        | Kind::DollarString
        | Kind::BitString
        | Kind::HexString
        | Kind::NationalString => Class::String,
        Kind::Integer | Kind::Float => Class::Number,
        Kind::Param => Class::Param,
        Kind::Symbol(b':') | Kind::Operator | Kind::TypeCast | Kind::ColonEquals | Kind::EqualsGreater => {
            Class::Operator
        }
        Kind::Symbol(symbol) => Class::Mark(symbol),
        Kind::DotDot => Class::Mark(b'.'),
    }
}

/// Bytes and class of each token of sqlparser, without white space; `None` if it rejects the text or reports a place
/// outside of it.
fn theirs(source: &str) -> Option<Vec<(Range<usize>, Class)>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, source).tokenize_with_location().ok()?;
    let mut place = Place { source, line: 1, column: 1, byte: 0 };
    let mut found = Vec::with_capacity(tokens.len());
    for token in tokens {
        let Some(class) = theirs_as_class(&token.token) else { continue };
        let start = place.advance(token.span.start)?;
        let end = place.advance(token.span.end)?;
        found.push((start..end, class));
    }
    Some(found)
}

/// Walks the text once, from sqlparser's lines and columns (in characters, from 1) to bytes.
struct Place<'t> {
    source: &'t str,
    line: u64,
    column: u64,
    byte: usize,
}

impl Place<'_> {
    fn advance(&mut self, to: Location) -> Option<usize> {
        let mut rest = self.source.get(self.byte..)?.chars();
        while (self.line, self.column) < (to.line, to.column) {
            let char = rest.next()?;
            self.byte += char.len_utf8();
            (self.line, self.column) = match char {
                '\n' => (self.line + 1, 1),
                _ => (self.line, self.column + 1),
            };
        }
        (self.line == to.line && self.column == to.column).then_some(self.byte)
    }
}

/// `None` for white space and comments. Everything that is not named is an operator: ours must see one there too.
fn theirs_as_class(token: &Theirs) -> Option<Class> {
    Some(match token {
        Theirs::EOF | Theirs::Whitespace(_) => return None,
        Theirs::Word(word) if word.quote_style.is_some() => Class::Quoted,
        Theirs::Word(_) => Class::Word,
        Theirs::Number(_, _) => Class::Number,
        Theirs::SingleQuotedString(_)
        | Theirs::DollarQuotedString(_)
        | Theirs::SingleQuotedByteStringLiteral(_)
        | Theirs::NationalStringLiteral(_)
        | Theirs::EscapedStringLiteral(_)
        | Theirs::UnicodeStringLiteral(_)
        | Theirs::HexStringLiteral(_) => Class::String,
        Theirs::Placeholder(_) => Class::Param,
        Theirs::Comma => Class::Mark(b','),
        Theirs::LParen => Class::Mark(b'('),
        Theirs::RParen => Class::Mark(b')'),
        Theirs::LBracket => Class::Mark(b'['),
        Theirs::RBracket => Class::Mark(b']'),
        Theirs::SemiColon => Class::Mark(b';'),
        Theirs::Period => Class::Mark(b'.'),
        _ => Class::Operator,
    })
}
