//! Expressions: predicates over sealed columns become uses, everything else must be in the clear in all its parts.
//!
//! A construct that is not listed here is refused (SQL-4). The leak rule (SQL-21) is kept by letting a string or parameter
//! through only beside a column in the clear, or where its value goes straight into one or back to the client.

use super::{Bundle, Infer, Kind, Seen};
use crate::sql::functions;
use crate::sql::lex::Kind as Lexeme;
use crate::sql::resolve::{RangeId, RangeKind, Ref, Shows};
use crate::sql::tree::{Expr, ExprId, Name, QueryId, TypeName, unknown};
use crate::sql::{Refusal, tree};

impl Infer<'_, '_> {
    /// What a condition holds: it is complete, strings and parameters in it stand beside columns in the clear.
    pub(super) fn condition(&mut self, expr: ExprId) -> Result<Seen, Refusal> {
        let seen = self.operand(expr, "its use as a condition")?;
        self.settled(seen)
    }

    /// What an operand of a construct holds in which no sealed column can stand.
    pub(super) fn operand(&mut self, expr: ExprId, construct: &str) -> Result<Seen, Refusal> {
        match self.expr(expr)? {
            Kind::Sealed(bundle) | Kind::Picked(bundle) => Err(self.statement.no_operator(&bundle, construct)),
            clear => Ok(clear.seen()),
        }
    }

    /// Strings and parameters must have stood beside a column in the clear (SQL-21).
    pub(super) fn settled(&self, seen: Seen) -> Result<Seen, Refusal> {
        match seen.loose {
            Some(token) if !seen.beside => Err(Refusal::new(
                "a constant or parameter is compared with no column: it cannot be told whether it may be seen",
            )
            .hint("compare it with a column, or leave the condition out")
            .at(self.statement.at(token))),
            Some(_) | None => Ok(Seen { loose: None, ..seen }),
        }
    }

    /// What any expression holds. Its parts are looked at before it, without recursion but for its queries.
    pub(super) fn expr(&mut self, root: ExprId) -> Result<Kind, Refusal> {
        let tree = self.statement.tree;
        let mut waiting = vec![(root, false)];
        while let Some((id, parts_done)) = waiting.pop() {
            if !parts_done {
                waiting.push((id, true));
                let before = waiting.len();
                tree.expr(id).each_part(&mut |part| waiting.push((part, false)));
                waiting[before..].reverse();
                continue;
            }
            if let Some(query) = tree.expr(id).query() {
                self.query(query)?;
            }
            let kind = match self.atom(id)? {
                Some(kind) => kind,
                None => self.kind(id)?,
            };
            self.kinds.insert(id.index(), kind);
        }
        self.kinds.get(&root.index()).cloned().ok_or_else(super::unreadable)
    }

    /// A part that was looked at, where no sealed column can stand.
    fn part(&self, expr: ExprId, construct: &str) -> Result<Seen, Refusal> {
        match self.kinds.get(&expr.index()) {
            Some(Kind::Sealed(bundle) | Kind::Picked(bundle)) => Err(self.statement.no_operator(bundle, construct)),
            Some(clear) => Ok(clear.seen()),
            None => Err(super::unreadable()),
        }
    }

    /// All of several parts.
    pub(super) fn parts(&self, exprs: impl IntoIterator<Item = ExprId>, construct: &str) -> Result<Seen, Refusal> {
        exprs.into_iter().try_fold(Seen::default(), |seen, expr| Ok(seen.and(self.part(expr, construct)?)))
    }

