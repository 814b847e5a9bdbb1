//! Predicates over sealed columns: what becomes a comparison of exact tags, and what is refused.
//!
//! An exact tag is equal exactly when the values are, and NULL exactly when the value is: so an atom may stand wherever
//! its comparison stood, under NOT, CASE or in a select list (the pair calculus of sql.md, first row).

use super::{Bundle, Infer, Kind, Seen, Use, note, unreadable};
use crate::error::SqlState;
use crate::schema::Table;
use crate::sql::constant::{Bare, Comparison, is_mixed, same_value};
use crate::sql::tree::{Body, Expr, ExprId, QueryId};
use crate::sql::{Input, Literal, Refusal, literal};
use crate::value::{Format, Settings, Type, Value};
use std::sync::Arc;

/// What an atom holds once its operands are tags.
const ATOM: Kind = Kind::Other(Seen { columns: true, beside: true, loose: None, aggregate: false });

impl Infer<'_, '_> {
    /// The predicate that an expression is, if one of its direct operands is a sealed column; else the caller looks at its
    /// parts.
    pub(super) fn atom(&mut self, expr: ExprId) -> Result<Option<Kind>, Refusal> {
        let tree = self.statement.tree;
        match tree.expr(expr) {
            Expr::Binary { left, operator, right } => {
                let (operand, column, other, column_first) = match (self.sealed(*left), self.sealed(*right)) {
                    (None, None) => return Ok(None),
                    (Some(one), Some(other)) => {
                        self.between(operator.symbol, (*left, one), (*right, other))?;
                        return Ok(Some(ATOM));
                    }
                    (Some(column), None) => (*left, column, *right, true),
                    (None, Some(column)) => (*right, column, *left, false),
                };
                let comparison = |operator| Comparison { operator, token: 0, column_first };
                let comparison = match operator.symbol {
                    "=" => comparison("="),
                    "<>" => comparison("<>"),
                    symbol => return Err(self.statement.no_operator(&column, operator_name(symbol))),
                };
                let comparison = Comparison { token: operator.token, ..comparison };
                let spelled = comparison.operator;
                self.compared(operand, &column, other, &comparison, spelled)?;
            }
            Expr::IsDistinct { left, right, negated: _ } => {
                let (operand, column, other, column_first) = match (self.sealed(*left), self.sealed(*right)) {
                    (None, None) => return Ok(None),
                    (Some(one), Some(other)) => {
                        self.between("IS [NOT] DISTINCT FROM", (*left, one), (*right, other))?;
                        return Ok(Some(ATOM));
                    }
                    (Some(column), None) => (*left, column, *right, true),
                    (None, Some(column)) => (*right, column, *left, false),
                };
                let token = tree.span(*left).end;
                let comparison = Comparison { operator: "=", token, column_first };
                self.compared(operand, &column, other, &comparison, "IS [NOT] DISTINCT FROM")?;
            }
            Expr::IsNull { operand, negated: _ } => {
                let Some(column) = self.sealed(*operand) else { return Ok(None) };
                // NULL is the NULL of the cell column itself.
                let label = self.statement.label(&column);
                note(&mut self.notes.decided_by_server, format!("{label} IS [NOT] NULL"));
                self.stands(*operand, Use::Cell(column));
            }
            Expr::In { operand, items, negated } => {
                let Some(column) = self.sealed(*operand) else { return Ok(None) };
                let operator = if *negated { "<>" } else { "=" };
                let comparison = Comparison { operator, token: tree.span(*operand).end, column_first: true };
                self.in_list(*operand, &column, items, &comparison)?;
            }
            Expr::Quantified { operand, operator, all: _, array } => {
                let Some(column) = self.sealed(*operand) else { return Ok(None) };
                let operator = match operator.symbol {
                    "=" => "=",
                    "<>" => "<>",
                    symbol => return Err(self.statement.no_operator(&column, operator_name(symbol))),
                };
                let comparison = Comparison { operator, token: tree.span(*operand).end, column_first: true };
                self.any(*operand, &column, *array, &comparison)?;
            }
            Expr::InQuery { operand, query, negated: _ } => return self.in_query(*operand, *query, "IN"),
            Expr::QuantifiedQuery { operand, operator, all: _, query } => {
                if let Some(column) = self.sealed(*operand)
                    && !matches!(operator.symbol, "=" | "<>")
                {
                    return Err(self.statement.no_operator(&column, operator_name(operator.symbol)));
                }
                return self.in_query(*operand, *query, "ANY or ALL");
            }
            _ => return Ok(None),
        }
        Ok(Some(ATOM))
    }

