//! The lexer, and the scan for protected names that decides what is forwarded unread.
//!
//! Tokens tile the text, what lies between them is white space and comments, and a token alone is the same token. A
//! text that the scan calls harmless has no token that names a protected object, and no word of it, in quotes or not,
//! has such a name.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use pgseal::encoding::ClientEncoding;
use pgseal::exec::by_name;
use pgseal::exec::facts::Facts;
use pgseal::exec::session::Session;
use pgseal::schema::{DependentKind, Protection};
use pgseal::sql::client_text::ClientText;
use pgseal::sql::lex::{self, Kind, MAX_NAME, Strings, Token};
use pgseal::sql::names::{self, MentionKind, Names};
use pgseal_fuzz::{fixture, seeds};

thread_local! {
    static PROTECTION: LazyCell<Protection> = LazyCell::new(|| {
        let mut protection = fixture::protection();
        // Names in capitals, with blanks and quotes, and names that depend on a table.
        for name in ["Ledger", "order lines", "a\"b", "äöü"] {
            protection.drifted.insert(name.into(), "drifted".into());
        }
        for (kind, name) in [
            (DependentKind::Relation, "customer_view"),
            (DependentKind::Type, "card_number"),
            (DependentKind::Routine, "total"),
            (DependentKind::SqlRoutine, "run_it"),
            (DependentKind::Operator, "<~>"),
        ] {
            protection.dependents.insert(kind, name, "a dependent");
        }
        protection
    });
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    PROTECTION.with(|protection| in_other_sessions(data, protection));
    let Ok(text) = std::str::from_utf8(data) else { return };
    PROTECTION.with(|protection| {
        let names = Names::of(protection);
        let first = names.first(text);
        if let Some(mention) = &first {
            assert!(mention.at <= text.len());
        }
        let _ = by_name::uses(text, |_| true);
        // Whatever it is, a session can be told that it was refused, sent, carried out and answered.
        let mut session: Session = Session::new(Facts::new(protection.epoch));
        session.refused(text);
        let _ = session.forwarded(text, &[], protection);
        let mut named = by_name::named(text);
        session.watch(&mut named, text);
        if let Some(mut change) = session.sends(named, protection.epoch) {
            session.all_carried_out(&mut change);
            session.confirm(&change);
            assert!(!session.renames());
        }
        session.failed();
        session.idle();
        let Ok(tokens) = lex::lex(text) else { return };
        tile(text, &tokens);
        let _ = names::effect(text, &tokens);
        let mentions = names.mentions(text, &tokens);
        if first.is_some() {
            assert_eq!(first, mentions.first().cloned(), "the scan and the tokens");
            return;
        }
        for mention in &mentions {
            // Only code without tokens, which the scan need not read: it holds no name under any reading.
            let quoted = tokens.iter().any(|token| token.range.start == mention.at && token.name(text).is_none());
            assert!(mention.kind == MentionKind::Unreadable && quoted, "{text:?} is forwarded: {mention:?}");
        }
        harmless(text, &tokens, protection);
    });
});

/// The same bytes of a client with another client_encoding, or with standard_conforming_strings off.
fn in_other_sessions(data: &[u8], protection: &Protection) {
    for name in ["SQL_ASCII", "LATIN1", "WIN1252", "SJIS", "GB18030", "JOHAB"] {
        let encoding = ClientEncoding::of(name).expect("PostgreSQL's own");
        for strings in [Strings::Standard, Strings::Escape] {
            let Ok(copy) = ClientText::read(data, encoding, strings) else { continue };
            let plans = copy.located(pgseal::sql::plan(copy.text(), &[], protection));
            assert!(plans.iter().all(|statement| statement.range.end <= copy.text().len()));
        }
    }
}

fn tile(text: &str, tokens: &[Token]) {
    let mut end = 0;
    for token in tokens {
        assert!(token.range.start >= end && token.range.end > token.range.start);
        between(&text[end..token.range.start]);
        end = token.range.end;
        let own = &text[token.range.clone()];
        assert_eq!(token.text(text), own);
        let alone = Token { kind: token.kind, range: 0..own.len() };
        assert_eq!(lex::lex(own).as_deref(), Ok(&[alone.clone()][..]));
        if let Some(name) = token.name(text) {
            assert!(name.len() <= MAX_NAME);
        }
        let value = lex::unescape(text, token).map(|value| value.into_owned());
        assert_eq!(value.ok(), lex::unescape(own, &alone).ok().map(|value| value.into_owned()));
    }
    between(&text[end..]);
}

