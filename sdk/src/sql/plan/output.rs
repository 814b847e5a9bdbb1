//! Select lists and RETURNING lists: cells in the place of sealed columns, S forms in the place of signed ones, and the
//! hidden columns at the end that opening and verifying needs.

use sqlparser::ast::{Expr, Ident, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions};

use super::Ctx;
use super::draft::Parts;
use super::expr::{self, Seen, unknown};
use super::predicate::{named_column, note, sealed_column};
use super::scope;
use super::source::{Extent, unreadable};
use crate::schema::ColumnId;
use crate::schema::names::{SIGNATURE, quote};
use crate::sql::{OutputColumn, OutputSource, Presence, ReadRow, Refusal, RowShape};

/// A list of the client's columns.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// In order, `*` expanded.
    pub columns: Vec<What>,
    /// What all items together hold.
    pub seen: Seen,
}

/// What a column of the client shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A sealed column.
    Sealed(ColumnId),
    /// A signed column of a signed table: the verified S form.
    Verified(ColumnId),
    /// A column in the clear, as it is.
    Clear(ColumnId),
    /// Anything else, as it is.
    Expression,
}

impl Output {
    /// Reads and rewrites a list that stands at `extent`.
    pub(super) fn read(ctx: &mut Ctx<'_>, items: &[SelectItem], extent: Extent) -> Result<Self, Refusal> {
        let parts = ctx.source.split_commas(extent)?;
        if parts.len() != items.len() {
            return Err(unreadable());
        }
        let mut output = Self::default();
        for (item, part) in items.iter().zip(parts) {
            ctx.beside = None;
            match item {
                SelectItem::UnnamedExpr(expr) => output.item(ctx, expr, None, part)?,
                SelectItem::ExprWithAlias { expr, alias } => output.item(ctx, expr, Some(alias), part)?,
                SelectItem::Wildcard(options) => output.star(ctx, options, part)?,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    let name = scope::idents(name)?;
                    match name.as_slice() {
                        [table] if table.value == ctx.scope.alias => output.star(ctx, options, part)?,
                        _ => return Err(unknown("* of another table")),
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _) => {
                    return Err(unknown("* of an expression"));
                }
                SelectItem::ExprWithAliases { .. } => return Err(unknown("several aliases of one expression")),
            }
        }
        Ok(output)
    }

    /// All columns of the table, as `*` shows them, and their physical text.
    pub(super) fn all(ctx: &Ctx<'_>) -> Result<(Self, String), Refusal> {
        let mut output = Self::default();
        let text = output.expand(ctx)?;
        Ok((output, text))
    }

    fn item(&mut self, ctx: &mut Ctx<'_>, expr: &Expr, alias: Option<&Ident>, part: Extent) -> Result<(), Refusal> {
        let Some(id) = direct(ctx, expr)? else {
            let seen = expr::walk(ctx, expr)?;
            if ctx.scope.is_signed() && seen.columns {
                let text = format!("the value of an expression over {}", ctx.scope.table.relation.name);
                note(&mut ctx.notes.decided_by_server, text);
            }
            self.add_seen(seen);
            self.columns.push(What::Expression);
            return Ok(());
        };
        let what = what(ctx, id)?;
        let extent = ctx.source.extent(expr)?;
        if extent.start != part.start || (alias.is_none() && extent.end != part.end) {
            return Err(unreadable());
        }
        let text = text(ctx, what, alias.is_none())?;
        let bytes = ctx.source.bytes(&extent)?;
        ctx.draft.replace(bytes, Parts::default().text(text));
        self.add_seen(Seen { columns: true, beside: true, ..Seen::default() });
        self.columns.push(what);
        Ok(())
    }

