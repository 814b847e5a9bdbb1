//! TABLE, and the one protected table that UPDATE and DELETE name.

use sqlparser::ast::{TableAlias, TableFactor, TableInheritance, TableWithJoins};

use super::draft::{Params, Parts};
use super::expr::{self, unknown};
use super::output::Output;
use super::scope::{self, Scope};
use super::source::unreadable;
use super::{Ctx, Statement};
use crate::sql::{Notes, Plan, Refusal, RowShape, Steps, Template, Verb};

/// `TABLE t` is `SELECT * FROM t`; with a clause behind it, it is refused.
pub(super) fn table(statement: &Statement<'_>) -> Result<Plan, Refusal> {
    let source = statement.source;
    let name = |index: usize| source.tokens.get(index).and_then(|token| token.name(source.text));
    let parts: Vec<_> = match source.tokens.len() {
        2 => name(1).into_iter().collect(),
        4 if source.is_symbol(2, b'.') => name(1).into_iter().chain(name(3)).collect(),
        _ => Vec::new(),
    };
    let Some(table) = scope::table(statement.protection, &parts)? else {
        return Err(unknown("TABLE of this form").hint("write SELECT * FROM instead"));
    };
    let ctx = Ctx::new(source, Scope::new(table, None), statement.declared);
    let (list, text) = Output::all(&ctx)?;
    let (hidden, shape) = list.shape(&ctx)?;
    let physical = format!("SELECT {text}{hidden} FROM {}{}", ctx.scope.physical_name(), ctx.scope.alias_clause());
    let template = ctx.draft.compose(source, Parts::default().text(physical), statement.range.start)?;
    finished(template, ctx.params, ctx.notes, shape)
}

fn finished(template: Template, params: Params, notes: Notes, shape: RowShape) -> Result<Plan, Refusal> {
    Ok(Plan {
        verb: Verb::Select,
        params: params.roles(&template)?,
        template,
        rows: Vec::new(),
        output: Some(shape),
        steps: Steps::One,
        notes,
    })
}

/// Where the table of a statement stands.
pub(super) struct Place {
    /// Its name.
    name: std::ops::Range<usize>,
    /// Where an alias belongs: the token that must come before it.
    after: usize,
    /// ONLY stands before it.
    pub only: bool,
    /// The token of FROM (or of whatever keyword introduces it).
    pub from: usize,
}

/// The one protected table of FROM, UPDATE or DELETE.
pub(super) fn target(statement: &Statement<'_>, from: &TableWithJoins) -> Result<(Scope, Place), Refusal> {
    let TableWithJoins { relation, joins } = from;
    if !joins.is_empty() {
        return Err(join());
    }
    let TableFactor::Table {
        name,
        alias,
        args,
        with_hints,
        version,
        with_ordinality,
        partitions,
        json_path,
        sample,
        index_directives,
        inheritance,
    } = relation
    else {
        return Err(expr::subquery());
    };
    if args.is_some()
        || !with_hints.is_empty()
        || version.is_some()
        || *with_ordinality
        || !partitions.is_empty()
        || json_path.is_some()
        || sample.is_some()
        || !index_directives.is_empty()
    {
        return Err(unknown("a table reference of this form"));
    }
    let Some((table, extent)) = Scope::relation(statement.source, statement.protection, name)? else {
        return Err(elsewhere());
    };
    let alias = match alias {
        None => None,
        Some(TableAlias { explicit: _, name, columns, at: None }) if columns.is_empty() => Some(name),
        Some(_) => return Err(unknown("a list of column aliases")),
    };
    let source = statement.source;
    let before = |token: usize| token.checked_sub(1).ok_or_else(unreadable);
    let (after, from) = match inheritance {
        None => (extent.end - 1, before(extent.start)?),
        Some(TableInheritance::Only { parenthesized: false }) => (extent.end - 1, before(before(extent.start)?)?),
        Some(TableInheritance::Only { parenthesized: true }) => (extent.end, before(before(before(extent.start)?)?)?),
        Some(TableInheritance::IncludeDescendants) => return Err(unknown("a table name with *")),
    };
    if !["from", "update", "into"].iter().any(|word| source.is_word(from, word)) {
        return Err(unreadable());
    }
    Ok((Scope::new(table, alias), Place { name: extent, after, from, only: inheritance.is_some() }))
}

/// Puts the qualified physical name in the place of the client's, with the table's own name as its alias (CAT-4).
pub(super) fn rename(ctx: &mut Ctx<'_>, place: &Place) -> Result<(), Refusal> {
    let name = ctx.source.bytes(&place.name)?;
    let after = ctx.source.bytes(&(place.after..place.after + 1))?.end;
    ctx.draft.replace(name, Parts::default().text(ctx.scope.physical_name()));
    ctx.draft.insert(after, Parts::default().text(ctx.scope.alias_clause()));
    Ok(())
}

fn join() -> Refusal {
    Refusal::new("a join with a protected table cannot be answered in this version")
        .hint("select from one table at a time")
}

fn elsewhere() -> Refusal {
    Refusal::new("this statement names a protected table where this version does not look for one")
        .hint("protected tables take single-table SELECT, INSERT ... VALUES, UPDATE and DELETE")
}
