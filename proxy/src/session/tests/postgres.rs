//! A small PostgreSQL: names of statements and portals, transactions, skipping until Sync, and when answers are flushed
//! (`PostgresMain` in postgres.c). It has no tables; what a text does is told by its words, and where it fails by a comment
//! in it: `/*parse*/`, `/*run*/`, `/*commit*/`.

use std::collections::{BTreeMap, VecDeque};

use crate::wire::compose;
use crate::wire::frame::{HEADER, Header};
use crate::wire::reader::{self, Field, Status, Target};
use pgseal::value::Format;

/// A SQLSTATE.
type Failed = &'static str;

/// What may be refused.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked<'t> {
    /// A statement, and whether it stands in a Query of several.
    Text(&'t str, bool),
    /// A Bind of the statement of this name, in so many bytes.
    Bind(&'t [u8], usize),
}

/// Whether something is refused, behind so many answers.
pub(super) type Judge = Box<dyn Fn(Asked<'_>, usize) -> bool>;

pub(super) struct Postgres {
    judge: Judge,
    inbox: Vec<u8>,
    out: Vec<u8>,
    /// How much of `out` was flushed.
    flushed: usize,
    /// Frames in `out`, ever.
    answered: usize,
    pub(super) statements: BTreeMap<Vec<u8>, String>,
    pub(super) portals: BTreeMap<Vec<u8>, Portal>,
    pub(super) status: Status,
    /// A statement was run since the last commit.
    ran: bool,
    /// The commit will fail.
    doomed: bool,
    skipping: bool,
    /// A COPY takes data: of a Query, or else of an Execute.
    copying: Option<bool>,
    /// The statements of a Query that are still to be run, and whether it had several.
    rest: VecDeque<String>,
    several: bool,
    /// A setting was changed that is reported.
    changed: bool,
}

pub(super) struct Portal {
    pub(super) text: String,
    first: Option<Vec<u8>>,
    run: Run,
}

enum Run {
    New,
    /// Columns and rows that are left.
    Rows(usize, usize),
    Done,
}

enum Outcome {
    Rows(usize, usize),
    Done(String),
    CopyIn,
}

/// It names a protected table: here, a statement that was rewritten.
pub(super) fn is_protected(text: &str) -> bool {
    text.contains("person") || text.contains("ledger")
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn is_exit(text: &str) -> bool {
    matches!(words(text).first(), Some(&("COMMIT" | "ROLLBACK")))
}

fn parameters(text: &str) -> usize {
    (1..9).rev().find(|number| text.contains(&format!("${number}"))).unwrap_or(0)
}

impl Postgres {
    pub(super) fn new(judge: Judge) -> Self {
        Self {
            judge,
            inbox: Vec::new(),
            out: Vec::new(),
            flushed: 0,
            answered: 0,
            statements: BTreeMap::new(),
            portals: BTreeMap::new(),
            status: Status::Idle,
            ran: false,
            doomed: false,
            skipping: false,
            copying: None,
            rest: VecDeque::new(),
            several: false,
            changed: false,
        }
    }

    /// Takes what a client sent, and says what was flushed since.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        assert!(!bytes.windows(6).any(|part| part == b"canary"), "a secret in the clear");
        self.inbox.extend_from_slice(bytes);
        while let Some(header) = Header::peek(&self.inbox).unwrap()
            && let Some(frame) = self.inbox.get(..header.total)
        {
            let body = frame[HEADER..].to_vec();
            self.inbox.drain(..header.total);
            self.message(header.tag, &body);
        }
        self.out.drain(..std::mem::take(&mut self.flushed)).collect()
    }

    /// Nothing is half received or held back.
    pub(super) fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && self.out.is_empty() && self.copying.is_none()
    }

    fn say(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.out);
        self.answered += 1;
    }

    fn refuses(&self, asked: Asked<'_>) -> Result<(), Failed> {
        if (self.judge)(asked, self.answered) { Err("0A000") } else { Ok(()) }
    }

    fn fail(&mut self, code: Failed) {
        let fields = [(b'S', &b"ERROR"[..]), (b'V', b"ERROR"), (b'C', code.as_bytes())];
        let message = if code == "42883" { &b"pgseal_refused"[..] } else { b"theirs" };
        self.say(|out| compose::fields(b'E', fields.into_iter().chain([(b'M', message)]), out));
        self.flushed = self.out.len();
        self.doomed = false;
        match self.status {
            Status::Idle => self.portals.clear(),
            Status::InBlock | Status::Failed => self.status = Status::Failed,
        }
        self.ran = false;
    }

    fn ready(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.say(|out| compose::parameter_status("DateStyle", "SQL, MDY", out));
        }
        let status = self.status;
        self.say(|out| compose::ready_for_query(status, out));
        self.flushed = self.out.len();
    }

    fn message(&mut self, tag: u8, body: &[u8]) {
        if let Some(simple) = self.copying {
            return self.copy(tag, body, simple);
        }
        if self.skipping && tag != b'S' {
            return;
        }
        let result = match tag {
            b'Q' => return self.query(body),
            b'F' => {
                let result = self.function();
                result.unwrap_or_else(|code| self.fail(code));
                return self.ready();
            }
            b'S' => {
                self.skipping = false;
                let result = if body.is_empty() { self.finish() } else { Err("08P01") };
                result.unwrap_or_else(|code| self.fail(code));
                return self.ready();
            }
            b'H' if body.is_empty() => {
                self.flushed = self.out.len();
                Ok(())
            }
            b'd' | b'c' | b'f' => Ok(()),
            b'P' => self.parse(body),
            b'B' => self.bind(body),
            b'D' => self.describe(body),
            b'E' => self.execute(body),
            b'C' => self.close(body),
            _ => Err("08P01"),
        };
        if let Err(code) = result {
            self.fail(code);
            self.skipping = true;
        }
    }

    // Transactions.

    /// Commits, outside of a block.
    fn finish(&mut self) -> Result<(), Failed> {
        if self.status == Status::Idle {
            if std::mem::take(&mut self.doomed) {
                return Err("23503");
            }
            self.portals.clear();
            self.ran = false;
        }
        Ok(())
    }

    fn end(&mut self, commits: bool) -> Result<&'static str, Failed> {
        let failed = self.status == Status::Failed;
        if self.status == Status::Idle {
            self.say(|out| compose::fields(b'N', [(b'S', &b"WARNING"[..]), (b'M', b"theirs")], out));
        }
        self.status = Status::Idle;
        if !commits || failed {
            self.doomed = false;
        }
        self.finish()?;
        Ok(if commits && !failed { "COMMIT" } else { "ROLLBACK" })
    }

    // What a text does.

    /// Parses and analyses.
    fn analyse(&self, text: &str) -> Result<(), Failed> {
        if text.contains("SELEC ") {
            return Err("42601");
        }
        if self.status == Status::Failed && !is_exit(text) && !text.is_empty() {
            return Err("25P02");
        }
        if text.contains("pgseal_refused") {
            return Err("42883");
        }
        self.refuses(Asked::Text(text, self.several))?;
        if text.contains("/*parse*/") { Err("42703") } else { Ok(()) }
    }

    /// How many columns it returns.
    fn columns(&self, text: &str) -> Option<usize> {
        match *words(text) {
            ["SELECT", ..] => {
                let list = text.split("FROM").next().unwrap_or("");
                Some(list.matches(',').count() + 1)
            }
            ["EXECUTE", name, ..] => {
                let inner = self.statements.get(name.split('(').next()?.as_bytes())?;
                if inner.starts_with("EXECUTE") { None } else { self.columns(inner) }
            }
            ["FETCH", .., name] => self.portals.contains_key(name.as_bytes()).then_some(1),
            ["SHOW", _] => Some(1),
            _ => text.contains("RETURNING").then_some(1),
        }
    }

    fn run(&mut self, text: &str, first: Option<&[u8]>) -> Result<Outcome, Failed> {
        if text.contains("/*run*/") {
            return Err("22012");
        }
        self.doomed |= text.contains("/*commit*/");
        let ran = std::mem::replace(&mut self.ran, true);
        let columns = self.columns(text).unwrap_or(0);
        let done = |tag: &str| Ok(Outcome::Done(tag.to_owned()));
        match *words(text) {
            ["BEGIN", ..] => {
                if self.status == Status::InBlock {
                    self.say(|out| compose::fields(b'N', [(b'S', &b"WARNING"[..]), (b'M', b"theirs")], out));
                }
                self.status = Status::InBlock;
                done("BEGIN")
            }
            ["COMMIT", ..] => done(self.end(true)?),
            ["ROLLBACK", ..] => done(self.end(false)?),
            ["PREPARE", name, "AS", ref inner @ ..] => {
                if self.statements.contains_key(name.as_bytes()) {
                    return Err("42P05");
                }
                self.statements.insert(name.into(), inner.join(" "));
                done("PREPARE")
            }
            ["EXECUTE", name, ..] => {
                let name = name.split('(').next().unwrap_or("");
                let Some(inner) = self.statements.get(name.as_bytes()).cloned() else { return Err("26000") };
                assert!(!is_protected(&inner), "cells by name: {inner}");
                if inner.starts_with("EXECUTE") {
                    return Err("54001");
                }
                if parameters(&inner) != usize::from(text.contains('(')) {
                    return Err("42601");
                }
                self.run(&inner, None)
            }
            ["DEALLOCATE", "ALL"] => {
                self.statements.retain(|name, _| name.is_empty());
                done("DEALLOCATE ALL")
            }
            ["DEALLOCATE", name] => match self.statements.remove(name.as_bytes()) {
                Some(_) => done("DEALLOCATE"),
                None => Err("26000"),
            },
            ["DISCARD", "ALL"] => {
                if ran || self.several || self.status != Status::Idle {
                    return Err("25001");
                }
                self.statements.retain(|name, _| name.is_empty());
                self.portals.clear();
                done("DISCARD ALL")
            }
            ["DECLARE", name, ..] => {
                if self.status == Status::Idle {
                    return Err("25P01");
                }
                self.open(name.as_bytes(), Portal { text: "SELECT 1".into(), first: None, run: Run::New })?;
                done("DECLARE CURSOR")
            }
            ["FETCH", .., name] => {
                let Some(portal) = self.portals.get_mut(name.as_bytes()) else { return Err("34000") };
                assert!(!is_protected(&portal.text), "cells by cursor: {}", portal.text);
                let left = match portal.run {
                    Run::New => 2_usize,
                    Run::Rows(_, left) => left,
                    Run::Done => return Err("55000"),
                };
                portal.run = Run::Rows(1, left.saturating_sub(1));
                Ok(Outcome::Rows(1, left.min(1)))
            }
            ["CLOSE", "ALL"] => {
                self.portals.clear();
                done("CLOSE CURSOR ALL")
            }
            ["CLOSE", name] => match self.portals.remove(name.as_bytes()) {
                Some(_) => done("CLOSE CURSOR"),
                None => Err("34000"),
            },
            ["SET", ..] => {
                self.changed = true;
                done("SET")
            }
            ["COPY", _, "FROM", ..] => Ok(Outcome::CopyIn),
            ["COPY", ..] => {
                for tag in [b'H', b'd', b'c'] {
                    self.say(|out| compose::frame(tag, out, |out| out.extend(b"\0\0\0")));
                }
                done("COPY 1")
            }
            ["INSERT", ..] => done("INSERT 0 1"),
            ["UPDATE" | "WITH", ..] => done("UPDATE 0"),
            ["SELECT", "statement", ..] => {
                Ok(Outcome::Rows(1, usize::from(first.is_some_and(|name| self.statements.contains_key(name)))))
            }
            ["SHOW", ..] => Ok(Outcome::Rows(1, 1)),
            _ if text.contains("ledger") => Ok(Outcome::Rows(columns, 0)),
            _ => Ok(Outcome::Rows(columns, 2)),
        }
    }

    fn open(&mut self, name: &[u8], portal: Portal) -> Result<(), Failed> {
        if !name.is_empty() && self.portals.contains_key(name) {
            return Err("42P03");
        }
        self.portals.insert(name.into(), portal);
        Ok(())
    }

    // Simple queries.

    fn query(&mut self, body: &[u8]) {
        self.statements.remove(&b""[..]);
        self.portals.remove(&b""[..]);
        let Ok(text) = reader::query(body) else {
            self.fail("08P01");
            return self.ready();
        };
        let text = String::from_utf8(text.to_vec()).unwrap();
        self.rest = text.split(';').map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect();
        self.several = self.rest.len() > 1;
        if self.rest.iter().any(|text| text.contains("SELEC ")) {
            self.fail("42601");
            self.rest.clear();
        } else if self.rest.is_empty() {
            self.say(compose::empty_query);
        }
        self.go_on();
    }

    fn go_on(&mut self) {
        while let Some(text) = self.rest.pop_front() {
            match self.statement(&text) {
                Ok(()) if self.copying.is_some() => return,
                Ok(()) => {}
                Err(code) => {
                    self.fail(code);
                    self.rest.clear();
                }
            }
        }
        self.several = false;
        self.ready();
    }

    fn statement(&mut self, text: &str) -> Result<(), Failed> {
        self.analyse(text)?;
        if parameters(text) > 0 {
            return Err("42P02");
        }
        self.portals.remove(&b""[..]);
        let tag = match self.run(text, None)? {
            Outcome::Rows(columns, rows) => {
                self.describe_rows(columns, text);
                let value = self.value(text, None);
                self.rows(columns, rows, value.as_deref());
                format!("SELECT {rows}")
            }
            Outcome::Done(tag) => tag,
            Outcome::CopyIn => {
                self.begin_copy(true);
                return Ok(());
            }
        };
        self.complete(&tag)
    }

    /// The last statement of a Query commits before it is complete.
    fn complete(&mut self, tag: &str) -> Result<(), Failed> {
        if self.rest.is_empty() {
            self.finish()?;
        }
        self.say(|out| compose::command_complete(tag, out));
        Ok(())
    }

    fn function(&mut self) -> Result<(), Failed> {
        if self.status == Status::Failed {
            return Err("25P02");
        }
        self.finish()?;
        self.say(|out| compose::frame(b'V', out, |out| out.extend((-1_i32).to_be_bytes())));
        Ok(())
    }

    fn begin_copy(&mut self, simple: bool) {
        self.say(|out| compose::frame(b'G', out, |out| out.extend(b"\0\0\0")));
        self.flushed = self.out.len();
        self.copying = Some(simple);
    }

    fn copy(&mut self, tag: u8, body: &[u8], simple: bool) {
        let result = match tag {
            b'H' | b'S' => return,
            b'd' if body == b"bad" => Err("22P04"),
            b'd' => return,
            b'c' if simple => self.complete("COPY 1"),
            b'c' => {
                self.say(|out| compose::command_complete("COPY 1", out));
                Ok(())
            }
            b'f' => Err("57014"),
            _ => Err("08P01"),
        };
        self.copying = None;
        if let Err(code) = result {
            self.rest.clear();
            self.fail(code);
            self.skipping = !simple;
        }
        if simple {
            self.go_on();
        }
    }

    // The extended protocol.

    fn parse(&mut self, body: &[u8]) -> Result<(), Failed> {
        let reader::Parse { statement: name, text, types: _ } = reader::parse(body).map_err(|_| "08P01")?;
        let text = std::str::from_utf8(text).unwrap().trim();
        if name.is_empty() {
            self.statements.remove(name);
        }
        self.analyse(text)?;
        if self.statements.contains_key(name) {
            return Err("42P05");
        }
        self.statements.insert(name.into(), text.to_owned());
        self.say(compose::parse_complete);
        Ok(())
    }

    fn bind(&mut self, body: &[u8]) -> Result<(), Failed> {
        let bind = reader::bind(body).map_err(|_| "08P01")?;
        self.refuses(Asked::Bind(bind.statement, body.len()))?;
        let Some(text) = self.statements.get(bind.statement).cloned() else { return Err("26000") };
        if bind.values.len() != parameters(&text) {
            return Err("08P01");
        }
        if self.status == Status::Failed && !is_exit(&text) {
            return Err("25P02");
        }
        if bind.values.contains(&Some(&b"x"[..])) {
            return Err("22P02");
        }
        let first = bind.values.first().and_then(|value| value.map(<[u8]>::to_vec));
        self.open(bind.portal, Portal { text, first, run: Run::New })?;
        self.say(compose::bind_complete);
        Ok(())
    }

    fn describe(&mut self, body: &[u8]) -> Result<(), Failed> {
        let (target, name) = reader::describe(body).map_err(|_| "08P01")?;
        let text = match target {
            Target::Statement => self.statements.get(name).ok_or("26000")?.clone(),
            Target::Portal => self.portals.get(name).ok_or("34000")?.text.clone(),
        };
        let columns = self.columns(&text);
        if self.status == Status::Failed && columns.is_some() {
            return Err("25P02");
        }
        if target == Target::Statement {
            self.say(|out| compose::parameter_description(&vec![25; parameters(&text)], out));
        }
        match columns {
            Some(columns) => self.describe_rows(columns, &text),
            None => self.say(compose::no_data),
        }
        Ok(())
    }

    fn execute(&mut self, body: &[u8]) -> Result<(), Failed> {
        let (name, limit) = reader::execute(body).map_err(|_| "08P01")?;
        let Some(Portal { text, first, run }) = self.portals.get(name) else { return Err("34000") };
        let (text, first) = (text.clone(), first.clone());
        if text.is_empty() {
            self.say(compose::empty_query);
            return Ok(());
        }
        if self.status == Status::Failed && !is_exit(&text) {
            return Err("25P02");
        }
        let outcome = match run {
            Run::New => self.run(&text, first.as_deref())?,
            Run::Rows(columns, left) => Outcome::Rows(*columns, *left),
            Run::Done => return Err("55000"),
        };
        let (run, tag) = match outcome {
            Outcome::Rows(columns, rows) => {
                let limit = usize::try_from(limit).unwrap_or(0);
                let shown = if limit == 0 { rows } else { rows.min(limit) };
                let value = self.value(&text, first.as_deref());
                self.rows(columns, shown, value.as_deref());
                let tag = (limit == 0 || shown < limit).then(|| format!("SELECT {shown}"));
                (Run::Rows(columns, rows - shown), tag)
            }
            Outcome::Done(tag) => (Run::Done, Some(tag)),
            Outcome::CopyIn => {
                self.begin_copy(false);
                (Run::Done, None)
            }
        };
        if let Some(portal) = self.portals.get_mut(name) {
            portal.run = run;
        }
        match tag {
            Some(tag) => self.say(|out| compose::command_complete(&tag, out)),
            None if self.copying.is_some() => {}
            None => self.say(compose::portal_suspended),
        }
        Ok(())
    }

    fn close(&mut self, body: &[u8]) -> Result<(), Failed> {
        match reader::close(body).map_err(|_| "08P01")? {
            (Target::Statement, name) => drop(self.statements.remove(name)),
            (Target::Portal, name) => drop(self.portals.remove(name)),
        }
        self.say(compose::close_complete);
        Ok(())
    }

    fn describe_rows(&mut self, columns: usize, text: &str) {
        let field = Field {
            name: b"c",
            table_oid: 0,
            attnum: 0,
            type_oid: if is_protected(text) { 17 } else { 25 },
            typlen: -1,
            typmod: -1,
            format: Format::Text,
        };
        self.say(|out| compose::row_description(&vec![field; columns], out));
    }

    /// What the rows of a question of ours hold; those of others are NULLs.
    fn value(&self, text: &str, first: Option<&[u8]>) -> Option<String> {
        match words(text).as_slice() {
            ["SHOW", "bytea_output"] => Some("hex".into()),
            ["SHOW", "transform_null_equals"] => Some("off".into()),
            ["SHOW", "backslash_quote"] => Some("safe_encoding".into()),
            ["SHOW", "client_encoding"] => Some("UTF8".into()),
            ["SHOW", "search_path"] => Some("\"$user\", public".into()),
            ["SHOW", "TimeZone"] => Some("UTC".into()),
            ["SHOW", "DateStyle"] => Some("ISO, MDY".into()),
            ["SHOW", _] => Some("on".into()),
            ["SELECT", "statement", ..] => self.statements.get(first?).cloned(),
            _ => None,
        }
    }

    fn rows(&mut self, columns: usize, rows: usize, value: Option<&str>) {
        let row = vec![value.map(str::as_bytes); columns];
        for _ in 0..rows {
            self.say(|out| compose::data_row(&row, out));
        }
    }
}
