//! What `pgseal explain` prints: decision, reason, physical SQL, what the statement reveals.

use std::fmt::Write as _;

use super::{Decision, Input, Piece, Plan, Recipe, Refusal, Statement, Steps, Template};
use crate::schema::Protection;

/// Explains every statement of a text to a person. The physical SQL has `$n` where a value will be; values of protected
/// columns are in none of the lines, the rest of the statement is shown as it will be sent.
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
#[doc = include_str!("doctest.txt")]
/// use pgseal::sql::explain::explain;
///
/// # let protection = protection()?;
/// let text = explain("SELECT id FROM patient WHERE diagnosis = 'J45.1'", &protection);
/// assert!(text.contains("rewrite: one statement"));
/// assert!(text.contains("pgseal_eq_diagnosis"), "the search tag takes the column's place");
/// assert!(!text.contains("J45.1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain(text: &str, protection: &Protection) -> String {
    let mut out = String::new();
    for Statement { range, decision, effect: _, path: _ } in super::plan(text, &[], protection) {
        if !out.is_empty() {
            out.push('\n');
        }
        match &decision {
            Decision::Forward => {
                line(&mut out, "decision", "forward: it touches no protected table, its bytes go on as they are");
                line(&mut out, "physical", text.get(range).unwrap_or("").trim());
            }
            Decision::Qualify(template) => {
                line(
                    &mut out,
                    "decision",
                    "forward: its tables only share a protected name, their schemas are spliced in",
                );
                statement(&mut out, "physical", template);
            }
            Decision::Rewrite(plan) => rewrite(&mut out, plan),
            Decision::Refuse(refusal) => refuse(&mut out, refusal),
        }
    }
    out
}

fn refuse(out: &mut String, refusal: &Refusal) {
    line(out, "decision", &format!("refuse ({}): nothing of it leaves the proxy", refusal.sqlstate));
    line(out, "reason", &refusal.message);
    if let Some(hint) = &refusal.hint {
        line(out, "hint", hint);
    }
}

fn rewrite(out: &mut String, plan: &Plan) {
    match &plan.steps {
        Steps::One => {
            line(out, "decision", "rewrite: one statement");
            statement(out, "physical", &plan.template);
        }
        Steps::Fetch(fetch) => {
            line(out, "decision", "rewrite: two statements, the first fetches what only the server can compute");
            statement(out, "fetch", fetch);
            statement(out, "physical", &plan.template);
        }
        Steps::ReadModifyWrite(work) => {
            line(out, "decision", "rewrite: read and lock the rows, verify them, write them back by one UPDATE");
            statement(out, "lock", &work.lock);
            let columns: Vec<&str> = work
                .assigned
                .iter()
                .filter_map(|&id| work.read.table.columns.get(id).map(|column| column.name.as_str()))
                .collect();
            line(out, "writes", &columns.join(", "));
        }
    }
    each(out, "helper column", &plan.notes.helpers);
    each(out, "reveals", &plan.notes.reveals);
    each(out, "decided by the server", &plan.notes.decided_by_server);
    for setting in &plan.notes.depends_on {
        line(out, "depends on", setting.name());
    }
    let rows = plan.output.as_ref().map_or(&[][..], |shape| &shape.rows);
    if rows.iter().any(|row| row.signature.is_some()) {
        line(out, "verifies", "the signature of every row that comes back");
    }
}

fn statement(out: &mut String, name: &str, template: &Template) {
    let mut sql = String::new();
    for piece in &template.pieces {
        match piece {
            Piece::Text(text) => sql.push_str(text),
            Piece::Slot(slot) => {
                // Writing to a String cannot fail.
                let _ = write!(sql, "${}", slot + 1);
            }
        }
    }
    line(out, name, sql.trim());
    for (index, slot) in template.slots.iter().enumerate() {
        line(out, &format!("  ${}", index + 1), &recipe(&slot.recipe));
    }
}

fn recipe(recipe: &Recipe) -> String {
    match recipe {
        Recipe::Pass(number) => format!("the client's parameter ${}, as it is", number + 1),
        Recipe::Clear { row, .. } => format!("a value in the clear, of row {}", row + 1),
        Recipe::Cell { row, .. } => format!("a sealed value, of row {}", row + 1),
        Recipe::RowTag { row, .. } => format!("the search tag of a sealed value, of row {}", row + 1),
        Recipe::Signature { row } => format!("the signature of row {}", row + 1),
        Recipe::Signed { row, .. } => format!("what was signed, for the guard, of row {}", row + 1),
        Recipe::Tag { input, .. } => format!("the search tag of {}", source(input)),
        Recipe::Tags { input, .. } => format!("the search tags of the elements of {}", source(input)),
    }
}

fn source(input: &Input) -> String {
    match input {
        Input::Param { index, .. } => format!("the client's parameter ${}", index + 1),
        Input::Literal { .. } => "a constant of the statement".to_owned(),
        Input::Stored(_) => "a default of the lock".to_owned(),
        Input::Null => "NULL".to_owned(),
        Input::Fetched(_) => "a fetched value".to_owned(),
    }
}

fn each(out: &mut String, name: &str, texts: &[String]) {
    for text in texts {
        line(out, name, text);
    }
}

fn line(out: &mut String, name: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{name}: {text}");
}

#[cfg(test)]
mod tests {
    use super::explain;
    use crate::sql::plan::tests::support::protection;

    #[test]
    fn an_explanation_shows_the_decision_and_never_a_protected_value() {
        let text = "SELECT name FROM customers WHERE ssn = 'secret'; SELECT ssn FROM customers ORDER BY ssn; SELECT 1";
        let explained = explain(text, &protection());
        assert!(!explained.contains("secret"));
        assert_eq!(explained.matches("decision: ").count(), 3);
        assert!(explained.contains("\"pgseal_exact_ssn\" = $1\n  $1: the search tag of a constant of the statement\n"));
        assert!(explained.contains("decision: refuse (0A000)"));
        assert!(explained.contains("hint: "));
        assert!(explained.contains("helper column: pgseal_exact_ssn\n"));
        assert!(explained.contains("decision: forward"));
    }
}
