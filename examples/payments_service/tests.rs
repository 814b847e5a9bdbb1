//! Real HTTP against a service on a real PostgreSQL.

use std::sync::{Arc, Mutex};

use pgseal::testing::leaks;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::answer::Failure;
use super::*;

/// Everything that the administrator reads in the tables.
const TABLES: &str = "SELECT c::text FROM payment_card c UNION ALL SELECT p::text FROM payment p";

/// A service on a port of its own, over a database of its own.
struct Running {
    source: Source,
    url: String,
    lines: Arc<Mutex<Vec<String>>>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Running {
    async fn start() -> Self {
        let source = Source::throw_away().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = {
            let lines = Arc::clone(&lines);
            Box::new(move |line: &str| lines.lock().unwrap().push(line.to_owned()))
        };
        let service = Service { pool: source.pool.clone(), sealer: source.sealer.clone(), log };
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve(listener, service, async { drop(stopped.await) }));
        Self { source, url, lines, stop, server }
    }

    async fn get(&self, path: &str) -> Answer {
        call(self.url.clone() + path, "GET", None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        call(self.url.clone() + path, "POST", Some(body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        call(self.url.clone() + path, "PATCH", Some(body)).await
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// As the server's administrator: straight at the database, without keys.
    async fn at_server(&self, sql: &str) -> String {
        self.source.throw_away.as_ref().unwrap().at_server(sql).await.unwrap()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap().unwrap();
    }
}

struct Answer {
    status: u16,
    retry_after: Option<String>,
    location: Option<String>,
    body: Value,
}

async fn call(url: String, method: &'static str, body: Option<Value>) -> Answer {
    spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = match (method, body) {
            ("GET", _) => agent.get(url).call(),
            ("PATCH", Some(body)) => agent.patch(url).send_json(body),
            (_, body) => agent.post(url).send_json(body),
        }
        .unwrap();
        let header = |name| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        let (retry_after, location) = (header("retry-after"), header("location"));
        let text = response.body_mut().read_to_string().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status: response.status().as_u16(), retry_after, location, body }
    })
    .await
    .unwrap()
}

fn ada() -> Value {
    json!({"customer_id": 1, "pan": "4000000000000002", "iban": "XX00 TEST 0001", "holder": "Ada Specimen",
           "credit_limit": "250.00"})
}

fn bob() -> Value {
    json!({"customer_id": 2, "pan": "4000000000000010", "iban": null, "holder": "Bob Placeholder",
           "credit_limit": "1000.00"})
}

#[tokio::test]
async fn a_card_is_created_found_read_and_changed_and_the_server_sees_none_of_it() {
    let service = Running::start().await;
    let created = service.post("/cards", ada()).await;
    assert_eq!(created.status, 201);
    let id = created.body["id"].as_i64().unwrap();
    assert_eq!(created.location, Some(format!("/cards/{id}")));
    let mut card = ada();
    (card["id"], card["status"]) = (id.into(), "active".into());
    assert_eq!(created.body, card);
    assert_eq!(service.post("/cards", bob()).await.status, 201);

    let found = service.post("/cards/search", json!({"pan": "4000000000000002"})).await;
    assert_eq!((found.status, found.body), (200, json!([card])));
    let none = service.post("/cards/search", json!({"pan": "4000000000000003"})).await;
    assert_eq!((none.status, none.body), (200, json!([])));

    let changed =
        service.patch(&format!("/cards/{id}"), json!({"credit_limit": "300.5", "holder": "Ada Sample"})).await;
    (card["credit_limit"], card["holder"]) = ("300.50".into(), "Ada Sample".into());
    assert_eq!((changed.status, &changed.body), (200, &card));
    let read = service.get(&format!("/cards/{id}")).await;
    assert_eq!((read.status, read.body), (200, card));

    let secrets =
        ["4000000000000002", "4000000000000010", "XX00 TEST 0001", "Ada Specimen", "Ada Sample", "Bob Placeholder"];
    let needles = leaks::needles(&secrets);
    let dump = service.at_server(TABLES).await;
    assert!(dump.contains("active"), "the administrator sees what is not sealed");
    assert!(leaks::search(dump.as_bytes(), &needles).is_empty());
    assert_eq!(service.lines(), [""; 0]);
    service.end().await;
}

#[tokio::test]
async fn a_payment_carries_json_and_is_found_by_its_reference() {
    let service = Running::start().await;
    let card = service.post("/cards", ada()).await.body["id"].as_i64().unwrap();
    let details = json!({"shop": "Example Books", "items": [{"title": "Nothing in Particular", "price": 12}]});
    let payment = json!({"amount": "12.00", "reference": "invoice-77", "details": details});
    let created = service.post(&format!("/cards/{card}/payments"), payment).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.body["details"], details);
    assert!(created.body["paid_at"].as_str().unwrap().starts_with("20"));
    let found = service.post("/payments/search", json!({"reference": "invoice-77"})).await;
    assert_eq!(found.body, json!([created.body]));
    let needles = leaks::needles(&["invoice-77", "Example Books", "Nothing in Particular"]);
    assert!(leaks::search(service.at_server(TABLES).await.as_bytes(), &needles).is_empty());

