//! DELETE from a protected table: one step, whatever is signed.

use sqlparser::ast::{Delete, FromTable};

use super::draft::Parts;
use super::expr::{self, unknown};
use super::select::{rename, target};
use super::{Ctx, Statement, asked, output};
use crate::sql::{Plan, Refusal, Steps, Verb};

/// Plans a DELETE that mentions a protected table.
pub(super) fn plan(statement: &Statement<'_>, delete: &Delete) -> Result<Plan, Refusal> {
    let Delete {
        delete_token: _,
        optimizer_hints,
        tables,
        from,
        on_cluster,
        using,
        selection,
        returning,
        output,
        order_by,
        limit,
        settings,
    } = delete;
    if using.is_some() {
        return Err(Refusal::new("DELETE ... USING with a protected table cannot be answered in this version")
            .hint("select the keys first, then delete by them"));
    }
    if !optimizer_hints.is_empty()
        || !tables.is_empty()
        || on_cluster.is_some()
        || output.is_some()
        || !order_by.is_empty()
        || limit.is_some()
        || settings.is_some()
    {
        return Err(unknown("a DELETE with this clause"));
    }
    let from = match from {
        FromTable::WithFromKeyword(from) => from,
        FromTable::WithoutKeyword(_) => return Err(unknown("a DELETE without FROM")),
    };
    let [from] = from.as_slice() else { return Err(unknown("a DELETE from several tables")) };
    let (scope, place) = target(statement, from)?;
    let mut ctx = Ctx::new(statement.source, scope, statement.declared);
    rename(&mut ctx, &place)?;
    ctx.asked = asked::conditions(&ctx, selection.as_ref());
    if let Some(selection) = selection
        && expr::condition(&mut ctx, selection)?.aggregate
    {
        return Err(unknown("an aggregate in WHERE"));
    }
    let shape = match returning {
        Some(items) => Some(output::returning(&mut ctx, items)?.1),
        None => None,
    };
    let Ctx { draft, params, notes, .. } = ctx;
    let template = draft.finish(statement.source, Parts::default(), statement.range.clone(), Parts::default())?;
    Ok(Plan {
        verb: Verb::Delete,
        params: params.roles(&template)?,
        template,
        rows: Vec::new(),
        output: shape,
        steps: Steps::One,
        notes,
    })
}
