//! The sealed database behind the proxy, and the plaintext twin.

use std::collections::BTreeMap;

use tokio_postgres::Config;

use super::kinds::{CanBe, Kind};
use crate::corpus::answer::{Said, read};
use crate::doors::door::{Door, Session};
use crate::doors::driver::Driver;
use crate::doors::param::{Form, Param};
use crate::doors::scenario::{Actor, Expect, Step};
use crate::doors::sdk::Sdk;
use crate::doors::stage::config;
use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::raw::{Raw, query};
use crate::harness::world::database;

/// Of which a letter in another case is the same.
const COLLATION: &str = "CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";

pub(super) struct Twins {
    pub(super) world: World,
    pub(super) sealed: Raw,
    pub(super) plain: Raw,
    twin: Config,
    columns: &'static [&'static str],
}

/// A condition with its names and constants in it.
pub(super) fn fill(form: &str, table: &str, column: &str, ty: &str, v: &str, w: &str) -> String {
    let names = [("{t}", table), ("{c}", column), ("{ty}", ty), ("{v}", v), ("{w}", w)];
    names.iter().fold(form.to_owned(), |text, (name, value)| text.replace(name, value))
}

impl Twins {
    /// A row for each value and one with NULLs, in both tables.
    pub(super) fn of(name: &str, kind: &Kind) -> Self {
        Self::with(name, kind, kind.ty)
    }

    /// The same where the type of the columns has a collation, which sealed columns do not have.
    pub(super) fn untyped(name: &str, kind: &Kind) -> Self {
        Self::with(name, kind, "text")
    }

    fn with(name: &str, kind: &Kind, sealed: &str) -> Self {
        let ty = kind.ty;
        let columns = format!("(id int8 PRIMARY KEY, k {ty} NOT NULL, s {ty}, c {sealed}, mark text, note text)");
        let ddl = format!("{COLLATION}; CREATE TABLE t {columns}; CREATE TABLE u {columns}");
        let (context, exact) = match kind.can_be {
            CanBe::All => ("SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", "[{ name = \"c\", length = \"exact\" }]"),
            CanBe::Untagged => ("SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", "[]"),
            CanBe::Signed => ("SIGN_ONLY", "[]"),
        };
        let sealable = kind.can_be != CanBe::Signed;
        let table = |name: &str, signed: bool| {
            let clear = if signed { "SIGN_ONLY" } else { "DO_NOTHING" };
            let (signature, k) = match (signed, sealable) {
                (true, _) => ("row_signature = \"HMAC-SHA-384\"\n", context),
                (false, true) => ("", context),
                (false, false) => ("", "DO_NOTHING"),
            };
            format!(
                "[tables.{name}]\nname = \"public.{name}\"\nbranch_key = \"all\"\n{signature}\
                 [tables.{name}.columns]\nid = \"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\"\nk = \"{k}\"\n\
                 s = \"{clear}\"\nc = {{ action = \"ENCRYPT_AND_SIGN\", type = \"{sealed}\" }}\n\
                 mark = \"{clear}\"\nnote = \"DO_NOTHING\"\n\
                 [tables.{name}.beacons]\nstandard = {exact}\n"
            )
        };
        let schema = format!(
            "version = 1\n[keyrings.test]\ngenerator = \"local:honest\"\n[branch_keys.all]\nkeyring = \"test\"\n{}{}",
            table("t", true),
            table("u", false)
        );
        let world = World::sealed(name, &ddl, &schema);
        world.writes_no_secret("its values are short");
        let twin = database(&format!("{name}_twin"), &ddl);
        let mut plain = Raw::dial_unix(cluster().socket_dir(), cluster().port());
        plain.log_in(&twin);
        let columns: &[&str] = if sealable { &["k", "s", "c"] } else { &["k", "s"] };
        let twin = config(&twin, cluster().port());
        let mut twins = Self { sealed: world.raw(), world, plain, twin, columns };
        twins.set("SET TimeZone = 'UTC'");
        for table in ["t", "u"] {
            let quoted = |value: &str| format!("'{}'", value.replace('\'', "''"));
            let row = |(id, value): (usize, &str)| format!("({id}, {value}, {value}, {value}, 'new')");
            let mut rows: Vec<_> = (1..).zip(kind.values).map(|(id, value)| row((id, &quoted(value)))).collect();
            rows.push(format!("({}, {}, NULL, NULL, NULL)", rows.len() + 1, quoted(kind.values[0])));
            let insert = format!("INSERT INTO {table} (id, k, s, c, mark) VALUES {}", rows.join(", "));
            let (sealed, plain) = twins.ask(&insert);
            assert_eq!((&sealed.answer.error, sealed.answer.tags), (&None, plain.answer.tags), "{}", sealed.message);
        }
        twins
    }