    /// The sealed column that an expression, which was looked at, is.
    pub(super) fn sealed(&self, expr: ExprId) -> Option<Bundle> {
        match self.kinds.get(&expr.index()) {
            Some(Kind::Sealed(bundle)) => Some(bundle.clone()),
            Some(Kind::Picked(_) | Kind::Clear(_) | Kind::Other(_)) | None => None,
        }
    }

    /// Two sealed columns are equal where their tags are, if both are of one beacon (SQL-41).
    fn between(&mut self, operator: &str, left: (ExprId, Bundle), right: (ExprId, Bundle)) -> Result<(), Refusal> {
        let (one, other) = (&left.1, &right.1);
        if !matches!(operator, "=" | "<>" | "IS [NOT] DISTINCT FROM") {
            return Err(self.statement.no_operator(one, operator_name(operator)));
        }
        self.same_beacon(one, other)?;
        for (expr, bundle) in [left, right] {
            self.tag_of_column(expr, &bundle, operator)?;
        }
        Ok(())
    }

    /// An error unless equal values of both columns have equal tags.
    fn same_beacon(&self, one: &Bundle, other: &Bundle) -> Result<(), Refusal> {
        let (table, another) = (self.statement.table(&one.row)?, self.statement.table(&other.row)?);
        if Arc::ptr_eq(table, another) && one.column == other.column {
            return Ok(());
        }
        Err(Refusal::new(format!(
            "the sealed columns {} and {} cannot be compared with each other in this version",
            self.statement.label(one),
            self.statement.label(other)
        ))
        .hint("compare a sealed column with a constant"))
    }

    /// The tag column stands for the sealed column.
    fn tag_of_column(&mut self, expr: ExprId, bundle: &Bundle, construct: &str) -> Result<usize, Refusal> {
        let beacon = self.statement.beacon(bundle, construct)?;
        let label = self.statement.label(bundle);
        note(
            &mut self.notes.reveals,
            format!("which rows hold the value that {label} is compared with, and how often it is asked for"),
        );
        note(&mut self.notes.decided_by_server, format!("{label} {construct}"));
        if let Some(beacon) = self.statement.table(&bundle.row)?.beacons.get(beacon) {
            note(&mut self.notes.helpers, beacon.helper.clone());
        }
        self.stands(expr, Use::Tag(bundle.clone(), beacon));
        Ok(beacon)
    }

    fn table_of(&self, bundle: &Bundle) -> Result<Arc<Table>, Refusal> {
        self.statement.table(&bundle.row).cloned()
    }

    /// `column = constant` becomes `tag = tag of the constant`.
    fn compared(
        &mut self,
        operand: ExprId,
        column: &Bundle,
        other: ExprId,
        comparison: &Comparison,
        spelled: &str,
    ) -> Result<(), Refusal> {
        if let Expr::Scalar(query) = self.statement.tree.expr(other) {
            return self.tagged_query(operand, column, *query, spelled);
        }
        let Some(mut constant) = self.statement.constant(other)? else {
            let what = format!("{spelled} with anything but a constant");
            return Err(self.statement.no_operator(column, &what));
        };
        self.comparable(column, [&constant], comparison)?;
        let beacon = self.tag_of_column(operand, column, spelled)?;
        self.read_by_operator(column, &mut constant)?;
        self.tag_of_constant(other, column, beacon, &constant)
    }

