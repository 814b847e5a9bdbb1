//! Scripts of what the client sends and the server answers, as PostgreSQL does it.

use proptest::prelude::*;

use super::*;

/// Entries are numbered in the order of sending; returned are, per answer, the entry it was attributed to.
struct Session {
    queue: Queue<u32>,
    next: u32,
    dropped: Vec<u32>,
}

impl Session {
    fn new() -> Self {
        let mut session = Self { queue: Queue::new(0), next: 1, dropped: Vec::new() };
        session.answers("KZ");
        session
    }

    /// One letter a client message: its type byte, `s` and `p` for the two Describes.
    fn sends(&mut self, messages: &str) -> &mut Self {
        for message in messages.chars() {
            let kind = match message {
                'P' => Kind::Parse,
                'B' => Kind::Bind,
                'C' => Kind::Close,
                's' => Kind::DescribeStatement,
                'p' => Kind::DescribePortal,
                'E' => Kind::Execute,
                'Q' => Kind::Query,
                'F' => Kind::Function,
                'S' => Kind::Sync,
                'c' | 'f' => Kind::CopyEnd,
                other => panic!("{other}"),
            };
            if let Err(number) = self.queue.push(kind, self.next) {
                self.dropped.push(number);
            }
            self.next += 1;
        }
        self
    }

    fn answers(&mut self, tags: &str) -> Vec<u32> {
        let mut fronts = Vec::new();
        for tag in tags.bytes() {
            let part = self.queue.classify(tag).unwrap();
            fronts.push(self.queue.front().map_or(0, |entry| entry.payload));
            let dropped = &mut self.dropped;
            self.queue.advance(part, |number| dropped.push(number));
        }
        fronts
    }

    fn is_done(&mut self) -> bool {
        self.queue.front().is_none() && !self.queue.skips()
    }
}

#[test]
fn each_answer_belongs_to_the_message_that_asked_for_it() {
    let mut session = Session::new();
    session.sends("PsBpES");
    assert_eq!(session.answers("1tT2TDDCZ"), [1, 2, 2, 3, 4, 5, 5, 5, 6]);
    assert!(session.is_done());
}

#[test]
fn an_error_drops_everything_up_to_the_next_sync_and_later_batches_stay() {
    let mut session = Session::new();
    session.sends("PBESPBES");
    assert_eq!(session.answers("E"), [1]);
    assert_eq!(session.dropped, [2, 3]);
    assert_eq!(session.answers("Z12CZ"), [4, 5, 6, 7, 8]);
    assert!(session.is_done());
}

#[test]
fn what_is_sent_after_an_error_is_ignored_until_sync_a_query_too() {
    let mut session = Session::new();
    session.sends("P");
    session.answers("E");
    session.sends("BEQFS");
    assert_eq!(session.dropped, [2, 3, 4, 5]);
    assert_eq!(session.answers("Z"), [6]);
    assert!(session.is_done());
}

#[test]
fn an_error_inside_a_query_drops_nothing_behind_it() {
    let mut session = Session::new();
    session.sends("QQ");
    assert_eq!(session.answers("TDCEZCZ"), [1, 1, 1, 1, 1, 2, 2]);
    assert!(session.is_done());
}

#[test]
fn an_error_of_the_commit_at_sync_is_followed_by_its_ready_for_query() {
    let mut session = Session::new();
    session.sends("BESP");
    assert_eq!(session.answers("2CEZ1"), [1, 2, 3, 3, 4]);
    assert!(session.is_done());
}

#[test]
fn a_suspended_portal_closes_its_execute_and_the_next_one_goes_on() {
    let mut session = Session::new();
    session.sends("BEES");
    assert_eq!(session.answers("2DsDCZ"), [1, 2, 2, 3, 3, 4]);
    assert!(session.is_done());
}

#[test]
fn a_sync_sent_before_copy_in_begins_is_swallowed_by_it() {
    // libpq in pipeline-less extended mode: P B E S, then the data, then CopyDone and a Sync of its own.
    let mut session = Session::new();
    session.sends("PBES");
    session.answers("12G");
    assert_eq!(session.dropped, [4]);
    session.sends("cS");
    assert_eq!(session.answers("CZ"), [3, 6]);
    assert!(session.is_done());
}

#[test]
fn copy_data_and_copy_done_sent_before_copy_in_response_are_in_order() {
    // asyncpg sends without waiting.
    let mut session = Session::new();
    session.sends("EcS");
    assert_eq!(session.answers("GCZ"), [1, 1, 3]);
    assert!(session.is_done());
}

#[test]
fn a_sync_during_copy_in_is_ignored_and_the_one_after_copy_fail_counts() {
    let mut session = Session::new();
    session.sends("E");
    session.answers("G");
    session.sends("SSfS");
    assert_eq!(session.answers("EZ"), [1, 5]);
    assert!(session.is_done());
}

