//! A lock for tables that no database has: what `schema apply` would find if they were made as the schema file says.

use super::Action;
use super::checked::{BeaconSpec, ColumnSpec, Schema, TableSpec};
use super::lock::{self, Lock};

/// Why a schema file alone makes no lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Alone {
    /// Columns, as `table.column`, that are sealed or signed and whose type the schema file does not say.
    #[error(
        "no type is given for {}: without a database, the schema file must say it, as {{ action = …, type = \"bigint\" }}",
        .0.join(", ")
    )]
    NoType(Vec<String>),
    /// The lock so far is a database's.
    #[error("this lock belongs to database {0:?}: `pgseal schema apply` continues it")]
    OfDatabase(String),
    /// What records were sealed under before could not be read under the new lock.
    #[error("table {table}: {what}; records that were sealed before could not be opened")]
    Changed {
        /// Its logical name.
        table: String,
        /// What has changed.
        what: String,
    },
}

impl Lock {
    /// The lock of tables that no database has, for records alone: to be written beside the schema file
    /// ([`Lock::stage`]) and committed as one of `schema apply` is. Whenever the schema file changes make it again from
    /// the one `before`, which knows the signature sets so far (SIG-3).
    ///
    /// The schema file must give the type of every column that is sealed or signed. What else only a database knows is
    /// taken as simple as can be: the columns of the encryption context are the primary key and NOT NULL, all others may
    /// be NULL, and nothing has a default. Keys are not pinned: see `Builder::pins`.
    ///
    /// Should the tables come into a database one day, `schema apply` goes on from this lock.
    ///
    /// # Errors
    /// See [`Alone`].
    ///
    /// ```
    /// use pgseal::schema::{Lock, Source, parse};
    ///
    /// let clinic = |ward: &str| {
    ///     let text = format!(
    ///         r#"
    ///         version = 1
    ///         keyrings.clinic.generator = "local:clinic"
    ///         branch_keys.patients.keyring = "clinic"
    ///         [tables.patient]
    ///         name = "public.patient"
    ///         branch_key = "patients"
    ///         row_signature = "HMAC-SHA-384"
    ///         columns.id = {{ action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }}
    ///         {ward}
    ///         "#
    ///     );
    ///     parse::parse(vec![Source { path: "clinic.toml".into(), text }])
    /// };
    /// let first = Lock::without_database(&clinic("")?, None)?;
    /// assert_eq!(first.tables["patient"].signature_sets.len(), 1);
    ///
    /// // A column more is a signature set more; records of the first one are still read.
    /// let schema = clinic(r#"columns.ward = { action = "SIGN_ONLY", type = "text" }"#)?;
    /// let second = Lock::without_database(&schema, Some(&first))?;
    /// assert_eq!(second.tables["patient"].signature_sets.len(), 2);
    ///
    /// let error = Lock::without_database(&clinic(r#"columns.ward = "SIGN_ONLY""#)?, Some(&first)).unwrap_err();
    /// assert!(error.to_string().starts_with("no type is given for patient.ward"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn without_database(schema: &Schema, before: Option<&Lock>) -> Result<Self, Alone> {
        if let Some(database) = before.and_then(|lock| lock.database.as_ref()) {
            return Err(Alone::OfDatabase(database.name.clone()));
        }
        let untyped = schema.tables.iter().flat_map(|spec| {
            let untyped = spec.columns.iter().filter(|(_, column)| column.ty.is_none() && column.is_protected());
            untyped.map(|(logical, _)| format!("{}.{logical}", spec.logical))
        });
        let untyped: Vec<String> = untyped.collect();
        if !untyped.is_empty() {
            return Err(Alone::NoType(untyped));
        }
        let mut lock = before.cloned().unwrap_or_default();
        lock.tables.clear();
        for spec in &schema.tables {
            let before = before.and_then(|lock| lock.tables.get(&spec.logical));
            let changed = |what| Alone::Changed { table: spec.logical.clone(), what };
            lock.tables.insert(spec.logical.clone(), table(spec, before).map_err(changed)?);
        }
        match before.into_iter().flat_map(|lock| lock.tables.keys()).find(|logical| schema.table(logical).is_none()) {
            Some(gone) => Err(Alone::Changed { table: gone.clone(), what: "it is not in the schema file".into() }),
            None => Ok(lock),
        }
    }
}

