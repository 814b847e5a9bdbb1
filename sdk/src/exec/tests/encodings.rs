//! Parameters and rows of a client whose client_encoding is not UTF8 (SQL-7).

use super::*;
use crate::error::UserFacing;
use crate::exec::Error;
use crate::exec::inputs::{Params, bind};
use crate::exec::outputs::{Formats, Opener};
use crate::sql::OutputSource::{Open, Verified};

fn latin1() -> (ClientEncoding, Settings) {
    let encoding = ClientEncoding::of("LATIN1").unwrap();
    (encoding, Settings { encoding, ..Settings::default() })
}

fn bound(plan: &Plan, format: Format, values: &[Option<&[u8]>]) -> Result<Vec<Physical>, Error> {
    let (encoding, settings) = latin1();
    let params = Params { values, formats: &vec![format; values.len()], encoding };
    bind(plan, &plan.template, params, &[], &keys(), &settings)
}

#[test]
fn a_row_is_sealed_and_signed_in_utf_8_and_its_clear_texts_leave_in_the_clients_encoding_sql_7() {
    let table = table(true);
    let plan = insert(&table, |values| {
        values[OWNER] = Some(Input::Param { index: 0, ty: Type::Text });
        values[PAN] = Some(Input::Param { index: 1, ty: Type::Varchar(None) });
        values[PIN] = Some(untyped("é"));
    });
    for format in [Format::Text, Format::Binary] {
        let params = bound(&plan, format, &[Some(b"Zo\xe9"), Some(b"\xe4")]).unwrap();
        let mut held = stored(&params);
        assert_eq!(held.columns[OWNER].as_deref(), Some(&b"Zo\xe9"[..]));
        held.columns[OWNER] = Some("Zoé".into());
        held.verify(&table, &keys()).unwrap();
        assert_eq!(held.open(&table, &keys(), PAN).unwrap(), "ä");
        assert_eq!(held.open(&table, &keys(), PIN).unwrap(), "é", "a literal is of the copy");
    }
    let error = bound(&plan, Format::Binary, &[Some(b"a\0b"), None]).err().unwrap();
    assert_eq!(error.sqlstate().code(), "22021");
}

#[test]
fn values_of_a_list_are_compared_in_utf_8_sql_7() {
    let list = Input::Param { index: 0, ty: Type::Text };
    let recipe = Recipe::Tags { table: table(false), beacon: 0, input: list };
    let plan = plan(Verb::Select, template(vec![(recipe, PhysicalType::UuidArray)]), vec![]);
    let tag = |pan: &str| row::exact_tag(&table(false), &keys(), 0, &Value::Text(pan.to_owned().into())).unwrap();
    let expected = crate::exec::array::of_uuids(&[Some(tag("é")), Some(tag("a")), None]);
    let mut binary = Vec::new();
    for word in [1_u32, 1, 25, 3, 1, 1] {
        binary.extend_from_slice(&word.to_be_bytes());
    }
    binary.extend_from_slice(b"\xe9\0\0\0\x01a\xff\xff\xff\xff");
    for (format, list) in [(Format::Text, &b"{\xe9,\"a\",NULL}"[..]), (Format::Binary, &binary)] {
        assert_eq!(owned(&bound(&plan, format, &[Some(list)]).unwrap()[0]).unwrap(), expected, "{format:?}");
    }
}

#[test]
fn opened_and_verified_texts_are_shown_in_the_clients_encoding_or_are_22p05_sql_7() {
    let (_, settings) = latin1();
    let table = table(true);
    let shape = shape(&table, &[Open { row: 0, column: PAN }, Verified { row: 0, column: OWNER }], &[PAN, OWNER]);
    let plan = Arc::new(Plan { output: Some(shape), ..plan(Verb::Select, template(vec![]), vec![]) });
    let formats = Formats { physical: vec![Format::Binary; 8], client: vec![Format::Text; 2] };
    let mut opener = Opener::new(&plan, Arc::new(formats), Params::NONE).unwrap();
    let mut shown = |pan: &str| {
        let held = Held::new(&table, &keys(), 7, pan);
        let mut out = Vec::new();
        opener.row(&held.row(), &keys(), &settings, &mut out).map(|()| out)
    };
    assert_eq!(shown("Zoé").unwrap(), b"\0\0\0\x03Zo\xe9\0\0\0\x03ada");
    assert_eq!(shown("日本").unwrap_err().sqlstate().code(), "22P05");
}
