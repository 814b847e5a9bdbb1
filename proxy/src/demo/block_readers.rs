//! 2. One query, two readers: the application through the proxy, the administrator straight at the server.

use tokio_postgres::Client;

use super::ask::{first, rows};
use super::sample::Card;
use super::stage::Stage;
use super::{Error, print};

pub(super) async fn show(stage: &Stage, cards: &[Card]) -> Result<(), Error> {
    print::title("2. One query, two readers");
    let card = cards.get(118).ok_or_else(|| Error::new("the sample", "too few cards"))?;
    let sql = format!("SELECT holder, iban FROM payment_card WHERE pan = '{}'", card.pan);
    print::code(&sql);
    let before = stage.link.mark();
    let seen = rows(&stage.client().await?, &sql).await?;
    let sent = stage.link.since(before);
    let wanted = [[Some(card.holder.clone()), Some(card.iban.clone())]];
    if seen != wanted {
        return Err(Error::expected(&sql, "the one row that was written", format!("{} rows", seen.len())));
    }
    print::fact("the application", &format!("1 row: {}, {}", card.holder, card.iban));
    let direct = stage.server.direct().await?;
    let tag = administrator(stage, &direct, &sql, card).await?;
    print::gap();
    let explained = Explained::read(&stage.explain(&sql)?)?;
    // All but the tag, which a statement as text carries where `$1` stands.
    if !explained.physical.split("$1").all(|part| contains(&sent, part.as_bytes())) {
        return Err(Error::expected("pgseal explain", "the statement that was sent", &explained.physical));
    }
    print::fact("what the proxy sent; $1 is the tag", &explained.physical);
    plan(&direct, &explained.physical, &tag).await?;
    for note in &explained.reveals {
        print::fact("what the server learnt", note);
    }
    Ok(())
}

/// Returns the search tag of the card, which the administrator may well know.
async fn administrator(stage: &Stage, direct: &Client, sql: &str, card: &Card) -> Result<String, Error> {
    if stage.server.files().is_some() {
        // The administrator's own statement names the value: the next block is to find what pgseal let out, not this.
        let quiet = direct.batch_execute("SET log_statement = 'none'").await;
        quiet.map_err(|error| Error::sql("SET log_statement", &error))?;
    }
    let found = rows(direct, sql).await?.len();
    if found != 0 {
        return Err(Error::expected(sql, "0 rows at the server", format!("{found} rows")));
    }
    print::fact("the administrator, at the server", "0 rows for the plaintext");
    let by_id = format!("SELECT holder, pgseal_eq_pan FROM payment_card WHERE id = {}", card.id);
    let row = first(direct, &by_id).await?;
    let [Some(holder), Some(tag)] = row.as_slice() else {
        return Err(Error::expected(&by_id, "a cell and a tag", "NULL"));
    };
    if !holder.starts_with("\\x") {
        return Err(Error::expected(&by_id, "hex", "something else"));
    }
    print::short("  the same row by its id: holder", holder);
    print::fact("  … and the search tag of pan", tag);
    Ok(tag.clone())
}

/// How the server finds the row: the physical statement with the tag, straight at the server.
async fn plan(direct: &Client, physical: &str, tag: &str) -> Result<(), Error> {
    let prepared = direct.batch_execute(&format!("ANALYZE payment_card; PREPARE seen AS {physical}")).await;
    prepared.map_err(|error| Error::sql("preparing the physical statement", &error))?;
    let sql = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) EXECUTE seen('{tag}')");
    let lines: Vec<String> = rows(direct, &sql).await?.into_iter().flatten().flatten().collect();
    let index = lines.first().is_some_and(|line| line.contains("Index Scan using payment_card_pan_key"));
    if !index {
        return Err(Error::expected("EXPLAIN", "the UNIQUE index on the tag", lines.join("; ")));
    }
    for line in lines.iter().filter(|line| line.contains("Index")) {
        print::fact("how the server finds the row", line.trim());
    }
    Ok(())
}

/// What `pgseal explain` says.
struct Explained {
    physical: String,
    reveals: Vec<String>,
}

impl Explained {
    fn read(text: &str) -> Result<Self, Error> {
        let lines = |name: &str| -> Vec<String> {
            text.lines().filter_map(|line| Some(line.strip_prefix(name)?.trim().to_owned())).collect()
        };
        let (physical, reveals) = (lines("physical: "), lines("reveals: "));
        match physical.as_slice() {
            [physical] if !reveals.is_empty() => Ok(Self { physical: physical.clone(), reveals }),
            _ => Err(Error::expected("pgseal explain", "one physical statement and what it reveals", text)),
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window == needle)
}
