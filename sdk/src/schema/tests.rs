//! The schema file, its errors as people read them, and the lock.

use std::path::Path;

use super::lock::{self, Lock};
use super::parse::parse;
use super::*;

const CARD: &str = r#"version = 1
[keyrings.prod]
generator = "local:customer-data"
[branch_keys.cards]
keyring = "prod"
[tables.card]
name = "public.card"
branch_key = "cards"
[tables.card.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
pan = { action = "ENCRYPT_AND_SIGN", type = "text", pad = 32 }
[tables.card.beacons]
standard = [{ name = "pan", length = "exact" }]
"#;

fn read(text: &str) -> Result<Schema, Problems> {
    parse(vec![Source { path: "pgseal.toml".into(), text: text.into() }])
}

/// Each problem as `CODE line:column message`.
fn problems(text: &str) -> Vec<String> {
    let shown = read(text).unwrap_err().to_string();
    shown.lines().map(|line| line.replace("pgseal.toml:", "").replace(": error ", " ")).collect()
}

/// The problems after one change of the good file.
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(CARD.contains(from));
    problems(&CARD.replace(from, to))
}

#[test]
fn a_good_file_resolves_its_names() {
    let schema = read(CARD).unwrap();
    let table = schema.table("card").unwrap();
    assert_eq!(table.relation, Relation { schema: "public".into(), name: "card".into() });
    assert_eq!(table.columns["pan"].pad, Some(32));
    assert_eq!(table.beacons[0].full_name, "card.pan#exact");
    assert_eq!(table.beacons[0].helper, "pgseal_eq_pan");
    assert!(table.bind_primary_key && table.write_guard && !table.is_signed());
}

#[test]
fn a_directory_of_files_is_one_schema_and_a_name_in_two_of_them_is_an_error() {
    let (head, table) = CARD.split_at(CARD.find("[tables.card]").unwrap());
    let sources = |second: String| {
        vec![Source { path: "a.toml".into(), text: head.into() }, Source { path: "b.toml".into(), text: second }]
    };
    assert_eq!(parse(sources(format!("version = 1\n{table}"))).unwrap().files, 2);
    let error = parse(sources(CARD.into())).unwrap_err().to_string();
    assert!(error.contains("b.toml:2:11: error PV207: keyring \"prod\" is declared in two files"), "{error}");
}

#[test]
fn an_unknown_key_or_word_is_an_error_with_what_was_probably_meant() {
    assert_eq!(changed("branch_key = \"cards\"", "branch_kye = \"cards\""), ["8:1 PV202: unknown key `branch_kye`"]);
    assert_eq!(
        changed("\"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\"", "\"SIGN_ONYL\""),
        ["10:6 PV202: unknown word `SIGN_ONYL`"]
    );
    assert_eq!(changed("pad = 32", "padd = 32"), ["11:53 PV202: unknown key `padd`"]);
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    for (from, to, what) in [
        ("length = \"exact\"", "length = 20", "a beacon counted in bits"),
        ("length = \"exact\"", "length = \"exact\", trans = [\"lower\"]", "trans"),
        ("length = \"exact\"", "domain = \"x\"", "a shared beacon domain"),
        ("pad = 32", "deterministic = true", "deterministic"),
        ("pad = 32", "hide_nulls = true", "hide_nulls"),
        ("keyring = \"prod\"", "keyring = \"prod\"\nper = \"tenant_id\"", "a key per tenant"),
        ("keyring = \"prod\"", "keyring = \"prod\"\nrotate_every = \"365d\"", "rotate_every"),
        ("local:customer-data", "aws-kms:arn:x", "aws-kms: keyrings are"),
        ("branch_key = \"cards\"", "branch_key = \"cards\"\naudit = \"statement\"", "audit"),
        ("branch_key = \"cards\"", "branch_key = \"cards\"\nrow_id = true", "row_id"),
        ("branch_key = \"cards\"", "branch_key = \"cards\"\nrow_signature = \"BLAKE3\"", "row_signature = \"BLAKE3\""),
    ] {
        let found = changed(from, to);
        assert!(found.len() == 1 && found[0].contains("PV204") && found[0].contains(what), "{to}: {found:?}");
    }
    for block in [
        "range = [{ name = \"pan\", min = \"0\", max = \"9\" }]",
        "prefix = [{ name = \"pan\", max_chars = 3 }]",
        "ngram = [{ name = \"pan\", n = 3 }]",
        "[[tables.card.access]]\nroles = [\"*\"]\ncolumns = [\"*\"]\nread = \"null\"",
        "[beacon_domains.mrn]\nbranch_key = \"cards\"\nlength = \"exact\"",
        "[functions.\"app.f(text)\"]\nmay_receive = \"plain\"",
        "[settings]\nstrict_catalog = true",
    ] {
        let found = problems(&format!("{CARD}{block}\n"));
        assert!(found.len() == 1 && found[0].contains("is not in this version"), "{block}: {found:?}");
    }
}

