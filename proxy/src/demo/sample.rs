//! The payments sample: its schema file, its tables, and made-up cards.

use std::error::Error as StdError;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::Error;

/// What a person would keep in their own repository.
pub(super) const SCHEMA: &str = include_str!("../../../schema/payments.toml");
/// What the application's migration would run.
pub(super) const TABLES: &str = include_str!("../../../schema/payments.sql");
/// How many cards the application writes.
pub(super) const CARDS: usize = 500;

/// Stands in an unprotected column of every row: the leak search must find it.
pub(super) const CONTROL: &str = "unprotected-status";

/// How the application writes a card.
pub(super) fn insert(table: &str) -> String {
    format!(
        "INSERT INTO {table} (id, customer_id, status, pan, iban, holder, credit_limit) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)"
    )
}

/// The table of the cards once more, with its indexes, under a name that no schema file knows: `plain_card`.
pub(super) fn twin() -> String {
    let of_cards = |statement: &&str| statement.contains("payment_card") && !statement.contains("REFERENCES");
    let statements: Vec<&str> = TABLES.split(';').filter(of_cards).collect();
    statements.join(";").replace("payment_card", "plain_card")
}

/// One card as the application knows it.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) id: i64,
    pub(super) customer: i64,
    pub(super) pan: String,
    pub(super) iban: String,
    pub(super) holder: String,
    pub(super) limit: Euros,
}

impl Card {
    /// For [`insert`].
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 7] {
        [&self.id, &self.customer, &CONTROL, &self.pan, &self.iban, &self.holder, &self.limit]
    }

    /// The values that the schema file protects.
    pub(super) fn sealed(&self) -> [String; 4] {
        let limit = format!("{}.{:02}", self.limit.0 / 100, self.limit.0 % 100);
        [self.pan.clone(), self.iban.clone(), self.holder.clone(), limit]
    }
}

/// Cents of a numeric(12,2), which the driver itself has no type for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Euros(u32);

impl ToSql for Euros {
    /// The binary form of numeric: groups of four decimal digits (PostgreSQL's `numeric_send`).
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let whole = self.0 / 100;
        let groups = [whole / 10_000, whole % 10_000, self.0 % 100 * 100];
        // Count of groups, weight of the first, sign, digits after the point.
        let words = [3, 1, 0, 2].into_iter().chain(groups);
        words.for_each(|word| out.extend_from_slice(&(word as u16).to_be_bytes()));
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::NUMERIC
    }

    to_sql_checked!();
}

const FIRST: [&str; 8] = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken"];
const LAST: [&str; 8] = ["Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Thompson"];

/// Random cards; every third one shares its IBAN with the one before, as cards of one account do.
pub(super) fn cards() -> Result<Vec<Card>, Error> {
    let mut cards: Vec<Card> = Vec::with_capacity(CARDS);
    for id in 1..=CARDS {
        let mut bytes = [0_u8; 24];
        getrandom::fill(&mut bytes).map_err(|error| Error::new("drawing random cards", error))?;
        let number = |from: usize, digits: usize| -> String {
            bytes.iter().cycle().skip(from).take(digits).map(|byte| char::from(b'0' + byte % 10)).collect()
        };
        let iban = match cards.last() {
            Some(before) if id % 3 == 0 => before.iban.clone(),
            _ => format!("DE{}", number(15, 20)),
        };
        let pick = |names: &[&str; 8], at: usize| names[usize::from(bytes[at] % 8)].to_owned();
        cards.push(Card {
            id: id as i64,
            customer: (id / 2) as i64,
            pan: format!("4{}", number(0, 15)),
            iban,
            holder: format!("{} {} {}", pick(&FIRST, 20), pick(&LAST, 21), number(18, 6)),
            limit: Euros(100_000_000 + u32::from(bytes[22]) * 7_919 + u32::from(bytes[23])),
        });
    }
    Ok(cards)
}