#[test]
fn an_error_in_the_middle_of_copy_in_skips_until_the_sync_after_it() {
    let mut session = Session::new();
    session.sends("E");
    session.answers("GE");
    session.sends("cS");
    assert_eq!(session.answers("Z"), [3]);
    assert!(session.is_done());
}

#[test]
fn copies_inside_one_query_belong_to_it() {
    let mut session = Session::new();
    session.sends("Q");
    assert_eq!(session.answers("G"), [1]);
    session.sends("c");
    assert_eq!(session.answers("CG"), [1, 1]);
    session.sends("fQ");
    assert_eq!(session.answers("EZHddcCZ"), [1, 1, 4, 4, 4, 4, 4, 4]);
    assert!(session.is_done());
}

#[test]
fn copy_done_without_a_copy_is_ignored() {
    let mut session = Session::new();
    session.sends("PcES");
    assert_eq!(session.answers("1CZ"), [1, 3, 4]);
    assert!(session.is_done());
}

#[test]
fn asynchronous_messages_come_between_any_two() {
    let mut session = Session::new();
    assert_eq!(session.answers("SNA"), [0, 0, 0]);
    session.sends("PBES");
    assert_eq!(session.answers("N1A2SDNCZ"), [1, 1, 2, 2, 3, 3, 3, 3, 4]);
    assert!(session.is_done());
}

#[test]
fn an_answer_that_nobody_asked_for_is_an_error() {
    let mut session = Session::new();
    assert_eq!(session.queue.classify(b'Z'), Err(Unexpected { tag: b'Z' }));
    session.sends("P");
    assert_eq!(session.queue.classify(b'2'), Err(Unexpected { tag: b'2' }));
    assert_eq!(session.queue.classify(b'W'), Err(Unexpected { tag: b'W' }));
}

#[test]
fn a_function_call_ends_with_its_own_ready_for_query() {
    let mut session = Session::new();
    session.sends("FF");
    assert_eq!(session.answers("VZEZ"), [1, 1, 2, 2]);
    assert!(session.is_done());
}

#[test]
fn spoiling_reaches_as_far_as_a_servers_error_would() {
    let spoiled = |sends: &str| {
        let mut session = Session::new();
        session.sends(sends);
        let mut numbers = Vec::new();
        let open = session.queue.spoil(|entry| numbers.push(entry.payload));
        (numbers, open)
    };
    assert_eq!(spoiled("EPBESE"), (vec![1, 2, 3, 4], false));
    assert_eq!(spoiled("EP"), (vec![1, 2], true));
    assert_eq!(spoiled("QQ"), (vec![1], false));
}

proptest! {
    /// A model of the server: it answers each message in order, fails at random, and skips as PostgreSQL does. The
    /// queue must attribute every answer to the message that the model answered, however sending and answering mix.
    #[test]
    fn random_legal_scripts_are_attributed_as_the_model_does(
        script in proptest::collection::vec(("[PBCspEQFS]", any::<bool>(), 0_usize..4), 1..60),
    ) {
        let mut session = Session::new();
        let mut answers: VecDeque<(u32, u8)> = VecDeque::new();
        let mut skipping = false;
        for (message, fails, read) in script {
            session.sends(&message);
            let number = session.next - 1;
            let mut say = |tags: &str| answers.extend(tags.bytes().map(|tag| (number, tag)));
            match message.as_str() {
                "S" => { skipping = false; say("Z"); }
                _ if skipping => {}
                "Q" | "F" if fails => say("EZ"),
                _ if fails => { skipping = true; say("E"); }
                "P" => say("1"),
                "B" => say("2"),
                "C" => say("3"),
                "s" => say("tT"),
                "p" => say("n"),
                "E" => say("DDC"),
                "Q" => say("TDCICZ"),
                _ => say("VZ"),
            }
            for _ in 0..read {
                let Some((from, tag)) = answers.pop_front() else { break };
                prop_assert_eq!(session.answers(&char::from(tag).to_string()), [from]);
            }
        }
        while let Some((from, tag)) = answers.pop_front() {
            prop_assert_eq!(session.answers(&char::from(tag).to_string()), [from]);
        }
        prop_assert!(session.queue.is_empty());
        prop_assert_eq!(session.queue.skips(), skipping);
    }

    #[test]
    fn no_sequence_of_messages_panics(
        events in proptest::collection::vec((any::<bool>(), any::<u8>()), 0..200),
    ) {
        let mut queue = Queue::new(0_u32);
        let kinds = [Kind::Parse, Kind::Bind, Kind::Close, Kind::DescribeStatement, Kind::DescribePortal,
            Kind::Execute, Kind::Query, Kind::Function, Kind::Sync, Kind::CopyEnd];
        for (send, byte) in events {
            if send {
                let _ = queue.push(kinds[usize::from(byte) % kinds.len()], 1);
            } else if let Ok(part) = queue.classify(b"123tTnDCIsGHdcEZVNASK"[usize::from(byte) % 21]) {
                queue.advance(part, |_| ());
            }
        }
    }
}
