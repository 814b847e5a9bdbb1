use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::crypto::random;
use crate::crypto::secret::Secret;
use crate::error::{SqlState, UserFacing};
use crate::keys::{self, BeaconKey, Uuid};
use crate::schema::{Action, Beacon, ColumnDefault, Relation, Suite};

/// Keys of one id; the last one seals.
struct Keys(Vec<Arc<BranchKey>>, Arc<BeaconKey>);

impl Keys {
    fn new(roots: &[u8]) -> Self {
        let branch = |&root: &u8| {
            Arc::new(BranchKey::new("cards".into(), Uuid([root; 16]), u64::from(root), 0, Secret::new([root; 32])))
        };
        let beacon = BeaconKey::new("cards".into(), Uuid([9; 16]), 1, Secret::new([9; 32]));
        Self(roots.iter().map(branch).collect(), Arc::new(beacon))
    }
}

impl KeySource for Keys {
    fn sealing(&self, id: &str) -> Result<Arc<BranchKey>, keys::Error> {
        self.0.last().filter(|_| id == "cards").cloned().ok_or_else(|| keys::Error::Missing { id: id.into() })
    }
    fn opening(&self, id: &str, key_ref: KeyRef) -> Result<Arc<BranchKey>, keys::Error> {
        let found = self.0.iter().find(|key| id == "cards" && key.key_ref() == key_ref);
        found.cloned().ok_or_else(|| keys::Error::UnknownVersion { id: id.into(), key_ref })
    }
    fn beacon(&self, _: &str) -> Result<Arc<BeaconKey>, keys::Error> {
        Ok(Arc::clone(&self.1))
    }
}

const ID: usize = 0;
const OWNER: usize = 1;
const PAN: usize = 2;
const IBAN: usize = 3;
const NOTE: usize = 4;
const COUNT: usize = 5;

fn column(logical: &str, action: Action, ty: Type) -> Column {
    Column {
        logical: logical.into(),
        name: logical.into(),
        action,
        ty: Some(ty),
        type_oid: 25,
        typmod: -1,
        typlen: -1,
        attnum: 1,
        not_null: false,
        default: ColumnDefault::Null,
        pad: None,
        collation: None,
    }
}

/// id is context and primary key, owner and count are signed, pan (padded, with a beacon) and iban are sealed.
fn table() -> Table {
    let mut pan = column("pan", Action::ENCRYPT_AND_SIGN, Type::Text);
    pan.pad = Some(32);
    Table {
        logical: "card".into(),
        relation: Relation { schema: "public".into(), name: "card".into() },
        branch_key: "cards".into(),
        signature: Some(SignatureSet {
            id: 1,
            suite: Suite::HmacSha384,
            columns: vec![COUNT, IBAN, ID, OWNER, PAN],
            beacons: vec![0],
        }),
        older_sets: vec![],
        columns: vec![
            column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8),
            column("owner", Action::SIGN_ONLY, Type::Text),
            pan,
            column("iban", Action::ENCRYPT_AND_SIGN, Type::Text),
            column("note", Action::DO_NOTHING, Type::Text),
            column("count", Action::SIGN_ONLY, Type::Int4),
        ],
        beacons: vec![Beacon { full_name: "card.pan#exact".into(), column: PAN, helper: "pgseal_eq_pan".into() }],
        primary_key: vec![ID],
        context: vec![ID],
        write_guard: true,
        before_row_trigger: false,
    }
}

fn text(value: &str) -> Option<Value<'_>> {
    Some(Value::Text(Cow::Borrowed(value)))
}

fn card(id: i64, pan: &str) -> Vec<Option<Value<'_>>> {
    vec![Some(Value::Int(id)), text("ada"), text(pan), text("DE02"), text("free"), Some(Value::Int(7))]
}

/// A row as the server holds it.
#[derive(Clone)]
struct Held {
    columns: Vec<Option<Vec<u8>>>,
    tags: Vec<Option<Vec<u8>>>,
    signature: Option<Vec<u8>>,
}

