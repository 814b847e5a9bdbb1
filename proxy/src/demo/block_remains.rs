//! 9. What the server still sees. Measured at the server, as its administrator could.

use tokio_postgres::Client;

use super::sample::CARDS;
use super::stage::Stage;
use super::{Error, print};

pub(super) async fn show(stage: &Stage) -> Result<(), Error> {
    print::title("9. What the server still sees");
    let direct = stage.server.direct().await?;
    let rows = number(&direct, "SELECT count(*) FROM payment_card").await?;
    if rows != CARDS {
        return Err(Error::expected("rows at the server", &print::thousands(CARDS), rows));
    }
    print::fact("how many rows there are", &print::thousands(rows));
    for column in columns(&direct).await? {
        match column.kind {
            Kind::Tag => {
                let name = &column.name;
                let distinct = number(&direct, &format!("SELECT count(DISTINCT \"{name}\") FROM payment_card")).await?;
                print::fact(name, &format!("which rows are equal: {} different tags", print::thousands(distinct)));
            }
            Kind::Cell => {
                let name = &column.name;
                let length =
                    |which: &str| format!("SELECT {which}(octet_length(\"{name}\"::bytea))::bigint FROM payment_card");
                let (least, most) = (number(&direct, &length("min")).await?, number(&direct, &length("max")).await?);
                let seen = match least == most {
                    true => format!("that there is a value; all are {least} bytes long"),
                    false => format!("that there is a value, and about how long: {least} to {most} bytes"),
                };
                print::fact(name, &seen);
            }
            Kind::Signature => {
                print::fact(&column.name, "under which key the row was signed, and that it was written anew")
            }
            Kind::Plain => print::fact(&column.name, "everything: this column is not sealed"),
        }
    }
    print::text("And: table and column names, NULLs, who asks when and how often, which rows an answer holds.");
    print::text(
        "Whoever administers the server can put back a whole old row, leave rows out, or make UNIQUE fail: not detected \
         (SECURITY.md).",
    );
    Ok(())
}

enum Kind {
    Plain,
    Cell,
    Tag,
    Signature,
}

struct Column {
    name: String,
    kind: Kind,
}

async fn columns(direct: &Client) -> Result<Vec<Column>, Error> {
    let sql = "SELECT a.attname::text, n.nspname = 'pgseal' FROM pg_attribute a \
               JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace n ON n.oid = t.typnamespace \
               WHERE a.attrelid = 'public.payment_card'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let rows = direct.query(sql, &[]).await.map_err(|error| Error::sql("reading the catalog", &error))?;
    let column = |row: &tokio_postgres::Row| {
        let (name, sealed): (String, bool) = (row.get(0), row.get(1));
        let kind = match name.as_str() {
            "pgseal_signature" => Kind::Signature,
            tag if tag.starts_with("pgseal_eq_") => Kind::Tag,
            _ if sealed => Kind::Cell,
            _ => Kind::Plain,
        };
        Column { name, kind }
    };
    Ok(rows.iter().map(column).collect())
}

async fn number(direct: &Client, sql: &str) -> Result<usize, Error> {
    let row = direct.query_one(sql, &[]).await.map_err(|error| Error::sql(sql, &error))?;
    let number: Option<i64> = row.get(0);
    Ok(usize::try_from(number.unwrap_or_default()).unwrap_or_default())
}
