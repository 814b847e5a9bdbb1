//! What is not even given to the parser: statements that are too large or too deep (SQL-3), and spellings that
//! PostgreSQL's versions or the two lexers read differently (SQL-6).

use super::depth::Depth;
use super::syntax::near;
use super::{Refusal, too_complex};
use crate::error::SqlState;
use crate::sql::lex::{Kind, Token};

/// Tokens of one statement that may name a protected object: what lexers and parser make of each takes memory.
const MAX_TOKENS: usize = 1 << 19;

/// Tokens that may stand one inside of the other: dropping a tree takes stack in proportion to its depth.
const MAX_CHAIN: usize = 100_000;

/// The parser reads joins by recursion without counting them.
const MAX_JOINS: usize = 400;

pub(super) fn check(text: &str, tokens: &[Token]) -> Result<(), Refusal> {
    if tokens.len() > MAX_TOKENS {
        return Err(too_complex("a statement that names a protected object may have 524,288 words and signs at most"));
    }
    let depth = Depth::of(text, tokens);
    if depth.chain > MAX_CHAIN {
        return Err(too_complex(
            "an expression of a statement that names a protected object may chain 100,000 words and operators at most",
        ));
    }
    if depth.joins > MAX_JOINS {
        return Err(too_complex("a statement that names a protected object may have 400 joins at most"));
    }
    tokens.iter().try_for_each(|token| spelling(text, token))
}

fn spelling(text: &str, token: &Token) -> Result<(), Refusal> {
    let at = token.range.start;
    let spelled = token.text(text).as_bytes();
    match token.kind {
        Kind::Integer | Kind::Float if spelled.iter().any(|byte| matches!(byte, b'_' | b'x' | b'X' | b'o' | b'O')) => {
            Err(odd_number(at))
        }
        Kind::Integer if spelled.iter().any(|byte| matches!(byte, b'b' | b'B')) => Err(odd_number(at)),
        Kind::Word if token.is_word(text, "uescape") => {
            Err(Refusal::new("UESCAPE is not read here").hint("Write the characters themselves.").at(at))
        }
        Kind::Symbol(b'(' | b')' | b'[' | b']' | b',' | b';' | b'.' | b':') => Ok(()),
        Kind::Symbol(_) | Kind::DotDot => Err(near(text, token)),
        Kind::Param if parameter_number(token.text(text)).is_none() => {
            Err(Refusal::error(SqlState::UNDEFINED_PARAMETER, "there is no parameter of this number").at(at))
        }
        Kind::Word
        | Kind::QuotedIdentifier
        | Kind::UnicodeIdentifier
        | Kind::String
        | Kind::EscapeString
        | Kind::UnicodeString
        | Kind::DollarString
        | Kind::BitString
        | Kind::HexString
        | Kind::NationalString
        | Kind::Integer
        | Kind::Float
        | Kind::Param
        | Kind::Operator
        | Kind::TypeCast
        | Kind::ColonEquals
        | Kind::EqualsGreater => Ok(()),
    }
}

fn odd_number(at: usize) -> Refusal {
    Refusal::new("a number with underscores or a radix prefix is not read here")
        .hint("PostgreSQL reads it from version 16 on only. Write it in plain decimal digits.")
        .at(at)
}

/// The protocol counts parameters in 16 bits.
fn parameter_number(text: &str) -> Option<u16> {
    text.strip_prefix('$')?.parse().ok().filter(|&number| number > 0)
}
