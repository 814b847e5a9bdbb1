//! Expressions.

use super::{Name, QualifiedName, SortKey};
use crate::sql::tree::{ExprId, QueryId, TypeName};

/// An operator as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) struct Operator<'t> {
    /// `=`, `<>` (for `!=` too), `@>` …
    pub symbol: &'t str,
    /// Its token.
    pub token: usize,
}

/// An expression. Its span has the parentheses around it.
#[derive(Debug)]
pub(in crate::sql) enum Expr<'t> {
    /// A column, or a whole row.
    Column(QualifiedName<'t>),
    /// `t.*` as a value: a whole row.
    Star(QualifiedName<'t>),
    /// `$n`, from 0.
    Param(usize),
    /// A string, a number or a bit string; its token has the value.
    Constant(usize),
    /// `TRUE`, `FALSE`
    Bool(bool),
    /// `NULL`
    Null,
    /// `DEFAULT`, in the place of a value that is written.
    Default,
    /// `x::t`, `CAST(x AS t)`, `t 'x'`
    Cast {
        /// What is cast.
        operand: ExprId,
        /// To which type.
        to: TypeName<'t>,
    },
    /// `INTERVAL 'x' …`: what it is of, and the words around it are in the span.
    Interval(ExprId),
    /// AND
    And(Vec<ExprId>),
    /// OR
    Or(Vec<ExprId>),
    /// NOT
    Not(ExprId),
    /// A binary operator.
    Binary {
        /// The left operand.
        left: ExprId,
        /// Which.
        operator: Operator<'t>,
        /// The right operand.
        right: ExprId,
    },
    /// A prefix operator.
    Prefix {
        /// Which.
        operator: Operator<'t>,
        /// Its operand.
        operand: ExprId,
    },
    /// IS [NOT] NULL
    IsNull {
        /// Of what.
        operand: ExprId,
        /// NOT
        negated: bool,
    },
    /// IS [NOT] TRUE, FALSE, UNKNOWN
    IsTruth {
        /// Of what.
        operand: ExprId,
        /// TRUE, FALSE; `None` for UNKNOWN.
        truth: Option<bool>,
        /// NOT
        negated: bool,
    },
    /// IS [NOT] DISTINCT FROM
    IsDistinct {
        /// The left operand.
        left: ExprId,
        /// The right operand.
        right: ExprId,
        /// NOT
        negated: bool,
    },
    /// [NOT] IN a list
    In {
        /// What.
        operand: ExprId,
        /// Never empty.
        items: Vec<ExprId>,
        /// NOT
        negated: bool,
    },
    /// [NOT] IN a subquery
    InQuery {
        /// What.
        operand: ExprId,
        /// Whose one column.
        query: QueryId,
        /// NOT
        negated: bool,
    },
    /// `x = ANY (array)`, `x <> ALL (array)`
    Quantified {
        /// What.
        operand: ExprId,
        /// How each element is compared.
        operator: Operator<'t>,
        /// ALL, else ANY or SOME.
        all: bool,
        /// The array.
        array: ExprId,
    },
    /// The same over a subquery.
    QuantifiedQuery {
        /// What.
        operand: ExprId,
        /// How each row is compared.
        operator: Operator<'t>,
        /// ALL, else ANY or SOME.
        all: bool,
        /// The query.
        query: QueryId,
    },
    /// [NOT] BETWEEN
    Between {
        /// What.
        operand: ExprId,
        /// The one bound.
        low: ExprId,
        /// The other.
        high: ExprId,
        /// SYMMETRIC
        symmetric: bool,
        /// NOT
        negated: bool,
    },
    /// [NOT] LIKE, ILIKE, SIMILAR TO
    Pattern {
        /// Which.
        kind: PatternKind,
        /// What.
        operand: ExprId,
        /// The pattern.
        pattern: ExprId,
        /// ESCAPE
        escape: Option<ExprId>,
        /// NOT
        negated: bool,
    },
    /// CASE
    Case {
        /// What every branch is compared with.
        operand: Option<ExprId>,
        /// WHEN, THEN
        branches: Vec<(ExprId, ExprId)>,
        /// ELSE
        otherwise: Option<ExprId>,
    },
    /// A function.
    Call(Box<Call<'t>>),
    /// A function whose arguments the grammar separates by words.
    Form {
        /// Which.
        form: Form,
        /// Its arguments, in the order of the text.
        operands: Vec<ExprId>,
    },
    /// COLLATE
    Collate {
        /// What.
        operand: ExprId,
        /// The collation.
        collation: QualifiedName<'t>,
    },
    /// `(a, b)`
    Row(Vec<ExprId>),
    /// `ARRAY[…]`, and an array in one.
    Array(Vec<ExprId>),
    /// EXISTS
    Exists(QueryId),
    /// A scalar subquery.
    Scalar(QueryId),
    /// `x[1]`, `x[1:2]`
    Subscript {
        /// Of what.
        operand: ExprId,
        /// The bounds.
        bounds: Vec<ExprId>,
    },
    /// `(x).field`
    Field {
        /// Of what.
        operand: ExprId,
        /// Which; `None` for `*`.
        field: Option<Name<'t>>,
    },
}

/// Matching of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum PatternKind {
    /// LIKE
    Like,
    /// ILIKE
    ILike,
    /// SIMILAR TO
    SimilarTo,
}

/// Functions whose arguments the grammar separates by words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Form {
    /// AT TIME ZONE
    AtTimeZone,
    /// CEIL
    Ceil,
    /// EXTRACT
    Extract,
    /// FLOOR
    Floor,
    /// OVERLAY
    Overlay,
    /// POSITION
    Position,
    /// SUBSTRING
    Substring,
    /// TRIM
    Trim,
}

/// A call of a function.
#[derive(Debug)]
pub(in crate::sql) struct Call<'t> {
    /// Which.
    pub name: QualifiedName<'t>,
    /// Its arguments.
    pub arguments: Arguments<'t>,
    /// WITHIN GROUP
    pub within_group: Vec<SortKey<'t>>,
    /// FILTER
    pub filter: Option<ExprId>,
    /// OVER
    pub over: Option<Window<'t>>,
}

/// The arguments of a call.
#[derive(Debug)]
pub(in crate::sql) enum Arguments<'t> {
    /// Not even parentheses: `current_date`.
    None,
    /// `count(*)`
    Star,
    /// Any number of them.
    List {
        /// DISTINCT
        distinct: bool,
        /// In order.
        items: Vec<Argument<'t>>,
        /// ORDER BY inside of the parentheses.
        order: Vec<SortKey<'t>>,
    },
    /// `ARRAY(SELECT …)`
    Query(QueryId),
}

/// An argument of a call.
#[derive(Debug)]
pub(in crate::sql) struct Argument<'t> {
    /// `name => …`
    pub name: Option<Name<'t>>,
    /// Its value.
    pub value: ExprId,
}

/// A window, by its name or as it is.
#[derive(Debug)]
pub(in crate::sql) struct Window<'t> {
    /// The window that it names.
    pub base: Option<Name<'t>>,
    /// PARTITION BY
    pub partition: Vec<ExprId>,
    /// ORDER BY
    pub order: Vec<SortKey<'t>>,
    /// The bounds of its frame that are expressions.
    pub frame: Vec<ExprId>,
}
