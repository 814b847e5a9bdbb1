//! What the table counts is what it holds, whatever became of names and in whichever order.

use std::collections::VecDeque;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::exec::by_name;
use crate::sql::{Effect, Notes, Plan, Steps, Template, Verb};

/// What may happen to one of a few names; sizes are of texts, in bytes.
#[derive(Debug, Clone)]
enum Event {
    Parse {
        name: usize,
        size: usize,
        planned: bool,
    },
    Again {
        name: usize,
        size: usize,
    },
    Renew {
        name: usize,
    },
    Close {
        name: usize,
    },
    Unsent,
    Confirmed,
    Withdrawn,
    Barred {
        name: usize,
    },
    /// As many other names as this.
    ManyBarred(usize),
    Refused {
        name: usize,
    },
    /// A text of these statements is sent.
    Sql(Vec<Sql>),
    /// The oldest text that was sent is answered: all of it was carried out, or none.
    Answered(bool),
    Learnt {
        name: usize,
        size: usize,
    },
    Unlearnt,
    EndOfBatch,
    AllGone,
}

#[derive(Debug, Clone)]
enum Sql {
    Prepare { name: usize, size: usize },
    Deallocate { name: usize },
    Declare { name: usize },
    DiscardAll,
}

/// Names of statements; the first is the unnamed one, and two are one name at the server.
fn name(number: usize) -> String {
    match number {
        0 => String::new(),
        number @ (1 | 2) => format!("{}{number}", "n".repeat(63)),
        number => format!("p{number}"),
    }
}

/// In SQL no name is empty.
fn in_sql(number: usize) -> String {
    name(number.max(1))
}

impl Sql {
    fn text(&self) -> String {
        match self {
            Self::Prepare { name, size } => format!("PREPARE {} AS SELECT '{}'", in_sql(*name), "x".repeat(*size)),
            Self::Deallocate { name } => format!("DEALLOCATE {}", in_sql(*name)),
            Self::Declare { name } => format!("DECLARE {} CURSOR FOR SELECT 1", in_sql(*name)),
            Self::DiscardAll => "DISCARD ALL".to_owned(),
        }
    }
}

fn size(most: usize) -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0..200_usize, 1 => most / 3..most]
}

fn event() -> impl Strategy<Value = Event> {
    let name = || 0..5_usize;
    let sql = prop_oneof![
        4 => (name(), size(MOST_SQL_BYTES)).prop_map(|(name, size)| Sql::Prepare { name, size }),
        2 => name().prop_map(|name| Sql::Deallocate { name }),
        1 => name().prop_map(|name| Sql::Declare { name }),
        1 => Just(Sql::DiscardAll),
    ];
    prop_oneof![
        6 => (name(), size(MOST_TEXT_BYTES), any::<bool>())
            .prop_map(|(name, size, planned)| Event::Parse { name, size, planned }),
        2 => (name(), size(MOST_TEXT_BYTES)).prop_map(|(name, size)| Event::Again { name, size }),
        2 => name().prop_map(|name| Event::Renew { name }),
        3 => name().prop_map(|name| Event::Close { name }),
        1 => Just(Event::Unsent),
        8 => Just(Event::Confirmed),
        3 => Just(Event::Withdrawn),
        1 => name().prop_map(|name| Event::Barred { name }),
        1 => (0..7_000_usize).prop_map(Event::ManyBarred),
        1 => name().prop_map(|name| Event::Refused { name }),
        4 => proptest::collection::vec(sql, 1..4).prop_map(Event::Sql),
        4 => any::<bool>().prop_map(Event::Answered),
        2 => (name(), size(MOST_SQL_BYTES)).prop_map(|(name, size)| Event::Learnt { name, size }),
        1 => Just(Event::Unlearnt),
        1 => Just(Event::EndOfBatch),
        1 => Just(Event::AllGone),
    ]
}

/// A session's table, and what is under way.
#[derive(Default)]
struct Run {
    names: Names,
    /// The names of messages, oldest first, and whether each is a Parse alone.
    messages: VecDeque<(String, bool)>,
    texts: VecDeque<Named>,
    events: u64,
}

fn plan() -> Arc<Plan> {
    Arc::new(Plan {
        verb: Verb::Select,
        template: Template::default(),
        params: vec![],
        rows: vec![],
        output: None,
        steps: Steps::One,
        notes: Notes::default(),
    })
}

fn statement(size: usize, plan: Option<&Arc<Plan>>) -> Statement {
    Statement {
        text: Some(Zeroizing::new("x".repeat(size).into())),
        declared: Box::default(),
        epoch: 1,
        plan: plan.cloned(),
        qualified: None,
        effect: Effect::None,
        named: None,
        runs: false,
        was_barred: false,
    }
}

