//! What a session is beside its statements: scenarios must come out the same under all of it.
//!
//! Of two values of each of four axes every pair meets in five sessions; that of the default values is every other test's.
//! Row-level security is no axis yet: `schema apply` refuses it.

use tokio_postgres::Config;

/// One session of the covering array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes {
    /// `client_encoding` is LATIN1 instead of UTF8. The driver does not know, and what it writes it reads again; the SDK's
    /// client keeps to UTF8.
    latin1: bool,
    /// `standard_conforming_strings` is off.
    backslashes: bool,
    /// A role with grants on columns runs the statements, instead of the tables' owner.
    granted: bool,
    /// Another schema comes first in the search path.
    path: bool,
}

pub(super) const PAIRS: [Axes; 4] = [
    Axes { latin1: false, backslashes: true, granted: true, path: true },
    Axes { latin1: true, backslashes: false, granted: true, path: true },
    Axes { latin1: true, backslashes: true, granted: false, path: true },
    Axes { latin1: true, backslashes: true, granted: true, path: false },
];

/// What a session is told before its first statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    /// By the start-up packet, as `options`.
    pub(super) options: String,
    /// By SQL.
    pub(super) sql: String,
    /// What a step is told before and after it whose constants are written for the other setting of
    /// `standard_conforming_strings`.
    pub(super) around: Option<[&'static str; 2]>,
}

impl Axes {
    /// `role` is the one with grants. `latin1`: the door can have sessions in LATIN1.
    pub(super) fn setup(self, role: &str, latin1: bool) -> Setup {
        let Self { latin1: wanted, backslashes, granted, path } = self;
        let mut setup = Setup::default();
        // The owner brings all by the start-up packet, the other role by SQL.
        let mut set = |name: &str, value: &str| match granted {
            true => setup.sql.push_str(&format!("SET {name} = {value}; ")),
            false => setup.options.push_str(&format!("-c {name}={value} ")),
        };
        if backslashes {
            set("standard_conforming_strings", "off");
        }
        if path {
            set("search_path", "other,public");
        }
        if granted {
            set("role", role);
        }
        // The driver says UTF8 in its start-up packet.
        if wanted && latin1 {
            setup.sql.push_str("SET client_encoding = LATIN1; ");
        }
        setup.around =
            backslashes.then_some(["SET standard_conforming_strings = on", "SET standard_conforming_strings = off"]);
        setup
    }
}

impl Setup {
    pub(super) fn configure(&self, config: &mut Config) {
        if !self.options.is_empty() {
            config.options(&self.options);
        }
    }
}

/// What stands in a database before the tables of the scenarios.
pub(super) fn before_tables() -> &'static str {
    "CREATE SCHEMA other; CREATE TABLE other.elsewhere (id int, person text);"
}

/// Privileges of the role, column by column: what it may not do is refused at the twin too.
pub(super) fn grants(role: &str) -> String {
    let spans = "id, years, laps, days";
    let lists = "id, tags, codes, ids, short, prices, at, docs, open, nums, free";
    let all = "id, b, i2, i4, i8, n, m, t, v, raw, u, d, ts, tz, j, jb";
    format!(
        "GRANT USAGE, CREATE ON SCHEMA public TO {role};
         GRANT USAGE ON SCHEMA other TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
         GRANT DELETE ON person, ledger, entry, kinds, lists, spans TO {role};
         GRANT ALL ON note TO {role};
         GRANT SELECT (id, name, email, born, picture, team), INSERT (id, name, email, born, balance, picture, team),
            UPDATE (id, name, email, born, balance, picture, team) ON person TO {role};
         GRANT SELECT (id, account, label, made_at, rate, code, note, iban, holder, amount), INSERT,
            UPDATE (account, label, made_at, rate, code, note, iban, holder, amount) ON ledger TO {role};
         GRANT SELECT (id, serial, secret, other, note), INSERT (id, serial, secret, other, note),
            UPDATE (secret, other, note) ON entry TO {role};
         GRANT SELECT ({all}), INSERT ({all}), UPDATE ({all}) ON kinds TO {role};
         GRANT SELECT ({lists}), INSERT ({lists}), UPDATE ({lists}) ON lists TO {role};
         GRANT SELECT ({spans}), INSERT ({spans}), UPDATE ({spans}) ON spans TO {role};"
    )
}
