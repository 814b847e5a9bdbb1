//! The search that ends every test on sealed tables finds what it is there to find.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::raw::{Raw, query};

use super::world;

/// What the end of the world says.
fn complaint(world: World) -> String {
    let ended = catch_unwind(AssertUnwindSafe(|| drop(world)));
    *ended.unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn a_secret_in_an_unprotected_column_fails_the_test_that_wrote_it() {
    let world = world("leaky");
    let secret = world.secret();
    world.raw().talk(&query(&format!("INSERT INTO note VALUES (1, '{secret}')")), 1);
    assert!(complaint(world).starts_with("protected values in the server log: value 0 as"));
}

#[test]
fn a_client_that_hears_a_cell_or_a_tag_in_text_or_binary_fails_the_test() {
    for (number, sql) in [
        "SELECT name FROM person",
        "SELECT pgseal_eq_email FROM person",
        "COPY (SELECT pgseal_eq_email FROM person) TO STDOUT (FORMAT binary)",
        "COPY (SELECT name::bytea FROM person) TO STDOUT (FORMAT binary)",
    ]
    .iter()
    .enumerate()
    {
        let world = world(&format!("heard{number}"));
        let secret = world.secret();
        world.raw().talk(&query(&format!("INSERT INTO person (id, name, email) VALUES (1, '{secret}', 'x')")), 1);
        // Straight at the server, taken for a client of the proxy.
        let mut dba = Raw::dial_unix(cluster().socket_dir(), cluster().port()).heard_by(world.heard());
        dba.log_in(world.database());
        dba.talk(&query(sql), 1);
        assert!(complaint(world).starts_with("a client heard ciphertext"), "{sql}");
    }
}

#[test]
fn a_test_that_names_no_secret_and_no_reason_fails() {
    assert!(complaint(world("silent")).starts_with("this test writes no secret"));
}
