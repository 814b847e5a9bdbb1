//! Function calls in a statement on a protected table: builtin ones over plain arguments, and count.

use sqlparser::ast::{
    DuplicateTreatment, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, WindowSpec, WindowType,
};

use super::expr::{Seen, all, condition, order, subquery, unknown, walk};
use super::predicate::{self, no_operator, sealed_column};
use super::{Ctx, scope};
use crate::sql::Refusal;
use crate::sql::functions::{self, FunctionKind};

/// A function of the allow-list.
pub(super) fn call(ctx: &mut Ctx<'_>, function: &Function) -> Result<Seen, Refusal> {
    let Function { name, uses_odbc_syntax, parameters, args, within_group, filter, null_treatment, over } = function;
    let parts = scope::idents(name)?;
    let called = match parts.as_slice() {
        [name] => name.value.as_str(),
        [schema, name] if schema.value == "pg_catalog" => name.value.as_str(),
        _ => return Err(unknown("a function with a qualified name")),
    };
    let kind = functions::callable(called)?;
    if kind == FunctionKind::Set {
        return Err(unknown("a function that returns a set"));
    }
    if *uses_odbc_syntax
        || !matches!(parameters, FunctionArguments::None)
        || null_treatment.is_some()
        || !within_group.is_empty()
    {
        return Err(unknown("a call of this form"));
    }
    let mut seen = match args {
        FunctionArguments::None => Seen::default(),
        FunctionArguments::Subquery(_) => return Err(subquery()),
        FunctionArguments::List(list) => arguments(ctx, called, list)?,
    };
    if let Some(filter) = filter {
        seen = seen.and(condition(ctx, filter)?);
    }
    match over {
        None if kind == FunctionKind::Aggregate => {
            seen.columns = false;
            seen.aggregate = true;
        }
        None => {}
        Some(WindowType::WindowSpec(WindowSpec { window_name: None, partition_by, order_by, window_frame: None })) => {
            seen = seen.and(all(ctx, partition_by, "PARTITION BY")?).and(order(ctx, order_by)?);
            seen.columns = true;
        }
        Some(WindowType::WindowSpec(_) | WindowType::NamedWindow(_)) => return Err(unknown("a window of this form")),
    }
    Ok(seen)
}

fn arguments(ctx: &mut Ctx<'_>, called: &str, list: &FunctionArgumentList) -> Result<Seen, Refusal> {
    let FunctionArgumentList { duplicate_treatment, args, clauses } = list;
    let mut seen = Seen::default();
    for argument in args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                seen = seen.and(match sealed_column(ctx, expr)? {
                    Some(id) if called == "count" => {
                        let distinct = matches!(duplicate_treatment, Some(DuplicateTreatment::Distinct));
                        predicate::counted(ctx, id, expr, distinct)?;
                        Seen::default()
                    }
                    Some(id) => return Err(no_operator(ctx, id, &format!("{called}()"))),
                    None => walk(ctx, expr)?,
                });
            }
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if called == "count" => {}
            FunctionArg::Unnamed(
                FunctionArgExpr::Wildcard
                | FunctionArgExpr::QualifiedWildcard(_)
                | FunctionArgExpr::WildcardWithOptions(_),
            ) => return Err(unknown("a whole row as an argument")),
            FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => return Err(unknown("a named argument")),
        }
    }
    for clause in clauses {
        match clause {
            FunctionArgumentClause::OrderBy(items) => seen = seen.and(order(ctx, items)?),
            FunctionArgumentClause::IgnoreOrRespectNulls(_)
            | FunctionArgumentClause::Where(_)
            | FunctionArgumentClause::Limit(_)
            | FunctionArgumentClause::OnOverflow(_)
            | FunctionArgumentClause::Having(_)
            | FunctionArgumentClause::Separator(_)
            | FunctionArgumentClause::JsonNullClause(_)
            | FunctionArgumentClause::JsonReturningClause(_) => return Err(unknown("a call of this form")),
        }
    }
    Ok(seen)
}
