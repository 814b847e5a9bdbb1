//! From a parsed statement to a decision: a file for each kind of statement.

mod asked;
mod call;
mod check;
pub(in crate::sql) mod constant;
mod delete;
pub(in crate::sql) mod draft;
mod expr;
mod fetch;
mod guard;
mod insert;
mod mention;
mod namesake;
mod output;
mod predicate;
pub(in crate::sql) mod scope;
mod select;
pub(in crate::sql) mod source;
mod types;
mod update;
mod utility;
mod values;
mod work;

#[cfg(test)]
pub(super) mod tests;

use std::ops::Range;
use std::sync::Arc;

use sqlparser::ast;

use self::draft::{Draft, Params};
use self::mention::Touched;
use self::scope::Scope;
use self::source::{Source, unreadable};
use super::constant::{Bare, is_null_of, same_value, untyped_array};
use super::lex::Token;
use super::names::Names;
use super::parse::{self, Part, syntax};
use super::stack::{self, Stack};
use super::tree::{Root, Tree};
use super::{Condition, Decision, Input, Literal, Notes, Plan, Refusal, Template, infer, lower, resolve, settings};
use crate::error::SqlState;
use crate::schema::{ColumnId, Protection};
use crate::value::Type;

pub use guard::{GUARD_HEAD, GUARD_MARK, GUARD_SQLSTATE, GUARD_TAIL};

/// One statement as it comes, with all that it may be read against.
struct Statement<'a> {
    /// Its text and tokens.
    source: &'a Source<'a>,
    /// Its bytes in the text.
    range: Range<usize>,
    /// OIDs of the Parse message.
    declared: &'a [u32],
    /// What is protected.
    protection: &'a Protection,
}

/// Decides about one statement of `text`. `tokens` are those of the whole text.
pub(super) fn decide(text: &str, tokens: &[Token], part: &Part, declared: &[u32], names: &Names<'_>) -> Decision {
    match planned(text, tokens, part, declared, names) {
        Ok(Planned::Plan(mut plan)) => {
            if let Err(refusal) = check::apart(&plan) {
                return Decision::Refuse(refusal);
            }
            let own = tokens.get(part.tokens.clone()).unwrap_or(&[]);
            plan.notes.depends_on = settings::dependencies(text, own, &plan);
            Decision::Rewrite(Arc::new(*plan))
        }
        Ok(Planned::Qualified(template)) => Decision::Qualify(Arc::new(template)),
        Ok(Planned::Nothing) => Decision::Forward,
        // PostgreSQL's grammar comes first, but what was too large is not read again.
        Err(refusal) if refusal.sqlstate == SqlState::STATEMENT_TOO_COMPLEX => Decision::Refuse(refusal),
        Err(refusal) => Decision::Refuse(syntax::error(text, tokens, part).unwrap_or(refusal)),
    }
}

/// What a statement needs.
enum Planned {
    Nothing,
    Qualified(Template),
    Plan(Box<Plan>),
}

fn planned(text: &str, tokens: &[Token], part: &Part, declared: &[u32], names: &Names<'_>) -> Result<Planned, Refusal> {
    let protection = names.protection();
    let own = tokens.get(part.tokens.clone()).ok_or_else(unreadable)?;
    match mention::touches(text, own, names)? {
        Touched::Nothing => return Ok(Planned::Nothing),
        Touched::Namesakes(namesakes) => {
            let qualified = |stack: Stack| {
                let source = Source::new(text, own, part.before, stack);
                namesake::qualified(&source, part.range.clone(), &namesakes)
            };
            return stack::run(true, qualified).map(Planned::Qualified);
        }
        Touched::Protected => {}
    }
    let plan = |stack: Stack| {
        let source = Source::new(text, own, part.before, stack);
        if source.is_word(0, "table") {
            // The parser does not know the command.
            let statement = Statement { source: &source, range: part.range.clone(), declared, protection };
            return select::table(&statement);
        }
        let parsed = parse::parse(text, tokens, part)?;
        let statement = Statement { source: &source, range: part.range.clone(), declared, protection };
        match &parsed.statement {
            ast::Statement::Query(_) => reads(text, &statement, &parsed.statement, stack),
            ast::Statement::Insert(insert) => insert::plan(&statement, insert),
            ast::Statement::Update(update) => update::plan(&statement, update),
            ast::Statement::Delete(delete) => delete::plan(&statement, delete),
            other => utility::plan(&statement, other),
        }
    };
    stack::run(parse::is_shallow(text, own), plan).map(|plan| Planned::Plan(Box::new(plan)))
}

