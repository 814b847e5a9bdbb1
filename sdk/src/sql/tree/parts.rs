//! What an expression is made of, for walks that do the same with every kind.

use super::{Arguments, Expr, ExprId, QueryId, SortKey, Window};

impl Expr<'_> {
    /// Every expression that it is made of, in the order of the text.
    pub(in crate::sql) fn each_part(&self, then: &mut dyn FnMut(ExprId)) {
        match self {
            Expr::Column(_)
            | Expr::Star(_)
            | Expr::Param(_)
            | Expr::Constant(_)
            | Expr::Bool(_)
            | Expr::Null
            | Expr::Default
            | Expr::Exists(_)
            | Expr::Scalar(_) => {}
            Expr::Cast { operand, to: _ }
            | Expr::Interval(operand)
            | Expr::Not(operand)
            | Expr::Prefix { operator: _, operand }
            | Expr::IsNull { operand, negated: _ }
            | Expr::IsTruth { operand, truth: _, negated: _ }
            | Expr::InQuery { operand, query: _, negated: _ }
            | Expr::QuantifiedQuery { operand, operator: _, all: _, query: _ }
            | Expr::Collate { operand, collation: _ }
            | Expr::Field { operand, field: _ } => then(*operand),
            Expr::And(operands)
            | Expr::Or(operands)
            | Expr::Form { form: _, operands }
            | Expr::Row(operands)
            | Expr::Array(operands) => operands.iter().copied().for_each(then),
            Expr::Binary { left, operator: _, right } | Expr::IsDistinct { left, right, negated: _ } => {
                [*left, *right].into_iter().for_each(then);
            }
            Expr::In { operand, items, negated: _ } => std::iter::once(operand).chain(items).copied().for_each(then),
            Expr::Quantified { operand, operator: _, all: _, array } => [*operand, *array].into_iter().for_each(then),
            Expr::Between { operand, low, high, symmetric: _, negated: _ } => {
                [*operand, *low, *high].into_iter().for_each(then);
            }
            Expr::Pattern { kind: _, operand, pattern, escape, negated: _ } => {
                [*operand, *pattern].into_iter().chain(*escape).for_each(then);
            }
            Expr::Case { operand, branches, otherwise } => {
                let branches = branches.iter().flat_map(|(when, value)| [*when, *value]);
                operand.iter().copied().chain(branches).chain(*otherwise).for_each(then);
            }
            Expr::Call(call) => {
                if let Arguments::List { distinct: _, items, order } = &call.arguments {
                    items.iter().map(|argument| argument.value).chain(keys(order)).for_each(&mut *then);
                }
                keys(&call.within_group).chain(call.filter).for_each(&mut *then);
                call.over.iter().flat_map(Window::exprs).for_each(then);
            }
            Expr::Subscript { operand, bounds } => std::iter::once(operand).chain(bounds).copied().for_each(then),
        }
    }

    /// The query in it, if it has one.
    pub(in crate::sql) fn query(&self) -> Option<QueryId> {
        match self {
            Expr::Exists(query)
            | Expr::Scalar(query)
            | Expr::InQuery { query, .. }
            | Expr::QuantifiedQuery { query, .. } => Some(*query),
            Expr::Call(call) => match call.arguments {
                Arguments::Query(query) => Some(query),
                Arguments::None | Arguments::Star | Arguments::List { .. } => None,
            },
            _ => None,
        }
    }
}

impl Window<'_> {
    /// Every expression in it.
    pub(in crate::sql) fn exprs(&self) -> impl Iterator<Item = ExprId> {
        self.partition.iter().copied().chain(keys(&self.order)).chain(self.frame.iter().copied())
    }
}

fn keys(keys: &[SortKey<'_>]) -> impl Iterator<Item = ExprId> {
    keys.iter().map(|key| key.expr)
}
