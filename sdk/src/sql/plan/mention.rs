//! Whether a statement touches a protected object, and the mentions that are refused whatever the statement is.

use std::ops::Range;

use super::scope;
use crate::error::SqlState;
use crate::schema::{DependentKind, Meaning, Meanings, Protection, Relation};
use crate::sql::Refusal;
use crate::sql::lex::{Kind, Token};
use crate::sql::names::{MentionKind, Names, Stands, stands, statement_for_a_function};

/// Catalog relations that show the physical table where an application expects the logical one.
const CATALOG: [&str; 12] = [
    "information_schema",
    "pg_attrdef",
    "pg_attribute",
    "pg_constraint",
    "pg_index",
    "pg_indexes",
    "pg_statistic",
    "pg_statistic_ext",
    "pg_statistic_ext_data",
    "pg_stats",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
];

/// The bytes of a name, and the relation that it stands for.
pub(super) type Stand = (Range<usize>, Relation);

/// What a statement names.
#[derive(Debug)]
pub(super) enum Touched {
    /// Nothing protected: it may go on as it is.
    Nothing,
    /// Relations that are not protected and share a name with one that is: so many bytes each stand for one of them.
    Namesakes(Vec<Stand>),
    /// A table, view or function of the lock: it is planned.
    Protected,
}

/// What a statement names by identifiers.
pub(super) fn touches(text: &str, tokens: &[Token], names: &Names<'_>) -> Result<Touched, Refusal> {
    let protection = names.protection();
    let mut touched = false;
    let mut moved = Moved::new(text, tokens, protection);
    // Every one: the first may be data and another one a statement.
    let mut bodies = Vec::new();
    for mention in names.mentions(text, tokens) {
        match mention.kind {
            MentionKind::Identifier(name) if is_unprotected(text, tokens, mention.at, &name, protection) => {}
            MentionKind::Identifier(name) if moved.means(mention.at, &name) => {}
            MentionKind::Identifier(name) => {
                if let Some(relation) = protection.pending.get(&name) {
                    return Err(scope::not_applied(relation).at(mention.at));
                }
                touched = true;
            }
            MentionKind::Dependent(kind, name) if !is_unprotected(text, tokens, mention.at, &name, protection) => {
                let what = protection.dependents.reason(kind, &name).unwrap_or("dependent on a protected table");
                return Err(dependent(kind, &name, what).at(mention.at));
            }
            MentionKind::Dependent(..) => {}
            MentionKind::Alike(name) => {
                return Err(Refusal::new(format!(
                    "this name looks like {name}, which is protected, and is another one"
                ))
                .hint("It holds a character that is not seen: write the name again.")
                .at(mention.at));
            }
            MentionKind::Body(name) => bodies.push((mention.at, name)),
            MentionKind::ReservedBody => bodies.push((mention.at, "pgseal".to_owned())),
            MentionKind::Reserved => return Err(reserved(text, tokens, mention.at)),
            MentionKind::Unreadable => {
                return Err(Refusal::new("an identifier or constant in U& notation could name a protected object")
                    .hint("write the name without U&")
                    .at(mention.at));
            }
            MentionKind::Dynamic => {
                return Err(Refusal::new("SQL that is put together at run time could name a protected object")
                    .hint("send the statement itself through the proxy")
                    .at(mention.at));
            }
            MentionKind::NoTokens => return Err(Refusal::error(SqlState::SYNTAX_ERROR, "this text cannot be read")),
        }
    }
    let (more, namesakes) = moved.read()?;
    match (touched || more, namesakes.first()) {
        (true, None) => Ok(Touched::Protected),
        (true, Some((bytes, Relation { schema, name }))) => Err(Refusal::new(format!(
            "by this session's search_path {name} is {schema}.{name}: it cannot be used beside a protected table in \
             this version"
        ))
        .hint("use them in statements of their own")
        .at(bytes.start)),
        (false, first) => {
            named_in_strings(text, tokens, &bodies)?;
            Ok(if first.is_some() { Touched::Namesakes(namesakes) } else { Touched::Nothing })
        }
    }
}

/// The unqualified names of a statement that do not mean the protected table in this session (SQL-63).
struct Moved<'t> {
    text: &'t str,
    tokens: &'t [Token],
    meanings: &'t Meanings,
    /// In the order of the text.
    found: Vec<(usize, &'t Meaning, String)>,
}

impl<'t> Moved<'t> {
    fn new(text: &'t str, tokens: &'t [Token], protection: &'t Protection) -> Self {
        Self { text, tokens, meanings: &protection.meanings, found: Vec::new() }
    }

    /// Whether the name at this byte is unqualified and means something else.
    fn means(&mut self, at: usize, name: &str) -> bool {
        let Some(meaning) = self.meanings.get(name) else { return false };
        let Ok(index) = self.tokens.binary_search_by_key(&at, |token| token.range.start) else { return false };
        let qualified =
            index.checked_sub(1).and_then(|dot| self.tokens.get(dot)).is_some_and(|dot| dot.is_symbol(b'.'));
        if !qualified {
            self.found.push((index, meaning, name.to_owned()));
        }
        !qualified
    }

