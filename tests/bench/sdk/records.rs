//! Sealing and opening without a database: a record of ten attributes, of which five are sealed and all are signed, and
//! one cell of 32 bytes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use pgseal::crypto::secret::Secret;
use pgseal::keys::cache::{DEFAULT_TTL, Pins};
use pgseal::keys::keyring::raw::RawKeyring;
use pgseal::keys::store::memory::MemoryStore;
use pgseal::keys::{BranchKey, KeyCache, Uuid, create_key};
use pgseal::schema::{Action, Column, ColumnDefault, Relation, SignatureSet, Suite, Table};
use pgseal::seal::aad::{self, ContextPart, Place};
use pgseal::seal::cell::{Content, Envelope, Nonces, seal};
use pgseal::seal::row::{RowOpener, StoredRow, seal_row, verify_row};
use pgseal::sealer::Sealer;
use pgseal::value::{Format, Settings, Type, Value};
use serde::{Deserialize, Serialize};

use crate::{Result, table};

/// Each variant gets its turn that often.
const ROUNDS: usize = 40;
/// Repetitions in a turn.
const REPETITIONS: u32 = 500;

/// Name, action and type of the attributes, and a value of each.
const ATTRIBUTES: [(&str, Action, Type, &str); 10] = [
    ("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8, "4711"),
    ("customer", Action::SIGN_ONLY, Type::Int8, "815"),
    ("status", Action::SIGN_ONLY, Type::Text, "active"),
    ("opened", Action::SIGN_ONLY, Type::Date, "2024-05-17"),
    ("branch", Action::SIGN_ONLY, Type::Text, "Berlin-Mitte"),
    ("holder", Action::ENCRYPT_AND_SIGN, Type::Text, "Ada Lovelace"),
    ("iban", Action::ENCRYPT_AND_SIGN, Type::Text, "DE89370400440532013000"),
    ("pan", Action::ENCRYPT_AND_SIGN, Type::Text, "4111111111111111"),
    ("born", Action::ENCRYPT_AND_SIGN, Type::Date, "1815-12-10"),
    ("credit", Action::ENCRYPT_AND_SIGN, Type::Numeric(None), "12500.50"),
];

/// The same as a service has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Account {
    id: i64,
    customer: i64,
    status: String,
    opened: String,
    branch: String,
    holder: String,
    iban: String,
    pan: String,
    born: String,
    credit: String,
}

/// Microseconds a call.
#[derive(Default)]
struct Figures {
    name: &'static str,
    seal: Vec<f64>,
    open: Vec<f64>,
}

/// Measures all variants in turn and prints their medians.
pub(crate) async fn report() -> Result<()> {
    let keyring = Arc::new(RawKeyring::new(&Secret::new([1; 32])));
    let store = Arc::new(MemoryStore::new()?);
    create_key("bench", &*keyring, &*store).await?;
    let keys = KeyCache::new(DEFAULT_TTL);
    keys.register("bench", keyring.clone(), Pins::default());
    keys.load(&*store, &["bench"]).await?;
    let accounts = Arc::new(accounts());
    let sealer = Sealer::builder().table(Arc::clone(&accounts)).keyring(keyring).store(store).build().await?;
    let mut figures = [
        "record of ten attributes, serde",
        "the same, values at hand",
        "one cell of 32 bytes",
        "the random bytes of its nonce alone",
    ]
    .map(|name| Figures { name, ..Figures::default() });
    for _ in 0..ROUNDS {
        record(&sealer, &mut figures[0])?;
        row(&accounts, &keys, &mut figures[1])?;
        cell(&mut figures[2])?;
        figures[3].seal.push(time(|| Nonces::draw(1).map_err(Into::into))?);
    }
    let rows: Vec<Vec<String>> = figures
        .into_iter()
        .map(|figures| {
            let shown = |times: Vec<f64>| {
                if times.is_empty() { String::new() } else { format!("{:.2}", table::median(times)) }
            };
            let [seal, open] = [figures.seal, figures.open].map(shown);
            vec![figures.name.to_owned(), seal, open]
        })
        .collect();
    let title = format!("medians of {ROUNDS} alternating rounds of {REPETITIONS}, HMAC-SHA-384, one core");
    table::print(&title, &["", "seal, µs", "open, µs"], &rows);
    Ok(())
}