impl Held {
    fn new(table: &Table, keys: &Keys, values: &[Option<Value<'_>>]) -> Self {
        let sealed = seal_row(table, keys, values).unwrap();
        let mut columns = sealed.cells;
        for (id, column) in table.columns.iter().enumerate().filter(|(_, column)| !column.is_sealed()) {
            columns[id] = values[id].as_ref().map(|value| {
                let mut stored = Vec::new();
                value.write_stored(column.ty.as_ref().unwrap(), &mut stored);
                stored
            });
        }
        let tags = sealed.tags.into_iter().map(|tag| tag.map(Vec::from)).collect();
        Self { columns, tags, signature: sealed.signature }
    }

    fn with<T>(&self, then: impl FnOnce(StoredRow<'_>) -> T) -> T {
        let columns: Vec<_> = self.columns.iter().map(|bytes| Some(bytes.as_deref())).collect();
        let tags: Vec<_> = self.tags.iter().map(|bytes| Some(bytes.as_deref())).collect();
        then(StoredRow { columns: &columns, tags: &tags, signature: Some(self.signature.as_deref()) })
    }

    fn verify(&self, table: &Table, keys: &Keys) -> Result<(), Error> {
        self.with(|row| verify_row(table, keys, &row))
    }

    fn open(&self, table: &Table, keys: &Keys, column: ColumnId) -> Result<Value<'static>, Error> {
        self.with(|row| open_cell(table, keys, &row, column, &mut Vec::new()).map(Value::into_owned))
    }
}

fn is_tampered(error: &Error) -> bool {
    assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
    matches!(error, Error::Tampered { .. } | Error::Signature { .. } | Error::Malformed { .. })
}

#[test]
fn a_sealed_row_verifies_and_opens() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let held = Held::new(&table, &keys, &card(1, "4111111111111111"));
    held.verify(&table, &keys).unwrap();
    assert!(held.open(&table, &keys, PAN).unwrap() == text("4111111111111111").unwrap());
    assert!(held.open(&table, &keys, IBAN).unwrap() == text("DE02").unwrap());
    let tag = exact_tag(&table, &keys, 0, &text("4111111111111111").unwrap()).unwrap();
    assert_eq!(held.tags[0].as_deref(), Some(&tag[..]));
    assert!(held.columns[NOTE].is_some());
    assert_eq!(key_ref(held.columns[PAN].as_ref().unwrap()), Some(keys.0[0].key_ref()));
    assert_eq!(signature_key_ref(held.signature.as_ref().unwrap()), Some(keys.0[0].key_ref()));
}

#[test]
fn a_swapped_cell_is_detected_between_rows_columns_and_tables_cell_6() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let one = Held::new(&table, &keys, &card(1, "4111111111111111"));
    let two = Held::new(&table, &keys, &card(2, "5500000000000004"));

    let mut rows = one.clone();
    rows.columns[PAN] = two.columns[PAN].clone();
    assert!(matches!(rows.open(&table, &keys, PAN), Err(Error::Tampered { column }) if column == "card.pan"));
    assert!(matches!(rows.verify(&table, &keys), Err(Error::Signature { .. })));

    let mut columns = one.clone();
    columns.columns.swap(PAN, IBAN);
    assert!(matches!(columns.open(&table, &keys, PAN), Err(Error::Tampered { .. })));
    assert!(matches!(columns.verify(&table, &keys), Err(Error::Signature { .. })));

    let mut other = self::table();
    other.logical = "other".into();
    assert!(matches!(one.open(&other, &keys, PAN), Err(Error::Tampered { .. })));
    assert!(matches!(one.verify(&other, &keys), Err(Error::Signature { .. })));
}

#[test]
fn an_older_cell_against_a_newer_signature_is_detected_sig_2() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let old = Held::new(&table, &keys, &card(1, "4111111111111111"));
    let mut new = Held::new(&table, &keys, &card(1, "5500000000000004"));
    new.columns[PAN] = old.columns[PAN].clone();
    assert!(new.open(&table, &keys, PAN).is_ok(), "a cell alone does not say which version of the row it is of");
    assert!(matches!(new.verify(&table, &keys), Err(Error::Signature { .. })));
}

