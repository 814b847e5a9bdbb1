//! A constant beside a column, literal or parameter: the type that PostgreSQL gives it there, and what it cannot be
//! (SQL-20). Whoever reads statements shares it; how a constant is read is told where a tree is.

use super::plan::draft::Params;
use super::{Input, Literal, Refusal, literal};
use crate::error::SqlState;
use crate::value::Type;

/// A constant without its place among the tokens.
#[derive(Debug, Clone)]
pub(super) enum Bare {
    /// NULL, with the type that it is cast to.
    Null { cast: Option<Type> },
    /// `$n`, numbered from 0, with the type that it is cast to.
    Param { number: usize, cast: Option<Type> },
    /// A literal, and where it stands, in characters.
    Literal { literal: Literal, at: usize },
}

impl Bare {
    /// The type that it has without its neighbours.
    pub(super) fn type_of(&self, params: &Params) -> Option<Type> {
        match self {
            Bare::Literal { literal: Literal::Typed(ty, _), .. } => Some(*ty),
            Bare::Literal { literal: Literal::Untyped(_) | Literal::Array(_), .. } => None,
            Bare::Null { cast } => *cast,
            Bare::Param { number, cast } => {
                cast.or_else(|| params.declared(*number).and_then(|oid| Type::from_pg(oid, -1)))
            }
        }
    }

    /// Whether it is a parameter that only its neighbours give a type.
    pub(super) fn is_undeclared(&self, params: &Params) -> bool {
        matches!(self, Bare::Param { number, cast: None } if params.declared(*number).is_none())
    }

    /// As an element of an ARRAY that has parameters: beside them, PostgreSQL makes one without any type one of text.
    pub(super) fn in_array(self, element: Option<Type>) -> Self {
        let untyped = element.unwrap_or(Type::Text);
        match self {
            Bare::Param { number, cast: None } => Bare::Param { number, cast: Some(untyped) },
            Bare::Literal { literal: Literal::Untyped(text), at } => {
                Bare::Literal { literal: Literal::Typed(untyped, text), at }
            }
            value @ (Bare::Param { cast: Some(_), .. } | Bare::Literal { .. } | Bare::Null { .. }) => value,
        }
    }
}

/// A comparison of a column with constants, as the statement writes it.
pub(super) struct Comparison {
    /// The operator that decides it: `=` or `<>`.
    pub operator: &'static str,
    /// The token that PostgreSQL points at.
    pub token: usize,
    /// Whether the column is the left operand.
    pub column_first: bool,
}

impl Comparison {
    /// An error if PostgreSQL has no operator between a column of type `own` and a constant of type `ty`; `at` is the byte
    /// of the token.
    pub(super) fn check(&self, own: &Type, ty: &Type, at: usize) -> Result<(), Refusal> {
        if own.is_ambiguous_beside(ty) {
            return Err(Refusal::new(format!("a sealed {own} cannot be compared with {ty}"))
                .hint(format!("Write the constant as {own}.")));
        }
        if own.compares_with(ty) {
            return Ok(());
        }
        let (own, ty) = (own.sql_name(), ty.sql_name());
        let (left, right) = if self.column_first { (own, ty) } else { (ty, own) };
        let message = format!("operator does not exist: {left} {} {right}", self.operator);
        Err(Refusal::error(SqlState::UNDEFINED_FUNCTION, message)
            .hint("No operator matches the given name and argument types. You might need to add explicit type casts.")
            .at(at))
    }
}

/// The type of a parameter under one more cast. An explicit cast to varchar(n) cuts, where an assignment is an error.
pub(super) fn recast(number: usize, inner: Option<Type>, to: Option<Type>) -> Result<Type, Refusal> {
    match to {
        Some(to) if !to.is_cut_by_casts() && inner.is_none_or(|inner| inner == to) => Ok(to),
        _ => Err(Refusal::new(format!(
            "parameter ${} of a protected column is cast to a type that cannot be applied here",
            number + 1
        ))
        .hint("leave the cast out, or cast to the type of the column")),
    }
}

/// Whether PostgreSQL compares and stores a NULL of this type as one of the column's: where it does not, it has no
/// operator or no cast, and says so before it looks at a value.
pub(super) fn is_null_of(cast: &Type, column: &Type) -> bool {
    cast.same_base(column) || (cast.is_number() && column.is_number()) || (cast.is_text() && column.is_text())
}

/// Whether the bytes of a parameter declared as `declared` may stand for `$n::cast`: no value changes.
pub(super) fn same_value(declared: &Type, cast: &Type) -> bool {
    let (declared, cast) = (&declared.unmodified(), *cast);
    *declared == cast
        || (declared.is_integer() && cast == cast.unmodified() && cast.outranks(declared))
        || (declared.is_text() && cast.is_text() && cast == cast.unmodified())
}

