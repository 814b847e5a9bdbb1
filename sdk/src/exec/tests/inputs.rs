//! Parameters and literals in, physical parameters or physical text out.

use super::*;
use crate::error::{SqlState, UserFacing};
use crate::exec::Error;
use crate::exec::inputs::{Params, bind, parse_text, positions, splice};
use crate::exec::positions::Traced;

const NO_FORMATS: [Format; 4] = [Format::Text; 4];

fn bound(plan: &Plan, values: &[Option<&[u8]>]) -> Result<Vec<Physical>, Error> {
    let params = Params { values, formats: &NO_FORMATS[..values.len()], encoding: ClientEncoding::UTF8 };
    bind(plan, &plan.template, params, &[], &keys(), &Settings::default())
}

fn spliced(plan: &Plan) -> Result<Traced, Error> {
    let mut out = Traced::default();
    splice(plan, &plan.template, &keys(), &Settings::default(), &mut out).map(|()| out)
}

fn param(index: usize, ty: Type) -> Option<Input> {
    Some(Input::Param { index, ty })
}

/// A plan with one tag of the beacon at this index.
fn compares(beacon: usize, input: Input) -> Plan {
    let recipe = Recipe::Tag { table: table(false), beacon, input };
    plan(Verb::Select, template(vec![(recipe, PhysicalType::Uuid)]), vec![])
}

fn compares_any(beacon: usize, input: Input) -> Plan {
    let recipe = Recipe::Tags { table: table(false), beacon, input };
    plan(Verb::Select, template(vec![(recipe, PhysicalType::UuidArray)]), vec![])
}

fn pan_tag(pan: &str) -> Vec<u8> {
    let value = Value::Text(pan.into());
    row::exact_tag(&table(false), &keys(), 0, &value).unwrap().to_vec()
}

#[test]
fn an_inserted_row_is_sealed_tagged_and_signed_as_a_whole() {
    let table = table(true);
    let params = bound(&insert(&table, |_| ()), &[]).unwrap();
    let held = stored(&params);
    held.verify(&table, &keys()).unwrap();
    assert_eq!(held.open(&table, &keys(), PAN).unwrap(), "4111");
    assert_eq!(held.open(&table, &keys(), CREDIT).unwrap(), "10.50");
    assert_eq!(held.tags[0].as_deref(), Some(pan_tag("4111").as_slice()));
    assert_eq!(owned(&params[8]), Some(7_i64.to_be_bytes().to_vec()), "the guard compares S of id");
}

#[test]
fn every_execution_draws_fresh_nonces_cell_1() {
    let table = table(true);
    let plan = insert(&table, |_| ());
    let (first, second) = (bound(&plan, &[]).unwrap(), bound(&plan, &[]).unwrap());
    assert_ne!(owned(&first[2]), owned(&second[2]));
    assert_eq!(owned(&first[5]), owned(&second[5]), "tags are deterministic");
}

#[test]
fn parameters_are_read_in_their_own_type_and_assigned_sql_20() {
    let table = table(false);
    let plan = insert(&table, |values| {
        values[ID] = param(0, Type::Int4);
        values[PAN] = param(1, Type::Varchar(None));
        values[CREDIT] = param(2, Type::Int8);
    });
    let held = stored(&bound(&plan, &[Some(b"42"), Some("ä".as_bytes()), Some(b"3")]).unwrap());
    assert_eq!(held.columns[ID].as_deref(), Some(&42_i64.to_be_bytes()[..]));
    assert_eq!(held.open(&table, &keys(), PAN).unwrap(), "ä");
    assert_eq!(held.open(&table, &keys(), CREDIT).unwrap(), "3.00");
}

#[test]
fn null_for_a_sealed_not_null_column_is_23502_in_postgresqls_words_sql_22() {
    for null in [Some(Input::Null), param(0, Type::Text)] {
        let error = bound(&insert(&table(false), |values| values[PAN] = null), &[None]).err().unwrap();
        assert_eq!(error.sqlstate(), SqlState::NOT_NULL_VIOLATION);
        assert_eq!(error.message(), "null value in column \"pan\" of relation \"card\" violates not-null constraint");
        let place = error.column().unwrap();
        assert_eq!([&*place.schema, &*place.table, &*place.column], ["public", "card", "pan"]);
    }
}

