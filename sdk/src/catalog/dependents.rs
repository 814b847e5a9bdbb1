//! What depends on a protected object: what the catalog's own dependencies say, and code whose text names one, which the
//! catalog does not see through (SQL-13, SQL-65).

use std::collections::{BTreeMap, BTreeSet};

use super::words::{Needles, Words, has_escaped_names, runs_sql_of_its_own};
use crate::schema::DependentKind;
use crate::schema::dependents::symbol_runs_sql;
use crate::schema::lock::Dependent;

/// A routine, or the text of a view, rule, trigger or foreign table.
#[derive(Debug, Clone)]
pub(super) struct Body {
    /// Of the routine, or of the relation that the text belongs to.
    pub(super) oid: u32,
    /// `routine`, `view`, `rule`, …
    pub(super) what: &'static str,
    /// Its last name.
    pub(super) name: String,
    /// Its qualified name, with the types of a routine's arguments.
    pub(super) identity: String,
    /// One row may be its only argument, so that it is called as `row.name` too.
    pub(super) over_row: bool,
    /// What its text names.
    pub(super) words: Words,
    /// Why it may run what its text does not say.
    pub(super) opaque: Option<String>,
    /// Its names may be escaped.
    pub(super) escaped: bool,
    /// BLAKE3 over its text, hex.
    pub(super) hash: String,
}

impl Body {
    /// A routine from its row of `pg_proc`.
    pub(super) fn routine(
        oid: u32,
        name: String,
        identity: String,
        over_row: bool,
        language: &str,
        text: &str,
    ) -> Self {
        let (opaque, escaped) = match language {
            "sql" | "plpgsql" => (
                runs_sql_of_its_own(text).map(|word| format!("that runs SQL of its own making ({word})")),
                has_escaped_names(text),
            ),
            // Such code is compiled, and runs no SQL unless it is that of a function which is known to.
            "internal" | "c" => {
                (symbol_runs_sql(text).then(|| format!("that runs the SQL it is given ({text})")), false)
            }
            other => (Some(format!("in {other}, which this version cannot read")), false),
        };
        let (words, hash) = (Words::of(text), hash(text));
        Self { oid, what: "function", name, identity, over_row, words, opaque, escaped, hash }
    }

    /// The text of something that belongs to a relation.
    pub(super) fn of_relation(oid: u32, what: &'static str, name: String, identity: String, text: &str) -> Self {
        let (words, escaped, hash) = (Words::of(text), has_escaped_names(text), hash(text));
        Self { oid, what, name, identity, over_row: false, words, opaque: None, escaped, hash }
    }

    /// Why it touches a protected object, if its text says so.
    fn why(&self, found: &Found) -> Option<String> {
        if let Some(name) = self.words.first(&found.protected) {
            return Some(format!("that names {name}"));
        }
        if let Some(name) = self.words.first(&found.touching) {
            return Some(format!("that names {name}, which may touch a protected table"));
        }
        self.escaped.then(|| "with a U&\"...\" name".to_owned())
    }
}

/// The dependents that are known so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// As the lock has them.
    pub(super) listed: BTreeMap<String, Dependent>,
    /// The protected tables.
    protected: Needles,
    /// What touches one.
    touching: Needles,
    /// Routines that run SQL of their own making.
    running: Needles,
    tables: BTreeSet<String>,
    /// Routines that name a protected object, by OID: what the catalog's dependencies start from.
    pub(super) routines: BTreeSet<u32>,
    /// Relations with a text that names one.
    pub(super) relations: BTreeSet<u32>,
    /// Routines that run SQL of their own making.
    pub(super) opaque: BTreeSet<u32>,
}

impl Found {
    /// None yet, of tables with these names.
    pub(super) fn of(tables: impl Iterator<Item = String>) -> Self {
        let mut found = Self { tables: tables.collect(), ..Self::default() };
        for name in &found.tables {
            found.protected.add(name, false);
        }
        found
    }

    /// Whether a protected table has this name: then it counts already.
    pub(super) fn is_protected(&self, name: &str) -> bool {
        self.tables.contains(name)
    }

    /// Adds one; says whether it is new.
    pub(super) fn add(
        &mut self,
        kind: DependentKind,
        name: &str,
        identity: &str,
        reason: String,
        hash: String,
    ) -> bool {
        let what = match kind {
            DependentKind::Relation => "relation",
            DependentKind::Type => "type",
            DependentKind::Routine | DependentKind::RowRoutine => "routine",
            DependentKind::SqlRoutine | DependentKind::SqlRowRoutine => "routine with SQL of its own",
            DependentKind::Operator => "operator",
        };
        let key = format!("{what} {identity}");
        if self.listed.contains_key(&key) {
            return false;
        }
        match kind {
            DependentKind::Relation | DependentKind::Type => self.touching.add(name, false),
            DependentKind::Routine | DependentKind::RowRoutine => self.touching.add(name, true),
            DependentKind::SqlRoutine | DependentKind::SqlRowRoutine => self.running.add(name, true),
            // What uses it depends on it in the catalog, unless it is a text.
            DependentKind::Operator => self.touching.add(name, false),
        }
        self.listed.insert(key, Dependent { kind: Some(kind), name: Some(name.to_owned()), reason, hash });
        true
    }

