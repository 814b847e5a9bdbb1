//! What the server says about names of statements, cursors and objects, by its command tags (SQL-5, SQL-64, SQL-66).

use pgseal::exec::by_name::{Named, Told};

use super::super::state::{Change, State};

impl State {
    /// What a command tag says about names.
    pub(super) fn carried_out(&mut self, tag: &[u8]) {
        match tag {
            b"CLOSE CURSOR ALL" => self.portals.forget(),
            // What a prepared transaction made is not there, and may never be.
            b"ROLLBACK" | b"PREPARE TRANSACTION" => self.never_made.undo(),
            _ => {}
        }
        let change = self.queue.front().map(|entry| &mut entry.payload.change);
        let named = change.and_then(|change| change.take_if(|change| matches!(change, Change::Named(_))));
        let Some(Change::Named(mut named)) = named else {
            if matches!(tag, b"DISCARD ALL" | b"DEALLOCATE ALL" | b"DEALLOCATE") {
                self.all_deallocated(&Named::default().sent());
            }
            return;
        };
        self.never_made.made(&mut named);
        match named.told(tag) {
            Some(Told::Gone(name)) => {
                self.texts.gone(&name, &named);
                self.deallocated(&name, &named);
            }
            Some(Told::AllGone) => {
                self.texts.all_gone(&named);
                self.all_deallocated(&named);
            }
            Some(Told::Made(name)) => {
                // The server takes no name that means something already.
                drop(self.statements.remove(&name));
                self.texts.made(&name, &named);
                self.refused.made(&name, &named);
                self.closed.made(&name, &named);
            }
            Some(Told::Declared(name)) => {
                // A cursor of the server's own.
                drop(self.portals.remove(&name));
                self.refused.made(&name, &named);
                self.closed.made(&name, &named);
            }
            None => {}
        }
        if let Some(expected) = self.queue.front() {
            expected.payload.change = Some(Change::Named(named));
        }
    }
}
