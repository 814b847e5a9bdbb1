//! What the server answers to a planned statement: rows, descriptions, errors.
//!
//! Of a signed table only a row that was signed is shown, whole; of another one every shown cell is one that was sealed
//! for the row's key. A row that is refused leaves nothing behind. What an error says to the client names nothing of
//! ours. Pieces are taken from genuine rows, changed, or foreign.
#![no_main]

use std::cell::LazyCell;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pgseal::exec::inputs::Params;
use pgseal::exec::steps;
use pgseal::schema::Table;
use pgseal::sql::Plan;
use pgseal::value::{Format, Settings};
use pgseal_fuzz::fixture::{Held, Keys};
use pgseal_fuzz::{Choices, fixture, seeds};
use pgseal_proxy::frames::{self, Columns};
use pgseal_proxy::wire::frame::HEADER;
use pgseal_proxy::wire::{compose, reader};

/// A statement, and the rows of its table that exist.
struct Case {
    plan: Arc<Plan>,
    held: Vec<Held>,
    signed: bool,
}

struct World {
    keys: Keys,
    cases: Vec<Case>,
}

const STATEMENTS: [(&str, &str); 8] = [
    ("customers", "SELECT id, ssn, notes, dob, is_vip, ext_id, name FROM customers"),
    ("customers", "SELECT * FROM customers"),
    ("customers", "UPDATE customers SET name = 'x' RETURNING ssn, created_at"),
    ("staff", "SELECT * FROM staff"),
    ("staff", "SELECT id, note, note AS again, team, since, mark FROM staff"),
    ("staff", "DELETE FROM staff RETURNING email, pay, ref"),
    ("shift", "SELECT s.email, s.hours + 1, s.staff_id FROM shift AS s"),
    ("messages", "SELECT body, attachment, meta, raw, sent, noted FROM messages"),
];

thread_local! {
    static WORLD: LazyCell<World> = LazyCell::new(|| {
        let (protection, keys) = (fixture::protection(), fixture::keys());
        let cases = STATEMENTS.iter().map(|(name, text)| {
            let table = fixture::table(&protection, name);
            Case { plan: fixture::plan(&protection, text), held: held(&table, &keys), signed: table.signature.is_some() }
        });
        World { cases: cases.collect(), keys }
    });
}

/// Three rows of a table.
fn held(table: &Table, keys: &Keys) -> Vec<Held> {
    let rows: &[&[(&str, &str)]] = match table.logical.as_str() {
        "customers" => &[
            &[("id", "1"), ("ssn", "123-45"), ("notes", "likes tea"), ("dob", "1990-05-17"), ("is_vip", "t")],
            &[("id", "2"), ("ssn", "987-65"), ("name", "Bob"), ("created_at", "2026-01-01 00:00+00")],
            &[("id", "3")],
        ],
        "staff" => &[
            &[("id", "1"), ("email", "ada@x.org"), ("pay", "12.50"), ("team", "red"), ("ref", "{\"a\": [1]}")],
            &[("id", "2"), ("email", "bob@x.org"), ("note", "n"), ("since", "2020-01-01"), ("mark", "m")],
            &[("id", "3"), ("code", "c"), ("grade", "7")],
        ],
        "shift" => &[
            &[("id", "1"), ("staff_id", "1"), ("email", "ada@x.org"), ("hours", "8")],
            &[("id", "2"), ("code", "x")],
            &[("id", "3"), ("email", "")],
        ],
        _ => &[
            &[
                ("id", "00000000-0000-4000-8000-000000000001"),
                ("room", "a"),
                ("body", "hi"),
                ("attachment", "\\x00ff"),
                ("meta", "{\"a\": 1}"),
                ("sent", "2026-01-01 00:00+00"),
            ],
            &[("id", "00000000-0000-4000-8000-000000000001"), ("room", "b"), ("raw", "[ 1 ]"), ("noted", "infinity")],
            &[("id", "00000000-0000-4000-8000-000000000002"), ("room", "")],
        ],
    };
    rows.iter().map(|row| Held::seal(table, keys, row)).collect()
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut choices = Choices::new(data);
    WORLD.with(|world| {
        let case = choices.of(&world.cases);
        match choices.below(8) {
            0 => descriptions(choices.rest(), case),
            1 => errors(choices.rest(), &case.plan),
            2 => body(choices.rest(), case, &world.keys),
            _ => row(&mut choices, case, &world.keys),
        }
    });
});