    /// A query whose one output is compared with a sealed column, which is one of the same beacon: both are tags.
    fn tagged_query(
        &mut self,
        operand: ExprId,
        column: &Bundle,
        query: QueryId,
        construct: &str,
    ) -> Result<(), Refusal> {
        let output = match self.blocks.get(&query.index()).map(|block| block.outputs.as_slice()) {
            Some([Kind::Sealed(output)]) => output.clone(),
            _ => {
                let what = format!("{construct} with the values of a query that are not sealed alike");
                return Err(self.statement.no_operator(column, &what));
            }
        };
        self.same_beacon(column, &output)?;
        self.statement.beacon(&output, construct)?;
        self.tag_of_column(operand, column, construct)?;
        let mut query = query;
        loop {
            self.tagged.insert(query.index());
            match self.statement.tree.query(query).body {
                Body::Nested(inner) => query = inner,
                _ => return Ok(()),
            }
        }
    }

    /// `x IN (SELECT …)`, of which the query was looked at.
    fn in_query(&mut self, operand: ExprId, query: QueryId, construct: &str) -> Result<Option<Kind>, Refusal> {
        if let Some(column) = self.sealed(operand) {
            self.tagged_query(operand, &column, query, construct)?;
            return Ok(Some(ATOM));
        }
        Ok(None)
    }

    /// Gives an untyped parameter the type that it has as the other operand of the column.
    fn read_by_operator(&self, bundle: &Bundle, constant: &mut Bare) -> Result<(), Refusal> {
        if let Bare::Param { number, cast: cast @ None } = constant
            && self.params.declared(*number).is_none()
        {
            *cast = Some(self.statement.type_of(bundle)?.operand());
        }
        Ok(())
    }

    fn tag_of_constant(
        &mut self,
        expr: ExprId,
        bundle: &Bundle,
        beacon: usize,
        constant: &Bare,
    ) -> Result<(), Refusal> {
        let input = self.protect(constant, bundle)?;
        let table = self.table_of(bundle)?;
        self.stands(expr, Use::TagOf(table, beacon, input));
        Ok(())
    }

    fn in_list(
        &mut self,
        operand: ExprId,
        column: &Bundle,
        items: &[ExprId],
        comparison: &Comparison,
    ) -> Result<(), Refusal> {
        let mut constants = Vec::with_capacity(items.len());
        for item in items {
            match self.statement.constant(*item)? {
                Some(constant) => constants.push(constant),
                None => return Err(self.statement.no_operator(column, "IN with anything but constants")),
            }
        }
        let own = self.statement.type_of(column)?;
        // That a constant without a type cannot be read PostgreSQL finds before it comes to the next one.
        let is_read = |constant: &&Bare| match constant {
            Bare::Literal { literal: Literal::Untyped(text), .. } => {
                Value::parse(&own.operand(), Format::Text, text.as_bytes(), &Settings::default()).is_ok()
            }
            Bare::Literal { .. } | Bare::Param { .. } | Bare::Null { .. } => true,
        };
        self.comparable(column, constants.iter().take_while(is_read), comparison)?;
        if is_mixed(constants.iter(), &own, &self.params) {
            return Err(self.statement.no_operator(column, "IN with constants of several types"));
        }
        let beacon = self.tag_of_column(operand, column, "IN")?;
        // A list of one is `=`; a longer one is an array of the column's own type.
        if let [constant] = constants.as_mut_slice() {
            self.read_by_operator(column, constant)?;
        }
        items
            .iter()
            .zip(&constants)
            .try_for_each(|(item, constant)| self.tag_of_constant(*item, column, beacon, constant))
    }

