//! What a session makes of a catalog that changes while it goes on.

use super::*;
use crate::session::state::Defined;

/// The command tag of a statement that was carried out.
fn complete(tag: &str) -> Vec<u8> {
    bytes(|out| {
        compose::frame(b'C', out, |out| {
            out.extend_from_slice(tag.as_bytes());
            out.push(0);
        });
    })
}

#[test]
fn what_is_defined_in_a_block_is_told_once_the_block_is_over_cat_5() {
    for end in ["COMMIT", "ROLLBACK"] {
        let mut wire = Wire::new(protection(1));
        let mut step = |sql: &str, tag: &str, status: u8| {
            wire.client(&bytes(|out| compose::query(sql, out))).unwrap();
            wire.server(&[&complete(tag)]).unwrap();
            let open = wire.state.defined;
            wire.server(&[b"Z\0\0\0\x05", &[status]]).unwrap();
            (open, wire.state.defined)
        };
        assert_eq!(step("BEGIN", "BEGIN", b'T'), (Defined::No, Defined::No));
        assert_eq!(step("DROP VIEW made", "DROP VIEW", b'T'), (Defined::Open, Defined::Open));
        assert_eq!(step("SELECT 1", "SELECT 1", b'T'), (Defined::Open, Defined::Open));
        assert_eq!(step(end, end, b'I'), (Defined::Open, Defined::No));
    }
}

#[test]
fn what_is_defined_behind_a_planned_statement_is_told_as_well_cat_5() {
    let mut wire = Wire::new(protection(1));
    wire.client(&bytes(|out| compose::query("DELETE FROM person WHERE id = 1; DROP VIEW made", out))).unwrap();
    wire.server(&[&complete("DELETE 1")]).unwrap();
    assert_eq!(wire.state.defined, Defined::No);
    wire.server(&[&complete("DROP VIEW")]).unwrap();
    assert_eq!(wire.state.defined, Defined::Open);
    wire.server(&[READY]).unwrap();
    assert_eq!(wire.state.defined, Defined::No);
}

/// [`protection`], its table changed.
fn changed(change: impl FnOnce(&mut Table)) -> Arc<Protection> {
    let mut protection = protection(2);
    change(Arc::get_mut(&mut protection.tables[0]).unwrap());
    Arc::new(protection)
}

/// What becomes of a Bind of this text, prepared before the protection changed.
fn bound(text: &str, after: Arc<Protection>) -> String {
    let mut wire = Wire::new(protection(1));
    wire.client(&bytes(|out| compose::parse(b"s", text, &[], out))).unwrap();
    wire.server(&[b"1\0\0\0\x04"]).unwrap();
    wire.protections.send_replace(after);
    let sent = wire.client(&bytes(|out| compose::bind(b"", b"s", &[], &[], out))).unwrap();
    match sent.windows(REFUSAL.len()).any(|part| part == REFUSAL.as_bytes()) {
        false => String::new(),
        true => String::from_utf8_lossy(&wire.server(&[&refusal()]).unwrap()).into_owned(),
    }
}

#[test]
fn a_prepared_statement_that_would_show_other_columns_fails_as_in_postgresql() {
    let further = || {
        changed(|table| {
            let id = Arc::into_inner(protection(1).tables.remove(0)).unwrap().columns.remove(0);
            table.columns.push(Column { logical: "nick".into(), name: "nick".into(), attnum: 3, ..id });
        })
    };
    let wider = || changed(|table| (table.columns[0].ty, table.columns[0].type_oid) = (Some(Type::Int8), 20));
    let sealed = || changed(|table| table.columns[0].action = Action::ENCRYPT_AND_SIGN);
    let (all, one) = ("SELECT * FROM person", "SELECT email FROM person");
    for (text, after) in [(all, further()), (all, wider())] {
        let answer = bound(text, after);
        assert!(answer.contains("0A000") && answer.contains("cached plan must not change result type"), "{answer}");
    }
    for (text, after) in [(all, sealed()), (one, further()), ("DELETE FROM person", further())] {
        assert_eq!(bound(text, after), "", "{text}");
    }
}