/// A row, column by column.
fn row(choices: &mut Choices<'_>, case: &Case, keys: &Keys) {
    let shape = case.plan.output.as_ref().expect("rows");
    let simple = choices.yes();
    let client = if choices.yes() { Format::Binary } else { Format::Text };
    let columns = match simple {
        true => Columns::simple(&case.plan),
        false => Columns::extended(&case.plan, &[i16::from(client == Format::Binary)]).expect("one format fits all"),
    };
    let whole: Vec<Vec<Option<Vec<u8>>>> = case.held.iter().map(|held| physical(held, case, simple)).collect();
    let base = choices.below(whole.len());
    let mut fields = whole[base].clone();
    for _ in 0..choices.below(4) {
        let at = choices.below(fields.len());
        fields[at] = match choices.below(4) {
            0 => None,
            1 => choices.of(&whole)[at].clone(),
            2 => Some(choices.part().to_vec()),
            _ => {
                let mut bytes = fields[at].take().unwrap_or_default();
                let (place, bit) = (choices.word(), choices.below(8));
                let length = bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(place % length) {
                    *byte ^= 1 << bit;
                }
                Some(bytes)
            }
        };
    }
    let sent: Vec<Option<&[u8]>> = fields.iter().map(Option::as_deref).collect();
    let Some(opened) = open(&sent, case, &columns, keys) else {
        assert!(fields != whole[base], "a genuine row is refused");
        return;
    };
    if !case.signed {
        return;
    }
    // It was accepted: then every part that is signed is that of one row, so that it reads as that row does. Letters of
    // hex come in two cases.
    let position = |field: &Option<Vec<u8>>| field.as_ref().map(|bytes| bytes.to_ascii_lowercase());
    let read = &shape.rows[0];
    let unsigned = read.table.columns.iter().map(|column| !column.is_signed());
    let free: Vec<usize> =
        read.columns.iter().zip(unsigned).filter(|(_, free)| *free).filter_map(|(at, _)| *at).collect();
    let places = read.columns.iter().chain(&read.tags).copied().flatten().chain(read.signature);
    let places: Vec<usize> = places.filter(|at| !free.contains(at)).collect();
    let same = |row: &Vec<Option<Vec<u8>>>| {
        places.iter().all(|&at| match simple {
            true => position(&row[at]) == position(&fields[at]),
            false => row[at] == fields[at],
        })
    };
    assert!(whole.iter().any(same), "a row that nobody signed was opened to {} columns", opened.len());
}

/// The row as the server sends it: for a simple query in text, cells as hex.
fn physical(held: &Held, case: &Case, text: bool) -> Vec<Option<Vec<u8>>> {
    let shape = case.plan.output.as_ref().expect("rows");
    let mut row = vec![Some(b"1".to_vec()); shape.physical];
    for read in &shape.rows {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let bytea = |part: &Option<Vec<u8>>| match text {
            true => part.as_ref().map(|bytes| format!("\\x{}", hex(bytes)).into_bytes()),
            false => part.clone(),
        };
        let uuid = |part: &Option<Vec<u8>>| match text {
            true => part.as_ref().map(|bytes| hex(bytes).into_bytes()),
            false => part.clone(),
        };
        for (at, part) in read.columns.iter().zip(&held.columns) {
            at.iter().for_each(|&at| row[at] = bytea(part));
        }
        for (at, part) in read.tags.iter().zip(&held.tags) {
            at.iter().for_each(|&at| row[at] = uuid(part));
        }
        read.signature.iter().for_each(|&at| row[at] = bytea(&held.signature));
        // A column that is shown a second time.
        for output in &shape.columns {
            use pgseal::sql::OutputSource::{Open, Pass, Verified};
            match output.source {
                Open { column, .. } | Verified { column, .. } => row[output.physical] = bytea(&held.columns[column]),
                Pass => {}
            }
        }
    }
    row
}