    /// `column = ANY (array)`: the array becomes one of tags.
    fn any(&mut self, operand: ExprId, column: &Bundle, right: ExprId, comparison: &Comparison) -> Result<(), Refusal> {
        self.comparable_elements(column, right, comparison)?;
        if self.statement.type_of(column)?.element().is_some() {
            return Err(self.statement.no_operator(column, "= ANY over whole arrays"));
        }
        let beacon = self.tag_of_column(operand, column, "= ANY")?;
        let table = self.table_of(column)?;
        let own = self.statement.type_of(column)?.unmodified();
        let (label, name) = (self.statement.label(column), self.statement.column_name(column)?);
        let refused = || {
            Refusal::new(format!(
                "column {label} is sealed: = ANY works with a parameter or an ARRAY of constants only"
            ))
            .of(name.clone())
            .hint("pass the list as one array parameter, or write IN (...)")
        };
        let tree = self.statement.tree;
        let (array, cast) = self.array_of(right);
        // A cast to varchar(n)[] cuts.
        let readable = |element: Option<Type>| element.filter(|ty| !ty.is_cut_by_casts());
        let element = cast.map(|to| readable(to.element).ok_or_else(refused)).transpose()?;
        let input = match tree.expr(array) {
            Expr::Param(number) => {
                let ty = match (self.params.declared(*number), element) {
                    (None, cast) => cast.unwrap_or(own.operand()),
                    (Some(oid), cast) => {
                        let declared = Type::of_array(oid).ok_or_else(refused)?;
                        if cast.is_some_and(|cast| !same_value(&declared, &cast)) {
                            return Err(refused());
                        }
                        declared
                    }
                };
                self.params.protected(*number, ty.array_oid(), &label)?;
                Input::Param { index: *number, ty }
            }
            Expr::Constant(_) | Expr::Null => match self.statement.constant(array)? {
                Some(Bare::Literal { literal: Literal::Untyped(text), at }) => {
                    let literal = match element {
                        Some(ty) => Literal::Typed(ty, text),
                        None => Literal::Untyped(text),
                    };
                    Input::Literal { literal, at }
                }
                Some(Bare::Null { cast: None }) => self.null_of(element, column)?,
                _ => return Err(refused()),
            },
            // Its elements take a type from each other, under which blanks count or do not.
            Expr::Array(_) if element.is_none() && matches!(own, Type::Bpchar(_)) => return Err(refused()),
            Expr::Array(items) => match self.statement.literal(right, 0)? {
                Some(literal::Constant::Value(Literal::Array(items))) if element.is_none() && items.is_empty() => {
                    return Err(Refusal::error(
                        SqlState::INDETERMINATE_DATATYPE,
                        "cannot determine type of empty array",
                    )
                    .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
                }
                Some(literal::Constant::Value(literal @ Literal::Array(_))) => {
                    let at = self.statement.source.characters(self.statement.at(tree.span(right).start));
                    Input::Literal { literal, at }
                }
                Some(_) => return Err(unreadable()),
                None => {
                    let mut inputs = Vec::with_capacity(items.len());
                    for item in items {
                        let constant = self.statement.constant(*item)?.ok_or_else(refused)?;
                        inputs.push(self.protect(&constant.in_array(element), column)?);
                    }
                    self.stands(right, Use::TagArray(table, beacon, inputs));
                    return Ok(());
                }
            },
            _ => return Err(refused()),
        };
        self.stands(right, Use::TagsOf(table, beacon, input));
        Ok(())
    }

    /// `count(column)` counts cells, `count(DISTINCT column)` tags.
    pub(super) fn counted(&mut self, expr: ExprId, bundle: &Bundle, distinct: bool) -> Result<(), Refusal> {
        if distinct {
            self.tag_of_column(expr, bundle, "count(DISTINCT)")?;
        } else {
            self.stands(expr, Use::Cell(bundle.clone()));
        }
        Ok(())
    }
}

/// How an operator is spelled in a message.
fn operator_name(symbol: &str) -> &'static str {
    match symbol {
        "<" | "<=" | ">" | ">=" => "a range comparison",
        "||" => "concatenation (||)",
        "+" | "-" | "*" | "/" | "%" => "arithmetic",
        "~" | "~*" | "!~" | "!~*" | "~~" | "~~*" | "!~~" | "!~~*" => "pattern matching",
        _ => "this operator",
    }
}
