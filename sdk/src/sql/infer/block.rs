//! Queries: FROM, conditions, lists, groups and order.

use super::{Block, Grain, Infer, Kind, Place, RowPath, Seen, note};
use crate::schema::Table;
use crate::sql::Refusal;
use crate::sql::functions::FunctionKind;
use crate::sql::parse::too_complex;
use crate::sql::resolve::{Output, RangeId, RangeKind, Ref, Shown};
use crate::sql::tree::{
    Body, Distinct, Expr, ExprId, GroupKey, JoinKind, JoinOn, Query, QueryId, RelId, Relation, Select, SetOperator,
    unknown,
};

/// Rows of protected tables that a row of a query is made of, and conditions on them, brought by the queries in its FROM.
const MOST_BROUGHT: usize = 1_000;

impl Infer<'_, '_> {
    /// A query and all that it is made of; once.
    pub(super) fn query(&mut self, id: QueryId) -> Result<(), Refusal> {
        if self.blocks.contains_key(&id.index()) {
            return Ok(());
        }
        self.statement.stack.deeper()?;
        let Query { with, body, order, limit, offset, locks: _, span: _ } = self.statement.tree.query(id);
        for cte in with.iter().flat_map(|with| &with.ctes) {
            self.query(cte.query)?;
        }
        let mut block = match body {
            Body::Select(select) => self.select(id, select)?,
            Body::Values(rows) => self.values(rows)?,
            Body::Table(_) => {
                let range = self.statement.names.table(id).ok_or_else(super::unreadable)?;
                let mut block = Block { grain: Grain::Row, ..Block::default() };
                self.brings(range, &mut block, true)?;
                block.expands = !block.rows.is_empty();
                block.outputs = self.outputs(id)?;
                block
            }
            Body::Set { operator, all, left, right } => {
                self.query(*left)?;
                // What a recursive query reads of itself is what its first arm gives.
                let first = self.arm(*left)?;
                self.blocks.insert(id.index(), first);
                self.query(*right)?;
                self.set(*operator, *all, *left, *right)?
            }
            Body::Nested(inner) => {
                self.query(*inner)?;
                let block = self.blocks.get(&inner.index()).ok_or_else(super::unreadable)?;
                Block {
                    outputs: block.outputs.clone(),
                    rows: block.rows.clone(),
                    grain: block.grain,
                    conditions: block.conditions.clone(),
                    ..Block::default()
                }
            }
            Body::Write(_) => return Err(unknown("INSERT, UPDATE or DELETE in WITH")),
        };
        let mut aggregated = block.outputs.iter().any(|output| output.seen().aggregate);
        for key in order {
            aggregated |= self.sort_key(&block, key.expr, "ORDER BY")?.aggregate;
        }
        for count in limit.and_then(|limit| limit.count).into_iter().chain(*offset) {
            self.operand(count, "LIMIT")?;
            self.beside.insert(count.index(), "LIMIT".to_owned());
        }
        if aggregated && block.grain != Grain::Group {
            block.grain = Grain::Aggregate;
        }
        self.grouped(&block)?;
        if block.grain != Grain::Row {
            block.rows.clear();
            block.conditions.clear();
        }
        self.blocks.insert(id.index(), block);
        Ok(())
    }

    fn select(&mut self, id: QueryId, select: &Select<'_>) -> Result<Block, Refusal> {
        let Select { distinct, list: _, into, from, condition, group, having, windows } = select;
        if into.is_some() {
            return Err(Refusal::new(
                "SELECT INTO from a protected table would copy its cells to where they cannot be opened",
            )
            .hint("create the table first and name it in the schema file"));
        }
        let mut block = Block { grain: Grain::Row, ..Block::default() };
        let mut asked: Vec<ExprId> = Vec::new();
        for item in from {
            self.relation(*item, &mut block, Some(&mut asked))?;
        }
        block.expands = !block.rows.is_empty();
        if let Some(condition) = condition {
            self.condition(*condition)?;
            asked.push(*condition);
        }
        block.outputs = self.outputs(id)?;
        for key in group {
            match key {
                GroupKey::Expr(key) => self.group_key(&block, *key)?,
                GroupKey::Rollup(sets) | GroupKey::Cube(sets) | GroupKey::Sets(sets) => {
                    sets.iter().flatten().try_for_each(|key| self.group_key(&block, *key))?;
                }
            }
        }
        if let Some(having) = having {
            self.condition(*having)?;
        }
        for (_, window) in windows {
            for expr in window.exprs() {
                self.operand(expr, "a window")?;
            }
        }
        match distinct {
            Distinct::No => {}
            Distinct::Yes(_) => block.grain = self.distinct(id, &block)?,
            Distinct::On(keys) => {
                for key in keys {
                    self.sort_key(&block, *key, "DISTINCT ON")?;
                }
            }
        }
        if !group.is_empty() || having.is_some() {
            block.grain = Grain::Group;
        }
        if block.grain == Grain::Row && block.outputs.iter().any(Kind::is_expression) {
            self.signed_note(&block, "the value of an expression");
        }
        self.asked(&asked, &mut block);
        Ok(block)
    }

