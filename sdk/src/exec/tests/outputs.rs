//! Physical rows in, logical rows out.

use super::*;
use crate::error::{SqlState, UserFacing};
use crate::exec::Error;
use crate::exec::inputs::Params;
use crate::exec::outputs::{Formats, Opener, check, depends_on_bytea_output, physical_formats};
use crate::framing::Reader;
use crate::sql::OutputSource::{Open, Pass, Verified};

fn selecting(table: &Arc<Table>, shape: RowShape) -> Arc<Plan> {
    let _ = table;
    let mut plan = plan(Verb::Select, Template::default(), vec![]);
    plan.output = Some(shape);
    Arc::new(plan)
}

/// Shows owner (verified), pan (opened), credit (opened).
fn shown(table: &Arc<Table>) -> Arc<Plan> {
    let owner = if table.signature.is_some() { Verified { row: 0, column: OWNER } } else { Pass };
    let sources = [owner, Open { row: 0, column: PAN }, Open { row: 0, column: CREDIT }];
    selecting(table, shape(table, &sources, &[OWNER, PAN, CREDIT]))
}

fn opened(plan: &Arc<Plan>, client: Format, row: &[Option<&[u8]>]) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let shape = plan.output.as_ref().unwrap();
    let client = vec![client; shape.columns.len()];
    let formats = Formats { physical: physical_formats(shape, &client), client };
    let mut opener = Opener::new(plan, Arc::new(formats), Params::NONE).unwrap();
    open_with(&mut opener, row)
}

fn open_with(opener: &mut Opener, row: &[Option<&[u8]>]) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let mut out = b"before".to_vec();
    let mut places = Vec::new();
    let result = opener.located(row, &keys(), &Settings::default(), &mut out, |place| places.push(place));
    if result.is_err() {
        assert_eq!(out, b"before", "no part of a row that failed");
    }
    result?;
    let mut reader = Reader::new(&out[6..]);
    let mut values = Vec::new();
    while !reader.is_empty() {
        let length = reader.i32().unwrap();
        values.push(usize::try_from(length).ok().map(|length| reader.take(length).unwrap().to_vec()));
    }
    assert_eq!(values.len(), opener.width());
    assert!(places.into_iter().map(|place| place.map(|place| out[place].to_vec())).eq(values.iter().cloned()));
    Ok(values)
}

fn some(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

/// A row as a simple query shows it: bytea in hex, uuid in its usual form.
fn as_text(held: &Held) -> Vec<Option<Vec<u8>>> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut row: Vec<_> =
        held.row().iter().map(|value| value.map(|bytes| format!("\\x{}", hex(bytes)).into_bytes())).collect();
    for (place, tag) in row[5..7].iter_mut().zip(&held.tags) {
        *place = tag.as_ref().map(|tag| {
            let hex = hex(tag);
            format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]).into_bytes()
        });
    }
    row
}

#[test]
fn a_row_is_verified_opened_and_rendered_in_the_clients_format() {
    let table = table(true);
    let held = Held::new(&table, &keys(), 7, "4111");
    let plan = shown(&table);
    let text = opened(&plan, Format::Text, &held.row()).unwrap();
    assert_eq!(text, [some("ada"), some("4111"), some("10.50")]);
    let binary = opened(&plan, Format::Binary, &held.row()).unwrap();
    // numeric_send: 2 digits, weight 0, positive, scale 2, then 10 and 5000.
    assert_eq!(binary[2].as_deref(), Some(&[0, 2, 0, 0, 0, 0, 0, 2, 0, 10, 0x13, 0x88][..]));
}

#[test]
fn a_simple_query_is_read_from_hex_text() {
    let table = table(true);
    let held = Held::new(&table, &keys(), 7, "4111");
    let plan = shown(&table);
    let formats = Formats { physical: vec![Format::Text; 8], client: vec![Format::Text; 3] };
    let mut opener = Opener::new(&plan, Arc::new(formats), Params::NONE).unwrap();
    let row = as_text(&held);
    let row: Vec<_> = row.iter().map(Option::as_deref).collect();
    for _ in 0..2 {
        assert_eq!(open_with(&mut opener, &row).unwrap(), [some("ada"), some("4111"), some("10.50")]);
    }
    let mut broken = row.clone();
    broken[PAN] = Some(b"\\001\\002");
    assert!(open_with(&mut opener, &broken).is_err(), "bytea_output = escape is not guessed at");
}