    /// Whether a protected table may be meant all the same, and which names stand for other relations.
    fn read(self) -> Result<(bool, Vec<Stand>), Refusal> {
        let (mut touched, mut namesakes) = (false, Vec::new());
        if self.found.is_empty() {
            return Ok((touched, namesakes));
        }
        let places: Vec<usize> = self.found.iter().map(|(index, ..)| *index).collect();
        for ((index, meaning, name), stands) in self.found.iter().zip(stands(self.text, self.tokens, &places)) {
            let Some(token) = self.tokens.get(*index) else { continue };
            match (stands, meaning) {
                (Stands::Relation, Meaning::Unprotected(relation)) => {
                    namesakes.push((token.range.clone(), relation.clone()));
                }
                (Stands::Elsewhere, Meaning::Unprotected(_)) => {}
                (Stands::Unclear, Meaning::Unprotected(_))
                | (Stands::Relation, Meaning::Missing)
                | (Stands::Relation | Stands::Unclear, Meaning::Other(_) | Meaning::Moved(_) | Meaning::Unknown) => {
                    return Err(scope::elsewhere(name, meaning).at(token.range.start));
                }
                // A column, perhaps: what it is, the planner decides.
                (Stands::Elsewhere, Meaning::Missing | Meaning::Other(_) | Meaning::Moved(_) | Meaning::Unknown)
                | (Stands::Unclear, Meaning::Missing) => touched = true,
            }
        }
        Ok((touched, namesakes))
    }
}

fn dependent(kind: DependentKind, name: &str, what: &str) -> Refusal {
    match kind {
        DependentKind::Relation | DependentKind::Type => {
            Refusal::new(format!("{name} is {what}: it cannot be used through the proxy"))
                .hint("use the protected table itself")
        }
        DependentKind::Routine | DependentKind::RowRoutine => {
            Refusal::new(format!("{name} is {what}: it cannot be called through the proxy"))
                .hint("send the statements that it runs one by one through the proxy")
        }
        DependentKind::SqlRoutine | DependentKind::SqlRowRoutine => {
            Refusal::new(format!("{name} is {what}: it cannot be handed constants or parameters through the proxy"))
                .hint("send the statements that it runs one by one through the proxy")
        }
        DependentKind::Operator => Refusal::new(format!("{name} is {what}: it cannot be used through the proxy"))
            .hint("write a condition that uses no function over a protected table"),
    }
}

/// Whether the identifier at `at` is qualified so that it is a relation declared harmless.
fn is_unprotected(text: &str, tokens: &[Token], at: usize, name: &str, protection: &Protection) -> bool {
    // Tokens are in order, and a text may name a table a hundred thousand times.
    let Ok(index) = tokens.binary_search_by_key(&at, |token| token.range.start) else { return false };
    let (Some(schema), Some(dot)) = (index.checked_sub(2), index.checked_sub(1)) else { return false };
    let (Some(schema), Some(dot)) = (tokens.get(schema), tokens.get(dot)) else { return false };
    dot.kind == Kind::Symbol(b'.')
        && schema.name(text).is_some_and(|schema| {
            protection.unprotected.contains(&Relation { schema: schema.into_owned(), name: name.to_owned() })
        })
}

fn reserved(text: &str, tokens: &[Token], at: usize) -> Refusal {
    match tokens.iter().find(|token| token.range.start == at).and_then(|token| token.name(text)) {
        Some(name) if name.starts_with("pgseal_") => {
            Refusal::error(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist")).at(at)
        }
        Some(_) | None => Refusal::new("the schema pgseal and its helper columns are not for applications").at(at),
    }
}

/// A name in a string is data, unless the statement runs the string or asks the catalog about it.
fn named_in_strings(text: &str, tokens: &[Token], bodies: &[(usize, String)]) -> Result<(), Refusal> {
    let Some(&(at, ref name)) = bodies.first() else { return Ok(()) };
    let is = |index: usize, words: &[&str]| {
        tokens.get(index).is_some_and(|token| words.iter().any(|word| token.is_word(text, word)))
    };
    let code = is(0, &["do", "call"])
        || (is(0, &["create"])
            && tokens.iter().any(|token| ["function", "procedure"].iter().any(|word| token.is_word(text, word))));
    if code {
        return Err(Refusal::new(format!("the body of this code names the protected object {name}"))
            .hint("run its statements one by one through the proxy")
            .at(at));
    }
    if let Some(at) = statement_for_a_function(text, tokens, bodies.iter().map(|(at, _)| *at)) {
        let name = bodies.iter().find(|(place, _)| *place == at).map_or(name, |(_, name)| name);
        return Err(Refusal::new(format!(
            "a function that may run its argument as SQL is handed a statement on {name}"
        ))
        .hint("send the statement itself through the proxy")
        .at(at));
    }
    let catalog = tokens.iter().filter_map(|token| token.name(text)).find(|word| CATALOG.contains(&word.as_ref()));
    match catalog {
        Some(catalog) => Err(Refusal::new(format!("{catalog} would show the physical columns of {name}"))
            .hint("the logical catalog is not in this version")
            .at(at)),
        None => Ok(()),
    }
}