    /// A FROM item. `asked` takes the conditions that every row of the query satisfies; there are none beneath an outer join.
    fn relation(&mut self, id: RelId, block: &mut Block, mut asked: Option<&mut Vec<ExprId>>) -> Result<(), Refusal> {
        self.statement.stack.deeper()?;
        let tree = self.statement.tree;
        match tree.relation(id) {
            Relation::Named { name: _, only: _, alias, sample } => {
                for expr in sample.iter().flatten() {
                    self.operand(*expr, "TABLESAMPLE")?;
                }
                let range = self.statement.names.relation(id).ok_or_else(super::unreadable)?;
                if let RangeKind::Table(_) = self.statement.names.range(range).kind
                    && alias.as_ref().is_some_and(|alias| !alias.columns.is_empty())
                {
                    return Err(unknown("a list of column aliases"));
                }
                self.brings(range, block, asked.is_some())?;
            }
            Relation::Derived { lateral: _, query, alias: _ } => {
                self.query(*query)?;
                let range = self.statement.names.relation(id).ok_or_else(super::unreadable)?;
                self.brings(range, block, asked.is_some())?;
            }
            Relation::Function { lateral: _, call, ordinality: _, alias: _ } => self.function(*call)?,
            Relation::Join { kind, left, right, on } => {
                // Where a side is absent its conditions need not hold.
                let (keeps_left, keeps_right) = match kind {
                    JoinKind::Inner | JoinKind::Cross => (true, true),
                    JoinKind::Left => (true, false),
                    JoinKind::Right => (false, true),
                    JoinKind::Full => (false, false),
                };
                for (side, keeps) in [(*left, keeps_left), (*right, keeps_right)] {
                    self.relation(side, block, asked.as_deref_mut().filter(|_| keeps))?;
                }
                if let JoinOn::Condition(condition) = on {
                    self.condition(*condition)?;
                    if let Some(asked) = asked.filter(|_| keeps_left && keeps_right) {
                        asked.push(*condition);
                    }
                }
                if let JoinOn::Using { alias: Some(_), .. } = on
                    && !block.rows.is_empty()
                {
                    return Err(unknown("USING with an alias"));
                }
                match on {
                    JoinOn::All | JoinOn::Condition(_) => {}
                    JoinOn::Using { columns: _, alias: _, span } => self.no_sealed_merge(span.start)?,
                    JoinOn::Natural(keyword) => self.no_sealed_merge(*keyword)?,
                }
            }
            Relation::Aliased { join, alias: _ } => {
                let before = block.rows.len();
                self.relation(*join, block, None)?;
                if block.rows.len() != before {
                    return Err(unknown("a join with an alias"));
                }
            }
        }
        Ok(())
    }

    /// No sealed column can be one of USING or NATURAL: those of the joins so far.
    fn no_sealed_merge(&self, token: usize) -> Result<(), Refusal> {
        for number in 0..self.statement.names.merges.len() {
            if self.is_looked_at(Ref::Merged(number)) {
                self.reference(Ref::Merged(number), token)?;
            }
        }
        Ok(())
    }

    /// Whether the queries that a reference goes through were looked at.
    fn is_looked_at(&self, found: Ref) -> bool {
        match found {
            Ref::Column(range, _) => match &self.statement.names.range(range).kind {
                RangeKind::Query(query) => self.blocks.contains_key(&query.index()),
                RangeKind::Join(refs) => refs.iter().all(|found| self.is_looked_at(*found)),
                RangeKind::Table(_) | RangeKind::Excluded(_) | RangeKind::Other(_) | RangeKind::Function(_) => true,
            },
            Ref::Merged(number) => self
                .statement
                .names
                .merges
                .get(number)
                .is_some_and(|merge| self.is_looked_at(merge.left) && self.is_looked_at(merge.right)),
            Ref::Open(_) | Ref::System(_) | Ref::Row(_) | Ref::Output(_) => true,
        }
    }

    /// A function in FROM: one of the allow-list, over values in the clear.
    fn function(&mut self, call: ExprId) -> Result<(), Refusal> {
        let Expr::Call(function) = self.statement.tree.expr(call) else { return Err(super::unreadable()) };
        match self.callable(function)? {
            FunctionKind::Scalar | FunctionKind::Set => {}
            FunctionKind::Aggregate | FunctionKind::Window => return Err(unknown("an aggregate in FROM")),
        }
        let mut parts = Vec::new();
        self.statement.tree.expr(call).each_part(&mut |part| parts.push(part));
        for part in parts {
            self.operand(part, "a function in FROM")?;
        }
        self.kinds.insert(call.index(), Kind::Other(Seen::COLUMN));
        Ok(())
    }

