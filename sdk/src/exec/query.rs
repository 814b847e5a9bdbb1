//! A text of several statements in physical form: a simple Query, or what an application runs in one call. It has no
//! parameters; each planned statement stands in it with its cells and tags as literals, at its own place (SQL-2, SQL-54).

use std::sync::Arc;

use super::Error;
use super::facts::Facts;
use super::inputs;
use super::positions::Traced;
use crate::keys::KeySource;
use crate::sql::client_text::ClientText;
use crate::sql::{Decision, Effect, Plan, Refusal, Statement, lex};
use crate::value::Settings;

/// The client's text with every planned statement in physical form. `check` is asked before a statement, by its number, is
/// filled in.
///
/// # Errors
/// What a statement's values say, with its place among `statements`. A missing key may be loaded, and the call repeated.
pub fn physical(
    client: &ClientText<'_>,
    statements: &[Statement],
    keys: &dyn KeySource,
    settings: &Settings,
    check: impl Fn(usize) -> Result<(), Error>,
) -> Result<Traced, (Error, usize)> {
    let text = client.text();
    let mut physical = Traced::default();
    let push = |physical: &mut Traced, own: &str, start: usize| {
        client.places().parts(own, start).into_iter().for_each(|(part, origin)| physical.push(part, origin));
    };
    let (mut end, mut characters) = (0, 0);
    for (number, statement) in statements.iter().enumerate() {
        let before = text.get(end..statement.range.start).unwrap_or("");
        match &statement.decision {
            Decision::Qualify(template) => {
                push(&mut physical, before, characters);
                inputs::trace(template, &mut physical);
            }
            Decision::Rewrite(plan) => {
                check(number).map_err(|error| (error, number))?;
                push(&mut physical, before, characters);
                let spliced = inputs::splice(plan, &plan.template, keys, settings, &mut physical);
                spliced.map_err(|error| (error, number))?;
            }
            Decision::Forward | Decision::Refuse(_) => continue,
        }
        let own = text.get(statement.range.clone()).unwrap_or("");
        characters += before.chars().count() + own.chars().count();
        end = statement.range.end;
    }
    push(&mut physical, text.get(end..).unwrap_or(""), characters);
    Ok(physical)
}

/// Why a statement cannot be part of a text of `of` statements that is sent, whatever its values are.
pub fn refusal(statement: &Statement, of: usize) -> Option<Refusal> {
    match &statement.decision {
        Decision::Refuse(refusal) => Some(refusal.clone()),
        Decision::Rewrite(plan) if of > 1 && plan.is_stepped() => Some(
            Refusal::new("a statement that takes several steps beside others in one query is not in this version")
                .hint("Send it in a query of its own.")
                .at(statement.range.start),
        ),
        Decision::Forward | Decision::Qualify(_) | Decision::Rewrite(_) => None,
    }
}

/// The refusal of a planned statement behind one that may change settings: those are not known to us before the text is made
/// ready (SQL-12).
pub fn stale_within(text: &str, statements: &[Statement], facts: &Facts) -> Option<Refusal> {
    let mut stale = false;
    for statement in statements {
        if stale && plan(statement).is_some() {
            return Some(
                Refusal::new("a statement on a protected table behind one that may change settings, in one query")
                    .hint("Send it in a query of its own.")
                    .at(statement.range.start),
            );
        }
        let ends = || ends_transaction(text.get(statement.range.clone()).unwrap_or(""));
        stale |= statement.effect == Effect::Opaque || (facts.may_be_taken_back() && ends());
    }
    None
}

/// The plan of a statement that has one.
pub fn plan(statement: &Statement) -> Option<&Arc<Plan>> {
    match &statement.decision {
        Decision::Rewrite(plan) => Some(plan),
        Decision::Forward | Decision::Qualify(_) | Decision::Refuse(_) => None,
    }
}

/// COMMIT takes back what SET LOCAL set; what else ends a transaction is opaque anyway.
fn ends_transaction(statement: &str) -> bool {
    let first = lex::lex(statement).ok().and_then(|tokens| tokens.into_iter().next());
    first.is_none_or(|token| ["commit", "end", "prepare"].iter().any(|word| token.is_word(statement, word)))
}