    /// The columns of the type: context, signed, sealed.
    pub(super) fn columns(&self) -> &'static [&'static str] {
        self.columns
    }

    /// What both say.
    pub(super) fn ask(&mut self, sql: &str) -> (Said, Said) {
        let sealed = read(&self.sealed.talk(&query(sql), 1), true);
        (sealed, read(&self.plain.talk(&query(sql), 1), true))
    }

    pub(super) fn ask_plain(&mut self, sql: &str) {
        let said = read(&self.plain.talk(&query(sql), 1), true);
        assert_eq!(said.answer.error, None, "{sql}: {}", said.message);
    }

    /// At both servers, for connections that are made from now on.
    pub(super) fn set_for_all(&self, setting: &str) {
        for database in [self.world.database(), self.twin.get_dbname().unwrap()] {
            self.world.at_server(&format!("ALTER DATABASE {database} SET {setting}"));
        }
    }

    /// With new connections.
    pub(super) fn reconnected(self) -> Self {
        let mut plain = Raw::dial_unix(cluster().socket_dir(), cluster().port());
        plain.log_in(self.twin.get_dbname().unwrap());
        Self { sealed: self.world.raw(), plain, ..self }
    }

    pub(super) fn script(&mut self, tally: &mut Tally, what: &str, script: &[u8]) {
        let sealed = read(&self.sealed.talk(script, 1), true);
        tally.said(what, &sealed, &read(&self.plain.talk(script, 1), true));
    }

    pub(super) fn set(&mut self, settings: &str) {
        for setting in settings.split("; ") {
            let (sealed, _) = self.ask(setting);
            assert_eq!(sealed.answer.error, None, "{setting}: {}", sealed.message);
        }
    }

    pub(super) fn select(&mut self, tally: &mut Tally, sql: &str) {
        let (sealed, plain) = self.ask(sql);
        tally.said(sql, &sealed, &plain);
    }

    /// What both did must not be told apart later: what only the twin did is undone.
    pub(super) fn update(&mut self, tally: &mut Tally, sql: &str) {
        self.ask("BEGIN");
        let (sealed, plain) = self.ask(sql);
        tally.said(sql, &sealed, &plain);
        let same = sealed.answer.error == plain.answer.error;
        self.ask(if same { "COMMIT" } else { "ROLLBACK" });
    }

    /// Conditions with parameters, or with one list, through every door that has parameters: a SELECT and an UPDATE.
    pub(super) fn bound(&self, tally: &mut Tally, asked: &[(String, Vec<Option<&str>>, bool)]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let of_proxy = |form| Driver::new("proxy", self.world.config_of_client(), form);
            let twin = Driver::new("twin", self.twin.clone(), Form::Text);
            let expected = answers(&twin, asked).await;
            let text = of_proxy(Form::Text);
            let binary = (of_proxy(Form::Binary), Sdk::new(&self.world, Form::Binary).await);
            for (name, told) in [
                (text.name(), answers(&text, asked).await),
                (binary.0.name(), answers(&binary.0, asked).await),
                (binary.1.name(), answers(&binary.1, asked).await),
            ] {
                for ((what, own), (_, twin)) in told.iter().zip(&expected) {
                    tally.answered(&format!("{name}: {what}"), own, twin);
                }
            }
        });
    }
}

