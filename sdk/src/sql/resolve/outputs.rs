//! Select lists, RETURNING, and the keys that can name what stands in them.

use std::borrow::Cow;

use super::scope::Level;
use super::{Output, Ref, Resolver, Shown};
use crate::error::SqlState;
use crate::sql::Refusal;
use crate::sql::lex::Kind;
use crate::sql::parse::too_complex;
use crate::sql::tree::{Arguments, Body, Expr, ExprId, Form, Item, ItemKind, QueryId, Returning};

/// Columns of a list: no row of PostgreSQL has more (MaxTupleAttributeNumber).
const MOST_OUTPUTS: usize = 1_664;

impl<'t> Resolver<'_, 't> {
    /// RETURNING, in the scope on top.
    pub(super) fn returning(&mut self, returning: Option<&Returning<'t>>) -> Result<Vec<Output<'t>>, Refusal> {
        returning.map_or(Ok(Vec::new()), |returning| self.items(&returning.list))
    }

    /// A list of items, with every star expanded.
    pub(super) fn items(&mut self, items: &[Item<'t>]) -> Result<Vec<Output<'t>>, Refusal> {
        let mut outputs = Vec::with_capacity(items.len());
        for item in items {
            let before = outputs.len();
            match &item.kind {
                ItemKind::Expr { expr, alias } => {
                    self.expr(*expr)?;
                    let name = alias.as_ref().map_or_else(|| self.name_of(*expr), |alias| alias.value.clone());
                    outputs.push(Output { name, shows: Shown::Expr(*expr) });
                }
                ItemKind::Star(name) if name.is_empty() => match self.levels.last() {
                    Some(level) if !level.ranges.is_empty() => outputs.extend(self.shown(level)),
                    Some(_) | None => {
                        let message = "SELECT * with no tables specified is not valid";
                        let refusal = Refusal::error(SqlState::SYNTAX_ERROR, message).at(self.at(item.span.start));
                        return Err(refusal);
                    }
                },
                ItemKind::Star(name) => {
                    let range = self.qualified(name)?;
                    outputs.extend(self.shown(&self.level_of(range)));
                }
            }
            if outputs.len() > MOST_OUTPUTS {
                return Err(too_complex(
                    "a list of a statement that names a protected object may have 1,664 columns at most",
                ));
            }
            if matches!(item.kind, ItemKind::Star(_)) {
                self.done.stars.insert(item.span.start, before..outputs.len());
            }
        }
        Ok(outputs)
    }

    /// The columns of a scope, as a star shows them: those of a range in its place.
    pub(super) fn shown(&self, level: &Level<'t>) -> Vec<Output<'t>> {
        let mut outputs: Vec<_> = level
            .columns
            .iter()
            .map(|(name, found)| Output { name: name.clone(), shows: Shown::Ref(*found) })
            .collect();
        for (place, range) in level.ranges.iter().enumerate() {
            if self.done.range(*range).open {
                // Behind everything of the ranges before it.
                let before = |output: &Output<'t>| match output.shows {
                    Shown::Ref(Ref::Column(of, _)) | Shown::Open(of) => level.ranges[..=place].contains(&of),
                    Shown::Ref(_) | Shown::Expr(_) | Shown::Value(_) | Shown::Arms(_) => true,
                };
                let at = outputs.iter().rposition(before).map_or(0, |last| last + 1);
                outputs.insert(at, Output { name: Cow::Borrowed(""), shows: Shown::Open(*range) });
            }
        }
        outputs
    }

    /// Whether a query gives columns that are not known.
    pub(super) fn is_open(&self, query: QueryId) -> bool {
        match self.tree.query(query).body {
            Body::Set { left: of, .. } | Body::Nested(of) => self.is_open(of),
            Body::Select(_) | Body::Values(_) | Body::Table(_) | Body::Write(_) => {
                self.done.outputs(query).iter().any(|output| matches!(output.shows, Shown::Open(_)))
            }
        }
    }

    /// The outputs of a query whose rows are those of another one.
    pub(super) fn arms(&mut self, id: QueryId, of: QueryId) {
        let names = self.output_names(of).into_iter().enumerate();
        let outputs = names.map(|(number, name)| Output { name, shows: Shown::Arms(number) }).collect();
        self.done.outputs.insert(id.index(), outputs);
    }

    /// A key of ORDER BY or DISTINCT ON: a bare name is an output column first, a number always is (findTargetlistEntrySQL92).
    pub(super) fn sort_key(&mut self, query: QueryId, key: ExprId) -> Result<(), Refusal> {
        if let Expr::Column(name) = self.tree.expr(key)
            && let [name] = name.as_slice()
        {
            let outputs = self.done.outputs(query);
            let mut named = outputs.iter().enumerate().filter(|(_, output)| output.name == name.value);
            if let Some((number, first)) = named.next() {
                // Two of one name are fine if they show the same.
                if named.any(|(_, other)| !self.is_same(first.shows, other.shows)) {
                    let message = format!("ORDER BY \"{}\" is ambiguous", name.value);
                    return Err(self.refused(SqlState::AMBIGUOUS_COLUMN, message, name));
                }
                self.done.refs.insert(key.index(), Ref::Output(number));
                return Ok(());
            }
            if !self.is_select(query) {
                let message = format!("column \"{}\" does not exist", name.value);
                return Err(self.refused(SqlState::UNDEFINED_COLUMN, message, name));
            }
        }
        self.key(query, key, "ORDER BY")
    }

    /// A key of GROUP BY: a bare name is a column of FROM first.
    pub(super) fn group_key(&mut self, query: QueryId, key: ExprId) -> Result<(), Refusal> {
        if let Expr::Column(name) = self.tree.expr(key)
            && let [name] = name.as_slice()
        {
            let inner = match self.levels.last() {
                Some(level) => self.unique(level, name)?,
                None => None,
            };
            if inner.is_none()
                && let Some(number) = self.done.outputs(query).iter().position(|output| output.name == name.value)
            {
                self.done.refs.insert(key.index(), Ref::Output(number));
                return Ok(());
            }
        }
        self.key(query, key, "GROUP BY")
    }

    /// A key by number, or any expression over the columns of FROM.
    fn key(&mut self, query: QueryId, key: ExprId, clause: &str) -> Result<(), Refusal> {
        let Expr::Constant(token) = self.tree.expr(key) else { return self.expr(key) };
        let at = self.at(*token);
        if self.tokens.get(*token).is_none_or(|token| token.kind != Kind::Integer) {
            let message = format!("non-integer constant in {clause}");
            return Err(Refusal::error(SqlState::SYNTAX_ERROR, message).at(at));
        }
        let digits = self.tree.word(*token);
        let number = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let outputs = self.done.outputs(query);
        if number.is_some_and(|number| outputs.iter().take(number + 1).any(|output| output.open().is_some())) {
            let message = format!("{clause} position {digits} counts columns that are not known");
            return Err(Refusal::new(message).hint("name the column").at(at));
        }
        match number.filter(|number| *number < self.done.outputs(query).len()) {
            Some(number) => {
                self.done.refs.insert(key.index(), Ref::Output(number));
                Ok(())
            }
            None => {
                let message = format!("{clause} position {digits} is not in select list");
                Err(Refusal::error(SqlState::INVALID_COLUMN_REFERENCE, message).at(at))
            }
        }
    }

    fn is_same(&self, one: Shown, other: Shown) -> bool {
        let column = |shown| match shown {
            Shown::Ref(meaning) => Some(meaning),
            Shown::Expr(expr) => self.done.reference(expr),
            Shown::Value(_) | Shown::Arms(_) | Shown::Open(_) => None,
        };
        match (column(one), column(other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
    }

    /// The name that PostgreSQL gives an item without one (FigureColnameInternal).
    fn name_of(&self, expr: ExprId) -> Cow<'t, str> {
        self.figured(expr).map_or(Cow::Borrowed("?column?"), |(name, _)| name)
    }

    /// The name, and whether it is a good one: that of a column, say, rather than that of a type.
    fn figured(&self, expr: ExprId) -> Option<(Cow<'t, str>, bool)> {
        let borrowed = |name: &'static str, good| Some((Cow::Borrowed(name), good));
        match self.tree.expr(expr) {
            Expr::Column(name) => name.last().map(|name| (name.value.clone(), true)),
            Expr::Field { operand: _, field: Some(field) } => Some((field.value.clone(), true)),
            Expr::Call(call) => match &call.arguments {
                Arguments::Query(_) => borrowed("array", true),
                Arguments::None | Arguments::Star | Arguments::List { .. } => {
                    call.name.last().map(|name| (name.value.clone(), true))
                }
            },
            Expr::Cast { operand, to } => match self.figured(*operand) {
                Some((name, true)) => Some((name, true)),
                Some((_, false)) | None => to.name.clone().map(|name| (name, false)),
            },
            Expr::Collate { operand, .. } | Expr::Subscript { operand, .. } => self.figured(*operand),
            Expr::Case { otherwise, .. } => match otherwise.and_then(|otherwise| self.figured(otherwise)) {
                Some((name, true)) => Some((name, true)),
                Some((_, false)) | None => borrowed("case", false),
            },
            Expr::Scalar(query) => self.done.outputs(*query).first().map(|output| (output.name.clone(), true)),
            Expr::Exists(_) => borrowed("exists", true),
            Expr::Array(_) => borrowed("array", true),
            Expr::Row(_) => borrowed("row", true),
            Expr::Bool(_) => borrowed("bool", false),
            Expr::Interval(_) => borrowed("interval", false),
            Expr::Form { form, operands: _ } => borrowed(
                match form {
                    Form::AtTimeZone => "timezone",
                    Form::Ceil => "ceil",
                    Form::Extract => "extract",
                    Form::Floor => "floor",
                    Form::Overlay => "overlay",
                    Form::Position => "position",
                    Form::Substring => "substring",
                    Form::Trim => "btrim",
                },
                true,
            ),
            Expr::Star(_)
            | Expr::Param(_)
            | Expr::Constant(_)
            | Expr::Null
            | Expr::Default
            | Expr::And(_)
            | Expr::Or(_)
            | Expr::Not(_)
            | Expr::Binary { .. }
            | Expr::Prefix { .. }
            | Expr::IsNull { .. }
            | Expr::IsTruth { .. }
            | Expr::IsDistinct { .. }
            | Expr::In { .. }
            | Expr::InQuery { .. }
            | Expr::Quantified { .. }
            | Expr::QuantifiedQuery { .. }
            | Expr::Between { .. }
            | Expr::Pattern { .. }
            | Expr::Field { .. } => None,
        }
    }
}
