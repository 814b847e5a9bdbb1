//! The texts that PREPARE made: whether one names something protected is asked again when something else is (SQL-66).

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Named, key};
use crate::error::SqlState;
use crate::schema::Protection;
use crate::sql::{self, Decision, Refusal};

/// Bytes of texts that a session keeps.
const MOST_BYTES: usize = 4 << 20;

/// What a name means at the server, or may mean once it has answered.
#[derive(Default)]
pub struct PreparedTexts {
    texts: HashMap<Box<[u8]>, Vec<Kept>>,
    bytes: usize,
}

struct Kept {
    text: Arc<str>,
    /// The number of what was sent; 0 for what the server told.
    sent: u64,
    /// Of the protection under which it named nothing protected; `None` if that was never asked.
    epoch: Cell<Option<u64>>,
}

impl PreparedTexts {
    /// Whether the server may have a statement of this name that SQL made.
    pub fn knows(&self, name: &[u8]) -> bool {
        self.texts.contains_key(key(name))
    }

    /// The texts that may have this name.
    pub fn of(&self, name: &[u8]) -> impl Iterator<Item = &str> {
        self.texts.get(key(name)).into_iter().flatten().map(|kept| &*kept.text)
    }

    /// The refusal of a text whose PREPAREs are too much to keep.
    pub fn refusal(&self, named: &Named) -> Option<Refusal> {
        let more: usize = named.texts().map(|(_, text)| text.len()).sum();
        (more > 0 && self.bytes + more > MOST_BYTES).then(|| {
            let message = "the statements that this session prepared in SQL are longer than 4 MB";
            let refusal = Refusal::error(SqlState::PROGRAM_LIMIT_EXCEEDED, message);
            refusal.hint("Free some with DEALLOCATE, or prepare them by message.")
        })
    }

    /// A text was sent whose statements name nothing protected in this epoch.
    pub fn sent(&mut self, named: &Named, epoch: u64) {
        for (name, text) in named.texts() {
            self.keep(name, Arc::clone(text), named.number, Some(epoch));
        }
    }

    /// The server says what it has under this name; not kept if there is no room.
    pub fn learn(&mut self, name: &[u8], text: &str) {
        if self.bytes + text.len() <= MOST_BYTES {
            self.keep(name, text.into(), 0, None);
        }
    }

    /// Something was sent that may change what the server was asked for.
    pub fn unlearn(&mut self) {
        self.retain(|_, kept| kept.sent > 0);
    }

    /// The server has made it: what had the name before is gone.
    pub fn made(&mut self, name: &[u8], named: &Named) {
        self.retain(|other, kept| other != key(name) || kept.sent >= named.number);
    }

    /// The server has freed the name.
    pub fn gone(&mut self, name: &[u8], named: &Named) {
        self.made(name, named);
    }

    /// The server has freed all names.
    pub fn all_gone(&mut self, named: &Named) {
        self.retain(|_, kept| kept.sent >= named.number);
    }

    /// All of this was answered: what was not made by now never is.
    pub fn settle(&mut self, named: &Named) {
        for (name, text) in named.texts() {
            self.retain(|other, kept| other != &**name || !Arc::ptr_eq(&kept.text, text));
        }
    }

    /// The server has carried out every statement of a text.
    pub fn all_made(&mut self, named: &Named) {
        let gone: Vec<_> = named.gone.iter().flatten().chain(named.texts().map(|(name, _)| name)).cloned().collect();
        gone.iter().for_each(|name| self.gone(name, named));
        if named.all {
            self.all_gone(named);
        }
    }

    /// The refusal to run what has this name, if it names something that is protected now.
    pub fn stale(&self, name: &[u8], protection: &Protection) -> Option<Refusal> {
        let kept = self.texts.get(key(name)).into_iter().flatten();
        kept.into_iter().find_map(|kept| {
            if kept.epoch.get() == Some(protection.epoch) {
                return None;
            }
            let refusal = names_protected(&kept.text, protection);
            if refusal.is_none() {
                kept.epoch.set(Some(protection.epoch));
            }
            refusal
        })
    }

    fn keep(&mut self, name: &[u8], text: Arc<str>, sent: u64, epoch: Option<u64>) {
        self.bytes += text.len();
        self.texts.entry(key(name).into()).or_default().push(Kept { text, sent, epoch: Cell::new(epoch) });
    }