#[test]
fn every_change_of_a_covered_part_breaks_the_signature_sig_2() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let held = Held::new(&table, &keys, &card(1, "4111111111111111"));
    let mut changes: Vec<Held> = Vec::new();
    for id in [ID, OWNER, PAN, IBAN, COUNT] {
        let len = held.columns[id].as_ref().unwrap().len();
        for bit in 0..len * 8 {
            let mut forged = held.clone();
            forged.columns[id].as_mut().unwrap()[bit / 8] ^= 1 << (bit % 8);
            changes.push(forged);
        }
        for len in 0..len {
            let mut cut = held.clone();
            cut.columns[id].as_mut().unwrap().truncate(len);
            changes.push(cut);
        }
        let mut null = held.clone();
        null.columns[id] = None;
        changes.push(null);
    }
    let mut tag = held.clone();
    tag.tags[0].as_mut().unwrap()[15] ^= 1;
    changes.push(tag);
    let mut no_tag = held.clone();
    no_tag.tags[0] = None;
    changes.push(no_tag);
    for forged in changes {
        assert!(is_tampered(&forged.verify(&table, &keys).unwrap_err()));
    }
    let mut note = held.clone();
    note.columns[NOTE] = Some(b"changed".to_vec());
    note.verify(&table, &keys).unwrap();
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_signature_is_refused() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let held = Held::new(&table, &keys, &card(1, "4111111111111111"));
    let signature = held.signature.clone().unwrap();
    for bit in 0..signature.len() * 8 {
        let mut forged = held.clone();
        forged.signature.as_mut().unwrap()[bit / 8] ^= 1 << (bit % 8);
        let error = forged.verify(&table, &keys).unwrap_err();
        assert!(matches!(error, Error::Signature { .. } | Error::Key(keys::Error::UnknownVersion { .. })));
        assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
    }
    for len in 0..signature.len() {
        let cut = Held { signature: Some(signature[..len].to_vec()), ..held.clone() };
        assert!(is_tampered(&cut.verify(&table, &keys).unwrap_err()));
    }
}

#[test]
fn a_missing_signature_is_an_error_sig_6() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let mut held = Held::new(&table, &keys, &card(1, "4111111111111111"));
    held.signature = None;
    assert!(matches!(held.verify(&table, &keys), Err(Error::Signature { problem: "is missing", .. })));
}

#[test]
fn a_row_that_was_not_fetched_whole_is_neither_verified_nor_signed() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let held = Held::new(&table, &keys, &card(1, "4111111111111111"));
    held.with(|row| {
        let mut columns = row.columns.to_vec();
        columns[OWNER] = None;
        let partial = StoredRow { columns: &columns, ..row };
        assert!(matches!(verify_row(&table, &keys, &partial), Err(Error::Signature { .. })));
        assert!(matches!(sign_row(&table, &keys, &partial), Err(Error::Signature { .. })));
        for tags in [&[][..], &[None]] {
            let partial = StoredRow { tags, ..row };
            assert!(matches!(verify_row(&table, &keys, &partial), Err(Error::Signature { .. })));
        }
        columns[ID] = None;
        let partial = StoredRow { columns: &columns, ..row };
        assert!(matches!(open_cell(&table, &keys, &partial, PAN, &mut Vec::new()), Err(Error::Malformed { .. })));
    });
}

#[test]
fn a_row_signed_as_stored_has_the_signature_of_the_row_sealed_whole() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let held = Held::new(&table, &keys, &card(1, "4111111111111111"));
    assert_eq!(held.with(|row| sign_row(&table, &keys, &row)).ok(), held.signature);
}

