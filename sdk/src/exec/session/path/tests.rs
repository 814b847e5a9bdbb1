use super::*;
use crate::sql::{Decision, settings};

/// `public.member` and `public.vault` are protected; `branch.member` is harmless, `other.member` is not.
fn protection() -> Protection {
    let mut protection = Protection { epoch: 7, ..Protection::default() };
    for name in ["member", "vault"] {
        let relation = Relation { schema: "public".to_owned(), name: name.to_owned() };
        protection.pending.insert(name.to_owned(), relation);
    }
    let schemas = ["branch", "other", "nurse", "pg_catalogue"].map(str::to_owned);
    protection.namesakes = Arc::new([("member".to_owned(), schemas.into())].into());
    for schema in ["branch", "nurse", "pg_temp"] {
        protection.unprotected.insert(Relation { schema: schema.to_owned(), name: "member".to_owned() });
    }
    protection
}

/// What statements do, in the order of their tags.
fn read(text: &str) -> Vec<PathEffect> {
    effects(&sql::plan(text, &[], &protection()))
}

/// A session at work, and whether it is in a block.
struct Session(Path, bool);

impl Session {
    fn new() -> Self {
        Self(Path::new("app", []), false)
    }

    /// Runs simple queries that succeed; `!` before one: its last statement fails. The status follows from BEGIN and
    /// what ends it.
    fn run(&mut self, texts: &[&str]) -> &mut Self {
        for text in texts {
            self.query(text);
        }
        self
    }

    fn query(&mut self, text: &str) {
        let (fails, text) = text.strip_prefix('!').map_or((false, text), |text| (true, text));
        let effects = read(text);
        let statements = text.split(';').count();
        let number = self.0.sent(effects);
        self.0.ended();
        for statement in text.split(';').take(statements - usize::from(fails)) {
            let tag = statement.trim().split(' ').next().unwrap();
            self.0.confirmed(number, if self.0.failed && tag == "COMMIT" { b"ROLLBACK" } else { tag.as_bytes() });
        }
        if fails {
            self.0.failed();
        }
        self.0.closed(number);
        if let Some(last) = text.split(';').map(str::trim).rfind(|text| ["BEGIN", "COMMIT", "ROLLBACK"].contains(text))
        {
            self.1 = last == "BEGIN";
        }
        let status = match (self.1, self.0.failed) {
            (true, true) => Transaction::Failed,
            (true, false) => Transaction::Block,
            (false, _) => Transaction::Idle,
        };
        self.0.ready(status, true);
    }

    /// The server's answer to what is asked.
    fn shows(&mut self, path: &str, role: &str) -> &mut Self {
        self.0.asked();
        self.0.shown("search_path", path);
        self.0.shown("role", role);
        self.0.shown("session_authorization", "app");
        self
    }

    /// What `member` means.
    fn member(&self) -> String {
        match self.0.meanings(&protection()).get("member") {
            None => "protected".to_owned(),
            Some(Meaning::Unprotected(relation)) => format!("plain {}", relation.schema),
            Some(Meaning::Other(relation)) => format!("other {}", relation.schema),
            Some(Meaning::Missing) => "missing".to_owned(),
            Some(Meaning::Moved(relation)) => format!("moved {}", relation.schema),
            Some(Meaning::Unknown) => "unknown".to_owned(),
        }
    }
}

#[track_caller]
fn after(texts: &[&str], expected: &str) {
    assert_eq!(Session::new().run(texts).member(), expected, "{texts:?}");
}

#[test]
fn the_client_says_which_relation_comes_first_sql_63() {
    after(&["SET search_path TO branch, public"], "plain branch");
    after(&["SET search_path TO public, branch"], "protected");
    after(&["SET search_path TO other, public"], "other other");
    after(&["SET search_path TO nosuch, public, public"], "protected");
    after(&["SET search_path TO ''"], "missing");
    after(&["SELECT set_config('search_path', '', false)"], "missing");
    after(&["SET SCHEMA 'branch'"], "plain branch");
    after(&["SET search_path TO \"Branch\", public"], "protected");
    after(&["SET search_path TO pg_catalog, branch"], "plain branch");
    after(&["SET search_path TO public", "RESET ALL"], "unknown");
}

