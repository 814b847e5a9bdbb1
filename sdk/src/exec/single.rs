//! A text that may hold one statement only: what is prepared.

use std::sync::Arc;

use crate::error::SqlState;
use crate::sql::{Decision, Effect, PathEffect, Plan, Refusal, Statement, Template};

/// What becomes of a prepared text.
#[derive(Debug, Clone)]
pub struct Single {
    /// `None`: it is forwarded.
    pub plan: Option<Arc<Plan>>,
    /// What is forwarded in the place of the text, if it is not the text.
    pub qualified: Option<Arc<Template>>,
    /// What running it changes in the session.
    pub effect: Effect,
    /// What running it does to the search path. A text of several statements is prepared by no server.
    pub path: Box<[PathEffect]>,
}

/// The decision about a text that is prepared, from the plans of its statements.
///
/// # Errors
/// The first refusal; PostgreSQL's own error (42601) for several statements of which one is planned: the text must
/// not travel to find that out.
pub fn single(statements: &[Statement]) -> Result<Single, Refusal> {
    let mut single = Single { plan: None, qualified: None, effect: Effect::None, path: Box::default() };
    for Statement { decision, effect, path, range: _ } in statements {
        match decision {
            Decision::Forward => {}
            Decision::Refuse(refusal) => return Err(refusal.clone()),
            Decision::Rewrite(_) | Decision::Qualify(_) if statements.len() > 1 => {
                let message = "cannot insert multiple commands into a prepared statement";
                return Err(Refusal::error(SqlState::SYNTAX_ERROR, message));
            }
            Decision::Qualify(template) => single.qualified = Some(Arc::clone(template)),
            Decision::Rewrite(plan) => single.plan = Some(Arc::clone(plan)),
        }
        if *effect == Effect::Opaque {
            single.effect = Effect::Opaque;
        }
        single.path.clone_from(path);
    }
    Ok(single)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(effect: Effect) -> Statement {
        Statement { range: 0..0, decision: Decision::Forward, effect, path: Box::default() }
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
