//! The audit log (KMS-3 of docs/formats.md): a line a decision, each bound to the one before by BLAKE3, with signed
//! checkpoints. Pure: lines out of what happened, and a verdict on lines.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::asymmetric;
use super::error::KmsError;
use super::key::Seconds;
use super::secret::Material;
use super::service::Decided;

/// A hash of the chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Hash {
    /// From 64 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hash = blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))?;
        (hash.to_string() == text).then_some(hash)
    }
}

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many lines it has.
    pub records: u64,
    /// The hash of the last.
    pub hash: Hash,
}

impl Head {
    /// The head of an empty log of this store.
    pub fn empty(store: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"pgseal kms audit v1").update(store.as_bytes());
        Self { records: 0, hash: Hash(*hasher.finalize().as_bytes()) }
    }

    fn next(self, entry: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.hash.0).update(entry.as_bytes());
        Self { records: self.records + 1, hash: Hash(*hasher.finalize().as_bytes()) }
    }

    fn line(self, entry: &Entry) -> Result<(String, Self), KmsError> {
        let entry = serde_json::to_string(entry).map_err(|_| KmsError::internal())?;
        let next = self.next(&entry);
        Ok((format!("{} {entry}\n", next.hash), next))
    }

    /// The line of a request, and the head behind it.
    ///
    /// # Errors
    /// KMSInternalException.
    pub fn record(self, event: &Event<'_>) -> Result<(String, Self), KmsError> {
        let decisions = event.decided.iter().map(|one| Decision {
            action: one.action.clone(),
            resource: one.resource.clone(),
            allowed: one.decision.allowed(),
            reason: one.decision.reason().to_owned(),
        });
        self.line(&Entry {
            n: self.records + 1,
            time: event.time,
            caller: Some(event.caller.to_owned()),
            action: Some(event.action.to_owned()),
            decisions: decisions.collect(),
            context: event.context.clone(),
            outcome: Some(event.outcome.to_owned()),
            checkpoint: None,
        })
    }

    /// The line of a checkpoint, and the head behind it.
    ///
    /// # Errors
    /// KMSInternalException.
    pub fn checkpoint(self, store: &str, key: &Material, time: Seconds) -> Result<(String, Self), KmsError> {
        let signature = asymmetric::sign_checkpoint(key, &self.signed(store))?;
        self.line(&Entry {
            n: self.records + 1,
            time,
            caller: None,
            action: None,
            decisions: Vec::new(),
            context: BTreeMap::new(),
            outcome: None,
            checkpoint: Some(STANDARD.encode(signature)),
        })
    }

    fn signed(self, store: &str) -> Vec<u8> {
        [b"pgseal kms checkpoint v1", store.as_bytes(), &self.records.to_be_bytes(), &self.hash.0].concat()
    }

    /// The head behind one line, if the line follows this head.
    ///
    /// # Errors
    /// Why it does not.
    pub fn follow(self, line: &str) -> Result<Self, &'static str> {
        self.read(line).map(|(head, _)| head)
    }

    fn read(self, line: &str) -> Result<(Self, Entry), &'static str> {
        let (hash, entry) = line.split_once(' ').ok_or("it is no line of a log")?;
        let next = self.next(entry);
        if Hash::parse(hash) != Some(next.hash) {
            return Err("its hash does not follow from the line before");
        }
        let entry: Entry = serde_json::from_str(entry).map_err(|_| "it is no record")?;
        if entry.n != next.records { Err("its number is not the next") } else { Ok((next, entry)) }
    }
}

/// What happened.
pub struct Event<'a> {
    /// When.
    pub time: Seconds,
    /// Whose request.
    pub caller: &'a str,
    /// For example `Decrypt`.
    pub action: &'a str,
    /// Every decision on the way.
    pub decided: &'a [Decided],
    /// The encryption context.
    pub context: &'a BTreeMap<String, String>,
    /// `ok`, or AWS's code.
    pub outcome: &'a str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    n: u64,
    time: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<Decision>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    context: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    action: String,
    resource: String,
    allowed: bool,
    reason: String,
}

/// A log that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Where it ends.
    pub head: Head,
    /// How many checkpoints it has.
    pub checkpoints: u64,
    /// How many lines come after the last checkpoint: a chain alone does not keep those from being written anew.
    pub unsigned: u64,
    /// Whether a line was begun and not ended: its request was never answered.
    pub torn: bool,
}

/// A log that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A line.
    #[error("line {line}: {why}")]
    Line {
        /// From 1.
        line: u64,
        /// Why.
        why: &'static str,
    },
    /// It ends before, or holds something else at, the record that the anchor knows.
    #[error("the log ends at record {found}, or is another one: the anchor knows record {known}")]
    Cut {
        /// Its last record.
        found: u64,
        /// The anchor's.
        known: u64,
    },
}

