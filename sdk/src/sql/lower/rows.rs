//! How the server's rows become the client's: which columns stand where, and what of each protected row is needed beside
//! what the list shows.

use super::{Lower, Part};
use crate::sql::infer::{Block, Kind, Place, RowPath, unreadable};
use crate::sql::tree::{Body, QueryId};
use crate::sql::{OutputColumn, OutputSource, Presence, ReadRow, Refusal, RowShape};

impl Lower<'_, '_> {
    /// The hidden columns of a list whose rows are the client's, to be put behind it, and the shape of the rows.
    pub(super) fn shape(&mut self, block: &Block) -> Result<(String, RowShape), Refusal> {
        let mut shape = RowShape { columns: Vec::new(), physical: block.outputs.len(), rows: Vec::new() };
        let mut hidden = String::new();
        let shows_columns = block.outputs.iter().any(|output| output.seen().columns);
        // A row of which nothing is shown is told from another one all the same, if it can be.
        let asked = !block.conditions.is_empty() && !block.outputs.is_empty();
        let mut sources = vec![OutputSource::Pass; block.outputs.len()];
        for path in &block.rows {
            let table = self.statement.table(path)?.clone();
            let verifies = table.signature.is_some() && (shows_columns || asked);
            let mut columns = vec![None; table.columns.len()];
            let mut opens = false;
            for (position, output) in block.outputs.iter().enumerate() {
                let (bundle, sealed) = match output {
                    Kind::Sealed(bundle) => (bundle, true),
                    Kind::Clear(bundle) if self.is_verified(block, bundle)? => (bundle, false),
                    Kind::Clear(_) | Kind::Picked(_) | Kind::Other(_) => continue,
                };
                if bundle.row != *path {
                    continue;
                }
                opens |= sealed;
                if let Some(place) = columns.get_mut(bundle.column) {
                    place.get_or_insert(position);
                }
                let (row, column) = (shape.rows.len(), bundle.column);
                if let Some(source) = sources.get_mut(position) {
                    *source = match sealed {
                        true => OutputSource::Open { row, column },
                        false => OutputSource::Verified { row, column },
                    };
                }
            }
            if !opens && !verifies {
                continue;
            }
            let mut add = |text: String| {
                hidden.push_str(", ");
                hidden.push_str(&text);
                shape.physical += 1;
                shape.physical - 1
            };
            for (id, column) in table.columns.iter().enumerate() {
                let needed = if verifies { column.is_signed() } else { column.is_context() };
                if let Some(place @ None) = columns.get_mut(id)
                    && needed
                {
                    let part = if column.is_sealed() { Part::Column(id) } else { Part::Stored(id) };
                    *place = Some(add(self.part(&path.0, part)?));
                }
            }
            let mut tags = vec![None; table.beacons.len()];
            let mut signature = None;
            if verifies {
                for (beacon, place) in tags.iter_mut().enumerate() {
                    *place = Some(add(self.part(&path.0, Part::Tag(beacon))?));
                }
                signature = Some(add(self.part(&path.0, Part::Signature)?));
            }
            let own = |place: &Place| (place.row == *path).then_some(place.column);
            let conditions = block.conditions.iter().map(|condition| condition.filter_map(&own));
            let conditions = conditions.filter(|condition| !condition.columns().is_empty()).collect();
            let presence = self.presence(path);
            shape.rows.push(ReadRow { table, presence, columns, tags, signature, conditions });
        }
        for (physical, source) in sources.into_iter().enumerate() {
            // Neither a cell nor an S form goes to a client.
            let shown = block.outputs.get(physical).ok_or_else(unreadable)?;
            let ours = match shown {
                Kind::Sealed(_) | Kind::Picked(_) => true,
                Kind::Clear(bundle) => self.is_verified(block, bundle)?,
                Kind::Other(_) => false,
            };
            if source == OutputSource::Pass && ours {
                return Err(unreadable());
            }
            shape.columns.push(OutputColumn { source, physical });
        }
        Ok((hidden, shape))
    }

    /// The client's columns are told by their number, so each must be known.
    pub(super) fn counted(&self, query: QueryId) -> Result<(), Refusal> {
        let mut query = query;
        while let Body::Nested(inner) | Body::Set { left: inner, .. } = self.statement.tree.query(query).body {
            query = inner;
        }
        let outputs = self.statement.names.outputs(query);
        match outputs.iter().find_map(|output| output.open()) {
            None => Ok(()),
            Some(range) => Err(Refusal::new(format!(
                "* beside a protected table cannot be answered: the columns of {} are not known",
                self.statement.names.range(range).name
            ))
            .hint("name the columns")),
        }
    }

    /// Whether an outer join may leave a row out.
    fn presence(&self, path: &RowPath) -> Presence {
        match path.0.iter().any(|range| self.statement.names.range(*range).nullable) {
            true => Presence::Optional,
            false => Presence::Required,
        }
    }
}
