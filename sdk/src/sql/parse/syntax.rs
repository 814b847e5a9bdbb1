//! Statements that PostgreSQL's grammar certainly rejects, in its words (gram.y, `scanner_yyerror`).
//!
//! What sqlparser does not understand may be good SQL. So the tokens are looked at once more, for what can stand in no
//! statement that reads or writes rows; where nothing is certain, nothing is said. Constants are values: the message
//! points at them and does not repeat them.

use super::Part;
use super::keywords::is_keyword;
use crate::error::SqlState;
use crate::sql::Refusal;
use crate::sql::lex::{Kind, Token};

/// The words that begin a statement.
const STATEMENTS: &str = "abort alter analyse analyze begin call checkpoint close cluster comment commit copy create \
    deallocate declare delete discard do drop end execute explain fetch grant import insert listen load lock merge move \
    notify prepare reassign refresh reindex release repack reset revoke rollback savepoint security select set show \
    start table truncate unlisten update vacuum values wait with";

/// Reserved words that end what stands before them: none of them begins an expression, a name or a list.
const ENDS: &str = "and as else end except fetch for from group having in intersect into limit offset on or order \
    returning then to union using when where window";

/// Reserved words behind which something must come; none of them is a label without AS.
const OPENS: &str = "except from having intersect into limit offset on returning union where";

/// The same inside of a condition, where there are no labels.
const OPENS_IN_EXPRESSIONS: &str = "and collate ilike in is like not or";

/// Keywords that are often the names of columns: behind none of them the grammar has two identifiers.
const COLUMNS: &str = "action class comment content data day domain event family function hour identity index input key \
    label language level location method minute mode month name object option options output owner parameter password \
    path plan policy program role rule schema second sequence server session source start statement storage system \
    target template text transaction trigger type valid value version view year";

/// The error of PostgreSQL's grammar, if the statement certainly has one.
pub(in crate::sql) fn error(text: &str, tokens: &[Token], part: &Part) -> Option<Refusal> {
    let own = tokens.get(part.tokens.clone())?;
    let statement = Statement { text, tokens: own, next: tokens.get(part.tokens.end) };
    let (words, first) = (["insert", "update", "delete", "select", "values", "with", "table"], own.first()?);
    let reads_or_writes = words.iter().any(|word| first.is_word(text, word)) || first.is_symbol(b'(');
    let begins = reads_or_writes || is_one_of(text, first, STATEMENTS);
    match () {
        () if !begins => Some(statement.at(0)),
        // What XMLTABLE takes has words of its own.
        () if !reads_or_writes || own.iter().any(|token| token.is_word(text, "xmltable")) => None,
        () => statement.head().into_iter().chain(statement.body()).min_by_key(|error| error.position),
    }
}

/// Where a token stands, as far as it matters whether a label may follow an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
    Unknown,
    /// An expression takes no label: conditions, SET, VALUES, ORDER BY, GROUP BY.
    Expressions,
    /// A label or alias may follow once.
    Labelled,
    /// At the token of LIMIT.
    Limit(usize),
}

struct Statement<'t> {
    text: &'t str,
    tokens: &'t [Token],
    /// The semicolon behind it, if there is one.
    next: Option<&'t Token>,
}

