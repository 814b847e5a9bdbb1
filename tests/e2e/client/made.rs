//! What a refused statement would have made is not used afterwards: its values would travel for nothing. And names that
//! only look like a protected one. The same through both doors (SQL-64).

use super::Service;

/// What is refused, and what then uses what it would have made: `%` is a secret, the SQLSTATE is that of both doors.
const SCRIPTS: &[&[(&str, Option<&str>)]] = &[
    &[
        ("CREATE VIEW v AS SELECT id, name FROM person", Some("0A000")),
        ("INSERT INTO v VALUES (1, '%')", Some("0A000")),
        ("insert into public.\"v\" (id, name) select 1, '%'", Some("0A000")),
        ("WITH x AS (INSERT INTO v VALUES (1, '%') RETURNING 1) SELECT 2", Some("0A000")),
        ("SELECT id FROM note, v WHERE name = '%'", Some("0A000")),
        ("SELECT id FROM note n JOIN (note m CROSS JOIN v) ON true WHERE name = '%'", Some("0A000")),
        ("UPDATE ONLY v SET name = '%'", Some("0A000")),
        ("DELETE FROM note USING v WHERE v.name = '%'", Some("0A000")),
        ("MERGE INTO v USING note n ON n.text = '%' WHEN MATCHED THEN DELETE", Some("0A000")),
        ("COMMENT ON COLUMN v.name IS '%'", Some("0A000")),
        ("PREPARE pv AS INSERT INTO v VALUES (1, '%')", Some("0A000")),
        ("EXECUTE pv", Some("0A000")),
        ("DO $$ BEGIN INSERT INTO v VALUES (1, '%'); END $$", Some("0A000")),
        ("SELECT CAST('(1,%)' AS v)", Some("0A000")),
        ("SELECT '(1,%)'::v", Some("0A000")),
        // What is made of it is not there either.
        ("CREATE VIEW w AS SELECT * FROM v", Some("0A000")),
        ("INSERT INTO w VALUES (1, '%')", Some("0A000")),
        ("ALTER VIEW v RENAME TO u", Some("0A000")),
        ("INSERT INTO u VALUES (1, '%')", Some("0A000")),
        // Without a value the server says what it has to say.
        ("SELECT * FROM v", Some("42P01")),
        ("DROP VIEW IF EXISTS v", None),
        // The same word where it names something else.
        ("SELECT text AS v FROM note v WHERE v.text = 'x'", None),
        ("SELECT 1 FROM (SELECT id AS v FROM note) n WHERE v = 1 AND 1 = v ORDER BY v LIMIT 1", None),
        // It means something again.
        ("CREATE TABLE v (nothing nowhere)", Some("42704")),
        ("INSERT INTO v VALUES ('%')", Some("0A000")),
        ("CREATE TABLE v (a text)", None),
        ("INSERT INTO v VALUES ('x')", None),
        ("DROP TABLE v", None),
    ],
    &[
        ("CREATE TABLE v (LIKE person)", Some("0A000")),
        ("INSERT INTO v (id, name) VALUES (1, '%')", Some("0A000")),
        ("CREATE UNLOGGED TABLE IF NOT EXISTS public.v (id int PRIMARY KEY)", None),
        ("INSERT INTO v VALUES (1)", None),
        ("DROP TABLE v", None),
    ],
    &[
        ("CREATE TABLE v () INHERITS (person)", Some("0A000")),
        ("INSERT INTO v (id, name) VALUES (1, '%')", Some("0A000")),
    ],
    &[("CREATE TABLE v PARTITION OF person DEFAULT", Some("0A000")), ("COPY v FROM PROGRAM 'echo %'", Some("0A000"))],
    &[
        ("ALTER TABLE person RENAME TO human", Some("0A000")),
        ("INSERT INTO human (id, name) VALUES (1, '%')", Some("0A000")),
        ("ALTER TABLE note RENAME TO human", None),
        ("INSERT INTO human VALUES (77, 'x')", None),
        ("DELETE FROM human WHERE id = 77", None),
        ("ALTER TABLE human RENAME TO note", None),
    ],
    &[
        (
            "CREATE FUNCTION f(text) RETURNS bigint LANGUAGE sql AS 'SELECT id FROM person WHERE name = $1'",
            Some("0A000"),
        ),
        ("SELECT f('%')", Some("0A000")),
        ("CALL f('%')", Some("0A000")),
        ("CREATE FUNCTION f(text) RETURNS text LANGUAGE sql AS 'SELECT $1'", None),
        ("SELECT f('x')", None),
        ("DROP FUNCTION f(text)", None),
    ],
    &[
        ("CREATE TEMP TABLE v AS SELECT name FROM person", Some("0A000")),
        ("INSERT INTO v VALUES ('%')", Some("0A000")),
        ("CREATE TEMP TABLE v AS SELECT 'x'::text AS name", None),
        ("INSERT INTO v VALUES ('x')", None),
        ("DROP TABLE v", None),
    ],
    &[
        ("SELECT name INTO UNLOGGED TABLE v FROM person", Some("0A000")),
        ("INSERT INTO v VALUES ('%')", Some("0A000")),
        ("SELECT 'x'::text AS name INTO v", None),
        ("INSERT INTO v VALUES ('x')", None),
        ("DROP TABLE v", None),
    ],
    &[
        ("CREATE MATERIALIZED VIEW v AS SELECT name FROM person", Some("0A000")),
        ("SELECT 1 FROM v WHERE name = '%'", Some("0A000")),
    ],
    &[
        ("CREATE SCHEMA s CREATE TABLE a (id int) CREATE VIEW v AS SELECT name FROM person", Some("0A000")),
        ("SELECT 1 FROM s.v WHERE name = '%'", Some("0A000")),
        ("INSERT INTO s.a VALUES (1)", Some("0A000")),
    ],
    &[
        ("DO $$ BEGIN CREATE VIEW v AS SELECT name FROM person; END $$", Some("0A000")),
        ("INSERT INTO v VALUES ('%')", Some("0A000")),
    ],
    // What is rolled back is gone again.
    &[
        ("CREATE VIEW v AS SELECT id, name FROM person", Some("0A000")),
        ("BEGIN", None),
        ("CREATE TABLE v (a text)", None),
        ("INSERT INTO v VALUES ('x')", None),
        ("ROLLBACK", None),
        ("INSERT INTO v VALUES ('%')", Some("0A000")),
        ("BEGIN", None),
        ("CREATE TABLE v (a text)", None),
        ("COMMIT", None),
        ("INSERT INTO v VALUES ('x')", None),
        ("DROP TABLE v", None),
    ],
    // Prepared before what it uses was to become something else.
    &[
        ("CREATE TABLE v (name text)", None),
        ("PREPARE before (text) AS INSERT INTO v VALUES ($1)", None),
        ("DROP TABLE v", None),
        ("CREATE VIEW v AS SELECT name FROM person", Some("0A000")),
        ("EXECUTE before ('%')", Some("0A000")),
    ],
    // Letters that are not seen.
    &[
        ("INSERT INTO person\u{a0} (id, name) VALUES (1, '%')", Some("0A000")),
        ("INSERT INTO \u{200b}PERSON (id, name) VALUES (1, '%')", Some("0A000")),
        ("INSERT INTO \"per\u{ad}son\" (id, name) VALUES (1, '%')", Some("0A000")),
        ("UPDATE public.person\u{3000} SET name = '%'", Some("0A000")),
        ("DO $$ BEGIN INSERT INTO person\u{feff} (id, name) VALUES (1, '%'); END $$", Some("0A000")),
        ("SELECT 1 AS \u{a0}one, 'person\u{a0}' AS note\u{a0}", None),
    ],
];