#[test]
fn user_in_a_path_is_the_role_in_force_sql_63() {
    let path = "SET search_path TO \"$user\", public";
    // A role, a database or the start-up packet may have set one: the server is asked.
    after(&[path], "unknown");
    after(&[path, "SET ROLE nurse"], "plain nurse");
    after(&[path, "SET ROLE nurse", "RESET ROLE"], "unknown");
    after(&[path, "SET SESSION AUTHORIZATION nurse"], "plain nurse");
    after(&[path, "SET SESSION AUTHORIZATION nurse", "SET ROLE app"], "protected");
    after(&[path, "SET ROLE app", "SET SESSION AUTHORIZATION nurse"], "plain nurse");
    after(&[path, "SET ROLE app", "BEGIN", "SET LOCAL ROLE nurse", "COMMIT"], "protected");
    after(&[path, "BEGIN", "SET LOCAL ROLE nurse", "COMMIT"], "unknown");
    after(&[path, "SET ROLE nurse", "DISCARD ALL"], "unknown");
}

#[test]
fn a_transaction_takes_back_what_was_set_in_it_sql_63() {
    let start = "SET search_path TO public";
    let set = "SET search_path TO branch";
    let local = "SET LOCAL search_path TO branch";
    after(&[start, "BEGIN", set], "plain branch");
    after(&[start, "BEGIN", set, "COMMIT"], "plain branch");
    after(&[start, "BEGIN", set, "ROLLBACK"], "protected");
    after(&[start, "BEGIN", local], "plain branch");
    after(&[start, "BEGIN", local, "COMMIT"], "protected");
    after(&[start, local], "protected");
    after(&[start, "BEGIN", local, set, "COMMIT"], "plain branch");
    after(&[start, "BEGIN", set, "SET LOCAL search_path TO other", "COMMIT"], "plain branch");
    after(&[start, "BEGIN", set, "!SELECT 1", "COMMIT"], "protected");
    after(&[start, "!SET search_path TO branch; SELECT 1"], "protected");
    after(&[start, "!SET search_path TO branch"], "protected");
    after(&[start, "SET search_path TO branch; COMMIT; SET search_path TO other; ROLLBACK"], "plain branch");
    after(&[start, "!SET search_path TO branch; COMMIT; SELECT 1"], "plain branch");
}

