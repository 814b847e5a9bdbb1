//! A call that is dropped at any await leaves a clean connection, or one that is given up (issue 5, Measures).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::Service;

/// Polls a future so many times and drops it; its output if it was done by then.
pub(super) async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    if times == 0 {
        return None;
    }
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls >= times => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// What is dropped.
#[derive(Clone, Copy, Debug)]
enum Call {
    Select,
    Insert,
    Update,
    UpdateInTransaction,
    Transaction,
    Refused,
}

#[tokio::test]
async fn a_call_dropped_at_any_await_leaves_the_row_whole_and_the_pool_clean() {
    let service = Service::start("ccancel").await;
    let (old, new) = (service.secret(), service.secret());
    {
        let client = service.client().await;
        let insert = "INSERT INTO account (id, label, iban, holder) VALUES (1, $1, 'i', $2)";
        client.execute(insert, &[&"old", &old]).await.unwrap();
    }
    for call in [Call::Select, Call::Insert, Call::Update, Call::UpdateInTransaction, Call::Transaction, Call::Refused]
    {
        let mut times = 0;
        loop {
            let done = drop_after(&service, call, times, &new).await;
            // A connection of the pool, the same or another one, is outside a transaction and reads a whole row.
            let mut client = service.client().await;
            let transaction = client.transaction().await.unwrap();
            let row = transaction.query_one("SELECT label, holder FROM account WHERE id = 1", &[]).await.unwrap();
            let (label, holder): (&str, String) = (row.get(0), row.get(1));
            assert!(
                (label == "old" && holder == old) || (label == "new" && holder == new),
                "{call:?} dropped after {times} polls: {label}"
            );
            transaction.rollback().await.unwrap();
            let reset = "UPDATE account SET label = $1, holder = $2 WHERE id = 1";
            assert_eq!(client.execute(reset, &[&"old", &old]).await.unwrap(), 1);
            client.execute("DELETE FROM account WHERE id > 1", &[]).await.unwrap();
            drop(client);
            let open =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
            // What was given up ends on its own.
            while service.world.at_server(open).trim() != "0" {
                tokio::task::yield_now().await;
            }
            if done {
                break;
            }
            times += 1;
        }
        assert!(times > 0, "{call:?} was never dropped in the middle");
        println!("{call:?}: dropped after 0 to {} polls", times - 1);
    }
}

/// Whether the call was done before it could be dropped.
async fn drop_after(service: &Service, call: Call, times: usize, new: &str) -> bool {
    let mut client = service.client().await;
    let update = "UPDATE account SET label = $1, holder = $2 WHERE iban = $3 RETURNING holder";
    match call {
        Call::Select => {
            let select = "SELECT label, holder FROM account WHERE iban = $1 AND label <> 'never'";
            let done = polled(client.query_one(select, &[&"i"]), times).await;
            done.map(|row| row.unwrap()).is_some()
        }
        Call::Insert => {
            // In two steps: the server says what `opened` is.
            let insert = "INSERT INTO account (id, iban, holder) VALUES (2, $1, $2)";
            let done = polled(client.execute(insert, &[&"j", &new]), times).await;
            done.map(|count| count.unwrap()).is_some()
        }
        Call::Update => {
            let done = polled(client.query_one(update, &[&"new", &new, &"i"]), times).await;
            done.map(|row| row.unwrap()).is_some()
        }
        Call::UpdateInTransaction => {
            let transaction = client.transaction().await.unwrap();
            let done = polled(transaction.query_one(update, &[&"new", &new, &"i"]), times).await;
            match done {
                Some(row) => {
                    row.unwrap();
                    transaction.commit().await.unwrap();
                    true
                }
                // Nothing was sent yet, or it was given up: then it says so.
                None => {
                    if let Err(error) = transaction.query_one("SELECT 1", &[]).await {
                        assert!(error.to_string().contains("cancelled midway"), "{error}");
                        transaction.commit().await.unwrap_err();
                    }
                    false
                }
            }
        }
        Call::Transaction => {
            let whole = async {
                let mut transaction = client.transaction().await?;
                let nested = transaction.transaction().await?;
                nested.execute(update, &[&"new", &new, &"i"]).await?;
                nested.commit().await?;
                transaction.commit().await
            };
            let done = polled(whole, times).await;
            done.map(|result| result.unwrap()).is_some()
        }
        Call::Refused => {
            let whole = async {
                client.batch_execute("BEGIN").await?;
                client.query("SELECT upper(holder) FROM account", &[]).await.unwrap_err();
                client.batch_execute("ROLLBACK").await
            };
            let done = polled(whole, times).await;
            done.map(|result| result.unwrap()).is_some()
        }
    }
}

#[tokio::test]
async fn a_client_dropped_inside_a_transaction_is_not_given_to_the_next() {
    let service = Service::sized("cleft", 1).await;
    service.world.writes_no_secret("it writes into a table that is not sealed");
    let pid = "SELECT pg_catalog.pg_backend_pid()";
    let client = service.client().await;
    let first: i32 = client.query_one(pid, &[]).await.unwrap().get(0);
    drop(client);
    let client = service.client().await;
    assert_eq!(client.query_one(pid, &[]).await.unwrap().get::<_, i32>(0), first, "it was returned");
    client.batch_execute("BEGIN").await.unwrap();
    client.execute("INSERT INTO note VALUES (1, 'x')", &[]).await.unwrap();
    drop(client);
    let client = service.client().await;
    assert_ne!(client.query_one(pid, &[]).await.unwrap().get::<_, i32>(0), first, "it was not");
    assert!(client.query("SELECT * FROM note", &[]).await.unwrap().is_empty());
}
