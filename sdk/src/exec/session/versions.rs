//! What a name means, has meant, and will mean once the server has answered.
//!
//! A name means what was sent last, so that a Bind may follow its Parse without waiting; but what the server has not
//! confirmed is withdrawn again when the server drops it. Behind a Sync, what was sent last may be lost and an older
//! meaning live on ([`Versions::is_open`]): then only the server's answer tells.

use std::collections::{HashMap, VecDeque};

use super::super::by_name::key;
use super::hash::Secret;

/// The meanings of one name.
#[derive(Debug)]
pub(super) struct Versions<T> {
    confirmed: Option<T>,
    /// What was sent and not answered yet, oldest first.
    sent: VecDeque<Sent<T>>,
}

/// A message about a name.
#[derive(Debug)]
struct Sent<T> {
    /// `None` takes the name away.
    meaning: Option<T>,
    /// The batch that it stands in: an error drops what stands behind it there, and nothing of the next one.
    batch: u64,
}

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Self { confirmed: None, sent: VecDeque::new() }
    }
}

impl<T> Versions<T> {
    /// What the name will mean once everything sent is confirmed.
    pub(super) fn last(&self) -> Option<&T> {
        match self.sent.back() {
            Some(sent) => sent.meaning.as_ref(),
            None => self.confirmed.as_ref(),
        }
    }

    /// Whether the name has an older meaning that lives on if the server has dropped what was sent last, and this may
    /// have happened without touching what is sent in this batch: one was ended in between.
    pub(super) fn is_open(&self, batch: u64) -> bool {
        let older = self.sent.len() > 1 || self.confirmed.is_some();
        older && self.sent.back().is_some_and(|last| last.batch != batch)
    }

    /// The name means nothing, and nothing is under way that may change it.
    pub(super) fn is_empty(&self) -> bool {
        self.confirmed.is_none() && self.sent.is_empty()
    }

    /// Every meaning that the name has, or may get by what is under way.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.confirmed.iter().chain(self.sent.iter().filter_map(|sent| sent.meaning.as_ref()))
    }

    /// A message was sent that gives the name a meaning, or takes it away. [`Versions::confirm`] or
    /// [`Versions::withdraw`] follows for each, in the same order.
    pub(super) fn send(&mut self, meaning: Option<T>, batch: u64) {
        self.sent.push_back(Sent { meaning, batch });
    }

    /// What the name will mean is known better now; what it was.
    pub(super) fn renew(&mut self, meaning: T) -> Option<T> {
        let last = self.sent.back_mut().map_or(&mut self.confirmed, |sent| &mut sent.meaning);
        last.replace(meaning)
    }

    /// The server confirmed the oldest message; what the name meant before.
    pub(super) fn confirm(&mut self) -> Option<T> {
        let sent = self.sent.pop_front()?;
        std::mem::replace(&mut self.confirmed, sent.meaning)
    }

    /// The server dropped the oldest message; the meaning that it would have given.
    pub(super) fn withdraw(&mut self) -> Option<T> {
        self.sent.pop_front()?.meaning
    }

    /// What was to be sent last was not; the meaning that it would have given.
    pub(super) fn take_back(&mut self) -> Option<T> {
        self.sent.pop_back()?.meaning
    }

    /// The server forgot the name; what it meant.
    pub(super) fn forget(&mut self) -> Option<T> {
        self.confirmed.take()
    }
}

/// Portals by name.
#[derive(Debug)]
pub struct Portals<T> {
    /// The one that nearly every client uses.
    unnamed: Versions<T>,
    named: HashMap<Box<[u8]>, Versions<T>, Secret>,
    batch: u64,
}

impl<T> Default for Portals<T> {
    fn default() -> Self {
        Self { unnamed: Versions::default(), named: HashMap::default(), batch: 0 }
    }
}

