//! Which messages pass by one look. That those are the ones that go on as they came, and that it makes no difference, is
//! told by the streams that are cut anywhere: a Bind that is not whole never passes so.

use super::*;

fn batch(statement: &[u8]) -> Vec<u8> {
    bytes(|out| {
        compose::bind(b"", statement, &[(pgseal::value::Format::Text, Some(b"1"))], &[], out);
        compose::describe(crate::wire::reader::Target::Portal, b"", out);
        compose::execute(b"", 0, out);
        compose::sync(out);
    })
}

/// A session that has prepared this under the name `a`, or tried to.
fn prepared(text: &str) -> Wire {
    let mut wire = Wire::new(protection(1));
    wire.client(&bytes(|out| {
        compose::parse(b"a", text, &[], out);
        compose::sync(out);
    }))
    .unwrap();
    let answer = if text == REFUSED { refusal() } else { b"1\0\0\0\x04".to_vec() };
    wire.server(&[&answer, READY]).unwrap();
    wire
}

/// How many bytes of these messages pass.
fn passes(wire: &mut Wire, messages: &[u8]) -> usize {
    wire.state.pass_client(messages, &mut 0)
}

#[test]
fn a_batch_on_what_is_not_protected_passes_whole_and_so_do_its_answers() {
    let mut wire = prepared("SELECT 1 WHERE 1 = $1");
    let batch = batch(b"a");
    assert_eq!(passes(&mut wire, &batch), batch.len());
    let answers: &[&[u8]] = &[b"2\0\0\0\x04", b"T\0\0\0\x06\0\0", b"D\0\0\0\x06\0\0", b"C\0\0\0\x0dSELECT 1\0", READY];
    assert_eq!(wire.state.pass_server(&answers.concat()), answers.concat().len());
    assert!(wire.state.is_idle());
}

#[test]
fn what_is_protected_refused_unknown_or_ours_does_not_pass_sql_5() {
    for text in ["SELECT email FROM person WHERE id = $1", REFUSED] {
        assert_eq!(passes(&mut prepared(text), &batch(b"a")), 0, "{text}");
    }
    let mut wire = prepared("SELECT 1");
    for name in [&b"b"[..], b"", b"pgseal_a", "ä".as_bytes()] {
        assert_eq!(passes(&mut wire, &batch(name)), 0, "{}", String::from_utf8_lossy(name));
    }
}

#[test]
fn what_may_not_mean_the_same_any_more_does_not_pass_sql_12() {
    let mut wire = prepared("SELECT 1");
    wire.protections.send(Arc::new(protection(2))).unwrap();
    wire.client(&[]).unwrap();
    assert_eq!(passes(&mut wire, &batch(b"a")), 0);
    let mut wire = prepared("SELECT 1");
    wire.client(&bytes(|out| compose::query("DEALLOCATE a", out))).unwrap();
    assert_eq!(passes(&mut wire, &batch(b"a")), 0);
}

#[test]
fn behind_an_error_nothing_passes() {
    let mut wire = prepared("SELECT 1");
    wire.client(&bytes(|out| compose::parse(b"r", REFUSED, &[], out))).unwrap();
    assert_eq!(passes(&mut wire, &batch(b"a")), 0);
}

#[test]
fn within_a_copy_that_takes_data_nothing_passes() {
    let mut wire = prepared("SELECT 1");
    wire.client(&bytes(|out| compose::query("COPY elsewhere FROM STDIN", out))).unwrap();
    wire.server(&[b"G\0\0\0\x07\0\0\0"]).unwrap();
    assert_eq!(passes(&mut wire, &batch(b"a")), 0);
}

#[test]
fn an_answer_that_says_something_does_not_pass() {
    let telling: [&[u8]; 4] =
        [&error("22012"), b"C\0\0\0\x10DISCARD ALL\0", b"C\0\0\0\x11CREATE TABLE\0", b"G\0\0\0\x07\0\0\0"];
    for answer in telling {
        let mut wire = prepared("SELECT 1");
        wire.client(&batch(b"a")).unwrap();
        let begun: &[&[u8]] = &[b"2\0\0\0\x04", b"n\0\0\0\x04", answer];
        assert_eq!(wire.state.pass_server(&begun.concat()), 10);
    }
}
