//! Random tables: two that are sealed, one whose rows are signed as well, and one that nothing protects. Columns of one
//! name have one type in all of them, and are sealed in some.

use std::fmt::Write as _;

use super::dice::Dice;
use super::kind::Kind;

#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) sealed: bool,
    /// In the encryption context, so fixed for the life of its row.
    pub(super) context: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The first is `id`, the primary key.
    pub(super) columns: Vec<Column>,
}

pub(super) struct Schema {
    pub(super) tables: Vec<Table>,
    pub(super) ddl: String,
    pub(super) toml: String,
}

const HEAD: &str =
    "version = 1\n[keyrings.test]\ngenerator = \"local:generated\"\n[branch_keys.all]\nkeyring = \"test\"\n";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    Signed,
    Sealed,
    Nothing,
}

impl Schema {
    pub(super) fn new(dice: &mut Dice) -> Self {
        // Names that all tables choose from.
        let names: Vec<(String, Kind)> = Kind::ALL
            .into_iter()
            .flat_map(|kind| ["a", "b"].map(|end| (format!("{}_{end}", kind.sql().split('(').next().unwrap()), kind)))
            .collect();
        let mut schema = Self { tables: Vec::new(), ddl: String::new(), toml: HEAD.to_owned() };
        for (name, guard) in
            [("signed", Guard::Signed), ("sealed", Guard::Sealed), ("other", Guard::Sealed), ("plain", Guard::Nothing)]
        {
            schema.add(name, guard, &names, dice);
        }
        schema
    }

    fn add(&mut self, name: &'static str, guard: Guard, names: &[(String, Kind)], dice: &mut Dice) {
        let plain = |name: &str, kind| Column { name: name.to_owned(), kind, sealed: false, context: false };
        let mut columns =
            vec![Column { context: guard != Guard::Nothing, ..plain("id", Kind::Int8) }, plain("ref", Kind::Int8)];
        for (name, kind) in names.iter().filter(|_| dice.percent(45)).collect::<Vec<_>>() {
            let sealed = guard != Guard::Nothing && dice.percent(60);
            columns.push(Column { sealed, ..plain(name, *kind) });
        }
        let listed: Vec<_> =
            columns[1..].iter().map(|column| format!("{} {}", column.name, column.kind.sql())).collect();
        writeln!(self.ddl, "CREATE TABLE {name} (id bigint PRIMARY KEY, {});", listed.join(", ")).unwrap();
        if guard != Guard::Nothing {
            let signature = if guard == Guard::Signed { "row_signature = \"HMAC-SHA-384\"\n" } else { "" };
            let head = format!("[tables.{name}]\nname = \"public.{name}\"\nbranch_key = \"all\"\n{signature}");
            writeln!(self.toml, "{head}[tables.{name}.columns]").unwrap();
            let mut beacons = Vec::new();
            for Column { name, kind, sealed, context } in &columns {
                let signed = guard == Guard::Signed && dice.percent(70);
                let action = match (context, sealed, signed) {
                    (true, ..) => "\"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\"".to_owned(),
                    (_, true, _) => format!("{{ action = \"ENCRYPT_AND_SIGN\", type = \"{}\" }}", kind.sql()),
                    (_, _, true) => "\"SIGN_ONLY\"".to_owned(),
                    (_, _, false) => "\"DO_NOTHING\"".to_owned(),
                };
                writeln!(self.toml, "{name} = {action}").unwrap();
                if *sealed && kind.has_beacon() && dice.percent(85) {
                    beacons.push(format!("{{ name = \"{name}\", length = \"exact\" }}"));
                }
            }
            writeln!(self.toml, "[tables.{name}.beacons]\nstandard = [{}]", beacons.join(", ")).unwrap();
        }
        self.tables.push(Table { name, columns });
    }

    /// An INSERT of rows that have much in common, for each table.
    pub(super) fn fill(&self, dice: &mut Dice) -> Vec<String> {
        let row = |table: &Table, id: usize, dice: &mut Dice| {
            let values = table.columns.iter().skip(1).map(|column| match dice.percent(20) {
                true => "NULL".to_owned(),
                false => quoted(dice.pick::<&str>(column.kind.values(column.sealed))),
            });
            format!("({id}, {})", values.collect::<Vec<_>>().join(", "))
        };
        let insert = |table: &Table| {
            let rows: Vec<_> = (1..=8 + dice.below(6)).map(|id| row(table, id, dice)).collect();
            let names: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
            format!("INSERT INTO {} ({}) VALUES {}", table.name, names.join(", "), rows.join(", "))
        };
        self.tables.iter().map(insert).collect()
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