impl<T> Portals<T> {
    /// What the name will mean once everything sent is confirmed.
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        self.versions(name).and_then(Versions::last)
    }

    /// A batch was ended: what an error in it drops ends there.
    pub fn end_batch(&mut self) {
        self.batch += 1;
    }

    /// Every meaning that the name has, or may get by what is under way.
    pub fn all(&self, name: &[u8]) -> impl Iterator<Item = &T> {
        self.versions(name).into_iter().flat_map(Versions::all)
    }

    /// Whether only the server's answer tells what the name means.
    pub fn is_open(&self, name: &[u8]) -> bool {
        self.versions(name).is_some_and(|versions| versions.is_open(self.batch))
    }

    /// Whether the name means anything, now or while something is under way.
    pub fn knows(&self, name: &[u8]) -> bool {
        self.versions(name).is_some()
    }

    /// Whether no name means anything.
    pub fn is_empty(&self) -> bool {
        self.unnamed.is_empty() && self.named.is_empty()
    }

    /// A message was sent that gives the name a meaning, or takes it away; [`Portals::confirm`] or [`Portals::withdraw`]
    /// follows.
    pub fn send(&mut self, name: &[u8], meaning: Option<T>) {
        let batch = self.batch;
        match key(name) {
            b"" => self.unnamed.send(meaning, batch),
            name => match self.named.get_mut(name) {
                Some(versions) => versions.send(meaning, batch),
                None => self.named.entry(name.into()).or_default().send(meaning, batch),
            },
        }
    }

    /// The server confirmed the oldest message about the name.
    pub fn confirm(&mut self, name: &[u8]) {
        self.change(name, |versions| drop(versions.confirm()));
    }

    /// The server dropped it.
    pub fn withdraw(&mut self, name: &[u8]) {
        self.change(name, |versions| drop(versions.withdraw()));
    }

    /// The server has another one under this name.
    pub fn remove(&mut self, name: &[u8]) {
        self.change(name, |versions| drop(versions.forget()));
    }

    /// The server forgot all that it had confirmed.
    pub fn forget(&mut self) {
        drop(self.unnamed.forget());
        self.named.retain(|_, versions| {
            drop(versions.forget());
            !versions.is_empty()
        });
    }

    /// Those of a name that means anything, now or while something is under way.
    fn versions(&self, name: &[u8]) -> Option<&Versions<T>> {
        match key(name) {
            b"" => Some(&self.unnamed).filter(|versions| !versions.is_empty()),
            name => self.named.get(name),
        }
    }

    fn change(&mut self, name: &[u8], change: impl FnOnce(&mut Versions<T>)) {
        let name = key(name);
        if name.is_empty() {
            return change(&mut self.unnamed);
        }
        if let Some(versions) = self.named.get_mut(name) {
            change(versions);
            if versions.is_empty() {
                self.named.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_what_was_sent_last_before_it_is_confirmed() {
        let mut names = Portals::default();
        names.send(b"a", Some(1));
        names.send(b"a", Some(2));
        assert_eq!(names.get(b"a"), Some(&2));
        names.confirm(b"a");
        names.confirm(b"a");
        assert_eq!(names.get(b"a"), Some(&2));
    }

    #[test]
    fn what_the_server_drops_leaves_the_earlier_meaning() {
        let mut names = Portals::default();
        names.send(b"a", Some(1));
        names.confirm(b"a");
        names.send(b"a", None);
        assert_eq!(names.get(b"a"), None);
        names.withdraw(b"a");
        assert_eq!(names.get(b"a"), Some(&1));
    }

    #[test]
    fn a_later_batch_keeps_its_meaning_when_an_earlier_one_is_dropped() {
        let mut names = Portals::default();
        names.send(b"", Some(1));
        names.send(b"", Some(2));
        names.withdraw(b"");
        assert_eq!(names.get(b""), Some(&2));
        names.confirm(b"");
        assert_eq!(names.get(b""), Some(&2));
    }

    #[test]
    fn an_older_meaning_keeps_a_name_open_once_a_batch_was_ended_behind_the_newer_one() {
        let mut names = Portals::default();
        names.send(b"a", Some(1));
        names.end_batch();
        assert!(!names.is_open(b"a"), "it is this one or none");
        names.send(b"a", Some(2));
        assert!(!names.is_open(b"a"), "what drops it drops what follows in its batch");
        names.end_batch();
        assert!(names.is_open(b"a"));
        names.confirm(b"a");
        assert!(names.is_open(b"a"));
        names.withdraw(b"a");
        assert!(!names.is_open(b"a"));
        assert_eq!(names.get(b"a"), Some(&1));
        names.send(b"a", None);
        names.end_batch();
        assert!(names.is_open(b"a"), "a Close may be dropped too");
    }

    #[test]
    fn forgetting_spares_what_is_still_under_way() {
        let mut names = Portals::default();
        names.send(b"a", Some(1));
        names.confirm(b"a");
        names.send(b"b", Some(2));
        names.forget();
        assert_eq!((names.get(b"a"), names.get(b"b")), (None, Some(&2)));
    }
}