    fn kind(&mut self, id: ExprId) -> Result<Kind, Refusal> {
        let tree = self.statement.tree;
        let other = |seen| Ok(Kind::Other(seen));
        match tree.expr(id) {
            Expr::Column(_) | Expr::Star(_) => {
                let found = self.statement.names.reference(id).ok_or_else(super::unreadable)?;
                self.reference(found, tree.span(id).start)
            }
            Expr::Param(_) => other(Seen { loose: Some(tree.span(id).start), ..Seen::default() }),
            Expr::Constant(token) => {
                let typed = self.statement.tokens.get(*token);
                let number = typed.is_some_and(|token| matches!(token.kind, Lexeme::Integer | Lexeme::Float));
                other(Seen { loose: (!number).then_some(*token), ..Seen::default() })
            }
            Expr::Bool(_) | Expr::Null => other(Seen::default()),
            Expr::Default => Err(unknown("DEFAULT in this place")),
            Expr::Cast { operand, to } => {
                builtin(to)?;
                match self.kinds.get(&operand.index()) {
                    // A cast to the column's own type and modifier changes nothing (SQL-20).
                    Some(Kind::Sealed(bundle)) if to.ty.is_some() && to.ty == self.statement.column(bundle)?.ty => {
                        Ok(Kind::Sealed(bundle.clone()))
                    }
                    Some(Kind::Sealed(bundle) | Kind::Picked(bundle)) => {
                        Err(self.statement.no_operator(bundle, "a cast to another type"))
                    }
                    Some(Kind::Clear(bundle))
                        if to.ty.is_some()
                            && to.ty == self.statement.column(bundle)?.ty
                            && self.is_verified(bundle)? =>
                    {
                        Ok(Kind::Clear(bundle.clone()))
                    }
                    Some(clear) => other(clear.seen()),
                    None => Err(super::unreadable()),
                }
            }
            Expr::Interval(operand) => other(self.part(*operand, "its use in this expression")?),
            Expr::And(operands) | Expr::Or(operands) => {
                let mut seen = Seen::default();
                for operand in operands {
                    let part = self.part(*operand, "its use as a condition")?;
                    seen = seen.and(self.settled(part)?);
                }
                other(seen)
            }
            Expr::Not(operand) => {
                let seen = self.part(*operand, "its use as a condition")?;
                other(self.settled(seen)?)
            }
            Expr::Binary { left, operator, right } => {
                self.stands_beside(*left, *right);
                if !functions::operator(operator.symbol) {
                    return Err(unknown("an operator of this kind"));
                }
                let seen = self.parts([*left, *right], "this operator")?;
                let compares = matches!(operator.symbol, "=" | "<>" | "<" | "<=" | ">" | ">=");
                other(if compares { self.settled(seen)? } else { seen })
            }
            Expr::Prefix { operator, operand } => match operator.symbol {
                "-" | "+" | "~" => other(self.part(*operand, "arithmetic")?),
                _ => Err(unknown("this prefix operator")),
            },
            Expr::IsNull { operand, negated: _ } => {
                let seen = self.part(*operand, "IS NULL")?;
                other(self.settled(seen)?)
            }
            Expr::IsTruth { operand, truth: _, negated: _ } => {
                let seen = self.part(*operand, "its use as a condition")?;
                other(self.settled(seen)?)
            }
            Expr::IsDistinct { left, right, negated: _ } => {
                self.stands_beside(*left, *right);
                let seen = self.parts([*left, *right], "IS DISTINCT FROM")?;
                other(self.settled(seen)?)
            }
            Expr::Between { operand, low, high, symmetric: _, negated: _ } => {
                self.stands_beside(*operand, *low);
                self.stands_beside(*operand, *high);
                let seen = self.parts([*operand, *low, *high], "BETWEEN")?;
                other(self.settled(seen)?)
            }
            Expr::Pattern { kind, operand, pattern, escape, negated: _ } => {
                self.stands_beside(*operand, *pattern);
                let construct = match kind {
                    tree::PatternKind::Like => "LIKE",
                    tree::PatternKind::ILike => "ILIKE",
                    tree::PatternKind::SimilarTo => "SIMILAR TO",
                };
                let seen = self.parts([*operand, *pattern].into_iter().chain(*escape), construct)?;
                other(self.settled(seen)?)
            }
            Expr::In { operand, items, negated: _ } => {
                for item in items {
                    self.stands_beside(*operand, *item);
                }
                let seen = self.parts(std::iter::once(*operand).chain(items.iter().copied()), "IN")?;
                other(self.settled(seen)?)
            }
            Expr::Quantified { operand, operator, all: _, array } => {
                self.stands_beside(*operand, *array);
                if !functions::operator(operator.symbol) {
                    return Err(unknown("an operator of this kind"));
                }
                let seen = self.parts([*operand, *array], "ANY or ALL")?;
                other(self.settled(seen)?)
            }
            Expr::InQuery { operand, query, negated: _ } => self.over_query(*operand, *query, "IN"),
            Expr::QuantifiedQuery { operand, operator, all: _, query } => {
                if !functions::operator(operator.symbol) {
                    return Err(unknown("an operator of this kind"));
                }
                self.over_query(*operand, *query, "ANY or ALL")
            }
            Expr::Case { operand, branches, otherwise } => {
                let parts = branches.iter().flat_map(|(when, value)| [*when, *value]);
                other(self.parts(parts.chain(*operand).chain(*otherwise), "CASE")?)
            }
            Expr::Call(call) => self.call(call).map(Kind::Other),
            Expr::Form { form, operands } => {
                let construct = match form {
                    tree::Form::AtTimeZone => "AT TIME ZONE",
                    tree::Form::Ceil | tree::Form::Floor => "arithmetic",
                    tree::Form::Extract => "EXTRACT",
                    tree::Form::Overlay => "OVERLAY",
                    tree::Form::Position => "POSITION",
                    tree::Form::Substring => "SUBSTRING",
                    tree::Form::Trim => "TRIM",
                };
                other(self.parts(operands.iter().copied(), construct)?)
            }
            Expr::Collate { operand, collation: _ } => other(self.part(*operand, "COLLATE")?),
            Expr::Row(items) => other(self.parts(items.iter().copied(), "a row comparison")?),
            Expr::Array(items) => other(self.parts(items.iter().copied(), "ARRAY")?),
            Expr::Exists(_) => other(Seen::COLUMN),
            Expr::Scalar(query) => self.scalar(*query),
            Expr::Subscript { .. } | Expr::Field { .. } => Err(unknown("an expression of this kind")),
        }
    }

