//! One door writes, the other reads: what is sealed through either opens through the other.

use super::answer::Answer;
use super::door::{Door, Session};
use super::scenario::Step;

pub(super) struct Mixed<'a, W, R> {
    pub(super) writes: &'a W,
    pub(super) reads: &'a R,
}

pub(super) struct MixedSession<W, R> {
    writer: W,
    reader: R,
    /// What a block has written only its own connection sees.
    in_block: bool,
}

impl<W: Door, R: Door> Door for Mixed<'_, W, R> {
    type Session = MixedSession<W::Session, R::Session>;

    fn name(&self) -> String {
        format!("{} writes, {} reads", self.writes.name(), self.reads.name())
    }

    async fn connect(&self) -> Self::Session {
        MixedSession { writer: self.writes.connect().await, reader: self.reads.connect().await, in_block: false }
    }
}

impl<W: Session, R: Session> Session for MixedSession<W, R> {
    async fn run(&mut self, step: &Step) -> Answer {
        let words: Vec<&str> = step.sql.split_whitespace().collect();
        match words.as_slice() {
            ["BEGIN" | "START", ..] | [_, "AND", "CHAIN"] => self.in_block = true,
            ["ROLLBACK", "TO", ..] => {}
            ["COMMIT" | "END" | "ROLLBACK" | "ABORT", ..] => self.in_block = false,
            ["SELECT", ..] if !self.in_block => return self.reader.run(step).await,
            // A setting that both sessions need.
            ["SET" | "RESET", ..] if !self.in_block => {
                let answer = self.reader.run(step).await;
                assert_eq!(self.writer.run(step).await, answer, "{}", step.sql);
                return answer;
            }
            _ => {}
        }
        self.writer.run(step).await
    }
}
