//! What depends on a protected object without being one, by kind: a name counts only where its kind can stand (SQL-65).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What an object is, and so where its name means it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DependentKind {
    /// A view, a child, a table that hands its rows to code, a foreign table.
    Relation,
    /// A domain, an array, a composite type.
    Type,
    /// A function, procedure or aggregate that names a protected object.
    Routine,
    /// The same over one row: also called as `row.name`.
    RowRoutine,
    /// A routine that runs SQL of its own making, or whose code cannot be read: it counts when it is handed constants.
    SqlRoutine,
    /// The same over one row: also called as `row.name`.
    SqlRowRoutine,
    /// An operator, by its symbol.
    Operator,
}

/// Names with what they are and why they count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependents {
    /// Shared: every session may have a view of what is protected.
    names: Arc<BTreeMap<String, BTreeMap<DependentKind, String>>>,
    /// Symbols are no names: they are looked for among other tokens.
    operators: Arc<BTreeMap<String, String>>,
}

impl Dependents {
    /// Adds one. The first reason stands.
    pub fn insert(&mut self, kind: DependentKind, name: impl Into<String>, reason: impl Into<String>) {
        match kind {
            DependentKind::Operator => {
                Arc::make_mut(&mut self.operators).entry(name.into()).or_insert_with(|| reason.into())
            }
            DependentKind::Relation
            | DependentKind::Type
            | DependentKind::Routine
            | DependentKind::RowRoutine
            | DependentKind::SqlRoutine
            | DependentKind::SqlRowRoutine => Arc::make_mut(&mut self.names)
                .entry(name.into())
                .or_default()
                .entry(kind)
                .or_insert_with(|| reason.into()),
        };
    }

    /// The kinds of a name, each with its reason. Operators have no name.
    pub fn named(&self, name: &str) -> Option<(&str, &BTreeMap<DependentKind, String>)> {
        self.names.get_key_value(name).map(|(name, kinds)| (name.as_str(), kinds))
    }

    /// Why an object of this kind and name counts, if it does.
    pub fn reason(&self, kind: DependentKind, name: &str) -> Option<&str> {
        match kind {
            DependentKind::Operator => self.operators.get(name),
            DependentKind::Relation
            | DependentKind::Type
            | DependentKind::Routine
            | DependentKind::RowRoutine
            | DependentKind::SqlRoutine
            | DependentKind::SqlRowRoutine => self.names.get(name)?.get(&kind),
        }
        .map(String::as_str)
    }

    /// Every name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Every operator's symbol, in order.
    pub fn operators(&self) -> impl Iterator<Item = &str> {
        self.operators.keys().map(String::as_str)
    }

    /// Every one, in order.
    pub fn iter(&self) -> impl Iterator<Item = (DependentKind, &str, &str)> {
        let names = self
            .names
            .iter()
            .flat_map(|(name, kinds)| kinds.iter().map(move |(kind, reason)| (*kind, name.as_str(), reason.as_str())));
        let operators =
            self.operators.iter().map(|(symbol, reason)| (DependentKind::Operator, symbol.as_str(), reason.as_str()));
        names.chain(operators)
    }
}

/// Functions of PostgreSQL and its usual extensions that run SQL given as text (SQL-13); also every `dblink…`,
/// `crosstab…`.
const RUNS_SQL: [&str; 18] = [
    "connectby",
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "database_to_xmlschema",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "schema_to_xmlschema",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "table_to_xmlschema",
    "ts_rewrite",
    "ts_stat",
    "xpath_table",
];

/// Whether a function of this name, in any case, runs SQL that it is given as text.
pub fn runs_sql(name: &str) -> bool {
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    begins("dblink") || begins("crosstab") || RUNS_SQL.iter().any(|function| name.eq_ignore_ascii_case(function))
}

/// Whether `pg_proc.prosrc` of a function of language internal or C is code that runs SQL, whatever the function is
/// called.
pub fn symbol_runs_sql(symbol: &str) -> bool {
    // ts_stat and ts_rewrite have another symbol for each signature; the one with three arguments runs none.
    let others = ["ts_stat1", "ts_stat2", "tsquery_rewrite_query", "connectby_text", "connectby_text_serial"];
    symbol != "ts_rewrite" && (runs_sql(symbol) || others.contains(&symbol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_65_a_name_may_be_several_things_and_an_operator_is_none() {
        let mut dependents = Dependents::default();
        dependents.insert(DependentKind::Routine, "total", "a function");
        dependents.insert(DependentKind::Relation, "total", "a view");
        dependents.insert(DependentKind::Relation, "total", "another");
        dependents.insert(DependentKind::Operator, "@@@", "an operator");
        assert_eq!(dependents.reason(DependentKind::Relation, "total"), Some("a view"));
        assert_eq!(dependents.reason(DependentKind::Type, "total"), None);
        assert_eq!(dependents.names().collect::<Vec<_>>(), ["total"]);
        assert_eq!(dependents.operators().collect::<Vec<_>>(), ["@@@"]);
        assert_eq!(dependents.iter().count(), 3);
    }

    #[test]
    fn sql_13_code_that_runs_sql_is_known_by_its_symbol() {
        for symbol in ["query_to_xml", "dblink_exec", "tsquery_rewrite_query", "ts_stat2", "crosstab_hash"] {
            assert!(symbol_runs_sql(symbol), "{symbol}");
        }
        for symbol in ["tsquery_rewrite", "autoinc", "textlower", "ts_rewrite"] {
            assert!(!symbol_runs_sql(symbol), "{symbol}");
        }
    }
}
