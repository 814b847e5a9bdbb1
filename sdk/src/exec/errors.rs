//! What the server says about a statement that we rewrote, as its client may see it (SQL-56).
//!
//! Fields: PostgreSQL 18 manual, 54.8. An error may quote our SQL, a beacon, a helper column or a physical row. A field
//! reaches the client only if it shows none of these; positions and parameter numbers are the client's own again.

use std::borrow::Cow;

use super::steps;
use crate::error::SqlState;
use crate::sql::plan::{GUARD_MARK, GUARD_SQLSTATE};
use crate::sql::{Plan, Recipe, Template};

/// The client's fields for those of the server's ErrorResponse or NoticeResponse (`fields`: code and text, in its
/// order), which answers a statement rewritten by `plan`. Field P is mapped by `position`; where that gives none, it is
/// dropped.
pub fn translate<'f>(
    fields: &[(u8, &'f [u8])],
    plan: &Plan,
    position: impl FnOnce(u32) -> Option<u32>,
) -> Vec<(u8, Cow<'f, [u8]>)> {
    let text = |code: u8| fields.iter().find(|(field, _)| *field == code).map(|(_, text)| *text);
    // A notice fails nothing, whatever it says.
    let error = matches!(text(b'V'), None | Some(b"ERROR" | b"FATAL" | b"PANIC"));
    let guarded = error && text(b'C') == Some(GUARD_SQLSTATE.as_bytes());
    if guarded && text(b'M').is_some_and(|message| contains(message, GUARD_MARK.as_bytes())) {
        return guard_failed(text(b'V') == Some(b"FATAL"));
    }
    let constraint = text(b'C').is_some_and(|code| code.starts_with(b"23"));
    let mut physical = None;
    let template = steps::described_template(plan);
    let mut kept: Vec<(u8, Cow<'f, [u8]>)> = Vec::with_capacity(fields.len());
    for &(code, text) in fields {
        match code {
            b'S' | b'V' | b'C' => kept.push((code, text.into())),
            b'M' => kept.push((code, shown(text, template).unwrap_or(WITHHELD.as_bytes().into()))),
            // "Key (…)=(…) already exists", "Failing row contains (…)": helper columns, beacons, cells.
            b'D' if constraint => {}
            b'P' => physical = std::str::from_utf8(text).ok().and_then(|at| at.parse().ok()),
            // Position and text of a query inside the server's own code.
            b'p' | b'q' if fields.iter().any(|(field, text)| *field == b'q' && shows_internals(text)) => {}
            _ => kept.extend(shown(text, template).map(|text| (code, text))),
        }
    }
    let client = physical.and_then(position).map(|at| at.to_string());
    kept.extend(client.map(|at| (b'P', at.into_bytes().into())));
    kept
}

/// Field P for a byte offset into the client's text ([`Refusal::position`](crate::sql::Refusal)).
pub fn position(text: &str, byte: usize) -> Option<u32> {
    u32::try_from(text.get(..byte)?.chars().count() + 1).ok()
}

const WITHHELD: &str = "the server refused the statement; its message names what the client cannot see and is withheld";

/// A trigger or rule changed a row after it was signed, and the statement failed before it could commit.
fn guard_failed<'f>(fatal: bool) -> Vec<(u8, Cow<'f, [u8]>)> {
    const MESSAGE: &str = "the server would have stored another row than the one that was signed";
    const HINT: &str = "Is there a trigger or rule on this table that the schema lock does not list?";
    let severity = if fatal { "FATAL" } else { "ERROR" };
    [(b'S', severity), (b'V', severity), (b'C', SqlState::DATA_CORRUPTED.code()), (b'M', MESSAGE), (b'H', HINT)]
        .map(|(code, text)| (code, text.as_bytes().into()))
        .into()
}

/// What the client may see of a text: nothing if it shows internals; `$n` in the client's numbers.
fn shown<'t>(text: &'t [u8], template: &Template) -> Option<Cow<'t, [u8]>> {
    if shows_internals(text) { None } else { renumbered(text, template) }
}

