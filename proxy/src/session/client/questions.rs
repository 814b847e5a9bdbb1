//! Questions of ours to the server: settings, and the text of a statement that no message has made.

use pgseal::exec::session::path::Path;
use pgseal::value::Format;

use super::super::queue::Kind;
use super::super::state::{Answer, Expected, SHOW_NAME, State};
use super::Fate;
use crate::wire::compose;
use crate::wire::reader::Target;

/// What a path depends on: the names of `Variable::ALL`.
const PATH: [&str; 3] = ["search_path", "role", "session_authorization"];

/// The text of a prepared statement, as the client or a function gave it.
const TEXT: &str =
    "SELECT statement FROM pg_catalog.pg_prepared_statements WHERE name OPERATOR(pg_catalog.=) $1::pg_catalog.text";

impl State {
    /// Asks for settings inside the client's batch. A Query would end the batch's transaction.
    pub(super) fn ask(&mut self, settings: &'static [&'static str], out: &mut Vec<u8>) {
        self.show(settings, out);
        self.session.facts.asked();
    }

    /// Asks what the search path is, and whose (SQL-63).
    pub(super) fn ask_path(&mut self, out: &mut Vec<u8>) {
        self.show(&PATH, out);
        self.session.path.iter_mut().for_each(Path::asked);
    }

    fn show(&mut self, settings: &'static [&'static str], out: &mut Vec<u8>) {
        for (number, asked) in settings.chunks(1).enumerate() {
            let name = asked.concat();
            compose::close(Target::Statement, SHOW_NAME, out);
            compose::parse(SHOW_NAME, format!("SHOW {name}"), &[], out);
            compose::bind(SHOW_NAME, SHOW_NAME, &[], &[], out);
            compose::execute(SHOW_NAME, 0, out);
            compose::close(Target::Portal, SHOW_NAME, out);
            self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
            self.expect(Kind::Parse, Expected::new(Answer::Swallow(None)));
            self.expect(Kind::Bind, Expected::new(Answer::Swallow(None)));
            self.expect(Kind::Execute, Expected::new(Answer::Show(asked, number + 1 == settings.len())));
            self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
        }
        compose::flush(out);
    }

    /// The same as [`State::ask_path`] before a Query.
    pub(super) fn ask_path_by_query(&mut self, out: &mut Vec<u8>) -> Fate {
        let fate = self.show_by_query(&PATH, out);
        if matches!(fate, Fate::Wait) {
            self.session.path.iter_mut().for_each(Path::asked);
        }
        fate
    }

    /// Asks for settings before a Query.
    pub(super) fn ask_by_query(&mut self, settings: &'static [&'static str], out: &mut Vec<u8>) -> Fate {
        let fate = self.show_by_query(settings, out);
        if matches!(fate, Fate::Wait) {
            self.session.facts.asked();
        }
        fate
    }

    /// A Query of ours would commit what the client's batch has done so far. Once that is answered, it is known whether its
    /// block has failed, and it is asked inside the batch.
    fn show_by_query(&mut self, settings: &'static [&'static str], out: &mut Vec<u8>) -> Fate {
        if self.queue.is_in_batch() {
            if self.queue.may_skip() {
                compose::flush(out);
                return Fate::Batch;
            }
            self.show(settings, out);
            return Fate::Wait;
        }
        let shows: Vec<String> = settings.iter().map(|name| format!("SHOW {name}")).collect();
        compose::query(shows.join("; "), out);
        self.expect(Kind::Query, Expected::new(Answer::Show(settings, true)));
        Fate::Wait
    }

    /// Asks for a statement's text inside the client's batch. `key`: the name in UTF-8.
    pub(super) fn ask_for_text(&mut self, name: &[u8], key: &[u8], out: &mut Vec<u8>) {
        compose::close(Target::Statement, SHOW_NAME, out);
        compose::parse(SHOW_NAME, TEXT, &[], out);
        compose::bind(SHOW_NAME, SHOW_NAME, &[(Format::Text, Some(name))], &[], out);
        compose::execute(SHOW_NAME, 0, out);
        compose::close(Target::Portal, SHOW_NAME, out);
        compose::flush(out);
        self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
        self.expect(Kind::Parse, Expected::new(Answer::Swallow(None)));
        self.expect(Kind::Bind, Expected::new(Answer::Swallow(None)));
        self.expect(Kind::Execute, Expected::new(Answer::Text(key.into())));
        self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
    }
}
