//! Plans over hand-made catalogs: what is carried over, what is refused, and that a second plan is empty; and what of
//! them a lock agrees with.

use crate::catalog::snapshot::{Column, Constraint, Database, Index, Snapshot, Table, Trigger};
use crate::schema::checked::Schema;
use crate::schema::{Action, Lock, Relation, Source, lock, parse};

use super::weaker::weaker;
use super::{Agreement, Changes, plan};

const CARD: &str = r#"version = 1
keyrings.k.generator = "local:x"
branch_keys.cards.keyring = "k"
[tables.card]
name = "public.card"
branch_key = "cards"
[tables.card.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
status = "DO_NOTHING"
pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
[tables.card.beacons]
standard = [{ name = "pan", length = "exact" }]
"#;

fn schema(text: &str) -> Schema {
    parse::parse(vec![Source { path: "s.toml".into(), text: text.into() }]).unwrap()
}

fn column(attnum: i16, name: &str, type_oid: u32, type_name: &str) -> Column {
    Column {
        attnum,
        name: name.into(),
        type_oid,
        typmod: -1,
        type_name: type_name.into(),
        shown: type_name.trim_start_matches("pg_catalog.").into(),
        not_null: attnum == 1,
        deterministic: true,
        ..Column::default()
    }
}

fn card() -> Table {
    Table {
        kind: "r".into(),
        persistence: "p".into(),
        columns: vec![
            column(1, "id", 20, "pg_catalog.int8"),
            column(2, "status", 25, "pg_catalog.text"),
            column(3, "pan", 25, "pg_catalog.text"),
        ],
        constraints: vec![Constraint {
            name: "card_pkey".into(),
            kind: "p".into(),
            columns: vec![1],
            ..Constraint::default()
        }],
        ..Table::default()
    }
}

/// The table after `apply`.
fn applied() -> Table {
    let mut table = card();
    table.columns[2] = column(3, "pan", 99, "pgseal.sealed_text");
    table.columns.push(column(4, "pgseal_eq_pan", 2950, "pg_catalog.uuid"));
    table.indexes.push(index("any", &[4], None));
    table
}

fn snapshot(table: Table) -> Snapshot {
    let mut snapshot = Snapshot {
        database: Database {
            name: "d".into(),
            system_identifier: "1".into(),
            encoding: "UTF8".into(),
            version: 150_000,
        },
        key_store: true,
        domains: [("sealed_text".into(), vec!["envelope".into()])].into(),
        ..Snapshot::default()
    };
    snapshot.tables.insert(Relation { schema: "public".into(), name: "card".into() }, table);
    snapshot
}

fn planned(change: impl FnOnce(&mut Table)) -> Changes {
    let mut table = card();
    change(&mut table);
    plan(&schema(CARD), &snapshot(table), None)
}

fn sql(changes: &Changes) -> Vec<&str> {
    assert_eq!(changes.refusals, []);
    changes.steps.iter().map(|step| step.sql.as_str()).collect()
}

/// The one refusal after a change of a good table.
fn refused(change: impl FnOnce(&mut Table)) -> String {
    let changes = planned(change);
    assert_eq!(changes.refusals.len(), 1, "{:?}", changes.refusals);
    changes.refusals[0].what.clone()
}

fn key(name: &str, kind: &str, columns: &[i16]) -> Constraint {
    Constraint { name: name.into(), kind: kind.into(), columns: columns.to_vec(), ..Constraint::default() }
}

fn index(name: &str, keys: &[i16], predicate: Option<&str>) -> Index {
    Index {
        name: name.into(),
        method: "btree".into(),
        keys: keys.to_vec(),
        reads: keys.to_vec(),
        options: vec![0; keys.len()],
        plain: true,
        predicate: predicate.map(Into::into),
        ..Index::default()
    }
}

#[test]
fn an_empty_table_gets_domain_helper_and_index() {
    let changes = planned(|_| {});
    assert_eq!(
        sql(&changes),
        [
            r#"ALTER TABLE "public"."card" ALTER COLUMN "pan" TYPE pgseal.sealed_text USING NULL"#,
            r#"ALTER TABLE "public"."card" ADD COLUMN "pgseal_eq_pan" pg_catalog.uuid"#,
            r#"CREATE INDEX "card_pgseal_eq_pan" ON "public"."card" ("pgseal_eq_pan")"#,
        ]
    );
    assert_eq!(changes.must_be_empty.len(), 1, "rows that are there would be lost");
}

#[test]
fn the_domain_of_a_sealed_column_takes_envelopes_only() {
    const CHECK: &str = "CONSTRAINT envelope CHECK (pg_catalog.octet_length(VALUE) >= 50 AND \
        pg_catalog.substr(VALUE, 1, 1) OPERATOR(pg_catalog.=) '\\x01'::pg_catalog.bytea)";
    let mut live = snapshot(applied());
    live.domains.clear();
    let changes = plan(&schema(CARD), &live, None);
    assert_eq!(sql(&changes), [format!("CREATE DOMAIN pgseal.sealed_text AS bytea {CHECK}")]);
    live.domains.insert("sealed_text".into(), vec!["another".into()]);
    let changes = plan(&schema(CARD), &live, None);
    assert_eq!(sql(&changes), [format!("ALTER DOMAIN pgseal.sealed_text ADD {CHECK}")]);
    assert!(changes.must_be_empty.is_empty(), "what is there is checked, not lost");
}

#[test]
fn sql_55_unique_keys_and_indexes_move_to_tags_and_keep_their_names() {
    let changes = planned(|table| {
        table.constraints.push(Constraint { deferrable: true, ..key("card_pan_key", "u", &[3, 2]) });
        table.indexes.push(Index { unique: true, constraint: true, ..index("card_pan_key", &[3, 2], None) });
        let descending = Index { options: vec![1, 0], ..index("card_by", &[3, 2], Some("(pan IS NOT NULL)")) };
        table.indexes.push(descending);
        table.indexes.push(index("card_status", &[2], None));
    });
    let sql = sql(&changes);
    assert_eq!(sql[0], r#"ALTER TABLE "public"."card" DROP CONSTRAINT "card_pan_key""#);
    assert_eq!(sql[1], r#"DROP INDEX "public"."card_by""#);
    assert_eq!(
        sql[sql.len() - 2..],
        [
            r#"ALTER TABLE "public"."card" ADD CONSTRAINT "card_pan_key" UNIQUE ("pgseal_eq_pan", "status") DEFERRABLE"#,
            r#"CREATE INDEX "card_by" ON "public"."card" USING btree ("pgseal_eq_pan" DESC NULLS LAST, "status") WHERE ("pgseal_eq_pan" IS NOT NULL)"#,
        ]
    );
    assert!(!sql.iter().any(|sql| sql.contains("card_status")), "an index on plain columns is untouched");
}

#[test]
fn sql_55_an_index_without_a_tag_is_dropped_and_named_and_a_unique_one_is_refused() {
    let without = CARD.replace("[tables.card.beacons]\nstandard = [{ name = \"pan\", length = \"exact\" }]\n", "");
    let mut table = card();
    table.indexes.push(index("card_pan", &[3], None));
    let changes = plan(&schema(&without), &snapshot(table.clone()), None);
    assert!(changes.notes.iter().any(|note| note.contains("card_pan is dropped")));
    table.indexes[0].unique = true;
    let changes = plan(&schema(&without), &snapshot(table), None);
    assert!(changes.refusals[0].what.contains("unique index card_pan"));
}

#[test]
fn an_applied_table_has_nothing_to_do_whatever_it_holds() {
    let changes = planned(|table| *table = applied());
    assert_eq!(sql(&changes), Vec::<&str>::new());
    assert!(changes.must_be_empty.is_empty());
}

#[test]
fn a_table_that_does_not_exist_is_reported_and_skipped() {
    let mut none = snapshot(card());
    none.tables.clear();
    let changes = plan(&schema(CARD), &none, None);
    assert_eq!(changes.absent.len(), 1);
    assert_eq!(changes.refusals, []);
}

#[test]
fn sql_55_what_lets_the_server_touch_a_protected_column_is_refused_by_name() {
    let what = refused(|table| {
        table.triggers.push(Trigger { name: "audit_card".into(), ..Trigger::default() });
    });
    assert!(what.contains("trigger audit_card"));
    assert!(refused(|table| table.rules.push(("r1".into(), String::new()))).contains("rule r1"));
    assert!(refused(|table| table.policies.push(("p1".into(), String::new()))).contains("policy p1"));
    assert!(refused(|table| table.row_security = true).contains("row-level security"));
    assert!(refused(|table| table.statistics.push(("st".into(), vec![2, 3], false))).contains("statistics st"));
    assert!(refused(|table| table.publications.push("pub".into())).contains("publication pub"));
    assert!(refused(|table| table.views.push(("public.v".into(), 3))).contains("view public.v"));
    assert!(refused(|table| table.constraints.push(key("c1", "c", &[3]))).contains("check c1"));
    assert!(refused(|table| table.constraints.push(key("f1", "f", &[3]))).contains("foreign key f1"));
    assert!(refused(|table| table.constraints.push(key("x1", "x", &[3]))).contains("exclusion constraint x1"));
}

#[test]
fn sql_55_expression_and_partial_indexes_over_protected_columns_are_refused_by_name() {
    let what = refused(|table| table.indexes.push(Index { reads: vec![3], ..index("lower_pan", &[0], None) }));
    assert!(what.contains("index lower_pan"));
    let partial = Index { reads: vec![2, 3], ..index("some", &[2], Some("(pan <> ''::text)")) };
    assert!(refused(|table| table.indexes.push(partial)).contains("predicate of index some"));
    let gin = Index { method: "gin".into(), ..index("g", &[3], None) };
    assert!(refused(|table| table.indexes.push(gin)).contains("index g (gin)"));
}

#[test]
fn cell_8_a_foreign_key_may_not_change_a_context_column() {
    let action = |update: &str, delete: &str| Constraint {
        on_update: update.into(),
        on_delete: delete.into(),
        ..key("f1", "f", &[1])
    };
    for (update, delete) in [("c", "a"), ("n", "a"), ("d", "a"), ("a", "n"), ("a", "d")] {
        let what = refused(|table| table.constraints.push(action(update, delete)));
        assert!(what.contains("foreign key f1"), "{update} {delete}");
    }
    assert_eq!(planned(|table| table.constraints.push(action("r", "c"))).refusals, []);
}

#[test]
fn cell_7_the_primary_key_must_be_there_not_null_and_in_the_context() {
    assert!(refused(|table| table.constraints.clear()).contains("no primary key"));
    assert!(refused(|table| table.columns[0].not_null = false).contains("may be NULL"));
    assert!(refused(|table| table.constraints[0].columns = vec![1, 2]).contains("\"status\" is not in the encryption"));
}

#[test]
fn names_and_types_must_agree_in_both_directions() {
    let more = |table: &mut Table| table.columns.push(column(4, "cvv", 25, "pg_catalog.text"));
    assert!(refused(more).contains("\"cvv\" is not listed"));
    assert!(
        refused(|table| drop(table.columns.remove(1))).contains("\"status\" of the schema file is not in the table")
    );
    assert!(refused(|table| table.columns[2] = column(3, "pan", 1042, "pg_catalog.bpchar")).contains("bpchar"));
    assert!(refused(|table| table.columns.push(column(4, "pgseal_x", 25, "pg_catalog.text"))).contains("reserved"));
    assert!(refused(|table| table.columns[2].deterministic = false).contains("nondeterministic"));
    let open = schema(&CARD.replace("branch_key =", "unlisted_columns = \"DO_NOTHING\"\nbranch_key ="));
    let mut table = card();
    more(&mut table);
    assert_eq!(plan(&open, &snapshot(table), None).refusals, []);
}

#[test]
fn the_help_about_a_type_is_one_that_the_schema_file_takes() {
    let help = |type_oid, type_name| {
        let mut table = card();
        table.columns[2] = column(3, "pan", type_oid, type_name);
        plan(&schema(CARD), &snapshot(table), None).refusals[0].way_out.clone()
    };
    assert!(help(1043, "pg_catalog.varchar").contains("type = \"varchar\""));
    let citext = help(16_400, "public.citext");
    assert!(citext.contains("ALTER COLUMN \"pan\" TYPE text") && !citext.contains("type = "), "{citext}");
}

#[test]
fn sql_22_a_constant_default_moves_and_any_other_is_refused() {
    let changes = planned(|table| table.columns[2].default = Some("'none'::text".into()));
    assert!(sql(&changes)[0].ends_with(r#"ALTER COLUMN "pan" DROP DEFAULT"#));
    assert_eq!(changes.moved["card"]["pan"], Some(b"none".to_vec()));
    assert!(refused(|table| table.columns[2].default = Some("now()".into())).contains("not a constant"));
    assert!(refused(|table| table.columns[2].identity = "d".into()).contains("generated by the server"));
}

#[test]
fn only_ordinary_tables_of_a_utf8_database_are_protected() {
    assert!(refused(|table| table.kind = "p".into()).contains("partitioned"));
    assert!(refused(|table| table.is_child = true).contains("inherits"));
    let child = Relation { schema: "public".into(), name: "kid".into() };
    assert!(refused(|table| table.children.push(child)).contains("public.kid inherits"));
    let mut latin = snapshot(card());
    latin.database.encoding = "LATIN1".into();
    assert!(plan(&schema(CARD), &latin, None).refusals[0].what.contains("LATIN1"));
}

#[test]
fn the_lock_of_another_database_is_refused_by_name() {
    let other = lock::Database { name: "prod".into(), system_identifier: "1".into() };
    let lock = Lock { database: Some(other), ..Lock::default() };
    let changes = plan(&schema(CARD), &snapshot(card()), Some(&lock));
    assert!(changes.refusals[0].what.contains("\"prod\""));
}

#[test]
fn grants_on_a_column_alone_extend_to_its_tag() {
    let changes = planned(|table| table.columns[2].grants = vec![("app".into(), "SELECT".into())]);
    assert!(sql(&changes).contains(&r#"GRANT SELECT ("pgseal_eq_pan") ON "public"."card" TO app"#));
}

#[test]
fn who_may_read_columns_may_read_the_address_by_which_an_update_finds_its_rows() {
    let grants = |table: &mut Table| {
        table.columns[0].grants = vec![("app".into(), "SELECT".into()), ("\"A b\"".into(), "UPDATE".into())];
        table.columns[2].grants = vec![("app".into(), "SELECT".into()), ("PUBLIC".into(), "SELECT".into())];
    };
    let changes = planned(grants);
    let addresses: Vec<&str> = sql(&changes).into_iter().filter(|sql| sql.contains("ctid")).collect();
    let wanted = ["PUBLIC", "app"].map(|to| format!(r#"GRANT SELECT (tableoid, ctid) ON "public"."card" TO {to}"#));
    assert_eq!(addresses, wanted);
    let mut table = applied();
    grants(&mut table);
    table.columns[3].grants = vec![("app".into(), "SELECT".into())];
    assert_eq!(sql(&plan(&schema(CARD), &snapshot(table), None)), [""; 0], "a grant changes no table that is sealed");
}

#[test]
fn cell_7_another_context_needs_an_empty_table() {
    let mut live = applied();
    live.columns[1].not_null = true;
    let live = snapshot(live);
    let before = crate::catalog::lock::build(&schema(CARD), &live, None, &Default::default()).unwrap();
    assert!(plan(&schema(CARD), &live, Some(&before)).must_be_empty.is_empty());
    let more = CARD.replace("status = \"DO_NOTHING\"", "status = \"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\"");
    let changes = plan(&schema(&more), &live, Some(&before));
    assert_eq!((changes.refusals.len(), changes.steps.len(), changes.must_be_empty.len()), (0, 0, 1));
}

/// The lock of the applied table.
fn locked() -> Lock {
    crate::catalog::lock::build(&schema(CARD), &snapshot(applied()), None, &Default::default()).unwrap()
}

/// Why these do not agree.
fn disagreement(lock: Option<Lock>, snapshot: &Snapshot) -> String {
    Agreement::reach(schema(CARD), lock, snapshot).unwrap_err().to_string()
}

#[test]
fn cat_5_schema_lock_and_catalog_that_agree_protect_every_table() {
    let (_, protection) = Agreement::reach(schema(CARD), Some(locked()), &snapshot(applied())).unwrap();
    assert!(protection.table("card").is_some() && protection.drifted.is_empty());
    let (agreement, _) = Agreement::reach(schema(CARD), None, &snapshot(applied())).unwrap();
    assert_eq!(agreement.lock(), &locked(), "cat_2: without a lock, what is there is trusted");
}

#[test]
fn cat_5_what_does_not_agree_is_named_with_what_would_make_it() {
    let mut changed = applied();
    changed.columns[1].not_null = true;
    let mut gone = snapshot(applied());
    gone.tables.clear();
    let empty = Lock::default();
    for (lock, snapshot, what) in [
        (Some(locked()), snapshot(changed), "table card is not what its lock says"),
        (Some(locked()), gone, "table card is in the lock and does not exist"),
        (Some(empty), snapshot(applied()), "table card is not in the lock"),
        (Some(locked()), snapshot(card()), "the database is not what the schema file says"),
        (None, snapshot(card()), "the database is not what the schema file says"),
    ] {
        let text = disagreement(lock, &snapshot);
        assert!(text.starts_with(what) && text.contains("run `pgseal schema apply`"), "{text}");
    }
    let mut other = snapshot(applied());
    other.database.system_identifier = "2".into();
    assert!(disagreement(Some(locked()), &other).contains("the lock belongs to database \"d\" of system 1"));
    let mut more = applied();
    more.columns.push(column(5, "cvv", 25, "pg_catalog.text"));
    assert!(disagreement(Some(locked()), &snapshot(more)).contains("\"cvv\" is not listed"));
}

#[test]
fn a_table_that_is_nowhere_yet_is_refused_by_its_name() {
    let mut none = snapshot(card());
    none.tables.clear();
    let (agreement, protection) = Agreement::reach(schema(CARD), Some(Lock::default()), &none).unwrap();
    assert!(!protection.is_empty() && protection.tables.is_empty() && protection.pending.contains_key("card"));
    // Made at the database, it is refused until it is applied.
    let there = agreement.protection(&snapshot(card())).unwrap();
    assert!(there.tables.is_empty() && there.pending.contains_key("card"));
}

#[test]
fn cat_3_a_lock_with_which_the_database_agrees_is_taken_up_and_what_takes_protection_off_is_not() {
    let mut none = snapshot(card());
    none.tables.clear();
    let (agreement, before) = Agreement::reach(schema(CARD), Some(Lock::default()), &none).unwrap();
    let (renewed, after) = agreement.renewed(schema(CARD), locked(), &snapshot(applied())).unwrap();
    assert!(after.pending.is_empty() && after.table("card").is_some());
    assert!(after.epoch != before.epoch && renewed.lock() == &locked());
    // The database must be what it says.
    assert!(agreement.renewed(schema(CARD), locked(), &snapshot(card())).is_err());
    let mut changed = locked();
    changed.tables.get_mut("card").unwrap().digest = "other".into();
    let text = renewed.renewed(schema(CARD), changed, &snapshot(applied())).unwrap_err().to_string();
    assert!(text.contains("table card is not what its lock says"), "{text}");
    let mut other_store = locked();
    other_store.store = Some("another".into());
    let (with_store, _) = {
        let mut lock = locked();
        lock.store = Some("one".into());
        Agreement::reach(schema(CARD), Some(lock), &snapshot(applied())).unwrap()
    };
    let elsewhere = CARD.replace("public.card", "public.card2");
    for (agreement, schema, lock, what) in [
        (&renewed, schema(CARD), Lock::default(), "table card is no longer in the lock"),
        (&renewed, schema("version = 1\n"), Lock::default(), "table public.card is no longer in the schema file"),
        (&renewed, schema(&elsewhere), locked(), "table public.card is no longer in the schema file"),
        (&with_store, schema(CARD), other_store, "another key store"),
    ] {
        let text = agreement.renewed(schema, lock, &snapshot(applied())).unwrap_err().to_string();
        assert!(text.contains(what) && text.contains("restart"), "{text}");
    }
}

#[test]
fn cat_5_files_that_protect_less_than_those_in_use_are_not_taken_up() {
    let (agreement, _) = Agreement::reach(schema(CARD), Some(locked()), &snapshot(applied())).unwrap();
    let refused = |schema: Schema, change: &dyn Fn(&mut Lock), what: &str| {
        let mut lock = locked();
        change(&mut lock);
        let text = agreement.renewed(schema, lock, &snapshot(applied())).unwrap_err().to_string();
        assert!(text.contains(what) && text.contains("restart"), "{what}: {text}");
    };
    let card = |lock: &mut Lock, change: &dyn Fn(&mut lock::Table)| change(lock.tables.get_mut("card").unwrap());
    let unprotected = format!("{CARD}\n[settings]\nunprotected = [\"other.card\"]\n");
    refused(schema(&unprotected), &|_| {}, "other.card is to be unprotected");
    refused(schema(CARD), &|lock| card(lock, &|table| table.branch_key = "other".into()), "it has another key");
    let less = |change: &dyn Fn(&mut Lock, u64)| {
        let (mut before, mut after) = (locked(), locked());
        change(&mut before, 2);
        change(&mut after, 1);
        weaker((agreement.schema(), &before), (agreement.schema(), &after))
    };
    let set = |lock: &mut Lock, number: u64| card(lock, &|table| table.min_set = u32::try_from(number).ok());
    assert!(less(&set).unwrap().contains("accepts older signatures"));
    let pin = |lock: &mut Lock, generation: u64| {
        let commits = || vec!["aa".into(); 1];
        let (key_commits, beacon_commits) = (commits(), commits());
        let pins = lock::Key { generation, min_generation: 1, beacon_epoch: 1, key_commits, beacon_commits };
        lock.keys.insert("cards".into(), pins);
    };
    assert!(less(&pin).unwrap().contains("pins less"));
    let weaken = |table: &mut lock::Table| {
        table.columns.iter_mut().find(|column| column.action == Action::ENCRYPT_AND_SIGN).unwrap().action =
            Action::SIGN_ONLY;
    };
    refused(schema(CARD), &|lock| card(lock, &weaken), "is protected less");
    let (head, _) = CARD.split_once("pan = ").unwrap();
    let less = head.replace("branch_key = \"cards\"", "branch_key = \"cards\"\nunlisted_columns = \"DO_NOTHING\"");
    refused(schema(&less), &|_| {}, "column pan is protected less");
    // What is the same, or more, is.
    agreement.renewed(schema(CARD), locked(), &snapshot(applied())).unwrap();
}

#[test]
fn cat_5_a_plain_column_with_the_logical_name_of_another_is_drift_of_its_table_alone() {
    let open = schema(&CARD.replace("branch_key =", "unlisted_columns = \"DO_NOTHING\"\nbranch_key ="));
    let mut lock = locked();
    lock.tables.get_mut("card").unwrap().columns[0].logical = "nick".into();
    let mut live = applied();
    live.columns.push(column(9, "nick", 25, "pg_catalog.text"));
    let grown = crate::catalog::lock::grown(&open, &lock, &snapshot(live));
    assert_eq!(grown.tables["card"], lock.tables["card"]);
}

#[test]
fn cat_5_plain_columns_that_are_added_where_unlisted_ones_are_left_alone_are_no_drift_and_all_else_is() {
    let open = schema(&CARD.replace("branch_key =", "unlisted_columns = \"DO_NOTHING\"\nbranch_key ="));
    let more = |number: i16, name: &str| {
        let mut table = applied();
        table.columns.push(column(number, name, 25, "pg_catalog.text"));
        table
    };
    let (agreement, _) = Agreement::reach(open.clone(), Some(locked()), &snapshot(applied())).unwrap();
    let nick = || more(9, "nick");
    let grown = agreement.protection(&snapshot(nick())).unwrap();
    assert!(grown.drifted.is_empty() && grown.tables[0].column("nick").is_some());
    Agreement::reach(open, Some(locked()), &snapshot(nick())).unwrap();
    // Who did not say so has it refused.
    let (closed, _) = Agreement::reach(schema(CARD), Some(locked()), &snapshot(applied())).unwrap();
    assert!(closed.protection(&snapshot(nick())).unwrap().drifted.contains_key("card"));
    let mut generated = nick();
    generated.columns.last_mut().unwrap().generated = true;
    let mut other = nick();
    other.columns[1].default = Some("now()".into());
    let mut again = applied();
    let status = again.columns.remove(1);
    again.columns.push(Column { attnum: 9, ..status });
    for table in [generated, other, again, more(9, "pgseal_x")] {
        let drifted = agreement.protection(&snapshot(table)).unwrap();
        assert!(drifted.drifted.contains_key("card"));
    }
}

#[test]
fn cat_5_drift_is_refused_and_forgotten_when_it_is_gone() {
    let (agreement, first) = Agreement::reach(schema(CARD), Some(locked()), &snapshot(applied())).unwrap();
    let mut changed = applied();
    changed.columns[1].default = Some("now()".into());
    let drifted = agreement.protection(&snapshot(changed)).unwrap();
    assert!(drifted.drifted["card"].contains("not what the schema lock says"));
    assert!(crate::catalog::drift::replaces(&first, &drifted));
    let back = agreement.protection(&snapshot(applied())).unwrap();
    assert!(!crate::catalog::drift::replaces(&first, &back));
}
