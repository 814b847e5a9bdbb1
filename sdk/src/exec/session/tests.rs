use super::*;
use crate::error::SqlState;
use crate::schema::{DependentKind, Dependents};

/// Nothing of these names is protected; `names` are.
fn protection(epoch: u64, names: &[&str]) -> Protection {
    let mut dependents = Dependents::default();
    names.iter().for_each(|name| dependents.insert(DependentKind::Relation, *name, "a view"));
    let tables = vec![crate::exec::tests::table(false)];
    Protection { epoch, tables, dependents, ..Protection::default() }
}

fn session() -> Session {
    Session::new(Facts::new(1))
}

fn send(session: &mut Session, text: &str) -> Change {
    session.sends(by_name::named(text), 1).expect("it does something to names")
}

/// It is sent, carried out, and answered.
fn run(session: &mut Session, text: &str) {
    let mut change = send(session, text);
    session.all_carried_out(&mut change);
    session.confirm(&change);
}

fn uses(session: &mut Session, text: &str) -> bool {
    session.uses_by_name(text, &[], &protection(1, &[])).is_some()
}

fn stale(session: &mut Session, text: &str, protection: &Protection) -> bool {
    session.uses_by_name(text, &[], protection).is_some()
}

#[test]
fn the_name_of_a_refused_prepare_is_barred_until_it_means_something_sql_5() {
    let mut session = session();
    session.refused("SELECT 1; PREPARE Mine AS SELECT 1");
    assert!(uses(&mut session, "EXECUTE mine('x')"));
    let mut again = send(&mut session, "PREPARE mine AS SELECT 2");
    session.carried_out(Some(&mut again), b"SELECT 1");
    assert!(uses(&mut session, "EXECUTE mine('x')"), "it may fail");
    session.carried_out(Some(&mut again), b"PREPARE");
    assert!(!uses(&mut session, "EXECUTE mine('x')"));
}

#[test]
fn what_is_refused_behind_a_prepare_that_is_under_way_stays_barred() {
    let mut session = session();
    session.refused("PREPARE mine AS SELECT 1");
    let mut sent = send(&mut session, "PREPARE mine AS SELECT 2");
    session.refused("PREPARE mine AS SELECT 1");
    session.all_carried_out(&mut sent);
    session.confirm(&sent);
    assert!(uses(&mut session, "EXECUTE mine('x')"));
    run(&mut session, "PREPARE mine AS SELECT 2");
    assert!(!uses(&mut session, "EXECUTE mine('x')"));
}

#[test]
fn a_name_that_is_taken_away_stays_barred() {
    let mut session = session();
    session.refused("PREPARE mine AS SELECT 1");
    for gone in ["DEALLOCATE mine", "DEALLOCATE PREPARE mine", "DEALLOCATE ALL"] {
        run(&mut session, gone);
        assert!(uses(&mut session, "EXECUTE mine('x')"), "{gone}");
    }
}

#[test]
fn a_barred_name_that_is_one_too_many_to_remember_is_not_executed_either_sql_5() {
    let mut session = session();
    for number in 0..=10_000 {
        session.bar(format!("p{number}").as_bytes());
    }
    assert!(uses(&mut session, "EXECUTE p10000('x')"));
    assert!(!uses(&mut session, "SELECT 'x'"));
    run(&mut session, "PREPARE p0 AS SELECT 1");
    assert!(uses(&mut session, "EXECUTE p10000('x')"), "what was not remembered stays unknown");
}

#[test]
fn a_text_is_looked_at_again_in_another_epoch_sql_66() {
    let mut session = session();
    run(&mut session, "PREPARE p(text) AS INSERT INTO stage3 VALUES ($1); PREPARE q AS SELECT 1");
    assert!(!stale(&mut session, "EXECUTE p('x')", &protection(1, &["stage3"])), "the epoch is the same");
    assert!(stale(&mut session, "EXECUTE p('x')", &protection(2, &["stage3"])));
    assert!(!stale(&mut session, "EXECUTE q", &protection(2, &["stage3"])));
    assert!(!stale(&mut session, "EXECUTE p('x')", &protection(3, &[])));
    session.learn(b"told", "SELECT name FROM stage3");
    assert!(stale(&mut session, "EXECUTE told", &protection(3, &["stage3"])), "it was never looked at");
    session.sends_effect(Effect::Opaque);
    assert!(!session.names.is_sql(b"told") && session.names.is_sql(b"p"));
}

#[test]
fn what_a_name_may_mean_is_kept_until_the_server_says_what_it_means_sql_66() {
    let mut session = session();
    let now = protection(2, &["stage3"]);
    run(&mut session, "PREPARE p AS SELECT 1 FROM stage3");
    let failing = send(&mut session, "PREPARE p AS SELECT 1");
    session.withdraw(&failing);
    assert!(stale(&mut session, "EXECUTE p", &now));
    run(&mut session, "DEALLOCATE p; PREPARE p AS SELECT 1");
    assert!(!stale(&mut session, "EXECUTE p", &now) && session.names.is_sql(b"p"));
    let mut all = send(&mut session, "DISCARD ALL");
    let behind = send(&mut session, "PREPARE q AS SELECT 2");
    session.carried_out(Some(&mut all), b"DISCARD ALL");
    session.confirm(&all);
    assert!(!session.names.is_sql(b"p") && session.names.is_sql(b"q"));
    assert!(session.renames());
    session.confirm(&behind);
    assert!(!session.renames());
}

