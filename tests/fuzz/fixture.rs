//! Fixed tables (`fixture.toml`) and fixed keys, so that an input means the same in every process.

use std::sync::Arc;

use pgseal::crypto::secret::Secret;
use pgseal::keys::{self, BeaconKey, BranchKey, KeyRef, KeySource, Uuid};
use pgseal::schema::{Lock, Protection, Schema, Source, Table, lock, parse};
use pgseal::seal::row::{self, StoredRow};
use pgseal::sql::{self, Decision, Plan};
use pgseal::testing;
use pgseal::value::{Format, Settings, Value};

/// The id of the only key.
pub const KEY: &str = "fuzz";

/// The schema file.
pub const SCHEMA: &str = include_str!("fixture.toml");

/// The schema file, checked.
pub fn schema() -> Schema {
    let source = Source { path: "fixture.toml".into(), text: SCHEMA.to_owned() };
    parse::parse(vec![source]).expect("the fixture")
}

/// A lock of it. Two tables number their rows by a sequence, so that an INSERT without the number takes two steps
/// where the row is signed.
pub fn lock() -> Lock {
    let mut lock = testing::lock(&schema()).expect("the fixture has all types");
    for (table, always) in [("customers", false), ("shift", true)] {
        let sequence = ["public".to_owned(), format!("{table}_id_seq")];
        let columns = &mut lock.tables.get_mut(table).expect("a table of the fixture").columns;
        let id = columns.iter_mut().find(|column| column.logical == "id").expect("its id");
        id.default = Some(if always {
            lock::Default::IdentityAlways(sequence)
        } else {
            lock::Default::IdentityByDefault(sequence)
        });
    }
    lock
}

/// What both protect.
pub fn protection() -> Protection {
    Protection::from_lock(&schema(), &lock()).expect("schema and lock of the fixture agree")
}

/// One table of it.
pub fn table(protection: &Protection, name: &str) -> Arc<Table> {
    Arc::clone(protection.table(name).expect("a table of the fixture"))
}

/// The plan of a statement that is answered.
pub fn plan(protection: &Protection, text: &str) -> Arc<Plan> {
    match sql::plan(text, &[], protection).remove(0).decision {
        Decision::Rewrite(plan) => plan,
        Decision::Forward | Decision::Qualify(_) => panic!("forwarded: {text}"),
        Decision::Refuse(refusal) => panic!("refused: {text}: {}", refusal.message),
    }
}

/// One branch key and one beacon key.
pub struct Keys {
    branch: Arc<BranchKey>,
    beacon: Arc<BeaconKey>,
}

/// The keys of the fixture.
pub fn keys() -> Keys {
    Keys {
        branch: Arc::new(BranchKey::new(KEY.into(), Uuid([1; 16]), 1, 0, Secret::new([1; 32]))),
        beacon: Arc::new(BeaconKey::new(KEY.into(), Uuid([9; 16]), 1, Secret::new([9; 32]))),
    }
}

impl KeySource for Keys {
    fn sealing(&self, id: &str) -> Result<Arc<BranchKey>, keys::Error> {
        if id == KEY { Ok(Arc::clone(&self.branch)) } else { Err(keys::Error::Missing { id: id.to_owned() }) }
    }
    fn opening(&self, id: &str, key_ref: KeyRef) -> Result<Arc<BranchKey>, keys::Error> {
        let key = self.sealing(id)?;
        if key.key_ref() == key_ref { Ok(key) } else { Err(keys::Error::UnknownVersion { id: id.to_owned(), key_ref }) }
    }
    fn beacon(&self, id: &str) -> Result<Arc<BeaconKey>, keys::Error> {
        if id == KEY { Ok(Arc::clone(&self.beacon)) } else { Err(keys::Error::Missing { id: id.to_owned() }) }
    }
}

/// A row as the server holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Held {
    /// By column: a cell, or S of a column that is not sealed.
    pub columns: Vec<Option<Vec<u8>>>,
    /// By beacon.
    pub tags: Vec<Option<Vec<u8>>>,
    /// Of a signed table.
    pub signature: Option<Vec<u8>>,
}

impl Held {
    /// Seals a row; `values` are texts by the names of columns, what is not named is NULL.
    pub fn seal(table: &Table, keys: &Keys, values: &[(&str, &str)]) -> Self {
        let parsed: Vec<Option<Value<'_>>> = table
            .columns
            .iter()
            .map(|column| {
                let (_, text) = values.iter().find(|(name, _)| *name == column.name)?;
                let ty = column.ty.as_ref().expect("a type");
                Value::parse(ty, Format::Text, text.as_bytes(), &Settings::default()).ok()
            })
            .collect();
        let sealed = row::seal_row(table, keys, &parsed).expect("a row of the fixture");
        let columns = table
            .columns
            .iter()
            .zip(&parsed)
            .zip(sealed.cells)
            .map(|((column, value), cell)| {
                if column.is_sealed() {
                    return cell;
                }
                let mut stored = Vec::new();
                value.as_ref()?.write_stored(column.ty.as_ref().expect("a type"), &mut stored);
                Some(stored)
            })
            .collect();
        let tags = sealed.tags.into_iter().map(|tag| tag.map(Vec::from)).collect();
        Self { columns, tags, signature: sealed.signature }
    }

    /// As verifying and opening see it, fetched whole.
    pub fn with<T>(&self, then: impl FnOnce(&StoredRow<'_>) -> T) -> T {
        let columns: Vec<_> = self.columns.iter().map(|bytes| Some(bytes.as_deref())).collect();
        let tags: Vec<_> = self.tags.iter().map(|bytes| Some(bytes.as_deref())).collect();
        then(&StoredRow { columns: &columns, tags: &tags, signature: Some(self.signature.as_deref()) })
    }
}
