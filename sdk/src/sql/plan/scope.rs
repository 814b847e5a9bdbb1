//! What names in a statement over one protected table mean: lock-only resolution (CAT-1 to CAT-4).

use std::sync::Arc;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

use super::source::{Extent, Source, unreadable};
use crate::error::{ColumnName, SqlState};
use crate::schema::names::quote;
use crate::schema::{Column, ColumnId, DependentKind, Meaning, Protection, Relation, Table};
use crate::sql::Refusal;

/// The one protected table of a statement, under the name that its columns are qualified with.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// The table.
    pub table: Arc<Table>,
    /// The client's alias, else the table's own name.
    pub alias: String,
    /// Whether the client gave the alias.
    explicit: bool,
}

/// System columns: they do not mean the same on both sides of the proxy.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

impl Scope {
    /// Resolves the name of a table; `None` if it is not a protected one.
    pub(super) fn relation(
        source: &Source<'_>,
        protection: &Protection,
        name: &ObjectName,
    ) -> Result<Option<(Arc<Table>, Extent)>, Refusal> {
        let idents = idents(name)?;
        let (Some(first), Some(last)) = (idents.first(), idents.last()) else { return Err(unreadable()) };
        let extent = source.ident(first)?..source.ident(last)? + 1;
        let parts: Vec<_> = idents.iter().map(|ident| ident.value.as_str()).collect();
        Ok(table(protection, &parts)?.map(|table| (table, extent)))
    }

    /// The scope of a table with the alias that the client gave it, if any.
    pub(super) fn new(table: Arc<Table>, alias: Option<&Ident>) -> Self {
        let alias = alias.map(|alias| alias.value.clone());
        let explicit = alias.is_some();
        let alias = alias.unwrap_or_else(|| table.relation.name.clone());
        Self { table, alias, explicit }
    }

    /// The qualified physical name (CAT-4).
    pub(super) fn physical_name(&self) -> String {
        let Relation { schema, name } = &self.table.relation;
        format!("{}.{}", quote(schema), quote(name))
    }

    /// The alias that keeps `table.column` working; empty if the client gave one.
    pub(super) fn alias_clause(&self) -> String {
        if self.explicit { String::new() } else { format!(" AS {}", quote(&self.alias)) }
    }

    /// The physical column, qualified.
    pub(super) fn physical_column(&self, id: ColumnId) -> Result<String, Refusal> {
        Ok(self.qualified(&self.column(id)?.name))
    }

    /// Any physical column of this table, qualified.
    pub(super) fn qualified(&self, name: &str) -> String {
        format!("{}.{}", quote(&self.alias), quote(name))
    }

    /// The S form of a column in the clear (SQL-41).
    pub(super) fn stored(&self, id: ColumnId) -> Result<String, Refusal> {
        let column = self.column(id)?;
        let ty = column.ty.ok_or_else(unreadable)?;
        Ok(ty.stored_expression(&self.qualified(&column.name)))
    }

    pub(super) fn column(&self, id: ColumnId) -> Result<&Column, Refusal> {
        self.table.columns.get(id).ok_or_else(unreadable)
    }

    /// `table.column` for messages.
    pub(super) fn label(&self, id: ColumnId) -> String {
        let column = self.table.columns.get(id).map_or("", |column| &column.name);
        format!("{}.{column}", self.table.relation.name)
    }

    /// The column, as errors name it beside their message.
    pub(super) fn column_name(&self, id: ColumnId) -> ColumnName {
        let column = self.table.columns.get(id).map_or("", |column| &column.name);
        let Relation { schema, name } = &self.table.relation;
        ColumnName { schema: schema.clone(), table: name.clone(), column: column.to_owned() }
    }

    /// Whether rows of this table carry a signature.
    pub(super) fn is_signed(&self) -> bool {
        self.table.signature.is_some()
    }

    /// The column that an expression names.
    pub(super) fn resolve(&self, source: &Source<'_>, parts: &[Ident]) -> Result<ColumnId, Refusal> {
        let names = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>();
        let at = parts.first().and_then(|part| source.ident(part).ok()).map_or(0, |token| source.offset(token));
        let column = match names.as_slice() {
            [column] => column,
            [qualifier, column] if *qualifier == self.alias => column,
            [schema, table, column]
                if !self.explicit && *schema == self.table.relation.schema && *table == self.table.relation.name =>
            {
                column
            }
            [qualifier, _] | [_, qualifier, _] => return Err(self.no_such_table(qualifier).at(at)),
            [] | [_, _, _, ..] => return Err(unreadable()),
        };
        self.named(column, names.len() > 1, at)
    }

    /// PostgreSQL's words (errorMissingRTE in parse_relation.c).
    fn no_such_table(&self, qualifier: &str) -> Refusal {
        let hidden = self.explicit && qualifier == self.table.relation.name;
        let what = if hidden { "invalid reference to" } else { "missing" };
        let error =
            Refusal::error(SqlState::UNDEFINED_TABLE, format!("{what} FROM-clause entry for table \"{qualifier}\""));
        if hidden {
            error.hint(format!("Perhaps you meant to reference the table alias \"{}\".", self.alias))
        } else {
            error
        }
    }

    /// The column of this name. `at` is where the statement says it.
    pub(super) fn named(&self, name: &str, qualified: bool, at: usize) -> Result<ColumnId, Refusal> {
        if let Some((id, _)) = self.table.column(name) {
            return Ok(id);
        }
        if SYSTEM_COLUMNS.contains(&name) {
            return Err(Refusal::new(format!("the system column {name} of a protected table cannot be used")).at(at));
        }
        if !qualified && name == self.alias {
            return Err(Refusal::new(format!("the whole row {name} cannot be used as a value"))
                .hint("name its columns")
                .at(at));
        }
        let name = if qualified { format!("{}.{name}", self.alias) } else { format!("\"{name}\"") };
        Err(Refusal::error(SqlState::UNDEFINED_COLUMN, format!("column {name} does not exist")).at(at))
    }
}

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

/// The parts of a name that is made of identifiers only.
pub(super) fn idents(name: &ObjectName) -> Result<Vec<&Ident>, Refusal> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident),
            ObjectNamePart::Function(_) => Err(unreadable()),
        })
        .collect()
}
