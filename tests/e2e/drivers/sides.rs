//! The two databases of a driver's test, and the comparison of what was seen in them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::leaks;
use crate::harness::scratch::random;
use crate::harness::world::database;

/// One side: where a script connects and the values that are its own. Both sides have different ones, because the
/// twin's stand in the log that is searched; they are as long, so that everything else is equal.
pub(super) struct Side {
    pub(super) port: u16,
    pub(super) database: String,
    /// A word for protected texts.
    pub(super) word: String,
    /// Nine digits for protected numbers.
    pub(super) number: String,
    /// A word for unprotected columns.
    pub(super) control: String,
}

impl Side {
    fn new(port: u16, database: &str) -> Self {
        let number = random(9).bytes().map(|letter| char::from(b'1' + letter % 9)).collect();
        let (word, control) = (leaks::canary(), leaks::canary());
        Self { port, database: database.to_owned(), word, number, control }
    }

    /// What libpq's variables say of it, and the three values.
    pub(super) fn environment(&self) -> [(&'static str, String); 8] {
        [
            ("PGHOST", "127.0.0.1".into()),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", "postgres".into()),
            ("PGPASSWORD", cluster().password().into()),
            ("PGDATABASE", self.database.clone()),
            ("WORD", self.word.clone()),
            ("NUMBER", self.number.clone()),
            ("CONTROL", self.control.clone()),
        ]
    }

    /// What was seen, without the values that differ by intention.
    fn neutral(&self, seen: &Value) -> Value {
        let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut text = seen.to_string();
        for (value, name) in [(&self.word, "<word>"), (&self.number, "123456789"), (&self.control, "<control>")] {
            text = text.replace(value.as_str(), name).replace(&hex(value), name);
        }
        // In binary the number is an int8, or a numeric's digits to the base 10000.
        let number: u64 = self.number.parse().unwrap();
        let digits =
            [number / 100_000_000, number / 10_000 % 10_000, number % 10_000].map(|digit| format!("{digit:04x}"));
        text = text.replace(&format!("{number:016x}"), "<int8>").replace(&digits.concat(), "<digits>");
        serde_json::from_str(&text).unwrap()
    }
}

/// A file of the scripts' folder.
pub(super) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/drivers").join(name)
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// A sealed world and its plaintext twin.
pub(super) struct Sides {
    world: World,
    pub(super) sealed: Side,
    pub(super) plain: Side,
}

impl Sides {
    /// The payments sample and the tables of the scripts.
    pub(super) fn new(name: &str) -> Self {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema");
        let sql = read(sample.join("payments.sql")) + &read(file("tables.sql"));
        let schema = read(sample.join("payments.toml")) + &read(file("tables.toml"));
        let world = World::sealed(name, &sql, &schema);
        let sealed = Side::new(world.proxy().address().port(), world.database());
        let plain = Side::new(cluster().port(), &database(name, &sql));
        world.keep_secret(&sealed.word);
        world.keep_secret(&sealed.number);
        Self { world, sealed, plain }
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    /// Everything that the two observers saw must be equal, but for `refused`.
    #[track_caller]
    pub(super) fn compare(&self, sealed: &[Value], plain: &[Value], refused: &[(&str, &str)]) {
        let mut differences = Vec::new();
        for (number, expected) in plain.iter().enumerate() {
            let got = sealed.get(number).cloned().unwrap_or(Value::Null);
            let (expected, got) = (self.plain.neutral(expected), self.sealed.neutral(&got));
            let refusal = refused.iter().find(|(step, _)| expected["step"] == *step);
            let fine = match refusal {
                Some((step, code)) => expected["error"].is_null() && got["step"] == *step && got["error"] == *code,
                // A mistake of the script would be the same mistake on both sides.
                None => got == expected && (got["error"].is_null() || got["step"].to_string().contains("wrong: ")),
            };
            if !fine {
                differences.push(format!("direct:  {expected}\n  sealed:  {got}"));
            }
        }
        assert!(
            differences.is_empty(),
            "{} of {} differ:\n  {}",
            differences.len(),
            plain.len(),
            differences.join("\n  ")
        );
        assert_eq!(sealed.len(), plain.len(), "both scripts end");
        assert!(plain.len() > 10, "a script that sees almost nothing proves nothing");
    }
}
