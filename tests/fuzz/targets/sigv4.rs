//! Signature Version 4: Authorization headers and what they sign.
//!
//! Only the signature over exactly this request, made with the secret, verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgseal::kms::secret::Material;
use pgseal::kms::sigv4::{Authorization, Signed, authorization};
use pgseal_fuzz::{Choices, seeds};

const TIME: &str = "20260101T120000Z";
const NOW: i64 = 1_767_268_800;
const REGION: &str = "us-east-1";

fn secret() -> Material {
    Material::new(b"secret".to_vec().into())
}

fn headers() -> Vec<(String, String)> {
    [("host", "localhost"), ("x-amz-date", TIME), ("x-amz-target", "TrentService.ListKeys")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

fn signed<'a>(headers: &'a [(String, String)], query: &'a str, body: &'a [u8]) -> Signed<'a> {
    Signed { method: "POST", path: "/", query, headers, body }
}

/// The one header that a request without query and body has.
fn genuine() -> String {
    authorization(&signed(&headers(), "", b""), "AKID", &secret(), REGION, TIME).expect("a header")
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut choices = Choices::new(data);
    let (query, body) = (String::from_utf8_lossy(choices.part()).into_owned(), choices.part());
    let mut headers = headers();
    for _ in 0..choices.below(4) {
        let name = String::from_utf8_lossy(choices.part()).to_ascii_lowercase();
        headers.push((name, String::from_utf8_lossy(choices.part()).into_owned()));
    }
    let Ok(text) = std::str::from_utf8(choices.rest()) else { return };
    let Ok(parsed) = Authorization::parse(text) else { return };
    let request = signed(&headers, &query, body);
    if parsed.verify(&request, REGION, &secret(), NOW).is_ok() {
        let own = authorization(&request, &parsed.access_key, &secret(), REGION, TIME);
        // A query of no pairs is the same as none, and headers beside those that are signed may be there.
        assert!(own.is_ok_and(|own| Authorization::parse(&own) == Ok(parsed)) || headers.len() > 3);
    }
});

fn seeds() -> Vec<Vec<u8>> {
    let own = genuine();
    vec![
        [&[0, 0, 0], own.as_bytes()].concat(),
        [b"\x03a=b\x02{}\x01\x01x\x01y", own.as_bytes()].concat(),
        [&[0, 0, 0], own.replace("SignedHeaders=", "SignedHeaders=content-type;").as_bytes()].concat(),
    ]
}
