//! From a statement to a decision: what goes through the passes, what is refused or forwarded, and one look at the plan.

mod check;
pub(in crate::sql) mod draft;
mod mention;
mod namesake;
pub(in crate::sql) mod scope;
pub(in crate::sql) mod source;
mod utility;
mod work;

#[cfg(test)]
pub(super) mod tests;

use std::ops::Range;
use std::sync::Arc;

use sqlparser::ast;

use self::mention::Touched;
use self::source::{Source, unreadable};
use super::lex::Token;
use super::names::Names;
use super::parse::{self, Part, syntax};
use super::stack::{self, Stack};
use super::tree::Tree;
use super::{Decision, Plan, Refusal, Template, infer, lower, resolve, settings};
use crate::error::SqlState;
use crate::schema::Protection;

pub use super::lower::guard::{GUARD_HEAD, GUARD_MARK, GUARD_SQLSTATE, GUARD_TAIL};

/// One statement as it comes, with all that it may be read against.
struct Statement<'a> {
    /// Its text and tokens.
    source: &'a Source<'a>,
    /// Its bytes in the text.
    range: Range<usize>,
    /// OIDs of the Parse message.
    declared: &'a [u32],
    /// What is protected.
    protection: &'a Protection,
}

/// Decides about one statement of `text`. `tokens` are those of the whole text.
pub(super) fn decide(text: &str, tokens: &[Token], part: &Part, declared: &[u32], names: &Names<'_>) -> Decision {
    match planned(text, tokens, part, declared, names) {
        Ok(Planned::Plan(mut plan)) => {
            if let Err(refusal) = check::apart(&plan) {
                return Decision::Refuse(refusal);
            }
            let own = tokens.get(part.tokens.clone()).unwrap_or(&[]);
            plan.notes.depends_on = settings::dependencies(text, own, &plan);
            Decision::Rewrite(Arc::new(*plan))
        }
        Ok(Planned::Qualified(template)) => Decision::Qualify(Arc::new(template)),
        Ok(Planned::Nothing) => Decision::Forward,
        // PostgreSQL's grammar comes first, but what was too large is not read again.
        Err(refusal) if refusal.sqlstate == SqlState::STATEMENT_TOO_COMPLEX => Decision::Refuse(refusal),
        Err(refusal) => Decision::Refuse(syntax::error(text, tokens, part).unwrap_or(refusal)),
    }
}

/// What a statement needs.
enum Planned {
    Nothing,
    Qualified(Template),
    Plan(Box<Plan>),
}

fn planned(text: &str, tokens: &[Token], part: &Part, declared: &[u32], names: &Names<'_>) -> Result<Planned, Refusal> {
    let protection = names.protection();
    let own = tokens.get(part.tokens.clone()).ok_or_else(unreadable)?;
    match mention::touches(text, own, names)? {
        Touched::Nothing => return Ok(Planned::Nothing),
        Touched::Namesakes(namesakes) => {
            let qualified = |_: Stack| {
                let source = Source::new(text, own, part.before);
                namesake::qualified(&source, part.range.clone(), &namesakes)
            };
            return stack::run(true, qualified).map(Planned::Qualified);
        }
        Touched::Protected => {}
    }
    let plan = |stack: Stack| {
        let source = Source::new(text, own, part.before);
        let statement = Statement { source: &source, range: part.range.clone(), declared, protection };
        if source.is_word(0, "table") {
            // The parser does not know the command.
            return passes(text, &statement, &Tree::table(text, own)?, stack);
        }
        let parsed = parse::parse(text, tokens, part)?;
        match &parsed.statement {
            ast::Statement::Query(_)
            | ast::Statement::Insert(_)
            | ast::Statement::Update(_)
            | ast::Statement::Delete(_) => {
                let tree = Tree::read(text, own, &parsed.statement, stack)?;
                passes(text, &statement, &tree, stack)
            }
            other => utility::plan(&statement, other),
        }
    };
    stack::run(parse::is_shallow(text, own), plan).map(|plan| Planned::Plan(Box::new(plan)))
}

/// A statement on rows, through the passes: names, what expressions hold, the physical statement.
fn passes(text: &str, statement: &Statement<'_>, tree: &Tree<'_>, stack: Stack) -> Result<Plan, Refusal> {
    let Statement { source, range, declared, protection } = statement;
    let names = resolve::resolve(tree, source.tokens, protection, &resolve::Unknown, stack)?;
    let statement = infer::Statement { tree, names: &names, source, text, tokens: source.tokens, stack };
    let typed = infer::infer(statement, declared)?;
    lower::lower(statement, typed, range.clone())
}