    fn retain(&mut self, keep: impl Fn(&[u8], &Kept) -> bool) {
        let bytes = &mut self.bytes;
        self.texts.retain(|name, texts| {
            texts.retain(|kept| {
                let stays = keep(name, kept);
                *bytes -= if stays { 0 } else { kept.text.len() };
                stays
            });
            !texts.is_empty()
        });
    }
}

/// The refusal of a prepared text that was harmless once, if it is not any more.
pub fn names_protected(text: &str, protection: &Protection) -> Option<Refusal> {
    let forwarded = |statement: &sql::Statement| matches!(statement.decision, Decision::Forward);
    (!sql::plan(text, &[], protection).iter().all(forwarded)).then(|| {
        Refusal::new("a statement that was prepared in SQL names something that is protected now")
            .hint("Prepare it again with the extended protocol (Parse).")
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Told, named};
    use super::*;
    use crate::schema::{DependentKind, Dependents};

    fn protection(epoch: u64, names: &[&str]) -> Protection {
        let mut dependents = Dependents::default();
        names.iter().for_each(|name| dependents.insert(DependentKind::Relation, *name, "a view"));
        let tables = vec![crate::exec::tests::table(false)];
        Protection { epoch, tables, dependents, ..Protection::default() }
    }

    #[test]
    fn a_text_is_looked_at_again_in_another_epoch_sql_66() {
        let mut texts = PreparedTexts::default();
        texts.sent(&named("PREPARE p(text) AS INSERT INTO stage3 VALUES ($1); PREPARE q AS SELECT 1").sent(), 1);
        assert!(texts.knows(b"p") && !texts.knows(b"r"));
        assert!(texts.stale(b"p", &protection(1, &["stage3"])).is_none(), "the epoch is the same");
        assert!(texts.stale(b"p", &protection(2, &["stage3"])).is_some());
        assert!(texts.stale(b"q", &protection(2, &["stage3"])).is_none());
        assert!(texts.stale(b"p", &protection(3, &[])).is_none());
        texts.learn(b"told", "SELECT name FROM stage3");
        assert!(texts.stale(b"told", &protection(3, &["stage3"])).is_some(), "it was never looked at");
        texts.unlearn();
        assert!(!texts.knows(b"told") && texts.knows(b"p"));
    }

    #[test]
    fn what_a_name_may_mean_is_kept_until_the_server_says_what_it_means_sql_66() {
        let mut texts = PreparedTexts::default();
        let protection = protection(2, &["stage3"]);
        let first = named("PREPARE p AS SELECT 1 FROM stage3").sent();
        texts.sent(&first, 1);
        // A second one that fails.
        let second = named("PREPARE p AS SELECT 1").sent();
        texts.sent(&second, 1);
        texts.settle(&second);
        assert!(texts.stale(b"p", &protection).is_some());
        // Freed and made again.
        let mut third = named("DEALLOCATE p; PREPARE p AS SELECT 1").sent();
        texts.sent(&third, 2);
        assert_eq!(third.told(b"DEALLOCATE"), Some(Told::Gone(b"p"[..].into())));
        texts.gone(b"p", &third);
        assert!(texts.stale(b"p", &protection).is_none() && texts.knows(b"p"));
        // Freed, with one on its way behind it.
        let all = named("DISCARD ALL").sent();
        texts.sent(&named("PREPARE q AS SELECT 2").sent(), 2);
        texts.all_gone(&all);
        assert!(!texts.knows(b"p") && texts.knows(b"q"));
    }

    #[test]
    fn four_megabytes_of_texts_are_kept_and_what_goes_makes_room_sql_66() {
        let mut texts = PreparedTexts::default();
        let text = |name: usize| named(&format!("PREPARE p{name} AS SELECT '{}'", "x".repeat(1 << 20))).sent();
        for number in 0..3 {
            assert!(texts.refusal(&text(number)).is_none());
            texts.sent(&text(number), 1);
        }
        assert_eq!(texts.refusal(&text(3)).unwrap().sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
        assert!(texts.refusal(&named("SELECT 1").sent()).is_none());
        texts.gone(b"p1", &named("DEALLOCATE p1").sent());
        assert!(texts.refusal(&text(3)).is_none());
        texts.all_gone(&named("DEALLOCATE ALL").sent());
        assert_eq!((texts.bytes, texts.texts.len()), (0, 0));
    }
}
