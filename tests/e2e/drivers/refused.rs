//! What a driver has sent already when it learns of a refusal: none of it reaches the server.

use crate::harness::raw::{
    bind, copy_data, copy_done, copy_fail, describe, execute, flush, kinds, message, parse, query, sync,
};

use super::sides::Sides;

const LIKE: &str = "SELECT id FROM payment_card WHERE pan LIKE $1";

const FINE: &str = "SELECT id FROM payment_card WHERE pan = $1";

#[test]
fn parameters_and_copy_data_of_refused_statements_stay_here_sql_21() {
    let sides = Sides::new("refused");
    let world = sides.world();
    world.at_server("CREATE TABLE open_book (line text)");
    let secret = world.secret();
    let params = [Some(secret.as_str())];
    let lines = || [copy_data(format!("{secret}\n").as_bytes()), copy_data(secret.as_bytes())].concat();
    let copy = "COPY payment_card (pan) FROM STDIN";
    let batches = [
        vec![parse("", LIKE, &[]), bind("", "", &params, 0), describe(b'P', ""), execute("", 0), sync()],
        vec![
            parse("s", LIKE, &[25]),
            describe(b'S', "s"),
            flush(),
            bind("p", "s", &params, 0),
            execute("p", 0),
            sync(),
        ],
        // A good statement of that name was there before; it must not be run with these parameters.
        vec![parse("s", "SELECT $1::text", &[]), sync()],
        vec![parse("", LIKE, &[]), bind("", "s", &params, 0), execute("", 0), sync()],
        // The same values, in a batch of their own that was sent before the refusal was read.
        vec![parse("", LIKE, &[]), sync(), bind("", "", &params, 0), execute("", 0), sync()],
        vec![parse("t", LIKE, &[]), sync(), bind("", "t", &params, 0), execute("", 0), sync()],
        // A statement that was skipped with its batch, and one that the server itself did not take.
        vec![parse("", LIKE, &[]), parse("u", FINE, &[]), sync(), bind("", "u", &params, 0), sync()],
        vec![parse("s", FINE, &[]), sync(), bind("", "s", &params, 0), execute("", 0), sync()],
        vec![query(copy), lines(), copy_done()],
        vec![query(copy), sync(), lines(), sync(), copy_fail(&secret)],
        vec![parse("", copy, &[]), bind("", "", &[], 0), execute("", 0), lines(), copy_done(), sync()],
        vec![message(
            b'F',
            &[&1_u32.to_be_bytes()[..], &[0, 0, 0, 1], &[0, 0, 0, 24], secret.as_bytes(), &[0, 0]].concat(),
        )],
    ];
    let mut raw = world.raw();
    for (number, batch) in batches.iter().enumerate() {
        let ready = batch.iter().filter(|message| [b'S', b'Q', b'F'].contains(&message[0])).count();
        let frames = raw.talk(&batch.concat(), ready);
        assert_eq!(kinds(&frames).contains('E'), number != 2, "batch {number}: {}", kinds(&frames));
        assert!(kinds(&frames).ends_with('Z'), "batch {number}");
    }
    // What is allowed still works in the same session.
    raw.send(&query("COPY open_book FROM STDIN"));
    raw.until('G');
    raw.send(&[copy_data(b"a line\n"), copy_done()].concat());
    assert_eq!(kinds(&raw.until('Z')), "CZ");
    let frames = raw.talk(&[query("COPY open_book FROM STDIN"), copy_data(b"sent early\n"), copy_done()].concat(), 1);
    assert_eq!(kinds(&frames), "GCZ");
}
