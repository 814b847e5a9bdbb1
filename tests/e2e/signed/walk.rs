//! A random walk: statements of every kind in any order, simple and extended, in and out of blocks. After each the two
//! databases say the same. The seed stands in the message of a failure.

use super::pair::{Pair, extended};
use crate::harness::raw::query;

/// xorshift64*: reproducible from its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }
}

const IBANS: &[&str] = &["'DE01'", "'DE02'", "'DE03'", "'DE04'", "''", "NULL"];
const AMOUNTS: &[&str] = &["0", "1", "100.00", "99.995", "'1e2'", "-5"];
const TEXTS: &[&str] = &["'a'", "'b'", "''", "'it''s'", "'é€𝄞'", "NULL"];
const RATES: &[&str] = &["0", "1.5", "1.0005", "NULL", "'NaN'"];

fn predicate(dice: &mut Dice) -> String {
    match dice.roll(8) {
        0 => format!("WHERE id = {}", dice.roll(9)),
        1 => format!("WHERE iban = {}", dice.one(IBANS)),
        2 => format!("WHERE amount = {}", dice.one(&["0", "1", "100", "-5"])),
        3 => format!("WHERE iban IN ({}, {})", dice.one(&["'DE01'", "'DE02'"]), dice.one(&["'DE03'", "''"])),
        4 => format!("WHERE label = {} OR amount = 100", dice.one(TEXTS)),
        5 => format!("WHERE iban IS NULL AND id > {}", dice.roll(5)),
        6 => format!("WHERE holder IS NOT NULL AND account = {}", dice.roll(3)),
        _ => String::new(),
    }
}

fn assignment(dice: &mut Dice) -> String {
    let mut sets = Vec::new();
    while sets.is_empty() {
        for column in 0..7 {
            if dice.roll(4) == 0 {
                sets.push(match column {
                    0 => format!("iban = {}", dice.one(IBANS)),
                    1 => format!("holder = {}", dice.one(TEXTS)),
                    2 => format!("amount = {}", dice.one(AMOUNTS)),
                    3 => format!("label = {}", dice.one(TEXTS)),
                    4 => format!("account = {}", dice.roll(3)),
                    5 => format!("rate = {}", dice.one(RATES)),
                    _ => format!("note = {}", dice.one(TEXTS)),
                });
            }
        }
    }
    sets.join(", ")
}

fn statement(dice: &mut Dice) -> String {
    let returning = dice.one(&["", "", " RETURNING *", " RETURNING id, holder", " RETURNING amount AS a, note"]);
    match dice.roll(16) {
        0..5 => format!(
            "INSERT INTO ledger (id, account, label, made_at, rate, note, iban, holder, amount) VALUES \
             ({}, {}, {}, '2024-01-01 00:00+00', {}, {}, {}, {}, {}){returning}",
            dice.roll(9),
            dice.roll(3),
            dice.one(TEXTS),
            dice.one(RATES),
            dice.one(TEXTS),
            dice.one(IBANS),
            dice.one(TEXTS),
            dice.one(AMOUNTS)
        ),
        5..11 => format!("UPDATE ledger SET {} {}{returning}", assignment(dice), predicate(dice)),
        11 => format!("DELETE FROM ledger WHERE id = {}{returning}", dice.roll(9)),
        12 => format!("SELECT * FROM ledger {} ORDER BY id", predicate(dice)),
        13 => dice.one(&["SAVEPOINT s", "ROLLBACK TO s", "RELEASE s"]).to_owned(),
        14 => dice.one(&["BEGIN", "COMMIT", "ROLLBACK"]).to_owned(),
        _ => format!("SELECT holder, account, note FROM ledger {} ORDER BY id", predicate(dice)),
    }
}

#[test]
fn any_order_of_statements_leaves_both_databases_alike() {
    let mut pair = Pair::filled("swalk");
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).unwrap();
    let seed = u64::from_be_bytes(seed) | 1;
    let mut dice = Dice(seed);
    for step in 0..300 {
        let sql = statement(&mut dice);
        let what = format!("seed {seed}, step {step}: {sql}");
        match dice.roll(3) {
            0 => pair.same_in_any_order(&what, &extended(&sql, &[], 0)),
            1 => pair.same_in_any_order(&what, &extended(&sql, &[], 1)),
            _ => pair.same_in_any_order(&what, &query(&sql)),
        };
    }
    pair.same("ROLLBACK");
    pair.same("SELECT * FROM ledger ORDER BY id");
}