/// Whether a text of the server shows something that only exists physically: names of ours (`pgseal_…`, schema
/// `pgseal`), or bytes that look like an envelope, a tag or a signature in hex.
fn shows_internals(text: &[u8]) -> bool {
    let named = text.windows(6).any(|window| window.eq_ignore_ascii_case(b"pgseal"));
    named || contains(text, b"\\x") || has_long_hex(text)
}

/// `$3` counts physical parameters: the client's number, if it is a parameter of the client's alone.
fn renumbered<'t>(text: &'t [u8], template: &Template) -> Option<Cow<'t, [u8]>> {
    if !text.windows(2).any(|pair| matches!(pair, [b'$', digit] if digit.is_ascii_digit())) {
        return Some(Cow::Borrowed(text));
    }
    let mut parts = text.split(|&byte| byte == b'$');
    let mut out = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        out.push(b'$');
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = part.split_at_checked(digits)?;
        if !number.is_empty() {
            let slot: usize = std::str::from_utf8(number).ok()?.parse().ok()?;
            match template.slots.get(slot.checked_sub(1)?)?.recipe {
                Recipe::Pass(index) => out.extend_from_slice((index + 1).to_string().as_bytes()),
                Recipe::Clear { .. }
                | Recipe::Cell { .. }
                | Recipe::RowTag { .. }
                | Recipe::Signature { .. }
                | Recipe::Signed { .. }
                | Recipe::Tag { .. }
                | Recipe::Tags { .. } => return None,
            }
        }
        out.extend_from_slice(rest);
    }
    Some(Cow::Owned(out))
}

