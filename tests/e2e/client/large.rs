//! Statements that are large because of what they carry, through both doors.

use tokio_postgres::types::ToSql;

use super::Service;

const NO_PARAMS: [&(dyn ToSql + Sync); 0] = [];

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn rows_whose_keys_the_server_makes_may_be_thousands_sql_22() {
    let service = Service::start("clargekeys").await;
    let (client, proxied) = (service.client().await, service.world.client().await);
    let insert = |rows| format!("INSERT INTO account (holder) VALUES {}", list(rows, |row| format!("(${})", row + 1)));
    let secret = service.secret();
    let holders: Vec<String> = (0..600).map(|row| format!("{secret} {row}")).collect();
    let params: Vec<&(dyn ToSql + Sync)> = holders.iter().map(|holder| holder as &(dyn ToSql + Sync)).collect();
    assert_eq!(client.execute(&insert(params.len()), &params).await.unwrap(), 600);
    assert_eq!(proxied.execute(&insert(params.len()), &params).await.unwrap(), 600);
    let literals = list(600, |row| format!("('{}', {row}::text)", holders[row]));
    proxied.batch_execute(&format!("INSERT INTO account (holder, label) VALUES {literals}")).await.unwrap();

    // Each row has the key that it would have without us.
    let rows = client.query("SELECT id, holder FROM account ORDER BY id", &NO_PARAMS).await.unwrap();
    assert_eq!(rows.len(), 1_800);
    for (at, row) in rows.iter().enumerate() {
        let holder = &holders[at % 600];
        assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1)), (at as i64 + 1, holder.as_str()));
    }
}

#[tokio::test]
async fn a_literal_may_be_long_and_rows_may_have_casts_sql_3() {
    let service = Service::start("clargetext").await;
    let (client, proxied) = (service.client().await, service.world.client().await);
    let name = service.secret().repeat(80_000);
    let insert = |id| format!("INSERT INTO person (id, name) VALUES ({id}, '{name}')");
    client.execute(&insert(1), &NO_PARAMS).await.unwrap();
    proxied.batch_execute(&insert(2)).await.unwrap();
    for id in [1_i64, 2] {
        let row = client.query_one("SELECT name FROM person WHERE id = $1", &[&id]).await.unwrap();
        assert!(row.get::<_, &str>(0) == name);
    }
    let secret = service.secret();
    let rows = |from| list(6_000, |row| format!("({}::bigint, '{secret} {row}'::text)", from + row));
    let insert = |from| format!("INSERT INTO person (id, name) VALUES {}", rows(from));
    assert_eq!(client.execute(&insert(10), &NO_PARAMS).await.unwrap(), 6_000);
    proxied.batch_execute(&insert(10_010)).await.unwrap();
    let row = proxied.query_one("SELECT name FROM person WHERE id = 16009", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), format!("{secret} 5999"));
}

#[tokio::test]
async fn what_nests_too_deeply_is_refused_and_the_session_goes_on_sql_3() {
    let service = Service::start("clargedeep").await;
    let (client, proxied) = (service.client().await, service.world.client().await);
    let secret = service.secret();
    client.execute("INSERT INTO person (id, name, email) VALUES (1, 'x', $1)", &[&secret]).await.unwrap();
    // What is checked on the row is as deep.
    let not = format!("SELECT name FROM person WHERE {}email = $1{}", "NOT (".repeat(100), ")".repeat(100));
    assert_eq!(client.query(&not, &[&secret]).await.unwrap().len(), 1);
    assert_eq!(proxied.query(&not, &[&secret]).await.unwrap().len(), 1);
    for (open, close) in [("(", ")"), ("lower(", ")"), ("CASE WHEN true THEN ", " END"), ("", "::text")] {
        for depth in [100, 110_000] {
            let text = format!("SELECT team FROM person WHERE {}team{} = 'x'", open.repeat(depth), close.repeat(depth));
            let answered = client.query(&text, &NO_PARAMS).await.map(|rows| rows.len());
            let through_the_proxy = proxied.query(&text, &[]).await.map(|rows| rows.len());
            if depth == 100 {
                assert_eq!((answered.unwrap(), through_the_proxy.unwrap()), (0, 0), "{open}");
            } else {
                assert!(answered.is_err() && through_the_proxy.is_err(), "{open}");
            }
        }
    }
    assert_eq!(client.query("SELECT team FROM person", &NO_PARAMS).await.unwrap().len(), 1);
    assert_eq!(proxied.query("SELECT team FROM person", &[]).await.unwrap().len(), 1);
}