fn table(spec: &TableSpec, before: Option<&lock::Table>) -> Result<lock::Table, String> {
    let columns: Vec<_> =
        (1..).zip(&spec.columns).map(|(attnum, (logical, column))| self::column(attnum, logical, column)).collect();
    let mut beacons: Vec<lock::Beacon> = spec.beacons.iter().map(beacon).collect();
    beacons.sort_by(|a, b| a.full_name.cmp(&b.full_name));
    if let Some(before) = before {
        readable(spec, &columns, before)?;
    }
    let mut signature_sets = before.map(|before| before.signature_sets.clone()).unwrap_or_default();
    let mut min_set = before.and_then(|before| before.min_set);
    if spec.is_signed() {
        let set = signature_set(spec, &beacons, signature_sets.last().map_or(1, |last| last.id + 1));
        min_set = min_set.or(Some(set.id));
        match signature_sets.last() {
            Some(last) if *last == (lock::SignatureSet { id: last.id, ..set.clone() }) => {
                min_set = min_set.or(Some(last.id))
            }
            Some(_) | None => signature_sets.push(set),
        }
    }
    Ok(lock::Table {
        schema: spec.relation.schema.clone(),
        name: spec.relation.name.clone(),
        branch_key: spec.branch_key.clone(),
        digest: String::new(),
        primary_key: columns.iter().filter(|column| column.not_null).map(|column| column.logical.clone()).collect(),
        min_set,
        signature_sets,
        columns,
        beacons,
        objects: Vec::new(),
    })
}

/// What records of the lock so far were sealed under is still so: their context, and each of their columns; a signature
/// may cover more from now on, never less.
fn readable(spec: &TableSpec, columns: &[lock::Column], before: &lock::Table) -> Result<(), String> {
    if before.branch_key != spec.branch_key {
        return Err(format!("its branch key was {:?}", before.branch_key));
    }
    if before.min_set.is_some() != spec.is_signed() {
        return Err("its row signature is another one".into());
    }
    for old in before.columns.iter().filter(|old| old.action != Action::DO_NOTHING) {
        let family =
            |column: &lock::Column| Some(crate::value::Type::from_pg(column.type_oid, column.typmod)?.family());
        match columns.iter().find(|column| column.logical == old.logical) {
            Some(new) if new.action == old.action && family(new) == family(old) => {}
            Some(_) => return Err(format!("column {:?} has another action or type", old.logical)),
            None => return Err(format!("column {:?} is gone", old.logical)),
        }
    }
    let context = |columns: &[lock::Column]| {
        let context = columns.iter().filter(|column| column.action == Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT);
        context.count()
    };
    if context(columns) != context(&before.columns) {
        return Err("its encryption context has another column".into());
    }
    match before.beacons.iter().find(|old| !spec.beacons.iter().any(|beacon| beacon.full_name == old.full_name)) {
        Some(gone) if before.min_set.is_some() => Err(format!("the signed beacon of column {:?} is gone", gone.column)),
        Some(_) | None => Ok(()),
    }
}

fn column(attnum: i16, logical: &str, column: &ColumnSpec) -> lock::Column {
    let ty = column.ty.as_ref();
    lock::Column {
        logical: logical.to_owned(),
        name: column.name.clone(),
        attnum,
        action: column.action,
        ty: ty.map_or_else(|| "unknown".to_owned(), ToString::to_string),
        type_oid: ty.map_or(0, |ty| ty.oid()),
        typmod: ty.map_or(-1, |ty| ty.typmod()),
        typlen: ty.map_or(-1, |ty| ty.typlen()),
        collation: None,
        not_null: column.action == Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT,
        default: None,
        pad: column.pad,
    }
}

