//! Unique keys and indexes of sealed columns move to the exact beacons, and keep their names (SQL-55, SQL-56).

use std::collections::BTreeSet;

use crate::catalog::snapshot::{self, Constraint, Index};
use crate::schema::checked::TableSpec;
use crate::schema::names::{self, quote};

use super::plan::{Changes, quoted};
use super::refuse::Protected;

/// What was taken down, as the statements that put it up again over beacons.
pub(super) struct Carried {
    statements: Vec<(String, String)>,
    /// Helper columns that lead an index.
    led: BTreeSet<String>,
}

/// Drops what stands on columns that are about to be sealed.
pub(super) fn take_down(changes: &mut Changes, spec: &TableSpec, live: &snapshot::Table) -> Carried {
    let facts = Protected::of(spec, live);
    let table = quoted(&spec.relation);
    let mut carried = Carried { statements: Vec::new(), led: BTreeSet::new() };
    for constraint in live.constraints.iter().filter(|c| c.kind == "u" && facts.any_sealed(&c.columns)) {
        let name = quote(&constraint.name);
        let backing = live.indexes.iter().find(|index| index.name == constraint.name);
        let Some((columns, led)) = keys(spec, live, &facts, &constraint.columns, &[]) else {
            let what = format!("unique key {} is on a sealed column without an exact beacon", constraint.name);
            changes.refuse(spec, what, "give the column a beacon with length = \"exact\", or drop the constraint");
            continue;
        };
        if backing.is_some_and(|index| facts.any_sealed(&index.includes)) {
            let what = format!("unique key {} includes a sealed column", constraint.name);
            changes.refuse(spec, what, "make it again without INCLUDE");
            continue;
        }
        changes.step(
            format!("unique key {} moves to its tags", constraint.name),
            format!("ALTER TABLE {table} DROP CONSTRAINT {name}"),
        );
        let sql = format!("ALTER TABLE {table} ADD CONSTRAINT {name} {}", unique(live, constraint, backing, &columns));
        carried.statements.push((format!("unique key {} on tags", constraint.name), sql));
        carried.led.extend(led);
    }
    for index in live.indexes.iter().filter(|index| !index.constraint && facts.any_sealed(&index.keys)) {
        let name = quote(&index.name);
        let drop = format!("DROP INDEX {}.{name}", quote(&spec.relation.schema));
        match keys(spec, live, &facts, &index.keys, &index.options) {
            Some((columns, led)) => {
                changes.step(format!("index {} moves to its tags", index.name), drop);
                let predicate = index.predicate.as_deref().map(|predicate| over_tags(spec, predicate));
                carried.led.extend(led.filter(|helper| serves_equality(predicate.as_deref(), helper)));
                let sql = create_index(&table, live, index, &columns, predicate.as_deref());
                carried.statements.push((format!("index {} on tags", index.name), sql));
            }
            None if index.unique => {
                let what = format!("unique index {} is on a sealed column without an exact beacon", index.name);
                changes.refuse(spec, what, "give the column a beacon with length = \"exact\", or drop the index");
            }
            None => {
                changes.notes.push(format!("index {} is dropped: its sealed column has no exact beacon", index.name));
                changes.step(format!("index {} serves no tag", index.name), drop);
            }
        }
    }
    carried
}

/// Makes what was taken down, and an index for every beacon that leads none.
pub(super) fn put_up(changes: &mut Changes, spec: &TableSpec, live: &snapshot::Table, mut carried: Carried) {
    let table = quoted(&spec.relation);
    for (what, sql) in std::mem::take(&mut carried.statements) {
        changes.step(what, sql);
    }
    for beacon in &spec.beacons {
        let there = live.column(&beacon.helper).is_some_and(|helper| {
            live.indexes.iter().any(|index| {
                index.keys.first() == Some(&helper.attnum)
                    && serves_equality(index.predicate.as_deref(), &beacon.helper)
            })
        });
        if there || carried.led.contains(&beacon.helper) {
            continue;
        }
        let name = names::helper_index(&spec.relation.name, &beacon.helper);
        changes.step(
            format!("index for equality of {:?}", beacon.column),
            format!("CREATE INDEX {} ON {table} ({})", quote(&name), quote(&beacon.helper)),
        );
    }
}

