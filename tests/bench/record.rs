//! Records without SQL: a record of ten attributes, five of them sealed, with a signature; and one cell of 32 bytes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use pgseal::crypto::secret::Secret;
use pgseal::keys::cache::{DEFAULT_TTL, Pins};
use pgseal::keys::keyring::raw::RawKeyring;
use pgseal::keys::store::memory::MemoryStore;
use pgseal::keys::{KeyCache, KeyStore, Keyring, create_key};
use pgseal::schema::{Action, Column, ColumnDefault, Relation, SignatureSet, Suite, Table};
use pgseal::seal;
use pgseal::seal::row::{StoredRow, open_cell, seal_cells};
use pgseal::sealer::Sealer;
use pgseal::value::{Type, Value};
use serde::{Deserialize, Serialize};

use crate::{Result, table};

/// Each operation gets its turn that often.
const ROUNDS: usize = 60;
/// Operations in a round.
const OPERATIONS: u32 = 500;

/// Ten attributes as a service has them.
#[derive(Clone, Serialize, Deserialize)]
struct Patient {
    id: i64,
    clinic: i32,
    first_name: String,
    last_name: String,
    born: String,
    phone: String,
    diagnosis: String,
    ward: String,
    active: bool,
    visits: i32,
}

/// Runs all operations in turn and prints their medians.
pub(crate) fn report() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (sealer, keys) = runtime.block_on(keys())?;
    let patient = Patient {
        id: 4711,
        clinic: 12,
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        born: "1815-12-10".into(),
        phone: "+44 20 7946 0018".into(),
        diagnosis: "J45.1 nonallergic asthma".into(),
        ward: "B2".into(),
        active: true,
        visits: 7,
    };
    let sealed = sealer.seal("patient", &patient)?;
    let cell = Cell::new(keys)?;

    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let [seal, open, seal_cell, open_cell] = &mut times;
        seal.push(micros(|| sealer.seal("patient", black_box(&patient)).map(drop))?);
        open.push(micros(|| sealer.open::<Patient>(black_box(&sealed)).map(drop))?);
        seal_cell.push(micros(|| cell.seal())?);
        open_cell.push(micros(|| cell.open())?);
    }
    let names =
        ["seal a record: 10 attributes, 5 sealed, HMAC-SHA-384", "open it", "seal one cell of 32 bytes", "open it"];
    let row = |(name, times): (&str, Vec<f64>)| vec![name.to_owned(), format!("{:.2}", table::median(times))];
    let rows: Vec<_> = names.into_iter().zip(times).map(row).collect();
    let title = format!("records without SQL, medians of {ROUNDS} alternating rounds of {OPERATIONS}");
    table::print(&title, &["", "µs"], &rows);
    Ok(())
}

/// Microseconds that one call takes.
fn micros<E: std::error::Error + 'static>(mut call: impl FnMut() -> std::result::Result<(), E>) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..OPERATIONS {
        call()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(OPERATIONS))
}

/// A sealer, and the keys that it uses once more for a cell alone.
async fn keys() -> Result<(Sealer, KeyCache)> {
    let keyring: Arc<dyn Keyring> = Arc::new(RawKeyring::new(&Secret::new([1; 32])));
    let store: Arc<dyn KeyStore> = Arc::new(MemoryStore::new()?);
    create_key(KEY, &*keyring, &*store).await?;
    let cache = KeyCache::new(DEFAULT_TTL);
    cache.register(KEY, Arc::clone(&keyring), Pins::default());
    cache.load(&*store, &[KEY]).await?;
    let sealer = Sealer::builder().table(Arc::new(patients())).keyring(keyring).store(store).build().await?;
    Ok((sealer, cache))
}

/// The id of the branch key.
const KEY: &str = "patients";

fn patients() -> Table {
    let context = column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8);
    let sealed = [("first_name", Type::Text), ("last_name", Type::Text), ("born", Type::Date), ("phone", Type::Text)];
    let signed = [("clinic", Type::Int4), ("ward", Type::Text), ("active", Type::Bool), ("visits", Type::Int4)];
    let mut columns = vec![context, column(DIAGNOSIS, Action::ENCRYPT_AND_SIGN, Type::Text)];
    columns.extend(sealed.map(|(name, ty)| column(name, Action::ENCRYPT_AND_SIGN, ty)));
    columns.extend(signed.map(|(name, ty)| column(name, Action::SIGN_ONLY, ty)));
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by(|&one, &other| columns[one].logical.cmp(&columns[other].logical));
    Table {
        logical: "patient".into(),
        relation: Relation { schema: "public".into(), name: "patient".into() },
        branch_key: KEY.into(),
        signature: Some(SignatureSet { id: 1, suite: Suite::HmacSha384, columns: order, beacons: vec![] }),
        older_sets: vec![],
        columns,
        beacons: vec![],
        primary_key: vec![0],
        context: vec![0],
        write_guard: true,
        before_row_trigger: false,
    }
}

const DIAGNOSIS: &str = "diagnosis";

fn column(name: &str, action: Action, ty: Type) -> Column {
    Column {
        logical: name.into(),
        name: name.into(),
        action,
        ty: Some(ty),
        type_oid: ty.oid(),
        typmod: -1,
        typlen: ty.typlen(),
        attnum: 1,
        not_null: true,
        default: ColumnDefault::Null,
        pad: None,
    }
}

/// One cell of the second column, and the row that it stands in.
struct Cell {
    table: Table,
    keys: KeyCache,
    cell: Vec<u8>,
}

impl Cell {
    const ID: i64 = 4711;
    const TEXT: &str = "32 bytes of text, to be precise.";

    fn new(keys: KeyCache) -> Result<Self> {
        let mut cell = Self { table: patients(), keys, cell: Vec::new() };
        cell.cell = cell.sealed()?;
        Ok(cell)
    }

    fn sealed(&self) -> std::result::Result<Vec<u8>, seal::Error> {
        let mut context: [Option<Value<'_>>; 10] = Default::default();
        context[0] = Some(Value::Int(Self::ID));
        let cells = seal_cells(&self.table, &self.keys, &context, &[(1, Value::Text(black_box(Self::TEXT).into()))])?;
        Ok(cells.into_iter().next().unwrap_or_default())
    }

    fn seal(&self) -> std::result::Result<(), seal::Error> {
        self.sealed().map(|cell| drop(black_box(cell)))
    }

    fn open(&self) -> std::result::Result<(), seal::Error> {
        let id = Self::ID.to_be_bytes();
        let row =
            StoredRow { columns: &[Some(Some(&id)), Some(Some(black_box(&self.cell)))], tags: &[], signature: None };
        let mut scratch = Vec::new();
        open_cell(&self.table, &self.keys, &row, 1, &mut scratch).map(|value| drop(black_box(value)))
    }
}