    /// The rows of protected tables that a range brings, and what they satisfy where they must be there (SQL-60). A query
    /// that is named twice brings them twice, so that a short text can bring more than is read.
    fn brings(&self, range: RangeId, block: &mut Block, must_be: bool) -> Result<(), Refusal> {
        match &self.statement.names.range(range).kind {
            RangeKind::Table(_) => block.rows.push(RowPath(vec![range])),
            RangeKind::Query(query) => {
                let inner = self.blocks.get(&query.index()).ok_or_else(super::unreadable)?;
                block.rows.extend(inner.rows.iter().map(|row| row.through(range)));
                if must_be {
                    let out = |place: &Place| Place { row: place.row.through(range), ..place.clone() };
                    block.conditions.extend(inner.conditions.iter().map(|condition| condition.map(&out)));
                }
                let most = MOST_BROUGHT.max(inner.rows.len()).max(inner.conditions.len());
                if block.rows.len().max(block.conditions.len()) > most {
                    return Err(too_complex("a statement brings the rows of protected tables more than 1,000 times"));
                }
            }
            RangeKind::Excluded(_) | RangeKind::Other(_) | RangeKind::Function(_) | RangeKind::Join(_) => {}
        }
        Ok(())
    }

    fn values(&mut self, rows: &[Vec<ExprId>]) -> Result<Block, Refusal> {
        let mut outputs: Vec<Seen> = Vec::new();
        for row in rows {
            for (number, value) in row.iter().enumerate() {
                let seen = self.operand(*value, "VALUES")?;
                match outputs.get_mut(number) {
                    Some(output) => *output = output.and(seen),
                    None => outputs.push(seen),
                }
            }
        }
        Ok(Block { outputs: outputs.into_iter().map(Kind::Other).collect(), ..Block::default() })
    }

    /// What an arm gives, as a query of its own: columns that belong to no row any more.
    fn arm(&self, arm: QueryId) -> Result<Block, Refusal> {
        let block = self.blocks.get(&arm.index()).ok_or_else(super::unreadable)?;
        let outputs = block.outputs.iter().map(|output| match output {
            Kind::Sealed(bundle) | Kind::Picked(bundle) => {
                Err(self.statement.no_operator(bundle, "UNION, INTERSECT or EXCEPT"))
            }
            clear => Ok(Kind::Other(Seen { aggregate: false, ..clear.seen() })),
        });
        Ok(Block { outputs: outputs.collect::<Result<_, _>>()?, ..Block::default() })
    }

    fn set(&mut self, operator: SetOperator, all: bool, left: QueryId, right: QueryId) -> Result<Block, Refusal> {
        let (mut block, other) = (self.arm(left)?, self.arm(right)?);
        for (output, beside) in block.outputs.iter_mut().zip(&other.outputs) {
            *output = Kind::Other(output.seen().and(beside.seen()));
        }
        let name = match operator {
            SetOperator::Union => "UNION",
            SetOperator::Intersect => "INTERSECT",
            SetOperator::Except => "EXCEPT",
        };
        let all = if all { " ALL" } else { "" };
        for arm in [left, right] {
            self.unverified(arm, &format!("the rows of {name}{all}"));
        }
        Ok(block)
    }

    /// Says that a query's rows are the server's word where their signatures would be (SQL-61).
    fn unverified(&mut self, query: QueryId, what: &str) {
        let Some(block) = self.blocks.get(&query.index()) else { return };
        let signed = |row: &&RowPath| self.statement.table(row).is_ok_and(|table| table.signature.is_some());
        if let Some(table) = block.rows.iter().find(signed).and_then(|row| self.statement.table(row).ok()) {
            let text = format!("{what} over {}", table.relation.name);
            note(&mut self.notes.decided_by_server, text);
        }
    }

