//! 3. Every protected value, in every form that it could take, searched wherever the server keeps or hears anything.

use std::path::Path;
use std::time::Instant;

use pgseal::testing::leaks::{SHORTEST, needles, plain, search};

use super::sample::{CONTROL, Card};
use super::stage::{Stage, seconds};
use super::{Error, print};

pub(super) async fn show(stage: &Stage, cards: &[Card]) -> Result<(), Error> {
    print::title("3. Leaks: is a protected value anywhere at the server?");
    let direct = stage.server.direct().await?;
    // So that the files hold what the buffers hold.
    let flushed = direct.batch_execute("ANALYZE; CHECKPOINT").await;
    flushed.map_err(|error| Error::sql("CHECKPOINT", &error))?;
    let mut values: Vec<String> = cards.iter().flat_map(Card::sealed).collect();
    values.sort_unstable();
    values.dedup();
    let needles = needles(&values);
    print::text(&format!(
        "{} protected values of at least {SHORTEST} characters, {} encoded forms (hex, base64, URL, UTF-16, escapes …); \
         control: an unprotected column of the same rows.",
        print::thousands(values.len()),
        print::thousands(needles.len())
    ));
    println!("  {:<28} {:>12} {:>10} {:>18}", "place", "bytes", "control", "protected values");
    let mut total = 0;
    for (place, bytes) in places(stage, &direct).await? {
        let begun = Instant::now();
        let control = if search(&bytes, &plain(CONTROL)).is_empty() { "not found" } else { "found" };
        let found = search(&bytes, &needles).len();
        total += found;
        let size = print::thousands(bytes.len());
        println!("  {place:<28} {size:>12} {control:>10} {found:>18}   in {}", seconds(begun.elapsed()));
        if control == "not found" {
            return Err(Error::new(place, "the control value is not there: the search proves nothing"));
        }
    }
    match total {
        0 => Ok(()),
        _ => Err(Error::new("the leak search", format!("{total} protected values found"))),
    }
}

async fn places(stage: &Stage, direct: &tokio_postgres::Client) -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
    let mut places = vec![("server link, both ways", stage.link.since(0))];
    let Some(postgres) = stage.server.files() else {
        print::text(
            "Log, WAL and files of a server that is not the demo's own cannot be read: only its link is searched.",
        );
        return Ok(places);
    };
    let oid: String = direct
        .query_one("SELECT oid::text FROM pg_database WHERE datname = current_database()", &[])
        .await
        .map_err(|error| Error::sql("SELECT oid", &error))?
        .get(0);
    let data = postgres.data();
    places.push(("server log (all statements)", read(&postgres.log_file())?));
    places.push(("write-ahead log", read_all(&data.join("pg_wal"))?));
    places.push(("heap, indexes, statistics", read_all(&data.join("base").join(oid))?));
    Ok(places)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::new(path.display().to_string(), error))
}

fn read_all(dir: &Path) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| Error::new(dir.display().to_string(), error))?.flatten() {
        if entry.path().is_file() {
            all.extend(read(&entry.path())?);
        }
    }
    Ok(all)
}