#[test]
fn money_is_refused_with_its_reason_and_what_takes_its_place() {
    let shown = read(&CARD.replace("type = \"text\"", "type = \"Money\"")).unwrap_err().to_string();
    assert!(shown.contains("a column of type Money cannot be protected"), "{shown}");
    assert!(shown.contains("lc_monetary") && shown.contains("numeric(19,2)"), "{shown}");
}

#[test]
fn cell_7_a_table_whose_cells_are_bound_to_no_row_must_say_so() {
    let found = changed("\"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\"", "\"DO_NOTHING\"");
    assert!(found[0].starts_with("7:8 PV210") && found[0].contains("row_binding"), "{found:?}");
    let said = CARD
        .replace("\"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\"", "\"DO_NOTHING\"")
        .replace("branch_key = \"cards\"", "branch_key = \"cards\"\nrow_binding = \"none\"");
    assert!(!read(&said).unwrap().table("card").unwrap().bind_primary_key);
}

#[test]
fn a_boolean_takes_no_beacon_and_a_plain_column_needs_none() {
    assert!(changed("type = \"text\"", "type = \"bool\"")[0].contains("PV203: a boolean column takes no beacon"));
    assert!(changed("name = \"pan\"", "name = \"id\"")[0].contains("column \"id\" is not sealed"));
    assert!(changed("name = \"pan\"", "name = \"pna\"")[0].contains("PV206: column \"pna\" is not declared"));
}

#[test]
fn names_and_numbers_are_checked() {
    assert!(changed("public.card", "card")[0].contains("\"card\" has no schema"));
    assert!(changed("public.card", "pgseal.card")[0].contains("PV205"));
    assert!(changed("pad = 32", "pad = 0")[0].contains("pad is 1 to 65536"));
    assert!(changed("[branch_keys.cards]", "[branch_keys.\"ca rds\"]")[0].contains("is no id"));
    assert!(changed("id = ", "pgseal_x = ")[0].contains("reserved"));
    assert!(changed("version = 1", "version = 2")[0].contains("PV209"));
    assert!(changed("length = \"exact\"", "length = 64")[0].contains("1 to 63 bits"));
}

#[cfg(feature = "config")]
#[test]
fn an_error_is_drawn_with_file_line_column_and_caret() {
    let wrong = CARD.replace("keyring = \"prod\"", "keyring = \"prd\"");
    let problems = read(&wrong).unwrap_err();
    assert_eq!(
        diagnostics::render(&problems, false),
        r#"error[PV206]: keyring "prd" is not declared
 --> pgseal.toml:5:11
  |
5 | keyring = "prd"
  |           ^^^^^ did you mean "prod"?

1 file, 1 error. Nothing was contacted or changed."#
    );
}

#[cfg(feature = "config")]
#[test]
fn an_error_has_its_way_out_below() {
    let wrong = CARD.replace("length = \"exact\"", "length = 12");
    assert_eq!(
        diagnostics::render(&read(&wrong).unwrap_err(), false),
        r#"error[PV204]: a beacon counted in bits is not in this version
  --> pgseal.toml:13:38
   |
13 | standard = [{ name = "pan", length = 12 }]
   |                                      ^^
   |
   = help: length = "exact" (16 bytes)

1 file, 1 error. Nothing was contacted or changed."#
    );
}

#[test]
fn the_files_in_the_tree_are_accepted() {
    for file in ["schema/payments.toml", "tests/corpus/pgseal.toml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        if let Err(problems) = parse::load(&path) {
            panic!("{problems}");
        }
    }
}

