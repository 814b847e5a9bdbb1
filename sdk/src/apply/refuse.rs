//! Whatever would let the server write or read what is protected, or that this version does not carry over, refused
//! by name with a way out (SQL-55, CELL-7, CELL-8, SIG-6).

use std::collections::BTreeSet;

use crate::catalog::Snapshot;
use crate::catalog::lock::is_ours;
use crate::catalog::snapshot::{self, Constraint, Index};
use crate::schema::checked::{ColumnSpec, Schema, TableSpec};
use crate::schema::model::Unlisted;
use crate::schema::names::quote;
use crate::schema::{Action, Lock, Relation};
use crate::value::Type;

use super::plan::{Changes, Refusal, domain, holds_cells};
use super::{carry, constant};

/// What concerns the whole database.
pub(super) fn database(changes: &mut Changes, schema: &Schema, snapshot: &Snapshot, lock: Option<&Lock>) {
    let mut refuse = |what: String, way_out: &str| {
        changes.refusals.push(Refusal { table: String::new(), what, way_out: way_out.into() });
    };
    let live = &snapshot.database;
    if live.encoding != "UTF8" {
        refuse(
            format!("database {:?} has encoding {}", live.name, live.encoding),
            "use a database whose encoding is UTF8",
        );
    }
    if live.version < 140_000 {
        refuse(format!("the server's version number is {}", live.version), "use PostgreSQL 14 or later");
    }
    if let Some(locked) = lock.and_then(|lock| lock.database.as_ref())
        && (locked.name != live.name || locked.system_identifier != live.system_identifier)
    {
        refuse(
            format!(
                "the lock belongs to database {:?} of system {}, and this is {:?} of system {}",
                locked.name, locked.system_identifier, live.name, live.system_identifier
            ),
            "name the lock of this database with --lock, or move the other one away",
        );
    }
    for gone in lock.iter().flat_map(|lock| lock.tables.keys()).filter(|logical| schema.table(logical).is_none()) {
        refuse(
            format!("table {gone:?} is in the lock and no longer in the schema file"),
            "put it back: taking protection off is not in this version",
        );
    }
    for (blocker, reason) in &snapshot.blockers {
        changes.refusals.push(Refusal {
            table: String::new(),
            what: format!("{blocker} is {reason}, and statements use it without naming it"),
            way_out: "drop it, or give the operator a symbol that PostgreSQL does not have".into(),
        });
    }
    for relation in snapshot.namesakes.iter().filter(|relation| !schema.unprotected.contains(relation)) {
        changes.notes.push(format!(
            "{}.{} shares a protected table's name: statements that name it are refused unless [settings] unprotected \
             lists it",
            relation.schema, relation.name
        ));
    }
}

/// What concerns one table.
pub(super) fn table(changes: &mut Changes, spec: &TableSpec, live: &snapshot::Table, lock: Option<&Lock>) {
    if let Some(what) = no_plain_table(live) {
        changes.refuse(spec, what, "in this version only ordinary tables are protected");
        return;
    }
    listed(changes, spec, live);
    for (logical, column) in &spec.columns {
        if let Some(there) = live.column(&column.name) {
            self::column(changes, spec, logical, column, there);
        }
    }
    primary_key(changes, spec, live);
    let facts = Protected::of(spec, live);
    for constraint in &live.constraints {
        self::constraint(changes, spec, &facts, constraint);
    }
    for (name, from, columns) in &live.referenced_by {
        if facts.any_sealed(columns) && *from != spec.relation {
            let what = format!("foreign key {name} of {}.{} points at a sealed column", from.schema, from.name);
            changes.refuse(spec, what, "drop it: linking sealed columns across tables is not in this version");
        }
    }
    for index in live.indexes.iter().filter(|index| !index.constraint) {
        self::index(changes, spec, &facts, index);
    }
    attached(changes, spec, live, &facts);
    moved(changes, spec, lock);
}

fn no_plain_table(live: &snapshot::Table) -> Option<String> {
    Some(match (live.kind.as_str(), live.persistence.as_str()) {
        ("p", _) => "it is partitioned".into(),
        ("v" | "m", _) => "it is a view".into(),
        ("f", _) => "it is a foreign table".into(),
        (_, "t") => "it is a temporary table".into(),
        _ if live.is_child => "it is a partition or inherits from another table".into(),
        _ => {
            let child = live.children.first()?;
            format!("{}.{} inherits from it", child.schema, child.name)
        }
    })
}