/// White space, `-- …` up to the end of its line, `/* … */` nested: nothing else stands between tokens.
fn between(mut gap: &str) {
    while !gap.is_empty() {
        gap = match gap.strip_prefix([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']) {
            Some(rest) => rest,
            None if gap.starts_with("--") => &gap[gap.find(['\n', '\r']).unwrap_or(gap.len())..],
            None => comment(gap).unwrap_or_else(|| panic!("between tokens stands {gap:?}")),
        };
    }
}

/// What follows a block comment.
fn comment(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix("/*")?;
    let mut depth = 1;
    while depth > 0 {
        (rest, depth) = match (rest.strip_prefix("/*"), rest.strip_prefix("*/")) {
            (Some(inner), _) => (inner, depth + 1),
            (None, Some(outer)) => (outer, depth - 1),
            (None, None) => (&rest[rest.chars().next()?.len_utf8()..], depth),
        };
    }
    Some(rest)
}

/// By the names of its tokens alone, without the scan.
fn harmless(text: &str, tokens: &[Token], protection: &Protection) {
    for (index, token) in tokens.iter().enumerate() {
        let Some(name) = token.name(text) else {
            assert!(token.kind != Kind::UnicodeIdentifier);
            let operator = protection.dependents.reason(DependentKind::Operator, token.text(text));
            assert!(token.kind != Kind::Operator || operator.is_none());
            continue;
        };
        let before = index.checked_sub(1).and_then(|before| tokens.get(before));
        let after = tokens.get(index + 1);
        let is = |kind| protection.dependents.reason(kind, &name).is_some();
        // Where only these can stand.
        let dependent = is(DependentKind::Relation) && before.is_some_and(|before| before.is_word(text, "from"))
            || is(DependentKind::Type) && before.is_some_and(|before| before.kind == Kind::TypeCast)
            || is(DependentKind::Routine)
                && before.is_none_or(|before| before.is_symbol(b',') || before.is_word(text, "select"))
                && after.is_some_and(|after| after.is_symbol(b'('));
        let known = protection.table(&name).is_some() || dependent || protection.drifted.contains_key(&*name);
        assert!(!known && !name.starts_with("pgseal_") && name != "pgseal", "{name:?} is forwarded");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let more = [
        "SELECT U&\"d\\0061t\\+000061\", U&'\\0061' UESCAPE '!', E'\\x41\\101\\u00e4\\n' 'x'",
        "SELECT $q$customers$q$, $$a$$, B'01', X'ff', N'x', 1_000, 0x1F, 1.5e-3, .5, 1..2",
        "SELECT 'a'\n'b', 'it''s', \"q\"\"q\", \"order lines\", \"a\"\"b\" -- c\n/* a /* b */ c */",
        "DO $$ BEGIN EXECUTE 'DELETE FROM customers'; END $$ LANGUAGE plpgsql",
        "SELECT a @> b, c ->> 'd', e::text, f := 1, g => 2, h <> -1, i !~~* j, k=-1, l*-2",
        "PREPARE a AS SELECT 1; EXECUTE a; DEALLOCATE ALL",
        "CREATE VIEW v AS SELECT ssn FROM customers; INSERT INTO v VALUES ('x')",
        "ALTER TABLE customers RENAME TO v; SELECT 1 FROM t, (u JOIN v ON true) WHERE a = CAST('x' AS v)",
        "SELECT ssn INTO TEMP v FROM customers; COPY v FROM STDIN",
        "INSERT INTO customers\u{a0} VALUES ('x'); TABLE \"cust\u{ad}omers\"",
        "SELECT total, total(1), run_it('x'), run_it(a), a <~> b, 'x'::card_number FROM t, customer_view",
        "SELECT run_it(a) FROM t WHERE b = 'x'; CREATE TRIGGER t BEFORE INSERT ON t EXECUTE FUNCTION run_it('x')",
        "DO $$ BEGIN RAISE EXCEPTION 'Can''t' USING ERRCODE = '42P05'; EXECUTE 'TABLE cust' || 'omers'; END $$",
        "CREATE FUNCTION f(a text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'x' || a USING 'b'; END $$",
        "SELECT query_to_xml('SELECT 1', true, true, ''), ts_rewrite(a, 'SELECT b, c FROM d'), ts_rewrite(a, b, c)",
        "SELECT my_function('DELETE FROM customers'), U&\"cust\\006fmers\"",
    ];
    let statements = seeds::statements().into_iter().step_by(6).chain(more);
    statements.map(|text| text.as_bytes().to_vec()).collect()
}
