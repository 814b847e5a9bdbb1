//! One HTTP request: read with a bound, its signature verified, answered by the store.

use std::net::IpAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use pgseal::keys::Uuid;
use pgseal::kms::error::{Code, KmsError};
use pgseal::kms::service::Body;
use pgseal::kms::sigv4::{Authorization, Signed};
use pgseal::kms::store::{Origin, Store, StoreError};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Shared, now, on_store};

/// The longest body in bytes: a policy of 32 KiB, escaped, and everything else is shorter.
const MAX_BODY: usize = 256 * 1024;
/// How long a client may take over a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
/// What names an operation of KMS in `X-Amz-Target`.
const TARGET: &str = "TrentService.";

/// A request that is whole.
struct Whole {
    method: Method,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Zeroizing<Vec<u8>>,
    from: IpAddr,
}

pub(super) async fn answer(request: Request<Incoming>, from: IpAddr, store: &Shared) -> Response<Full<Bytes>> {
    let result = match whole(request, from).await {
        Ok(whole) => {
            on_store(store, move |store| serve(&whole, store)).await.unwrap_or_else(|| Err(KmsError::internal()))
        }
        Err(error) => Err(error),
    };
    response(result)
}

async fn whole(request: Request<Incoming>, from: IpAddr) -> Result<Whole, KmsError> {
    let (parts, body) = request.into_parts();
    let mut headers = Vec::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        let value = value.to_str().map_err(|_| KmsError::new(Code::INCOMPLETE_SIGNATURE, "a header is not ASCII"))?;
        headers.push((name.as_str().to_owned(), value.to_owned()));
    }
    let read = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await;
    let body = match read {
        Ok(Ok(body)) => Zeroizing::new(body.to_bytes().to_vec()),
        Ok(Err(_)) | Err(_) => return Err(KmsError::new(Code::SERIALIZATION, "the body is too long, or did not come")),
    };
    Ok(Whole {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body,
        from,
    })
}

fn serve(request: &Whole, store: &mut Store) -> Result<Value, KmsError> {
    let header = |name: &str| request.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let unknown = || KmsError::new(Code::UNKNOWN_OPERATION, "");
    if request.method != Method::POST || request.path != "/" {
        return Err(unknown());
    }
    let action = header("x-amz-target").and_then(|target| target.strip_prefix(TARGET)).ok_or_else(unknown)?;
    if action.is_empty() || action.len() > 64 || !action.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(unknown());
    }
    let missing = || KmsError::new(Code::MISSING_TOKEN, "Request is missing Authentication Token");
    let authorization = Authorization::parse(header("authorization").ok_or_else(missing)?)?;
    if header("x-amz-security-token").is_some() {
        let text = "session tokens are not supported by this key service: sign with a caller's own access key";
        return Err(KmsError::new(Code::UNRECOGNIZED_CLIENT, text));
    }
    let now = now();
    store.refresh().map_err(|error| failed(&error))?;
    let known = store.state().access_key(&authorization.access_key);
    let invalid = || KmsError::new(Code::UNRECOGNIZED_CLIENT, "The security token included in the request is invalid.");
    let (identity, secret) = known.ok_or_else(invalid)?;
    let signed = Signed {
        method: request.method.as_str(),
        path: &request.path,
        query: &request.query,
        headers: &request.headers,
        body: &request.body,
    };
    if let Err(error) = authorization.verify(&signed, &store.state().region, secret, now) {
        store.refuse(identity.principal.arn(), action, &error, now).map_err(|error| failed(&error))?;
        return Err(error);
    }
    let body = Body::parse(&request.body)?;
    let origin = Origin { source: Some(request.from), secure: false };
    let answer = store.call(&identity, action, &body, now, origin).map_err(|error| failed(&error))?;
    for warning in &answer.warnings {
        tracing::warn!("{warning}");
    }
    answer.result
}

fn failed(error: &StoreError) -> KmsError {
    tracing::error!(%error, "a request failed");
    error.for_caller()
}

fn response(result: Result<Value, KmsError>) -> Response<Full<Bytes>> {
    let (status, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (
            StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            json!({ "__type": error.code.name(), "message": error.message }),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    let id = Uuid::random().ok().and_then(|id| HeaderValue::from_str(&id.to_string()).ok());
    if let Some(id) = id {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
