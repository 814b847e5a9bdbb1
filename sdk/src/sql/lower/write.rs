//! What every statement that writes has: the table under its physical name, subqueries, RETURNING.

use super::{Lower, Part};
use crate::schema::names::quote;
use crate::sql::infer::{Write, unreadable};
use crate::sql::plan::draft::Parts;
use crate::sql::plan::scope::physical_name;
use crate::sql::tree::{Delete, QueryId, Returning, Target};
use crate::sql::{Plan, Refusal, RowShape, Steps, Verb};
use std::ops::Range;

impl Lower<'_, '_> {
    /// DELETE: one step, whatever is signed.
    pub(super) fn delete(mut self, delete: &Delete<'_>, write: &Write, range: Range<usize>) -> Result<Plan, Refusal> {
        self.target(&delete.target, write)?;
        self.queries(None)?;
        let shape = self.returned(delete.returning.as_ref(), write)?;
        self.qualified_columns(None)?;
        self.plan(Verb::Delete, range, Vec::new(), shape, Steps::One)
    }

    /// The qualified physical name in the place of the client's, with the table's own name as its alias (CAT-4).
    pub(super) fn target(&mut self, target: &Target<'_>, write: &Write) -> Result<(), Refusal> {
        let (Some(first), Some(last)) = (target.name.first(), target.name.last()) else { return Err(unreadable()) };
        let name = self.statement.at(first.token)..self.statement.end(last.token);
        self.replace(name, Parts::default().text(physical_name(&write.table)));
        if target.alias.is_none() {
            let end = self.statement.bytes(target.span)?.end;
            let alias = format!(" AS {}", quote(&write.table.relation.name));
            self.draft.insert(end, Parts::default().text(alias));
        }
        Ok(())
    }

    /// The subqueries of the statement: all of its queries but `source`.
    pub(super) fn queries(&mut self, source: Option<QueryId>) -> Result<(), Refusal> {
        for query in self.statement.tree.query_ids().filter(|query| Some(*query) != source) {
            self.list(query, false)?;
        }
        self.carry()
    }

    /// RETURNING in its place, with the hidden columns behind its list.
    pub(super) fn returned(
        &mut self,
        returning: Option<&Returning<'_>>,
        write: &Write,
    ) -> Result<Option<RowShape>, Refusal> {
        let (Some(returning), Some(block)) = (returning, &write.returning) else { return Ok(None) };
        let (hidden, shape) = self.shape(block)?;
        self.returning(returning, block)?;
        let end = self.statement.bytes(returning.span)?.end;
        self.draft.insert(end, Parts::default().text(hidden));
        Ok(Some(shape))
    }

    /// A part of a row of the target.
    pub(super) fn own(&mut self, write: &Write, part: Part) -> Result<String, Refusal> {
        self.part(&[write.target], part)
    }
}
