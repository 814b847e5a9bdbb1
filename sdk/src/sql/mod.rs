//! From a logical statement to a physical one, or to a refusal: a pure function of text, declared parameter types
//! and [`Protection`]. No keys and no values: literals stay in the plan as inputs that `exec` seals.
//!
//! `client_text` makes of a client's bytes the text that all others read, `lex` reads tokens as PostgreSQL does, `names` decides
//! from them whether a protected object can be meant, `parse` holds sqlparser against our own tokens, `plan` decides through the
//! passes `tree`, `resolve`, `infer` and `lower`, `splice` edits the original bytes.

pub mod client_text;
mod condition;
mod constant;
mod effects;
pub mod explain;
pub mod functions;
mod infer;
pub mod lex;
pub mod literal;
mod lower;
pub mod names;
pub mod parse;
mod physical;
pub mod plan;
mod refusal;
mod resolve;
pub mod settings;
mod splice;
mod stack;
mod tree;

pub use condition::Condition;
pub use names::PathEffect;
pub use physical::{
    Effect, Input, Literal, Notes, Origin, OutputColumn, OutputSource, ParamRole, PhysicalType, Piece, Plan, Presence,
    ReadModifyWrite, ReadRow, Recipe, RowShape, Slot, Steps, Template, Verb, WriteRow,
};
pub use refusal::Refusal;

use std::ops::Range;
use std::sync::Arc;

use crate::encoding::is_outline;
use crate::error::SqlState;
use crate::schema::Protection;
use effects::Effects;

/// What happens to one statement.
#[derive(Debug, Clone)]
pub enum Decision {
    /// It cannot touch a protected object: the bytes go on as they are.
    Forward,
    /// It touches relations that only share a protected table's name: it goes on with their schemas spliced in, and
    /// what comes back goes on as it is (SQL-63).
    Qualify(Arc<Template>),
    /// It was understood completely.
    Rewrite(Arc<Plan>),
    /// It is answered with an error, and nothing of it leaves.
    Refuse(Refusal),
}

/// One statement of a query text.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its bytes in the text, without the semicolon.
    pub range: Range<usize>,
    /// What happens to it.
    pub decision: Decision,
    /// What it changes in the session once the server has confirmed it.
    pub effect: Effect,
    /// What it does to the search path: of each statement in `range` that is not empty; none at all if none does
    /// anything.
    pub path: Box<[PathEffect]>,
}

/// Plans every statement of `text`. `declared` are the OIDs of a Parse message (0 = not said).
///
/// The common case costs one scan: if no token can name a protected object there is one `Forward` over the whole
/// text. A text that does not parse and could name one is refused (SQL-5).
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
#[doc = include_str!("doctest.txt")]
/// use pgseal::sql::{self, Decision};
///
/// # let protection = protection()?;
/// let text = "SELECT 1; SELECT diagnosis FROM patient; SELECT id FROM patient ORDER BY diagnosis";
/// let decisions: Vec<Decision> = sql::plan(text, &[], &protection).into_iter().map(|s| s.decision).collect();
/// let [Decision::Forward, Decision::Rewrite(_), Decision::Refuse(refusal)] = &decisions[..] else {
///     panic!("another decision");
/// };
/// assert_eq!(refusal.sqlstate.to_string(), "0A000");
/// assert!(refusal.message.contains("patient.diagnosis"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan(text: &str, declared: &[u32], protection: &Protection) -> Vec<Statement> {
    plan_each(text, declared, protection, |_| None)
}

/// The same where a statement may change what the names in those behind it mean: `then` is told what it does to the
/// search path, and says what is protected from there on if that is another thing.
pub fn plan_each(
    text: &str,
    declared: &[u32],
    protection: &Protection,
    mut then: impl FnMut(&PathEffect) -> Option<Arc<Protection>>,
) -> Vec<Statement> {
    let whole = |decision, effects: Effects| vec![effects.of(0..text.len(), decision)];
    let tokens = lex::lex(text);
    let known = names::Names::of(protection);
    let outline = is_outline(text);
    if protection.is_empty() || known.first(text).is_none() && (!outline || known.are_ascii()) {
        // A text without tokens is an error at the server: it changes nothing.
        let Ok(tokens) = tokens else { return whole(Decision::Forward, Effects::default()) };
        let harmful = if protection.is_empty() { None } else { settings::refusal(text, &tokens) };
        let effects = Effects::read(text, &tokens, protection);
        let effects = if outline { effects.outlined() } else { effects };
        return whole(harmful.map_or(Decision::Forward, Decision::Refuse), effects);
    }
    if outline {
        return whole(Decision::Refuse(client_text::unread_text()), Effects::unread());
    }
    let tokens = match tokens {
        Ok(tokens) => tokens,
        Err(error) => {
            let refusal = Refusal::error(SqlState::SYNTAX_ERROR, error.what).at(error.at);
            return whole(Decision::Refuse(refusal), Effects::default());
        }
    };
    let parts = match parse::split(text, &tokens) {
        Ok(parts) => parts,
        Err(refusal) => return whole(Decision::Refuse(refusal), Effects::default()),
    };
    let mut other: Option<Arc<Protection>> = None;
    parts
        .into_iter()
        .map(|part| {
            let own = tokens.get(part.tokens.clone()).unwrap_or(&[]);
            let decide = || match &other {
                Some(protection) => plan::decide(text, &tokens, &part, declared, &names::Names::of(protection)),
                None => plan::decide(text, &tokens, &part, declared, &known),
            };
            let decision = settings::refusal(text, own).map_or_else(decide, Decision::Refuse);
            let effects = Effects::read(text, own, protection);
            for effect in &effects.path {
                other = then(effect).or(other.take());
            }
            effects.of(part.range, decision)
        })
        .collect()
}

/// The bytes of each statement of a text, without its semicolon; `None` if it has no tokens, or its statements are not told
/// apart.
pub fn ranges(text: &str) -> Option<Vec<Range<usize>>> {
    let tokens = lex::lex(text).ok()?;
    Some(parse::split(text, &tokens).ok()?.into_iter().map(|part| part.range).collect())
}

/// Whether the statements of a text from this number on are statements to the parser.
pub fn parses(text: &str, from: usize) -> bool {
    let Ok(tokens) = lex::lex(text) else { return false };
    let Ok(parts) = parse::split(text, &tokens) else { return false };
    parts.iter().skip(from).all(|part| {
        let own = tokens.get(part.tokens.clone()).unwrap_or(&[]);
        stack::run(parse::is_shallow(text, own), |_| parse::parse(text, &tokens, part).map(drop)).is_ok()
    })
}
