//! The names of a session's prepared statements, whoever made them: a message, SQL, or a function (SQL-5, SQL-66).
//!
//! PostgreSQL keeps them in one table, and so does this: a name is planned, forwarded, barred, or unknown. A barred name
//! was to mean something and does not, since that was refused, or meant a planned statement that is gone: values for it do
//! not travel. It is barred until the server has given it a meaning that was passed on.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::by_name::{Named, key, names_protected};
use super::hash::Secret;
use super::statement::Statement;
use super::versions::Versions;
use crate::error::SqlState;
use crate::schema::Protection;
use crate::sql::Refusal;

/// Names that are barred at most: 63 bytes each.
const MOST_BARRED: usize = 10_000;

/// Bytes of texts that SQL prepared (SQL-66).
const MOST_SQL_BYTES: usize = 4 << 20;

/// Bytes of texts that messages prepared. Beyond it they are not kept, and must be prepared again under another lock.
const MOST_TEXT_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests;

/// The table.
#[derive(Default)]
pub(super) struct Names {
    slots: HashMap<Box<[u8]>, Slot, Secret>,
    weight: Weight,
    /// A name was one too many to bar, or was not read. It stays so: which one it was is not known.
    overflowed: bool,
    /// How many batches were ended.
    batch: u64,
}

/// What is known of one name.
#[derive(Default)]
struct Slot {
    /// What messages made.
    prepared: Versions<Arc<Statement>>,
    /// What SQL made, or may have.
    texts: Vec<Kept>,
    /// The number of the event that barred it.
    barred: Option<u64>,
}

/// The text of a PREPARE, or of a statement that the server told.
struct Kept {
    text: Arc<str>,
    /// The number of what was sent; 0 for what the server told.
    sent: u64,
    /// Of the protection under which it named nothing protected; `None` if that was never asked.
    epoch: Option<u64>,
}

/// What the slots add up to, so that no question walks them all.
#[derive(Debug, Default)]
struct Weight {
    planned: usize,
    barred: usize,
    text_bytes: usize,
    sql_bytes: usize,
}

impl Weight {
    fn more(&mut self, statement: &Statement) {
        self.planned += usize::from(statement.plan.is_some());
        self.text_bytes += statement.bytes();
    }

    fn less(&mut self, statement: Option<Arc<Statement>>) -> Option<Arc<Statement>> {
        if let Some(statement) = &statement {
            self.planned -= usize::from(statement.plan.is_some());
            self.text_bytes -= statement.bytes();
        }
        statement
    }
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.prepared.is_empty() && self.texts.is_empty() && self.barred.is_none()
    }

    fn is_planned(&self) -> bool {
        self.prepared.all().any(|statement| statement.plan.is_some())
    }

    /// A Close of a planned statement is under way.
    fn closes_planned(&self) -> bool {
        self.prepared.last().is_none() && self.is_planned()
    }

    fn bar(&mut self, event: u64, weight: &mut Weight) {
        weight.barred += usize::from(self.barred.replace(event).is_none());
    }

    /// The server has given the name a meaning that was passed on, by what was sent with this number.
    fn unbar(&mut self, number: u64, weight: &mut Weight) -> bool {
        let unbarred = self.barred.take_if(|event| *event <= number).is_some();
        weight.barred -= usize::from(unbarred);
        unbarred
    }

    fn keep(&mut self, kept: Kept, weight: &mut Weight) {
        weight.sql_bytes += kept.text.len();
        self.texts.push(kept);
    }

    fn retain(&mut self, weight: &mut Weight, stays: impl Fn(&Kept) -> bool) {
        self.texts.retain(|kept| {
            let stays = stays(kept);
            weight.sql_bytes -= if stays { 0 } else { kept.text.len() };
            stays
        });
    }

    /// What had the name before is gone. Whether a planned statement was, and nothing else is under way.
    fn deallocate(&mut self, weight: &mut Weight, stays: impl Fn(&Kept) -> bool) -> bool {
        self.retain(weight, stays);
        let planned = weight.less(self.prepared.forget()).is_some_and(|statement| statement.plan.is_some());
        planned && self.prepared.is_empty()
    }
}

