//! What the server's answers change.

use super::super::by_name::{Named, Told};
use super::super::facts::Transaction;
use super::path::Path;
use super::{Change, Session};

impl<P> Session<P> {
    /// What comes next is not dropped by an error in what was sent so far.
    pub fn end_batch(&mut self) {
        self.names.end_batch();
        self.portals.end_batch();
    }

    /// The server has carried out a statement, with this command tag, of the text that `change` is.
    pub fn carried_out(&mut self, change: Option<&mut Change>, tag: &[u8]) {
        match tag {
            b"CLOSE CURSOR ALL" => self.portals.forget(),
            // What a prepared transaction made is not there, and may never be.
            b"ROLLBACK" | b"PREPARE TRANSACTION" => self.undone(),
            _ => {}
        }
        if let (Some(Change::Named(named)), Some(path)) = (&change, &mut self.path)
            && let Some(number) = named.path_number()
        {
            path.confirmed(number, tag);
        }
        let Some(Change::Named(named)) = change else {
            if matches!(tag, b"DISCARD ALL" | b"DEALLOCATE ALL" | b"DEALLOCATE") {
                let event = self.event();
                self.names.all_deallocated(None, event);
            }
            return;
        };
        self.never_made.made(named);
        if let Some(told) = named.told(tag) {
            self.told(told, named);
        }
    }

    /// The server has carried out every statement of the text that `change` is: the driver hides the tags.
    pub fn all_carried_out(&mut self, change: &mut Change) {
        let Change::Named(named) = change else { return };
        self.never_made.all_made(named);
        while let Some(told) = named.told_next() {
            self.told(told, named);
        }
    }

    fn told(&mut self, told: Told, named: &Named) {
        match told {
            Told::Gone(name) => self.names.deallocated(&name, named),
            Told::AllGone => self.names.all_deallocated(Some(named), named.number()),
            Told::Made(name) => self.names.made(&name, named),
            Told::Declared(name) => {
                // A cursor of the server's own.
                self.portals.remove(&name);
                self.names.declared(&name, named);
            }
        }
    }

    /// The server confirmed what was sent. Whether a name has one message less under way.
    pub fn confirm(&mut self, change: &Change) {
        match change {
            Change::Statement(name) => {
                let event = self.event();
                self.names.confirm(name, event);
            }
            Change::Portal(name) => self.portals.confirm(name),
            Change::Named(named) => self.settle(named),
        }
    }

    /// The server dropped what was sent, or answered it with an error.
    pub fn withdraw(&mut self, change: &Change) {
        match change {
            Change::Statement(name) => {
                let event = self.event();
                self.names.withdraw(name, event);
            }
            Change::Portal(name) => self.portals.withdraw(name),
            Change::Named(named) => self.settle(named),
        }
    }

    fn settle(&mut self, named: &Named) {
        self.names.settle(named);
        if let (Some(number), Some(path)) = (named.path_number(), &mut self.path) {
            path.closed(number);
        }
        self.renaming = self.renaming.saturating_sub(usize::from(named.changes_statements()));
    }

    /// An error of the server.
    pub fn failed(&mut self) {
        self.path.iter_mut().for_each(Path::failed);
        self.undone();
    }

    /// What was made in this transaction may be gone.
    fn undone(&mut self) {
        let event = self.event();
        self.never_made.undo(event);
    }

    /// No transaction is open any more: what was made stays, and portals are gone.
    pub fn idle(&mut self) {
        self.portals.forget();
        self.never_made.settle();
        self.wrote = None;
    }

    /// ReadyForQuery. `last`: nothing was sent behind the message that it answers.
    pub fn ready_for_query(&mut self, transaction: Transaction, last: bool) {
        self.facts.ready_for_query(transaction, last);
        self.path.iter_mut().for_each(|path| path.ready(transaction, last));
        if transaction == Transaction::Idle {
            self.idle();
        }
    }
}
