//! SELECT and TABLE over one protected table.

use sqlparser::ast::{
    Distinct, Expr, Fetch, GroupByExpr, LimitClause, Offset, OrderBy, OrderByKind, Query, Select, SelectFlavor,
    SetExpr, TableAlias, TableFactor, TableInheritance, TableWithJoins, Value as AstValue,
};
use sqlparser::tokenizer::Span;

use super::draft::{Params, Parts};
use super::expr::{self, operand, sort_key, unknown};
use super::output::{Output, What};
use super::predicate::{no_operator, note};
use super::scope::{self, Scope};
use super::source::unreadable;
use super::{Ctx, Statement, asked};
use crate::error::SqlState;
use crate::sql::parse::{Fact, FactKind};
use crate::sql::{Notes, Plan, Refusal, RowShape, Steps, Template, Verb};

/// Plans a query that mentions a protected table.
pub(super) fn plan(statement: &Statement<'_>, query: &Query) -> Result<Plan, Refusal> {
    let Query { with, body, order_by, limit_clause, fetch, locks, for_clause, settings, format_clause, pipe_operators } =
        query;
    if with.is_some() {
        return Err(Refusal::new("WITH over a protected table cannot be answered in this version")
            .hint("select from the table directly"));
    }
    if for_clause.is_some() || settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty() {
        return Err(unknown("a query with this clause"));
    }
    let (mut ctx, output) = match &**body {
        SetExpr::Select(select) => body_of(statement, select)?,
        SetExpr::SetOperation { .. } => {
            return Err(Refusal::new(
                "UNION, INTERSECT and EXCEPT over a protected table cannot be answered in this version",
            )
            .hint("run the queries one by one"));
        }
        SetExpr::Query(_)
        | SetExpr::Table(_)
        | SetExpr::Values(_)
        | SetExpr::Insert(_)
        | SetExpr::Update(_)
        | SetExpr::Delete(_)
        | SetExpr::Merge(_) => return Err(unknown("a query of this form")),
    };
    let distinct = output.distinct;
    let output = output.list;
    if let Some(order_by) = order_by {
        if distinct {
            return Err(Refusal::new("DISTINCT on a sealed column cannot be ordered in this version")
                .hint("leave ORDER BY out and sort in the application"));
        }
        order(&mut ctx, &output, order_by)?;
    }
    limits(&mut ctx, limit_clause.as_ref(), fetch.as_ref())?;
    locks_of(&ctx, statement.facts, locks.len())?;
    let (_, shape) = output.shape(&ctx)?;
    let Ctx { draft, params, notes, .. } = ctx;
    let template = draft.finish(statement.source, Parts::default(), statement.range.clone(), Parts::default())?;
    finished(template, params, notes, shape)
}

/// The list of a SELECT, and whether its DISTINCT became one of tags.
struct Body {
    list: Output,
    distinct: bool,
}

