//! A text that may hold one statement only: what is prepared.

use std::sync::Arc;

use crate::error::SqlState;
use crate::sql::{Decision, Effect, Plan, Refusal, Statement};

/// What becomes of a prepared text.
#[derive(Debug, Clone)]
pub struct Single {
    /// `None`: it is forwarded.
    pub plan: Option<Arc<Plan>>,
    /// What running it changes in the session.
    pub effect: Effect,
}

/// The decision about a text that is prepared, from the plans of its statements.
///
/// # Errors
/// The first refusal; PostgreSQL's own error (42601) for several statements of which one is planned: the text must
/// not travel to find that out.
pub fn single(statements: &[Statement]) -> Result<Single, Refusal> {
    let mut single = Single { plan: None, effect: Effect::None };
    for Statement { decision, effect, range: _ } in statements {
        match decision {
            Decision::Forward => {}
            Decision::Refuse(refusal) => return Err(refusal.clone()),
            Decision::Rewrite(_) if statements.len() > 1 => {
                let message = "cannot insert multiple commands into a prepared statement";
                return Err(Refusal::error(SqlState::SYNTAX_ERROR, message));
            }
            Decision::Rewrite(plan) => single.plan = Some(Arc::clone(plan)),
        }
        if *effect == Effect::Opaque {
            single.effect = Effect::Opaque;
        }
    }
    Ok(single)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(effect: Effect) -> Statement {
        Statement { range: 0..0, decision: Decision::Forward, effect }
    }

    #[test]
    fn one_opaque_statement_makes_the_text_opaque() {
        let statements = [forward(Effect::Opaque), forward(Effect::None)];
        let single = single(&statements).unwrap();
        assert!(single.plan.is_none());
        assert_eq!(single.effect, Effect::Opaque);
    }

    #[test]
    fn the_first_refusal_is_the_texts() {
        let refused =
            |message: &str| Statement { decision: Decision::Refuse(Refusal::new(message)), ..forward(Effect::None) };
        let statements = [forward(Effect::None), refused("first"), refused("second")];
        assert_eq!(single(&statements).unwrap_err().message, "first");
    }
}
