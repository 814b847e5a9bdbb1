//! AWS Signature Version 4, verified: *AWS IAM User Guide*, "Create a signed AWS API request".
//!
//! Pure: headers and body in, the access key's id or a refusal out. Only what KMS's protocol sends is taken: POST to `/`
//! with signed headers that include `host`, and the body's own hash in the signature.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::{Code, KmsError};
use super::key::Seconds;
use super::secret::Material;

/// How far a request's time may be from ours in seconds: AWS allows five minutes.
pub const MAX_SKEW: Seconds = 300;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "kms";

/// What of a request is signed.
pub struct Signed<'a> {
    /// For example `POST`.
    pub method: &'a str,
    /// The path as it came.
    pub path: &'a str,
    /// The query as it came, without `?`.
    pub query: &'a str,
    /// Names in lower case, with values, in the order in which they came.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
}

/// The parts of an Authorization header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Whose key signed, so it says.
    pub access_key: String,
    date: String,
    region: String,
    signed: Vec<String>,
    signature: [u8; 32],
}

impl Authorization {
    /// Reads the header's value.
    ///
    /// # Errors
    /// IncompleteSignatureException naming the part that is missing; nothing of the value is repeated.
    pub fn parse(value: &str) -> Result<Self, KmsError> {
        let incomplete = |text: &str| KmsError::new(Code::INCOMPLETE_SIGNATURE, text);
        let rest = value.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' '));
        let rest = rest.ok_or_else(|| incomplete("the Authorization header must begin with AWS4-HMAC-SHA256"))?;
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let place = match part.trim().split_once('=') {
                Some(("Credential", value)) => credential.replace(value),
                Some(("SignedHeaders", value)) => signed.replace(value),
                Some(("Signature", value)) => signature.replace(value),
                _ => return Err(incomplete("the Authorization header has an unknown part")),
            };
            if place.is_some() {
                return Err(incomplete("a part of the Authorization header stands twice"));
            }
        }
        let (Some(credential), Some(signed), Some(signature)) = (credential, signed, signature) else {
            return Err(incomplete("the Authorization header needs Credential, SignedHeaders and Signature"));
        };
        let scope: Vec<&str> = credential.split('/').collect();
        let &[access_key, date, region, SERVICE, "aws4_request"] = scope.as_slice() else {
            return Err(incomplete("Credential must be KEY/DATE/REGION/kms/aws4_request"));
        };
        let signature = unhex(signature).ok_or_else(|| incomplete("Signature must be 64 hexadecimal digits"))?;
        let signed: Vec<String> = signed.split(';').map(str::to_owned).collect();
        let sorted = signed.is_sorted_by(|a, b| a < b);
        if !sorted || signed.iter().any(|name| name.is_empty() || name.bytes().any(|byte| byte.is_ascii_uppercase())) {
            return Err(incomplete("SignedHeaders must be lower-case names in order"));
        }
        let known = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !known(access_key) || !known(region) || date.len() != 8 {
            return Err(incomplete("Credential must be KEY/DATE/REGION/kms/aws4_request"));
        }
        Ok(Self {
            access_key: access_key.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            signed,
            signature,
        })
    }

    /// Verifies the signature with the secret of [`Authorization::access_key`].
    ///
    /// # Errors
    /// InvalidSignatureException or IncompleteSignatureException.
    pub fn verify(&self, request: &Signed<'_>, region: &str, secret: &Material, now: Seconds) -> Result<(), KmsError> {
        let invalid = |text: &str| KmsError::new(Code::BAD_SIGNATURE, text);
        let time = self.check_headers(request)?;
        if self.region != region {
            return Err(invalid(&format!("Credential should be scoped to a valid region, which is {region}.")));
        }
        let signed_at = instant(time).ok_or_else(|| invalid("X-Amz-Date must be YYYYMMDDTHHMMSSZ"))?;
        if !time.starts_with(&self.date) {
            return Err(invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date."));
        }
        if (now - signed_at).abs() > MAX_SKEW {
            let text = if signed_at < now { "Signature expired" } else { "Signature not yet current" };
            return Err(invalid(&format!(
                "{text}: the request's time and the server's are more than 5 minutes apart."
            )));
        }
        let own = self.sign(request, time, secret);
        if bool::from(own.ct_eq(&self.signature)) {
            return Ok(());
        }
        Err(invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method.",
        ))
    }

    /// What must be signed is, and nothing stands twice; gives the request's time.
    fn check_headers<'a>(&self, request: &Signed<'a>) -> Result<&'a str, KmsError> {
        let incomplete = |text: &str| KmsError::new(Code::INCOMPLETE_SIGNATURE, text);
        for (name, _) in request.headers {
            // AWS: host, content-type and every x-amz- header of the request.
            let needed = name == "host" || name == "content-type" || name.starts_with("x-amz-");
            if needed && !self.signed.contains(name) {
                return Err(incomplete("host, content-type and every x-amz- header must be signed"));
            }
        }
        for name in &self.signed {
            if request.headers.iter().filter(|(other, _)| other == name).count() != 1 {
                return Err(incomplete("a signed header must stand once in the request"));
            }
        }
        if !self.signed.iter().any(|name| name == "host") {
            return Err(incomplete("host must be signed"));
        }
        let time = request.headers.iter().find(|(name, _)| name == "x-amz-date");
        time.map(|(_, value)| value.trim()).ok_or_else(|| incomplete("the request needs X-Amz-Date"))
    }

    fn sign(&self, request: &Signed<'_>, time: &str, secret: &Material) -> [u8; 32] {
        let mut canonical = format!("{}\n{}\n{}\n", request.method, path(request.path), query(request.query));
        for name in &self.signed {
            let value = request.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value);
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            canonical += &format!("{name}:{value}\n");
        }
        canonical += &format!("\n{}\n{}", self.signed.join(";"), hex(&Sha256::digest(request.body)));
        let scope = format!("{}/{}/{SERVICE}/aws4_request", self.date, self.region);
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let first = zeroize::Zeroizing::new([b"AWS4", secret.expose()].concat());
        let mut key = mac(&first, self.date.as_bytes());
        for part in [self.region.as_str(), SERVICE, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        mac(&key, text.as_bytes())
    }
}