#[test]
fn four_megabytes_of_texts_are_kept_and_what_goes_makes_room_sql_66() {
    let mut session = session();
    let text = |name: usize| format!("PREPARE p{name} AS SELECT '{}'", "x".repeat(1 << 20));
    let too_much = |session: &mut Session, text: &str| session.forwarded(text, &[], &protection(1, &[])).err();
    for number in 0..3 {
        assert!(too_much(&mut session, &text(number)).is_none());
        run(&mut session, &text(number));
    }
    assert_eq!(too_much(&mut session, &text(3)).unwrap().sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
    assert!(too_much(&mut session, "SELECT 1").is_none());
    run(&mut session, "DEALLOCATE p1");
    assert!(too_much(&mut session, &text(3)).is_none());
    run(&mut session, "DEALLOCATE ALL");
    assert!(session.names.is_harmless() && !session.names.is_sql(b"p0"));
}

#[test]
fn a_name_that_its_own_text_takes_away_again_means_nothing_sql_5() {
    let texts = ["PREPARE q AS SELECT 1; DEALLOCATE q", "PREPARE q AS SELECT 1; DEALLOCATE ALL"];
    for (text, last) in texts.into_iter().zip(["DEALLOCATE", "DEALLOCATE ALL"]) {
        let mut session = session();
        run(&mut session, text);
        assert!(!session.names.is_sql(b"q"), "{text}");
        let mut told = send(&mut session, text);
        for tag in ["PREPARE", last] {
            session.carried_out(Some(&mut told), tag.as_bytes());
        }
        session.confirm(&told);
        assert!(!session.names.is_sql(b"q"), "{text}");
        run(&mut session, &format!("{text}; PREPARE q AS SELECT 2"));
        assert!(session.names.is_sql(b"q"), "{text}");
    }
}

#[test]
fn a_prepare_that_is_too_much_is_refused_where_it_stands_sql_66() {
    let session = session();
    let long = "x".repeat(3 << 20);
    let text = format!("BEGIN; PREPARE p AS SELECT '{long}'; PREPARE q AS SELECT '{long}'");
    let refusal = session.too_much(&by_name::named(&text)).unwrap();
    assert_eq!(refusal.position, text.find("PREPARE q"));
}

#[test]
fn texts_that_are_too_many_to_keep_are_prepared_again_under_another_lock() {
    let mut session = session();
    let now = protection(1, &[]);
    let text = format!("SELECT '{}'", "x".repeat(1 << 20));
    for number in 0..20 {
        let statements = sql::plan(&text, &[], &now);
        let (_, change) = session.parse(format!("s{number}").as_bytes(), &text, &[], &statements, &now).ok().unwrap();
        session.confirm(&change);
    }
    let forwarded = |meaning| matches!(meaning, Ok(Meaning::Forwarded(Some(_))));
    let plan = |text: &str, _: &[u32]| sql::plan(text, &[], &protection(2, &["stage3"])).into();
    assert!(forwarded(session.statement(b"s19", &now, plan)), "the lock is the same");
    let later = protection(2, &["stage3"]);
    assert!(forwarded(session.statement(b"s1", &later, plan)));
    let refused = session.statement(b"s19", &later, plan).err().unwrap();
    assert_eq!(refused.refusal.sqlstate, SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
}

#[test]
fn a_question_about_ten_thousand_names_walks_none_of_them() {
    let mut session = session();
    let now = protection(1, &[]);
    for number in 0..10_000 {
        let statements = sql::plan("SELECT 1", &[], &now);
        let (_, change) =
            session.parse(format!("s{number}").as_bytes(), "SELECT 1", &[], &statements, &now).ok().unwrap();
        session.confirm(&change);
    }
    assert!(session.names.is_harmless());
    (0..10_000).for_each(|number| {
        let change = session.close(format!("s{number}").as_bytes()).unwrap();
        session.confirm(&change);
    });
    assert!(session.names.is_empty(), "what is closed takes no memory");
}

#[test]
fn a_parse_that_is_not_sent_is_taken_back_alone_and_bars_its_name_sql_5() {
    let mut session = session();
    let now = protection(1, &[]);
    let parse = |session: &mut Session, text: &str| {
        session.parse(b"a", text, &[], &sql::plan(text, &[], &now), &now).ok().unwrap().1
    };
    let first = parse(&mut session, "SELECT 1");
    session.end_batch();
    parse(&mut session, "SELECT 2");
    session.unsent(b"a", "SELECT 2");
    session.confirm(&first);
    let plan = |text: &str, _: &[u32]| sql::plan(text, &[], &now).into();
    let Ok(Meaning::Forwarded(Some(known))) = session.statement(b"a", &now, plan) else { panic!("it is gone") };
    assert_eq!(known.text(), Some("SELECT 1"));
    assert!(session.bind(b"a", || true, false, &now, plan).is_err(), "the values may be those of what was not sent");
}