    /// DISTINCT: over sealed columns each row that is left is one of FROM.
    fn distinct(&mut self, id: QueryId, block: &Block) -> Result<Grain, Refusal> {
        let sealed = block.outputs.iter().find_map(|output| match output {
            Kind::Sealed(bundle) => Some(bundle),
            Kind::Picked(_) | Kind::Clear(_) | Kind::Other(_) => None,
        });
        let Some(sealed) = sealed else {
            self.signed_note(block, "the rows of DISTINCT");
            return Ok(Grain::Value);
        };
        if !self.statement.tree.query(id).order.is_empty() {
            return Err(Refusal::new("DISTINCT on a sealed column cannot be ordered in this version")
                .hint("leave ORDER BY out and sort in the application"));
        }
        for output in &block.outputs {
            match output {
                Kind::Sealed(bundle) => {
                    let beacon = match self.statement.beacon(bundle, "DISTINCT") {
                        Ok(beacon) => beacon,
                        Err(_) => return Err(self.statement.no_operator(bundle, "DISTINCT")),
                    };
                    let helper = self.statement.table(&bundle.row)?.beacons.get(beacon);
                    if let Some(helper) = helper.map(|beacon| beacon.helper.clone()) {
                        note(&mut self.notes.helpers, helper);
                    }
                }
                Kind::Clear(_) => {}
                Kind::Picked(bundle) => return Err(self.statement.no_operator(bundle, "DISTINCT")),
                Kind::Other(_) => {
                    let label = self.statement.label(sealed);
                    return Err(unknown(&format!("an expression beside DISTINCT on the sealed column {label}")));
                }
            }
        }
        Ok(Grain::Row)
    }

    pub(super) fn signed_note(&mut self, block: &Block, what: &str) {
        let table = |row: &RowPath| self.statement.table(row).ok().filter(|table| table.signature.is_some()).cloned();
        for table in block.rows.iter().filter_map(table).collect::<Vec<_>>() {
            let Table { relation, .. } = &*table;
            note(&mut self.notes.decided_by_server, format!("{what} over {}", relation.name));
        }
    }

    /// What is left of rows behind GROUP BY or an aggregate.
    fn grouped(&mut self, block: &Block) -> Result<(), Refusal> {
        let what = match block.grain {
            Grain::Group => "the groups",
            Grain::Aggregate => "the aggregate",
            Grain::Row | Grain::Value => return Ok(()),
        };
        for output in &block.outputs {
            if let Kind::Sealed(bundle) | Kind::Picked(bundle) = output {
                if block.grain == Grain::Group {
                    return Err(self.statement.no_operator(bundle, "its use beside GROUP BY"));
                }
                let table = self.statement.table(&bundle.row)?;
                return Err(Refusal::new(format!(
                    "an aggregate beside columns of the protected table {} cannot be answered in this version",
                    crate::sql::plan::scope::label(table)
                ))
                .hint("select the aggregate alone"));
            }
        }
        self.signed_note(block, what);
        Ok(())
    }

    /// A key of ORDER BY or DISTINCT ON.
    fn sort_key(&mut self, block: &Block, key: ExprId, clause: &str) -> Result<Seen, Refusal> {
        let Some(Ref::Output(number)) = self.statement.names.reference(key) else {
            let seen = self.operand(key, clause)?;
            return self.settled(seen);
        };
        match block.outputs.get(number) {
            Some(Kind::Sealed(bundle) | Kind::Picked(bundle)) => Err(self.statement.no_operator(bundle, clause)),
            Some(Kind::Clear(bundle)) => {
                self.keys.insert(key.index(), bundle.clone());
                Ok(Seen::default())
            }
            Some(Kind::Other(_)) => Ok(Seen::default()),
            None => Err(super::unreadable()),
        }
    }

    fn group_key(&mut self, block: &Block, key: ExprId) -> Result<(), Refusal> {
        let Some(Ref::Output(number)) = self.statement.names.reference(key) else {
            let seen = self.operand(key, "GROUP BY")?;
            return self.settled(seen).map(drop);
        };
        match block.outputs.get(number) {
            Some(Kind::Sealed(bundle) | Kind::Picked(bundle)) => Err(self.statement.no_operator(bundle, "GROUP BY")),
            Some(Kind::Clear(_) | Kind::Other(_)) => Ok(()),
            None => Err(super::unreadable()),
        }
    }

    /// What the output columns of a SELECT or TABLE hold.
    fn outputs(&mut self, id: QueryId) -> Result<Vec<Kind>, Refusal> {
        let outputs = self.statement.names.outputs(id);
        self.shown(outputs, self.statement.tree.query(id).span.start)
    }

    /// What the columns of a list hold, which stands at a token.
    pub(super) fn shown(&mut self, outputs: &[Output<'_>], token: usize) -> Result<Vec<Kind>, Refusal> {
        outputs
            .iter()
            .map(|output| match output.shows {
                Shown::Expr(expr) => match self.expr(expr)? {
                    // Its cell has left its row, which alone could open it.
                    Kind::Picked(bundle) => {
                        Err(self.statement.no_operator(&bundle, "its use as the value of a subquery"))
                    }
                    kind => Ok(kind),
                },
                Shown::Ref(found) => self.reference(found, token),
                Shown::Open(_) => Ok(Kind::Other(Seen::COLUMN)),
                Shown::Value(_) | Shown::Arms(_) => Err(super::unreadable()),
            })
            .collect()
    }
}