#[test]
fn old_versions_open_and_unknown_ones_are_named_key_8() {
    let table = table();
    let held = Held::new(&table, &Keys::new(&[1]), &card(1, "4111111111111111"));
    let both = Keys::new(&[1, 2]);
    held.verify(&table, &both).unwrap();
    held.open(&table, &both, PAN).unwrap();
    let newer = Held::new(&table, &both, &card(1, "4111111111111111"));
    assert_eq!(key_ref(newer.columns[PAN].as_ref().unwrap()), Some(both.0[1].key_ref()));
    let only_new = Keys::new(&[2]);
    assert!(matches!(held.open(&table, &only_new, PAN), Err(Error::Key(keys::Error::UnknownVersion { .. }))));
    assert!(matches!(held.verify(&table, &only_new), Err(Error::Key(keys::Error::UnknownVersion { .. }))));
}

#[test]
fn null_in_context_key_or_not_null_column_is_23502_on_write_cell_5() {
    let (mut table, keys) = (table(), Keys::new(&[1]));
    let mut values = card(1, "4111111111111111");
    values[ID] = None;
    let error = seal_row(&table, &keys, &values).err().unwrap();
    assert_eq!(error, Error::NullContext { column: "card.id".into(), writing: true });
    assert_eq!(error.sqlstate(), SqlState::NOT_NULL_VIOLATION);
    let error = seal_cells(&table, &keys, &values, &[(PAN, text("1").unwrap())]).unwrap_err();
    assert_eq!(error.sqlstate(), SqlState::NOT_NULL_VIOLATION);
    // SET pan = NULL in any row: nothing is sealed, so no context is asked for.
    assert_eq!(seal_cells(&table, &keys, &values, &[]), Ok(Vec::new()));

    table.columns[PAN].not_null = true;
    let mut values = card(1, "4111111111111111");
    values[PAN] = None;
    assert_eq!(seal_row(&table, &keys, &values).err(), Some(Error::NotNull { column: "card.pan".into() }));

    table.columns[ID].action = Action::SIGN_ONLY;
    table.context.clear();
    let mut values = card(1, "4111111111111111");
    values[ID] = None;
    assert_eq!(seal_row(&table, &keys, &values).err(), Some(Error::NotNull { column: "card.id".into() }));
}

#[test]
fn null_in_a_context_column_is_xx001_on_read_cell_5() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let mut held = Held::new(&table, &keys, &card(1, "4111111111111111"));
    held.columns[ID] = None;
    let error = held.open(&table, &keys, PAN).err().unwrap();
    assert_eq!(error, Error::NullContext { column: "card.id".into(), writing: false });
    assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
}

#[test]
fn null_stays_null_in_cell_and_tag_and_is_signed_bcn_5() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let mut values = card(1, "");
    let empty = Held::new(&table, &keys, &values);
    assert!(empty.tags[0].is_some(), "the empty text has a tag");
    values[PAN] = None;
    let null = Held::new(&table, &keys, &values);
    assert_eq!((null.columns[PAN].as_ref(), null.tags[0].as_ref()), (None, None));
    null.verify(&table, &keys).unwrap();
    let mut forged = null.clone();
    forged.columns[PAN] = empty.columns[PAN].clone();
    assert!(matches!(forged.verify(&table, &keys), Err(Error::Signature { .. })));
}

#[test]
fn plaintext_forced_into_a_sealed_column_is_refused() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let mut held = Held::new(&table, &keys, &card(1, "4111111111111111"));
    held.columns[PAN] = Some(b"4111111111111111".to_vec());
    assert!(matches!(held.open(&table, &keys, PAN), Err(Error::Malformed { .. })));
}

#[test]
fn a_wider_integer_type_needs_no_new_seal_or_signature_cell_9() {
    let (mut table, keys) = (table(), Keys::new(&[1]));
    table.columns[ID].ty = Some(Type::Int4);
    let mut held = Held::new(&table, &keys, &card(-5, "4111111111111111"));
    table.columns[ID].ty = Some(Type::Int8);
    table.columns[COUNT].ty = Some(Type::Int8);
    held.columns[ID] = Some((-5i64).to_be_bytes().to_vec());
    held.columns[COUNT] = Some(7i64.to_be_bytes().to_vec());
    held.verify(&table, &keys).unwrap();
    held.open(&table, &keys, PAN).unwrap();
}