impl Names {
    /// What a message made under this name, once everything sent is confirmed.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<Statement>> {
        self.slot(name)?.prepared.last()
    }

    /// Whether a Bind of this name goes on, whatever is in it, and changes nothing: a message made the name, nothing is under
    /// way that leaves it open, and its statement was forwarded in this epoch.
    pub(super) fn passes(&self, name: &[u8], epoch: u64) -> bool {
        self.slot(name).is_some_and(|slot| {
            slot.barred.is_none()
                && !slot.prepared.is_open(self.batch)
                && slot.prepared.last().is_some_and(|statement| statement.passes(epoch))
        })
    }

    /// Whether only the server's answer tells what the name means.
    pub(super) fn is_open(&self, name: &[u8]) -> bool {
        self.slot(name).is_some_and(|slot| slot.prepared.is_open(self.batch))
    }

    /// A batch was ended: what an error in it drops ends there.
    pub(super) fn end_batch(&mut self) {
        self.batch += 1;
    }

    /// Whether a message about the name gave it a meaning, now or while something is under way.
    pub(super) fn is_prepared(&self, name: &[u8]) -> bool {
        self.slot(name).is_some_and(|slot| !slot.prepared.is_empty())
    }

    /// Whether the server may have a statement of this name that SQL made.
    pub(super) fn is_sql(&self, name: &[u8]) -> bool {
        self.slot(name).is_some_and(|slot| !slot.texts.is_empty())
    }

    /// Nothing is known of any name.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// No name is planned or barred: no text can use one.
    pub(super) fn is_harmless(&self) -> bool {
        self.weight.planned == 0 && self.weight.barred == 0 && !self.overflowed
    }

    /// Whether a text that uses this name is refused: it is planned or barred, or nobody knows.
    pub(super) fn is_ours(&self, name: &[u8]) -> bool {
        let slot = self.slot(name);
        let known = slot.is_some_and(|slot| slot.is_planned() || slot.barred.is_some());
        known || (self.overflowed && slot.is_none_or(|slot| slot.texts.is_empty()))
    }

    /// Whether a Bind of this name, which has no plan, could bring the values of a statement that was refused, or of a
    /// planned one that is gone. Where not all such names are remembered, every name that means nothing counts.
    pub(super) fn is_barred(&self, name: &[u8]) -> bool {
        let slot = self.slot(name);
        let knows = || slot.is_some_and(|slot| slot.prepared.last().is_some() || !slot.texts.is_empty());
        slot.is_some_and(|slot| slot.barred.is_some() || slot.closes_planned()) || (self.overflowed && !knows())
    }

    /// A Parse was sent. [`Names::confirm`] or [`Names::withdraw`] follows.
    pub(super) fn prepare(&mut self, name: &[u8], mut statement: Statement) -> Arc<Statement> {
        if self.weight.text_bytes + statement.bytes() > MOST_TEXT_BYTES {
            statement.text = None;
        }
        self.send(name, statement)
    }

    fn send(&mut self, name: &[u8], mut statement: Statement) -> Arc<Statement> {
        let batch = self.batch;
        self.change(name, |slot, weight| {
            statement.was_barred |= slot.unbar(u64::MAX, weight) || slot.closes_planned();
            weight.more(&statement);
            let statement = Arc::new(statement);
            slot.prepared.send(Some(Arc::clone(&statement)), batch);
            statement
        })
    }

    /// A Close and a Parse were sent that prepare the statement of this name again.
    pub(super) fn prepare_again(&mut self, name: &[u8], mut statement: Statement) -> Arc<Statement> {
        let batch = self.batch;
        self.change(name, |slot, _| slot.prepared.send(None, batch));
        // There was room for its text, which goes with the Close: until then it may be here twice.
        if self.weight.text_bytes + statement.bytes() > 2 * MOST_TEXT_BYTES {
            statement.text = None;
        }
        self.send(name, statement)
    }

    /// What was prepared under this name goes on being forwarded.
    pub(super) fn renew(&mut self, name: &[u8], statement: Statement) -> Arc<Statement> {
        let statement = Arc::new(statement);
        let renewed = Arc::clone(&statement);
        self.change(name, |slot, weight| {
            weight.more(&statement);
            drop(weight.less(slot.prepared.renew(statement)));
        });
        renewed
    }

    /// A Close was sent, of a name that messages made.
    pub(super) fn close(&mut self, name: &[u8]) {
        let batch = self.batch;
        self.change(name, |slot, _| slot.prepared.send(None, batch));
    }

    /// The server confirmed the oldest message about the name.
    pub(super) fn confirm(&mut self, name: &[u8], event: u64) {
        let gone = self.change(name, |slot, weight| {
            let planned = weight.less(slot.prepared.confirm()).is_some_and(|statement| statement.plan.is_some());
            planned && slot.prepared.is_empty()
        });
        if gone {
            self.bar(name, event);
        }
    }

    /// The server dropped it: it has no such statement, or another one, which the values for a planned one must not reach.
    pub(super) fn withdraw(&mut self, name: &[u8], event: u64) {
        let withdrawn = self.change(name, |slot, weight| weight.less(slot.prepared.withdraw()));
        let refused = withdrawn.is_some_and(|statement| statement.plan.is_some() || statement.was_barred);
        if refused && self.get(name).is_none_or(|statement| statement.plan.is_none()) {
            self.bar(name, event);
        }
    }

    /// The last message about the name was not sent after all.
    pub(super) fn take_back(&mut self, name: &[u8]) {
        self.change(name, |slot, weight| drop(weight.less(slot.prepared.take_back())));
    }

    /// The name does not mean what it was to mean.
    pub(super) fn bar(&mut self, name: &[u8], event: u64) {
        let known = self.slot(name).is_some_and(|slot| slot.barred.is_some());
        if known || self.weight.barred < MOST_BARRED {
            self.change(name, |slot, weight| slot.bar(event, weight));
        } else {
            self.overflowed = true;
        }
    }

    /// A text was refused: what it would have made is not there.
    pub(super) fn refused(&mut self, named: &Named, event: u64) {
        for name in named.made_names() {
            match name {
                Some(name) => self.bar(name, event),
                // It could be any.
                None => self.overflowed = true,
            }
        }
    }

    /// A text was sent whose statements name nothing protected in this epoch.
    pub(super) fn sent(&mut self, named: &Named, epoch: u64) {
        for (name, text, _) in named.texts() {
            let kept = Kept { text: Arc::clone(text), sent: named.number(), epoch: Some(epoch) };
            self.change(name, |slot, weight| slot.keep(kept, weight));
        }
    }

    /// The refusal of a text whose PREPAREs are too much to keep.
    pub(super) fn too_much(&self, named: &Named) -> Option<Refusal> {
        let mut bytes = self.weight.sql_bytes;
        let at = named.texts().find_map(|(_, text, at)| {
            bytes += text.len();
            (bytes > MOST_SQL_BYTES).then_some(at)
        })?;
        let message = "the statements that this session prepared in SQL are longer than 4 MB";
        let refusal = Refusal::error(SqlState::PROGRAM_LIMIT_EXCEEDED, message).at(at);
        Some(refusal.hint("Free some with DEALLOCATE, or prepare them by message."))
    }

    /// The server says what it has under this name; not kept if there is no room.
    pub(super) fn learn(&mut self, name: &[u8], text: &str) {
        if self.weight.sql_bytes + text.len() <= MOST_SQL_BYTES {
            let kept = Kept { text: text.into(), sent: 0, epoch: None };
            self.change(name, |slot, weight| slot.keep(kept, weight));
        }
    }

    /// Something was sent that may change what the server was asked for.
    pub(super) fn unlearn(&mut self) {
        if self.weight.sql_bytes > 0 {
            self.change_all(|_, slot, weight| slot.retain(weight, |kept| kept.sent > 0));
        }
    }

    /// The server has carried out a PREPARE of this text. It takes no name that means something already.
    pub(super) fn made(&mut self, name: &[u8], named: &Named) {
        self.change(name, |slot, weight| {
            slot.deallocate(weight, |kept| kept.sent >= named.number());
            slot.unbar(named.number(), weight);
        });
    }

    /// The server has declared a cursor of this name: what was refused under it is there now.
    pub(super) fn declared(&mut self, name: &[u8], named: &Named) {
        self.change(name, |slot, weight| slot.unbar(named.number(), weight));
    }

    /// The server carried out a DEALLOCATE. A client that binds a planned statement by its old name is told so here: its
    /// values do not travel in the clear to find that out.
    pub(super) fn deallocated(&mut self, name: &[u8], named: &Named) {
        let planned = self.change(name, |slot, weight| slot.deallocate(weight, |kept| outlives(kept, named)));
        if planned {
            self.bar(name, named.number());
        }
    }

    /// The server carried out a DEALLOCATE ALL or DISCARD ALL, or, without `named`, a DEALLOCATE of which it is not known
    /// what it named. The unnamed statement is none of those.
    pub(super) fn all_deallocated(&mut self, named: Option<&Named>, event: u64) {
        let stays = |kept: &Kept| named.is_none_or(|named| outlives(kept, named));
        let mut planned: Vec<Box<[u8]>> = Vec::new();
        self.change_all(|name, slot, weight| {
            if !name.is_empty() && slot.deallocate(weight, stays) {
                planned.push(name.into());
            }
        });
        planned.iter().for_each(|name| self.bar(name, event));
    }

    /// All of this text was answered: what was not made by now never is.
    pub(super) fn settle(&mut self, named: &Named) {
        for (name, text, _) in named.texts() {
            self.change(name, |slot, weight| slot.retain(weight, |kept| !Arc::ptr_eq(&kept.text, text)));
        }
    }

    /// The refusal to run what SQL made under this name, if it names something that is protected now (SQL-66).
    pub(super) fn stale(&mut self, name: &[u8], protection: &Protection) -> Option<Refusal> {
        let slot = self.slots.get_mut(key(name))?;
        for kept in slot.texts.iter_mut().filter(|kept| kept.epoch != Some(protection.epoch)) {
            if let Some(refusal) = names_protected(&kept.text, protection) {
                return Some(refusal);
            }
            kept.epoch = Some(protection.epoch);
        }
        let harmless = |statement: &&Arc<Statement>| statement.plan.is_none() && statement.epoch != protection.epoch;
        let text = |statement: &Arc<Statement>| match statement.text() {
            Some(text) => names_protected(text, protection),
            None => Some(unremembered()),
        };
        slot.prepared.all().filter(harmless).find_map(text)
    }

    /// The texts of what is forwarded under this name; `None` for one that is not kept.
    pub(super) fn forwarded(&self, name: &[u8]) -> impl Iterator<Item = Option<&str>> {
        let slot = self.slot(name);
        let prepared = slot.into_iter().flat_map(|slot| slot.prepared.all());
        let prepared = prepared.filter(|statement| statement.plan.is_none()).map(|statement| statement.text());
        prepared.chain(slot.into_iter().flat_map(|slot| &slot.texts).map(|kept| Some(&*kept.text)))
    }

    fn slot(&self, name: &[u8]) -> Option<&Slot> {
        self.slots.get(key(name))
    }

    fn change<R>(&mut self, name: &[u8], change: impl FnOnce(&mut Slot, &mut Weight) -> R) -> R {
        let slot = match self.slots.get_mut(key(name)) {
            Some(slot) => slot,
            None => self.slots.entry(key(name).into()).or_default(),
        };
        let result = change(slot, &mut self.weight);
        if slot.is_empty() {
            self.slots.remove(key(name));
        }
        result
    }

    fn change_all(&mut self, mut change: impl FnMut(&[u8], &mut Slot, &mut Weight)) {
        let weight = &mut self.weight;
        self.slots.retain(|name, slot| {
            change(name, slot, weight);
            !slot.is_empty()
        });
    }
}

/// Whether a text is still to be prepared when a statement of `named` takes its name away.
fn outlives(kept: &Kept, named: &Named) -> bool {
    let pending = || named.texts().any(|(_, text, _)| Arc::ptr_eq(text, &kept.text));
    kept.sent > named.number() || (kept.sent == named.number() && pending())
}

/// What was prepared before there was anything to remember it for.
pub(super) fn unremembered() -> Refusal {
    let message = "the schema has changed since this statement was prepared, or there was no room to remember its text";
    Refusal::error(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message).hint("Prepare it again, or connect again.")
}
