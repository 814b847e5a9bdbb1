//! A `prepare` that is dropped while the driver looks up types that it does not know: several round trips of its own.

use std::time::Duration;

use super::Service;
use super::cancelled::polled;

const TYPES: &str = "
    CREATE DOMAIN grade AS int CHECK (VALUE > 0);
    CREATE TYPE mark AS (by text, feels mood, given grade);
    CREATE TABLE sheet (id int PRIMARY KEY, given grade, feels mood, mark mark, marks mark[])";

/// Statements with types to look up, over an unsealed table and a sealed one.
const TEXTS: [&str; 3] = [
    "SELECT feels, given, mark, marks FROM sheet WHERE feels = $1 AND mark = $2::mark AND given = $3::grade",
    "SELECT name, feels FROM person WHERE email = $1 AND feels = $2",
    "UPDATE account SET holder = $1 WHERE iban = $2 RETURNING holder, feels",
];

#[tokio::test]
async fn a_prepare_dropped_in_the_middle_of_a_lookup_of_types_shifts_no_answer() {
    let service = Service::sized("cprep", 1).await;
    service.world.at_server(TYPES);
    let name = service.secret();
    {
        let client = service.client().await;
        client.execute("INSERT INTO person (id, name, email) VALUES (1, $1, 'e')", &[&name]).await.unwrap();
    }
    for text in TEXTS {
        for in_block in [false, true] {
            let mut times = 0;
            loop {
                // A connection whose driver knows no types yet.
                service.pool.retain(|_, _| false);
                let client = service.client().await;
                if in_block {
                    client.batch_execute("BEGIN").await.unwrap();
                }
                let done = polled(client.prepare(text), times).await.map(|statement| statement.unwrap()).is_some();
                let after = async {
                    for number in 0..4 {
                        let row = client.query_one("SELECT $1::int4 + 1", &[&number]).await.unwrap();
                        assert_eq!(row.get::<_, i32>(0), number + 1, "{text} dropped after {times} polls");
                    }
                    let row = client.query_one("SELECT name FROM person WHERE email = 'e'", &[]).await.unwrap();
                    assert_eq!(row.get::<_, String>(0), name);
                    let statement = client.prepare(text).await.unwrap();
                    let types = |types: Vec<&tokio_postgres::types::Type>| {
                        types.iter().map(|ty| ty.name().to_owned()).collect::<Vec<_>>().join(" ")
                    };
                    let columns = statement.columns().iter().map(|column| column.type_()).collect();
                    (types(statement.params().iter().collect()), types(columns))
                };
                let told = tokio::time::timeout(Duration::from_secs(60), after).await.expect("it answers");
                let told = (told.0.as_str(), told.1.as_str());
                let expected = match text {
                    _ if text == TEXTS[0] => ("mood mark grade", "mood int4 mark _mark"),
                    _ if text == TEXTS[1] => ("text mood", "text mood"),
                    _ => ("text text", "text mood"),
                };
                assert_eq!(told, expected, "{text}");
                if in_block {
                    client.batch_execute("ROLLBACK").await.unwrap();
                }
                if done {
                    break;
                }
                times += 1;
            }
            assert!(times > 2, "{text} was never dropped in the middle");
            println!("dropped after 0 to {} polls, in a block: {in_block}: {text}", times - 1);
        }
    }
}
