//! Where an object of a kind can stand: a name counts only there (SQL-65). In doubt it counts.

use crate::schema::DependentKind;
use crate::sql::lex::{Kind, Token};

use super::effect::LISTS_COLUMNS;

/// Words after which only an expression begins, so that a name there is a column or calls something.
const BEFORE_COLUMN: [&str; 14] = [
    "and",
    "by",
    "case",
    "distinct",
    "else",
    "having",
    "not",
    "or",
    "returning",
    "select",
    "set",
    "then",
    "when",
    "where",
];

/// Words after which DDL names a routine without calling it.
pub(super) const NAMES_ROUTINE: [&str; 4] = ["aggregate", "function", "procedure", "routine"];

/// Whether the name at `index` can be an object of this kind.
pub(super) fn can_be(kind: DependentKind, text: &str, tokens: &[Token], index: usize) -> bool {
    match kind {
        DependentKind::Relation | DependentKind::Type => !is_column(text, tokens, index),
        DependentKind::Routine => is_routine(text, tokens, index),
        DependentKind::RowRoutine => is_routine(text, tokens, index) || follows(tokens, index, |t| t.is_symbol(b'.')),
        DependentKind::SqlRoutine => is_called(tokens, index),
        DependentKind::SqlRowRoutine => is_called(tokens, index) || follows(tokens, index, |t| t.is_symbol(b'.')),
        DependentKind::Operator => false,
    }
}

/// Whether the name is directly before a parenthesis.
pub(super) fn is_called(tokens: &[Token], index: usize) -> bool {
    tokens.get(index + 1).is_some_and(|next| next.is_symbol(b'('))
}

/// The place of the first part of the qualified name whose last part is at `index`.
pub(super) fn first_part(tokens: &[Token], index: usize) -> usize {
    let mut first = index;
    while first >= 2 && tokens.get(first - 1).is_some_and(|dot| dot.is_symbol(b'.')) {
        first -= 2;
    }
    first
}

/// Whether DDL names a routine here: `DROP FUNCTION f`, `EXECUTE FUNCTION f (…)`.
pub(super) fn names_routine(text: &str, tokens: &[Token], index: usize) -> bool {
    follows(tokens, first_part(tokens, index), |before| NAMES_ROUTINE.iter().any(|word| before.is_word(text, word)))
}

/// A call, DDL over routines, or a parameter of other DDL (`sfunc = f`). A table or an alias with its columns is no call.
fn is_routine(text: &str, tokens: &[Token], index: usize) -> bool {
    let lists = follows(tokens, first_part(tokens, index), |before| {
        LISTS_COLUMNS.iter().any(|word| before.is_word(text, word))
    });
    is_called(tokens, index) && !lists || names_routine(text, tokens, index) || in_definition(text, tokens, index)
}

/// Whether the statement defines or changes something whose parts are routines: an operator, an aggregate, a type, a
/// cast, a language, or lists routines after the first.
fn in_definition(text: &str, tokens: &[Token], index: usize) -> bool {
    const DEFINED: [&str; 13] = [
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
    let from = tokens.get(..index).unwrap_or_default().iter().rposition(|token| token.is_symbol(b';'));
    let statement = tokens.get(from.map_or(0, |at| at + 1)..index).unwrap_or_default();
    let is = |word: &str| statement.first().is_some_and(|first| first.is_word(text, word));
    (is("create") || is("alter") || is("drop") || is("comment") || is("grant") || is("revoke"))
        && statement.iter().any(|token| DEFINED.iter().any(|word| token.is_word(text, word)))
}

/// Whether the name can only be a column, or an alias in an expression: what stands before it begins an expression, and
/// behind it neither a part of a longer name nor a constant or bracket of a type follows.
fn is_column(text: &str, tokens: &[Token], index: usize) -> bool {
    let after = tokens.get(index + 1).map(|token| token.kind);
    let plain = !matches!(
        after,
        Some(
            Kind::Symbol(b'.' | b'(' | b'[')
                | Kind::String
                | Kind::EscapeString
                | Kind::UnicodeString
                | Kind::DollarString
                | Kind::NationalString
        )
    );
    plain
        && follows(tokens, index, |before| {
            before.kind == Kind::Operator || BEFORE_COLUMN.iter().any(|word| before.is_word(text, word))
        })
}

fn follows(tokens: &[Token], index: usize, is: impl Fn(&Token) -> bool) -> bool {
    index.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(is)
}