    let nowhere = service.post("/cards/999/payments", json!({"amount": "1.00"})).await;
    assert_eq!(nowhere.status, 404, "a foreign key that refers to nothing");
    service.end().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_said_without_its_value() {
    let service = Running::start().await;
    assert_eq!(service.post("/cards", ada()).await.status, 201);
    let mut twin = bob();
    twin["pan"] = ada()["pan"].clone();
    assert_eq!(service.post("/cards", twin).await.status, 409, "the same pan again: UNIQUE works on tags");

    let (mut long, mut large, mut float, mut more) = (bob(), bob(), bob(), bob());
    long["holder"] = "Bob Placeholder ".repeat(10).into();
    large["credit_limit"] = "12345678901234.00".into();
    float["credit_limit"] = 0.1.into();
    more["cvc"] = "731999".into();
    for (body, status) in [(long, 422), (large, 422), (float, 422), (more, 422)] {
        let answer = service.post("/cards", body).await;
        assert_eq!(answer.status, status);
        let text = answer.body["error"].as_str().unwrap();
        for value in ["Placeholder", "4000", "731999", "12345"] {
            assert!(!text.contains(value), "{text}");
        }
    }
    assert_eq!(service.patch("/cards/999", json!({"status": "closed"})).await.status, 404);
    for path in ["/cards/999", "/cards/seven", "/elsewhere"] {
        assert_eq!(service.get(path).await.status, 404, "{path}");
    }
    assert_eq!(service.get("/health").await.status, 200);
    service.end().await;
}

#[tokio::test]
async fn a_row_that_the_administrator_changed_is_no_answer_but_an_alert_without_values() {
    let service = Running::start().await;
    let id = service.post("/cards", ada()).await.body["id"].as_i64().unwrap();
    let path = format!("/cards/{id}");
    service.at_server("UPDATE payment_card SET customer_id = 666").await;
    for answer in [
        service.get(&path).await,
        service.patch(&path, json!({"credit_limit": "9.00"})).await,
        service.post("/cards/search", json!({"pan": "4000000000000002"})).await,
    ] {
        assert_eq!(answer.status, 500);
        assert_eq!(answer.body, json!({"error": "this record cannot be trusted"}));
    }
    let lines = service.lines();
    assert_eq!(lines.len(), 3);
    for line in &lines {
        assert!(line.starts_with("ALERT: ") && line.contains("XX001"), "{line}");
        assert!(leaks::search(line.as_bytes(), &leaks::needles(&["4000000000000002", "Ada Specimen"])).is_empty());
    }
    service.end().await;
}

#[tokio::test]
async fn shutdown_drains_a_request_in_flight() {
    let service = Running::start().await;
    let id = service.post("/cards", ada()).await.body["id"].as_i64().unwrap();
    // The request waits for a lock that is held here.
    let mut holder = service.source.pool.get().await.unwrap();
    let lock = holder.transaction().await.unwrap();
    lock.execute("SELECT 1 FROM payment_card FOR UPDATE", &[]).await.unwrap();
    let url = format!("{}/cards/{id}", service.url);
    let in_flight = tokio::spawn(call(url.clone(), "PATCH", Some(json!({"status": "closed"}))));
    let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while service.at_server(waiting).await.is_empty() {
        tokio::task::yield_now().await;
    }

    service.stop.send(()).unwrap();
    // Once it takes no more connections, the request is still there and ends well.
    while tokio::net::TcpStream::connect(service.url.trim_start_matches("http://")).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!in_flight.is_finished() && !service.server.is_finished());
    lock.commit().await.unwrap();
    let answer = in_flight.await.unwrap();
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("closed")));
    service.server.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_free_connection_the_caller_is_told_to_come_back() {
    let service = Running::start().await;
    service.source.pool.close();
    let answer = service.get("/cards/1").await;
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("5")));
    assert_eq!(service.lines().len(), 1);
    service.end().await;
}

#[test]
fn every_kind_has_its_status() {
    use axum::response::IntoResponse;
    use pgseal::{exec, keys, seal};

    let missing = keys::Error::Missing { id: "cards".into() };
    let answer = Failure::from(client::Error::from(exec::Error::from(seal::Error::from(missing)))).into_response();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers().get("retry-after").unwrap(), "10");
}
