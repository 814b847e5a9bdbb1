//! Which error becomes which answer: what a caller may know, and what the service's own log says.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pgseal::client;
use pgseal::sealer::Kind;
use serde_json::json;

use super::Service;

/// A request that was not answered as asked.
pub(super) struct Failure {
    status: StatusCode,
    message: Cow<'static, str>,
    /// Seconds after which the same request may succeed.
    retry_after: Option<u32>,
    log: Option<Line>,
}

/// A line for the log of the service, never for the caller.
#[derive(Clone)]
struct Line {
    level: &'static str,
    text: String,
}

pub(super) const NOT_FOUND: Failure = Failure::new(StatusCode::NOT_FOUND, "there is no such resource");

impl Failure {
    const fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message: Cow::Borrowed(message), retry_after: None, log: None }
    }

    fn later(message: &'static str, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }

    fn log(self, level: &'static str, error: &client::Error) -> Self {
        let code = error.code().unwrap_or("-----");
        // What the server itself says may quote what went to it in the clear; our own texts hold no value.
        let text = match error.as_db_error() {
            Some(db) => format!("{code} {}", db.constraint().unwrap_or_default()),
            None => format!("{code} {error}"),
        };
        Self { log: Some(Line { level, text }), ..self }
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        let code = error.code().unwrap_or_default();
        match error.kind() {
            // Somebody changed a row behind our back. The caller can do nothing about it; somebody must be woken up.
            Kind::Tampered | Kind::WrongContext => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "this record cannot be trusted").log("ALERT", &error)
            }
            Kind::KeyUnavailable => Self::later("a key is not available just now", 10).log("ERROR", &error),
            // A value that its column does not take: class 22, data exception.
            Kind::Refused if code.starts_with("22") || code.starts_with("23") => {
                Self { message: error.message().into_owned().into(), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "") }
            }
            Kind::Refused => {
                let message = error.message().into_owned().into();
                Self { message, ..Self::new(StatusCode::BAD_REQUEST, "") }.log("ERROR", &error)
            }
            Kind::Denied => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the service may not do this").log("ERROR", &error)
            }
            Kind::Database => match code {
                "23505" => Self::new(StatusCode::CONFLICT, "there is one already"),
                "23503" => Self::new(StatusCode::NOT_FOUND, "it refers to what is not there"),
                // Serialization failure, deadlock: at once will do.
                "40001" | "40P01" => Self::later("another request was in the way", 0),
                "" if matches!(error, client::Error::RowCount(_)) => {
                    Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the database failed").log("ERROR", &error)
                }
                // No connection, none free, the server is going down or out of something.
                "" => Self::later("the database cannot be reached", 5).log("ERROR", &error),
                code if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => {
                    Self::later("the database cannot be reached", 5).log("ERROR", &error)
                }
                _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the database failed").log("ERROR", &error),
            },
        }
    }
}

/// A body that is not what the route takes. Serde's own text may quote it, so it is not passed on.
impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        let message = match rejection {
            JsonRejection::JsonDataError(_) => "the body lacks a field, has one too many, or one of the wrong type",
            JsonRejection::JsonSyntaxError(_) => "the body is not JSON",
            JsonRejection::MissingJsonContentType(_) => "the content type must be application/json",
            _ => "the body cannot be read",
        };
        Self::new(rejection.status(), message)
    }
}

impl From<PathRejection> for Failure {
    fn from(_: PathRejection) -> Self {
        NOT_FOUND
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "error": self.message }))).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if let Some(line) = self.log {
            response.extensions_mut().insert(line);
        }
        response
    }
}

/// Writes what a [`Failure`] has for the log, with the request that it belongs to.
pub(super) async fn log(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    let mut response = next.run(request).await;
    if let Some(line) = response.extensions_mut().remove::<Line>() {
        (service.log)(&format!("{}: {what}: {}", line.level, line.text));
    }
    response
}
