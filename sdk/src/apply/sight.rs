//! How long ago the catalog was seen, and what follows from that (CAT-5). The caller says what time it is.

use std::time::{Duration, Instant};

use crate::schema::Protection;

/// After so many looks that gave no answer, one after the other, the catalog is out of sight.
pub const MISSES: u32 = 3;

/// How often the catalog is looked at, and how long an answer is waited for and believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one look to the next.
    pub every: Duration,
    /// The same while a table is refused or the last look gave no answer; also the shortest time between two looks, and
    /// between two glances at the files.
    pub again: Duration,
    /// How long a look may take, whatever the server and the network do.
    pub look: Duration,
    /// How much longer it may take for each table of the schema file.
    pub table: Duration,
    /// How long what a look has seen is believed: past it every statement that touches a protected table is refused.
    pub trust: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            again: Duration::from_secs(1),
            look: Duration::from_secs(15),
            table: Duration::from_millis(100),
            trust: Duration::from_secs(120),
        }
    }
}

impl Pace {
    /// How long a look at so many tables may take.
    pub fn limit(&self, tables: usize) -> Duration {
        self.look + self.table * u32::try_from(tables).unwrap_or(u32::MAX)
    }
}

/// What the log says of a look that gave no answer: the first and the [`MISSES`]th are news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// The last result stands.
    First,
    /// Said already.
    Again,
    /// The catalog is out of sight from now on.
    OutOfSight,
}

/// When the catalog was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    pace: Pace,
    seen: Instant,
    misses: u32,
    lost: bool,
}

impl Sight {
    /// The first look began at `seen`.
    pub fn new(pace: Pace, seen: Instant) -> Self {
        Self { pace, seen, misses: 0, lost: false }
    }

    /// A look that began at `began` saw the catalog. Says whether it had been out of sight or lost.
    pub fn seen(&mut self, began: Instant) -> bool {
        let regained = self.lost || !self.is_in_sight();
        *self = Self::new(self.pace, began);
        regained
    }

    /// A look gave no answer.
    pub fn missed(&mut self) -> Missed {
        self.misses = self.misses.saturating_add(1);
        match self.misses {
            1 => Missed::First,
            MISSES => Missed::OutOfSight,
            _ => Missed::Again,
        }
    }

    /// Whether what was last seen is believed no more. Says so once.
    pub fn lose(&mut self, now: Instant) -> bool {
        let loses = !self.lost && now >= self.trusted_until();
        self.lost |= loses;
        loses
    }

    /// Whether fewer than [`MISSES`] looks in a row gave no answer, and what was seen is believed.
    pub fn is_in_sight(&self) -> bool {
        self.misses < MISSES && !self.lost
    }

    /// Whether what was last seen is believed no more.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// When what was last seen is believed no more.
    pub fn trusted_until(&self) -> Instant {
        self.seen + self.pace.trust
    }

    /// When the last look began that gave an answer.
    pub fn last(&self) -> Instant {
        self.seen
    }

    /// When to look again; `refused`: a table is, which may be over.
    pub fn next_look(&self, now: Instant, refused: bool) -> Instant {
        now + if refused || self.misses > 0 || self.lost { self.pace.again } else { self.pace.every }
    }
}

/// The same protection, every table of it refused because nobody knows what it is by now.
pub fn unseen(seen: &Protection, pace: &Pace) -> Protection {
    let mut protection = seen.clone();
    for table in &seen.tables {
        protection.drifted.entry(table.relation.name.clone()).or_insert_with(|| {
            let trust = pace.trust.as_secs();
            format!("for {trust} s the catalog could not be looked at, so whether it does is not known")
        });
    }
    protection.seal_epoch();
    protection
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn cat_5_the_third_missed_look_is_news_and_a_look_that_sees_ends_it() {
        let start = Instant::now();
        let mut sight = Sight::new(Pace::default(), start);
        let missed: Vec<Missed> = (0..5).map(|_| sight.missed()).collect();
        assert_eq!(missed, [Missed::First, Missed::Again, Missed::OutOfSight, Missed::Again, Missed::Again]);
        assert!(!sight.is_in_sight() && !sight.is_lost());
        assert!(sight.seen(start + SECOND) && sight.is_in_sight());
        assert!(!sight.seen(start + 2 * SECOND), "it was in sight");
        assert_eq!(sight.missed(), Missed::First);
        assert!(!sight.seen(start + 3 * SECOND), "one missed look is no loss");
    }

    #[test]
    fn cat_5_what_was_seen_is_believed_for_a_time_and_no_longer() {
        let start = Instant::now();
        let pace = Pace::default();
        let mut sight = Sight::new(pace, start);
        assert!(!sight.lose(start + pace.trust - SECOND));
        assert!(sight.lose(start + pace.trust) && sight.is_lost() && !sight.is_in_sight());
        assert!(!sight.lose(start + 2 * pace.trust), "said once");
        // What counts is when the look began: it may have seen nothing that came later.
        assert!(sight.seen(start + pace.trust));
        assert_eq!(sight.trusted_until(), start + 2 * pace.trust);
    }

    #[test]
    fn cat_5_what_is_refused_or_was_missed_is_looked_at_again_soon() {
        let now = Instant::now();
        let pace = Pace::default();
        let mut sight = Sight::new(pace, now);
        assert_eq!(sight.next_look(now, false), now + pace.every);
        assert_eq!(sight.next_look(now, true), now + pace.again);
        sight.missed();
        assert_eq!(sight.next_look(now, false), now + pace.again);
    }

    #[test]
    fn three_missed_looks_come_before_what_was_seen_is_believed_no_more() {
        let pace = Pace::default();
        assert!(pace.every + MISSES * (pace.look + pace.again) < pace.trust);
    }
}