/// Every column is listed, and every listed column is there.
fn listed(changes: &mut Changes, spec: &TableSpec, live: &snapshot::Table) {
    for (logical, column) in &spec.columns {
        if live.column(&column.name).is_none() {
            changes.refuse(
                spec,
                format!("column {:?} of the schema file is not in the table", column.name),
                format!("add it to the table, or take {logical:?} out of the schema file"),
            );
        }
    }
    for column in &live.columns {
        if column.name.starts_with("pgseal_") {
            if !is_ours(spec, &column.name) {
                let what = format!("column {:?} has a reserved name and is no helper of this schema file", column.name);
                changes.refuse(spec, what, "drop or rename it, or put its beacon back into the schema file");
            }
        } else if spec.column_named(&column.name).is_none() && spec.unlisted == Unlisted::Refuse {
            changes.refuse(
                spec,
                format!("column {:?} is not listed in the schema file", column.name),
                format!("list it: {} = \"DO_NOTHING\", or set unlisted_columns = \"DO_NOTHING\"", column.name),
            );
        }
    }
}

fn column(changes: &mut Changes, spec: &TableSpec, logical: &str, column: &ColumnSpec, live: &snapshot::Column) {
    let name = &column.name;
    if !column.is_sealed() {
        if holds_cells(live) {
            changes.refuse(
                spec,
                format!("column {name:?} holds cells and is not ENCRYPT_AND_SIGN in the schema file"),
                "put it back: taking protection off is not in this version",
            );
        } else if column.is_protected() {
            signed_column(changes, spec, column, live);
        }
        return;
    }
    if holds_cells(live) {
        if domain(column).is_none_or(|domain| live.type_name != format!("pgseal.{domain}")) {
            let what = format!("column {name:?} holds cells of another type ({})", live.type_name);
            changes.refuse(spec, what, "put its type back: changing it is not in this version");
        }
        return;
    }
    let there = Type::from_pg(live.type_oid, live.typmod);
    if there != column.ty {
        let wanted = column.ty.map(|ty| ty.to_string()).unwrap_or_default();
        let help = match there {
            Some(_) => {
                format!(
                    "make the two agree: {logical} = {{ action = \"ENCRYPT_AND_SIGN\", type = \"{}\" }}",
                    live.shown
                )
            }
            // The schema file could not say it either.
            None => format!(
                "ALTER TABLE … ALTER COLUMN {} TYPE {wanted}: a column of type {} cannot be protected",
                quote(name),
                live.shown
            ),
        };
        let what = format!("column {name:?} is {} in the database and {wanted} in the schema file", live.shown);
        changes.refuse(spec, what, help);
    }
    if live.generated || !live.identity.is_empty() {
        let what = format!("sealed column {name:?} is generated by the server");
        changes.refuse(spec, what, "drop the generation: the server must not compute what it may not see");
    } else if let (Some(expression), Some(ty)) = (&live.default, column.ty)
        && constant::parse(expression, &ty).is_err()
    {
        changes.refuse(
            spec,
            format!("the default of sealed column {name:?} is not a constant of its type: {expression}"),
            format!("ALTER TABLE … ALTER COLUMN {} DROP DEFAULT, and let the application send the value", quote(name)),
        );
    }
    if !live.deterministic {
        let what = format!("sealed column {name:?} has a nondeterministic collation");
        changes.refuse(spec, what, "use a deterministic collation: no tag can follow this equality");
    }
}

fn signed_column(changes: &mut Changes, spec: &TableSpec, column: &ColumnSpec, live: &snapshot::Column) {
    let name = &column.name;
    let there = Type::from_pg(live.type_oid, live.typmod);
    let Some(ty) = there else {
        let what = format!("column {name:?} has type {}, which this version cannot sign", live.shown);
        changes.refuse(spec, what, "make it DO_NOTHING in the schema file");
        return;
    };
    if column.ty.is_some_and(|wanted| wanted != ty) {
        let what = format!("column {name:?} is {} in the database and another type in the schema file", live.shown);
        changes.refuse(spec, what, "make the two agree");
    }
    if live.generated {
        let what = format!("signed column {name:?} is generated by the server (CELL-8)");
        changes.refuse(spec, what, "make it DO_NOTHING in the schema file");
    }
    if column.action == Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT {
        if !ty.takes_context() {
            let what = format!("column {name:?} of type {ty} cannot be in the encryption context (CELL-7)");
            changes.refuse(spec, what, "make it SIGN_ONLY or DO_NOTHING");
        }
        if !live.not_null {
            changes.refuse(
                spec,
                format!("context column {name:?} may be NULL (CELL-7)"),
                format!("ALTER TABLE … ALTER COLUMN {} SET NOT NULL", quote(name)),
            );
        }
    }
}

