//! What a statement of several steps costs at the server's link.

use super::model::protection_in;
use super::*;
use crate::wire::frame::{HEADER, Header};
use crate::wire::reader::{self, Field, Target};

const UPDATE: &str = "UPDATE ledger SET holder = $1 WHERE id = $2 RETURNING id";

/// The types of these frames.
fn types(mut frames: &[u8]) -> String {
    let mut types = String::new();
    while let Some(header) = Header::peek(frames).unwrap() {
        types.push(header.tag.into());
        frames = &frames[header.total..];
    }
    types
}

/// What the server says to a Describe of the statement: every column that is read is bytea there.
fn described() -> Vec<u8> {
    let column =
        Field { name: b"id", table_oid: 16_400, attnum: 1, type_oid: 17, typlen: -1, typmod: -1, format: Format::Text };
    bytes(|out| {
        compose::parameter_description(&[0, 20], out);
        compose::row_description(&[column; 8], out);
    })
}

#[test]
fn a_portal_of_several_steps_is_described_with_what_its_bind_asked_for_sql_54() {
    let mut wire = Wire::with(protection_in(0), Arc::new(NoKeys), Limits::default());
    let parse = |text: &'static str| move |out: &mut Vec<u8>| compose::parse(b"s", text, &[], out);
    assert_eq!(types(&wire.client(&bytes(parse(UPDATE))).unwrap()), "P");
    assert_eq!(wire.server(&[b"1\0\0\0\x04"]).unwrap(), b"1\0\0\0\x04");

    let values = [(Format::Text, Some(&b"Ada"[..])), (Format::Text, Some(b"7"))];
    let bind = bytes(|out| compose::bind(b"p", b"s", &values, &[Format::Binary], out));
    let sent = wire.client(&bind).unwrap();
    assert_eq!(types(&sent), "DCPB");
    assert!(!sent.windows(3).any(|part| part == b"Ada"), "its values stay here");
    let complete = [&described()[..], b"3\0\0\0\x04", b"1\0\0\0\x04", b"2\0\0\0\x04"];
    assert_eq!(wire.server(&complete).unwrap(), b"2\0\0\0\x04");

    // The portal outlives its statement.
    wire.client(&bytes(|out| compose::close(Target::Statement, b"s", out))).unwrap();
    wire.server(&[b"3\0\0\0\x04"]).unwrap();
    wire.client(&bytes(parse("SELECT 1"))).unwrap();
    wire.server(&[b"1\0\0\0\x04"]).unwrap();

    for _ in 0..2 {
        assert_eq!(types(&wire.client(&bytes(|out| compose::describe(Target::Portal, b"p", out))).unwrap()), "D");
        let told = wire.server(&[b"n\0\0\0\x04"]).unwrap();
        let fields = reader::row_description(&told[HEADER..]).unwrap();
        assert_eq!((told[0], fields.len()), (b'T', 1));
        assert_eq!((fields[0].name, fields[0].type_oid, fields[0].format), (&b"id"[..], 20, Format::Binary));
    }
    let sent = wire.client(&bytes(|out| compose::execute(b"p", 0, out))).unwrap();
    assert_eq!(types(&sent), "ECCPBEH", "whether there is such a portal, and the first step");
}