#[test]
fn an_older_set_is_accepted_while_newer_columns_hold_what_add_column_gave_sig_3() {
    let (mut table, keys) = (table(), Keys::new(&[1]));
    let newest = table.signature.replace(SignatureSet {
        id: 1,
        suite: Suite::HmacSha384,
        columns: vec![IBAN, ID, OWNER],
        beacons: vec![],
    });
    let mut values = card(1, "4111111111111111");
    values[PAN] = None;
    values[COUNT] = None;
    let held = Held::new(&table, &keys, &values);
    let older = table.signature.replace(SignatureSet { id: 2, ..newest.unwrap() }).unwrap();
    assert!(matches!(held.verify(&table, &keys), Err(Error::Signature { .. })), "set 1 is not accepted");

    table.older_sets.push(older);
    held.verify(&table, &keys).unwrap();
    let mut changed = held.clone();
    changed.columns[COUNT] = Some(1i32.to_be_bytes().to_vec());
    assert!(matches!(changed.verify(&table, &keys), Err(Error::Signature { .. })));
    let mut changed = held.clone();
    changed.tags[0] = Some(vec![0; 16]);
    assert!(matches!(changed.verify(&table, &keys), Err(Error::Signature { .. })));

    table.columns[COUNT].default = ColumnDefault::Constant(3i32.to_be_bytes().to_vec());
    assert!(matches!(held.verify(&table, &keys), Err(Error::Signature { .. })));
    let mut constant = held.clone();
    constant.columns[COUNT] = Some(3i32.to_be_bytes().to_vec());
    constant.verify(&table, &keys).unwrap();
}

#[test]
fn an_unsigned_table_has_no_signature_to_verify_or_make() {
    let (mut table, keys) = (table(), Keys::new(&[1]));
    table.signature = None;
    let held = Held::new(&table, &keys, &card(1, "4111111111111111"));
    assert_eq!(held.signature, None);
    held.open(&table, &keys, PAN).unwrap();
    assert!(matches!(held.verify(&table, &keys), Err(Error::Signature { .. })));
    assert!(held.with(|row| sign_row(&table, &keys, &row)).is_err());
}

#[test]
fn only_sealed_columns_have_cells_and_positions_beyond_the_table_are_errors() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let values = card(1, "4111111111111111");
    for id in [OWNER, NOTE, 99] {
        assert!(matches!(
            seal_cells(&table, &keys, &values, &[(id, text("x").unwrap())]),
            Err(Error::Malformed { .. })
        ));
    }
    assert!(exact_tag(&table, &keys, 7, &text("x").unwrap()).is_err());
    assert!(seal_row(&table, &keys, &values[..5]).is_err());
    let held = Held::new(&table, &keys, &values);
    for id in [OWNER, NOTE, 99] {
        assert!(matches!(held.open(&table, &keys, id), Err(Error::Malformed { .. })));
    }
}

#[test]
fn a_row_is_sealed_with_one_call_for_randomness_and_none_without_cells_cell_1_rnd_1() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let calls = |sealing: &dyn Fn()| {
        let before = random::calls();
        sealing();
        random::calls() - before
    };
    let whole = card(1, "4111111111111111");
    let row = || {
        let cells = seal_row(&table, &keys, &whole).unwrap().cells;
        let nonces: Vec<_> = cells.iter().flatten().map(|cell| cell[9..33].to_vec()).collect();
        let [pan, iban] = &nonces[..] else { panic!("two cells") };
        assert_eq!(pan[..12], iban[..12]);
        // Not a number that was changed in a few bytes: each half is drawn.
        assert!(pan[12..].iter().zip(&iban[12..]).filter(|(a, b)| a == b).count() < 8);
    };
    assert_eq!(calls(&row), 1);
    let some = [(IBAN, text("FR76").unwrap()), (PAN, text("5500000000000004").unwrap())];
    assert_eq!(calls(&|| drop(seal_cells(&table, &keys, &whole, &some).unwrap())), 1);
    let mut empty = card(1, "");
    (empty[PAN], empty[IBAN]) = (None, None);
    assert_eq!(calls(&|| drop(seal_row(&table, &keys, &empty).unwrap())), 0);
    assert_eq!(calls(&|| drop(seal_cells(&table, &keys, &whole, &[]).unwrap())), 0);
}