#[test]
fn null_in_a_nullable_sealed_column_is_null_with_a_null_tag_bcn_5() {
    let table = table(true);
    let held = stored(&bound(&insert(&table, |values| values[CREDIT] = Some(Input::Null)), &[]).unwrap());
    assert_eq!((&held.columns[CREDIT], &held.tags[1]), (&None, &None));
    held.verify(&table, &keys()).unwrap();
}

#[test]
fn a_value_that_is_too_long_is_22001_and_its_text_is_in_no_error_val_7() {
    let error = bound(&insert(&table(false), |values| values[PIN] = Some(untyped("secret"))), &[]).err().unwrap();
    assert_eq!(error.sqlstate(), SqlState::STRING_DATA_RIGHT_TRUNCATION);
    assert!(!format!("{error:?}{error}").contains("secret"));
}

#[test]
fn a_stored_default_is_taken_as_it_is() {
    let table = table(false);
    let plan = insert(&table, |values| values[PAN] = Some(Input::Stored(b"none".to_vec())));
    assert_eq!(stored(&bound(&plan, &[]).unwrap()).open(&table, &keys(), PAN).unwrap(), "none");
}

#[test]
fn a_value_of_the_server_is_written_in_the_clear_and_never_sealed_sql_22() {
    let table = table(true);
    let plan = insert(&table, |values| values[ID] = Some(Input::Fetched(0)));
    let fetched = [Some(99_i64.to_be_bytes().to_vec())];
    let settings = Settings::default();
    let params = bind(&plan, &plan.template, Params::NONE, &fetched, &keys(), &settings).unwrap();
    stored(&params).verify(&table, &keys()).unwrap();
    assert_eq!(owned(&params[0]), fetched[0]);
    let sealed = insert(&table, |values| values[PAN] = Some(Input::Fetched(0)));
    assert!(bind(&sealed, &sealed.template, Params::NONE, &fetched, &keys(), &settings).is_err());
}

/// An UPDATE of pan where id is this.
fn update_pan(id: Input, pan: &str) -> Plan {
    let table = table(false);
    let mut values = vec![None; 6];
    values[ID] = Some(id);
    values[PAN] = Some(untyped(pan));
    let slots = vec![
        (Recipe::Cell { row: 0, column: PAN }, PhysicalType::Bytea),
        (Recipe::RowTag { row: 0, beacon: 0 }, PhysicalType::Uuid),
    ];
    plan(Verb::Update, template(slots), vec![WriteRow { table, values }])
}

#[test]
fn a_blind_update_seals_under_the_context_that_the_statement_fixes_sql_50() {
    let table = table(false);
    let params = bound(&update_pan(untyped("7"), "5500"), &[]).unwrap();
    let mut held = Held::new(&table, &keys(), 7, "4111");
    held.columns[PAN] = owned(&params[0]);
    assert_eq!(held.open(&table, &keys(), PAN).unwrap(), "5500");
    held.columns[ID] = Some(8_i64.to_be_bytes().to_vec());
    assert!(held.open(&table, &keys(), PAN).is_err());
    assert_eq!(owned(&params[1]), Some(pan_tag("5500")));
}

#[test]
fn a_blind_update_whose_context_no_row_can_have_writes_nothing_and_is_no_error() {
    let number = |text: &str| Input::Literal { literal: Literal::Typed(Type::Numeric(None), text.into()), at: 7 };
    for id in [Input::Param { index: 0, ty: Type::Int8 }, number("7.5"), number("99999999999999999999")] {
        let params = bound(&update_pan(id, "5500"), &[None]).unwrap();
        assert_eq!((owned(&params[0]), owned(&params[1])), (None, None));
    }
}

#[test]
fn a_plan_that_would_show_a_sealed_value_or_write_a_signed_row_unsigned_fails() {
    let clear = |recipe| {
        let plan = insert(&table(false), |_| ());
        let slots = template(vec![(recipe, PhysicalType::Logical(Type::Text))]);
        bind(&plan, &slots, Params::NONE, &[], &keys(), &Settings::default())
    };
    assert!(clear(Recipe::Clear { row: 0, column: PAN }).is_err());
    assert!(clear(Recipe::Signed { row: 0, column: PAN }).is_err());
    assert!(clear(Recipe::Cell { row: 0, column: OWNER }).is_err());
    assert!(clear(Recipe::Cell { row: 1, column: PAN }).is_err());
    let mut values = vec![None; 6];
    values[ID] = Some(untyped("7"));
    values[PAN] = Some(untyped("5500"));
    let slots = template(vec![(Recipe::Cell { row: 0, column: PAN }, PhysicalType::Bytea)]);
    let signed = plan(Verb::Update, slots, vec![WriteRow { table: table(true), values }]);
    assert!(bound(&signed, &[]).is_err());
}

