//! Which names of this session mean planned statements and portals, or were to mean refused ones (SQL-5).

use pgseal::exec::by_name;
use pgseal::sql::Refusal;

use super::super::state::State;

impl State {
    /// The refusal of a text that goes on as it is, if it uses a planned statement or portal by name.
    pub(super) fn uses_by_name(&self, text: &str) -> Option<Refusal> {
        let mut planned = self.statements.meanings().filter(|(_, statement)| statement.plan.is_some());
        let none = self.refused.is_empty() && self.closed.is_empty();
        if none && planned.next().is_none() && self.portals.meanings().next().is_none() {
            return None;
        }
        by_name::uses(text, |name| self.is_planned(name))
    }

    fn is_planned(&self, name: &[u8]) -> bool {
        self.statements.meanings().any(|(known, statement)| statement.plan.is_some() && known == name)
            || self.portals.meanings().any(|(known, _)| known == name)
            || self.refused.may_hold(name)
            || self.closed.contains(name)
    }

    /// Whether a Bind of this name, which has no plan, could bring the values of a statement that was refused, or of a
    /// planned one that is gone. Where not all such names are remembered, every name that means nothing counts.
    pub(super) fn is_refused(&self, name: &[u8]) -> bool {
        let overflowed = self.refused.has_overflowed() || self.closed.has_overflowed();
        self.refused.contains(name) || self.closed.contains(name) || (overflowed && self.statements.get(name).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_name_that_is_one_too_many_to_remember_is_not_executed_by_sql_either_sql_5() {
        let mut state = State::new(None);
        for number in 0..=10_000 {
            state.refused.insert(format!("p{number}").as_bytes());
        }
        assert!(state.uses_by_name("EXECUTE p10000('x')").is_some());
        state.refused.remove(b"p0");
        assert!(state.uses_by_name("EXECUTE p10000('x')").is_some(), "what was not remembered stays unknown");
        assert!(state.is_refused(b"p10000"));
        assert!(state.uses_by_name("SELECT 'x'").is_none());
    }
}