    /// A comparison with the rows of a query, of which no side is sealed.
    fn over_query(&mut self, operand: ExprId, query: QueryId, construct: &str) -> Result<Kind, Refusal> {
        let mut seen = self.part(operand, construct)?;
        let outputs = self.blocks.get(&query.index()).map_or(&[][..], |block| block.outputs.as_slice());
        for output in outputs {
            match output {
                Kind::Sealed(bundle) | Kind::Picked(bundle) => {
                    return Err(self.statement.no_operator(bundle, construct));
                }
                clear => seen = seen.and(Seen { aggregate: false, ..clear.seen() }),
            }
        }
        Ok(Kind::Other(Seen { columns: true, ..self.settled(seen)? }))
    }

    /// The one value of a query.
    fn scalar(&mut self, query: QueryId) -> Result<Kind, Refusal> {
        let outputs = self.blocks.get(&query.index()).map_or(&[][..], |block| block.outputs.as_slice());
        match outputs {
            // Its cell cannot leave its row here: only what is compared with its tag can take it.
            [Kind::Sealed(bundle)] => Ok(Kind::Picked(bundle.clone())),
            outputs => {
                let sealed = outputs.iter().find_map(|output| match output {
                    Kind::Sealed(bundle) | Kind::Picked(bundle) => Some(bundle),
                    Kind::Clear(_) | Kind::Other(_) => None,
                });
                if let Some(bundle) = sealed {
                    return Err(self.statement.no_operator(bundle, "a row of a subquery"));
                }
                let seen = outputs.iter().fold(Seen::default(), |seen, output| seen.and(output.seen()));
                Ok(Kind::Other(Seen { columns: true, aggregate: false, ..seen }))
            }
        }
    }

    /// What a column reference holds.
    pub(super) fn reference(&self, found: Ref, token: usize) -> Result<Kind, Refusal> {
        let at = self.statement.at(token);
        match found {
            Ref::Column(range, number) => self.column(range, number),
            Ref::Merged(number) => {
                let merge = self.statement.names.merges.get(number).ok_or_else(super::unreadable)?;
                let (left, right) = (self.reference(merge.left, token)?, self.reference(merge.right, token)?);
                for side in [&left, &right] {
                    if let Kind::Sealed(bundle) = side {
                        return Err(self.statement.no_operator(bundle, "USING or NATURAL").at(at));
                    }
                }
                // Columns of two types are one of a third.
                let alike = match (&left, &right) {
                    (Kind::Clear(one), Kind::Clear(other)) => {
                        let (one, other) = (self.statement.column(one)?, self.statement.column(other)?);
                        (one.type_oid, one.typmod) == (other.type_oid, other.typmod)
                    }
                    _ => false,
                };
                Ok(match merge.shows {
                    Shows::Left if alike => left,
                    Shows::Right if alike => right,
                    Shows::Left | Shows::Right | Shows::Either => Kind::Other(Seen::COLUMN),
                })
            }
            Ref::Open(_) => Ok(Kind::Other(Seen::COLUMN)),
            Ref::System(range) if !self.is_protected(range) => Ok(Kind::Other(Seen::COLUMN)),
            Ref::System(range) => {
                let name = self.statement.tree.word(token);
                let column = if name == &*self.statement.names.range(range).name { "" } else { name };
                Err(Refusal::new(format!(
                    "the system column {}of a protected table cannot be used",
                    if column.is_empty() { String::new() } else { format!("{column} ") }
                ))
                .at(at))
            }
            Ref::Row(range) => {
                let name = &self.statement.names.range(range).name;
                Err(Refusal::new(format!("the whole row {name} cannot be used as a value"))
                    .hint("name its columns")
                    .at(at))
            }
            // Keys are looked at where they are.
            Ref::Output(_) => Err(super::unreadable()),
        }
    }