#[test]
fn a_constant_is_compared_by_its_tag() {
    let tag = |input, values: &[Option<&[u8]>]| owned(&bound(&compares(0, input), values).unwrap()[0]);
    assert_eq!(tag(untyped("4111"), &[]), Some(pan_tag("4111")));
    assert_eq!(tag(Input::Param { index: 0, ty: Type::Text }, &[Some(b"4111")]), Some(pan_tag("4111")));
    assert_eq!(tag(Input::Null, &[]), None);
    assert_eq!(tag(Input::Param { index: 0, ty: Type::Text }, &[None]), None);
}

#[test]
fn a_constant_that_equals_no_value_gets_a_tag_that_no_row_holds_val_4() {
    let mut table = table(false);
    Arc::get_mut(&mut table).unwrap().beacons[0].column = ID;
    let tag = |number: &str| {
        let input = Input::Literal { literal: Literal::Typed(Type::Numeric(None), number.into()), at: 7 };
        let recipe = Recipe::Tag { table: Arc::clone(&table), beacon: 0, input };
        let plan = plan(Verb::Select, template(vec![(recipe, PhysicalType::Uuid)]), vec![]);
        owned(&bound(&plan, &[]).unwrap()[0]).unwrap()
    };
    assert_eq!(tag("8"), tag("8.0"));
    assert_ne!(tag("8.5"), tag("8.5"), "it is random");
    assert_ne!(tag("8.5"), tag("8"));
}

#[test]
fn a_comparison_applies_no_modifier_sql_20() {
    let tag = |number: &str| owned(&bound(&compares(1, untyped(number)), &[]).unwrap()[0]).unwrap();
    assert_eq!(tag("1.5"), tag("1.500"));
    assert_ne!(tag("1.005"), tag("1.01"), "numeric(12,2) does not round what it is compared with");
}

#[test]
fn a_list_in_either_form_becomes_a_list_of_tags() {
    let expected = crate::exec::array::of_uuids(&[
        Some(pan_tag("4111").try_into().unwrap()),
        None,
        Some(pan_tag("a,b").try_into().unwrap()),
    ]);
    let plan = compares_any(0, Input::Param { index: 0, ty: Type::Text });
    let text = bound(&plan, &[Some(b"{4111,NULL,\"a,b\"}")]).unwrap();
    assert_eq!(owned(&text[0]), Some(expected.clone()));
    let mut binary = Vec::new();
    for word in [1_u32, 1, 25, 3, 1] {
        binary.extend_from_slice(&word.to_be_bytes());
    }
    for item in [Some("4111"), None, Some("a,b")] {
        let length = item.map_or(-1, |item| i32::try_from(item.len()).unwrap());
        binary.extend_from_slice(&length.to_be_bytes());
        binary.extend_from_slice(item.unwrap_or_default().as_bytes());
    }
    let params = Params { values: &[Some(&binary)], formats: &[Format::Binary], encoding: ClientEncoding::UTF8 };
    let params = bind(&plan, &plan.template, params, &[], &keys(), &Settings::default()).unwrap();
    assert_eq!(owned(&params[0]), Some(expected.clone()));
    let items = vec![Some(Literal::Untyped("4111".into())), None, Some(Literal::Untyped("a,b".into()))];
    let literal = bound(&compares_any(0, Input::Literal { literal: Literal::Array(items), at: 7 }), &[]).unwrap();
    assert_eq!(owned(&literal[0]), Some(expected));
    assert_eq!(owned(&bound(&plan, &[None]).unwrap()[0]), None);
}

#[test]
fn a_simple_query_holds_hex_and_quoted_clear_values_only_sql_2() {
    let table = table(true);
    let plan = insert(&table, |values| {
        values[OWNER] = Some(untyped("O'Brien \\ co"));
        // No hexadecimal digits, which a cell may show by chance.
        values[PAN] = Some(untyped("hush"));
        values[CREDIT] = Some(Input::Null);
    });
    let text = spliced(&plan).unwrap().text;
    assert!(text.starts_with("SELECT '7'::pg_catalog.int8, E'O''Brien \\\\ co'::pg_catalog.text, E'\\\\x01"), "{text}");
    assert!(text.contains("NULL::pg_catalog.bytea"), "{text}");
    assert!(text.contains("NULL::pg_catalog.uuid"), "{text}");
    assert!(!text.contains("hush"));
}

