//! A corpus through a door: prepared statements with parameters and rows in binary, as drivers use them.

use tokio::runtime::Runtime;

use crate::doors::door::{Door, Session};
use crate::doors::param::{Form, Param};
use crate::doors::scenario::{Actor, Expect, Step};

use super::answer::{Answer, Said};
use super::file::Statement;
use super::run::Ask;

/// A session and the runtime that carries it.
pub(super) struct Through<S> {
    session: S,
    runtime: Runtime,
}

/// In which form parameters are sent.
pub(super) const FORM: Form = Form::Binary;

impl<S: Session> Through<S> {
    /// A door is opened on the runtime on which it is used.
    pub(super) fn open<D: Door<Session = S>>(door: impl AsyncFnOnce() -> D) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let session = runtime.block_on(async { door().await.connect().await });
        Self { session, runtime }
    }

    fn run(&mut self, sql: &str, params: Vec<Param>) -> crate::doors::answer::Answer {
        let step = Step {
            line: 0,
            actor: Actor::Session('a'),
            sql: sql.to_owned(),
            params,
            expect: Expect::Twin,
            standard: false,
        };
        self.runtime.block_on(self.session.run(&step))
    }
}

impl<S: Session> Ask for Through<S> {
    fn ask(&mut self, statement: &Statement) -> Said {
        if !statement.keep {
            self.run("BEGIN", vec![]);
        }
        let params = statement.params.iter().flatten().cloned();
        let told = self.run(&statement.sql, params.map(|param| param.map_or(Param::Null, Param::Text)).collect());
        // A door does not say in which state the transaction is; whether it failed is asked.
        let failed = self.run("SELECT 1", vec![]).error.is_some();
        self.run("ROLLBACK", vec![]);
        said(told, statement.ordered, if failed { 'E' } else { '?' })
    }
}

fn said(told: crate::doors::answer::Answer, ordered: bool, status: char) -> Said {
    let mut rows = told.rows;
    if !ordered {
        rows.sort();
    }
    let types = told.parameters.iter().map(|oid| (String::new(), fixed(*oid)));
    let columns = told.columns.into_iter().map(|(name, oid)| (name, fixed(oid)));
    let (error, message, hint, position) = match told.error {
        Some(error) => (Some(error.code), error.message, error.hint, error.position),
        None => (None, String::new(), None, None),
    };
    let columns = if error.is_some() { vec![] } else { vec![types.collect(), columns.collect()] };
    let answer = Answer { error, columns, rows, tags: vec![told.affected.to_string()], status };
    Said { answer, message, hint, position: position.map(|position| position.to_string()) }
}

/// Of what a description says of a type, its OID is all that a door shows.
fn fixed(oid: u32) -> [u8; 10] {
    let mut fixed = [0; 10];
    fixed[..4].copy_from_slice(&oid.to_be_bytes());
    fixed
}
