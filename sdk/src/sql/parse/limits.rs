//! What is not even given to the parser: statements that are too large (SQL-3), and spellings that PostgreSQL's
//! versions or the two lexers read differently (SQL-6).

use super::syntax::near;
use super::{Part, Refusal, too_complex};
use crate::error::SqlState;
use crate::sql::lex::{Kind, Token};

/// Dropping and walking a chain takes stack in proportion to its operators.
const MAX_OPERATORS: usize = 10_000;
/// Bytes of one statement that may name a protected object.
const MAX_BYTES: usize = 1 << 20;

/// Operators of one chain that is no chain of AND or OR, and set operations of one statement: whoever walks the tree
/// may recurse along them.
const MAX_CHAIN: usize = 1_000;

/// Words that make the tree deeper like an operator does.
const OPERATOR_WORDS: [&str; 17] = [
    "and",
    "at",
    "between",
    "collate",
    "except",
    "ilike",
    "in",
    "intersect",
    "is",
    "isnull",
    "join",
    "like",
    "not",
    "notnull",
    "or",
    "similar",
    "union",
];

const SET_OPERATIONS: [&str; 3] = ["except", "intersect", "union"];

/// Words between two expressions neither of which is part of the other. AND and OR are walked without recursion.
const ENDS_A_CHAIN: [&str; 15] = [
    "and",
    "by",
    "else",
    "from",
    "having",
    "join",
    "limit",
    "on",
    "or",
    "returning",
    "select",
    "set",
    "then",
    "when",
    "where",
];

pub(super) fn check(text: &str, tokens: &[Token], part: &Part) -> Result<(), Refusal> {
    if part.range.len() > MAX_BYTES {
        return Err(too_complex("a statement that names a protected object may have 1 MiB of text at most"));
    }
    let operators = tokens.iter().filter(|token| deepens(text, token)).count();
    if operators > MAX_OPERATORS {
        return Err(too_complex("a statement that names a protected object may have 10,000 operators at most"));
    }
    if longest_chain(text, tokens) > MAX_CHAIN {
        return Err(too_complex(
            "an expression of a statement that names a protected object may chain 1,000 operators at most",
        ));
    }
    tokens.iter().try_for_each(|token| spelling(text, token))
}

/// At least the length of the longest chain of operators that nest into each other, AND and OR left out. What stands
/// in parentheses counts as part of the chain around it.
fn longest_chain(text: &str, tokens: &[Token]) -> usize {
    let mut levels = Vec::new();
    let mut level = Level::default();
    let mut longest = 0;
    let mut set_operations = 0_usize;
    for token in tokens {
        match token.kind {
            Kind::Symbol(b'(' | b'[') => {
                level.chain += usize::from(token.is_symbol(b'['));
                levels.push(std::mem::take(&mut level));
            }
            Kind::Symbol(b')' | b']') => {
                let inner = level.longest.max(level.chain);
                level = levels.pop().unwrap_or_default();
                level.chain += inner;
            }
            Kind::Symbol(b',') => level.end(),
            Kind::Word if SET_OPERATIONS.iter().any(|word| token.is_word(text, word)) => set_operations += 1,
            Kind::Word if token.is_word(text, "between") => {
                level.chain += 1;
                level.betweens += 1;
            }
            Kind::Word if token.is_word(text, "and") && level.betweens > 0 => level.betweens -= 1,
            Kind::Word if ENDS_A_CHAIN.iter().any(|word| token.is_word(text, word)) => level.end(),
            _ => level.chain += usize::from(deepens(text, token)),
        }
        longest = longest.max(level.chain);
    }
    longest.max(set_operations)
}

/// The chain between two parentheses.
#[derive(Default)]
struct Level {
    chain: usize,
    longest: usize,
    /// Their AND ends no chain.
    betweens: usize,
}

impl Level {
    fn end(&mut self) {
        self.longest = self.longest.max(self.chain);
        self.chain = 0;
        self.betweens = 0;
    }
}

fn deepens(text: &str, token: &Token) -> bool {
    match token.kind {
        Kind::Operator | Kind::TypeCast | Kind::Symbol(b'[') => true,
        Kind::Word => OPERATOR_WORDS.iter().any(|word| token.is_word(text, word)),
        Kind::QuotedIdentifier
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
        | Kind::Symbol(_)
        | Kind::DotDot
        | Kind::ColonEquals
        | Kind::EqualsGreater => false,
    }
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