#[test]
fn a_slot_never_grows_together_with_its_neighbours() {
    let mut plan = compares(0, untyped("4111"));
    plan.template.pieces = vec![Piece::Text("WHERE a IN".into()), Piece::Slot(0), Piece::Text("AND b".into())];
    let text = spliced(&plan).unwrap().text;
    assert!(text.starts_with("WHERE a IN '"), "{text}");
    assert!(text.ends_with("'::pg_catalog.uuid AND b"), "{text}");
    assert_eq!(parse_text(&plan.template, &[]).0, "WHERE a IN $1 AND b");
}

#[test]
fn positions_in_a_physical_text_go_back_to_the_clients() {
    let mut plan = compares(0, untyped("4111"));
    plan.template.pieces = vec![Piece::Text("WHERE a IN".into()), Piece::Slot(0), Piece::Text("AND b".into())];
    plan.template.origins = vec![Origin::Client(20), Origin::Ours(31), Origin::Client(37)];
    let traced = spliced(&plan).unwrap();
    for (text, positions) in
        [(traced.text, traced.positions), (parse_text(&plan.template, &[]).0, positions(&plan.template))]
    {
        let at = |part: &str| u32::try_from(text.rfind(part).unwrap() + 1).unwrap();
        assert_eq!(positions.client(at("a IN")), Some(27));
        assert_eq!(positions.client(at("b")), Some(42));
        assert_eq!(positions.client(at("IN ") + 3), Some(32), "a slot stands for the literal");
    }
}

#[test]
fn an_unreadable_literal_is_pointed_at_and_one_that_is_too_long_is_not() {
    let error =
        |column, text| bound(&insert(&table(false), |values| values[column] = Some(untyped(text))), &[]).err().unwrap();
    assert_eq!((error(CREDIT, "x").sqlstate().code(), error(CREDIT, "x").position()), ("22P02", Some(8)));
    assert_eq!((error(ID, "1e99").sqlstate().code(), error(ID, "1e99").position()), ("22P02", Some(8)));
    assert_eq!((error(CREDIT, "1e20").sqlstate().code(), error(CREDIT, "1e20").position()), ("22003", None));
    assert_eq!((error(PIN, "12345").sqlstate().code(), error(PIN, "12345").position()), ("22001", None));
    assert_eq!(bound(&compares(1, untyped("x")), &[]).err().unwrap().position(), Some(8));
    assert_eq!(bound(&compares_any(1, untyped("{1,x}")), &[]).err().unwrap().position(), Some(8));
}

#[test]
fn a_parse_names_the_physical_types_and_keeps_the_clients() {
    let table = table(true);
    let mut plan = insert(&table, |_| ());
    plan.template.slots.push(Slot { recipe: Recipe::Pass(1), ty: PhysicalType::Client });
    plan.template.slots.push(Slot { recipe: Recipe::Pass(5), ty: PhysicalType::Client });
    let (_, types) = parse_text(&plan.template, &[0, 1043]);
    assert_eq!(types, [20, 25, 17, 17, 17, 2950, 2950, 17, 17, 1043, 0]);
}

#[test]
fn a_parameter_of_the_client_passes_as_it_is_or_is_an_error() {
    let slots = template(vec![(Recipe::Pass(0), PhysicalType::Client)]);
    let plan = plan(Verb::Select, slots, vec![]);
    assert!(bound(&plan, &[Some(b"x")]).unwrap()[0] == Physical::Pass(0));
    assert!(bound(&plan, &[]).is_err());
    assert!(spliced(&plan).is_err());
}

#[test]
fn more_parameters_than_a_bind_can_carry_are_refused_clearly() {
    let slots = (0..65_536).map(|_| (Recipe::Pass(0), PhysicalType::Client)).collect();
    let plan = plan(Verb::Insert, template(slots), vec![]);
    assert_eq!(bound(&plan, &[None]).err().unwrap().sqlstate(), SqlState::PROGRAM_LIMIT_EXCEEDED);
}