fn primary_key(changes: &mut Changes, spec: &TableSpec, live: &snapshot::Table) {
    let key = live.primary_key();
    if key.is_empty() {
        if spec.bind_primary_key || spec.is_signed() {
            let way_out = "add one; only row_binding = \"none\" without a row signature goes without";
            changes.refuse(spec, "it has no primary key", way_out);
        }
        return;
    }
    for column in key.iter().filter_map(|attnum| live.column_at(*attnum)) {
        let action = spec.column_named(&column.name).map_or(Action::DO_NOTHING, |(_, column)| column.action);
        match action {
            Action::ENCRYPT_AND_SIGN => {
                let what = format!("primary key column {:?} is sealed", column.name);
                changes.refuse(spec, what, "a row needs a key that can be read: use a surrogate key (SIG-6)");
            }
            Action::SIGN_ONLY if !spec.bind_primary_key => {}
            Action::DO_NOTHING if !spec.bind_primary_key && !spec.is_signed() => {}
            Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT => {}
            Action::SIGN_ONLY | Action::DO_NOTHING => changes.refuse(
                spec,
                format!("primary key column {:?} is not in the encryption context (CELL-7)", column.name),
                "make it SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, or write row_binding = \"none\"",
            ),
        }
    }
}

/// Which attnums are protected.
pub(super) struct Protected {
    sealed: BTreeSet<i16>,
    protected: BTreeSet<i16>,
}

impl Protected {
    pub(super) fn of(spec: &TableSpec, live: &snapshot::Table) -> Self {
        let mut sets = Protected { sealed: BTreeSet::new(), protected: BTreeSet::new() };
        for column in &live.columns {
            match spec.column_named(&column.name) {
                Some((_, listed)) if listed.is_sealed() => {
                    sets.sealed.insert(column.attnum);
                    sets.protected.insert(column.attnum);
                }
                Some((_, listed)) if listed.is_protected() => {
                    sets.protected.insert(column.attnum);
                }
                _ if is_ours(spec, &column.name) => {
                    sets.protected.insert(column.attnum);
                }
                _ => {}
            }
        }
        sets
    }

    pub(super) fn is_sealed(&self, attnum: i16) -> bool {
        self.sealed.contains(&attnum)
    }

    pub(super) fn any_sealed(&self, attnums: &[i16]) -> bool {
        attnums.iter().any(|attnum| self.sealed.contains(attnum))
    }

    pub(super) fn any(&self, attnums: &[i16]) -> bool {
        attnums.iter().any(|attnum| self.protected.contains(attnum))
    }
}

fn constraint(changes: &mut Changes, spec: &TableSpec, facts: &Protected, constraint: &Constraint) {
    let name = &constraint.name;
    match constraint.kind.as_str() {
        "f" => {
            let acts = |action: &str, kinds: &[&str]| kinds.contains(&action);
            let changing = acts(&constraint.on_update, &["c", "n", "d"]) || acts(&constraint.on_delete, &["n", "d"]);
            if facts.any_sealed(&constraint.columns) {
                let what = format!("foreign key {name} is on a sealed column");
                changes.refuse(spec, what, "drop it: linking sealed columns is not in this version");
            } else if changing && facts.any(&constraint.columns) {
                changes.refuse(
                    spec,
                    format!("foreign key {name} lets the server change a signed column ({})", constraint.definition),
                    "use ON UPDATE NO ACTION and ON DELETE NO ACTION, RESTRICT or CASCADE",
                );
            }
        }
        "c" if facts.any_sealed(&constraint.columns) => {
            let what = format!("check {name} reads a sealed column: {}", constraint.definition);
            changes.refuse(spec, what, "drop it and check in the application");
        }
        "x" if facts.any(&constraint.columns) => {
            changes.refuse(spec, format!("exclusion constraint {name} is on a protected column"), "drop it");
        }
        _ => {}
    }
}

