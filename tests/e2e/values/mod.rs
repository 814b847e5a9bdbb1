//! The value codec against a real server, value by value (VAL-6): what clients send, what they read, what is equal.
//!
//! A difference is a failure; what the codec refuses (0A000) though the server reads it is counted and printed.

mod casts;
mod equality;
mod forms;
mod generated;
mod nasty;
mod samples;
mod server;

use pgseal::value::{Error, Format, Settings, Type, Value};

use server::{Answer, Server};

/// What the comparisons of one test came to.
#[derive(Default)]
struct Tally {
    compared: usize,
    /// Values that the server takes and the codec refuses with 0A000.
    refused: Vec<String>,
    /// Values that neither takes, and the codec says 0A000 where the server has another SQLSTATE.
    refused_else: Vec<String>,
    differ: Vec<String>,
}

impl Tally {
    /// Compares the answers of both sides.
    fn compare(&mut self, what: &str, ours: Result<Vec<Vec<u8>>, Error>, server: Answer) {
        self.compared += 1;
        let server = server
            .map(|columns| columns.into_iter().map(|column| column.unwrap_or(b"NULL".to_vec())).collect::<Vec<_>>());
        match (ours, server) {
            (Ok(ours), Ok(server)) if ours == server => {}
            (Err(error), Err(state)) if error.sqlstate.code() == state => {}
            (Err(error), Ok(_)) if error.sqlstate.code() == "0A000" => self.refused.push(what.to_owned()),
            (Err(error), Err(state)) if error.sqlstate.code() == "0A000" => {
                self.refused_else.push(format!("{what} ({state})"));
            }
            (ours, server) => self.differ.push(format!("{what}\n     ours {}\n   server {}", show(ours), show(server))),
        }
    }

    /// Prints the counts and fails if anything differs.
    fn finish(self, name: &str) {
        let Self { compared, refused, refused_else, differ } = self;
        println!("{name}: {compared} compared, {} differ", differ.len());
        println!("  refused here, read by the server: {}: {}", refused.len(), refused.join(" | "));
        println!("  refused here, another error at the server: {}: {}", refused_else.len(), refused_else.join(" | "));
        assert!(differ.is_empty(), "{name}: {} of {compared} differ:\n{}", differ.len(), differ.join("\n"));
    }
}

fn show<E: std::fmt::Display>(answer: Result<Vec<Vec<u8>>, E>) -> String {
    match answer {
        Ok(columns) => {
            let columns: Vec<_> = columns.iter().map(|bytes| format!("\"{}\"", bytes.escape_ascii())).collect();
            columns.join(", ").chars().take(400).collect()
        }
        Err(error) => format!("error {error}"),
    }
}

fn of_name(name: &str) -> Type {
    Type::from_name(name).unwrap()
}

/// What the client would read: text, and S.
fn both_forms(value: &Value<'_>, ty: &Type, settings: &Settings) -> Result<Vec<Vec<u8>>, Error> {
    let (mut text, mut stored) = (Vec::new(), Vec::new());
    value.render(ty, Format::Text, settings, &mut text)?;
    value.write_stored(ty, &mut stored);
    Ok(vec![text, stored])
}

/// A table with one column of this type.
fn create(server: &mut Server, ty: &Type) {
    server.run(&format!("CREATE TEMP TABLE {} (value {ty})", server::table(ty)));
}

/// The values of a nasty list that are values.
fn valid(name: &str) -> Vec<String> {
    let ty = of_name(name);
    let read = |text: &String| Value::parse(&ty, Format::Text, text.as_bytes(), &Settings::default()).is_ok();
    nasty::nasty(name).into_iter().filter(read).collect()
}