fn body_of<'a>(statement: &Statement<'a>, select: &Select) -> Result<(Ctx<'a>, Body), Refusal> {
    let Select {
        select_token: _,
        optimizer_hints,
        distinct,
        select_modifiers,
        top,
        top_before_distinct,
        projection,
        exclude,
        into,
        from,
        lateral_views,
        prewhere,
        selection,
        connect_by,
        group_by,
        cluster_by,
        distribute_by,
        sort_by,
        having,
        named_window,
        qualify,
        window_before_qualify,
        value_table_mode,
        flavor,
    } = select;
    if into.is_some() {
        return Err(Refusal::new(
            "SELECT INTO from a protected table would copy its cells to where they cannot be opened",
        )
        .hint("create the table first and name it in the schema file"));
    }
    if !optimizer_hints.is_empty()
        || select_modifiers.is_some()
        || top.is_some()
        || *top_before_distinct
        || exclude.is_some()
        || !lateral_views.is_empty()
        || prewhere.is_some()
        || !connect_by.is_empty()
        || !cluster_by.is_empty()
        || !distribute_by.is_empty()
        || !sort_by.is_empty()
        || !named_window.is_empty()
        || qualify.is_some()
        || *window_before_qualify
        || value_table_mode.is_some()
        || *flavor != SelectFlavor::Standard
    {
        return Err(unknown("a SELECT with this clause"));
    }
    let source = statement.source;
    let from = match from.as_slice() {
        [from] => from,
        [] => return Err(elsewhere()),
        _ => return Err(join()),
    };
    let (scope, table) = target(statement, from)?;
    let mut ctx = Ctx::new(source, scope, statement.declared);
    rename(&mut ctx, &table)?;

    if !source.is_word(0, "select") {
        return Err(unknown("a query of this form"));
    }
    let mut start = 1;
    if source.is_word(1, "all") || source.is_word(1, "distinct") {
        start = 2;
    }
    let list = Output::read(&mut ctx, projection, start..table.from)?;
    if let Some(selection) = selection {
        ctx.asked = asked::conditions(&ctx, Some(selection));
        expr::condition(&mut ctx, selection)?;
    }
    grouping(&mut ctx, &list, group_by, having.as_ref())?;
    let sealed_distinct = match distinct {
        None | Some(Distinct::All) => false,
        Some(Distinct::Distinct) => distinct_tags(&mut ctx, &list)?,
        Some(Distinct::On(_)) => return Err(unknown("DISTINCT ON")),
    };
    let (hidden, _) = list.shape(&ctx)?;
    if !hidden.is_empty() {
        let end = source.bytes(&(start..table.from))?.end;
        ctx.draft.insert(end, Parts::default().text(hidden));
    }
    Ok((ctx, Body { list, distinct: sealed_distinct }))
}

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

/// GROUP BY and HAVING over columns in the clear of an unsigned table.
fn grouping(ctx: &mut Ctx<'_>, list: &Output, group_by: &GroupByExpr, having: Option<&Expr>) -> Result<(), Refusal> {
    let GroupByExpr::Expressions(keys, modifiers) = group_by else { return Err(unknown("GROUP BY ALL")) };
    if !modifiers.is_empty() {
        return Err(unknown("GROUP BY with this clause"));
    }
    for key in keys {
        // A bare name is a column of the table first (SQL-11), then one of the list; sealed ones are refused below.
        match key {
            Expr::Identifier(ident)
                if ctx.scope.table.column(&ident.value).is_none()
                    && list.columns.iter().any(|column| column.name.as_ref() == Some(&ident.value)) => {}
            key => {
                operand(ctx, key, "GROUP BY")?.settled()?;
            }
        }
    }
    if let Some(having) = having {
        expr::condition(ctx, having)?;
    }
    if !keys.is_empty() || having.is_some() {
        if ctx.scope.is_signed() {
            return Err(Refusal::new(format!(
                "GROUP BY over the signed table {} cannot be answered: a group has no row whose signature could be verified",
                scope::label(&ctx.scope.table)
            ))
            .hint("count(*) with a WHERE is answered"));
        }
        for column in &list.columns {
            if let What::Sealed(id) = column.what {
                return Err(no_operator(ctx, id, "its use beside GROUP BY"));
            }
        }
    }
    Ok(())
}

/// DISTINCT over sealed columns is DISTINCT ON their tags: whichever cell of a tag is taken, it opens to the same value.
/// Returns whether it was needed.
fn distinct_tags(ctx: &mut Ctx<'_>, list: &Output) -> Result<bool, Refusal> {
    if ctx.scope.is_signed() {
        return Err(Refusal::new(format!(
            "DISTINCT over the signed table {} cannot be answered: it leaves no rows whose signatures could be verified",
            scope::label(&ctx.scope.table)
        )));
    }
    if !list.columns.iter().any(|column| matches!(column.what, What::Sealed(_))) {
        return Ok(false);
    }
    let mut keys = Vec::new();
    for column in &list.columns {
        keys.push(match column.what {
            What::Sealed(id) => match ctx.scope.table.beacon(id) {
                Some((_, beacon)) => {
                    note(&mut ctx.notes.helpers, beacon.helper.clone());
                    ctx.scope.qualified(&beacon.helper)
                }
                None => return Err(no_operator(ctx, id, "DISTINCT")),
            },
            What::Clear(id) | What::Verified(id) => ctx.scope.physical_column(id)?,
            What::Expression => return Err(unknown("an expression beside DISTINCT on a sealed column")),
        });
    }
    let bytes = ctx.source.bytes(&(1..2))?;
    ctx.draft.replace(bytes, Parts::default().text(format!("DISTINCT ON ({})", keys.join(", "))));
    Ok(true)
}