fn index(changes: &mut Changes, spec: &TableSpec, facts: &Protected, index: &Index) {
    let name = &index.name;
    if !facts.any(&index.reads) {
        return;
    }
    if index.keys.contains(&0) {
        let what = format!("index {name} has an expression beside or over a protected column");
        changes.refuse(spec, what, format!("DROP INDEX {}; only plain columns can be carried over", quote(name)));
        return;
    }
    let protected: Vec<&str> =
        spec.columns.values().filter(|column| column.is_protected()).map(|column| column.name.as_str()).collect();
    if index.predicate.as_deref().is_some_and(|predicate| !carry::predicate_is_plain(predicate, &protected)) {
        let what = format!("the predicate of index {name} reads a protected column");
        changes.refuse(spec, what, "only `c IS NULL` and `c IS NOT NULL` of a protected column can be carried over");
    }
    if facts.any_sealed(&index.includes) {
        let what = format!("index {name} includes a sealed column");
        changes.refuse(spec, what, format!("DROP INDEX {}, and make it again without INCLUDE", quote(name)));
    }
    if !facts.any_sealed(&index.keys) {
        return;
    }
    if !matches!(index.method.as_str(), "btree" | "hash") || (!index.plain && index.keys.len() > 1) {
        let what = format!("index {name} ({}) on a sealed column cannot be carried over", index.method);
        changes.refuse(spec, what, format!("DROP INDEX {}", quote(name)));
    }
}

/// Triggers, rules, policies, statistics, publications, views, generated columns.
fn attached(changes: &mut Changes, spec: &TableSpec, live: &snapshot::Table, facts: &Protected) {
    for trigger in &live.triggers {
        if !spec.triggers.iter().any(|listed| listed.name == trigger.name) {
            let way_out = format!("drop it, or list it: triggers = [{{ name = \"{}\", writes = [] }}]", trigger.name);
            changes.refuse(spec, format!("trigger {} is not listed in the schema file", trigger.name), way_out);
        }
    }
    for (name, _) in &live.rules {
        changes.refuse(spec, format!("rule {name}"), "drop it: a rule rewrites what pgseal planned");
    }
    for (name, _) in &live.policies {
        changes.refuse(spec, format!("policy {name}"), "drop it: row-level security is not in this version");
    }
    if live.row_security && live.policies.is_empty() {
        changes.refuse(spec, "row-level security is on", "ALTER TABLE … DISABLE ROW LEVEL SECURITY");
    }
    for (name, columns, expressions) in &live.statistics {
        if *expressions || facts.any(columns) {
            changes.refuse(spec, format!("statistics {name} cover a protected column"), "DROP STATISTICS");
        }
    }
    for name in &live.publications {
        let what = format!("publication {name} has a row filter or column list for this table");
        changes.refuse(spec, what, "publish the table whole");
    }
    for (view, attnum) in live.views.iter().filter(|(_, attnum)| facts.is_sealed(*attnum)) {
        let column = live.column_at(*attnum).filter(|column| !holds_cells(column));
        if let Some(column) = column {
            let what = format!("view {view} reads column {:?}, which is to be sealed", column.name);
            changes.refuse(spec, what, "drop it: views over sealed columns are not in this version");
        }
    }
    for column in live.columns.iter().filter(|column| column.generated && facts.any(&column.reads)) {
        let what = format!("generated column {:?} is computed from a protected column", column.name);
        changes.refuse(spec, what, "drop it, or make it an ordinary column that the application writes");
    }
}

/// A table keeps its name and key for as long as its lock says so.
fn moved(changes: &mut Changes, spec: &TableSpec, lock: Option<&Lock>) {
    let Some(locked) = lock.and_then(|lock| lock.tables.get(&spec.logical)) else { return };
    let relation = Relation { schema: locked.schema.clone(), name: locked.name.clone() };
    if locked.branch_key != spec.branch_key {
        let what = format!("its branch key was {:?}", locked.branch_key);
        changes.refuse(spec, what, "put it back: sealing under another key is not in this version");
    }
    if relation != spec.relation {
        changes.notes.push(format!(
            "table {:?} was {}.{} and is {}.{} now",
            spec.logical, relation.schema, relation.name, spec.relation.schema, spec.relation.name
        ));
    }
}