    fn star(&mut self, ctx: &mut Ctx<'_>, options: &WildcardAdditionalOptions, part: Extent) -> Result<(), Refusal> {
        let WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike: None,
            opt_exclude: None,
            opt_except: None,
            opt_replace: None,
            opt_rename: None,
            opt_alias: None,
        } = options
        else {
            return Err(unknown("* with a clause"));
        };
        let text = self.expand(ctx)?;
        let bytes = ctx.source.bytes(&part)?;
        ctx.draft.replace(bytes, Parts::default().text(text));
        Ok(())
    }

    fn expand(&mut self, ctx: &Ctx<'_>) -> Result<String, Refusal> {
        let mut texts = Vec::with_capacity(ctx.scope.table.columns.len());
        for id in 0..ctx.scope.table.columns.len() {
            let what = what(ctx, id)?;
            texts.push(text(ctx, what, true)?);
            self.columns.push(what);
        }
        self.add_seen(Seen { columns: true, beside: true, ..Seen::default() });
        Ok(texts.join(", "))
    }

    fn add_seen(&mut self, seen: Seen) {
        self.seen.columns |= seen.columns;
        self.seen.aggregate |= seen.aggregate;
    }

    /// The hidden columns, to be put behind the list, and how the server's rows become the client's.
    pub(super) fn shape(&self, ctx: &Ctx<'_>) -> Result<(String, RowShape), Refusal> {
        let table = &ctx.scope.table;
        let opens = self.columns.iter().any(|column| matches!(column, What::Sealed(_)));
        // A row of which nothing is shown is told from another one all the same, if it can be.
        let asked = !ctx.asked.is_empty() && !self.seen.aggregate && !self.columns.is_empty();
        let verifies = ctx.scope.is_signed() && (self.seen.columns || asked);
        let mut shape = RowShape { columns: Vec::new(), physical: self.columns.len(), rows: Vec::new() };
        let mut hidden = String::new();
        if opens || verifies {
            if self.seen.aggregate {
                return Err(Refusal::new(format!(
                    "an aggregate beside columns of the protected table {} cannot be answered in this version",
                    scope::label(table)
                ))
                .hint("select the aggregate alone"));
            }
            let mut read = ReadRow {
                table: table.clone(),
                presence: Presence::Required,
                columns: vec![None; table.columns.len()],
                tags: vec![None; table.beacons.len()],
                signature: None,
                conditions: ctx.asked.clone(),
            };
            for (position, column) in self.columns.iter().enumerate() {
                if let What::Sealed(id) | What::Verified(id) = *column
                    && let Some(place) = read.columns.get_mut(id)
                {
                    place.get_or_insert(position);
                }
            }
            let mut add = |text: String| {
                hidden.push_str(", ");
                hidden.push_str(&text);
                shape.physical += 1;
                shape.physical - 1
            };
            for (id, column) in table.columns.iter().enumerate() {
                let needed = if verifies { column.is_signed() } else { column.is_context() };
                if let Some(place @ None) = read.columns.get_mut(id)
                    && needed
                {
                    let text =
                        if column.is_sealed() { ctx.scope.physical_column(id)? } else { ctx.scope.stored(id)? };
                    *place = Some(add(text));
                }
            }
            if verifies {
                for (place, beacon) in read.tags.iter_mut().zip(&table.beacons) {
                    *place = Some(add(ctx.scope.qualified(&beacon.helper)));
                }
                read.signature = Some(add(ctx.scope.qualified(SIGNATURE)));
            }
            shape.rows.push(read);
        }
        for (physical, column) in self.columns.iter().enumerate() {
            let source = match *column {
                What::Sealed(column) => OutputSource::Open { row: 0, column },
                What::Verified(column) => OutputSource::Verified { row: 0, column },
                What::Clear(_) | What::Expression => OutputSource::Pass,
            };
            shape.columns.push(OutputColumn { source, physical });
        }
        Ok((hidden, shape))
    }
}

/// A RETURNING list: rewritten in place, with the hidden columns behind it.
pub(super) fn returning(ctx: &mut Ctx<'_>, items: &[SelectItem]) -> Result<(Extent, RowShape), Refusal> {
    let keyword = ctx.source.find_word(0, "returning").ok_or_else(unreadable)?;
    let extent = keyword + 1..ctx.source.tokens.len();
    let output = Output::read(ctx, items, extent.clone())?;
    if output.seen.aggregate {
        return Err(unknown("an aggregate in RETURNING"));
    }
    let (hidden, shape) = output.shape(ctx)?;
    let end = ctx.source.bytes(&extent)?.end;
    ctx.draft.insert(end, Parts::default().text(hidden));
    Ok((extent, shape))
}

fn what(ctx: &Ctx<'_>, id: ColumnId) -> Result<What, Refusal> {
    let column = ctx.scope.column(id)?;
    Ok(if column.is_sealed() {
        What::Sealed(id)
    } else if ctx.scope.is_signed() && column.is_signed() {
        What::Verified(id)
    } else {
        What::Clear(id)
    })
}

/// The physical text of an item; `named` if the client gave it no name, so that the column's must stay.
fn text(ctx: &Ctx<'_>, what: What, named: bool) -> Result<String, Refusal> {
    match what {
        What::Sealed(id) | What::Clear(id) => ctx.scope.physical_column(id),
        What::Verified(id) if named => {
            Ok(format!("{} AS {}", ctx.scope.stored(id)?, quote(&ctx.scope.column(id)?.name)))
        }
        What::Verified(id) => ctx.scope.stored(id),
        What::Expression => Err(unreadable()),
    }
}

/// The column that an item shows as it is: through parentheses, and through casts to its own type where we render it.
fn direct(ctx: &Ctx<'_>, expr: &Expr) -> Result<Option<ColumnId>, Refusal> {
    if let Some(id) = sealed_column(ctx, expr)? {
        return Ok(Some(id));
    }
    let Some((id, casts)) = named_column(ctx, expr)? else { return Ok(None) };
    let own = &ctx.scope.column(id)?.ty;
    let rendered = !matches!(what(ctx, id)?, What::Clear(_));
    Ok(casts.iter().all(|to| rendered && to.is_some() && to == own).then_some(id))
}
