//! The routes. What is secret comes in bodies, never in a path or a query: those end up in logs.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::{Deserialize, Serialize};

use super::Service;
use super::amount::Amount;
use super::answer::{self, Failure, NOT_FOUND};

pub(super) fn router(service: Service) -> Router {
    let service = Arc::new(service);
    Router::new()
        .route("/cards", post(create_card))
        .route("/cards/search", post(search_cards))
        .route("/cards/{id}", get(read_card).patch(change_card))
        .route("/cards/{id}/payments", post(create_payment))
        .route("/payments/search", post(search_payments))
        .route("/health", get(health))
        .fallback(async || NOT_FOUND)
        .layer(middleware::from_fn_with_state(Arc::clone(&service), answer::log))
        .with_state(service)
}

type Body<T> = Result<Json<T>, JsonRejection>;
type Id = Result<Path<i64>, PathRejection>;
type App = State<Arc<Service>>;

/// A row of payment_card, which is signed: a change of any of these columns at the server is found out, but for
/// `status`.
#[derive(Serialize, Deserialize)]
struct Card {
    id: i64,
    customer_id: i64,
    status: String,
    pan: String,
    iban: Option<String>,
    holder: String,
    credit_limit: Amount,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCard {
    customer_id: i64,
    pan: String,
    iban: Option<String>,
    holder: String,
    credit_limit: Amount,
}

async fn create_card(State(service): App, card: Body<NewCard>) -> Result<impl IntoResponse, Failure> {
    let Json(card) = card?;
    let client = service.client().await?;
    let row = client
        .query_one(
            "INSERT INTO payment_card (customer_id, pan, iban, holder, credit_limit) VALUES ($1, $2, $3, $4, $5) \
             RETURNING *",
            &[&card.customer_id, &card.pan, &card.iban, &card.holder, &card.credit_limit],
        )
        .await?;
    let card: Card = row.deserialize()?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/cards/{}", card.id))], Json(card)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardSearch {
    pan: String,
}

/// By the search tag of `pan`: the server finds the row by its index and learns that somebody asked for it.
async fn search_cards(State(service): App, search: Body<CardSearch>) -> Result<Json<Vec<Card>>, Failure> {
    let Json(search) = search?;
    let client = service.client().await?;
    let rows = client.query("SELECT * FROM payment_card WHERE pan = $1", &[&search.pan]).await?;
    let cards = rows.iter().map(|row| row.deserialize()).collect::<Result<_, _>>()?;
    Ok(Json(cards))
}

async fn read_card(State(service): App, id: Id) -> Result<Json<Card>, Failure> {
    let Path(id) = id?;
    let client = service.client().await?;
    let row = client.query_opt("SELECT * FROM payment_card WHERE id = $1", &[&id]).await?.ok_or(NOT_FOUND)?;
    Ok(Json(row.deserialize()?))
}

/// What is absent stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardChange {
    status: Option<String>,
    holder: Option<String>,
    credit_limit: Option<Amount>,
}

/// The row is signed as a whole, so pgseal reads and verifies it before it writes: one statement here, a few under it.
/// The lock of the first statement keeps other requests from changing the row in between.
async fn change_card(State(service): App, id: Id, change: Body<CardChange>) -> Result<Json<Card>, Failure> {
    let (Path(id), Json(change)) = (id?, change?);
    let mut client = service.client().await?;
    let transaction = client.transaction().await?;
    let row = transaction.query_opt("SELECT * FROM payment_card WHERE id = $1 FOR UPDATE", &[&id]).await?;
    let card: Card = row.ok_or(NOT_FOUND)?.deserialize()?;
    let row = transaction
        .query_one(
            "UPDATE payment_card SET status = $2, holder = $3, credit_limit = $4 WHERE id = $1 RETURNING *",
            &[
                &id,
                &change.status.unwrap_or(card.status),
                &change.holder.unwrap_or(card.holder),
                &change.credit_limit.unwrap_or(card.credit_limit),
            ],
        )
        .await?;
    let card = row.deserialize()?;
    transaction.commit().await?;
    Ok(Json(card))
}

#[derive(Serialize, Deserialize)]
struct Payment {
    id: i64,
    card_id: i64,
    paid_at: String,
    amount: Amount,
    reference: Option<String>,
    details: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPayment {
    amount: Amount,
    reference: Option<String>,
    details: Option<serde_json::Value>,
}

async fn create_payment(
    State(service): App,
    card: Id,
    payment: Body<NewPayment>,
) -> Result<(StatusCode, Json<Payment>), Failure> {
    let (Path(card), Json(payment)) = (card?, payment?);
    let client = service.client().await?;
    let row = client
        .query_one(
            "INSERT INTO payment (card_id, amount, reference, details) VALUES ($1, $2, $3, $4) RETURNING *",
            &[&card, &payment.amount, &payment.reference, &payment.details],
        )
        .await?;
    Ok((StatusCode::CREATED, Json(row.deserialize()?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentSearch {
    reference: String,
}

async fn search_payments(State(service): App, search: Body<PaymentSearch>) -> Result<Json<Vec<Payment>>, Failure> {
    let Json(search) = search?;
    let client = service.client().await?;
    let rows = client.query("SELECT * FROM payment WHERE reference = $1 ORDER BY id", &[&search.reference]).await?;
    let payments = rows.iter().map(|row| row.deserialize()).collect::<Result<_, _>>()?;
    Ok(Json(payments))
}

/// Whether the service can work: the pool gives a connection, and the server answers on it.
async fn health(State(service): App) -> Result<&'static str, Failure> {
    service.client().await?.query_one("SELECT 1", &[]).await?;
    Ok("ok\n")
}
