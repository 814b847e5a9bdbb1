//! Cells and row signatures: foreign bytes, genuine ones that were changed, and plaintexts that only a holder of the key
//! could have made.
//!
//! What opens is what was sealed. A cell or row that differs in one bit from a genuine one does not open.
#![no_main]

use std::cell::LazyCell;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pgseal::crypto::xaes::{NONCE_LEN, split};
use pgseal::keys::KeySource;
use pgseal::schema::Table;
use pgseal::seal::aad::Place;
use pgseal::seal::cell::{self, Content, Envelope, Nonces, VERSION};
use pgseal::seal::{row, signature};
use pgseal::value::Value;
use pgseal_fuzz::fixture::{Held, KEY, Keys};
use pgseal_fuzz::{Choices, fixture, seeds};

struct World {
    keys: Keys,
    customers: Arc<Table>,
    customer: Held,
    staff: Arc<Table>,
    member: Held,
    other: Held,
}

thread_local! {
    static WORLD: LazyCell<World> = LazyCell::new(|| {
        let (protection, keys) = (fixture::protection(), fixture::keys());
        let (customers, staff) = (fixture::table(&protection, "customers"), fixture::table(&protection, "staff"));
        let customer = [("id", "7"), ("ssn", "123-45"), ("notes", "likes tea"), ("dob", "1990-05-17"), ("is_vip", "t")];
        let member = [("id", "1"), ("email", "ada@x.org"), ("pay", "12.50"), ("team", "red"), ("since", "2020-01-01")];
        let other = [("id", "2"), ("email", "bob@x.org"), ("code", "b"), ("note", "n"), ("team", "red")];
        World {
            customer: Held::seal(&customers, &keys, &customer),
            member: Held::seal(&staff, &keys, &member),
            other: Held::seal(&staff, &keys, &other),
            keys,
            customers,
            staff,
        }
    });
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut choices = Choices::new(data);
    WORLD.with(|world| match choices.below(5) {
        0 => foreign(choices.rest(), world),
        1 => round_trip(&mut choices, world),
        2 => plaintext(&mut choices, world),
        3 => changed_cell(&mut choices, world),
        _ => changed_row(&mut choices, world),
    });
});

/// Bytes that nobody sealed.
fn foreign(bytes: &[u8], world: &World) {
    let (held, ssn) = (&world.customer, column(&world.customers, "ssn"));
    if let Ok(envelope) = Envelope::parse(bytes) {
        assert_eq!(row::key_ref(bytes), Some(envelope.key_ref()));
    }
    let genuine = opened(&world.customers, held, ssn, &world.keys);
    let mut changed = held.clone();
    changed.columns[ssn] = Some(bytes.to_vec());
    // The fuzzer learns the cells that it is compared with: one of an earlier process opens to the same value.
    let value = opened(&world.customers, &changed, ssn, &world.keys);
    assert!(value.is_none() || value == genuine);
    assert!(value.is_some() || changed != *held);
    if let Ok(envelope) = signature::Envelope::parse(bytes) {
        assert_eq!(envelope.to_bytes(), bytes);
        assert_eq!(row::signature_key_ref(bytes), Some(envelope.key_ref));
    }
    let mut changed = world.member.clone();
    changed.signature = Some(bytes.to_vec());
    let holds = changed.with(|row| row::verify_row(&world.staff, &world.keys, row).is_ok());
    assert_eq!(holds, changed == world.member);
}

/// A value of any length, with any padding.
fn round_trip(choices: &mut Choices<'_>, world: &World) {
    let pad = [None, Some(1), Some(16), Some(1000)][choices.below(4)];
    let null = choices.yes();
    let (context, stored) = (choices.part(), choices.rest());
    let key = world.keys.sealing(KEY).expect("the key");
    let place = place(&key, context);
    let mut nonces = Nonces::draw(1).expect("randomness");
    let derived = nonces.derive(&key.table("customers").cell);
    let content = match null {
        true => Content::Null,
        false => Content::Value(|out: &mut Vec<u8>| out.extend_from_slice(stored)),
    };
    let sealed = cell::seal(&derived, &nonces.next().expect("a nonce"), &place, content, pad).expect("a cell");
    let envelope = Envelope::parse(&sealed).expect("a cell of ours");
    let mut scratch = Vec::new();
    let opened = envelope.open(&derived, &place, &mut scratch).expect("a cell of ours");
    assert_eq!(opened, (!null).then_some(stored));
}

