//! A cancel token that hits a statement of several steps, or the end of its transaction.

use tokio_postgres::NoTls;

use super::{Service, until_blocked};

/// What the statement waits for when it is cancelled.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Its first step: somebody else holds the row.
    Lock,
    /// Its last step: somebody else has written the same search tag.
    Write,
    /// The commit: somebody else holds the row that a deferred foreign key points at.
    Commit,
}

#[tokio::test]
async fn a_cancel_token_that_hits_any_step_of_an_update_or_its_commit_changes_nothing_and_leaves_no_block() {
    let service = Service::sized("token", 2).await;
    service.world.at_server(
        "CREATE TABLE ward (name text PRIMARY KEY);
         INSERT INTO ward VALUES ('old'), ('new');
         ALTER TABLE account ADD CONSTRAINT in_ward FOREIGN KEY (label) REFERENCES ward DEFERRABLE INITIALLY DEFERRED",
    );
    let (old, new) = (service.secret(), service.secret());
    let insert = "INSERT INTO account (id, label, iban, holder) VALUES ($1, 'old', $2, $3)";
    service.client().await.execute(insert, &[&1_i64, &"i", &old]).await.unwrap();
    for step in [Step::Lock, Step::Write, Step::Commit] {
        for in_block in [false, true] {
            let (mut client, mut other) = (service.client().await, service.client().await);
            let holder = other.transaction().await.unwrap();
            match step {
                Step::Lock => holder.execute("UPDATE account SET holder = 'held' WHERE id = 1", &[]).await,
                Step::Write => holder.execute(insert, &[&2_i64, &"j", &"held"]).await,
                Step::Commit => holder.execute("SELECT FROM ward WHERE name = 'new' FOR UPDATE", &[]).await,
            }
            .unwrap();

            let cancel = client.cancel_token();
            let update = "UPDATE account SET label = 'new', iban = 'j', holder = $1 WHERE id = 1";
            let work = async {
                if !in_block {
                    return client.execute(update, &[&new]).await.map(drop);
                }
                let transaction = client.transaction().await?;
                transaction.execute(update, &[&new]).await?;
                transaction.commit().await
            };
            let (answer, ()) = tokio::join!(work, async {
                until_blocked(&service).await;
                cancel.cancel_query(NoTls).await.unwrap();
            });
            assert_eq!(answer.unwrap_err().code(), Some("57014"), "{step:?}, in a block: {in_block}");
            holder.rollback().await.unwrap();

            // The client goes on, outside a block: what it writes now is there for others.
            let select = "SELECT label, iban, holder FROM account WHERE id = 1";
            let row = client.query_one(select, &[]).await.unwrap();
            assert_eq!((row.get("label"), row.get("iban"), row.get("holder")), ("old", "i", old.as_str()), "{step:?}");
            assert_eq!(client.execute("UPDATE account SET holder = $1", &[&new]).await.unwrap(), 1);
            assert_eq!(other.query_one(select, &[]).await.unwrap().get::<_, String>("holder"), new);
            assert_eq!(client.execute("UPDATE account SET holder = $1", &[&old]).await.unwrap(), 1);
            drop((client, other));
            let open =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
            assert_eq!(service.world.at_server(open).trim(), "0", "{step:?}, in a block: {in_block}");
        }
    }
}

#[tokio::test]
async fn a_cancel_token_that_hits_an_insert_of_two_steps_writes_nothing() {
    let service = Service::sized("tokenins", 2).await;
    let secret = service.secret();
    let (client, mut other) = (service.client().await, service.client().await);
    let insert = "INSERT INTO account (iban, holder) VALUES ('j', $1)";
    let holder = other.transaction().await.unwrap();
    holder.execute(insert, &[&"held"]).await.unwrap();
    let cancel = client.cancel_token();
    let (answer, ()) = tokio::join!(async { client.execute(insert, &[&secret]).await }, async {
        until_blocked(&service).await;
        cancel.cancel_query(NoTls).await.unwrap();
    });
    assert_eq!(answer.unwrap_err().code(), Some("57014"));
    holder.rollback().await.unwrap();
    assert!(client.query("SELECT holder FROM account", &[]).await.unwrap().is_empty());
    assert_eq!(client.execute(insert, &[&secret]).await.unwrap(), 1);
    let row = other.query_one("SELECT holder FROM account", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), secret);
}
