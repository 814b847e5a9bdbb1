//! Which protected table a name means: by the lock alone (CAT-1 to CAT-4).

use std::sync::Arc;

use super::source::unreadable;
use crate::error::SqlState;
use crate::schema::names::quote;
use crate::schema::{DependentKind, Meaning, Protection, Relation, Table};
use crate::sql::Refusal;

/// The protected table that a name of one or two parts means; `None` if it is not a protected one (CAT-3).
pub(in crate::sql) fn table<S: AsRef<str>>(
    protection: &Protection,
    parts: &[S],
) -> Result<Option<Arc<Table>>, Refusal> {
    let (schema, name) = match parts {
        [name] => (None, name.as_ref()),
        [schema, name] => (Some(schema.as_ref()), name.as_ref()),
        _ => return Err(unreadable()),
    };
    if let Some(schema) = schema
        && protection.unprotected.contains(&Relation { schema: schema.to_owned(), name: name.to_owned() })
    {
        return Ok(None);
    }
    if let (None, Some(meaning)) = (schema, protection.meanings.get(name)) {
        return Err(elsewhere(name, meaning));
    }
    let table = protection.table(name);
    let logical = table.map_or(name, |table| table.logical.as_str());
    if let Some(reason) = protection.drifted.get(name).or_else(|| protection.drifted.get(logical)) {
        return Err(Refusal::error(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("table {name} no longer matches the schema lock: {reason}"),
        )
        .hint("run `pgseal schema plan`"));
    }
    if let Some(what) = protection.dependents.reason(DependentKind::Relation, name) {
        return Err(Refusal::new(format!("{name} is {what}: it cannot be used through the proxy in this version"))
            .hint("use the protected table itself"));
    }
    match (table, schema) {
        (Some(table), Some(schema)) if schema != table.relation.schema => {
            Err(Refusal::new(format!("{schema}.{name} has the name of the protected table {}", label(table)))
                .hint("declare it under `unprotected` in the schema file if it holds nothing to protect"))
        }
        (table, _) => Ok(table.cloned()),
    }
}

/// Why an unqualified name of a protected table cannot be taken for it in this session (SQL-63).
pub(super) fn elsewhere(name: &str, meaning: &Meaning) -> Refusal {
    let other = |Relation { schema, name }: &Relation| format!("{schema}.{name}");
    let protected = format!("the protected table {name}");
    match meaning {
        Meaning::Missing => {
            Refusal::error(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
        }
        Meaning::Unprotected(relation) => Refusal::new(format!(
            "by this session's search_path {name} is {}, not {protected}, and it is not clear that this statement means it",
            other(relation)
        ))
        .hint(format!("write {}", other(relation))),
        Meaning::Other(relation) => Refusal::new(format!(
            "by this session's search_path {name} is {}, not {protected}",
            other(relation)
        ))
        .hint(format!(
            "name the schema, or declare {} under `unprotected` in the schema file if it holds nothing to protect",
            other(relation)
        )),
        Meaning::Moved(relation) => Refusal::new(format!(
            "by a search_path that this client did not set {name} is {}, not {protected}",
            other(relation)
        ))
        .hint("name the schema, or SET search_path in this session"),
        Meaning::Unknown => Refusal::new(format!(
            "it is not known whether {name} is {protected} by this session's search_path, or another one of that name"
        ))
        .hint("name the schema, or SET search_path in a query before this one"),
    }
}

/// The refusal of whatever names a table of the schema file before it is applied (CAT-3).
pub(super) fn not_applied(relation: &Relation) -> Refusal {
    let Relation { schema, name } = relation;
    let message = format!("table {schema}.{name} is in the schema file and not applied: nothing that names it goes on");
    Refusal::error(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message).hint(
        "create it at the database, not through pgseal, then run `pgseal schema apply`: `pgseal serve` takes it up by \
         itself, a service of the SDK when it builds its sealer",
    )
}

/// A table in messages.
pub(in crate::sql) fn label(table: &Table) -> String {
    format!("{}.{}", table.relation.schema, table.relation.name)
}

/// The qualified physical name of a table (CAT-4).
pub(in crate::sql) fn physical_name(table: &Table) -> String {
    format!("{}.{}", quote(&table.relation.schema), quote(&table.relation.name))
}
