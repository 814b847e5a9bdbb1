//! Select lists, DISTINCT and the sort keys that name what stands in a list.

use std::ops::Range;

use super::{Lower, Part};
use crate::schema::names::quote;
use crate::sql::Refusal;
use crate::sql::infer::{Block, Bundle, Grain, Kind, unreadable};
use crate::sql::plan::draft::Parts;
use crate::sql::resolve::{Output, Shown};
use crate::sql::tree::{Body, Distinct, Item, ItemKind, QualifiedName, Query, QueryId, Returning, Select};

/// The list of one query.
#[derive(Clone, Copy)]
struct List<'a> {
    block: &'a Block,
    /// It is compared with a tag.
    tagged: bool,
    /// Its rows are the client's: signed columns in the clear are S forms in it.
    outermost: bool,
}

impl Lower<'_, '_> {
    /// The list of a query: cells in the place of sealed columns, tags where the query is compared with one; of the
    /// outermost query the S forms of signed columns as well.
    pub(super) fn list(&mut self, id: QueryId, outermost: bool) -> Result<(), Refusal> {
        let typed = self.typed;
        // Nothing is sent of a query that nobody looked at (SQL-4).
        let block = typed.block(id).ok_or_else(unreadable)?;
        let list = List { block, tagged: typed.is_tagged(id), outermost };
        let outputs = self.statement.names.outputs(id);
        match &self.statement.tree.query(id).body {
            Body::Select(select) => {
                self.items(list, &select.list, outputs)?;
                self.distinct(select, block)
            }
            Body::Table(name) if block.expands => self.table(list, id, name, outputs),
            Body::Table(_) | Body::Values(_) | Body::Set { .. } | Body::Nested(_) | Body::Write(_) => Ok(()),
        }
    }

    /// The list of RETURNING: its rows are the client's.
    pub(super) fn returning(&mut self, returning: &Returning<'_>, block: &Block) -> Result<(), Refusal> {
        let list = List { block, tagged: false, outermost: true };
        self.items(list, &returning.list, &self.statement.names.returning)
    }

    fn items(&mut self, list: List<'_>, items: &[Item<'_>], outputs: &[Output<'_>]) -> Result<(), Refusal> {
        let mut number = 0;
        for item in items {
            match &item.kind {
                ItemKind::Expr { expr, alias } => {
                    let (output, kind) =
                        outputs.get(number).zip(list.block.outputs.get(number)).ok_or_else(unreadable)?;
                    if let Some(text) = self.column(list, output, kind, alias.is_some())? {
                        let bytes = self.statement.bytes(self.statement.tree.span(*expr))?;
                        self.replace(bytes, Parts::default().text(text));
                    }
                    number += 1;
                }
                ItemKind::Star(_) => {
                    let range = self.statement.names.star(item.span.start);
                    number = range.end;
                    if list.block.expands || list.tagged {
                        let text = self.star(list, outputs, range)?;
                        self.replace(self.statement.bytes(item.span)?, Parts::default().text(text));
                    }
                }
            }
        }
        Ok(())
    }

    /// `TABLE t` is `SELECT * FROM t`.
    fn table(
        &mut self,
        list: List<'_>,
        id: QueryId,
        name: &QualifiedName<'_>,
        outputs: &[Output<'_>],
    ) -> Result<(), Refusal> {
        let (Some(first), Some(last)) = (name.first(), name.last()) else { return Err(unreadable()) };
        let keyword = first.token.checked_sub(1).ok_or_else(unreadable)?;
        let range = self.statement.names.table(id).ok_or_else(unreadable)?;
        let all = self.star(list, outputs, 0..outputs.len())?;
        let bytes = self.statement.at(keyword)..self.statement.end(keyword);
        self.replace(bytes, Parts::default().text(format!("SELECT {all}")));
        let bytes = self.statement.at(first.token)..self.statement.end(last.token);
        let from = format!("FROM {}", self.physical(range)?);
        self.replace(bytes, Parts::default().text(from));
        Ok(())
    }

    fn star(&mut self, list: List<'_>, outputs: &[Output<'_>], range: Range<usize>) -> Result<String, Refusal> {
        let mut texts = Vec::with_capacity(range.len());
        for (output, kind) in outputs.iter().zip(&list.block.outputs).take(range.end).skip(range.start) {
            texts.push(match (self.column(list, output, kind, false)?, output.shows) {
                (Some(text), _) => text,
                (None, Shown::Ref(found)) => self.reference(found)?,
                (None, Shown::Open(range)) => format!("{}.*", quote(&self.statement.names.range(range).name)),
                (None, Shown::Expr(_) | Shown::Value(_) | Shown::Arms(_)) => return Err(unreadable()),
            });
        }
        Ok(texts.join(", "))
    }

