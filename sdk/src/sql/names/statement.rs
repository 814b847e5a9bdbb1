//! One statement among the tokens that are read, with what is asked about it more than once.

use std::cell::OnceCell;

use crate::sql::lex::{Kind, Token};

use super::code::{self, Code};

/// A statement and all the tokens around it.
pub(super) struct Statement<'t> {
    pub(super) text: &'t str,
    pub(super) tokens: &'t [Token],
    /// In how many strings they stand.
    pub(super) nesting: usize,
    /// What its strings are.
    pub(super) code: Code,
    /// Its first token.
    pub(super) start: usize,
    /// EXECUTE is among the tokens.
    pub(super) executes: bool,
    constants: OnceCell<Constants>,
}

/// Where the constants of a statement may go.
#[derive(Clone, Copy)]
pub(super) struct Constants {
    /// There is one.
    pub(super) any: bool,
    /// One may become a column.
    pub(super) in_columns: bool,
}

impl<'t> Statement<'t> {
    pub(super) fn new(text: &'t str, tokens: &'t [Token], (nesting, code): (usize, Code)) -> Self {
        let executes = tokens.iter().any(|token| token.is_word(text, "execute"));
        Self { text, tokens, nesting, code, start: 0, executes, constants: OnceCell::new() }
    }

    /// Goes on to the statement that begins here. Code nested in code stays code.
    pub(super) fn begin(&mut self, start: usize) {
        self.start = start;
        self.constants = OnceCell::new();
        if self.nesting == 0 {
            self.code = code::defined(self.text, self.tokens.get(start..).unwrap_or_default());
        }
    }

    pub(super) fn is_word(&self, index: usize, word: &str) -> bool {
        self.tokens.get(index).is_some_and(|token| token.is_word(self.text, word))
    }

    pub(super) fn is_symbol(&self, index: usize, symbol: u8) -> bool {
        self.tokens.get(index).is_some_and(|token| token.is_symbol(symbol))
    }

    /// In a statement with one SELECT and no VALUES, WITH or TABLE columns come from FROM alone, so constants behind
    /// WHERE stay there.
    pub(super) fn constants(&self) -> Constants {
        *self.constants.get_or_init(|| {
            let rest = self.tokens.get(self.start..).unwrap_or_default();
            let own = rest.split(|token| token.is_symbol(b';')).next().unwrap_or(rest);
            let is = |word: &'static str| move |token: &Token| token.is_word(self.text, word);
            let count = |word| own.iter().filter(|token| is(word)(token)).count();
            let simple = own.first().is_some_and(is("select"))
                && [("select", 1), ("where", 1), ("values", 0), ("with", 0), ("table", 0)]
                    .iter()
                    .all(|(word, most)| count(word) <= *most);
            // Not that of FILTER (WHERE …), behind which FROM is still to come.
            let mut depth = 0_usize;
            let outer = own.iter().position(|token| {
                match token.kind {
                    Kind::Symbol(b'(') => depth += 1,
                    Kind::Symbol(b')') => depth = depth.saturating_sub(1),
                    _ => {}
                }
                depth == 0 && is("where")(token)
            });
            let columns = outer.filter(|_| simple);
            Constants {
                any: own.iter().any(Token::is_constant),
                in_columns: own.iter().take(columns.unwrap_or(own.len())).any(Token::is_constant),
            }
        })
    }
}
