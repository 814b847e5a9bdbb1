//! The HTTP face, by hand: what is not signed, what is signed wrong, what is not HTTP, and two services on one store.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pgseal::kms::secret::Material;
use pgseal::kms::sigv4::{Signed, authorization};
use serde_json::{Value, json};

use super::House;

/// Names and values.
type Headers = Vec<(String, String)>;

/// An access key of the root of the account.
struct Key {
    id: String,
    secret: Material,
}

impl Key {
    fn new(house: &House) -> Self {
        let root = "arn:aws:iam::111122223333:root";
        let made: Value =
            serde_json::from_str(&house.text(&["caller", "add", "root", "--arn", root, "--output", "json"])).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { id: text("AccessKeyId"), secret: Material::new(text("SecretAccessKey").into_bytes().into()) }
    }
}

/// `X-Amz-Date`, that many seconds from now.
fn time(from_now: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + from_now;
    let (days, of_day) = (now.div_euclid(86_400), now.rem_euclid(86_400));
    // Days to a date in the proleptic Gregorian calendar, counted from a first of March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (date, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{date:02}T{hour:02}{minute:02}{second:02}Z")
}

fn headers(action: &str, time: &str) -> Headers {
    [
        ("host", "localhost"),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-date", time),
        ("x-amz-target", &format!("TrentService.{action}")),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Sends bytes, and reads what comes until the end.
fn raw(url: &str, request: &[u8]) -> (u16, Value) {
    let mut socket = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // A service that refuses early closes early.
    let _ = socket.write_all(request);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    let text = String::from_utf8(answer).unwrap();
    let status = text.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn send(url: &str, method: &str, headers: &[(String, String)], body: &[u8]) -> (u16, Value) {
    let mut request = format!("{method} / HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| request += &format!("{name}: {value}\r\n"));
    raw(url, &[request.as_bytes(), b"\r\n", body].concat())
}

/// A request signed at a time; `change` alters it afterwards.
fn signed(
    url: &str,
    key: &Key,
    action: &str,
    body: &Value,
    time: &str,
    change: impl FnOnce(&mut Headers, &mut Vec<u8>),
) -> (u16, Value) {
    let (mut headers, mut body) = (headers(action, time), body.to_string().into_bytes());
    let request = Signed { method: "POST", path: "/", query: "", headers: &headers, body: &body };
    let value = authorization(&request, &key.id, &key.secret, "us-east-1", time).unwrap();
    headers.push(("authorization".into(), value));
    change(&mut headers, &mut body);
    send(url, "POST", &headers, &body)
}

fn ask(url: &str, key: &Key, action: &str, body: &Value) -> Value {
    let (status, answer) = signed(url, key, action, body, &time(0), |_, _| {});
    assert_eq!(status, 200, "{action}: {answer}");
    answer
}

fn is(answer: (u16, Value), code: &str) {
    assert_eq!((answer.0, &answer.1["__type"]), (400, &json!(code)), "{}", answer.1);
}

#[test]
fn what_is_signed_is_answered_and_nothing_else_is() {
    let house = House::new("wire");
    let key = Key::new(&house);
    let served = house.serve();
    let (url, body) = (served.url.as_str(), json!({ "NumberOfBytes": 8 }));
    assert!(ask(url, &key, "GenerateRandom", &body)["Plaintext"].is_string());

    let now = time(0);
    is(send(url, "POST", &headers("GenerateRandom", &now), b"{}"), "MissingAuthenticationTokenException");
    is(send(url, "GET", &headers("GenerateRandom", &now), b""), "UnknownOperationException");
    is(send(url, "POST", &headers("../x", &now), b"{}"), "UnknownOperationException");
    let call = |time: &str, change: &dyn Fn(&mut Headers, &mut Vec<u8>)| {
        signed(url, &key, "GenerateRandom", &body, time, change)
    };
    is(call(&now, &|_, body| body.push(b' ')), "InvalidSignatureException");
    is(call(&now, &|headers, _| headers[3].1 = "TrentService.ListKeys".into()), "InvalidSignatureException");
    is(call(&time(-301), &|_, _| {}), "InvalidSignatureException");
    is(call(&time(330), &|_, _| {}), "InvalidSignatureException");
    is(
        call(&now, &|headers, _| headers.push(("x-amz-security-token".into(), "x".into()))),
        "UnrecognizedClientException",
    );
    is(call(&now, &|headers, _| headers.push(("x-amz-target".into(), "x".into()))), "IncompleteSignatureException");
    is(call(&now, &|headers, _| headers[4].1 = "AWS4-HMAC-SHA256 Credential=x".into()), "IncompleteSignatureException");
    is(signed(url, &key, "Nonsense", &json!({}), &now, |_, _| {}), "UnknownOperationException");
    is(signed(url, &key, "Encrypt", &json!([]), &now, |_, _| {}), "SerializationException");
    let other = Key { id: "AKIAXXXXXXXXXXXXXXXX".into(), secret: key.secret.clone() };
    is(signed(url, &other, "GenerateRandom", &body, &now, |_, _| {}), "UnrecognizedClientException");
}

#[test]
fn what_is_too_long_or_no_http_is_refused_and_the_service_goes_on() {
    let house = House::new("hostile");
    let key = Key::new(&house);
    let served = house.serve();
    let url = served.url.as_str();
    let (status, _) = raw(url, b"nonsense\r\n\r\n");
    assert!(status == 400 || status == 0);
    is(send(url, "POST", &headers("Encrypt", &time(0)), &vec![b' '; 300 * 1024]), "SerializationException");
    let head = format!("POST / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(128 * 1024));
    let (status, _) = raw(url, head.as_bytes());
    assert!(status >= 400 || status == 0);
    ask(url, &key, "ListKeys", &json!({}));
}

#[test]
fn of_two_services_on_one_store_one_may_be_killed() {
    let house = House::new("two");
    let key = Key::new(&house);
    let (one, mut two) = (house.serve(), house.serve());
    let made = ask(&two.url, &key, "CreateKey", &json!({}));
    let id = &made["KeyMetadata"]["KeyId"];
    let sealed = ask(&two.url, &key, "Encrypt", &json!({ "KeyId": id, "Plaintext": "eA==" }));
    two.child.kill().unwrap();
    let opened = ask(&one.url, &key, "Decrypt", &json!({ "CiphertextBlob": sealed["CiphertextBlob"] }));
    assert_eq!(opened["Plaintext"], "eA==");
    ask(&one.url, &key, "DisableKey", &json!({ "KeyId": id }));
    assert!(house.text(&["audit", "verify"]).starts_with("the log holds"));
}
