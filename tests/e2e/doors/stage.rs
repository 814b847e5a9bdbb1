//! Where scenarios are played: the sealed database and its plaintext twin, empty before each scenario.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use tokio_postgres::Config;

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::scratch::random;
use crate::harness::world::database;

use super::answer::Answer;
use super::axes::{self, Setup};
use super::door::{Door, Session};
use super::driver::Driver;
use super::param::Form;
use super::scenario::{Actor, Expect, Scenario, Step, read};
use super::sdk::Sdk;

/// Texts that scenarios store in sealed columns. At the sealed database another text of the same length stands for each,
/// which no other database of the cluster has: the twin's log is the same file.
const SECRETS: [&str; 2] = ["Qz7secretonehwxyvk", "Qz7secrettwohwxyvk"];

/// What makes a transaction of the twin fail where one of the doors was refused.
const FAILS: &str = "SELECT pg_catalog.pgseal_refused()";

const RESET: &str = "DELETE FROM person; DELETE FROM ledger; DELETE FROM entry; DELETE FROM kinds; DELETE FROM lists; DELETE FROM spans; DELETE FROM note; \
    SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence JOIN pg_class ON oid = seqrelid \
    WHERE relnamespace = 'public'::regnamespace";

pub(super) struct Stage {
    pub(super) world: World,
    /// It has grants on columns alone.
    pub(super) role: String,
    twin: Driver,
    secrets: Vec<(&'static str, String)>,
}

/// Scenarios of a file, and what the twin said to each step of each.
pub(super) struct Group {
    scenarios: Vec<Scenario>,
    setup: Setup,
    expected: Vec<Vec<Answer>>,
    /// What the first door said, which the others must say too.
    told: Vec<Vec<Answer>>,
    /// Everything that was wrong.
    differences: Vec<String>,
}

pub(super) fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios")
}

impl Stage {
    pub(super) fn new(name: &str) -> Self {
        let file = |name: &str| std::fs::read_to_string(scenarios().join(name)).unwrap();
        let role = format!("{name}_{}", random(5));
        let sql = [axes::before_tables(), &file("tables.sql"), &axes::grants(&role)].concat();
        cluster().psql("postgres", &format!("CREATE ROLE {role}")).unwrap_or_else(|error| panic!("{error}"));
        let world = World::sealed(name, &sql, &file("tables.toml"));
        let database = database(&format!("{name}twin"), &sql);
        let twin = Driver::new("twin", config(&database, cluster().port()), Form::Text);
        let secrets = SECRETS.map(|secret| (secret, format!("Zq{}", random(secret.len() - 2))));
        secrets.iter().for_each(|(_, secret)| world.keep_secret(secret));
        Self { world, role, twin, secrets: secrets.into() }
    }

    pub(super) fn proxy(&self, form: Form) -> Driver {
        Driver::new("proxy", self.world.config_of_client(), form)
    }

    pub(super) async fn sdk(&self, form: Form) -> Sdk {
        Sdk::new(&self.world, form).await
    }

    /// Reads a file of scenarios and asks the twin.
    pub(super) async fn group(&self, file: &str) -> Group {
        self.group_of(file, &self.twin, true).await
    }

    /// The same in sessions that are set up so. What PostgreSQL answers in them no file says.
    pub(super) async fn group_in(&self, file: &str, setup: Setup) -> Group {
        let twin = Driver { setup, ..Driver::new("twin", self.twin.config.clone(), Form::Text) };
        self.group_of(file, &twin, false).await
    }

    async fn group_of(&self, file: &str, twin: &Driver, listed: bool) -> Group {
        let scenarios = read(&scenarios().join(file));
        let mut expected = Vec::new();
        for scenario in &scenarios {
            cluster().psql(self.twin.config.get_dbname().unwrap(), RESET).unwrap_or_else(|error| panic!("{error}"));
            expected.push(ask_twin(file, scenario, twin, listed).await);
        }
        Group { scenarios, setup: twin.setup.clone(), expected, told: Vec::new(), differences: Vec::new() }
    }

