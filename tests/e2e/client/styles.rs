//! Dates and intervals in the text of a statement, under settings that decide how they are read: equal to a plaintext
//! twin's, whoever set them.

use std::path::Path;

use deadpool_postgres::{Manager, Pool};
use pgseal::client;
use pgseal::sealer::Sealer;
use tokio_postgres::{Config, NoTls};

use crate::doors::answer::Cell;
use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::proxy::state_dir;
use crate::harness::world::database;

const TABLES: &str = "
    CREATE TABLE visit (
        id bigint PRIMARY KEY,
        born date UNIQUE,
        at timestamp,
        seen timestamptz,
        signed date,
        plain date,
        instant timestamptz,
        span interval
    )";

const SCHEMA: &str = r#"
version = 1
keyrings.test.generator = "local:test"
branch_keys.visits.keyring = "test"
[tables.visit]
name = "public.visit"
branch_key = "visits"
row_signature = "HMAC-SHA-384"
unlisted_columns = "DO_NOTHING"
[tables.visit.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
born = { action = "ENCRYPT_AND_SIGN", type = "date" }
at = { action = "ENCRYPT_AND_SIGN", type = "timestamp" }
seen = { action = "ENCRYPT_AND_SIGN", type = "timestamptz" }
signed = "SIGN_ONLY"
[tables.visit.beacons]
standard = [{ name = "born", length = "exact" }, { name = "seen", length = "exact" }]
"#;

/// Statements that must be answered: for plain columns every text is the server's to read; for protected ones ISO is.
const ANSWERED: &[&str] = &[
    "INSERT INTO visit VALUES (1, '2026-04-03', '2026-04-03 10:11:12', '2026-04-03 10:11:12', '2026-04-03', \
     '03/04/2026', '03/04/2026 10:11:12', '-1 2:03:04') RETURNING *",
    "INSERT INTO visit (id, born, plain, span) VALUES (2, date '2026-12-11', '11/12/2026', interval '1-2') RETURNING *",
    "SELECT * FROM visit WHERE born = '2026-04-03'",
    "SELECT * FROM visit WHERE born IN ('2026-12-11', '2026-03-04')",
    "SELECT * FROM visit WHERE seen = '2026-04-03 10:11:12'",
    "SELECT * FROM visit WHERE plain = '03/04/2026'",
    "SELECT * FROM visit WHERE instant = '03/04/2026 10:11:12'",
    "SELECT * FROM visit WHERE signed = '03/04/2026'",
    "SELECT * FROM visit WHERE span = '-1 2:03:04'",
    "SELECT plain::text, instant::text, span::text, signed::text FROM visit ORDER BY id",
    "UPDATE visit SET born = '2026-05-06', signed = '2026-05-06' WHERE plain = '03/04/2026' RETURNING *",
    "UPDATE visit SET plain = '06/05/2026' WHERE born = '2026-05-06' RETURNING *",
    "DELETE FROM visit WHERE plain = '06/05/2026' RETURNING id",
    "SELECT '03/04/2026'::date, '-1 2:03:04'::interval, '03/04/2026 10:11'::timestamptz::text",
];

/// Statements in which a protected column meets a text that only the server may read: the twin's answer, or a refusal.
const AMBIGUOUS: &[&str] = &[
    "INSERT INTO visit (id, born) VALUES (3, '03/04/2026') RETURNING *",
    "INSERT INTO visit (id, seen) VALUES (4, '03/04/2026 10:11:12') RETURNING *",
    "INSERT INTO visit (id, signed) VALUES (5, '03/04/2026') RETURNING *",
    "INSERT INTO visit (id, at) VALUES (6, '3-Apr-2026') RETURNING *",
    "INSERT INTO visit (id, born) VALUES (7, '20260403') RETURNING *",
    "INSERT INTO visit (id, born) VALUES (8, '26-04-03') RETURNING *",
    "SELECT id FROM visit WHERE born = '03/04/2026'",
    "SELECT id FROM visit WHERE seen = '03/04/2026'",
    "UPDATE visit SET signed = '03/04/2026' WHERE id = 2 RETURNING *",
    "UPDATE visit SET born = '03/04/2026' WHERE id = 2 RETURNING *",
    "SELECT * FROM visit ORDER BY id",
];

const STYLES: [(&str, &str); 3] =
    [("SQL, DMY", "sql_standard"), ("German, MDY", "iso_8601"), ("Postgres, YMD", "postgres")];

/// Who says so.
#[derive(Clone, Copy, Debug)]
enum By {
    Set,
    Role,
    Options,
}

#[tokio::test]
async fn texts_of_dates_and_intervals_mean_what_they_mean_to_a_plaintext_twin_whoever_set_the_style() {
    let world = World::sealed("styles", TABLES, SCHEMA);
    world.writes_no_secret("a date is too short to be looked for");
    let twin = database("stylestwin", TABLES);
    let sockets = [world.scratch().path().to_owned(), cluster().socket_dir().to_owned()];
    let (mut answered, mut refused) = (0, 0);
    for by in [By::Set, By::Role, By::Options] {
        for (date, interval) in STYLES {
            let [sealed, plain] =
                [(world.database(), &sockets[0]), (twin.as_str(), &sockets[1])].map(|(name, socket)| {
                    let mut config = Config::new();
                    config.host_path(socket).port(cluster().port()).user("postgres").dbname(name);
                    let role = format!("ALTER ROLE postgres IN DATABASE {name}");
                    let set = match by {
                        By::Role => format!("{role} SET DateStyle = '{date}'; {role} SET IntervalStyle = '{interval}'"),
                        By::Set | By::Options => format!("{role} RESET ALL"),
                    };
                    cluster().psql(name, &format!("{set}; DELETE FROM visit")).unwrap();
                    if matches!(by, By::Options) {
                        let date = date.replace(' ', "\\ ");
                        config
                            .options(format!("-c DateStyle={date} -c IntervalStyle={interval} -c TimeZone=Asia/Tokyo"));
                    }
                    config
                });
            let pool = Pool::builder(Manager::new(sealed, NoTls)).max_size(3).build().unwrap();
            let builder = Sealer::builder().schema_file(world.schema()).state_dir(state_dir(world.scratch().path()));
            let sealer = builder.pool(&pool).build().await.unwrap();
            let client = sealer.client(&pool).await.unwrap();
            let (twin, connection) = plain.connect(NoTls).await.unwrap();
            tokio::spawn(async move { drop(connection.await) });
            if matches!(by, By::Set) {
                let set =
                    format!("SET DateStyle = '{date}'; SET IntervalStyle = '{interval}'; SET TimeZone = 'Asia/Tokyo'");
                client.batch_execute(&set).await.unwrap();
                twin.batch_execute(&set).await.unwrap();
            }
            let place = |sql: &str| format!("{by:?}, {date}, {interval}: {sql}");
            for sql in ANSWERED {
                assert_eq!(ours(&client, sql).await, theirs(&twin, sql).await, "{}", place(sql));
                answered += 1;
            }
            for sql in AMBIGUOUS {
                let own = ours(&client, sql).await;
                // Then the twin is not asked to do it either.
                if own == Err("0A000".to_owned()) {
                    refused += 1;
                    continue;
                }
                assert_eq!(own, theirs(&twin, sql).await, "{}", place(sql));
                answered += 1;
            }
        }
    }
    println!("{answered} answered as by the twin, {refused} refused");
}

#[tokio::test]
async fn a_text_that_is_called_again_is_read_by_the_settings_and_the_clock_of_that_call() {
    let world = World::sealed("stylesagain", TABLES, SCHEMA);
    world.writes_no_secret("a date is too short to be looked for");
    let twin = database("stylesagaintwin", TABLES);
    let config = |socket: &Path, name: &str| {
        let mut config = Config::new();
        config.host_path(socket).port(cluster().port()).user("postgres").dbname(name);
        config
    };
    let pool = Pool::builder(Manager::new(config(world.scratch().path(), world.database()), NoTls)).max_size(3).build();
    let pool = pool.unwrap();
    let builder = Sealer::builder().schema_file(world.schema()).state_dir(state_dir(world.scratch().path()));
    let sealer = builder.pool(&pool).build().await.unwrap();
    let client = sealer.client(&pool).await.unwrap();
    let (twin, connection) = config(cluster().socket_dir(), &twin).connect(NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let insert = "INSERT INTO visit (id, born, plain, instant) VALUES \
                  (1, '2026-01-01', '2026-03-04', '2026-03-04 00:00+00'), (2, '2026-01-02', '2026-04-03', 'infinity')";
    assert_eq!(ours(&client, insert).await, theirs(&twin, insert).await);
    let texts = [
        "SELECT id, born FROM visit WHERE plain = '03/04/2026'",
        "SELECT id FROM visit WHERE instant = '2026-03-04 09:00'",
        "SELECT '03/04/2026'::date, '2026-03-04 09:00'::timestamptz",
    ];
    for set in ["SET DateStyle = 'SQL, MDY'", "SET TimeZone = 'Asia/Tokyo'", "SET DateStyle = 'SQL, DMY'", "RESET ALL"]
    {
        client.batch_execute(set).await.unwrap();
        twin.batch_execute(set).await.unwrap();
        for text in texts {
            assert_eq!(ours(&client, text).await, theirs(&twin, text).await, "{set}: {text}");
        }
    }
    let now = "SELECT 'now'::timestamptz";
    assert_ne!(ours(&client, now).await, ours(&client, now).await, "time goes on");
}

type Told = Result<Vec<Vec<Option<String>>>, String>;

async fn ours(client: &client::Client, sql: &str) -> Told {
    let rows = client.query(sql, &[]).await.map_err(|error| error.code().unwrap_or("none").to_owned())?;
    let cell = |row: &client::Row, at| row.try_get::<_, Option<Cell>>(at).unwrap().map(|cell| cell.0);
    Ok(rows.iter().map(|row| (0..row.columns().len()).map(|at| cell(row, at)).collect()).collect())
}

async fn theirs(twin: &tokio_postgres::Client, sql: &str) -> Told {
    let rows = twin.query(sql, &[]).await.map_err(|error| error.code().unwrap().code().to_owned())?;
    let cell = |row: &tokio_postgres::Row, at| row.try_get::<_, Option<Cell>>(at).unwrap().map(|cell| cell.0);
    Ok(rows.iter().map(|row| (0..row.columns().len()).map(|at| cell(row, at)).collect()).collect())
}