impl Statement<'_> {
    /// INSERT INTO name, UPDATE name, DELETE FROM name, and what may follow the name.
    fn head(&self) -> Option<Refusal> {
        let (name, follows): (_, &[&str]) = match () {
            () if self.is(0, "insert") && !self.is(1, "into") => return Some(self.at(1)),
            () if self.is(0, "delete") && !self.is(1, "from") => return Some(self.at(1)),
            () if self.is(0, "insert") => (2, &["default", "overriding", "select", "table", "values", "with"]),
            () if self.is(0, "delete") => (2, &["for", "returning", "using", "where"]),
            () if self.is(0, "update") => (1, &["for", "set"]),
            () => return None,
        };
        let name = if self.is(name, "only") { return None } else { name };
        if !self.is_name(name) {
            return Some(self.at(name));
        }
        let mut at = name + 1;
        while self.symbol(at, b'.') && self.is_name(at + 1) {
            at += 2;
        }
        let done = |at: usize| follows.iter().any(|word| self.is(at, word));
        if done(at) {
            return None;
        }
        let insert = self.is(0, "insert");
        match self.tokens.get(at) {
            Some(word) if word.is_word(self.text, "as") => at += 2,
            Some(_) if insert => {}
            Some(word) if self.is_plain(at) || is_one_of(self.text, word, COLUMNS) => at += 1,
            // Most keywords may be an alias.
            Some(word) if word.kind == Kind::Word && !is_one_of(self.text, word, ENDS) => return None,
            Some(_) | None => {}
        }
        if insert && self.symbol(at, b'(') {
            let subquery = ["select", "table", "values", "with"].iter().any(|word| self.is(at + 1, word));
            let closing = self.closing(at)?;
            return (!subquery && !self.symbol(at + 1, b'(') && !done(closing + 1) && !self.symbol(closing + 1, b'('))
                .then(|| self.at(closing + 1));
        }
        let ends = self.is(0, "delete") && at >= self.tokens.len();
        // `table *` and the brackets of what is no name are left alone.
        let odd =
            self.tokens.get(at).is_some_and(|token| matches!(token.kind, Kind::Operator | Kind::Symbol(b'(' | b'[')));
        let equals = self.tokens.get(at).is_some_and(|token| token.text(self.text) == "=");
        (!done(at) && !ends && (!odd || equals)).then(|| self.at(at))
    }

    /// Whether each token can stand behind those before it.
    fn body(&self) -> Option<Refusal> {
        let mut clause = if self.is(0, "values") { Clause::Expressions } else { Clause::Unknown };
        let mut levels: Vec<(u8, Clause, usize)> = Vec::new();
        // Where the parenthesis of a DISTINCT ON ends: no expression does there.
        let mut distinct = None;
        // `JSON_OBJECT('a' : 1)`
        let pairs =
            self.tokens.iter().any(|t| ["json_object", "json_objectagg"].iter().any(|w| t.is_word(self.text, w)));
        for at in 0..=self.tokens.len() {
            if at > 0 && self.clash(at, clause, distinct) {
                return Some(self.at(at));
            }
            let Some(token) = self.tokens.get(at) else { break };
            match token.kind {
                Kind::Symbol(open @ (b'(' | b'[')) => {
                    levels.push((open, clause, at));
                    clause = match clause {
                        Clause::Expressions => Clause::Expressions,
                        Clause::Unknown | Clause::Labelled | Clause::Limit(_) => Clause::Unknown,
                    };
                }
                Kind::Symbol(close @ (b')' | b']')) => match levels.pop() {
                    Some((b'(', before, open)) if close == b')' => {
                        clause = before;
                        if open > 1 && self.is(open - 1, "on") && self.is(open - 2, "distinct") {
                            distinct = Some(at);
                        }
                    }
                    Some((b'[', before, _)) if close == b']' => clause = before,
                    Some(_) | None => return Some(self.at(at)),
                },
                Kind::Symbol(b':') if !pairs && !matches!(levels.last(), Some((b'[', ..))) => return Some(self.at(at)),
                Kind::Symbol(b',') => {
                    if let Clause::Limit(limit) = clause {
                        return Some(self.limit(limit));
                    }
                }
                Kind::Symbol(b'.' | b':') => {}
                // The rest begins no token, and a semicolon ends no parenthesis.
                Kind::Symbol(_) => return Some(self.at(at)),
                Kind::Word => clause = self.clause(at, clause),
                _ => {}
            }
        }
        (!levels.is_empty()).then(|| self.at(self.tokens.len()))
    }

    /// The clause that a word begins.
    fn clause(&self, at: usize, before: Clause) -> Clause {
        let previous = at.checked_sub(1);
        let after = |word: &str| previous.is_some_and(|at| self.is(at, word));
        let is = |words: &[&str]| words.iter().any(|word| self.is(at, word));
        let label = after("as") || previous.is_some_and(|at| self.symbol(at, b'.'));
        let assigns = is(&["set"]) && self.is(0, "update") && before == Clause::Unknown;
        let sorts = is(&["by"]) && (after("order") || after("group"));
        match () {
            () if label => before,
            () if assigns || sorts || is(&["where", "having", "values"]) => Clause::Expressions,
            () if is(&["select", "from", "returning"]) => Clause::Labelled,
            () if is(&["limit"]) => Clause::Limit(at),
            () if is(&[
                "except",
                "fetch",
                "for",
                "intersect",
                "offset",
                "on",
                "table",
                "union",
                "using",
                "window",
                "with",
            ]) =>
            {
                Clause::Unknown
            }
            () => before,
        }
    }

    /// Whether the token at `at`, or the end, cannot follow the one before it.
    fn clash(&self, at: usize, clause: Clause, distinct: Option<usize>) -> bool {
        let (Some(before), token) = (self.tokens.get(at - 1), self.tokens.get(at)) else { return false };
        let earlier = |back: usize| at.checked_sub(back).and_then(|at| self.tokens.get(at));
        let label = earlier(2).is_some_and(|token| token.is_word(self.text, "as") || token.is_symbol(b'.'));
        // An operand is missing between the two.
        let ends = token.is_none_or(|token| {
            matches!(token.kind, Kind::Symbol(b')' | b']' | b',' | b';')) || is_one_of(self.text, token, ENDS)
        });
        let closes = matches!(token.map(|token| token.kind), None | Some(Kind::Symbol(b',' | b';')));
        match before.kind {
            Kind::Symbol(b',') | Kind::TypeCast if ends => return true,
            Kind::Symbol(b'(' | b'[') if closes => return true,
            Kind::Symbol(b'.') => {
                return token.is_none_or(|token| {
                    token.is_constant() || matches!(token.kind, Kind::Symbol(b')' | b']' | b',' | b';' | b'('))
                });
            }
            Kind::Operator => {
                let named = earlier(2).is_some_and(|token| {
                    matches!(token.kind, Kind::Symbol(b'.' | b'(')) || token.is_word(self.text, "using")
                });
                let star = before.text(self.text) == "*";
                if !named && !star && (ends || token.is_some_and(|token| self.is_infix(token))) {
                    return true;
                }
            }
            Kind::Word if !label => {
                let not_in = self.is(at - 1, "not") && self.is(at, "in");
                let opens = is_one_of(self.text, before, OPENS)
                    || (!not_in && clause == Clause::Expressions && is_one_of(self.text, before, OPENS_IN_EXPRESSIONS));
                let bracket = token.is_some_and(|token| token.is_symbol(b'['));
                let by = |word, more: bool| self.is(at - 1, word) && !self.is(at, "by") && !more;
                let empty = self.is(at - 1, "by") && ends && clause == Clause::Expressions;
                if empty || (opens && (ends || bracket)) || by("order", false) || by("group", self.symbol(at, b'(')) {
                    return true;
                }
            }
            _ => {}
        }
        let Some(token) = token else { return false };
        if token.is_symbol(b')')
            && before.is_symbol(b'(')
            && earlier(2).is_some_and(|word| word.is_word(self.text, "in"))
        {
            return true;
        }
        self.too_many(at, token, clause, distinct)
    }

    /// Two operands without anything between them, or a second label.
    fn too_many(&self, at: usize, token: &Token, clause: Clause, distinct: Option<usize>) -> bool {
        let plain = |at: usize| self.is_plain(at);
        let constant = |at: usize| self.tokens.get(at).is_some_and(Token::is_constant);
        // Not that of `OPERATOR(pg_catalog.=)`.
        let operator = |at: usize| self.tokens.get(at).is_some_and(|token| token.kind == Kind::Operator);
        let ends = |at: usize| at > 0 && !operator(at - 1) && distinct != Some(at);
        let closed = |at: usize| (self.symbol(at, b')') && ends(at)) || self.symbol(at, b']');
        let operand = |at: usize| plain(at) || constant(at) || closed(at);
        let column = |at: usize| self.tokens.get(at).is_some_and(|token| is_one_of(self.text, token, COLUMNS));
        let labelled = |at: usize| at.checked_sub(1).is_some_and(|before| operand(before) || column(before));
        let last = at - 1;
        // `a b`, `a AS b`
        let label = (plain(last) && labelled(last))
            || (last > 0 && self.is(last - 1, "as") && labelled(last - 1) && self.is_name(last));
        match token.kind {
            _ if token.is_string() => constant(last),
            _ if token.is_constant() => operand(last) || self.is(last, "values"),
            _ if plain(at) && clause == Clause::Expressions => operand(last),
            _ if plain(at) => label,
            // Not the star of `FROM name *`.
            Kind::Symbol(b'.') | Kind::Operator => clause == Clause::Labelled && label && token.text(self.text) != "*",
            _ => false,
        }
    }

    fn is_name(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(Token::is_name)
    }

    /// An operator of the grammar that has an operand on its left.
    fn is_infix(&self, token: &Token) -> bool {
        token.kind == Kind::Operator
            && matches!(token.text(self.text), "%" | "*" | "/" | "<" | ">" | "=" | "^" | "<=" | ">=" | "<>" | "!=")
    }

    /// Whether a token is an identifier and no keyword.
    fn is_plain(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| match token.kind {
            Kind::QuotedIdentifier | Kind::UnicodeIdentifier => true,
            Kind::Word => !is_keyword(token.text(self.text)),
            _ => false,
        })
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(self.text, word))
    }

    fn symbol(&self, at: usize, symbol: u8) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_symbol(symbol))
    }

    fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        let mut tokens = self.tokens.iter().enumerate().skip(open);
        let closing = tokens.find(|(_, token)| {
            depth += usize::from(token.is_symbol(b'('));
            depth -= usize::from(token.is_symbol(b')'));
            depth == 0
        });
        closing.map(|(at, _)| at)
    }

    /// The error at a token, or behind the last one.
    fn at(&self, at: usize) -> Refusal {
        match self.tokens.get(at).or(self.next) {
            Some(token) if token.is_constant() && token.kind != Kind::Param => {
                syntax_error("syntax error at or near a constant").at(token.range.start)
            }
            Some(token) => near(self.text, token),
            None => syntax_error("syntax error at end of input").at(self.text.len()),
        }
    }

    fn limit(&self, at: usize) -> Refusal {
        let start = self.tokens.get(at).map_or(0, |token| token.range.start);
        syntax_error("LIMIT #,# syntax is not supported").hint("Use separate LIMIT and OFFSET clauses.").at(start)
    }
}

/// The error at a token that is no constant.
pub(super) fn near(text: &str, token: &Token) -> Refusal {
    syntax_error(format!("syntax error at or near \"{}\"", token.text(text))).at(token.range.start)
}

fn syntax_error(message: impl Into<String>) -> Refusal {
    Refusal::error(SqlState::SYNTAX_ERROR, message)
}

fn is_one_of(text: &str, token: &Token, words: &str) -> bool {
    words.split_ascii_whitespace().any(|word| token.is_word(text, word))
}
