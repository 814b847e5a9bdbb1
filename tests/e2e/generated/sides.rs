//! Both sides: the plaintext twin straight at the server, and the sealed tables through the proxy.

use super::kind::marked;
use super::schema::Schema;
use super::statement::{Param, Statement, Value, Way};
use crate::corpus::answer::{Said, read};
use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::raw::{Raw, bind_formats, describe, execute, parse, query, sync};
use crate::harness::world::database;

pub(super) struct Sides {
    plain: Raw,
    sealed: Raw,
    world: World,
}

/// What came of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Both sides said the same.
    Answered,
    /// The same error on both sides, with its SQLSTATE.
    Failed(String),
    /// What the refusal says, if the twin had an answer.
    Refused(String),
    /// Refused, and the twin has another error.
    Both,
    /// In what it differs.
    Wrong(String),
    /// A value of a sealed column passed on the link.
    Leaked,
}

const REFUSED: &str = "0A000";

impl Sides {
    pub(super) fn new(name: &str, schema: &Schema, rows: &[String]) -> Self {
        let twin = database(&format!("{name}_twin"), &schema.ddl);
        let world = World::sealed(name, &schema.ddl, &schema.toml);
        world.writes_no_secret("every marked value is looked for on the link, statement by statement");
        let mut plain = Raw::dial_unix(cluster().socket_dir(), cluster().port());
        plain.log_in(&twin);
        // Not heard by the world's watch: every row is held against the twin's here.
        let mut sealed = Raw::dial(world.proxy().address());
        sealed.log_in(world.database());
        let mut sides = Self { plain, sealed, world };
        for insert in rows {
            let (expected, got) = sides.both(&query(insert), true);
            assert_eq!((&got.answer.error, &expected.answer.error), (&None, &None), "{}: {insert}", got.message);
        }
        sides
    }

    fn both(&mut self, script: &[u8], ordered: bool) -> (Said, Said) {
        let expected = read(&self.plain.talk(script, 1), ordered);
        (expected, read(&self.sealed.talk(script, 1), ordered))
    }

    /// Runs it on both sides. What is written is kept if `keep` says so and both wrote the same.
    pub(super) fn run(&mut self, statement: &Statement, tables: &[&str], keep: bool) -> Outcome {
        let mark = self.world.link().mark();
        if statement.writes {
            self.both(&query("BEGIN"), true);
        }
        let (expected, got) = self.both(&script(statement), statement.ordered);
        let mut outcome = judge(&expected, &got);
        if marked(&self.world.link().since(mark)) {
            outcome = Outcome::Leaked;
        }
        if statement.writes {
            if outcome == Outcome::Answered {
                for table in tables {
                    let (expected, got) = self.both(&query(&format!("SELECT * FROM {table} ORDER BY id")), true);
                    if got.answer != expected.answer {
                        outcome = Outcome::Wrong(format!("then {table}: {}", got.answer.difference(&expected.answer)));
                    }
                }
            }
            let end = if keep && outcome == Outcome::Answered { "COMMIT" } else { "ROLLBACK" };
            self.both(&query(end), true);
        }
        outcome
    }
}

fn judge(expected: &Said, got: &Said) -> Outcome {
    match (&got.answer.error, &expected.answer.error) {
        (own, twin) if own == twin => match own {
            Some(code) => Outcome::Failed(code.clone()),
            None if got.answer == expected.answer => Outcome::Answered,
            None => Outcome::Wrong(got.answer.difference(&expected.answer)),
        },
        (Some(code), None) if code == REFUSED => Outcome::Refused(got.message.clone()),
        (Some(code), Some(_)) if code == REFUSED => Outcome::Both,
        (Some(code), Some(twin)) => {
            Outcome::Wrong(format!("{code} {}, expected {twin} {}", got.message, expected.message))
        }
        (Some(code), None) => Outcome::Wrong(format!("{code} {}, expected an answer", got.message)),
        (None, Some(twin)) => Outcome::Wrong(format!("an answer, expected {twin} {}", expected.message)),
        (None, None) => Outcome::Wrong("an answer".into()),
    }
}

/// The messages of a statement.
fn script(statement: &Statement) -> Vec<u8> {
    let Statement { sql, params, way, .. } = statement;
    let format = match way {
        Way::Simple => return query(sql),
        Way::Text => 0,
        Way::Binary => 1,
    };
    let oid = |param: &Param| match param.value {
        Value::Many(_) => param.kind.array_oid(),
        Value::Null | Value::One(_) => param.kind.oid(),
    };
    let declared: Vec<u32> = if format == 1 { params.iter().map(oid).collect() } else { Vec::new() };
    let values: Vec<_> = params.iter().map(|param| bytes(param, format == 1)).collect();
    let values: Vec<_> = values.iter().map(Option::as_deref).collect();
    let bound = bind_formats("", "", &[format], &values, &[format]);
    [parse("", sql, &declared), describe(b'S', ""), bound, execute("", 0), sync()].concat()
}

fn bytes(param: &Param, binary: bool) -> Option<Vec<u8>> {
    match &param.value {
        Value::Null => None,
        Value::One(text) if binary => Some(param.kind.binary(text)),
        Value::One(text) => Some(text.clone().into_bytes()),
        Value::Many(members) if binary => {
            // array_send: dimensions, whether there are NULLs, the members' type; length and lower bound; the members.
            let head = [i32::from(!members.is_empty()), i32::from(members.contains(&None))];
            let mut bytes = head.map(i32::to_be_bytes).concat();
            bytes.extend(param.kind.oid().to_be_bytes());
            if !members.is_empty() {
                bytes.extend([i32::try_from(members.len()).unwrap(), 1].map(i32::to_be_bytes).concat());
            }
            for member in members {
                let member = member.as_ref().map(|text| param.kind.binary(text));
                let len = member.as_ref().map_or(-1, |member| i32::try_from(member.len()).unwrap());
                bytes.extend(len.to_be_bytes());
                bytes.extend(member.unwrap_or_default());
            }
            Some(bytes)
        }
        Value::Many(members) => {
            let members = members.iter().map(|member| match member {
                Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                None => "NULL".to_owned(),
            });
            Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes())
        }
    }
}
