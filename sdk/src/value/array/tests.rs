//! What arrays have that their elements have not.

use super::*;

fn of(name: &str) -> Type {
    Type::from_name(name).unwrap()
}

fn read(name: &str, text: &str) -> Result<Array<'static>, Error> {
    let value = Value::parse(&of(name), Format::Text, text.as_bytes(), &Settings::default())?;
    match value.into_owned() {
        Value::Array(array) => Ok(array),
        _ => panic!("{name} is no array"),
    }
}

fn equality(name: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    read(name, text).unwrap().write_equality(&mut out);
    out
}

#[test]
fn dimensions_bounds_and_nulls_count_in_a_comparison() {
    assert_ne!(equality("int4[]", "{1,2}"), equality("int4[]", "[0:1]={1,2}"));
    assert_ne!(equality("int4[]", "{1,2}"), equality("int4[]", "{{1,2}}"));
    assert_ne!(equality("int4[]", "{1,NULL}"), equality("int4[]", "{1}"));
    assert_eq!(equality("numeric[]", "{1.0,NULL}"), equality("numeric[]", "[1:2]={1.000,null}"));
    assert_eq!(equality("float8[]", "{0}"), equality("float8[]", "{-0}"));
    assert_eq!(equality("char(3)[]", "{a}"), equality("bpchar[]", "{\"a  \"}"));
}

#[test]
fn braces_of_different_depth_are_left_to_no_version_of_the_server() {
    let code = |text: &str| read("date[]", text).map(|_| ()).map_err(|error| error.sqlstate.code());
    // Before version 17 each of these is read, with elements added or dropped, or has the error of its elements.
    for text in ["{{2000-01-01},{{2000-01-02}}}", "{{2000-13-01},{{a}}}", "{{{2000-01-01}},{2000-01-02}}"] {
        assert_eq!(code(text), Err("0A000"), "{text}");
    }
    for text in ["{2000-01-01,{2000-01-02}}", "{{2000-01-01},2000-01-02}", "{{2000-01-01},{2000-01-01,{2000-01-02}}}"] {
        assert_eq!(code(text), Err("22P02"), "{text}");
    }
}

#[test]
fn a_claim_of_many_elements_reserves_nothing_and_is_refused() {
    let of_int4 = |shape: &[i32], rest: &[u8]| {
        let mut bytes = i32::try_from(shape.len() / 2).unwrap().to_be_bytes().to_vec();
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 23]);
        shape.iter().for_each(|number| bytes.extend(number.to_be_bytes()));
        bytes.extend(rest);
        receive(Type::Int4, &bytes).map(|array| array.len()).map_err(|error| error.sqlstate.code())
    };
    assert_eq!(of_int4(&[134_217_727, 1], &[]), Err("08P01"));
    assert_eq!(of_int4(&[134_217_728, 1], &[]), Err("54000"));
    assert_eq!(of_int4(&[65_536, 1, 65_536, 1], &[]), Err("54000"));
    assert_eq!(of_int4(&[-1, 1], &[]), Err("54000"));
    assert_eq!(of_int4(&[1, i32::MAX], &[0xff; 4]), Err("54000"));
    assert_eq!(of_int4(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], &[0xff; 4]), Err("54000"));
    assert_eq!(of_int4(&[0, 1], &[]), Ok(0));
    assert_eq!(of_int4(&[1, 1], &[0xff, 0xff, 0xff, 0xfe]), Err("22P03"));
    assert_eq!(of_int4(&[1, 1], &[0, 0, 0, 3, 0, 0, 0]), Err("08P01"));
    assert_eq!(of_int4(&[1, 1], &[0xff; 8]), Err("22P03"));
}

#[test]
fn the_modifier_of_an_array_is_that_of_its_elements() {
    let error = read("varchar(3)[]", "{abc,abcd}").err().unwrap();
    assert_eq!(error.sqlstate, SqlState::STRING_DATA_RIGHT_TRUNCATION);
    assert!(!error.message.contains("abcd"));
    let texts = read("text[]", "{abcd}").unwrap();
    let limited = Value::Array(texts).assign(&of("text[]"), &of("varchar(3)[]"));
    assert_eq!(limited.err().unwrap().sqlstate, SqlState::STRING_DATA_RIGHT_TRUNCATION);
    let numbers = Value::Array(read("int4[]", "[0:1]={1,NULL}").unwrap());
    let assigned = numbers.assign(&of("int4[]"), &of("numeric(12,2)[]")).unwrap();
    assert!(assigned == Value::Array(read("numeric(12,2)[]", "[0:1]={1.00,NULL}").unwrap()));
}

#[test]
fn an_array_of_values_is_made_and_taken_apart() {
    let array = Array::new(&Type::Int4, [Some(Value::Int(7)), None]).unwrap();
    assert!(array == read("int4[]", "{7,NULL}").unwrap());
    let elements: Vec<_> = array.elements().map(Result::unwrap).collect();
    assert!(elements == [Some(Value::Int(7)), None]);
    assert!(Array::new(&Type::Int4, [None; 0]).unwrap() == read("int4[]", "{}").unwrap());
    assert!(Array::new(&Type::Int4, [Some(Value::Int(1 << 40))]).is_err());
    assert!(Array::new(&Type::Int4, [Some(Value::Text("7".into()))]).is_err());
    assert!(Array::new(&of("int4[]"), [None]).is_err());
}