#[test]
fn savepoints_take_back_what_was_set_behind_them_sql_63() {
    let begin = ["SET search_path TO public", "BEGIN", "SET search_path TO branch", "SAVEPOINT a"];
    let with = |more: &[&'static str]| [&begin[..], more].concat();
    after(&with(&["SET search_path TO other", "ROLLBACK TO a"]), "plain branch");
    after(&with(&["SET search_path TO other", "SAVEPOINT b", "ROLLBACK TO a"]), "plain branch");
    after(&with(&["SET search_path TO other", "RELEASE a"]), "other other");
    after(&with(&["SET LOCAL search_path TO other", "RELEASE a"]), "other other");
    after(&with(&["SET LOCAL search_path TO other", "RELEASE a", "COMMIT"]), "plain branch");
    after(&with(&["SET search_path TO other", "SAVEPOINT a", "ROLLBACK TO a"]), "other other");
    after(&with(&["SET search_path TO other", "SAVEPOINT a", "RELEASE a", "ROLLBACK TO a"]), "plain branch");
    after(&with(&["!SELECT 1", "ROLLBACK TO a", "COMMIT"]), "plain branch");
    after(&with(&["!SELECT 1", "ROLLBACK TO a", "SET search_path TO other", "COMMIT"]), "other other");
    let many: Vec<String> = (0..=MOST_SAVEPOINTS).map(|number| format!("SAVEPOINT s{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain(["ROLLBACK TO s1"]).collect();
    after(&[&begin[..], &many].concat(), "unknown");
}

#[test]
fn behind_what_is_not_read_the_server_is_asked_and_can_only_refuse_sql_63() {
    let protection = protection();
    let mut session = Session::new();
    assert!(session.0.asks(&protection), "role and database may have set it");
    assert_eq!(session.member(), "unknown");
    assert_eq!(session.shows("\"$user\", public", "none").member(), "protected");
    assert!(!session.0.asks(&protection));
    session.run(&["SELECT 1", "BEGIN", "COMMIT"]);
    assert!(!session.0.asks(&protection), "nothing has changed");
    session.run(&["SELECT f()"]);
    assert!(session.0.asks(&protection));
    assert_eq!(session.shows("branch, public", "none").member(), "moved branch");
    session.run(&["SELECT f()"]);
    assert_eq!(session.shows("\"$user\"", "nurse").member(), "moved nurse");
    session.run(&["SELECT f()"]);
    assert_eq!(session.shows("", "none").member(), "missing");

    // The client's own word, which the server confirms.
    session.run(&["SET search_path TO branch, public"]);
    assert!(!session.0.asks(&protection));
    session.run(&["SELECT f()"]);
    assert!(session.0.asks(&protection));
    assert_eq!(session.shows("branch, public", "none").member(), "plain branch");
    session.run(&["SELECT f()"]);
    assert_eq!(session.shows("public", "none").member(), "moved public");
    assert!(session.0.meanings(&protection).keys().all(|name| name == "member"), "no other vault could come first");
}

#[test]
fn what_was_shown_of_a_transaction_is_forgotten_with_it_sql_63() {
    let protection = protection();
    let mut session = Session::new();
    session.run(&["SET search_path TO public", "BEGIN", "SELECT f()"]);
    assert_eq!(session.shows("branch", "none").member(), "moved branch");
    session.run(&["COMMIT"]);
    assert_eq!(session.member(), "unknown");
    session.run(&["SET search_path TO public", "BEGIN", "SELECT f()", "ROLLBACK"]);
    assert_eq!(session.member(), "protected", "the function's SET is taken back with all the rest");
    session.run(&["BEGIN", "CALL p()", "ROLLBACK"]);
    assert!(session.0.asks(&protection), "a procedure may have ended the transaction");
}

#[test]
fn where_nothing_shares_a_protected_name_nothing_is_asked_and_nothing_waits_sql_63() {
    let alone = Protection { namesakes: Arc::default(), ..protection() };
    let mut session = Session::new();
    session.run(&["SELECT f()"]);
    assert!(!session.0.asks(&alone));
    assert_eq!(session.0.meanings(&alone), Meanings::new());
    let number = session.0.sent(read("SELECT f()"));
    assert!(!session.0.is_open(&alone));
    session.0.closed(number);
    session.run(&["SET search_path TO nosuch"]);
    assert_eq!(session.0.meanings(&alone).len(), 2, "{:?}", Meaning::Missing);
}

#[test]
fn a_name_waits_for_what_is_under_way_only_if_that_may_move_it_sql_63() {
    let protection = protection();
    let open = |before: &[&str], sent: &[&str]| {
        let mut session = Session::new();
        session.run(before);
        for text in sent {
            session.0.sent(read(text));
        }
        session.0.is_open(&protection)
    };
    let start = "SET search_path TO branch";
    assert!(open(&[start], &["SET search_path TO public"]));
    assert!(open(&[start], &["SET search_path TO public", "SET search_path TO branch"]), "the second one may fail");
    assert!(open(&[start], &["SELECT f()"]));
    assert!(open(&[start, "BEGIN", "SET LOCAL search_path TO public"], &["COMMIT"]));
    assert!(open(&[start, "BEGIN", "SET search_path TO public"], &["ROLLBACK"]));
    for harmless in ["SET search_path TO branch", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "SELECT 1"] {
        assert!(!open(&[start], &[harmless]), "{harmless}");
    }
    // What was confirmed may still be taken back by an error in its batch.
    let mut session = Session::new();
    session.run(&[start]);
    let number = session.0.sent(read("SET search_path TO public"));
    session.0.confirmed(number, b"SET");
    session.0.closed(number);
    assert!(!session.0.is_open(&protection), "what fails drops what follows in the batch");
    session.0.ended();
    assert!(session.0.is_open(&protection));
    session.0.failed();
    session.0.ready(Transaction::Idle, true);
    assert_eq!(session.member(), "plain branch");
}

#[test]
fn a_start_up_packet_is_the_clients_word_to_which_reset_goes_back_sql_63() {
    let begin = |parameters: &[(&str, &str)]| {
        let bytes = parameters.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let settings = settings::startup(bytes);
        Session(Path::new("nurse", settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))), false)
    };
    assert_eq!(begin(&[("search_path", "branch, public")]).member(), "plain branch");
    assert_eq!(begin(&[("options", "-c search_path=branch,\\ public")]).member(), "plain branch");
    assert_eq!(begin(&[("options", "-cgeqo=off --search-path=public")]).member(), "protected");
    assert_eq!(begin(&[("search_path", "public"), ("options", "-c search_path=branch")]).member(), "protected");
    assert_eq!(begin(&[("search_path", "\"$user\", public")]).member(), "unknown", "a role may be set for it");
    assert_eq!(begin(&[("search_path", "$user"), ("role", "other")]).member(), "other other");
    let mut session = begin(&[("search_path", "branch, public")]);
    for reset in ["RESET search_path", "SET search_path TO DEFAULT", "RESET ALL", "DISCARD ALL"] {
        session.run(&["SET search_path TO public"]);
        assert_eq!(session.member(), "protected");
        assert_eq!(session.run(&[reset]).member(), "plain branch", "{reset}");
    }
}

#[test]
fn an_own_temporary_table_comes_first_unless_the_path_says_where_sql_63() {
    let made = "CREATE TEMP TABLE pg_temp.member (id int)";
    after(&["SET search_path TO public", made], "plain pg_temp");
    after(&["SET search_path TO public, pg_temp", made], "protected");
    after(&["SET search_path TO public", "BEGIN", made, "ROLLBACK"], "protected");
    after(&["SET search_path TO public", made, "DROP TABLE pg_temp.member"], "protected");
    after(&["SET search_path TO public", made, "DISCARD TEMP"], "protected");
    // Before the catalog was looked at again.
    after(&["SET search_path TO new, public", "CREATE TABLE new.member (id int)"], "other new");
}

#[test]
fn the_statements_of_one_text_are_planned_in_their_order_sql_63() {
    let base = Arc::new(protection());
    let mut session = Session::new();
    session.run(&["SET search_path TO public"]);
    let (mut view, mut plans) = (View::default(), PlanCache::default());
    let mut decide = |session: &Session, text: &str| -> String {
        let view = view.under(&base, &session.0);
        let statements = session.0.plan(&mut plans, &ClientText::of(text), &view, &base);
        statements
            .iter()
            .map(|statement| match &statement.decision {
                Decision::Forward => 'f',
                Decision::Qualify(_) => 'q',
                Decision::Rewrite(_) => 'w',
                Decision::Refuse(_) => 'r',
            })
            .collect()
    };
    // Its table is not applied: refused, but for the plain one.
    assert_eq!(decide(&session, "SELECT id FROM member"), "r");
    assert_eq!(decide(&session, "SET search_path TO branch; SELECT id FROM member"), "fq");
    assert_eq!(
        decide(&session, "SELECT id FROM member; SET search_path TO branch; TABLE member; RESET ALL; TABLE member"),
        "rfqfr"
    );
    assert_eq!(decide(&session, "SET search_path TO branch; SELECT f(); SELECT id FROM member"), "ffr");
    assert_eq!(decide(&session, "SELECT 1"), "f");
    let first = view.under(&base, &session.0);
    session.run(&["SET search_path TO nosuch, public"]);
    assert!(Arc::ptr_eq(&first, &view.under(&base, &session.0)), "it means the same");
    session.run(&["SET search_path TO branch"]);
    let moved = view.under(&base, &session.0);
    assert_ne!(first.epoch, moved.epoch);
    session.run(&["SET search_path TO public"]);
    assert_eq!(first.epoch, view.under(&base, &session.0).epoch);
}
