//! From a parsed statement to a decision: a file for each kind of statement.

mod constant;
mod delete;
mod draft;
mod expr;
mod insert;
mod output;
mod predicate;
mod returning;
mod scope;
mod select;
mod source;
mod update;
mod utility;

use self::constant::{Bare, same_value, without_modifier};
use self::draft::{Draft, Params};
use self::scope::Scope;
use self::source::{Source, unreadable};
use super::{Input, Notes, Refusal};
use crate::schema::ColumnId;
use crate::value::Type;

/// One statement in work.
struct Ctx<'a> {
    /// Its text and tokens.
    source: &'a Source<'a>,
    /// Its one protected table.
    scope: Scope,
    /// Its physical form.
    draft: Draft,
    /// Its parameters.
    params: Params,
    /// What `explain` will say.
    notes: Notes,
    /// The unprotected column that was met last, for the message of the leak rule.
    beside: Option<String>,
}

impl<'a> Ctx<'a> {
    fn new(source: &'a Source<'a>, scope: Scope, declared: &[u32]) -> Self {
        let (draft, params) = (Draft::default(), Params::new(declared));
        Self { source, scope, draft, params, notes: Notes::default(), beside: None }
    }

    /// A constant in a protected place.
    fn protect(&mut self, value: &Bare, column: ColumnId) -> Result<Input, Refusal> {
        match value {
            Bare::Null => Ok(Input::Null),
            Bare::Literal(literal) => Ok(Input::Literal(literal.clone())),
            Bare::Param { number, cast } => {
                let ty = self.param_type(*number, *cast, column)?;
                let label = self.scope.label(column);
                self.params.protected(*number, ty.oid(), &label)?;
                Ok(Input::Param { index: *number, ty })
            }
        }
    }

    /// The type that a parameter's bytes have: the declared one, else that of its cast, else the column's.
    fn param_type(&self, number: usize, cast: Option<Type>, column: ColumnId) -> Result<Type, Refusal> {
        let refused = || {
            Refusal::new(format!(
                "parameter ${} for column {} has a type that cannot be read here",
                number + 1,
                self.scope.label(column)
            ))
            .hint("declare it with the type of the column, or without a type")
        };
        let own = without_modifier(&self.scope.column(column)?.ty.ok_or_else(unreadable)?);
        match (self.params.declared(number), cast) {
            (None, cast) => Ok(cast.unwrap_or(own)),
            (Some(oid), cast) => {
                let declared = Type::from_pg(oid, -1).ok_or_else(refused)?;
                match cast {
                    Some(cast) if !same_value(&declared, &cast) => Err(refused()),
                    Some(_) | None => Ok(declared),
                }
            }
        }
    }
}
