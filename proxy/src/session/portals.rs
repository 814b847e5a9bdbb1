//! Prepared statements and portals: which plan belongs to which name.
//!
//! A name means what was sent last, so that a Bind may follow its Parse without waiting; but what the server has not
//! confirmed is withdrawn again when the server drops it. Behind a Sync, what was sent last may be lost and an older
//! meaning live on ([`Names::is_open`]): then only the server's answer tells.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use pgseal::exec::by_name::key;

/// The things of one kind by name.
#[derive(Debug)]
pub(super) struct Names<T> {
    confirmed: HashMap<Box<[u8]>, Rc<T>>,
    /// What was sent and not answered yet, oldest first.
    sent: HashMap<Box<[u8]>, VecDeque<Sent<T>>>,
    /// How many batches were ended.
    batch: u64,
}

/// A message about a name.
#[derive(Debug)]
struct Sent<T> {
    /// `None` takes the name away.
    meaning: Option<Rc<T>>,
    /// The batch that it stands in: an error drops what stands behind it there, and nothing of the next one.
    batch: u64,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { confirmed: HashMap::new(), sent: HashMap::new(), batch: 0 }
    }
}

impl<T> Names<T> {
    /// What the name will mean once everything sent is confirmed.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Rc<T>> {
        match self.sent.get(key(name)).and_then(VecDeque::back) {
            Some(sent) => sent.meaning.as_ref(),
            None => self.confirmed.get(key(name)),
        }
    }

    /// A batch was ended: what an error in it drops ends there.
    pub(super) fn end_batch(&mut self) {
        self.batch += 1;
    }

    /// Whether the name has an older meaning that lives on if the server has dropped what was sent last, and this may
    /// have happened without touching what is sent now: a batch was ended in between.
    pub(super) fn is_open(&self, name: &[u8]) -> bool {
        self.sent.get(key(name)).is_some_and(|sent| {
            let older = sent.len() > 1 || self.confirmed.contains_key(key(name));
            older && sent.back().is_some_and(|last| last.batch != self.batch)
        })
    }

    /// Whether the name means anything, now or while something is under way.
    pub(super) fn knows(&self, name: &[u8]) -> bool {
        !self.is_empty() && (self.confirmed.contains_key(key(name)) || self.sent.contains_key(key(name)))
    }

    /// Whether no name means anything.
    pub(super) fn is_empty(&self) -> bool {
        self.confirmed.is_empty() && self.sent.is_empty()
    }

    /// Every meaning that a name has, or may get by what is under way.
    pub(super) fn meanings(&self) -> impl Iterator<Item = (&[u8], &Rc<T>)> {
        let sent = self
            .sent
            .iter()
            .flat_map(|(name, sent)| sent.iter().filter_map(move |sent| Some((&**name, sent.meaning.as_ref()?))));
        self.confirmed.iter().map(|(name, meaning)| (&**name, meaning)).chain(sent)
    }

    /// A message was sent that gives the name a meaning, or takes it away. [`Names::confirm`] or [`Names::withdraw`]
    /// follows for each, in the same order.
    pub(super) fn send(&mut self, name: &[u8], meaning: Option<Rc<T>>) {
        let message = Sent { meaning, batch: self.batch };
        match self.sent.get_mut(key(name)) {
            Some(sent) => sent.push_back(message),
            None => {
                self.sent.insert(key(name).into(), VecDeque::from([message]));
            }
        }
    }

    /// The server confirmed the oldest message about the name.
    pub(super) fn confirm(&mut self, name: &[u8]) {
        match self.take(name) {
            Some(Some(meaning)) => {
                self.confirmed.insert(key(name).into(), meaning);
            }
            Some(None) => drop(self.remove(name)),
            None => {}
        }
    }

    /// The server dropped the oldest message about the name; the meaning that it would have had.
    pub(super) fn withdraw(&mut self, name: &[u8]) -> Option<Rc<T>> {
        self.take(name).flatten()
    }

    /// The server forgot the name; what it meant.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Rc<T>> {
        self.confirmed.remove(key(name))
    }

    /// The server forgot all that it had confirmed.
    pub(super) fn forget(&mut self) {
        self.confirmed.clear();
    }

    /// The same of all that has a name; the names of those that `is_told` says.
    pub(super) fn forget_named(&mut self, is_told: impl Fn(&T) -> bool) -> Vec<Box<[u8]>> {
        let gone = self.confirmed.extract_if(|name, _| !name.is_empty());
        gone.filter(|(_, meaning)| is_told(meaning)).map(|(name, _)| name).collect()
    }

    fn take(&mut self, name: &[u8]) -> Option<Option<Rc<T>>> {
        let sent = self.sent.get_mut(key(name))?;
        let oldest = sent.pop_front();
        if sent.is_empty() {
            self.sent.remove(key(name));
        }
        oldest.map(|oldest| oldest.meaning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(names: &Names<u8>, name: &[u8]) -> Option<u8> {
        names.get(name).map(|meaning| **meaning)
    }

    #[test]
    fn a_name_means_what_was_sent_last_before_it_is_confirmed() {
        let mut names = Names::default();
        names.send(b"a", Some(Rc::new(1)));
        names.send(b"a", Some(Rc::new(2)));
        assert_eq!(meaning(&names, b"a"), Some(2));
        names.confirm(b"a");
        names.confirm(b"a");
        assert_eq!(meaning(&names, b"a"), Some(2));
    }

    #[test]
    fn what_the_server_drops_leaves_the_earlier_meaning() {
        let mut names = Names::default();
        names.send(b"a", Some(Rc::new(1)));
        names.confirm(b"a");
        names.send(b"a", None);
        assert_eq!(meaning(&names, b"a"), None);
        names.withdraw(b"a");
        assert_eq!(meaning(&names, b"a"), Some(1));
    }

    #[test]
    fn a_later_batch_keeps_its_meaning_when_an_earlier_one_is_dropped() {
        let mut names = Names::default();
        names.send(b"", Some(Rc::new(1)));
        names.send(b"", Some(Rc::new(2)));
        names.withdraw(b"");
        assert_eq!(meaning(&names, b""), Some(2));
        names.confirm(b"");
        assert_eq!(meaning(&names, b""), Some(2));
    }

    #[test]
    fn an_older_meaning_keeps_a_name_open_once_a_batch_was_ended_behind_the_newer_one() {
        let mut names = Names::default();
        names.send(b"a", Some(Rc::new(1)));
        names.end_batch();
        assert!(!names.is_open(b"a"), "it is this one or none");
        names.send(b"a", Some(Rc::new(2)));
        assert!(!names.is_open(b"a"), "what drops it drops what follows in its batch");
        names.end_batch();
        assert!(names.is_open(b"a"));
        names.confirm(b"a");
        assert!(names.is_open(b"a"));
        names.withdraw(b"a");
        assert!(!names.is_open(b"a"));
        assert_eq!(meaning(&names, b"a"), Some(1));
        names.send(b"a", None);
        names.end_batch();
        assert!(names.is_open(b"a"), "a Close may be dropped too");
    }

    #[test]
    fn clearing_spares_what_is_still_under_way() {
        let mut names = Names::default();
        names.send(b"a", Some(Rc::new(1)));
        names.confirm(b"a");
        names.send(b"b", Some(Rc::new(2)));
        names.forget();
        assert_eq!((meaning(&names, b"a"), meaning(&names, b"b")), (None, Some(2)));
    }
}