/// The Authorization header's value for a request: what a client sends. For tests, and for health checks of our own.
pub fn authorization(
    request: &Signed<'_>,
    access_key: &str,
    secret: &Material,
    region: &str,
    time: &str,
) -> Result<String, KmsError> {
    let mut signed: Vec<String> = request.headers.iter().map(|(name, _)| name.clone()).collect();
    signed.sort();
    let date = time.get(..8).unwrap_or_default();
    let mut own = Authorization {
        access_key: access_key.to_owned(),
        date: date.to_owned(),
        region: region.to_owned(),
        signed,
        signature: [0; 32],
    };
    own.check_headers(request)?;
    own.signature = own.sign(request, time, secret);
    Ok(format!(
        "{ALGORITHM} Credential={access_key}/{date}/{region}/{SERVICE}/aws4_request, SignedHeaders={}, Signature={}",
        own.signed.join(";"),
        hex(&own.signature)
    ))
}

/// `X-Amz-Date` as seconds since 1970.
fn instant(text: &str) -> Option<Seconds> {
    let shape = text.bytes().enumerate().all(|(at, byte)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    });
    if text.len() != 16 || !shape {
        return None;
    }
    let time: DateTime = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let zoned: Timestamp = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(zoned.as_second())
}

/// Each segment is encoded once more than it came: every service but S3.
fn path(path: &str) -> String {
    if path.is_empty() { "/".to_owned() } else { encode(path, true) }
}