fn codes(own: &str, expected: Option<&str>, door: &str, script: usize, text: &str) {
    assert_eq!(own, expected.unwrap_or(""), "{door}, script {script}: {text}");
}

#[tokio::test]
async fn what_a_refused_statement_would_have_made_is_not_used_sql_64() {
    let service = Service::sized("made", 2).await;
    for by_message in [false, true] {
        for (number, script) in SCRIPTS.iter().enumerate() {
            // A session each.
            service.pool.retain(|_, _| false);
            let (client, proxied) = (service.client().await, service.world.client().await);
            for (text, expected) in *script {
                let text = text.replace('%', &service.secret());
                let own = match by_message {
                    true => client.execute(&text, &[]).await.map(drop),
                    false => client.batch_execute(&text).await,
                };
                let own = own.err().map_or(String::new(), |error| error.code().unwrap().to_owned());
                codes(&own, *expected, "SDK", number, &text);
            }
            for (text, expected) in *script {
                let text = text.replace('%', &service.secret());
                let own = match by_message {
                    true => proxied.execute(&text, &[]).await.map(drop),
                    false => proxied.batch_execute(&text).await,
                };
                let own = own.err().map_or(String::new(), |error| error.code().unwrap().code().to_owned());
                codes(&own, *expected, "proxy", number, &text);
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_says_which_name_was_never_made_and_which_only_looks_like_another_sql_64() {
    let service = Service::start("madewords").await;
    let secret = service.secret();
    let (client, proxied) = (service.client().await, service.world.client().await);
    let made = "CREATE VIEW v AS SELECT name FROM person";
    client.batch_execute(made).await.unwrap_err();
    proxied.batch_execute(made).await.unwrap_err();
    for (text, words) in [
        (format!("INSERT INTO v VALUES ('{secret}')"), "v was to be made by a statement that was refused"),
        (format!("INSERT INTO person\u{a0} VALUES ('{secret}')"), "looks like person, which is protected"),
    ] {
        let own = client.batch_execute(&text).await.unwrap_err().to_string();
        assert!(own.contains(words) && !own.contains(&secret), "{own}");
        let own = proxied.batch_execute(&text).await.unwrap_err();
        let own = own.as_db_error().unwrap().to_string();
        assert!(own.contains(words) && !own.contains(&secret), "{own}");
    }
}

#[tokio::test]
async fn a_parameter_is_a_value_as_a_literal_is_sql_64() {
    let service = Service::start("madeparams").await;
    let secret = service.secret();
    let (client, proxied) = (service.client().await, service.world.client().await);
    client.batch_execute("CREATE VIEW v AS SELECT name FROM person").await.unwrap_err();
    proxied.batch_execute("CREATE VIEW v AS SELECT name FROM person").await.unwrap_err();
    let insert = "INSERT INTO v VALUES ($1)";
    assert_eq!(client.execute(insert, &[&secret]).await.unwrap_err().code(), Some("0A000"));
    assert_eq!(proxied.execute(insert, &[&secret]).await.unwrap_err().code().unwrap().code(), "0A000");
}

#[tokio::test]
async fn past_the_names_that_are_remembered_no_relation_takes_a_value_sql_64() {
    let service = Service::sized("mademany", 2).await;
    let secret = service.secret();
    let (client, proxied) = (service.client().await, service.world.client().await);
    for number in 0..=256 {
        let text = format!("CREATE VIEW v{number} AS SELECT name FROM person");
        client.batch_execute(&text).await.unwrap_err();
        proxied.batch_execute(&text).await.unwrap_err();
    }
    for (text, expected) in [
        ("INSERT INTO v256 VALUES ('%')", Some("0A000")),
        ("SELECT 1 FROM v256 WHERE name = '%'", Some("0A000")),
        ("SELECT 1 FROM note, v256 WHERE name = '%'", Some("0A000")),
        ("SELECT id FROM note", None),
        ("SELECT 'x', 1", None),
        ("SELECT relname FROM pg_catalog.pg_class WHERE relname = 'note'", None),
        ("SELECT relname FROM pg_class WHERE relname = 'note'", None),
        ("SET application_name = 'x'", None),
    ] {
        let text = text.replace('%', &secret);
        let own = client.batch_execute(&text).await.err().map(|error| error.code().unwrap().to_owned());
        assert_eq!(own.as_deref(), expected, "SDK: {text}");
        let own = proxied.batch_execute(&text).await.err().map(|error| error.code().unwrap().code().to_owned());
        assert_eq!(own.as_deref(), expected, "proxy: {text}");
    }
}

#[tokio::test]
async fn a_statement_that_was_prepared_before_is_refused_where_it_uses_what_was_refused_since_sql_64() {
    let service = Service::start("madebefore").await;
    let secret = service.secret();
    let (text, view) = ("INSERT INTO v VALUES ($1)", "CREATE VIEW v AS SELECT name FROM person");
    let (client, proxied) = (service.client().await, service.world.client().await);
    client.batch_execute("CREATE TABLE v (name text)").await.unwrap();
    let (own, other) = (client.prepare(text).await.unwrap(), proxied.prepare(text).await.unwrap());
    client.execute(text, &[&"x"]).await.unwrap();
    client.execute(&own, &[&"x"]).await.unwrap();
    proxied.execute(&other, &[&"x"]).await.unwrap();
    client.batch_execute("DROP TABLE v").await.unwrap();
    assert_eq!(client.batch_execute(view).await.unwrap_err().code(), Some("0A000"));
    assert!(proxied.batch_execute(view).await.is_err());
    assert_eq!(client.execute(text, &[&secret]).await.unwrap_err().code(), Some("0A000"));
    assert_eq!(client.execute(&own, &[&secret]).await.unwrap_err().code(), Some("0A000"));
    assert_eq!(proxied.execute(&other, &[&secret]).await.unwrap_err().code().unwrap().code(), "0A000");
    client.batch_execute("CREATE TABLE v (name text)").await.unwrap();
    client.execute(&own, &[&"x"]).await.unwrap();
    client.execute(text, &[&"x"]).await.unwrap();
}
