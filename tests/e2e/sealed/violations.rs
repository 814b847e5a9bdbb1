//! What a client is told of a violated constraint (SQL-56): all that the plaintext twin tells, in its own values.

use crate::harness::World;
use crate::harness::raw::{Frame, Raw, bind_formats, execute, parse, query, sync};

const TABLE: &str = r#"
    CREATE TABLE team (name text PRIMARY KEY);
    INSERT INTO team VALUES ('red');
    CREATE TABLE person (
        id uuid PRIMARY KEY,
        name text,
        email text CONSTRAINT "UQ_97672ac88f789774dd47f7c8be3" UNIQUE,
        "Phone" varchar(20),
        balance numeric(12,2) UNIQUE,
        team text NOT NULL DEFAULT 'red' REFERENCES team,
        rank int CONSTRAINT rank_0123456789abcdef CHECK (rank > 0),
        seat int UNIQUE DEFERRABLE INITIALLY DEFERRED,
        UNIQUE (team, "Phone")
    );
    CREATE UNIQUE INDEX person_lower ON person (lower(team), rank);
    CREATE TABLE note (id int PRIMARY KEY, person uuid REFERENCES person);
    CREATE TABLE account (id int PRIMARY KEY, iban text UNIQUE, holder text, code int UNIQUE CHECK (code > 0));"#;