fn record(sealer: &Sealer, figures: &mut Figures) -> Result<()> {
    let text = |number: usize| ATTRIBUTES[number].3.to_owned();
    let account = Account {
        id: 4711,
        customer: 815,
        status: text(2),
        opened: text(3),
        branch: text(4),
        holder: text(5),
        iban: text(6),
        pan: text(7),
        born: text(8),
        credit: text(9),
    };
    figures.seal.push(time(|| sealer.seal("account", black_box(&account)).map_err(Into::into))?);
    let sealed = sealer.seal("account", &account)?;
    if sealer.open::<Account>(&sealed)? != account {
        return Err("a record did not come back".into());
    }
    figures.open.push(time(|| sealer.open::<Account>(black_box(&sealed)).map_err(Into::into))?);
    Ok(())
}

fn row(accounts: &Table, keys: &KeyCache, figures: &mut Figures) -> Result<()> {
    let settings = Settings::default();
    let values = ATTRIBUTES
        .iter()
        .map(|(_, _, ty, text)| Value::parse(ty, Format::Text, text.as_bytes(), &settings).map(Some))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    figures.seal.push(time(|| seal_row(accounts, keys, black_box(&values)).map_err(Into::into))?);
    let sealed = seal_row(accounts, keys, &values)?;
    let stored: Vec<Vec<u8>> = values
        .iter()
        .zip(&sealed.cells)
        .zip(&ATTRIBUTES)
        .map(|((value, cell), (_, _, ty, _))| {
            let mut stored = cell.clone().unwrap_or_default();
            if let (None, Some(value)) = (cell, value) {
                value.write_stored(ty, &mut stored);
            }
            stored
        })
        .collect();
    let columns: Vec<_> = stored.iter().map(|bytes| Some(Some(bytes.as_slice()))).collect();
    let row = StoredRow { columns: &columns, tags: &[], signature: Some(sealed.signature.as_deref()) };
    let open = || -> Result<usize> {
        verify_row(accounts, keys, black_box(&row))?;
        let (mut opener, mut scratch, mut opened) = (RowOpener::new(accounts, keys, row), Vec::new(), 0);
        for (id, _) in accounts.columns.iter().enumerate().filter(|(_, column)| column.is_sealed()) {
            black_box(opener.open(id, &mut scratch)?);
            opened += 1;
        }
        Ok(opened)
    };
    if open()? != 5 {
        return Err("not all cells were opened".into());
    }
    figures.open.push(time(open)?);
    Ok(())
}

fn cell(figures: &mut Figures) -> Result<()> {
    let key = BranchKey::new("bench".into(), Uuid([1; 16]), 1, 0, Secret::new([7; 32]));
    let context = aad::context(&[ContextPart { name: "id", family: Type::Int8.family(), equality: &[7; 9] }]);
    let place = Place { key: &key, table: "account", column: "pan", family: Type::Text.family(), context: &context };
    let keys = key.table("account");
    let sealed = || -> Result<Vec<u8>> {
        let mut nonces = Nonces::draw(1)?;
        let nonce = nonces.next().ok_or("no nonce was drawn")?;
        let content = Content::Value(|out: &mut Vec<u8>| out.extend_from_slice(black_box(&[42; 32])));
        seal(&nonces.derive(&keys.cell), &nonce, &place, content, None).map_err(|_| "a cell was too long".into())
    };
    figures.seal.push(time(sealed)?);
    let cell = sealed()?;
    let mut scratch = Vec::new();
    figures.open.push(time(|| {
        let envelope = Envelope::parse(black_box(&cell)).map_err(|_| "a cell is malformed")?;
        let opened = envelope.open(&keys.cell.derive(&envelope.prefix()), &place, &mut scratch);
        opened.map(|stored| stored.map(<[u8]>::len)).map_err(|_| "a cell did not open".into())
    })?);
    Ok(())
}

/// Microseconds of one call, of many in a row.
fn time<T>(mut call: impl FnMut() -> Result<T>) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..REPETITIONS {
        black_box(call()?);
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(REPETITIONS))
}

fn accounts() -> Table {
    let columns: Vec<Column> = ATTRIBUTES
        .iter()
        .zip(1..)
        .map(|((name, action, ty, _), attnum)| Column {
            logical: (*name).into(),
            name: (*name).into(),
            action: *action,
            ty: Some(*ty),
            type_oid: ty.oid(),
            typmod: -1,
            typlen: ty.typlen(),
            attnum,
            not_null: true,
            default: ColumnDefault::Null,
            pad: None,
            collation: None,
        })
        .collect();
    let everything = (0..columns.len()).collect();
    Table {
        logical: "account".into(),
        relation: Relation { schema: "public".into(), name: "account".into() },
        branch_key: "bench".into(),
        signature: Some(SignatureSet { id: 1, suite: Suite::HmacSha384, columns: everything, beacons: vec![] }),
        older_sets: vec![],
        columns,
        beacons: vec![],
        primary_key: vec![0],
        context: vec![0],
        write_guard: true,
        before_row_trigger: false,
    }
}