/// PostgreSQL gives a list, with the column, one type: an untyped constant beside one of another type is read as that.
pub(super) fn is_mixed<'c>(constants: impl Iterator<Item = &'c Bare> + Clone, own: &Type, params: &Params) -> bool {
    let any = |is: &dyn Fn(&Bare) -> bool| constants.clone().any(is);
    let string = |item: &Bare| matches!(item, Bare::Literal { literal: Literal::Untyped(_), .. });
    let foreign = |item: &Bare| match item {
        Bare::Literal { literal: Literal::Typed(ty, _), .. } => !ty.same_base(own),
        Bare::Literal { literal: Literal::Untyped(_) | Literal::Array(_), .. } => false,
        Bare::Param { .. } | Bare::Null { .. } => false,
    };
    let raises = |item: &Bare| item.type_of(params).is_some_and(|ty| ty.outranks(own));
    let another = |item: &Bare| item.type_of(params).is_some_and(|ty| own.is_another_in_lists(&ty));
    let several = constants.clone().nth(1).is_some();
    (several && (own.is_another_in_lists(&own.operand()) || any(&another)))
        || (any(&string) && any(&foreign))
        || (any(&|item| item.is_undeclared(params) || string(item)) && any(&raises))
}

/// The same for a condition that is evaluated again, for which numbers and texts of another type make no difference;
/// `undeclared`: one of the constants is a parameter that only the list gives a type.
pub(super) fn reads_otherwise(constants: &[Input], undeclared: bool, own: &Type) -> bool {
    let untyped = |input: &Input| matches!(input, Input::Literal { literal: Literal::Untyped(_), .. });
    let typed = |input: &Input| match input {
        Input::Param { ty, .. } | Input::Literal { literal: Literal::Typed(ty, _), .. } => Some(*ty),
        Input::Literal { .. } | Input::Null | Input::Stored(_) | Input::Fetched(_) => None,
    };
    let foreign = |input: &Input| typed(input).is_some_and(|ty| !is_null_of(&ty, own));
    let another = |input: &Input| typed(input).is_some_and(|ty| own.is_another_in_lists(&ty));
    ((undeclared || constants.iter().any(untyped)) && constants.iter().any(foreign))
        || (constants.len() > 1 && (own.is_another_in_lists(&own.operand()) || constants.iter().any(another)))
}

/// The array of `= ANY` as a condition reads it again, under a cast to an array of `element` or none. `own` is what the
/// column's operator takes; `is_own`: whether nothing else gives a parameter of this number a type.
pub(super) fn compared_array(
    array: Bare,
    element: Option<Type>,
    own: Type,
    params: &Params,
    is_own: impl FnOnce(usize) -> bool,
) -> Option<Input> {
    match array {
        Bare::Param { number, cast: None } => {
            let declared = match params.declared(number) {
                Some(oid) => Some(Type::of_array(oid)?),
                None => None,
            };
            let ty = match (declared, element) {
                (Some(declared), Some(cast)) => same_value(&declared, &cast).then_some(declared)?,
                (Some(ty), None) | (None, Some(ty)) => ty,
                (None, None) if is_own(number) => own,
                (None, None) => return None,
            };
            Some(Input::Param { index: number, ty })
        }
        Bare::Literal { literal: Literal::Untyped(text), at } => {
            let literal = match element {
                Some(ty) => Literal::Typed(ty, text),
                None => Literal::Untyped(text),
            };
            Some(Input::Literal { literal, at })
        }
        Bare::Null { cast: None } if element.is_none_or(|cast| is_null_of(&cast, &own)) => Some(Input::Null),
        Bare::Param { .. } | Bare::Literal { .. } | Bare::Null { .. } => None,
    }
}

/// `ARRAY[…]` of literals as a condition reads it again.
pub(super) fn compared_elements(list: literal::Constant, own: &Type) -> Option<Input> {
    let carried = |item: &Literal| match item {
        Literal::Typed(ty, _) => own.carries(ty),
        Literal::Untyped(_) | Literal::Array(_) => true,
    };
    match list {
        literal::Constant::Value(Literal::Array(items)) if items.iter().flatten().all(carried) => {
            Some(Input::Literal { literal: Literal::Array(items), at: 0 })
        }
        literal::Constant::Value(_) | literal::Constant::Null => None,
    }
}

/// The refusal of an ARRAY in which nothing has a type, or not all have one: what PostgreSQL makes of it depends on what
/// stands around it, or each element has a modifier of its own.
pub(super) fn untyped_array(label: &str) -> Refusal {
    Refusal::new(format!("an ARRAY whose elements have no type, or several, cannot be used with column {label}"))
        .hint("Write the array in quotes: '{1.01,1.005}', '{NULL}', '{}'.")
}