#[test]
fn cells_sealed_together_open_with_those_of_another_sealing_in_one_row() {
    let (table, keys) = (table(), Keys::new(&[1]));
    let values = card(1, "4111111111111111");
    let mut held = Held::new(&table, &keys, &values);
    let both = [(IBAN, text("FR76").unwrap()), (PAN, text("5500000000000004").unwrap())];
    let cells = seal_cells(&table, &keys, &values, &both).unwrap();
    assert_eq!(cells[0][9..21], cells[1][9..21], "one derived key");
    assert_ne!(cells[0][..33], cells[1][..33], "two nonces");
    held.columns[IBAN] = Some(cells[0].clone());
    held.with(|row| {
        let (mut opener, mut scratch) = (RowOpener::new(&table, &keys, row), Vec::new());
        for _ in 0..2 {
            assert!(opener.open(IBAN, &mut scratch).unwrap() == text("FR76").unwrap());
            assert!(opener.open(PAN, &mut scratch).unwrap() == text("4111111111111111").unwrap());
        }
    });
}

#[test]
fn a_verified_row_opens_whatever_version_each_of_its_cells_names_key_8() {
    let (table, keys) = (table(), Keys::new(&[1, 2]));
    let values = card(1, "4111111111111111");
    let mut held = Held::new(&table, &keys, &values);
    let older = seal_cells(&table, &Keys::new(&[1]), &values, &[(IBAN, text("FR76").unwrap())]).unwrap();
    held.columns[IBAN] = Some(older[0].clone());
    assert!(held.with(|row| RowOpener::verified(&table, &keys, row).is_err()));
    held.signature = Some(held.with(|row| sign_row(&table, &keys, &row)).unwrap());
    held.with(|row| {
        let (mut opener, mut scratch) = (RowOpener::verified(&table, &keys, row).unwrap(), Vec::new());
        for _ in 0..2 {
            assert!(opener.open(IBAN, &mut scratch).unwrap() == text("FR76").unwrap());
            assert!(opener.open(PAN, &mut scratch).unwrap() == text("4111111111111111").unwrap());
        }
    });
}

proptest! {
    #[test]
    fn random_rows_never_panic_and_never_verify(
        columns in proptest::collection::vec(proptest::option::of(proptest::collection::vec(any::<u8>(), 0..120)), 0..8),
        tags in proptest::collection::vec(proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)), 0..3),
        signature in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..80)),
    ) {
        let (table, keys) = (table(), Keys::new(&[1]));
        let held = Held { columns, tags, signature };
        prop_assert!(held.verify(&table, &keys).is_err());
        for id in 0..8 {
            prop_assert!(held.open(&table, &keys, id).is_err());
        }
        held.with(|row| drop(sign_row(&table, &keys, &row)));
    }

    /// PostgreSQL's text has no zero byte, and neither has ours.
    #[test]
    fn any_row_round_trips(id: i64, pan in "[^\\x00]{0,60}", owner in "[^\\x00]{0,20}", count: i32) {
        let (table, keys) = (table(), Keys::new(&[1]));
        let mut values = card(id, &pan);
        values[OWNER] = text(&owner);
        values[COUNT] = Some(Value::Int(i64::from(count)));
        let held = Held::new(&table, &keys, &values);
        prop_assert!(held.verify(&table, &keys).is_ok());
        prop_assert!(held.open(&table, &keys, PAN).unwrap() == text(&pan).unwrap());
    }
}
