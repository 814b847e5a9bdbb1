//! Whether a statement may change settings that the server does not report (SQL-12).

use crate::sql::functions;
use crate::sql::lex::{Token, first_part};
use crate::sql::physical::Effect;

/// Statements that change no setting, whatever functions they call is looked at separately.
const HARMLESS: [&str; 41] = [
    "alter",
    "analyze",
    "begin",
    "checkpoint",
    "close",
    "cluster",
    "comment",
    "commit",
    "copy",
    "create",
    "deallocate",
    "declare",
    "delete",
    "drop",
    "end",
    "explain",
    "fetch",
    "grant",
    "import",
    "insert",
    "listen",
    "lock",
    "merge",
    "move",
    "notify",
    "prepare",
    "reassign",
    "refresh",
    "reindex",
    "release",
    "revoke",
    "savepoint",
    "security",
    "select",
    "show",
    "start",
    "table",
    "truncate",
    "unlisten",
    "update",
    "vacuum",
];

/// Words before a parenthesis that call nothing: keywords of the grammar and types with a modifier.
const NOT_CALLED: [&str; 86] = [
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "bit",
    "by",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "columns",
    "conflict",
    "cube",
    "current_time",
    "current_timestamp",
    "dec",
    "decimal",
    "default",
    "distinct",
    "else",
    "except",
    "exists",
    "fetch",
    "filter",
    "first",
    "float",
    "from",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "include",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "key",
    "lateral",
    "least",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "materialized",
    "next",
    "not",
    "nullif",
    "numeric",
    "offset",
    "on",
    "options",
    "or",
    "order",
    "over",
    "partition",
    "recursive",
    "return",
    "returning",
    "rollup",
    "row",
    "select",
    "set",
    "sets",
    "similar",
    "some",
    "table",
    "then",
    "time",
    "timestamp",
    "trim",
    "union",
    "unique",
    "using",
    "values",
    "varchar",
    "varying",
    "when",
    "where",
    "within",
];

/// Words after which a name with a parenthesis is a table, an index or an alias with its columns.
pub(super) const LISTS_COLUMNS: [&str; 9] =
    ["as", "copy", "exists", "into", "only", "recursive", "references", "table", "with"];

/// What the statements of `tokens` (one, or all of a text) change in the session: `Opaque` when in doubt. COMMIT counts
/// as harmless: a SET LOCAL that it takes back was opaque itself, so whoever keeps facts drops those that were learnt
/// after an opaque statement of the same transaction.
pub fn effect(text: &str, tokens: &[Token]) -> Effect {
    match tokens.split(|token| token.is_symbol(b';')).any(|statement| is_opaque(text, statement)) {
        true => Effect::Opaque,
        false => Effect::None,
    }
}

/// The same of one statement.
pub(super) fn is_opaque(text: &str, tokens: &[Token]) -> bool {
    let first = tokens.iter().position(|token| !token.is_symbol(b'('));
    let Some(first) = first else { return false };
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(text, word));
    let among = |words: &[&str]| words.iter().any(|word| is(first, word));
    let sets_no_variable = is(first, "set")
        && (is(first + 1, "transaction")
            || is(first + 1, "constraints")
            || is(first + 1, "session") && is(first + 2, "characteristics"));
    if sets_no_variable {
        return false;
    }
    let known = among(&HARMLESS) || among(&["values", "with"]);
    let holds = |word: &str| tokens.iter().any(|token| token.is_word(text, word));
    // EXPLAIN ANALYZE EXECUTE and CREATE TABLE AS EXECUTE run what was prepared.
    let executes = among(&["explain", "create"]) && holds("execute");
    // The view has a rule for UPDATE that calls set_config (system_views.sql).
    let updates_settings =
        holds("update") && tokens.iter().any(|token| token.name(text).is_some_and(|name| name == "pg_settings"));
    let statement = Statement {
        text,
        tokens,
        creates: is(first, "create"),
        distinct: tokens.iter().any(|token| token.is_word(text, "distinct")),
    };
    !known || executes || updates_settings || (0..tokens.len()).any(|at| statement.calls_unknown(at))
}

/// Whether the word stands before a parenthesis without calling anything.
pub(super) fn is_grammar(text: &str, token: &Token) -> bool {
    NOT_CALLED.iter().any(|word| token.is_word(text, word))
}

struct Statement<'t> {
    text: &'t str,
    tokens: &'t [Token],
    /// CREATE INDEX … ON name (…); otherwise ON begins a condition.
    creates: bool,
    /// DISTINCT ON (…) function(…); otherwise a name after a closing parenthesis is an alias.
    distinct: bool,
}

impl Statement<'_> {
    /// Whether the token is a function's name, and the function is not a builtin that leaves settings alone.
    fn calls_unknown(&self, at: usize) -> bool {
        let Some(token) = self.tokens.get(at).filter(|token| token.is_name()) else { return false };
        if !self.tokens.get(at + 1).is_some_and(|next| next.is_symbol(b'(')) {
            return false;
        }
        let first = first_part(self.tokens, at);
        let before = first.checked_sub(1).and_then(|before| self.tokens.get(before));
        if before.is_some_and(|before| self.precedes_columns(before)) {
            return false;
        }
        let Some(name) = token.name(self.text) else { return true };
        let builtin = functions::lookup(&name).is_some() && name != "set_config";
        let in_catalog =
            || self.tokens.get(first).and_then(|schema| schema.name(self.text)).as_deref() == Some("pg_catalog");
        match first == at {
            true => !builtin && !is_grammar(self.text, token),
            false => !(builtin && in_catalog()),
        }
    }

    fn precedes_columns(&self, before: &Token) -> bool {
        (before.is_symbol(b')') && !self.distinct)
            || (before.is_word(self.text, "on") && self.creates)
            || LISTS_COLUMNS.iter().any(|word| before.is_word(self.text, word))
    }
}