fn beacon(spec: &BeaconSpec) -> lock::Beacon {
    let (full_name, column, helper) = (spec.full_name.clone(), spec.column.clone(), spec.helper.clone());
    lock::Beacon { full_name, column, helper }
}

/// The columns of a [`TableSpec`] stand in the order of their logical names already, as SIG-3 wants them.
fn signature_set(spec: &TableSpec, beacons: &[lock::Beacon], id: u32) -> lock::SignatureSet {
    let signed = spec.columns.iter().filter(|(_, column)| column.is_protected());
    let signed = signed.filter_map(|(logical, column)| {
        let family = column.ty?.family().0;
        Some(lock::SignedColumn { column: logical.clone(), action: column.action, family })
    });
    lock::SignatureSet {
        id,
        suite: lock::HMAC_SHA_384.to_owned(),
        columns: signed.collect(),
        beacons: beacons.iter().map(|beacon| beacon.full_name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Protection, Source, parse};
    use super::*;

    const CARDS: &str = r#"version = 1
keyrings.k.generator = "local:x"
branch_keys.cards.keyring = "k"
[tables.card]
name = "public.card"
branch_key = "cards"
row_signature = "HMAC-SHA-384"
columns.id = { action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }
columns.pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

    fn schema(text: &str) -> Schema {
        parse::parse(vec![Source { path: "cards.toml".into(), text: text.to_owned() }]).unwrap()
    }

    fn more(lines: &str) -> Schema {
        schema(&format!("{CARDS}{lines}\n"))
    }

    #[test]
    fn a_set_id_is_never_used_again_and_older_sets_stay_sig_3() {
        let first = Lock::without_database(&schema(CARDS), None).unwrap();
        assert_eq!(Lock::without_database(&schema(CARDS), Some(&first)).unwrap(), first, "nothing has changed");
        let schema = more("columns.owner = { action = \"SIGN_ONLY\", type = \"text\" }");
        let second = Lock::without_database(&schema, Some(&first)).unwrap();
        let table = &second.tables["card"];
        let ids: Vec<u32> = table.signature_sets.iter().map(|set| set.id).collect();
        assert_eq!((ids, table.min_set), (vec![1, 2], Some(1)));
        let protection = Protection::from_lock(&schema, &second).unwrap();
        assert_eq!(protection.tables[0].signature.as_ref().unwrap().id, 2);
        assert_eq!(protection.tables[0].older_sets[0].id, 1);
    }

    #[test]
    fn what_would_make_older_records_unreadable_is_refused_sig_4() {
        let first = Lock::without_database(&more("beacons.standard = [{ name = \"pan\", length = \"exact\" }]"), None);
        let first = first.unwrap();
        for changed in [
            CARDS.to_owned(),
            CARDS.replace("columns.pan = { action = \"ENCRYPT_AND_SIGN\", type = \"text\" }", ""),
            CARDS.replace("\"bigint\"", "\"text\""),
            CARDS.replace("ENCRYPT_AND_SIGN", "SIGN_ONLY"),
            CARDS.replace("row_signature = \"HMAC-SHA-384\"", ""),
            CARDS.replace("tables.card", "tables.cart"),
            format!("{CARDS}columns.to = {{ action = \"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\", type = \"int4\" }}\n"),
        ] {
            let error = Lock::without_database(&schema(&changed), Some(&first)).unwrap_err();
            assert!(matches!(error, Alone::Changed { .. }), "{error}: {changed}");
        }
    }

    #[test]
    fn every_type_that_is_missing_is_named_and_a_lock_of_a_database_is_left_alone() {
        let untyped = CARDS.replace(", type = \"bigint\"", "");
        let error = Lock::without_database(&schema(&untyped), None).unwrap_err();
        assert_eq!(error, Alone::NoType(vec!["card.id".into()]));
        let database = lock::Database { name: "shop".into(), system_identifier: "1".into() };
        let of_database = Lock { database: Some(database), ..Lock::default() };
        let error = Lock::without_database(&schema(CARDS), Some(&of_database)).unwrap_err();
        assert_eq!(error, Alone::OfDatabase("shop".into()));
    }
}
