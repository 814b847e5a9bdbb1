//! How deep the tree of a statement can be, told from its tokens before anything recurses (SQL-3).
//!
//! Every level of a tree takes a token that is no constant. A comma and a parenthesis that is closed end what is inside
//! of each other, whatever the words between them mean to the parser, which takes keywords for names. Set operations go
//! on over commas.

use crate::sql::lex::{Kind, Token};

/// What can make a tree deep.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Depth {
    /// Tokens that can stand one inside of the other, at most.
    pub(super) chain: usize,
    /// Parentheses and brackets that do.
    brackets: usize,
    /// `a JOIN b JOIN c …` are read by recursion, which the parser does not count.
    pub(super) joins: usize,
    /// SELECT and its like: what can have no statement inside but in parentheses.
    query: bool,
}

const SET_OPERATIONS: [&str; 3] = ["except", "intersect", "union"];

const QUERIES: [&str; 6] = ["delete", "insert", "select", "update", "values", "with"];

impl Depth {
    pub(super) fn of(text: &str, tokens: &[Token]) -> Self {
        let first = tokens.iter().find(|token| !token.is_symbol(b'('));
        let query = first.is_some_and(|first| QUERIES.iter().any(|word| first.is_word(text, word)));
        let mut depth = Self { query, ..Self::default() };
        let mut set_operations = 0;
        // Those around this one, each with what it has so far; and that of all of them.
        let (mut outer, mut around) = (Vec::new(), 0);
        let mut level = Level::default();
        for token in tokens {
            match token.kind {
                Kind::Symbol(b'(' | b'[') => {
                    level.chain += 1;
                    around += level.chain;
                    outer.push(std::mem::take(&mut level));
                    depth.brackets = depth.brackets.max(outer.len());
                }
                Kind::Symbol(b')' | b']') => {
                    let inner = level.longest.max(level.chain);
                    level = outer.pop().unwrap_or_default();
                    around -= level.chain;
                    level.chain += inner;
                }
                Kind::Symbol(b',') => level = Level { chain: 0, longest: level.longest.max(level.chain) },
                Kind::Symbol(_)
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
                | Kind::DotDot => {}
                Kind::Word => {
                    level.chain += 1;
                    depth.joins += usize::from(token.is_word(text, "join"));
                    set_operations += usize::from(SET_OPERATIONS.iter().any(|word| token.is_word(text, word)));
                }
                Kind::QuotedIdentifier
                | Kind::UnicodeIdentifier
                | Kind::Operator
                | Kind::TypeCast
                | Kind::ColonEquals
                | Kind::EqualsGreater => level.chain += 1,
            }
            depth.chain = depth.chain.max(around + level.longest.max(level.chain));
        }
        depth.chain += set_operations;
        depth
    }

    /// Whether parsing and dropping stay within a part of a stack of 2 MiB, in a debug build too. There the parser takes
    /// up to 80 KB for a parenthesis, 64 KB for a join and as much for a statement inside of another; elsewhere it makes
    /// its stack longer when less than 128 KB are left, which dropping a chain must not exceed.
    pub(super) fn is_shallow(&self) -> bool {
        self.query && self.brackets <= 8 && self.joins <= 4 && self.chain <= 500
    }
}

/// What stands between two parentheses.
#[derive(Default)]
struct Level {
    /// Since the last comma, with what the parentheses in it hold.
    chain: usize,
    /// Before the last comma.
    longest: usize,
}
