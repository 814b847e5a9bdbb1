//! The rows of an INSERT's VALUES and the columns that they belong to.

use sqlparser::ast::{Expr, ObjectName, Query, SetExpr, Values};

use super::Ctx;
use super::expr::unknown;
use super::scope;
use super::source::{Extent, unreadable};
use crate::error::SqlState;
use crate::schema::ColumnId;
use crate::sql::Refusal;

/// The rows of VALUES, with the tokens of each value.
pub(super) struct Rows<'q> {
    /// Values by row.
    pub values: Vec<Vec<(&'q Expr, Extent)>>,
    /// The closing parenthesis of each row; none for DEFAULT VALUES.
    pub closing: Vec<usize>,
    /// The token of VALUES, or of DEFAULT before it.
    pub keyword: usize,
}

impl<'q> Rows<'q> {
    pub(super) fn read(ctx: &Ctx<'_>, head: usize, query: Option<&'q Query>) -> Result<Self, Refusal> {
        let source = ctx.source;
        let Some(query) = query else {
            let keyword = source.find_word(head, "default").ok_or_else(unreadable)?;
            if !source.is_word(keyword + 1, "values") {
                return Err(unreadable());
            }
            return Ok(Self { values: vec![Vec::new()], closing: Vec::new(), keyword });
        };
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if with.is_some()
            || order_by.is_some()
            || limit_clause.is_some()
            || fetch.is_some()
            || !locks.is_empty()
            || for_clause.is_some()
            || settings.is_some()
            || format_clause.is_some()
            || !pipe_operators.is_empty()
        {
            return Err(unknown("VALUES with this clause"));
        }
        let SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows }) = &**body else {
            return Err(Refusal::new("INSERT ... SELECT into a protected table cannot be answered in this version")
                .hint("read the rows first and insert them with VALUES"));
        };
        let keyword = source.find_word(head, "values").ok_or_else(unreadable)?;
        let mut read = Self { values: Vec::new(), closing: Vec::new(), keyword };
        let mut open = keyword + 1;
        for row in rows {
            if !source.is_symbol(open, b'(') {
                return Err(unreadable());
            }
            let close = source.closing(open)?;
            let extents = source.split_commas(open + 1..close)?;
            if extents.len() != row.content.len() {
                return Err(unreadable());
            }
            read.values.push(row.content.iter().zip(extents).collect());
            read.closing.push(close);
            open = close + 2;
        }
        let width = read.values.first().map_or(0, Vec::len);
        if let Some(row) = read.values.iter().find(|row| row.len() != width) {
            let at = row.first().map_or(0, |(_, extent)| source.offset(extent.start));
            return Err(Refusal::error(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length").at(at));
        }
        Ok(read)
    }
}

/// The columns that the values belong to, in their order.
pub(super) fn targets(ctx: &Ctx<'_>, columns: &[ObjectName], rows: &Rows<'_>) -> Result<Vec<ColumnId>, Refusal> {
    let width = rows.values.first().map_or(0, Vec::len);
    let value = |index: usize| {
        let first = rows.values.first().and_then(|row| row.get(index));
        first.map_or(0, |(_, extent)| ctx.source.offset(extent.start))
    };
    let more = |what: &str| Refusal::error(SqlState::SYNTAX_ERROR, format!("INSERT has more {what}"));
    if columns.is_empty() {
        let all = ctx.scope.table.columns.len();
        if width > all {
            return Err(more("expressions than target columns").at(value(all)));
        }
        return Ok((0..width).collect());
    }
    let mut targets = Vec::with_capacity(columns.len());
    for column in columns {
        let idents = scope::idents(column)?;
        let [ident] = idents.as_slice() else { return Err(unknown("a part of a column as a target")) };
        let at = ctx.source.offset(ctx.source.ident(ident)?);
        let id = match ctx.scope.table.column(&ident.value) {
            Some((id, _)) => id,
            None => {
                return Err(Refusal::error(
                    SqlState::UNDEFINED_COLUMN,
                    format!(
                        "column \"{}\" of relation \"{}\" does not exist",
                        ident.value, ctx.scope.table.relation.name
                    ),
                )
                .at(at));
            }
        };
        if targets.contains(&id) {
            return Err(Refusal::error(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{}\" specified more than once", ident.value),
            )
            .at(at));
        }
        targets.push(id);
    }
    if width > targets.len() {
        return Err(more("expressions than target columns").at(value(targets.len())));
    }
    if let Some(column) = columns.get(width) {
        let ident = scope::idents(column)?.first().copied().ok_or_else(unreadable)?;
        return Err(more("target columns than expressions").at(ctx.source.offset(ctx.source.ident(ident)?)));
    }
    Ok(targets)
}