/// 16 hexadecimal digits in a row, hyphens apart: a uuid, or a piece of an envelope.
fn has_long_hex(text: &[u8]) -> bool {
    let mut run = 0;
    for byte in text {
        match byte {
            b'-' if run > 0 => {}
            byte if byte.is_ascii_hexdigit() => run += 1,
            _ => run = 0,
        }
        if run >= 16 {
            return true;
        }
    }
    false
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use crate::sql::{Notes, PhysicalType, Slot, Steps, Verb};

    use super::*;

    /// A plan whose second physical parameter is the client's first, and whose first is a cell.
    fn plan() -> Plan {
        let slot = |recipe, ty| Slot { recipe, ty };
        let slots = vec![
            slot(Recipe::Cell { row: 0, column: 0 }, PhysicalType::Bytea),
            slot(Recipe::Pass(0), PhysicalType::Client),
        ];
        Plan {
            verb: Verb::Select,
            template: Template { pieces: vec![], origins: vec![], slots },
            params: vec![],
            rows: vec![],
            output: None,
            steps: Steps::One,
            notes: Notes::default(),
        }
    }

    fn translated(fields: &[(u8, &str)], position: Option<fn(u32) -> Option<u32>>) -> Vec<(u8, String)> {
        let fields: Vec<(u8, &[u8])> = fields.iter().map(|(code, text)| (*code, text.as_bytes())).collect();
        let kept = translate(&fields, &plan(), |at| position?(at));
        kept.into_iter().map(|(code, text)| (code, String::from_utf8(text.into_owned()).unwrap())).collect()
    }

    fn owned(fields: &[(u8, &str)]) -> Vec<(u8, String)> {
        fields.iter().map(|(code, text)| (*code, (*text).to_owned())).collect()
    }

    #[test]
    fn an_ordinary_error_keeps_all_its_fields_also_unknown_ones() {
        let fields = [
            (b'S', "ERREUR"),
            (b'V', "ERROR"),
            (b'C', "42883"),
            (b'M', "function f(integer) does not exist"),
            (b'H', "cast it"),
            (b'F', "parse_func.c"),
            (b'L', "629"),
            (b'Y', "new"),
        ];
        assert_eq!(translated(&fields, None), owned(&fields));
    }

    #[test]
    fn a_unique_violation_keeps_its_constraint_and_loses_its_tag_sql_56() {
        let fields = [
            (b'S', "ERROR"),
            (b'C', "23505"),
            (b'M', "duplicate key value violates unique constraint \"card_pan_key\""),
            (b'D', "Key (pgseal_exact_pan)=(6e0c1a44-0000-4000-8000-000000000000) already exists."),
            (b's', "public"),
            (b't', "card"),
            (b'n', "card_pan_key"),
        ];
        let expected: Vec<_> = fields.iter().copied().filter(|(code, _)| *code != b'D').collect();
        assert_eq!(translated(&fields, None), owned(&expected));
    }

    #[test]
    fn what_shows_helpers_or_ciphertext_is_withheld_or_dropped_sql_56() {
        for message in [
            "column \"pgseal_signature\" does not exist",
            "column \"pan\" is of type pgseal.sealed_text but expression is of type integer",
            "invalid input for \\x0102",
            "no row 6e0c1a44-aaaa-4000-8000-000000000000",
        ] {
            let fields = [
                (b'S', "ERROR"),
                (b'C', "42703"),
                (b'M', message),
                (b'D', message),
                (b'H', message),
                (b'W', message),
                (b'q', message),
                (b'p', "3"),
                (b'd', message),
            ];
            let expected = owned(&[(b'S', "ERROR"), (b'C', "42703"), (b'M', WITHHELD)]);
            assert_eq!(translated(&fields, None), expected);
        }
    }

    #[test]
    fn a_failing_row_is_never_shown() {
        let fields = [
            (b'C', "23514"),
            (b'M', "new row for relation \"card\" violates check constraint \"positive\""),
            (b'D', "Failing row contains (7, ada)."),
        ];
        assert_eq!(translated(&fields, None), owned(&fields[..2]));
    }

    #[test]
    fn positions_go_back_to_the_clients_text_or_away() {
        let fields = [(b'C', "42601"), (b'M', "syntax error"), (b'P', "40")];
        assert_eq!(translated(&fields, Some(|at| at.checked_sub(30))), owned(&[fields[0], fields[1], (b'P', "10")]));
        assert_eq!(translated(&fields, Some(|_| None)), owned(&fields[..2]));
        assert_eq!(translated(&fields, None), owned(&fields[..2]));
        assert_eq!(position("ä = 'x'", 3), Some(3));
        assert_eq!(position("x", 7), None);
    }

    #[test]
    fn parameters_have_the_clients_numbers() {
        let message = |text: &str| translated(&[(b'M', text)], None).remove(0).1;
        assert_eq!(message("type of parameter $2, cost $ 5"), "type of parameter $1, cost $ 5");
        assert_eq!(message("type of parameter $1"), WITHHELD);
        assert_eq!(message("type of parameter $9"), WITHHELD);
    }

    #[test]
    fn a_failed_guard_is_xx001_cell_8() {
        let message = format!("invalid input syntax for type integer: \"{GUARD_MARK}\"");
        let fields = [(b'S', "ERROR"), (b'C', GUARD_SQLSTATE), (b'M', message.as_str())];
        let out = translated(&fields, None);
        assert!(out.contains(&(b'C', "XX001".to_owned())));
        assert!(!out.iter().any(|(_, text)| text.contains("pgseal")));
    }

    #[test]
    fn notices_are_translated_alike_and_fail_nothing() {
        let fields = [(b'S', "NOTICE"), (b'V', "NOTICE"), (b'C', "00000"), (b'M', "truncated pgseal_exact_pan")];
        assert_eq!(translated(&fields, None)[3], (b'M', WITHHELD.to_owned()));
        let fields = [(b'S', "HINWEIS"), (b'V', "NOTICE"), (b'C', GUARD_SQLSTATE), (b'M', GUARD_MARK)];
        let expected = [fields[0], fields[1], fields[2], (b'M', WITHHELD)];
        assert_eq!(translated(&fields, None), owned(&expected));
    }
}
