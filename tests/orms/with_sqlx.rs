//! sqlx: it prepares every statement, keeps it under a name, and speaks binary.

use pgseal_orms::{Secrets, Stage, block_on};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool, QueryBuilder, Row};

#[test]
fn sqlx_reads_writes_searches_and_rolls_back() {
    let stage = Stage::new("sqlx");
    let (plain, sealed) = (Secrets::new(7_310_264_801), Secrets::new(7_310_264_802));
    block_on(work(&stage.plain(), &plain));
    block_on(work(&stage.sealed(), &sealed));
    stage.assert_sealed(&plain.all(), &sealed.all());
}

type Card = (i64, i64, String, String, Option<String>, String, Decimal);

const CARD: &str = "SELECT id, customer_id, status, pan, iban, holder, credit_limit FROM payment_card WHERE pan = $1";
const INSERT: &str = "INSERT INTO payment_card (customer_id, pan, iban, holder, credit_limit) VALUES ($1, $2, $3, $4, $5) \
                      RETURNING id";

async fn find(pool: &PgPool, pan: &str) -> Option<Card> {
    sqlx::query_as(CARD).bind(pan).fetch_optional(pool).await.unwrap()
}

async fn work(url: &str, secrets: &Secrets) {
    let pool = PgPoolOptions::new().max_connections(2).connect(url).await.unwrap();
    let [pan, new_pan] = &secrets.pan;

    // Create.
    let limit: Decimal = "1234.50".parse().unwrap();
    let id: i64 = sqlx::query_scalar(INSERT)
        .bind(21_i64)
        .bind(pan)
        .bind(&secrets.iban)
        .bind(&secrets.holder)
        .bind(limit)
        .fetch_one(&pool)
        .await
        .unwrap();

    // Read, by a sealed column.
    let card = find(&pool, pan).await.unwrap();
    let expected = (id, 21, "active".into(), pan.clone(), Some(secrets.iban.clone()), secrets.holder.clone(), limit);
    assert_eq!(card, expected);
    assert_eq!(find(&pool, "4111000000000000").await, None);
    let pans = vec![pan.clone(), "nobody's".to_owned()];
    let found =
        sqlx::query("SELECT id FROM payment_card WHERE pan = ANY($1)").bind(&pans).fetch_all(&pool).await.unwrap();
    assert_eq!(found.len(), 1);

    // Update, two columns of a signed row.
    let update = "UPDATE payment_card SET pan = $1, credit_limit = $2 WHERE id = $3";
    let done = sqlx::query(update).bind(new_pan).bind(Decimal::TEN).bind(id).execute(&pool).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
    assert_eq!(find(&pool, pan).await, None);
    assert_eq!(find(&pool, new_pan).await.unwrap().6, Decimal::TEN);

    // The database's own rules.
    let again = sqlx::query(INSERT).bind(1_i64).bind(new_pan).bind(None::<String>).bind("x").bind(Decimal::ONE);
    let error = again.execute(&pool).await.unwrap_err().into_database_error().unwrap();
    assert!(error.is_unique_violation());
    assert_eq!(error.constraint(), Some("payment_card_pan_key"));

    // A transaction that is rolled back, one that is dropped, one that is committed.
    let pay = "INSERT INTO payment (card_id, amount, reference, details) VALUES ($1, $2, $3, $4)";
    let paid = "SELECT amount, details FROM payment WHERE reference = $1";
    let amount: Decimal = "99.95".parse().unwrap();
    let details = json!({ "items": [1, 2], "gift": false });
    for commit in [Some(false), None, Some(true)] {
        let mut transaction = pool.begin().await.unwrap();
        let insert = sqlx::query(pay).bind(id).bind(amount).bind(&secrets.reference).bind(&details);
        insert.execute(&mut *transaction).await.unwrap();
        let seen = sqlx::query(paid).bind(&secrets.reference).fetch_all(&mut *transaction).await.unwrap();
        assert_eq!(seen.len(), 1);
        match commit {
            Some(true) => transaction.commit().await.unwrap(),
            Some(false) => transaction.rollback().await.unwrap(),
            None => drop(transaction),
        }
        let seen = sqlx::query(paid).bind(&secrets.reference).fetch_all(&pool).await.unwrap();
        assert_eq!(seen.len(), usize::from(commit == Some(true)));
    }
    let row = sqlx::query(paid).bind(&secrets.reference).fetch_one(&pool).await.unwrap();
    assert_eq!((row.get::<Decimal, _>("amount"), row.get::<Value, _>("details")), (amount, details));

    // A savepoint.
    let mut transaction = pool.begin().await.unwrap();
    let mut nested = transaction.begin().await.unwrap();
    sqlx::query("DELETE FROM payment WHERE reference = $1")
        .bind(&secrets.reference)
        .execute(&mut *nested)
        .await
        .unwrap();
    nested.rollback().await.unwrap();
    transaction.commit().await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM payment").fetch_one(&pool).await.unwrap();
    assert_eq!(count, 1);

    // Delete.
    let insert = sqlx::query(INSERT).bind(22_i64).bind(pan).bind(None::<String>).bind(&secrets.holder).bind(limit);
    insert.execute(&pool).await.unwrap();
    let deleted = sqlx::query("DELETE FROM payment_card WHERE pan = $1").bind(pan).execute(&pool).await.unwrap();
    assert_eq!(deleted.rows_affected(), 1);
    assert_eq!(find(&pool, pan).await, None);
    pool.close().await;
}

/// The SQLSTATE of a statement that fails.
fn state<T>(told: Result<T, sqlx::Error>) -> String {
    let error = told.err().unwrap().into_database_error().unwrap();
    error.code().unwrap().into_owned()
}

#[test]
fn what_is_refused_to_sqlx_has_another_spelling() {
    let stage = Stage::new("sqlx_refused");
    block_on(respelled(&stage.sealed(), &Secrets::new(7_310_264_803)));
}

async fn respelled(url: &str, secrets: &Secrets) {
    let mut connection = PgConnection::connect(url).await.unwrap();

    // Many rows: arrays of values are an INSERT … SELECT; lists of them are not.
    let arrays = "INSERT INTO payment_card (customer_id, pan, holder) \
                  SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::text[])";
    let insert = sqlx::query(arrays).bind(vec![1_i64, 2]).bind(&secrets.pan[..]).bind(vec!["Ada"; 2]);
    assert_eq!(state(insert.execute(&mut connection).await), "0A000");
    let mut insert = QueryBuilder::new("INSERT INTO payment_card (customer_id, pan, holder) ");
    insert.push_values(secrets.pan.iter().zip(1_i64..), |mut row, (pan, customer)| {
        row.push_bind(customer).push_bind(pan).push_bind(&secrets.holder);
    });
    assert_eq!(insert.build().execute(&mut connection).await.unwrap().rows_affected(), 2);

    // What the query! macros ask while they compile. They are pointed at a development database with plain tables;
    // the program they make runs here.
    let pan = "SELECT id FROM payment_card WHERE pan = $1";
    let mut connection = PgConnection::connect(url).await.unwrap();
    let ids: Vec<i64> = sqlx::query_scalar(pan).bind(&secrets.pan[0]).fetch_all(&mut connection).await.unwrap();
    let explain = sqlx::raw_sql("EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE sqlx_s_1(NULL)").execute(&mut connection).await;
    assert_eq!(state(explain), "0A000");
    let again: Vec<i64> = sqlx::query_scalar(pan).bind(&secrets.pan[0]).fetch_all(&mut connection).await.unwrap();
    assert_eq!((ids.len(), again), (1, ids));
}