impl Run {
    fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    fn take(&mut self, event: &Event, plan: &Arc<Plan>) {
        let number = self.event();
        match event {
            Event::Parse { name: of, size, planned } => {
                let statement = statement(*size, Some(plan).filter(|_| *planned));
                self.names.prepare(name(*of).as_bytes(), statement);
                self.messages.push_back((name(*of), true));
            }
            Event::Again { name: of, size } => {
                if self.names.get(name(*of).as_bytes()).is_some() {
                    self.names.prepare_again(name(*of).as_bytes(), statement(*size, Some(plan)));
                    self.messages.extend([(name(*of), false), (name(*of), false)]);
                }
            }
            // What is planned again has the text that it had.
            Event::Renew { name: of } => {
                if let Some(known) = self.names.get(name(*of).as_bytes())
                    && known.plan.is_none()
                    && let Some(text) = known.text()
                {
                    let renewed = statement(text.len(), None);
                    self.names.renew(name(*of).as_bytes(), renewed);
                }
            }
            Event::Close { name: of } => {
                if self.names.is_prepared(name(*of).as_bytes()) {
                    self.names.close(name(*of).as_bytes());
                    self.messages.push_back((name(*of), false));
                }
            }
            Event::Unsent => {
                if let Some((name, _)) = self.messages.pop_back_if(|(_, parse)| *parse) {
                    self.names.take_back(name.as_bytes());
                    self.names.bar(name.as_bytes(), number);
                }
            }
            Event::Confirmed => {
                if let Some((name, _)) = self.messages.pop_front() {
                    self.names.confirm(name.as_bytes(), number);
                }
            }
            Event::Withdrawn => {
                if let Some((name, _)) = self.messages.pop_front() {
                    self.names.withdraw(name.as_bytes(), number);
                }
            }
            Event::Barred { name: of } => self.names.bar(name(*of).as_bytes(), number),
            Event::ManyBarred(count) => (0..*count).for_each(|of| self.names.bar(format!("b{of}").as_bytes(), number)),
            Event::Refused { name: of } => {
                self.names.refused(&by_name::named(&Sql::Prepare { name: *of, size: 1 }.text()), number);
            }
            Event::Sql(statements) => {
                let text: Vec<String> = statements.iter().map(Sql::text).collect();
                let named = by_name::named(&text.join("; "));
                if self.names.too_much(&named).is_none() {
                    let named = named.sent(number);
                    self.names.sent(&named, 1);
                    self.texts.push_back(named);
                }
            }
            Event::Answered(carried_out) => self.answered(*carried_out),
            Event::Learnt { name: of, size } => self.names.learn(name(*of).as_bytes(), &"x".repeat(*size)),
            Event::Unlearnt => self.names.unlearn(),
            Event::EndOfBatch => self.names.end_batch(),
            Event::AllGone => self.names.all_deallocated(None, number),
        }
    }

    fn answered(&mut self, carried_out: bool) {
        let Some(mut named) = self.texts.pop_front() else { return };
        while carried_out && let Some(told) = named.told_next() {
            match told {
                by_name::Told::Gone(name) => self.names.deallocated(&name, &named),
                by_name::Told::AllGone => self.names.all_deallocated(Some(&named), named.number()),
                by_name::Told::Made(name) => self.names.made(&name, &named),
                by_name::Told::Declared(name) => self.names.declared(&name, &named),
            }
        }
        self.names.settle(&named);
    }
}

/// What the slots hold, one by one.
fn recounted(names: &Names) -> [usize; 4] {
    let mut sums = [0; 4];
    for slot in names.slots.values() {
        assert!(!slot.is_empty(), "a name of which nothing is known takes memory");
        sums[0] += slot.prepared.all().filter(|statement| statement.plan.is_some()).count();
        sums[1] += usize::from(slot.barred.is_some());
        sums[2] += slot.prepared.all().map(|statement| statement.bytes()).sum::<usize>();
        sums[3] += slot.texts.iter().map(|kept| kept.text.len()).sum::<usize>();
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_counted_is_what_is_there_and_never_more_than_the_limits(
        events in proptest::collection::vec(event(), 1..60),
    ) {
        let plan = plan();
        let mut run = Run::default();
        for event in &events {
            run.take(event, &plan);
            let Weight { planned, barred, text_bytes, sql_bytes } = run.names.weight;
            prop_assert_eq!([planned, barred, text_bytes, sql_bytes], recounted(&run.names));
            // What is prepared again is there twice until the Close before it is answered.
            prop_assert!(barred <= MOST_BARRED && text_bytes <= 2 * MOST_TEXT_BYTES && sql_bytes <= MOST_SQL_BYTES);
        }
        // What is answered, closed and forgotten takes nothing.
        while !run.messages.is_empty() {
            run.take(&Event::Confirmed, &plan);
        }
        while !run.texts.is_empty() {
            run.take(&Event::Answered(true), &plan);
        }
        for number in 0..5 {
            run.take(&Event::Close { name: number }, &plan);
            run.take(&Event::Confirmed, &plan);
        }
        prop_assert_eq!((run.names.weight.planned, run.names.weight.text_bytes), (0, 0));
    }
}
