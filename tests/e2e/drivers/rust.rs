//! tokio-postgres: it asks once for the types of a statement and trusts them, speaks binary only, and pipelines.

use std::error::Error as StdError;

use serde_json::{Value, json};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, NoTls, Row, SimpleQueryMessage};

use super::REFUSED;
use super::sides::{Side, Sides};
use crate::harness::cluster::cluster;

type Boxed = Box<dyn StdError + Sync + Send>;
type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

const CARD: &str =
    "INSERT INTO payment_card (customer_id, pan, iban, holder, credit_limit) VALUES ($1, $2, $3, $4, $5)";

#[tokio::test]
async fn tokio_postgres_sees_plain_postgresql() {
    let sides = Sides::new("rust");
    let plain = observe(&sides.plain).await;
    let sealed = observe(&sides.sealed).await;
    sides.compare(&sealed, &plain, REFUSED);
}

/// The binary form of any type, read and written as it is.
#[derive(Debug, Clone)]
struct Binary(Vec<u8>);

impl FromSql<'_> for Binary {
    fn from_sql(_: &Type, bytes: &[u8]) -> Result<Self, Boxed> {
        Ok(Self(bytes.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Binary {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// PostgreSQL's binary form of a number with two decimals: base-10000 digits, here always three before the point.
fn numeric(hundredths: u64) -> Binary {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    let digits = [whole / 100_000_000, whole / 10_000 % 10_000, whole % 10_000, rest * 100];
    let head: [u16; 4] = [4, 2, 0, 2];
    Binary(head.into_iter().chain(digits.map(|digit| digit as u16)).flat_map(u16::to_be_bytes).collect())
}

/// What was seen so far.
struct Seen {
    client: Client,
    steps: Vec<Value>,
}

impl Seen {
    /// Prepares, tells the description, runs.
    async fn run(&mut self, step: &str, sql: &str, params: Params<'_>) {
        let told = run(&self.client, sql, params).await;
        self.note(step, told);
    }

    fn note(&mut self, step: &str, told: Result<Value, Error>) {
        self.steps.push(match told {
            Ok(told) => json!({ "step": step, "told": told }),
            Err(error) => {
                let code = error.code().unwrap_or_else(|| panic!("{step}: {error}")).code();
                json!({ "step": step, "error": code })
            }
        });
    }
}

async fn run(client: &Client, sql: &str, params: Params<'_>) -> Result<Value, Error> {
    let statement = client.prepare(sql).await?;
    let parameters: Vec<_> = statement.params().iter().map(Type::oid).collect();
    let columns: Vec<_> =
        statement.columns().iter().map(|column| json!([column.name(), column.type_().oid()])).collect();
    let rows = client.query(&statement, params).await?;
    Ok(json!({ "parameters": parameters, "columns": columns, "rows": shown(&rows) }))
}

fn shown(rows: &[Row]) -> Vec<Value> {
    let value = |row: &Row, column| match row.get::<_, Option<Binary>>(column) {
        Some(Binary(bytes)) => json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        None => Value::Null,
    };
    rows.iter().map(|row| (0..row.len()).map(|column| value(row, column)).collect()).collect()
}

async fn observe(side: &Side) -> Vec<Value> {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(side.port).user("postgres").dbname(&side.database).password(cluster().password());
    let (client, connection) = config.connect(NoTls).await.unwrap();
    // Ends with the client; a lost connection shows in the client's own results.
    tokio::spawn(async move { drop(connection.await) });
    let mut seen = Seen { client, steps: Vec::new() };
    rows(&mut seen, side).await;
    kinds(&mut seen, side).await;
    pipeline(&mut seen, side).await;
    transactions(&mut seen, side).await;
    ledger(&mut seen, side).await;
    seen.steps
}

async fn rows(seen: &mut Seen, side: &Side) {
    let (word, limit) = (&side.word, numeric(side.number.parse::<u64>().unwrap() * 100 + 25));
    let pan = format!("{word}-1");
    seen.run(
        "create",
        "INSERT INTO payment_card (customer_id, status, pan, iban, holder, credit_limit) \
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id, status",
        &[&7_i64, &side.control, &pan, &format!("{word}-iban"), &format!("Zoë {word}"), &limit],
    )
    .await;
    seen.run(
        "create with defaults",
        "INSERT INTO payment_card (customer_id, pan, holder) VALUES ($1, $2, $3) RETURNING *",
        &[&8_i64, &"other", &format!("李 {word}")],
    )
    .await;
    seen.run("read all", "SELECT * FROM payment_card ORDER BY id", &[]).await;
    seen.run("search", "SELECT id, pan, credit_limit FROM payment_card WHERE pan = $1", &[&pan]).await;
    seen.run("search IN", "SELECT id FROM payment_card WHERE pan IN ($1, $2) ORDER BY id", &[&pan, &"other"]).await;
    let any = vec![Some(pan.clone()), None, Some("other".to_owned())];
    seen.run("search ANY", "SELECT id FROM payment_card WHERE pan = ANY($1) ORDER BY id", &[&any]).await;
    seen.run("search for NULL", "SELECT id FROM payment_card WHERE iban = $1", &[&None::<String>]).await;
    seen.run("search NULL", "SELECT id FROM payment_card WHERE iban IS NULL", &[]).await;
    seen.run(
        "update",
        "UPDATE payment_card SET holder = $1, credit_limit = $2 WHERE pan = $3 RETURNING *",
        &[&format!("Änne {word}"), &numeric(150), &pan],
    )
    .await;
    seen.run("update a searched column", "UPDATE payment_card SET iban = $1 WHERE id = $2", &[word, &2_i64]).await;
    seen.run("it is found", "SELECT id FROM payment_card WHERE iban = $1", &[word]).await;
    seen.run("delete", "DELETE FROM payment_card WHERE pan = $1 RETURNING id, pan", &[&"other"]).await;
    seen.run("what is left", "SELECT id, pan FROM payment_card", &[]).await;
    seen.run("join", "SELECT c.pan FROM payment p JOIN payment_card c ON c.id = p.card_id", &[]).await;
    let told =
        seen.client.simple_query("SELECT id, holder FROM payment_card; SELECT credit_limit FROM payment_card").await;
    let told = told.map(|messages| messages.iter().map(simple).collect::<Vec<_>>().into());
    seen.note("simple query", told);
}

fn simple(message: &SimpleQueryMessage) -> Value {
    match message {
        SimpleQueryMessage::Row(row) => (0..row.len()).map(|column| row.get(column)).collect(),
        SimpleQueryMessage::CommandComplete(count) => json!(count),
        SimpleQueryMessage::RowDescription(columns) => columns.iter().map(|column| json!(column.name())).collect(),
        _ => Value::Null,
    }
}

async fn kinds(seen: &mut Seen, side: &Side) {
    let (word, date) = (&side.word, Binary((-357_i32).to_be_bytes().to_vec()));
    let number = side.number.parse::<i64>().unwrap();
    let moment = Binary((-30_830_153_999_211_i64).to_be_bytes().to_vec());
    let uuid = Binary((0..16).collect());
    let money = numeric(number as u64 * 100 + 25);
    let jsonb = Binary([b"\x01", format!(r#"{{"b": 1, "a": "{word}"}}"#).as_bytes()].concat());
    let raw = [word.as_bytes(), &[0, 255, 92]].concat();
    let names = "b, i2, i4, i8, n, money, t, v, raw, u, d, ts, tz, j, jb";
    let insert = format!(
        "INSERT INTO kinds ({names}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING *"
    );
    let (text, varchar) = (word.clone(), "é".repeat(20));
    let row: [&(dyn ToSql + Sync); 15] = [
        &true,
        &-5_i16,
        &70_000_i32,
        &number,
        &money,
        &money,
        &text,
        &varchar,
        &raw,
        &uuid,
        &date,
        &moment,
        &moment,
        &Binary(br#"{"b" : 1}"#.to_vec()),
        &jsonb,
    ];
    seen.run("a row of every type", &insert, &row).await;
    let null: &(dyn ToSql + Sync) = &None::<Binary>;
    seen.run("a row of NULLs", &insert, &[null; 15]).await;
    for (name, value) in names.split(", ").zip(row).filter(|(name, _)| !["b", "j", "jb"].contains(name)) {
        seen.run("by each", &format!("SELECT {name} FROM kinds WHERE {name} = $1"), &[value]).await;
    }
    seen.run("wrong: too long", "INSERT INTO kinds (v) VALUES ($1)", &[&"x".repeat(21)]).await;
    seen.run("wrong: malformed", "INSERT INTO kinds (n) VALUES ($1)", &[&Binary(vec![0, 1, 0])]).await;
    seen.run("still usable", "SELECT id FROM kinds WHERE t = $1", &[word]).await;
}

/// Everything is sent before anything is answered.
async fn pipeline(seen: &mut Seen, side: &Side) {
    let insert = seen.client.prepare(CARD).await.unwrap();
    let search =
        seen.client.prepare("SELECT holder, iban, credit_limit FROM payment_card WHERE pan = $1").await.unwrap();
    let pans: Vec<String> = (0..20).map(|number| format!("{}-p{number}", side.word)).collect();
    let client = &seen.client;
    let mut told = Vec::new();
    for (number, pan) in pans.iter().enumerate() {
        let (number, limit) = (i64::try_from(number).unwrap(), numeric(250));
        let params: [&(dyn ToSql + Sync); 5] = [&number, pan, &None::<String>, &"h", &limit];
        let key: [&(dyn ToSql + Sync); 1] = [pan];
        let again: [&(dyn ToSql + Sync); 5] = [&number, pan, &None::<String>, &"again", &limit];
        let (inserted, duplicate, found) = tokio::join!(
            client.execute(&insert, &params),
            client.execute(&insert, &again),
            client.query(&search, &key)
        );
        let code = duplicate.unwrap_err().code().unwrap().code().to_owned();
        told.push(json!([inserted.unwrap(), code, shown(&found.unwrap())]));
    }
    seen.note("pipeline", Ok(told.into()));
}

async fn transactions(seen: &mut Seen, side: &Side) {
    let pan = format!("{}-1", side.word);
    let update = "UPDATE payment_card SET holder = $1 WHERE pan = $2";
    let limit = numeric(0);
    let duplicate: Params<'_> = &[&1_i64, &pan, &None::<String>, &"h", &limit];
    let like = format!("{}%", side.word);
    for (name, sql, params) in [
        ("wrong: duplicate in a transaction", CARD, duplicate),
        ("like", "SELECT id FROM payment_card WHERE pan LIKE $1", &[&like]),
        ("arithmetic in an update", "UPDATE payment_card SET credit_limit = credit_limit + $1", &[&limit]),
    ] {
        let transaction = seen.client.transaction().await.unwrap();
        transaction.execute(update, &[&"gone", &pan]).await.unwrap();
        let told = run(transaction.client(), sql, params).await;
        transaction.rollback().await.unwrap();
        seen.note(name, told);
    }
    seen.run("nothing of it stayed", "SELECT holder FROM payment_card WHERE pan = $1", &[&pan]).await;
    let mut transaction = seen.client.transaction().await.unwrap();
    let savepoint = transaction.savepoint("here").await.unwrap();
    let told = run(savepoint.client(), CARD, duplicate).await;
    savepoint.rollback().await.unwrap();
    let portal = transaction.bind("SELECT pan FROM payment_card ORDER BY id", &[]).await.unwrap();
    let mut portions = Vec::new();
    for size in [3, 4, 0] {
        portions.push(shown(&transaction.query_portal(&portal, size).await.unwrap()));
    }
    transaction.execute(update, &[&"kept", &pan]).await.unwrap();
    transaction.commit().await.unwrap();
    seen.note("wrong: duplicate in a savepoint", told);
    seen.note("portions of a portal", Ok(json!(portions)));
    seen.run("it stayed", "SELECT holder FROM payment_card WHERE pan = $1", &[&pan]).await;
}

async fn ledger(seen: &mut Seen, side: &Side) {
    let insert = "INSERT INTO ledger (account, owner, balance) VALUES ($1, $2, $3) RETURNING *";
    seen.run("signed insert", insert, &[&"acc-1", &side.word, &numeric(100)]).await;
    seen.run("signed insert, again", insert, &[&"acc-2", &side.word, &numeric(200)]).await;
    for number in 0..7_u64 {
        let update = "UPDATE ledger SET balance = $1 WHERE account = $2 RETURNING *";
        seen.run("signed update", update, &[&numeric(number * 25), &"acc-1"]).await;
    }
    seen.run("signed search", "SELECT * FROM ledger WHERE owner = $1 ORDER BY id", &[&side.word]).await;
    seen.run("signed delete", "DELETE FROM ledger WHERE account = $1", &[&"acc-2"]).await;
}