/// A query, through the passes: tree, names, what expressions hold, the physical statement.
fn reads(text: &str, statement: &Statement<'_>, ast: &ast::Statement, stack: Stack) -> Result<Plan, Refusal> {
    let Statement { source, range, declared, protection } = statement;
    let tree = Tree::read(text, source.tokens, ast, stack)?;
    let Root::Query(root) = tree.root else { return Err(unreadable()) };
    let names = resolve::resolve(&tree, source.tokens, protection, &resolve::Unknown, stack)?;
    let statement = infer::Statement { tree: &tree, names: &names, source, text, tokens: source.tokens, stack };
    let typed = infer::query(statement, root, declared)?;
    lower::query(statement, typed, root, range.clone())
}

/// One statement in work.
struct Ctx<'a> {
    /// Its text and tokens.
    source: &'a Source<'a>,
    /// Its one protected table.
    scope: Scope,
    /// Its physical form.
    draft: Draft,
    /// Its parameters.
    params: Params,
    /// What `explain` will say.
    notes: Notes,
    /// Columns in the clear are qualified too: the physical statement has a second table.
    qualify: bool,
    /// The unprotected column that was met last, for the message of the leak rule.
    beside: Option<String>,
    /// What the rows that come back must satisfy (SQL-60).
    asked: Vec<Condition>,
}

impl<'a> Ctx<'a> {
    fn new(source: &'a Source<'a>, scope: Scope, declared: &[u32]) -> Self {
        let (draft, params) = (Draft::default(), Params::new(declared));
        Self { source, scope, draft, params, notes: Notes::default(), qualify: false, beside: None, asked: Vec::new() }
    }

    /// A constant that is sealed, or turned into a tag.
    fn protect(&mut self, value: &Bare, column: ColumnId) -> Result<Input, Refusal> {
        self.input(value, column, Params::protected)
    }

    /// A constant that we send in the clear, as the value of an unsealed column.
    fn render(&mut self, value: &Bare, column: ColumnId) -> Result<Input, Refusal> {
        self.input(value, column, Params::rendered)
    }

    fn input(
        &mut self,
        value: &Bare,
        column: ColumnId,
        note: fn(&mut Params, usize, u32, &str) -> Result<(), Refusal>,
    ) -> Result<Input, Refusal> {
        match value {
            Bare::Null { cast } => self.null_of(*cast, column),
            Bare::Literal { literal: Literal::Array(_), .. } => {
                Err(untyped_array(&self.scope.label(column)).of(self.scope.column_name(column)))
            }
            Bare::Literal { literal, at } => Ok(Input::Literal { literal: literal.clone(), at: *at }),
            Bare::Param { number, cast } => {
                let ty = self.param_type(*number, *cast, column)?;
                let label = self.scope.label(column);
                note(&mut self.params, *number, ty.oid(), &label)?;
                Ok(Input::Param { index: *number, ty })
            }
        }
    }

    /// NULL, unless it is one of another type.
    fn null_of(&self, cast: Option<Type>, column: ColumnId) -> Result<Input, Refusal> {
        let own = self.scope.column(column)?.ty.ok_or_else(unreadable)?;
        match cast.filter(|cast| !is_null_of(cast, &own)) {
            None => Ok(Input::Null),
            Some(cast) => {
                let label = self.scope.label(column);
                Err(Refusal::new(format!("a NULL of type {cast} is not one of the protected column {label}"))
                    .hint("leave the cast out, or cast to the type of the column"))
            }
        }
    }

    /// The type that a parameter's bytes have: the declared one, else that of its cast, else the column's.
    fn param_type(&self, number: usize, cast: Option<Type>, column: ColumnId) -> Result<Type, Refusal> {
        let refused = || {
            Refusal::new(format!(
                "parameter ${} for column {} has a type that cannot be read here",
                number + 1,
                self.scope.label(column)
            ))
            .of(self.scope.column_name(column))
            .hint("declare it with the type of the column, or without a type")
        };
        let own = self.scope.column(column)?.ty.ok_or_else(unreadable)?.unmodified();
        match (self.params.declared(number), cast) {
            (None, cast) => Ok(cast.unwrap_or(own)),
            (Some(oid), cast) => {
                let declared = Type::from_pg(oid, -1).ok_or_else(refused)?;
                match cast {
                    Some(cast) if !same_value(&declared, &cast) => Err(refused()),
                    Some(_) | None => Ok(declared),
                }
            }
        }
    }
}
