//! A door: a way into a database. What is behind it must not depend on which one an application takes.

use super::answer::Answer;
use super::scenario::Step;

pub(crate) trait Door {
    type Session: Session;

    /// For messages.
    fn name(&self) -> String;

    /// A connection of its own.
    async fn connect(&self) -> Self::Session;
}

pub(crate) trait Session {
    /// Runs one statement and says all that an application is told.
    async fn run(&mut self, step: &Step) -> Answer;
}