/// Checks a whole log: every hash, every number, every checkpoint's signature, and that it reaches what an anchor knows.
///
/// # Errors
/// [`Broken`], at the first line that does not hold.
pub fn verify(log: &str, store: &str, public: &[u8], known: Option<Head>) -> Result<Report, Broken> {
    let mut head = Head::empty(store);
    let (mut checkpoints, mut unsigned) = (0, 0);
    let mut met = known.is_none_or(|known| known == head);
    let (whole, torn) = match log.rfind('\n') {
        Some(end) => (&log[..=end], end + 1 < log.len()),
        None => ("", !log.is_empty()),
    };
    for (line, text) in (1..).zip(whole.lines()) {
        let broken = |why| Broken::Line { line, why };
        let (next, entry) = head.read(text).map_err(broken)?;
        unsigned += 1;
        if let Some(signature) = entry.checkpoint {
            let signature = STANDARD.decode(signature).map_err(|_| broken("its signature is no base64"))?;
            let key = UnparsedPublicKey::new(&ED25519, public);
            key.verify(&head.signed(store), &signature).map_err(|_| broken("its signature does not hold"))?;
            (checkpoints, unsigned) = (checkpoints + 1, 0);
        }
        head = next;
        met |= known == Some(head);
    }
    match known {
        Some(known) if !met => Err(Broken::Cut { found: head.records, known: known.records }),
        Some(_) | None => Ok(Report { head, checkpoints, unsigned, torn }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kms::spec::Spec;

    const STORE: &str = "2f1b3a52-0000-4000-8000-000000000001";

    fn log(key: &Material) -> (String, Vec<Head>) {
        let (mut head, mut log) = (Head::empty(STORE), String::new());
        let mut heads = vec![head];
        for n in 0..6 {
            let context = BTreeMap::from([("tenant".to_owned(), n.to_string())]);
            let event =
                Event { time: n, caller: "arn", action: "Decrypt", decided: &[], context: &context, outcome: "ok" };
            let (line, next) =
                if n % 3 == 2 { head.checkpoint(STORE, key, n).unwrap() } else { head.record(&event).unwrap() };
            log += &line;
            head = next;
            heads.push(head);
        }
        (log, heads)
    }

    #[test]
    fn a_changed_removed_moved_or_added_line_is_found() {
        let pair = asymmetric::generate(Spec::Ed25519).unwrap();
        let (log, heads) = log(&pair.private);
        let report = verify(&log, STORE, &pair.public, Some(heads[6])).unwrap();
        assert_eq!(report, Report { head: heads[6], checkpoints: 2, unsigned: 0, torn: false });
        let check = |lines: &[&str]| verify(&(lines.join("\n") + "\n"), STORE, &pair.public, None);
        let lines: Vec<&str> = log.lines().collect();
        for at in 0..lines.len() {
            let mut fewer = lines.clone();
            fewer.remove(at);
            assert_eq!(check(&fewer).is_err(), at + 1 < lines.len(), "only the last can go unseen by the chain alone");
            let mut swapped = lines.clone();
            swapped.swap(at, (at + 1) % lines.len());
            assert!(check(&swapped).is_err());
            for byte in 0..lines[at].len() {
                let mut changed = lines[at].as_bytes().to_vec();
                changed[byte] ^= 1;
                let Ok(changed) = String::from_utf8(changed) else { continue };
                let mut forged = lines.clone();
                forged[at] = &changed;
                assert!(check(&forged).is_err(), "line {at} byte {byte}");
            }
        }
        assert!(verify(&log, "other store", &pair.public, None).is_err());
    }

    #[test]
    fn a_cut_tail_is_found_by_the_anchor_and_a_rewritten_one_by_the_signature() {
        let pair = asymmetric::generate(Spec::Ed25519).unwrap();
        let (log, heads) = log(&pair.private);
        let cut: String = log.split_inclusive('\n').take(4).collect();
        assert!(verify(&cut, STORE, &pair.public, None).is_ok());
        assert_eq!(verify(&cut, STORE, &pair.public, Some(heads[5])), Err(Broken::Cut { found: 4, known: 5 }));
        let forger = asymmetric::generate(Spec::Ed25519).unwrap();
        let (rewritten, _) = self::log(&forger.private);
        assert!(verify(&rewritten, STORE, &pair.public, None).is_err());
    }

    #[test]
    fn a_torn_last_line_is_no_forgery() {
        let pair = asymmetric::generate(Spec::Ed25519).unwrap();
        let (log, heads) = log(&pair.private);
        let report = verify(&log[..log.len() - 5], STORE, &pair.public, Some(heads[5])).unwrap();
        assert!(report.torn && report.head == heads[5]);
    }
}