/// A tag that holds over a plaintext of the fuzzer's: the form inside, and S of every type.
fn plaintext(choices: &mut Choices<'_>, world: &World) {
    let (table, held) = (&world.customers, &world.customer);
    let sealed: Vec<_> = (0..table.columns.len()).filter(|&id| table.columns[id].is_sealed()).collect();
    let id = *choices.of(&sealed);
    let ty = table.columns[id].ty.expect("a type");
    let mut bytes = choices.rest().to_vec();
    let key = world.keys.sealing(KEY).expect("the key");
    let nonce = [5; NONCE_LEN];
    // The context of customer 7: one column, `id`, of the integers' family, whose E is that of 7.
    let mut equality = Vec::new();
    Value::Int(7).write_equality(&pgseal::value::Type::Int8, &mut equality);
    let part = pgseal::seal::aad::ContextPart { name: "id", family: pgseal::value::Family(1), equality: &equality };
    let context = pgseal::seal::aad::context(&[part]);
    let place = Place { column: &table.columns[id].logical, family: ty.family(), ..place(&key, &context) };
    let (prefix, tail) = split(&nonce);
    let derived = key.table("customers").cell.derive(&prefix);
    let plain = bytes.clone();
    let tag = derived.seal(&tail, &place.associated(VERSION), &mut bytes).expect("a cell");
    let forged = [&[VERSION], &key.key_ref().0[..], &nonce, &bytes, &tag].concat();
    let mut row = held.clone();
    row.columns[id] = Some(forged);
    let mut scratch = Vec::new();
    let opened = row.with(|row| {
        row::open_cell(table, &world.keys, row, id, &mut scratch).map(|value| {
            let mut stored = Vec::new();
            value.write_stored(&ty, &mut stored);
            (Value::read_stored(&ty, &stored).is_ok_and(|read| read == value), stored)
        })
    });
    match opened {
        // Flags 0 or 2 only, and S again what it was; bool has more than one byte for true.
        Ok((again, stored)) => {
            assert!(again && matches!(plain[0], 0 | 2));
            assert!(ty == pgseal::value::Type::Bool || plain[1..].starts_with(&stored));
        }
        Err(error) => assert!(!matches!(error, pgseal::seal::Error::Tampered { .. }) || plain.is_empty()),
    }
}

/// A genuine cell with something changed in it.
fn changed_cell(choices: &mut Choices<'_>, world: &World) {
    let (table, mut row) = (&world.customers, world.customer.clone());
    let filled: Vec<_> =
        (0..table.columns.len()).filter(|&id| table.columns[id].is_sealed() && row.columns[id].is_some()).collect();
    let id = *choices.of(&filled);
    let place = row.columns[id].as_mut().expect("a cell");
    change(choices, place);
    let genuine = opened(table, &world.customer, id, &world.keys);
    let value = opened(table, &row, id, &world.keys);
    assert!(value.is_none() || value == genuine);
    assert!(value.is_some() || row != world.customer);
}

/// S of a cell that opens.
fn opened(table: &Table, row: &Held, id: usize, keys: &Keys) -> Option<Vec<u8>> {
    let mut scratch = Vec::new();
    row.with(|row| {
        let value = row::open_cell(table, keys, row, id, &mut scratch).ok()?;
        let mut stored = Vec::new();
        value.write_stored(table.columns[id].ty.as_ref()?, &mut stored);
        Some(stored)
    })
}

/// A genuine signed row with one part changed, moved in from another row, or taken away. Only the plain column `mark`
/// may change.
fn changed_row(choices: &mut Choices<'_>, world: &World) {
    let (table, mut row) = (&world.staff, world.member.clone());
    let mark = column(table, "mark");
    for _ in 0..=choices.below(3) {
        let (columns, tags) = (row.columns.len(), row.tags.len());
        let at = choices.below(columns + tags + 1);
        let of = |row: &Held| match at {
            at if at < columns => row.columns[at].clone(),
            at if at < columns + tags => row.tags[at - columns].clone(),
            _ => row.signature.clone(),
        };
        let mut part = of(&row);
        match choices.below(4) {
            0 => part = None,
            1 => part = of(&world.other),
            2 => part = Some(choices.part().to_vec()),
            _ => change(choices, part.get_or_insert_default()),
        }
        match at {
            at if at < columns => row.columns[at] = part,
            at if at < columns + tags => row.tags[at - columns] = part,
            _ => row.signature = part,
        }
    }
    let holds = row.with(|row| row::verify_row(table, &world.keys, row).is_ok());
    row.columns[mark].clone_from(&world.member.columns[mark]);
    assert_eq!(holds, row == world.member);
}

/// Flips, cuts, appends, replaces.
fn change(choices: &mut Choices<'_>, bytes: &mut Vec<u8>) {
    let at = choices.word() % (bytes.len() + 1);
    match choices.below(4) {
        0 => {
            let bit = choices.below(8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        1 => bytes.truncate(at),
        2 => bytes.extend_from_slice(choices.part()),
        _ => {
            let part = choices.part();
            let end = (at + part.len()).min(bytes.len());
            bytes.splice(at..end, part.iter().copied());
        }
    }
}

fn place<'a>(key: &'a pgseal::keys::BranchKey, context: &'a [u8]) -> Place<'a> {
    Place { key, table: "customers", column: "ssn", family: pgseal::value::Family(3), context }
}

fn column(table: &Table, name: &str) -> usize {
    table.column(name).expect("a column of the fixture").0
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for case in seeds::vectors(include_str!("../../vectors/v1/cells.json")) {
        seeds.push([&[0], &seeds::unhex(&case["cell"])[..]].concat());
        if !case["stored"].is_null() {
            seeds.push([&[2, 0, 0], &seeds::unhex(&case["stored"])[..]].concat());
        }
    }
    for case in seeds::vectors(include_str!("../../vectors/v1/signatures.json")) {
        seeds.push([&[0], &seeds::unhex(&case["signature"])[..]].concat());
    }
    seeds.push(b"\x01\x02\x00\x03ctxvalue".to_vec());
    seeds.push(b"\x02\x00\x02padded\x80\0\0\0\0".to_vec());
    seeds.push(b"\x02\x02\x01".to_vec());
    seeds.push(b"\x03\x00\x00\x09\x00\x03".to_vec());
    seeds.push(b"\x04\x02\x03\x01\x0a\x03\x00\x05\x00\x01\x01\x02\x02hi".to_vec());
    seeds
}
