//! Our tokens as sqlparser's: each with its bytes as its span (line 1, column = byte + 1).

use std::ops::Range;

use sqlparser::ast::DollarQuotedString;
use sqlparser::tokenizer::{Location, Span, Token as Theirs, TokenWithSpan, Word};

use super::{Fact, FactKind, Lock, LockStrength, LockWait, LockedName, Refusal, constants, not_understood};
use crate::error::SqlState;
use crate::sql::lex::{Kind, Token};

/// The token stream for the parser, and what was taken out of it.
pub(super) fn convert(text: &str, tokens: &[Token]) -> Result<(Vec<TokenWithSpan>, Vec<Fact>), Refusal> {
    let mut stream = Stream { text, tokens, out: Vec::with_capacity(tokens.len()), facts: Vec::new() };
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.kind {
            Kind::Symbol(b'(') => depth += 1,
            Kind::Symbol(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = match stream.special(at, depth)? {
            Some(next) => next,
            None => {
                stream.push(theirs(text, tokens, at)?, &token.range);
                at + 1
            }
        };
    }
    Ok((stream.out, stream.facts))
}

struct Stream<'t> {
    text: &'t str,
    tokens: &'t [Token],
    out: Vec<TokenWithSpan>,
    facts: Vec<Fact>,
}

impl Stream<'_> {
    fn push(&mut self, token: Theirs, range: &Range<usize>) {
        self.out.push(TokenWithSpan::new(token, span(range)));
    }

    fn push_word(&mut self, word: &str, range: &Range<usize>) {
        self.push(Theirs::make_word(word, None), range);
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(self.text, word))
    }

    fn are_words(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(index, word)| self.is_word(at + index, word))
    }

    /// Writes what sqlparser lacks in words that it has. Returns the token to go on with, or `None` for a token that
    /// is as ordinary as it looks.
    fn special(&mut self, at: usize, depth: usize) -> Result<Option<usize>, Refusal> {
        let Some(range) = self.tokens.get(at).map(|token| token.range.clone()) else { return Ok(None) };
        if self.is_word(at, "for") {
            return self.lock(at, depth);
        }
        if self.is_word(at, "between") && self.is_word(at + 1, "asymmetric") {
            self.push_word("BETWEEN", &range);
            return Ok(Some(at + 2));
        }
        if self.is_word(at, "between") && self.is_word(at + 1, "symmetric") {
            self.push_word("BETWEEN", &range);
            self.facts.push(Fact { range: self.range(at, at + 2), kind: FactKind::BetweenSymmetric });
            return Ok(Some(at + 2));
        }
        if (self.is_word(at, "isnull") || self.is_word(at, "notnull")) && self.is_postfix(at) {
            self.push_word("IS", &range);
            if self.is_word(at, "notnull") {
                self.push_word("NOT", &range);
            }
            self.push_word("NULL", &range);
            return Ok(Some(at + 1));
        }
        Ok(None)
    }

    /// ISNULL and NOTNULL are reserved: anything else than a label after AS, a part of a qualified name or a function
    /// is the postfix operator.
    fn is_postfix(&self, at: usize) -> bool {
        let follows = |token: &Token| token.is_word(self.text, "as") || token.is_symbol(b'.');
        let before = at.checked_sub(1).and_then(|before| self.tokens.get(before));
        let after = self.tokens.get(at + 1);
        before.is_some_and(|token| !follows(token)) && !after.is_some_and(|token| token.is_symbol(b'('))
    }

    fn range(&self, from: usize, to: usize) -> Range<usize> {
        let start = self.tokens.get(from).map_or(0, |token| token.range.start);
        let end = to.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(start, |token| token.range.end);
        start..end
    }

    /// `FOR { UPDATE | NO KEY UPDATE | SHARE | KEY SHARE } [ OF name, … ] [ NOWAIT | SKIP LOCKED ]`
    fn lock(&mut self, at: usize, depth: usize) -> Result<Option<usize>, Refusal> {
        let (strength, length) = if self.is_word(at + 1, "update") {
            (LockStrength::Update, 2)
        } else if self.are_words(at + 1, &["no", "key", "update"]) {
            (LockStrength::NoKeyUpdate, 4)
        } else if self.is_word(at + 1, "share") {
            (LockStrength::Share, 2)
        } else if self.are_words(at + 1, &["key", "share"]) {
            (LockStrength::KeyShare, 3)
        } else {
            return Ok(None);
        };
        let mut next = at + length;
        let of = self.locked_names(&mut next)?;
        let wait = if self.is_word(next, "nowait") {
            next += 1;
            LockWait::NoWait
        } else if self.are_words(next, &["skip", "locked"]) {
            next += 2;
            LockWait::SkipLocked
        } else {
            LockWait::Wait
        };
        let range = self.range(at, next);
        self.push_word("FOR", &range);
        self.push_word(
            match strength {
                LockStrength::Update | LockStrength::NoKeyUpdate => "UPDATE",
                LockStrength::Share | LockStrength::KeyShare => "SHARE",
            },
            &range,
        );
        if let Some(first) = of.first() {
            self.push_word("OF", &range);
            self.push(Theirs::make_word(&first.name, Some('"')), &first.range);
        }
        match wait {
            LockWait::Wait => {}
            LockWait::NoWait => self.push_word("NOWAIT", &range),
            LockWait::SkipLocked => {
                self.push_word("SKIP", &range);
                self.push_word("LOCKED", &range);
            }
        }
        self.facts.push(Fact { range, kind: FactKind::Lock(Lock { strength, of, wait, depth }) });
        Ok(Some(next))
    }

    fn locked_names(&self, next: &mut usize) -> Result<Vec<LockedName>, Refusal> {
        let mut names = Vec::new();
        let mut more = self.is_word(*next, "of");
        while more {
            let token = self.tokens.get(*next + 1).ok_or_else(not_understood)?;
            let name = token.name(self.text).ok_or_else(|| not_understood().at(token.range.start))?;
            names.push(LockedName { range: token.range.clone(), name: name.into_owned() });
            *next += 2;
            more = self.tokens.get(*next).is_some_and(|token| token.is_symbol(b','));
            if let Some(dot) = self.tokens.get(*next).filter(|token| token.is_symbol(b'.')) {
                // PostgreSQL: "must specify unqualified relation names".
                return Err(Refusal::error(
                    SqlState::SYNTAX_ERROR,
                    "a locking clause must specify unqualified relation names",
                )
                .at(dot.range.start));
            }
        }
        Ok(names)
    }
}

