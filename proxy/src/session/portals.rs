//! Prepared statements and portals: which plan belongs to which name.
//!
//! A name means what was sent last, so that a Bind may follow its Parse without waiting; but what the server has not
//! confirmed is withdrawn again when the server drops it.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use pgseal::exec::by_name::key;

/// The things of one kind by name.
#[derive(Debug)]
pub(super) struct Names<T> {
    confirmed: HashMap<Box<[u8]>, Rc<T>>,
    /// What was sent and not answered yet, oldest first; `None` takes the name away.
    sent: HashMap<Box<[u8]>, VecDeque<Option<Rc<T>>>>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { confirmed: HashMap::new(), sent: HashMap::new() }
    }
}

impl<T> Names<T> {
    /// What the name will mean once everything sent is confirmed.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Rc<T>> {
        match self.sent.get(key(name)).and_then(VecDeque::back) {
            Some(sent) => sent.as_ref(),
            None => self.confirmed.get(key(name)),
        }
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
        let sent =
            self.sent.iter().flat_map(|(name, sent)| sent.iter().flatten().map(move |meaning| (&**name, meaning)));
        self.confirmed.iter().map(|(name, meaning)| (&**name, meaning)).chain(sent)
    }

    /// A message was sent that gives the name a meaning, or takes it away. [`Names::confirm`] or [`Names::withdraw`]
    /// follows for each, in the same order.
    pub(super) fn send(&mut self, name: &[u8], meaning: Option<Rc<T>>) {
        match self.sent.get_mut(key(name)) {
            Some(sent) => sent.push_back(meaning),
            None => {
                self.sent.insert(key(name).into(), VecDeque::from([meaning]));
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

    /// The server forgot all that it had confirmed; what is to be kept all the same is.
    pub(super) fn forget(&mut self, keep: impl Fn(&T) -> bool) {
        self.confirmed.retain(|_, meaning| keep(meaning));
    }

    fn take(&mut self, name: &[u8]) -> Option<Option<Rc<T>>> {
        let sent = self.sent.get_mut(key(name))?;
        let oldest = sent.pop_front();
        if sent.is_empty() {
            self.sent.remove(key(name));
        }
        oldest
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
    fn clearing_spares_what_is_still_under_way() {
        let mut names = Names::default();
        names.send(b"a", Some(Rc::new(1)));
        names.confirm(b"a");
        names.send(b"b", Some(Rc::new(2)));
        names.forget(|_| false);
        assert_eq!((meaning(&names, b"a"), meaning(&names, b"b")), (None, Some(2)));
    }
}