type Rows = Result<(Vec<Vec<Option<String>>>, u64), String>;

async fn answers<D: Door>(door: &D, asked: &[(String, Vec<Option<&str>>, bool)]) -> Vec<(String, Rows)> {
    let mut session = door.connect().await;
    let mut told = Vec::new();
    for (number, (condition, values, list)) in asked.iter().enumerate() {
        let text = |value: &Option<&str>| value.map_or(Param::Null, |text| Param::Text(text.to_owned()));
        let params: Vec<Param> = match list {
            true => vec![Param::Array(values.iter().map(|value| value.map(str::to_owned)).collect())],
            false => values.iter().map(text).collect(),
        };
        let select = format!("SELECT id FROM t WHERE {condition} ORDER BY id");
        // What is held against a row is the same in both.
        let update = number.is_multiple_of(3).then(|| format!("UPDATE t SET mark = 'bound' WHERE {condition}"));
        for sql in std::iter::once(select).chain(update) {
            let what = format!("{sql} {params:?}");
            let (actor, expect) = (Actor::Session('a'), Expect::Twin);
            let answer =
                session.run(&Step { line: 0, actor, sql, params: params.clone(), expect, standard: false }).await;
            let rows = match answer.error {
                Some(error) => Err(error.code),
                None => Ok((answer.rows, answer.affected)),
            };
            told.push((what, rows));
        }
    }
    told
}

/// What the comparisons of one test came to.
#[derive(Default)]
pub(super) struct Tally {
    same: usize,
    /// Refused here and answered by the twin, by what the refusal says.
    refused: BTreeMap<String, Vec<String>>,
    differ: Vec<String>,
}

const REFUSED: &str = "0A000";

impl Tally {
    fn said(&mut self, what: &str, sealed: &Said, plain: &Said) {
        let rows = |said: &Said| match &said.answer.error {
            Some(code) => Err(code.clone()),
            None => Ok((said.answer.rows.clone(), said.answer.tags.clone())),
        };
        self.judge(what, &rows(sealed), &rows(plain), &sealed.message);
    }

    fn answered(&mut self, what: &str, own: &Rows, twin: &Rows) {
        self.judge(what, own, twin, "");
    }

    fn judge<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &str,
        own: &Result<T, String>,
        twin: &Result<T, String>,
        message: &str,
    ) {
        match (own, twin) {
            (own, twin) if own == twin => self.same += 1,
            (Err(code), Err(_)) if code == REFUSED => self.same += 1,
            (Err(code), Ok(_)) if code == REFUSED => {
                self.refused.entry(message.to_owned()).or_default().push(what.to_owned());
            }
            // Older than these tests: of an ARRAY against a sealed column the type of a NULL in it is not looked at.
            // Without an operator for its type PostgreSQL never reads the parameter that is rejected here.
            (Err(_), Err(code)) if code == "42883" => self.same += 1,
            // Of several things that are wrong with an input, each side finds another first.
            (Err(own), Err(code)) if own.starts_with("22") && code.starts_with("22") => self.same += 1,
            (Err(code), _) | (_, Err(code)) if code == "42883" && what.contains("(ARRAY[") => self.same += 1,
            (own, twin) => self.differ.push(format!("{what}\n     {own:?} {message}\n     expected {twin:?}")),
        }
    }

    pub(super) fn finish(self, name: &str, most: usize) {
        let refused: usize = self.refused.values().map(Vec::len).sum();
        println!("{name}: {} the same, {refused} refused, {} differ", self.same, self.differ.len());
        for (message, examples) in &self.refused {
            println!("  {} {message}: {}", examples.len(), examples[examples.len() - 1]);
        }
        assert!(self.differ.is_empty(), "{} differ\n{}", self.differ.len(), self.differ.join("\n"));
        assert!(refused <= most, "{refused} are refused, {most} were");
    }
}