    /// A column of a range.
    fn column(&self, range: RangeId, number: usize) -> Result<Kind, Refusal> {
        match &self.statement.names.range(range).kind {
            RangeKind::Table(table) => {
                let row = super::RowPath(vec![range]);
                let bundle = Bundle { row, column: number, named: (range, number) };
                let column = table.columns.get(number).ok_or_else(super::unreadable)?;
                Ok(if column.is_sealed() { Kind::Sealed(bundle) } else { Kind::Clear(bundle) })
            }
            RangeKind::Query(query) => {
                let Some(block) = self.blocks.get(&query.index()) else { return Err(super::unreadable()) };
                let out = |bundle: &Bundle| Bundle {
                    row: bundle.row.through(range),
                    column: bundle.column,
                    named: (range, number),
                };
                Ok(match block.outputs.get(number).ok_or_else(super::unreadable)? {
                    // A column of a query around it belongs to no row of this one.
                    Kind::Sealed(bundle) if !block.rows.contains(&bundle.row) => {
                        return Err(self
                            .statement
                            .no_operator(bundle, "its way through a query that it does not come from"));
                    }
                    Kind::Sealed(bundle) => Kind::Sealed(out(bundle)),
                    Kind::Clear(bundle) if block.rows.contains(&bundle.row) => Kind::Clear(out(bundle)),
                    clear => Kind::Other(Seen { columns: true, aggregate: false, ..clear.seen() }),
                })
            }
            RangeKind::Join(refs) => {
                let found = *refs.get(number).ok_or_else(super::unreadable)?;
                match self.reference(found, 0)? {
                    Kind::Sealed(bundle) => Err(self.statement.no_operator(&bundle, "a join with an alias")),
                    clear => Ok(Kind::Other(clear.seen())),
                }
            }
            RangeKind::Excluded(_) => Err(super::unreadable()),
            RangeKind::Other(_) | RangeKind::Function(_) => Ok(Kind::Other(Seen::COLUMN)),
        }
    }

    /// Whether rows of protected tables are in a range.
    pub(super) fn is_protected(&self, range: RangeId) -> bool {
        match &self.statement.names.range(range).kind {
            RangeKind::Table(_) | RangeKind::Excluded(_) => true,
            RangeKind::Query(query) => self
                .blocks
                .get(&query.index())
                .is_none_or(|block| !block.rows.is_empty() || block.outputs.iter().any(|output| !output.is_other())),
            RangeKind::Join(refs) => refs.iter().any(|found| match found {
                Ref::Column(range, _) | Ref::System(range) | Ref::Row(range) => self.is_protected(*range),
                Ref::Merged(_) | Ref::Open(_) | Ref::Output(_) => false,
            }),
            RangeKind::Other(_) | RangeKind::Function(_) => false,
        }
    }

    /// Whether a column is shown as our rendering of what its row's signature covers.
    pub(super) fn is_verified(&self, bundle: &Bundle) -> Result<bool, Refusal> {
        Ok(self.statement.table(&bundle.row)?.signature.is_some() && self.statement.column(bundle)?.is_signed())
    }

    /// Remembers, for a message, beside which column a parameter stands.
    fn stands_beside(&mut self, one: ExprId, other: ExprId) {
        for (column, constant) in [(one, other), (other, one)] {
            if let Some(Kind::Clear(bundle)) = self.kinds.get(&column.index()) {
                let label = self.statement.label(bundle);
                let tree = self.statement.tree;
                let mut constant = constant;
                while let Expr::Cast { operand, to: _ } = tree.expr(constant) {
                    constant = *operand;
                }
                if let Expr::Param(_) = tree.expr(constant) {
                    self.beside.insert(constant.index(), label);
                }
            }
        }
    }
}

impl Kind {
    /// Whether it is the value of an expression over columns of one row.
    pub(super) fn is_expression(&self) -> bool {
        matches!(self, Kind::Other(seen) if seen.columns)
    }

    fn is_other(&self) -> bool {
        matches!(self, Kind::Other(_))
    }
}

/// A type that a value in the clear may be cast to: a cast to a type of the user's own can run the user's code.
fn builtin(to: &TypeName<'_>) -> Result<(), Refusal> {
    const KNOWN: [&str; 10] =
        ["bpchar", "name", "oid", "inet", "cidr", "macaddr", "money", "timetz", "tsvector", "xml"];
    match to.named.as_deref() {
        None => Ok(()),
        Some(_) if to.ty.is_some() || to.element.is_some() => Ok(()),
        Some([Name { value, .. }]) if KNOWN.contains(&&**value) => Ok(()),
        Some([schema, _]) if schema.value == "pg_catalog" => Ok(()),
        Some(_) => Err(unknown("a cast to a type that is not builtin")),
    }
}