    /// Adds what the texts say, until they say nothing new: code that names what was found is found too.
    pub(super) fn read<'b>(&mut self, bodies: impl Iterator<Item = &'b Body> + Clone) {
        let mut added = true;
        while added {
            added = false;
            for body in bodies.clone() {
                added |= self.body(body);
            }
        }
    }

    fn body(&mut self, body: &Body) -> bool {
        let routine = body.what == "function";
        let mut added = false;
        let known = if routine { &self.routines } else { &self.relations };
        if !known.contains(&body.oid)
            && let Some(why) = body.why(self)
        {
            let kind = match (routine, body.over_row) {
                (true, true) => DependentKind::RowRoutine,
                (true, false) => DependentKind::Routine,
                (false, _) => DependentKind::Relation,
            };
            if routine {
                self.routines.insert(body.oid)
            } else {
                self.relations.insert(body.oid)
            };
            let named = kind == DependentKind::Relation && self.is_protected(&body.name);
            if !named {
                self.add(kind, &body.name, &body.identity, format!("a {} {why}", body.what), body.hash.clone());
            }
            added = true;
        }
        if routine && !self.opaque.contains(&body.oid) {
            let called =
                || Some(format!("that calls {}, which runs SQL of its own making", body.words.first(&self.running)?));
            if let Some(why) = body.opaque.clone().or_else(called) {
                let kind = if body.over_row { DependentKind::SqlRowRoutine } else { DependentKind::SqlRoutine };
                self.opaque.insert(body.oid);
                self.add(kind, &body.name, &body.identity, format!("a function {why}"), body.hash.clone());
                added = true;
            }
        }
        added
    }
}

/// BLAKE3, hex.
pub(super) fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Dependents;

    fn function(name: &str, language: &str, text: &str) -> Body {
        let oid = name.bytes().fold(7, |oid: u32, byte| oid.wrapping_mul(31).wrapping_add(byte.into()));
        Body::routine(oid, name.into(), format!("public.{name}()"), false, language, text)
    }

    fn scan(bodies: &[Body]) -> Dependents {
        let mut found = Found::of(["card".to_owned()].into_iter());
        found.read(bodies.iter());
        let mut dependents = Dependents::default();
        for (key, dependent) in &found.listed {
            dependent.join(key, &mut dependents);
        }
        dependents
    }

    #[test]
    fn sql_13_a_function_that_names_a_table_or_calls_one_that_does_is_a_dependent() {
        let found = scan(&[
            function("outer_one", "sql", "SELECT inner_one()"),
            function("inner_one", "sql", "SELECT count(*) FROM Public.CARD"),
            function("harmless", "sql", "SELECT 1 FROM cards"),
        ]);
        assert_eq!(found.reason(DependentKind::Routine, "inner_one"), Some("a function that names card"));
        assert!(found.reason(DependentKind::Routine, "outer_one").unwrap().contains("inner_one"));
        assert!(found.named("harmless").is_none());
    }

    #[test]
    fn sql_65_a_column_named_like_a_function_that_names_a_table_makes_no_dependent() {
        let found = scan(&[
            function("tbalance", "sql", "SELECT count(*) FROM card"),
            function("report", "sql", "SELECT tbalance FROM totals"),
        ]);
        assert!(found.named("tbalance").is_some() && found.named("report").is_none());
    }

    #[test]
    fn sql_13_sql_of_its_own_and_languages_that_cannot_be_read_count_when_they_are_handed_constants() {
        let found = scan(&[
            function("dynamic", "plpgsql", "BEGIN EXECUTE 'UPDATE ca' || 'rd SET x = 1'; END"),
            function("snake", "plpython3u", "pass"),
            function("around", "sql", "SELECT dynamic()"),
            function("renamed", "internal", "query_to_xml"),
            function("linked", "c", "dblink_exec"),
            function("compiled", "c", "autoinc"),
            function("upper_again", "internal", "upper"),
        ]);
        let opaque = ["around", "dynamic", "linked", "renamed", "snake"];
        assert_eq!(found.names().collect::<Vec<_>>(), opaque);
        assert!(opaque.iter().all(|name| found.reason(DependentKind::SqlRoutine, name).is_some()));
    }

    #[test]
    fn sql_13_escaped_names_could_be_any() {
        let found = scan(&[function("escaped", "sql", "SELECT * FROM U&\"\\0063ard\"")]);
        assert!(found.reason(DependentKind::Routine, "escaped").is_some());
    }
}