fn query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(&decode(name), false), encode(&decode(value), false)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn encode(text: &str, slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || (slash && byte == b'/') {
            out.push(byte.into());
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match (byte, digits) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = &behind[2..];
            }
            _ => {
                out.push(byte);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    match <Hmac<Sha256> as KeyInit>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(message).finalize().into_bytes().into(),
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (place, pair) in out.iter_mut().zip(pairs) {
        *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const TIME: &str = "20260101T120000Z";
    const NOW: Seconds = 1_767_268_800;

    fn secret(text: &str) -> Material {
        Material::new(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn headers() -> Vec<(String, String)> {
        [
            ("host", "localhost:8480"),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-date", TIME),
            ("x-amz-target", "TrentService.ListKeys"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    fn request<'a>(headers: &'a [(String, String)], body: &'a [u8]) -> Signed<'a> {
        Signed { method: "POST", path: "/", query: "", headers, body }
    }

    /// The value that botocore's SigV4Auth gives for this request.
    const BOTOCORE: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-central-1/kms/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=14fc2ac8dc3c34ebe09ccd2af56a8fd8b239193b682596cff45a35b5a8f7861a";

    #[test]
    fn the_signature_is_that_of_botocore() {
        let headers = headers();
        let own = authorization(
            &request(&headers, b"{}"),
            "AKIDEXAMPLE",
            &secret("wJalrXUtnFEMI/K7MDENG"),
            "eu-central-1",
            TIME,
        );
        assert_eq!(own.unwrap(), BOTOCORE);
        let parsed = Authorization::parse(BOTOCORE).unwrap();
        assert_eq!(parsed.access_key, "AKIDEXAMPLE");
        parsed.verify(&request(&headers, b"{}"), "eu-central-1", &secret("wJalrXUtnFEMI/K7MDENG"), NOW).unwrap();
    }

    #[test]
    fn anything_else_does_not_verify() {
        let own = secret("wJalrXUtnFEMI/K7MDENG");
        let parsed = Authorization::parse(BOTOCORE).unwrap();
        let check = |headers: &[(String, String)], body: &[u8], region: &str, secret: &Material, now: Seconds| {
            parsed.verify(&request(headers, body), region, secret, now).unwrap_err().code
        };
        let good = headers();
        assert_eq!(check(&good, b"{ }", "eu-central-1", &own, NOW), Code::BAD_SIGNATURE);
        assert_eq!(check(&good, b"{}", "eu-central-1", &secret("other"), NOW), Code::BAD_SIGNATURE);
        assert_eq!(check(&good, b"{}", "us-east-1", &own, NOW), Code::BAD_SIGNATURE);
        for skew in [-MAX_SKEW - 1, MAX_SKEW + 1] {
            assert_eq!(check(&good, b"{}", "eu-central-1", &own, NOW + skew), Code::BAD_SIGNATURE);
        }
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at].1.push('x');
            assert_eq!(check(&changed, b"{}", "eu-central-1", &own, NOW), Code::BAD_SIGNATURE, "{}", good[at].0);
            changed[at] = good[at].clone();
            changed.push(good[at].clone());
            assert_eq!(check(&changed, b"{}", "eu-central-1", &own, NOW), Code::INCOMPLETE_SIGNATURE, "twice");
            changed.retain(|(name, _)| *name != good[at].0);
            assert_eq!(check(&changed, b"{}", "eu-central-1", &own, NOW), Code::INCOMPLETE_SIGNATURE, "missing");
        }
        let mut unsigned = good.clone();
        unsigned.push(("x-amz-other".into(), "1".into()));
        assert_eq!(check(&unsigned, b"{}", "eu-central-1", &own, NOW), Code::INCOMPLETE_SIGNATURE);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for (from, to) in [
            ("AWS4-HMAC-SHA256 ", ""),
            ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
            ("/kms/", "/s3/"),
            ("/aws4_request", ""),
            ("SignedHeaders=", "SignedHeader="),
            ("content-type;host", "host;content-type"),
            ("content-type;host", "Content-Type;host"),
            ("Signature=", "Signature=z"),
            ("Signature=", "Signature=0"),
            (", Signature=", ", Credential=a, Signature="),
        ] {
            let text = BOTOCORE.replacen(from, to, 1);
            assert_ne!(text, BOTOCORE);
            assert_eq!(Authorization::parse(&text).unwrap_err().code, Code::INCOMPLETE_SIGNATURE, "{text}");
        }
        assert!(Authorization::parse("").is_err());
    }

    #[test]
    fn paths_and_queries_are_made_canonical() {
        assert_eq!(path("/a b/%20"), "/a%20b/%2520");
        assert_eq!(query("b=2&a=%7e&a"), "a=&a=~&b=2");
        assert_eq!(query("%zz=%4"), "%25zz=%254");
    }
}