fn span(range: &Range<usize>) -> Span {
    let column = |byte: usize| Location::new(1, byte as u64 + 1);
    Span::new(column(range.start), column(range.end))
}

fn theirs(text: &str, tokens: &[Token], at: usize) -> Result<Theirs, Refusal> {
    let token = tokens.get(at).ok_or_else(not_understood)?;
    let source = token.text(text);
    let string = || constants::string(text, token);
    let name = || {
        let name = token
            .name(text)
            .ok_or_else(|| Refusal::error(SqlState::SYNTAX_ERROR, "invalid Unicode escape").at(token.range.start))?;
        Ok::<_, Refusal>(name.into_owned())
    };
    Ok(match token.kind {
        Kind::Word => match Theirs::make_word(source, None) {
            Theirs::Word(word) => Theirs::Word(Word { value: name()?, ..word }),
            other => other,
        },
        Kind::QuotedIdentifier | Kind::UnicodeIdentifier => Theirs::make_word(&name()?, Some('"')),
        Kind::String => Theirs::SingleQuotedString(string()?),
        Kind::EscapeString => Theirs::EscapedStringLiteral(string()?),
        Kind::UnicodeString => Theirs::UnicodeStringLiteral(string()?),
        Kind::DollarString => Theirs::DollarQuotedString(DollarQuotedString { value: string()?, tag: None }),
        Kind::BitString => Theirs::SingleQuotedByteStringLiteral(string()?),
        Kind::HexString => Theirs::HexStringLiteral(string()?),
        Kind::NationalString => Theirs::NationalStringLiteral(string()?),
        Kind::Integer | Kind::Float => Theirs::Number(constants::number(text, tokens, at), false),
        Kind::Param => Theirs::Placeholder(source.to_owned()),
        Kind::Operator => operator(source),
        Kind::TypeCast => Theirs::DoubleColon,
        Kind::ColonEquals => Theirs::Assignment,
        Kind::EqualsGreater => Theirs::RArrow,
        Kind::Symbol(b'(') => Theirs::LParen,
        Kind::Symbol(b')') => Theirs::RParen,
        Kind::Symbol(b'[') => Theirs::LBracket,
        Kind::Symbol(b']') => Theirs::RBracket,
        Kind::Symbol(b',') => Theirs::Comma,
        Kind::Symbol(b';') => Theirs::SemiColon,
        Kind::Symbol(b'.') => Theirs::Period,
        Kind::Symbol(b':') => Theirs::Colon,
        Kind::Symbol(_) | Kind::DotDot => {
            return Err(Refusal::error(SqlState::SYNTAX_ERROR, "syntax error").at(token.range.start));
        }
    })
}

/// Operators that sqlparser has tokens of their own for; any other is a custom operator to it as well.
fn operator(source: &str) -> Theirs {
    match source {
        "=" => Theirs::Eq,
        "<>" | "!=" => Theirs::Neq,
        "<" => Theirs::Lt,
        ">" => Theirs::Gt,
        "<=" => Theirs::LtEq,
        ">=" => Theirs::GtEq,
        "+" => Theirs::Plus,
        "-" => Theirs::Minus,
        "*" => Theirs::Mul,
        "/" => Theirs::Div,
        "%" => Theirs::Mod,
        "^" => Theirs::Caret,
        "||" => Theirs::StringConcat,
        "&" => Theirs::Ampersand,
        "|" => Theirs::Pipe,
        "#" => Theirs::Sharp,
        "##" => Theirs::DoubleSharp,
        "~" => Theirs::Tilde,
        "~*" => Theirs::TildeAsterisk,
        "!~" => Theirs::ExclamationMarkTilde,
        "!~*" => Theirs::ExclamationMarkTildeAsterisk,
        "~~" => Theirs::DoubleTilde,
        "~~*" => Theirs::DoubleTildeAsterisk,
        "!~~" => Theirs::ExclamationMarkDoubleTilde,
        "!~~*" => Theirs::ExclamationMarkDoubleTildeAsterisk,
        "<<" => Theirs::ShiftLeft,
        ">>" => Theirs::ShiftRight,
        "&&" => Theirs::Overlap,
        "!!" => Theirs::DoubleExclamationMark,
        "@" => Theirs::AtSign,
        "^@" => Theirs::CaretAt,
        "|/" => Theirs::PGSquareRoot,
        "||/" => Theirs::PGCubeRoot,
        "->" => Theirs::Arrow,
        "->>" => Theirs::LongArrow,
        "#>" => Theirs::HashArrow,
        "#>>" => Theirs::HashLongArrow,
        "#-" => Theirs::HashMinus,
        "@>" => Theirs::AtArrow,
        "<@" => Theirs::ArrowAt,
        "@?" => Theirs::AtQuestion,
        "@@" => Theirs::AtAt,
        "?" => Theirs::Question,
        "?&" => Theirs::QuestionAnd,
        "?|" => Theirs::QuestionPipe,
        _ => Theirs::CustomBinaryOperator(source.to_owned()),
    }
}