/// ORDER BY: a bare name is an output column first, a number always is (SQL-11).
fn order(ctx: &mut Ctx<'_>, list: &Output, order_by: &OrderBy) -> Result<(), Refusal> {
    let OrderBy { kind, interpolate } = order_by;
    let OrderByKind::Expressions(items) = kind else { return Err(unknown("ORDER BY ALL")) };
    if interpolate.is_some() {
        return Err(unknown("an ORDER BY of this form"));
    }
    for item in items {
        let key = sort_key(item)?;
        let shown = match key {
            Expr::Identifier(ident) => {
                let named = |column: &&super::output::Shown| column.name.as_deref() == Some(ident.value.as_str());
                let all: Vec<_> = list.columns.iter().filter(named).collect();
                let sealed = all.iter().find(|column| matches!(column.what, What::Sealed(_)));
                sealed.or(all.first()).map(|column| column.what)
            }
            Expr::Value(value) if matches!(value.value, AstValue::Number(..)) => Some(numbered(ctx, list, value.span)?),
            _ => None,
        };
        match shown {
            Some(What::Sealed(id)) => return Err(no_operator(ctx, id, "ORDER BY")),
            Some(What::Verified(id)) => {
                // The output column is the S form, which does not sort as the value does.
                let bytes = ctx.source.bytes(&ctx.source.extent(key)?)?;
                let column = ctx.scope.physical_column(id)?;
                ctx.draft.replace(bytes, Parts::default().text(column));
            }
            Some(What::Clear(_) | What::Expression) => {}
            None => {
                operand(ctx, key, "ORDER BY")?.settled()?;
            }
        }
    }
    Ok(())
}

/// The output column of this number.
fn numbered(ctx: &Ctx<'_>, list: &Output, span: Span) -> Result<What, Refusal> {
    let at = ctx.source.offset(ctx.source.token(span)?);
    let digits = ctx.source.constants().value(span)?;
    // PostgreSQL's words (findTargetlistEntrySQL92).
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Refusal::error(SqlState::SYNTAX_ERROR, "non-integer constant in ORDER BY").at(at));
    }
    let number = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let column = number.and_then(|number| list.columns.get(number)).ok_or_else(|| {
        let message = format!("ORDER BY position {digits} is not in select list");
        Refusal::error(SqlState::INVALID_COLUMN_REFERENCE, message).at(at)
    })?;
    Ok(column.what)
}

fn limits(ctx: &mut Ctx<'_>, limit: Option<&LimitClause>, fetch: Option<&Fetch>) -> Result<(), Refusal> {
    ctx.beside = Some("LIMIT".to_owned());
    let mut counts: Vec<&Expr> = Vec::new();
    match limit {
        None => {}
        Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
            if !limit_by.is_empty() {
                return Err(unknown("LIMIT BY"));
            }
            counts.extend(limit);
            if let Some(Offset { value, rows: _ }) = offset {
                counts.push(value);
            }
        }
        Some(LimitClause::OffsetCommaLimit { .. }) => return Err(unknown("LIMIT with a comma")),
    }
    if let Some(Fetch { with_ties: _, percent, quantity }) = fetch {
        if *percent {
            return Err(unknown("FETCH PERCENT"));
        }
        counts.extend(quantity);
    }
    for count in counts {
        expr::walk(ctx, count)?;
    }
    Ok(())
}

/// Locks are read from the facts; they name the table by its alias, which stays.
fn locks_of(ctx: &Ctx<'_>, facts: &[Fact], in_tree: usize) -> Result<(), Refusal> {
    let mut found = 0;
    for fact in facts {
        match &fact.kind {
            FactKind::Lock(lock) => {
                found += 1;
                if lock.depth != 0 || !lock.of.iter().all(|of| of.name == ctx.scope.alias) {
                    return Err(unknown("a locking clause of this form"));
                }
            }
            FactKind::BetweenSymmetric => {}
        }
    }
    if found == in_tree { Ok(()) } else { Err(unreadable()) }
}