fn column(logical: &str, attnum: i16, action: Action, oid: u32) -> lock::Column {
    lock::Column {
        logical: logical.into(),
        name: logical.into(),
        attnum,
        action,
        ty: "text".into(),
        type_oid: oid,
        typmod: -1,
        typlen: -1,
        collation: None,
        not_null: attnum == 1,
        default: (attnum == 2).then(|| lock::Default::Constant("6e6f6e65".into())),
        pad: None,
    }
}

fn card_lock() -> Lock {
    let table = lock::Table {
        schema: "public".into(),
        name: "card".into(),
        branch_key: "cards".into(),
        digest: "00".into(),
        primary_key: vec!["id".into()],
        min_set: None,
        columns: vec![
            column("id", 1, Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, 20),
            column("pan", 2, Action::ENCRYPT_AND_SIGN, 25),
        ],
        beacons: vec![lock::Beacon {
            full_name: "card.pan#exact".into(),
            column: "pan".into(),
            helper: "pgseal_eq_pan".into(),
        }],
        signature_sets: Vec::new(),
        objects: Vec::new(),
    };
    let mut lock = Lock { store: Some("0".into()), ..Lock::default() };
    lock.tables.insert("card".into(), table);
    lock.dependents.insert(
        "view public.v".into(),
        lock::Dependent {
            kind: Some(DependentKind::Relation),
            name: Some("v".into()),
            reason: "view".into(),
            hash: "00".into(),
        },
    );
    lock
}

#[test]
fn cat_1_a_lock_survives_its_text_and_the_same_facts_give_the_same_bytes() {
    let lock = card_lock();
    let text = lock.to_string();
    let again = Lock::from_toml(Path::new("x.lock"), &text).unwrap();
    assert_eq!(again, lock);
    assert_eq!(again.to_string(), text);
}

#[test]
fn a_lock_of_another_format_or_with_an_unknown_key_is_refused() {
    let text = card_lock().to_string();
    let other = Lock::from_toml(Path::new("x.lock"), &text.replace("format = 1", "format = 2"));
    assert!(matches!(other, Err(lock::LockError::Format { format: 2, .. })));
    let unknown = Lock::from_toml(Path::new("x.lock"), &text.replace("store = ", "stroe = "));
    assert!(matches!(unknown, Err(lock::LockError::Malformed { .. })));
}

#[test]
fn cat_1_schema_and_lock_make_a_protection() {
    let protection = Protection::from_lock(&read(CARD).unwrap(), &card_lock()).unwrap();
    let table = protection.table("card").unwrap();
    assert_eq!(table.context, [0]);
    assert_eq!(table.primary_key, [0]);
    assert_eq!(table.beacons[0].column, 1);
    assert_eq!(table.columns[1].pad, Some(32));
    assert_eq!(table.columns[1].default, ColumnDefault::Constant(b"none".to_vec()));
    assert_eq!(protection.dependents.reason(DependentKind::Relation, "v"), Some("view"));
    assert_ne!(protection.epoch, 0);
}

#[test]
fn cat_1_a_lock_that_does_not_fit_the_schema_file_is_refused() {
    let schema = read(CARD).unwrap();
    let refused = |change: fn(&mut lock::Table)| {
        let mut lock = card_lock();
        change(lock.tables.get_mut("card").unwrap());
        Protection::from_lock(&schema, &lock).unwrap_err().reason
    };
    assert!(refused(|table| table.name = "cards".into()).contains("public.cards"));
    assert!(refused(|table| table.columns[1].action = Action::DO_NOTHING).contains("\"pan\""));
    assert!(refused(|table| table.columns[1].type_oid = 23).contains("\"pan\""));
    assert!(refused(|table| table.beacons.clear()).contains("beacons"));
    assert!(refused(|table| table.primary_key.push("pan".into())).contains("CELL-7"));
    assert!(refused(|table| table.min_set = Some(1)).contains("signature"));
    let mut lock = card_lock();
    let table = lock.tables["card"].clone();
    lock.tables.insert("gone".into(), table);
    assert!(Protection::from_lock(&schema, &lock).unwrap_err().reason.contains("no longer in the schema file"));
}