    /// What a protected column is in a list; `None` where it stays as it is written. `named`: the client gave it a name.
    fn column(
        &mut self,
        list: List<'_>,
        output: &Output<'_>,
        kind: &Kind,
        named: bool,
    ) -> Result<Option<String>, Refusal> {
        let (text, is_name) = match kind {
            Kind::Sealed(bundle) if list.tagged => {
                let (beacon, _) = self.statement.table(&bundle.row)?.beacon(bundle.column).ok_or_else(unreadable)?;
                return self.part(&bundle.row.0, Part::Tag(beacon)).map(Some);
            }
            Kind::Clear(bundle) if list.outermost && self.is_verified(list.block, bundle)? => {
                let ty = self.statement.type_of(bundle)?;
                (ty.stored_expression(&self.shown(bundle)?), false)
            }
            Kind::Sealed(bundle) => self.named(bundle, output)?,
            Kind::Clear(bundle) if list.outermost => self.named(bundle, output)?,
            Kind::Clear(_) | Kind::Picked(_) | Kind::Other(_) => return Ok(None),
        };
        Ok(Some(if named || is_name { text } else { format!("{text} AS {}", quote(&output.name)) }))
    }

    /// A column where its range names it, and whether that is the name of the output as well.
    fn named(&mut self, bundle: &Bundle, output: &Output<'_>) -> Result<(String, bool), Refusal> {
        let text = self.shown(bundle)?;
        let is_name = text.ends_with(&format!(".{}", quote(&output.name)));
        Ok((text, is_name))
    }

    /// Whether the outermost query shows our rendering of a column.
    pub(super) fn is_verified(&self, block: &Block, bundle: &Bundle) -> Result<bool, Refusal> {
        let signed = self.statement.table(&bundle.row)?.signature.is_some();
        Ok(block.grain == Grain::Row && signed && self.statement.column(bundle)?.is_signed())
    }

    /// DISTINCT over sealed columns is DISTINCT ON their tags: whichever cell of a tag is taken, it opens to the same value.
    fn distinct(&mut self, select: &Select<'_>, block: &Block) -> Result<(), Refusal> {
        let Distinct::Yes(keyword) = select.distinct else { return Ok(()) };
        if !block.outputs.iter().any(|output| matches!(output, Kind::Sealed(_))) {
            return Ok(());
        }
        let mut keys = Vec::with_capacity(block.outputs.len());
        for output in &block.outputs {
            keys.push(match output {
                Kind::Sealed(bundle) => {
                    let (beacon, _) =
                        self.statement.table(&bundle.row)?.beacon(bundle.column).ok_or_else(unreadable)?;
                    self.part(&bundle.row.0, Part::Tag(beacon))?
                }
                Kind::Clear(bundle) => self.shown(bundle)?,
                Kind::Picked(_) | Kind::Other(_) => return Err(unreadable()),
            });
        }
        let bytes = self.statement.bytes(keyword)?;
        self.replace(bytes, Parts::default().text(format!("DISTINCT ON ({})", keys.join(", "))));
        Ok(())
    }

    /// A key that names an output column sorts by the column: its S form, which stands there, does not sort as the value.
    pub(super) fn sort_keys(&mut self, root: QueryId) -> Result<(), Refusal> {
        let typed = self.typed;
        let mut query = root;
        loop {
            let Query { order, body, .. } = self.statement.tree.query(query);
            let block = typed.block(query).ok_or_else(unreadable)?;
            let on = match body {
                Body::Select(select) => match &select.distinct {
                    Distinct::On(keys) => keys.as_slice(),
                    Distinct::No | Distinct::Yes(_) => &[],
                },
                _ => &[],
            };
            for key in order.iter().map(|key| key.expr).chain(on.iter().copied()) {
                let Some(bundle) = typed.keys.get(&key.index()) else { continue };
                if !self.is_verified(block, bundle)? {
                    continue;
                }
                if let Body::Nested(_) = body {
                    let label = self.statement.label(bundle);
                    let message = format!("ORDER BY {label} behind the parentheses of its query cannot be answered");
                    return Err(Refusal::new(message).hint("sort inside of the parentheses"));
                }
                let text = self.shown(bundle)?;
                let bytes = self.statement.bytes(self.statement.tree.span(key))?;
                self.replace(bytes, Parts::default().text(text));
            }
            match body {
                Body::Nested(inner) => query = *inner,
                _ => return Ok(()),
            }
        }
    }
}