    /// Plays all scenarios through a door.
    pub(super) async fn play<D: Door>(&self, group: &mut Group, door: &D) {
        let mut told = Vec::new();
        for (number, scenario) in group.scenarios.iter().enumerate() {
            self.world.at_server(RESET);
            let mut sessions = Sessions::new(door, &group.setup);
            let mut answers: Vec<Answer> = Vec::new();
            for (at, step) in scenario.steps.iter().enumerate() {
                if step.actor == Actor::Server {
                    self.world.at_server(&step.sql);
                    answers.push(Answer::default());
                    continue;
                }
                let answer = self.reveal(sessions.run(&self.conceal(step)).await, step);
                let mut wrong = vec![judge(step, &answer, &group.expected[number][at])];
                if let Some(first) = group.told.get(number) {
                    wrong.push(answer.differs_from_door(&first[at]));
                }
                let place = format!("{}, line {}, {}", scenario.name, step.line, door.name());
                let wrong = wrong.into_iter().flatten().map(|what| format!("{place}: {}\n    {what}", step.sql));
                group.differences.extend(wrong);
                answers.push(answer);
            }
            told.push(answers);
        }
        let steps: usize = group.scenarios.iter().map(|scenario| scenario.steps.len()).sum();
        println!("{} scenarios, {steps} steps: {}", group.scenarios.len(), door.name());
        if group.told.is_empty() {
            group.told = told;
        }
    }

    /// All doors were equal.
    pub(super) fn close(&self, group: Group) {
        assert!(
            group.differences.is_empty(),
            "{} differences\n{}",
            group.differences.len(),
            group.differences.join("\n")
        );
    }

    fn conceal(&self, step: &Step) -> Step {
        let change = |text: &str| self.secrets.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        Step {
            sql: change(&step.sql),
            params: step.params.iter().map(|param| param.map(change)).collect(),
            ..step.clone()
        }
    }

    fn reveal(&self, mut answer: Answer, step: &Step) -> Answer {
        for text in answer.rows.iter_mut().flatten().flatten() {
            for (from, to) in &self.secrets {
                *text = text.replace(to, from).replace(&hex(to), &hex(from));
            }
        }
        if step.any_order() {
            answer.rows.sort();
        }
        answer
    }
}

/// What the twin says to each step. `listed`: its errors are those that the file lists.
async fn ask_twin(file: &str, scenario: &Scenario, twin: &Driver, listed: bool) -> Vec<Answer> {
    let mut sessions = Sessions::new(twin, &twin.setup);
    let mut answers = Vec::new();
    for step in &scenario.steps {
        let answer = match &step.expect {
            _ if step.actor == Actor::Server => Answer::default(),
            Expect::Refused(..) => {
                sessions.run(&Step { sql: FAILS.into(), params: vec![], ..step.clone() }).await;
                Answer::default()
            }
            Expect::Twin => sessions.run(step).await,
            Expect::Error(_) => sessions.run(step).await,
        };
        // An error that nobody expects would be equal everywhere and prove nothing.
        let code = answer.error.as_ref().map(|error| error.code.as_str());
        let expected = match &step.expect {
            Expect::Error(code) => Some(code.as_str()),
            Expect::Twin | Expect::Refused(..) => None,
        };
        assert!(!listed || code == expected, "{file}:{}: the twin says {:?}", step.line, answer.error);
        answers.push(answer);
    }
    answers
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn judge(step: &Step, answer: &Answer, twin: &Answer) -> Option<String> {
    let Expect::Refused(code, message) = &step.expect else {
        let mut twin = twin.clone();
        if step.any_order() {
            twin.rows.sort();
        }
        return answer.differs_from_twin(&twin);
    };
    match &answer.error {
        Some(error) if (&error.code, &error.message) == (code, message) => None,
        Some(error) => Some(format!("{} {}, expected {code} {message}", error.code, error.message)),
        None => Some(format!("answered with {:?}, expected {code} {message}", answer.rows)),
    }
}

/// The sessions of one scenario, connected when they are first needed.
struct Sessions<'a, D: Door> {
    door: &'a D,
    setup: &'a Setup,
    open: HashMap<char, D::Session>,
}

impl<'a, D: Door> Sessions<'a, D> {
    fn new(door: &'a D, setup: &'a Setup) -> Self {
        Self { door, setup, open: HashMap::new() }
    }

    async fn run(&mut self, step: &Step) -> Answer {
        let Actor::Session(name) = step.actor else { panic!("the server is no session") };
        let session = match self.open.entry(name) {
            Entry::Occupied(session) => session.into_mut(),
            Entry::Vacant(place) => place.insert(self.door.connect().await),
        };
        match self.setup.around.filter(|_| step.standard) {
            None => session.run(step).await,
            Some([before, after]) => {
                session.run(&set(before, step)).await;
                let answer = session.run(step).await;
                session.run(&set(after, step)).await;
                answer
            }
        }
    }
}

/// A setting beside a step.
fn set(sql: &str, step: &Step) -> Step {
    Step { sql: sql.to_owned(), params: vec![], ..step.clone() }
}

/// Over loopback.
pub(crate) fn config(database: &str, port: u16) -> Config {
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user("postgres").dbname(database).password(cluster().password());
    config
}