/// Opens a row as the proxy does. What comes out is a whole frame, or nothing.
fn open(row: &[Option<&[u8]>], case: &Case, columns: &Columns, keys: &Keys) -> Option<Vec<Option<Vec<u8>>>> {
    let mut frame = Vec::new();
    compose::data_row(row, &mut frame);
    let mut opener = columns.opener(&case.plan, Params::NONE).expect("rows");
    let mut out = b"before".to_vec();
    let result = frames::rows::open(&frame[HEADER..], &mut opener, keys, &Settings::default(), &mut out);
    assert!(out.starts_with(b"before"));
    if let Err(error) = result {
        assert_eq!(out.len(), 6, "a row that was refused leaves nothing: {error}");
        return None;
    }
    let fields = reader::data_row(&out[6 + HEADER..]).expect("a row of ours");
    assert_eq!(fields.len(), opener.width());
    Some(fields.into_iter().map(|field| field.map(<[u8]>::to_vec)).collect())
}

/// A DataRow whose body is foreign.
fn body(bytes: &[u8], case: &Case, keys: &Keys) {
    for columns in [Columns::simple(&case.plan), Columns::extended(&case.plan, &[]).expect("all text")] {
        let mut opener = columns.opener(&case.plan, Params::NONE).expect("rows");
        let mut out = Vec::new();
        let result = frames::rows::open(bytes, &mut opener, keys, &Settings::default(), &mut out);
        assert!(result.is_ok() || out.is_empty());
    }
}

fn descriptions(bytes: &[u8], case: &Case) {
    let mut out = Vec::new();
    if frames::describe::columns(bytes, &case.plan, None, &mut out).is_ok() {
        let columns = reader::row_description(&out[HEADER..]).expect("a description of ours");
        assert_eq!(columns.len(), case.plan.output.as_ref().expect("rows").columns.len());
    } else {
        assert!(out.is_empty());
    }
    let mut out = Vec::new();
    if frames::describe::parameters(bytes, &case.plan, &mut out).is_ok() {
        let types = reader::parameter_description(&out[HEADER..]).expect("a description of ours");
        assert_eq!(types.len(), case.plan.params.len());
    } else {
        assert!(out.is_empty());
    }
}

/// SQL-56: nothing of ours in what the client reads.
fn errors(bytes: &[u8], plan: &Plan) {
    let positions = steps::described_positions(plan);
    let mut out = Vec::new();
    if frames::errors::translate(b'E', bytes, plan, None, |at| positions.client(at), &mut out).is_err() {
        assert!(out.is_empty());
        return;
    }
    for (code, text) in reader::fields(&out[HEADER..]).expect("an error of ours") {
        let ours = text.windows(7).any(|window| window.eq_ignore_ascii_case(b"pgseal_"));
        assert!(!ours || matches!(code, b'S' | b'V' | b'C'), "field {code} shows what is ours");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let body = |frame: Vec<u8>| frame[HEADER..].to_vec();
    for case in 0..STATEMENTS.len() as u8 {
        for (simple, binary) in [(0, 0), (0, 1), (1, 0)] {
            seeds.push(vec![case, 3, simple, binary, 0, 0]);
            seeds.push(vec![case, 3, simple, binary, 0, 2, 1, 1, 1, 2, 3, 0, 9, 4]);
        }
        let mut row = Vec::new();
        compose::data_row(&[Some(&b"1"[..]); 14], &mut row);
        seeds.push([&[case, 2], &body(row)[..]].concat());
    }
    let mut error = Vec::new();
    let fields: [(u8, &[u8]); 8] = [
        (b'S', b"ERROR"),
        (b'V', b"ERROR"),
        (b'C', b"23505"),
        (b'M', b"duplicate key value violates \"x\" at $2"),
        (b'D', b"Key (pgseal_exact_ssn)=(00) already exists."),
        (b'P', b"12"),
        (b'q', b"SELECT \\x00"),
        (b'n', b"customers_pkey"),
    ];
    compose::fields(b'E', fields, &mut error);
    seeds.push([&[0, 1], &body(error)[..]].concat());
    let field = reader::Field {
        name: b"ssn",
        table_oid: 7,
        attnum: 2,
        type_oid: 17,
        typlen: -1,
        typmod: -1,
        format: Format::Binary,
    };
    let mut description = Vec::new();
    compose::row_description(&[field; 12], &mut description);
    seeds.push([&[3, 0], &body(description)[..]].concat());
    seeds
}
