//! Calls: builtin functions over arguments in the clear, and count.

use super::{Infer, Kind, Seen};
use crate::sql::Refusal;
use crate::sql::functions::{self, FunctionKind};
use crate::sql::tree::unknown;
use crate::sql::tree::{Arguments, Call};

impl Infer<'_, '_> {
    /// A function of the allow-list, whose arguments were looked at.
    pub(super) fn call(&mut self, call: &Call<'_>) -> Result<Seen, Refusal> {
        let Call { name, arguments, within_group, filter, over } = call;
        let kind = self.callable(call)?;
        if kind == FunctionKind::Set {
            return Err(unknown("a function that returns a set"));
        }
        if !within_group.is_empty() {
            return Err(unknown("a call of this form"));
        }
        let called = name.last().map_or("", |name| &name.value);
        let mut seen = match arguments {
            Arguments::None => Seen::default(),
            Arguments::Star if called == "count" => Seen::default(),
            Arguments::Star => return Err(unknown("a whole row as an argument")),
            Arguments::Query(query) => {
                let outputs = self.blocks.get(&query.index()).map_or(&[][..], |block| block.outputs.as_slice());
                let mut seen = Seen { columns: true, ..Seen::default() };
                for output in outputs {
                    match output {
                        Kind::Sealed(bundle) | Kind::Picked(bundle) => {
                            return Err(self.statement.no_operator(bundle, "ARRAY"));
                        }
                        clear => seen = seen.and(Seen { aggregate: false, ..clear.seen() }),
                    }
                }
                seen
            }
            Arguments::List { distinct, items, order } => {
                let mut seen = Seen::default();
                for argument in items {
                    if argument.name.is_some() {
                        return Err(unknown("a named argument"));
                    }
                    seen = seen.and(match self.sealed(argument.value) {
                        Some(bundle) if called == "count" => {
                            self.counted(argument.value, &bundle, *distinct)?;
                            Seen::default()
                        }
                        Some(bundle) => return Err(self.statement.no_operator(&bundle, &format!("{called}()"))),
                        None => self.parts([argument.value], "its use in a call")?,
                    });
                }
                seen.and(self.parts(order.iter().map(|key| key.expr), "ORDER BY")?)
            }
        };
        if let Some(filter) = filter {
            let condition = self.parts([*filter], "its use as a condition")?;
            seen = seen.and(self.settled(condition)?);
        }
        match over {
            None if kind == FunctionKind::Aggregate => {
                seen.columns = false;
                seen.aggregate = true;
            }
            None => {}
            Some(window) => {
                seen = seen.and(self.parts(window.exprs(), "OVER")?);
                seen.columns = true;
            }
        }
        Ok(seen)
    }

    /// The kind of a function that may be called.
    pub(super) fn callable(&self, call: &Call<'_>) -> Result<FunctionKind, Refusal> {
        if let Arguments::Query(_) = call.arguments {
            // ARRAY(SELECT …)
            return Ok(FunctionKind::Scalar);
        }
        let called = match call.name.as_slice() {
            [name] => &name.value,
            [schema, name] if schema.value == "pg_catalog" => &name.value,
            _ => return Err(unknown("a function with a qualified name")),
        };
        functions::callable(called)
    }
}
