//! Tables on a server that lies, and every way to them: the proxy by both protocols, the SDK's client in both forms.

use tokio::runtime::Runtime;

use super::{Lie, When};
use crate::corpus::answer::read;
use crate::doors::door::{Door, Session as _};
use crate::doors::param::{Form, Param};
use crate::doors::scenario::{Actor, Expect, Step};
use crate::doors::sdk::{Sdk, SdkSession};
use crate::harness::World;
use crate::harness::raw::{Raw, bind, describe, execute, parse, query, sync};

/// The same columns in a table whose rows are signed, and in one that only seals.
const TABLES: &str = "
CREATE TABLE customers (
    id    bigint PRIMARY KEY,
    email text UNIQUE,
    phone text,
    dept  text,
    level int,
    note  text
);
CREATE TABLE contacts (
    id    bigint PRIMARY KEY,
    email text UNIQUE,
    phone text,
    note  text
);";

const SCHEMA: &str = r#"
version = 1
[keyrings.test]
generator = "local:lying"
[branch_keys.people]
keyring = "test"

[tables.customers]
name = "public.customers"
branch_key = "people"
row_signature = "HMAC-SHA-384"
[tables.customers.columns]
id    = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
email = { action = "ENCRYPT_AND_SIGN", type = "text" }
phone = { action = "ENCRYPT_AND_SIGN", type = "text" }
dept  = "SIGN_ONLY"
level = "SIGN_ONLY"
note  = "DO_NOTHING"
[tables.customers.beacons]
standard = [{ name = "email", length = "exact" }]

[tables.contacts]
name = "public.contacts"
branch_key = "people"
[tables.contacts.columns]
id    = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
email = { action = "ENCRYPT_AND_SIGN", type = "text" }
phone = { action = "ENCRYPT_AND_SIGN", type = "text" }
note  = "DO_NOTHING"
[tables.contacts.beacons]
standard = [{ name = "email", length = "exact" }]
"#;

/// In the text of every SELECT that locks what an UPDATE will sign, and in no other.
pub(super) const LOCK: &str = " UPDATE OF ";

pub(super) struct Stage {
    pub(super) world: World,
    /// The phone of row 1.
    pub(super) secret: String,
    sdk: [Sdk; 2],
    runtime: Runtime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Simple,
    Extended,
    Sdk(Form),
}

pub(super) const WAYS: [Way; 4] = [Way::Simple, Way::Extended, Way::Sdk(Form::Text), Way::Sdk(Form::Binary)];

pub(super) struct Session<'a> {
    kind: Kind,
    runtime: &'a Runtime,
}

enum Kind {
    Simple(Raw),
    Extended(Raw),
    Sdk(Box<SdkSession>),
}

/// What an application was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) code: Option<String>,
    pub(super) message: String,
    pub(super) rows: Vec<Vec<Option<String>>>,
    /// Rows that were shown, before an error too.
    pub(super) shown: usize,
}

impl Stage {
    /// Four rows in each table; the last has as many NULLs as it can.
    pub(super) fn new(name: &str) -> Self {
        let world = World::lying(name, TABLES, SCHEMA);
        let secret = world.secret();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sdk =
            runtime.block_on(async { [Sdk::new(&world, Form::Text).await, Sdk::new(&world, Form::Binary).await] });
        let stage = Self { world, secret, sdk, runtime };
        let mut session = stage.session(Way::Simple);
        for insert in [
            format!(
                "INSERT INTO customers (id, email, phone, dept, level, note) VALUES \
                 (1, 'a@x', '{}', 'sales', 1, 'y'), (2, 'b@x', '222', 'dev', 2, 'y'), \
                 (3, 'c@x', '333', NULL, 3, NULL), (4, NULL, NULL, '', NULL, 'n')",
                stage.secret
            ),
            "INSERT INTO contacts (id, email, phone, note) VALUES \
             (1, 'a@x', '111', 'y'), (2, 'b@x', '222', 'y'), (3, 'c@x', '333', NULL), (4, NULL, NULL, 'n')"
                .to_owned(),
        ] {
            let told = session.ask(&insert, &[]);
            assert_eq!(told.code, None, "{}", told.message);
        }
        drop(session);
        stage
    }

    /// A connection on which nothing is prepared.
    pub(super) fn session(&self, way: Way) -> Session<'_> {
        let kind = match way {
            Way::Simple => Kind::Simple(self.world.raw()),
            Way::Extended => Kind::Extended(self.world.raw()),
            Way::Sdk(form) => {
                let sdk = &self.sdk[usize::from(form == Form::Binary)];
                sdk.pool.retain(|_, _| false);
                Kind::Sdk(Box::new(self.runtime.block_on(sdk.connect())))
            }
        };
        Session { kind, runtime: &self.runtime }
    }

    /// What a statement is told while the server lies, on a connection of its own; the lie must have been told.
    pub(super) fn lied(&self, way: Way, (when, lie): (When, Lie), sql: &str, params: &[Param]) -> Told {
        let mut session = self.session(way);
        self.world.liar().lie(when, lie);
        let told = session.ask(sql, params);
        let lies = self.world.liar().repent();
        assert!(lies > 0 || told.code.is_some(), "{way:?}: nobody lied about {sql}");
        told
    }

    /// Every row as it lies at the server, with its address.
    pub(super) fn stored(&self) -> String {
        self.world.at_server(
            "SELECT string_agg(ctid::text || c::text, E'\\n' ORDER BY id) FROM customers c \
             UNION ALL SELECT string_agg(ctid::text || c::text, E'\\n' ORDER BY id) FROM contacts c",
        )
    }
}

impl Session<'_> {
    /// Runs a statement. By the simple protocol its parameters are constants without a type.
    pub(super) fn ask(&mut self, sql: &str, params: &[Param]) -> Told {
        match &mut self.kind {
            Kind::Simple(raw) => {
                let frames = raw.talk(&query(&inline(sql, params)), 1);
                told(&frames)
            }
            Kind::Extended(raw) => {
                let values: Vec<_> = params.iter().map(Param::text).collect();
                let values: Vec<_> = values.iter().map(Option::as_deref).collect();
                let script =
                    [parse("", sql, &[]), describe(b'S', ""), bind("", "", &values, 0), execute("", 0), sync()];
                let frames = raw.talk(&script.concat(), 1);
                told(&frames)
            }
            Kind::Sdk(session) => {
                let (sql, params) = (sql.to_owned(), params.to_vec());
                let step =
                    Step { line: 0, actor: Actor::Session('a'), sql, params, expect: Expect::Twin, standard: false };
                let answer = self.runtime.block_on(session.run(&step));
                let (code, message) = answer.error.map(|error| (error.code, error.message)).unzip();
                Told { code, message: message.unwrap_or_default(), shown: answer.rows.len(), rows: answer.rows }
            }
        }
    }
}

fn told(frames: &[crate::harness::raw::Frame]) -> Told {
    let shown = frames.iter().filter(|frame| frame.kind == 'D').count();
    let said = read(frames, true);
    Told { code: said.answer.error, message: said.message, rows: said.answer.rows, shown }
}

/// With every `$n` replaced by its value.
fn inline(sql: &str, params: &[Param]) -> String {
    let mut sql = sql.to_owned();
    for (number, param) in params.iter().enumerate().rev() {
        let literal = param.text().map_or("NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")));
        sql = sql.replace(&format!("${}", number + 1), &literal);
    }
    sql
}

/// A list of parameters in text form.
pub(super) fn texts(params: &[&str]) -> Vec<Param> {
    params.iter().map(|text| Param::Text((*text).to_owned())).collect()
}
