//! Where an object of a kind can stand: a name counts only there (SQL-65). In doubt it counts.

use crate::schema::DependentKind;
use crate::sql::lex::{Kind, Token, first_part};

use super::effect::LISTS_COLUMNS;
use super::statement::Statement;

/// Words after which only an expression begins, so that a name there is a column or calls something.
const BEFORE_COLUMN: [&str; 13] =
    ["and", "by", "case", "distinct", "else", "having", "not", "or", "select", "set", "then", "when", "where"];

/// Words after which DDL names a routine without calling it.
const NAMES_ROUTINE: [&str; 4] = ["aggregate", "function", "procedure", "routine"];

/// What DDL defines or changes of whose parts some are routines; the word is among the first of the statement.
const MADE_OF_ROUTINES: [&str; 13] = [
    "access",
    "aggregate",
    "cast",
    "conversion",
    "function",
    "handler",
    "language",
    "operator",
    "procedure",
    "routine",
    "transform",
    "type",
    "wrapper",
];

impl Statement<'_> {
    /// Whether the name at `index` can be an object of this kind.
    pub(super) fn can_be(&self, kind: DependentKind, index: usize) -> bool {
        let is_part = || self.follows(index, |before| before.is_symbol(b'.'));
        match kind {
            // RETURNING of JSON_VALUE and its like stands before a type.
            DependentKind::Relation => !self.is_column(index, &["returning"]),
            DependentKind::Type => !self.is_column(index, &[]),
            DependentKind::Routine => self.is_routine(index),
            DependentKind::RowRoutine => self.is_routine(index) || is_part(),
            DependentKind::SqlRoutine => self.is_called(index),
            DependentKind::SqlRowRoutine => self.is_called(index) || is_part(),
            DependentKind::Operator => false,
        }
    }

    /// Whether the name is directly before a parenthesis.
    pub(super) fn is_called(&self, index: usize) -> bool {
        self.is_symbol(index + 1, b'(')
    }

    /// Whether DDL names a routine here: `DROP FUNCTION f`, `EXECUTE FUNCTION f (…)`.
    pub(super) fn names_routine(&self, index: usize) -> bool {
        let is = |before: &Token| NAMES_ROUTINE.iter().any(|word| before.is_word(self.text, word));
        self.follows(first_part(self.tokens, index), is)
    }

    /// A call, DDL over routines, or a parameter of other DDL (`sfunc = f`). A table or an alias with its columns is no
    /// call.
    fn is_routine(&self, index: usize) -> bool {
        let lists = |before: &Token| LISTS_COLUMNS.iter().any(|word| before.is_word(self.text, word));
        self.is_called(index) && !self.follows(first_part(self.tokens, index), lists)
            || self.names_routine(index)
            || self.is_in_definition()
    }

    fn is_in_definition(&self) -> bool {
        let is = |word: &&str| self.is_word(self.start, word);
        ["alter", "comment", "create", "drop", "grant", "revoke"].iter().any(is)
            && (self.start..self.start + 16).any(|at| MADE_OF_ROUTINES.iter().any(|word| self.is_word(at, word)))
    }

    /// Whether the name can only be a column, or an alias in an expression: what stands before it begins an expression,
    /// and behind it neither a part of a longer name nor a constant or bracket of a type follows. `more` are words that
    /// begin an expression beside [`BEFORE_COLUMN`].
    fn is_column(&self, index: usize, more: &[&str]) -> bool {
        let plain = !matches!(
            self.tokens.get(index + 1).map(|token| token.kind),
            Some(
                Kind::Symbol(b'.' | b'(' | b'[')
                    | Kind::String
                    | Kind::EscapeString
                    | Kind::UnicodeString
                    | Kind::DollarString
                    | Kind::NationalString
            )
        );
        let begins = |before: &Token| {
            before.kind == Kind::Operator
                || BEFORE_COLUMN.iter().chain(more).any(|word| before.is_word(self.text, word))
        };
        plain && self.follows(index, begins) && !index.checked_sub(1).is_some_and(|before| self.is_new_column(before))
    }

    /// Whether the word may be the name of a column that is defined here, and so stands before its type: BY and SET are
    /// no reserved words.
    fn is_new_column(&self, index: usize) -> bool {
        let defines = |before: &Token| {
            let words = ["add", "column", "columns", "exists"];
            matches!(before.kind, Kind::Symbol(b'(' | b',')) || words.iter().any(|word| before.is_word(self.text, word))
        };
        (self.is_word(index, "by") || self.is_word(index, "set")) && self.follows(index, defines)
    }

    fn follows(&self, index: usize, is: impl Fn(&Token) -> bool) -> bool {
        index.checked_sub(1).and_then(|before| self.tokens.get(before)).is_some_and(is)
    }
}
