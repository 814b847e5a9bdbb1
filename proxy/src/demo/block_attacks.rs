//! 5. The administrator rewrites stored rows, and what the application is told when it meets them.

use tokio_postgres::Client;

use super::ask::{Outcome, first, outcome, rows};
use super::sample::{CARDS, Card};
use super::stage::Stage;
use super::{Error, print};

/// data_corrupted: the proxy does not give out a row that does not verify.
const CORRUPTED: &str = "XX001";
/// check_violation: the server itself takes nothing that is not sealed.
const NOT_SEALED: &str = "23514";

/// The cards that are attacked, by their place in the sample.
const VICTIM: usize = 200;
const OTHER: usize = 201;

pub(super) async fn show(stage: &Stage, cards: &[Card]) -> Result<(), Error> {
    print::title("5. The administrator attacks stored rows (table with row_signature)");
    let (Some(victim), Some(other)) = (cards.get(VICTIM), cards.get(OTHER)) else {
        return Err(Error::new("the sample", "too few cards"));
    };
    let scene = Scene { dba: stage.server.direct().await?, application: stage.client().await?, victim, other };
    scene.remember().await?;
    scene.found().await?;
    scene.kept_out().await?;
    scene.not_found().await?;
    let all = rows(&scene.application, "SELECT * FROM payment_card").await?.len();
    if all != CARDS {
        return Err(Error::expected("all rows after the attacks", &print::thousands(CARDS), print::thousands(all)));
    }
    print::text(&format!("Every attack was undone before the next: all {all} rows verify again."));
    Ok(())
}

struct Scene<'a> {
    dba: Client,
    application: Client,
    victim: &'a Card,
    other: &'a Card,
}

impl Scene<'_> {
    async fn found(&self) -> Result<(), Error> {
        let Self { victim: Card { id, customer, .. }, other: Card { id: other, .. }, .. } = self;
        let by_id = format!("SELECT holder FROM payment_card WHERE id = {id}");
        let from = |set: &str| format!("UPDATE payment_card SET {set} WHERE id = {id}");

        self.meet(
            "two cells swapped",
            &format!(
                "UPDATE payment_card c SET holder = o.holder FROM payment_card o \
                 WHERE (c.id, o.id) IN (({id}, {other}), ({other}, {id}))"
            ),
            &by_id,
        )
        .await?;

        let newer = "UPDATE payment_card SET holder = 'Ada Lovelace-King'";
        rows(&self.application, &format!("{newer} WHERE id = {id}")).await?;
        let seen = first(&self.application, &by_id).await?;
        if seen != [Some("Ada Lovelace-King".to_owned())] {
            return Err(Error::expected(newer, "the newer holder", "another one"));
        }
        let old = "holder = (SELECT b.holder FROM before b WHERE b.id = payment_card.id)";
        self.meet("an old cell put back", &from(old), &by_id).await?;

        let tag = format!("pgseal_eq_iban = (SELECT o.pgseal_eq_iban FROM payment_card o WHERE o.id = {other})");
        let by_iban = format!("SELECT holder FROM payment_card WHERE iban = '{}'", self.other.iban);
        self.meet("a search tag overwritten", &from(&tag), &by_iban).await?;

        let count = format!("SELECT id FROM payment_card WHERE customer_id = {}", customer + 100_000);
        self.meet("a signed plain column edited", &from("customer_id = customer_id + 100000"), &count).await
    }

    /// The deed succeeds at the server; whatever the application then asks that meets the row must fail.
    async fn meet(&self, name: &str, deed: &str, asked: &str) -> Result<(), Error> {
        let changed = self.dba.execute(deed, &[]).await.map_err(|error| Error::sql(deed, &error))?;
        if changed == 0 {
            return Err(Error::expected(deed, "a changed row", "none"));
        }
        let said = failure(&self.application, asked, CORRUPTED).await?;
        print::fact(name, &format!("the application gets {CORRUPTED}: {said}"));
        self.undo().await
    }

    async fn kept_out(&self) -> Result<(), Error> {
        let deed = format!("UPDATE payment_card SET holder = 'Mallory' WHERE id = {}", self.victim.id);
        let said = failure(&self.dba, &deed, NOT_SEALED).await?;
        print::fact("plaintext forced in", &format!("the administrator gets {NOT_SEALED}: {said}"));
        Ok(())
    }

    /// What no signature of a single row can show.
    async fn not_found(&self) -> Result<(), Error> {
        let id = self.victim.id;
        let by_id = format!("SELECT credit_limit, holder FROM payment_card WHERE id = {id}");
        let old = first(&self.application, &by_id).await?;
        let newer = format!("UPDATE payment_card SET credit_limit = 0 WHERE id = {id}");
        rows(&self.application, &newer).await?;
        let new = first(&self.application, &by_id).await?;
        self.undo().await?;
        let seen = first(&self.application, &by_id).await?;
        if new == old || seen != old {
            return Err(Error::expected(&by_id, "the old row, which verifies", "another one"));
        }
        let limit = |row: &[Option<String>]| row.first().cloned().flatten().unwrap_or_default();
        print::fact(
            "a whole old row put back",
            &format!(
                "NOT DETECTED. The application set credit_limit to {}, the old row came back, and the application \
                 reads {} without an error.",
                limit(&new),
                limit(&seen)
            ),
        );
        Ok(())
    }

    /// Both rows as they are now, in a table that only this session has.
    async fn remember(&self) -> Result<(), Error> {
        let (victim, other) = (self.victim.id, self.other.id);
        let sql = format!("CREATE TEMP TABLE before AS SELECT * FROM payment_card WHERE id IN ({victim}, {other})");
        self.dba.batch_execute(&sql).await.map_err(|error| Error::sql(sql, &error))
    }

    async fn undo(&self) -> Result<(), Error> {
        let sql = "BEGIN; DELETE FROM payment_card WHERE id IN (SELECT id FROM before); \
                   INSERT INTO payment_card SELECT * FROM before; COMMIT";
        self.dba.batch_execute(sql).await.map_err(|error| Error::sql(sql, &error))
    }
}

/// The message of a statement that must fail with this SQLSTATE.
async fn failure(client: &Client, sql: &str, wanted: &str) -> Result<String, Error> {
    match outcome(client, sql).await? {
        Outcome::Failed { code, message } if code == wanted => Ok(message),
        Outcome::Failed { code, message } => Err(Error::expected(sql, wanted, format!("{code}: {message}"))),
        Outcome::Rows(rows) => Err(Error::expected(sql, wanted, format!("{} rows", rows.len()))),
    }
}
