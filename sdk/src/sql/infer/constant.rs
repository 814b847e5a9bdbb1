//! Constants of a statement, literals and parameters, with the casts around them (SQL-20).

use super::{Statement, unreadable};
use crate::error::SqlState;
use crate::sql::constant::{Bare, recast};
use crate::sql::lex::{Kind, unescape};
use crate::sql::literal::{self, Cast};
use crate::sql::tree::{Expr, ExprId, TypeName};
use crate::sql::{Literal, Refusal};
use crate::value::Type;

/// Casts, signs and parentheses around one constant.
const MAX_DEPTH: usize = 32;

impl Statement<'_, '_> {
    /// Reads an expression as a constant; `None` if it is something else.
    pub(in crate::sql) fn constant(&self, expr: ExprId) -> Result<Option<Bare>, Refusal> {
        if let Some((number, cast)) = self.parameter(expr, 0)? {
            return Ok(Some(Bare::Param { number, cast }));
        }
        Ok(self.literal(expr, 0)?.map(|constant| match constant {
            literal::Constant::Null => Bare::Null { cast: self.outer_type(expr) },
            literal::Constant::Value(Literal::Array(items)) => {
                let literal = literal::array_constant(&items).unwrap_or(Literal::Array(items));
                Bare::Literal { literal, at: self.source.characters(self.place(expr)) }
            }
            literal::Constant::Value(literal) => {
                Bare::Literal { literal, at: self.source.characters(self.place(expr)) }
            }
        }))
    }

    /// The type of the outermost cast.
    fn outer_type(&self, expr: ExprId) -> Option<Type> {
        match self.tree.expr(expr) {
            Expr::Cast { operand: _, to } => to.ty,
            _ => None,
        }
    }

    /// The byte at which PostgreSQL sees a constant: that of the literal inside of its casts.
    fn place(&self, expr: ExprId) -> usize {
        let mut expr = expr;
        loop {
            expr = match self.tree.expr(expr) {
                Expr::Cast { operand, .. } | Expr::Prefix { operand, .. } => *operand,
                Expr::Constant(token) => return self.at(*token),
                _ => return self.at(self.tree.span(expr).start),
            };
        }
    }

    /// A parameter under casts that change nothing but its type.
    fn parameter(&self, expr: ExprId, depth: usize) -> Result<Option<(usize, Option<Type>)>, Refusal> {
        match self.tree.expr(expr) {
            Expr::Param(number) => Ok(Some((*number, None))),
            Expr::Cast { .. } if depth > MAX_DEPTH => Err(too_many()),
            Expr::Cast { operand, to } => {
                let Some((number, inner)) = self.parameter(*operand, depth + 1)? else { return Ok(None) };
                recast(number, inner, to.ty).map(|to| Some((number, Some(to))))
            }
            _ => Ok(None),
        }
    }

    /// A literal as PostgreSQL types it.
    pub(in crate::sql) fn literal(&self, expr: ExprId, depth: usize) -> Result<Option<literal::Constant>, Refusal> {
        if depth > MAX_DEPTH {
            return Err(too_many());
        }
        if let Some(number) = self.number(expr)? {
            return Ok(Some(literal::numeric(number)));
        }
        match self.tree.expr(expr) {
            Expr::Constant(token) => self.string(*token).map(Some),
            Expr::Bool(value) => Ok(Some(literal::boolean(*value))),
            Expr::Null => Ok(Some(literal::Constant::Null)),
            Expr::Cast { operand, to } => match self.tree.expr(*operand) {
                Expr::Array(items) if to.dimensions > 0 => self.array(items, Some(to), depth),
                _ => match self.literal(*operand, depth + 1)? {
                    Some(constant) => literal::cast(constant, to.ty).map(Some),
                    None => Ok(None),
                },
            },
            Expr::Array(items) => self.array(items, None, depth),
            Expr::Prefix { operator, operand } if operator.symbol == "-" => match self.literal(*operand, depth + 1)? {
                Some(constant) => literal::negate(constant).map(Some),
                None => Ok(None),
            },
            Expr::Prefix { operator, operand } if operator.symbol == "+" => match self.literal(*operand, depth + 1)? {
                Some(constant) => literal::plus(constant).map(Some),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn array(
        &self,
        items: &[ExprId],
        to: Option<&TypeName<'_>>,
        depth: usize,
    ) -> Result<Option<literal::Constant>, Refusal> {
        let mut elements = Vec::with_capacity(items.len());
        for item in items {
            match self.literal(*item, depth + 1)? {
                Some(constant) => elements.push(constant),
                None => return Ok(None),
            }
        }
        let cast = match to {
            None => Cast::None,
            Some(to) if to.dimensions == 1 => Cast::To(to.element),
            Some(_) => Cast::To(None),
        };
        literal::array(elements, cast).map(Some)
    }

    /// A numeric constant with the minus signs directly before it: PostgreSQL folds them before it gives a type, so that
    /// -2147483648 is int4 though 2147483648 is int8 (`doNegate`, `make_const`).
    fn number(&self, expr: ExprId) -> Result<Option<String>, Refusal> {
        let (mut negative, mut expr) = (false, expr);
        loop {
            match self.tree.expr(expr) {
                Expr::Prefix { operator, operand } if operator.symbol == "-" => {
                    negative = !negative;
                    expr = *operand;
                }
                Expr::Constant(token) if self.is_number(*token) => {
                    let sign = if negative { "-" } else { "" };
                    return Ok(Some(format!("{sign}{}", self.value(*token)?)));
                }
                _ => return Ok(None),
            }
        }
    }

    /// Whether a constant is a number, which PostgreSQL gives a type of its own.
    pub(in crate::sql) fn is_number(&self, token: usize) -> bool {
        self.tokens.get(token).is_some_and(|token| matches!(token.kind, Kind::Integer | Kind::Float))
    }

    fn string(&self, token: usize) -> Result<literal::Constant, Refusal> {
        match self.tokens.get(token).map(|token| token.kind) {
            Some(Kind::String | Kind::EscapeString | Kind::UnicodeString | Kind::DollarString) => {
                Ok(literal::Constant::Value(Literal::Untyped(self.value(token)?)))
            }
            Some(Kind::BitString | Kind::HexString) => Err(literal::not_carried("a bit string")),
            Some(Kind::NationalString) => Err(literal::not_carried("a national character string")),
            Some(_) => Err(literal::not_carried("a constant of this form")),
            None => Err(unreadable()),
        }
    }

    fn value(&self, token: usize) -> Result<String, Refusal> {
        let token = self.tokens.get(token).ok_or_else(unreadable)?;
        let value = unescape(self.text, token);
        value
            .map(|value| value.into_owned())
            .map_err(|error| Refusal::error(SqlState::SYNTAX_ERROR, error.what).at(error.at))
    }
}

fn too_many() -> Refusal {
    Refusal::error(SqlState::STATEMENT_TOO_COMPLEX, "too many casts around one constant")
}
