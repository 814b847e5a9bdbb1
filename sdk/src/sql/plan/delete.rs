//! DELETE by plain or exact predicates.