/// Key columns with beacons for sealed ones, and the helper that leads; `None` if a sealed one has no beacon.
fn keys(
    spec: &TableSpec,
    live: &snapshot::Table,
    facts: &Protected,
    attnums: &[i16],
    options: &[i16],
) -> Option<(String, Option<String>)> {
    let mut parts = Vec::new();
    let mut led = None;
    for (position, attnum) in attnums.iter().enumerate() {
        let column = live.column_at(*attnum)?;
        let mut name = column.name.clone();
        if facts.is_sealed(*attnum) {
            let (logical, _) = spec.column_named(&column.name)?;
            name = spec.beacon_of(logical)?.helper.clone();
            if position == 0 {
                led = Some(name.clone());
            }
        }
        parts.push(format!("{}{}", quote(&name), order(options.get(position).copied().unwrap_or(0))));
    }
    Some((parts.join(", "), led))
}

/// `indoption`: bit 0 is DESC, bit 1 NULLS FIRST, which DESC implies.
fn order(option: i16) -> &'static str {
    match option & 3 {
        1 => " DESC NULLS LAST",
        2 => " NULLS FIRST",
        3 => " DESC",
        _ => "",
    }
}

fn unique(live: &snapshot::Table, constraint: &Constraint, backing: Option<&Index>, columns: &str) -> String {
    let mut sql = String::from("UNIQUE ");
    if backing.is_some_and(|index| index.nulls_not_distinct) {
        sql.push_str("NULLS NOT DISTINCT ");
    }
    sql.push_str(&format!("({columns})"));
    sql.push_str(&include(live, backing.map_or(&[], |index| &index.includes)));
    if constraint.deferrable {
        sql.push_str(" DEFERRABLE");
    }
    if constraint.deferred {
        sql.push_str(" INITIALLY DEFERRED");
    }
    sql
}

fn create_index(table: &str, live: &snapshot::Table, index: &Index, columns: &str, predicate: Option<&str>) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let mut sql = format!("CREATE {unique}INDEX {} ON {table} USING {} ({columns})", quote(&index.name), index.method);
    sql.push_str(&include(live, &index.includes));
    if index.nulls_not_distinct {
        sql.push_str(" NULLS NOT DISTINCT");
    }
    if let Some(predicate) = predicate {
        sql.push_str(&format!(" WHERE {predicate}"));
    }
    sql
}

/// Whether `helper = …` implies the predicate, so that PostgreSQL can use the index for every such search.
fn serves_equality(predicate: Option<&str>, helper: &str) -> bool {
    predicate.is_none_or(|predicate| {
        let plain = predicate.trim_start_matches('(').trim_end_matches(')');
        plain == format!("{helper} IS NOT NULL") || plain == format!("{} IS NOT NULL", quote(helper))
    })
}

/// Null tests of a sealed column become those of its tag, which is NULL exactly when it is (BCN-5): the server then
/// knows that a search for a tag implies them.
fn over_tags(spec: &TableSpec, predicate: &str) -> String {
    let mut text = predicate.to_owned();
    for beacon in &spec.beacons {
        let Some(column) = spec.columns.get(&beacon.column) else { continue };
        for name in [column.name.clone(), quote(&column.name)] {
            for test in ["IS NOT NULL", "IS NULL"] {
                text = text.replace(&format!("({name} {test})"), &format!("({} {test})", quote(&beacon.helper)));
            }
        }
    }
    text
}

fn include(live: &snapshot::Table, attnums: &[i16]) -> String {
    let names: Vec<String> =
        attnums.iter().filter_map(|attnum| live.column_at(*attnum)).map(|column| quote(&column.name)).collect();
    if names.is_empty() { String::new() } else { format!(" INCLUDE ({})", names.join(", ")) }
}

/// Whether a predicate, as PostgreSQL prints it, names protected columns in `c IS [NOT] NULL` only.
pub(super) fn predicate_is_plain(predicate: &str, protected: &[&str]) -> bool {
    let mut text = predicate.to_owned();
    for name in protected {
        for name in [(*name).to_owned(), quote(name)] {
            for test in ["IS NOT NULL", "IS NULL"] {
                text = text.replace(&format!("({name} {test})"), "");
            }
        }
    }
    // Anything left that could be one of the names, even inside a literal, is one.
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    !protected.iter().any(|name| {
        text.match_indices(name).any(|(at, _)| {
            let before = text[..at].chars().next_back().is_some_and(part);
            let after = text[at + name.len()..].chars().next().is_some_and(part);
            !before && !after
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_55_only_null_tests_of_protected_columns_may_stand_in_a_predicate() {
        for plain in ["(ssn IS NOT NULL)", "((ssn IS NULL) AND (status = 'new'::text))", "(ssn_kind = 1)"] {
            assert!(predicate_is_plain(plain, &["ssn"]), "{plain}");
        }
        for other in ["(ssn = 'x'::text)", "((ssn IS NOT NULL) AND (length(ssn) > 3))", "(lower(\"ssn\") <> ''::text)"]
        {
            assert!(!predicate_is_plain(other, &["ssn"]), "{other}");
        }
    }
}
