//! Files into a table of a real PostgreSQL.

use pgseal::client::Client;
use pgseal::testing::leaks;

use super::batch::{Report, Stopped};
use super::*;

const HEAD: &str = "customer_id,pan,iban,holder,credit_limit\n";

async fn seal(source: &Source, csv: &str, batches: &Batches) -> (Result<Report, Stopped>, Vec<BadRow>) {
    let mut bad = Vec::new();
    let mut client = source.sealer.client(&source.pool).await.unwrap();
    let report = batches.seal(&mut client, csv.as_bytes(), |_| {}, &mut |row| bad.push(row.clone())).await;
    (report, bad)
}

async fn pans(client: &Client) -> Vec<String> {
    let rows = client.query("SELECT pan FROM payment_card ORDER BY id", &[]).await.unwrap();
    rows.iter().map(|row| row.try_get("pan").unwrap()).collect()
}

#[tokio::test]
async fn the_sample_arrives_is_found_and_shows_the_server_nothing() {
    let source = Source::throw_away().await.unwrap();
    let sample = std::fs::read_to_string(SAMPLE).unwrap();
    // 100 rows do not divide into batches of 30: the last one is short.
    let (report, bad) = seal(&source, &sample, &Batches { rows: 30, skip_bad: false }).await;
    assert_eq!((report.unwrap(), bad), (Report { sealed: 100, left_out: 0 }, vec![]));

    let client = source.sealer.client(&source.pool).await.unwrap();
    let card = "SELECT holder, iban, credit_limit FROM payment_card WHERE pan = $1";
    let row = client.query_one(card, &[&"4000000000000013"]).await.unwrap();
    assert_eq!(row.try_get::<_, &str>("holder").unwrap(), "Specimen, Olivia \"the Nth\"");
    assert_eq!(row.try_get::<_, amount::Amount>("credit_limit").unwrap().to_string(), "1000.25");
    let row = client.query_one(card, &[&"4000000000000007"]).await.unwrap();
    assert_eq!(row.try_get::<_, Option<&str>>("iban").unwrap(), None, "an empty field is NULL");

    let server = source.throw_away.as_ref().unwrap();
    let dump = server.at_server("SELECT c::text FROM payment_card c").await.unwrap();
    assert_eq!(dump.lines().count(), 100);
    let needles = leaks::needles(&["4000000000000013", "XX00TEST", "Specimen", "Mustermann"]);
    assert!(leaks::search(dump.as_bytes(), &needles).is_empty());
}

#[tokio::test]
async fn a_bad_row_stops_the_run_by_its_line_and_takes_its_transaction_with_it() {
    let source = Source::throw_away().await.unwrap();
    let csv = format!(
        "{HEAD}1,4000000000000001,,\"Ada\nSpecimen\",1.00\n2,4000000000000002,,Bob,2.00\n3,4000000000000003,,Carol,3.00\n\
         4,4000000000000001,,Dan,4.00\n5,4000000000000005,,Eve,5.00\n"
    );
    let (report, _) = seal(&source, &csv, &Batches { rows: 2, skip_bad: false }).await;
    let Err(Stopped::Bad { bad, sealed }) = report else { panic!("it went on") };
    assert_eq!(bad, BadRow { line: 6, reason: "23505 payment_card_pan_key".into() });
    assert_eq!(sealed, 2);
    let client = source.sealer.client(&source.pool).await.unwrap();
    assert_eq!(pans(&client).await, ["4000000000000001", "4000000000000002"]);
}

#[tokio::test]
async fn skip_bad_leaves_out_what_is_bad_and_names_each_line_without_its_values() {
    let source = Source::throw_away().await.unwrap();
    let csv = format!(
        "{HEAD}1,4000000000000001,,Ada,1.00\nmany,4000000000000002,,Bob,2.00\n3,4000000000000003,,Carol,much\n\
         4,4000000000000004,,Dan,4.00,5.00\n5,4000000000000005,,{},5.00\n6,4000000000000006,,Faythe,99999999999.00\n\
         7,4000000000000001,,Grace,7.00\n8,4000000000000008,,Heidi,8.00\n",
        "Eve ".repeat(40)
    );
    let (report, bad) = seal(&source, &csv, &Batches { rows: 3, skip_bad: true }).await;
    assert_eq!(report.unwrap(), Report { sealed: 2, left_out: 6 });
    let mut lines: Vec<u64> = bad.iter().map(|row| row.line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8]);
    for row in bad {
        let text = row.to_string();
        for value in ["4000", "many", "much", "Eve", "99999"] {
            assert!(!text.contains(value), "{text}");
        }
    }
    let client = source.sealer.client(&source.pool).await.unwrap();
    assert_eq!(pans(&client).await, ["4000000000000001", "4000000000000008"]);
}

#[test]
fn options_are_read_or_refused() {
    let read = |arguments: &[&str]| options(arguments.iter().map(|argument| (*argument).to_owned()));
    let given = read(&["--skip-bad", "--batch", "7", "cards.csv"]).unwrap();
    assert!(given.batches.skip_bad && given.batches.rows == 7 && given.file.as_os_str() == "cards.csv");
    for wrong in [&["--batch"][..], &["--batch", "0"], &["--quiet"]] {
        assert!(read(wrong).is_err());
    }
}