const SCHEMA: &str = r#"
version = 1
[keyrings.test]
generator = "local:test"
[branch_keys.people]
keyring = "test"
[tables.person]
name = "public.person"
branch_key = "people"
unlisted_columns = "DO_NOTHING"
[tables.person.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
name = { action = "ENCRYPT_AND_SIGN", type = "text" }
email = { action = "ENCRYPT_AND_SIGN", type = "text" }
Phone = { action = "ENCRYPT_AND_SIGN", type = "varchar(20)" }
balance = { action = "ENCRYPT_AND_SIGN", type = "numeric(12,2)" }
[tables.person.beacons]
standard = [
  { name = "email", length = "exact" }, { name = "Phone", length = "exact" }, { name = "balance", length = "exact" },
]
[tables.account]
name = "public.account"
branch_key = "people"
row_signature = "HMAC-SHA-384"
unlisted_columns = "refuse"
[tables.account.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
iban = { action = "ENCRYPT_AND_SIGN", type = "text" }
holder = { action = "ENCRYPT_AND_SIGN", type = "text" }
code = "SIGN_ONLY"
[tables.account.beacons]
standard = [{ name = "iban", length = "exact" }]
"#;

/// Stands for the secret in a statement; at the twin it is what is sent.
const EMAIL: &str = "ada@one.example";

struct Pair {
    world: World,
    twin: World,
    secret: String,
    sealed: Raw,
    plain: Raw,
}

impl Pair {
    fn new(name: &str) -> Self {
        let (world, twin) = (World::sealed(name, TABLE, SCHEMA), World::twin(&format!("{name}twin"), TABLE));
        let (sealed, plain, secret) = (world.raw(), twin.raw(), world.secret());
        let mut pair = Self { world, twin, secret, sealed, plain };
        for sql in [
            format!(
                "INSERT INTO person (id, name, email, \"Phone\", balance, rank, seat) VALUES ({}, 'Ada', '{EMAIL}', '100', 12.50, 1, 1), ({}, 'Bob', 'bob', '200', 1, 2, 2)",
                id(1),
                id(2)
            ),
            format!("INSERT INTO note VALUES (1, {})", id(1)),
            format!("INSERT INTO account VALUES (1, '{EMAIL}', 'h', 1), (2, 'other', 'h', 2)"),
        ] {
            assert_eq!(pair.both(|email| query(&sql.replace(EMAIL, email))), [None, None], "{sql}");
        }
        pair
    }

    /// The error of each side, told in the twin's value.
    fn both(&mut self, script: impl Fn(&str) -> Vec<u8>) -> [Option<Told>; 2] {
        let sealed = told(&self.sealed.talk(&script(&self.secret), 1), &self.secret);
        [sealed, told(&self.plain.talk(&script(EMAIL), 1), EMAIL)]
    }

    #[track_caller]
    fn same(&mut self, what: &str, script: impl Fn(&str) -> Vec<u8>) {
        let [sealed, plain] = self.both(script);
        assert!(plain.is_some(), "{what}: nothing is violated");
        assert_eq!(sealed, plain, "{what}");
    }
}

/// SQLSTATE, message, detail, context, schema, table, column, constraint.
type Told = [Option<String>; 8];

fn told(frames: &[Frame], email: &str) -> Option<Told> {
    let error = frames.iter().find(|frame| frame.kind == 'E')?;
    let field = |code| error.field(code).map(|text| text.replace(email, EMAIL));
    Some(['C', 'M', 'D', 'W', 's', 't', 'c', 'n'].map(field))
}

fn id(number: u8) -> String {
    format!("'00000000-0000-4000-8000-0000000000{number:02x}'")
}

#[test]
fn a_key_in_the_clear_is_told_as_the_server_tells_it() {
    let mut pair = Pair::new("clearkey");
    for sql in [
        format!("INSERT INTO person (id) VALUES ({})", id(1)),
        format!("INSERT INTO person (id, name, team, rank) VALUES ({}, 'x', 'red', 1)", id(3)),
        format!("INSERT INTO person (id, name, team) VALUES ({}, 'x', 'blue')", id(3)),
        format!("UPDATE person SET team = 'green', name = 'x' WHERE id = {}", id(1)),
        format!("DELETE FROM person WHERE id = {}", id(1)),
        "DELETE FROM person WHERE email = 'ada@one.example'".to_owned(),
        "INSERT INTO account VALUES (3, 'x', 'h', 1)".to_owned(),
        "INSERT INTO account VALUES (1, 'x', 'h', 5)".to_owned(),
        "UPDATE account SET code = 2, holder = 'x' WHERE id = 1".to_owned(),
    ] {
        pair.same(&sql, |email| query(&sql.replace(EMAIL, email)));
        pair.same(&sql, |email| {
            [parse("", &sql.replace(EMAIL, email), &[]), bind_formats("", "", &[], &[], &[]), execute("", 0), sync()]
                .concat()
        });
    }
}

#[test]
fn a_key_of_sealed_columns_is_told_in_the_values_that_the_client_sent() {
    let mut pair = Pair::new("sealedkey");
    let rows = |first: &str, second: &str| {
        format!("INSERT INTO person (id, email) VALUES ({}, '{first}'), ({}, '{second}')", id(5), id(6))
    };
    for sql in [
        format!("INSERT INTO person (id, name, email) VALUES ({}, 'x', '{EMAIL}')", id(3)),
        format!("INSERT INTO person (id, balance) VALUES ({}, 12.5)", id(3)),
        format!("INSERT INTO person (id, team, \"Phone\") VALUES ({}, 'red', '200')", id(3)),
        rows(EMAIL, "x"),
        rows("x, y", EMAIL),
        rows("twice", "twice"),
        format!("UPDATE person SET email = '{EMAIL}' WHERE id = {}", id(2)),
        "UPDATE person SET balance = '12.500' WHERE email = 'bob'".to_owned(),
        format!("INSERT INTO account VALUES (3, '{EMAIL}', 'h', 3)"),
        format!("UPDATE account SET iban = '{EMAIL}' WHERE id = 2"),
        format!("UPDATE account SET iban = '{EMAIL}' WHERE iban = 'other' RETURNING code"),
        format!("SELECT 1; INSERT INTO person (id, name, email) VALUES ({}, 'x', '{EMAIL}')", id(3)),
    ] {
        pair.same(&sql, |email| query(&sql.replace(EMAIL, email)));
    }
    let number = 2_i32.to_be_bytes();
    for (sql, values, formats) in [
        ("INSERT INTO person (id, name, email) VALUES (gen_random_uuid(), 'x', $1)", vec![None], vec![]),
        ("UPDATE person SET email = $1 WHERE email = 'bob'", vec![None], vec![1]),
        ("UPDATE account SET iban = $1, holder = 'x' WHERE id = $2", vec![None, Some(&number[..])], vec![0, 1]),
        ("INSERT INTO account VALUES ($1, $2, 'x', $3)", vec![Some(&b"9"[..]), None, Some(b"9")], vec![]),
        (
            "INSERT INTO person (id, email) VALUES (gen_random_uuid(), $1), (gen_random_uuid(), $2)",
            vec![Some(b"new"), None],
            vec![],
        ),
    ] {
        // A context column must be given.
        let sql = sql.replacen("gen_random_uuid()", &id(7), 1).replace("gen_random_uuid()", &id(8));
        pair.same(&sql, |email| {
            let values: Vec<_> = values.iter().map(|value| Some(value.unwrap_or(email.as_bytes()))).collect();
            [parse("", &sql, &[]), bind_formats("", "", &formats, &values, &[]), execute("", 0), sync()].concat()
        });
    }
}

#[test]
fn a_key_that_cannot_be_told_apart_has_no_detail() {
    let mut pair = Pair::new("notapart");
    let comma = "INSERT INTO team VALUES ('a, b')";
    for world in [&pair.world, &pair.twin] {
        world.at_server(comma);
    }
    let insert = |number| format!("INSERT INTO person (id, team, \"Phone\") VALUES ({}, 'a, b', '300')", id(number));
    assert_eq!(pair.both(|_| query(&insert(3))), [None, None]);
    let [sealed, plain] = pair.both(|_| query(&insert(4))).map(Option::unwrap);
    assert_eq!((&sealed[2], sealed[0].as_deref()), (&None, Some("23505")));
    assert_eq!(plain[2].as_deref(), Some("Key (team, \"Phone\")=(a, b, 300) already exists."));
}

#[test]
fn a_deferred_key_is_told_at_the_commit() {
    let mut pair = Pair::new("deferredkey");
    let insert = format!("INSERT INTO person (id, name, seat) VALUES ({}, 'x', 1)", id(3));
    pair.same(&insert, |_| query(&insert));
    assert_eq!(pair.both(|_| query("BEGIN")), [None, None]);
    assert_eq!(pair.both(|_| query(&insert)), [None, None]);
    pair.same("COMMIT", |_| query("COMMIT"));
}

/// One character of two bytes stands where PostgreSQL cuts a long value.
fn long() -> String {
    [&"a".repeat(63), "äbc, (d) = (e"].concat()
}

#[test]
fn a_failing_row_is_told_in_the_values_that_the_client_sent_sql_56() {
    let mut pair = Pair::new("failingrow");
    let columns = "INSERT INTO person (id, name, email, \"Phone\", balance, rank)";
    for sql in [
        format!("INSERT INTO person (id, name, rank) VALUES ({}, 'x', 0)", id(3)),
        format!("INSERT INTO person (id, name, team) VALUES ({}, 'x', NULL)", id(3)),
        format!("{columns} VALUES ({}, '{}', '{EMAIL}', '7, 8', '1.5', 0)", id(3), long()),
        format!("{columns} VALUES ({}, 'null', NULL, NULL, -0.005, 0)", id(3)),
        format!("{columns} VALUES ({}, 'a', 'a', '1', 4, 5), ({}, 'b', '{EMAIL}', NULL, NULL, 0)", id(3), id(4)),
        format!("{columns} VALUES ({}, 'a', NULL, NULL, 2, 5), ({}, NULL, NULL, NULL, NULL, 0)", id(3), id(4)),
        format!(
            "UPDATE person SET name = 'x', email = '{EMAIL}', \"Phone\" = NULL, balance = 3, rank = -1 WHERE id = {}",
            id(2)
        ),
        format!("SELECT 1; INSERT INTO person (id, name, email, rank) VALUES ({}, 'x', '{EMAIL}', 0)", id(3)),
        format!("INSERT INTO account VALUES (3, '{EMAIL}', 'h', 0)"),
        format!("UPDATE account SET iban = '{EMAIL}', holder = 'x', code = 0 WHERE id = 1"),
    ] {
        pair.same(&sql, |email| query(&sql.replace(EMAIL, email)));
        pair.same(&sql.replace("SELECT 1; ", ""), |email| {
            let sql = sql.replace(EMAIL, email).replace("SELECT 1; ", "");
            [parse("", &sql, &[]), bind_formats("", "", &[], &[], &[]), execute("", 0), sync()].concat()
        });
    }
    let zero = 0_i32.to_be_bytes();
    let long = long();
    for (sql, values, formats) in [
        (
            format!("{columns} VALUES ({}, $1, $2, '5', $3, $4)", id(5)),
            vec![Some(long.as_bytes()), None, Some(b"1.50"), Some(&zero)],
            vec![0, 1, 0, 1],
        ),
        ("UPDATE account SET iban = $1, holder = $2, code = $3".into(), vec![None, Some(b"x"), Some(b"-1")], vec![]),
    ] {
        pair.same(&sql, |email| {
            let values: Vec<_> = values.iter().map(|value| Some(value.unwrap_or(email.as_bytes()))).collect();
            [parse("", &sql, &[]), bind_formats("", "", &formats, &values, &[]), execute("", 0), sync()].concat()
        });
    }
}

#[test]
fn a_failing_row_with_a_cell_that_was_not_sent_or_whose_values_cannot_be_told_apart_is_not_shown_sql_56() {
    let mut pair = Pair::new("failingcell");
    for world in [&pair.world, &pair.twin] {
        world.at_server("INSERT INTO team VALUES ('a, b')");
    }
    for sql in [
        "UPDATE person SET rank = -1 WHERE name IS NOT NULL".to_owned(),
        "UPDATE person SET rank = -1, name = 'x' WHERE email = 'bob'".to_owned(),
        "UPDATE account SET code = 0 WHERE id = 1".to_owned(),
        "UPDATE account SET code = 0, iban = 'x' WHERE id = 1".to_owned(),
        format!("INSERT INTO person (id, name, team, rank) VALUES ({}, 'x', 'a, b', 0)", id(3)),
        // Either of two rows could be meant.
        format!("INSERT INTO person (id, name, rank) VALUES ({}, 'x', 5), ({}, 'y', 0)", id(3), id(4)),
    ] {
        let [sealed, plain] = pair.both(|_| query(&sql)).map(Option::unwrap);
        assert_eq!(sealed[2], None, "{sql}");
        assert!(plain[2].as_ref().is_some_and(|detail| detail.contains("Failing row")), "{sql}");
        let rest = |told: &Told| [0, 1, 3, 4, 5, 6, 7].map(|field| told[field].clone());
        assert_eq!(rest(&sealed), rest(&plain), "{sql}");
    }
}

/// A row that the client's statements did not name: a foreign key reaches it.
#[test]
fn a_failing_row_that_another_statement_reaches_is_not_told_in_what_was_sent_before_sql_56() {
    let table = "CREATE TABLE team (id int PRIMARY KEY); INSERT INTO team VALUES (5), (6);
        CREATE TABLE account (id int PRIMARY KEY, holder text,
            team int REFERENCES team ON UPDATE CASCADE CHECK (team > 0));";
    let schema = "version = 1\nkeyrings.test.generator = 'local:test'\nbranch_keys.people.keyring = 'test'\n\
        [tables.account]\nname = 'public.account'\nbranch_key = 'people'\nunlisted_columns = 'DO_NOTHING'\n\
        [tables.account.columns]\nid = 'SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT'\n\
        holder = { action = 'ENCRYPT_AND_SIGN', type = 'text' }";
    let world = World::sealed("reached", table, schema);
    let (secret, mut raw) = (world.secret(), world.raw());
    let row = |id: u8, team: u8| query(&format!("INSERT INTO account VALUES ({id}, '{secret}{id}', {team})"));
    assert_eq!(told(&raw.talk(&row(2, 6), 1), &secret), None);
    let update = "UPDATE team SET id = -6 WHERE id = 6";
    for text in [
        format!("{update}; SELECT upper(holder) FROM account"),
        format!("INSERT INTO account VALUES (3, '{secret}3', 5); {update}"),
        update.to_owned(),
    ] {
        for message in [query("BEGIN"), row(1, 5)] {
            assert_eq!(told(&raw.talk(&message, 1), &secret), None);
        }
        let error = told(&raw.talk(&query(&text), 1), &secret).unwrap();
        assert_eq!(
            (error[0].as_deref(), &error[2], error[5].as_deref()),
            (Some("23514"), &None, Some("account")),
            "{text}"
        );
        raw.talk(&query("ROLLBACK"), 1);
    }
}

/// What names nothing of ours is not held against what ours wrote.
#[test]
fn an_error_of_another_table_in_a_block_that_wrote_a_sealed_row_is_told_as_it_is_sql_56() {
    let mut pair = Pair::new("foreignerror");
    let write = format!("INSERT INTO person (id, name, email) VALUES ({}, 'x', '{EMAIL}3')", id(3));
    let parse_of = |sql: &str| [parse("", sql, &[]), sync()].concat();
    for script in [
        // The key has the name of a sealed column.
        query("INSERT INTO team VALUES ('red')"),
        query("SELECT 1; INSERT INTO team VALUES ('red')"),
        // Digits like those of a tag, and bytes like those of a cell.
        query("SELECT '0123456789abcdef0123'::int"),
        query("INSERT INTO note VALUES (1, '0123456789abcdef0123')"),
        query("SELECT '\\x00'::int"),
        query("INSERT INTO note VALUES (NULL, NULL)"),
        query("INSERT INTO note VALUES (7, gen_random_uuid()), (7, '00000000-0000-4000-8000-000000000001')"),
        query("DO $$ BEGIN RAISE 'mine' USING DETAIL = 'what I say'; END $$"),
        parse_of("SELECT $2 FROM team WHERE name = $2"),
        [
            parse("", "INSERT INTO team VALUES ($1)", &[]),
            bind_formats("", "", &[], &[Some(b"red")], &[]),
            execute("", 0),
            sync(),
        ]
        .concat(),
    ] {
        assert_eq!(pair.both(|_| query("BEGIN")), [None, None]);
        assert_eq!(pair.both(|email| query(&write.replace(EMAIL, email))), [None, None]);
        pair.same(&String::from_utf8_lossy(&script), |_| script.clone());
        assert_eq!(pair.both(|_| query("ROLLBACK")), [None, None]);
        let both = |email: &str| {
            let text =
                [write.replace(EMAIL, email).as_bytes(), b"; ", script.get(5..script.len() - 1).unwrap()].concat();
            query(&String::from_utf8(text).unwrap())
        };
        if script[0] == b'Q' {
            pair.same("in one query", both);
        }
    }
}

/// What the statements of a transaction sent is not kept up to its end.
#[test]
fn a_deferred_key_of_a_sealed_column_is_named_at_the_commit_and_has_no_detail_sql_56() {
    let table = "CREATE TABLE person (id uuid PRIMARY KEY, email text UNIQUE DEFERRABLE INITIALLY DEFERRED)";
    let schema = "version = 1\nkeyrings.test.generator = 'local:test'\nbranch_keys.people.keyring = 'test'\n\
        [tables.person]\nname = 'public.person'\nbranch_key = 'people'\n[tables.person.columns]\n\
        id = 'SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT'\nemail = { action = 'ENCRYPT_AND_SIGN', type = 'text' }\n\
        [tables.person.beacons]\nstandard = [{ name = 'email', length = 'exact' }]";
    let world = World::sealed("deferredsealed", table, schema);
    let (secret, mut raw) = (world.secret(), world.raw());
    let insert = |number| query(&format!("INSERT INTO person VALUES ({}, '{secret}')", id(number)));
    assert_eq!(told(&raw.talk(&insert(1), 1), &secret), None);
    let script = [query("BEGIN"), insert(2), query("COMMIT")];
    let awaited: Vec<Frame> = script.iter().flat_map(|message| raw.talk(message, 1)).collect();
    // None awaited, behind a write in a transaction of its own.
    let other = query(&format!("INSERT INTO person (id) VALUES ({})", id(3)));
    let at_once = raw.talk(&[other, script.concat()].concat(), 4);
    for frames in [awaited, at_once] {
        let error = told(&frames, &secret).unwrap();
        assert_eq!((error[0].as_deref(), error[7].as_deref()), (Some("23505"), Some("person_email_key")));
        assert_eq!(error[2], None);
    }
}

#[test]
fn a_table_that_was_dropped_and_made_again_is_55000_cat_2() {
    let pair = Pair::new("madeagain");
    pair.world.at_server(&format!("DROP TABLE note, person, account, team; {TABLE}"));
    let mut raw = pair.world.raw();
    for sql in [
        "SELECT email FROM person",
        "SELECT name FROM person WHERE email = 'x'",
        "INSERT INTO person (id, email) VALUES ('00000000-0000-4000-8000-000000000001', 'x')",
        "UPDATE person SET balance = 5 WHERE name IS NULL",
        "SELECT id FROM account",
        "INSERT INTO account VALUES (1, 'x', 'y', 1)",
        "UPDATE account SET holder = 'x' WHERE id = 1",
        "DELETE FROM account WHERE iban = 'x'",
    ] {
        for script in [query(sql), [parse("", sql, &[]), crate::harness::raw::describe(b'S', ""), sync()].concat()] {
            let frames = raw.talk(&script, 1);
            let error = frames.iter().find(|frame| frame.kind == 'E').unwrap_or_else(|| panic!("{sql}"));
            assert_eq!(error.field('C').as_deref(), Some("55000"), "{sql}: {:?}", error.field('M'));
            assert!(error.field('H').is_some_and(|hint| hint.contains("pgseal schema plan")), "{sql}");
            assert!(!frames.iter().any(|frame| matches!(frame.kind, 'T' | 'D')), "{sql}");
        }
    }
    drop(pair.twin);
}