#[test]
fn a_moved_cell_an_edited_tag_and_a_changed_clear_column_are_xx001() {
    let table = table(true);
    let (held, other) = (Held::new(&table, &keys(), 7, "4111"), Held::new(&table, &keys(), 8, "5500"));
    let plan = shown(&table);
    let broken: [fn(&mut Held, &Held); 5] = [
        |held, other| held.columns[PAN] = other.columns[PAN].clone(),
        |held, other| held.tags[0] = other.tags[0].clone(),
        |held, _| held.columns[OWNER] = Some(b"eve".to_vec()),
        |held, other| held.signature = other.signature.clone(),
        |held, _| held.columns[PIN] = None,
    ];
    for change in broken {
        let mut changed = held.clone();
        change(&mut changed, &other);
        let error = opened(&plan, Format::Text, &changed.row()).unwrap_err();
        assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
    }
}

#[test]
fn a_missing_signature_is_an_error_sig_6() {
    let table = table(true);
    let mut row = Held::new(&table, &keys(), 7, "4111");
    row.signature = None;
    let mut fields = row.row();
    fields.push(None);
    let error = opened(&shown(&table), Format::Text, &fields).unwrap_err();
    assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
}

#[test]
fn without_a_signature_cells_stand_alone() {
    let table = table(false);
    let mut held = Held::new(&table, &keys(), 7, "4111");
    held.columns[CREDIT] = None;
    let values = opened(&shown(&table), Format::Text, &held.row()).unwrap();
    assert_eq!(values, [some("ada"), some("4111"), None]);
    held.columns[ID] = Some(8_i64.to_be_bytes().to_vec());
    let error = opened(&shown(&table), Format::Text, &held.row()).unwrap_err();
    assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED, "a cell of another row (CELL-6)");
}

#[test]
fn a_column_that_comes_twice_must_be_the_same_twice_sql_41() {
    let table = table(true);
    let mut shape = shape(&table, &[Open { row: 0, column: PAN }], &[8]);
    shape.physical = 9;
    let plan = selecting(&table, shape);
    let (held, other) = (Held::new(&table, &keys(), 7, "4111"), Held::new(&table, &keys(), 8, "5500"));
    let mut row = held.row();
    row.push(held.columns[PAN].as_deref());
    assert_eq!(opened(&plan, Format::Text, &row).unwrap(), [some("4111")]);
    row[8] = other.columns[PAN].as_deref();
    assert_eq!(opened(&plan, Format::Text, &row).unwrap_err().sqlstate(), SqlState::DATA_CORRUPTED);
}

#[test]
fn a_signed_row_that_was_not_fetched_whole_shows_nothing() {
    let table = table(true);
    let mut shape = shape(&table, &[Pass], &[OWNER]);
    shape.rows[0].signature = None;
    let plan = selecting(&table, shape);
    let held = Held::new(&table, &keys(), 7, "4111");
    assert!(opened(&plan, Format::Text, &held.row()).is_err());
}

#[test]
fn a_row_with_too_few_columns_is_an_error_and_guards_behind_it_are_ignored() {
    let table = table(true);
    let held = Held::new(&table, &keys(), 7, "4111");
    let mut row = held.row();
    row.push(Some(b"guard"));
    assert!(opened(&shown(&table), Format::Text, &row).is_ok());
    assert!(opened(&shown(&table), Format::Text, &row[..7]).is_err());
}

#[test]
fn the_server_is_asked_for_binary_but_where_the_client_gets_its_bytes() {
    let table = table(false);
    let plan = shown(&table);
    let shape = plan.output.as_ref().unwrap();
    let formats = physical_formats(shape, &[Format::Text; 3]);
    let mut expected = vec![Format::Binary; 7];
    expected[OWNER] = Format::Text;
    assert_eq!(formats, expected);
}

#[test]
fn only_bytea_in_text_depends_on_bytea_output_sql_12() {
    let table = table(true);
    let plan = shown(&table);
    let shape = plan.output.as_ref().unwrap();
    let client = [Format::Text; 3];
    assert!(!depends_on_bytea_output(shape, &physical_formats(shape, &client), &client));
    assert!(depends_on_bytea_output(shape, &[Format::Text; 8], &client), "a simple query reads hex");
    let escape = Settings { bytea_hex: false, ..Settings::default() };
    assert!(check(shape, &physical_formats(shape, &client), &client, &escape).is_ok());
    let error = check(shape, &[Format::Text; 8], &client, &escape).unwrap_err();
    assert_eq!(error.sqlstate(), SqlState::FEATURE_NOT_SUPPORTED);
}
