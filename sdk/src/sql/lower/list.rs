//! Select lists, DISTINCT and the sort keys that name what stands in a list.

use super::{Lower, Part};
use crate::schema::names::quote;
use crate::sql::Refusal;
use crate::sql::infer::{Block, Bundle, Kind, unreadable};
use crate::sql::plan::draft::Parts;
use crate::sql::resolve::{Output, Shown};
use crate::sql::tree::{Body, Distinct, ExprId, Item, ItemKind, Query, QueryId, Select};

impl Lower<'_, '_> {
    /// The list of a query: cells in the place of sealed columns, tags where the query is compared with one; of the
    /// outermost query the S forms of signed columns as well.
    pub(super) fn list(&mut self, id: QueryId, outermost: bool) -> Result<(), Refusal> {
        let Body::Select(select) = &self.statement.tree.query(id).body else { return Ok(()) };
        let typed = self.typed;
        let Some(block) = typed.block(id) else { return Ok(()) };
        let outputs = self.statement.names.outputs(id);
        let mut number = 0;
        for item in &select.list {
            match &item.kind {
                ItemKind::Expr { expr, alias } => {
                    let (output, kind) = outputs.get(number).zip(block.outputs.get(number)).ok_or_else(unreadable)?;
                    self.item(*expr, alias.is_some(), output, kind, block, outermost)?;
                    number += 1;
                }
                ItemKind::Star(_) => {
                    let range = self.statement.names.star(item.span.start);
                    number = range.end;
                    if block.expands || block.tagged {
                        self.star(item, outputs.get(range.clone()).unwrap_or(&[]), block, range.start, outermost)?;
                    }
                }
            }
        }
        self.distinct(select, block)
    }

    fn item(
        &mut self,
        expr: ExprId,
        named: bool,
        output: &Output<'_>,
        kind: &Kind,
        block: &Block,
        outermost: bool,
    ) -> Result<(), Refusal> {
        let text = match kind {
            Kind::Sealed(bundle) => self.sealed(bundle, block, output, named)?,
            Kind::Clear(bundle) if outermost => self.clear(bundle, block, output, named)?,
            Kind::Clear(_) | Kind::Picked(_) | Kind::Other(_) => return Ok(()),
        };
        let bytes = self.statement.bytes(self.statement.tree.span(expr))?;
        self.replace(bytes, Parts::default().text(text));
        Ok(())
    }

    fn star(
        &mut self,
        item: &Item<'_>,
        outputs: &[Output<'_>],
        block: &Block,
        first: usize,
        outermost: bool,
    ) -> Result<(), Refusal> {
        let mut texts = Vec::with_capacity(outputs.len());
        for (output, kind) in outputs.iter().zip(block.outputs.iter().skip(first)) {
            texts.push(match (kind, output.shows) {
                (Kind::Sealed(bundle), _) => self.sealed(bundle, block, output, false)?,
                (Kind::Clear(bundle), _) if outermost => self.clear(bundle, block, output, false)?,
                (_, Shown::Ref(found)) => self.reference(found)?,
                (_, Shown::Open(range)) => format!("{}.*", quote(&self.statement.names.range(range).name)),
                (_, Shown::Expr(_) | Shown::Value(_) | Shown::Arms(_)) => return Err(unreadable()),
            });
        }
        let bytes = self.statement.bytes(item.span)?;
        self.replace(bytes, Parts::default().text(texts.join(", ")));
        Ok(())
    }

    fn sealed(&mut self, bundle: &Bundle, block: &Block, output: &Output<'_>, named: bool) -> Result<String, Refusal> {
        if !block.tagged {
            let text = self.shown(bundle)?;
            let name = quote(&output.name);
            return Ok(if named || text.ends_with(&format!(".{name}")) { text } else { format!("{text} AS {name}") });
        }
        let (beacon, _) = self.statement.table(&bundle.row)?.beacon(bundle.column).ok_or_else(unreadable)?;
        self.part(&bundle.row.0, Part::Tag(beacon))
    }

    /// A column in the clear, as the outermost list shows it.
    fn clear(&mut self, bundle: &Bundle, block: &Block, output: &Output<'_>, named: bool) -> Result<String, Refusal> {
        let text = self.shown(bundle)?;
        if !self.is_verified(block, bundle)? {
            return Ok(text);
        }
        let ty = self.statement.type_of(bundle)?;
        let stored = ty.stored_expression(&text);
        Ok(if named { stored } else { format!("{stored} AS {}", quote(&output.name)) })
    }

    /// Whether the outermost query shows our rendering of a column.
    pub(super) fn is_verified(&self, block: &Block, bundle: &Bundle) -> Result<bool, Refusal> {
        let signed = self.statement.table(&bundle.row)?.signature.is_some();
        Ok(block.keeps_rows && signed && self.statement.column(bundle)?.is_signed())
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
