//! A generated statement, and what all its parts are written with: dice, parameters, names, constants.

use std::collections::BTreeSet;

use super::dice::Dice;
use super::kind::Kind;
use super::schema::{Column, Schema, quoted};

/// A parameter: its text form, or that of its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    One(String),
    Many(Vec<Option<String>>),
}

#[derive(Debug, Clone)]
pub(super) struct Param {
    pub(super) kind: Kind,
    pub(super) sealed: bool,
    pub(super) value: Value,
}

/// How a statement travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Simple,
    /// Parameters and rows in text.
    Text,
    /// In binary, with declared types.
    Binary,
}

#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) params: Vec<Param>,
    pub(super) way: Way,
    /// Its ORDER BY leaves no choice.
    pub(super) ordered: bool,
    pub(super) writes: bool,
    /// The constructs in it, for the count.
    pub(super) features: BTreeSet<&'static str>,
}

/// A column that an expression can name.
#[derive(Debug, Clone)]
pub(super) struct Name {
    /// As it is written: qualified or not.
    pub(super) text: String,
    /// Its own name, without the relation's.
    pub(super) bare: String,
    pub(super) kind: Kind,
    pub(super) sealed: bool,
}

/// What can be named in a query block.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) names: Vec<Name>,
    /// Columns that tell rows apart together; none if nothing is known to.
    pub(super) keys: Vec<String>,
    /// Of the relations, for `a.*`.
    pub(super) aliases: Vec<String>,
}

impl Scope {
    /// With the names of the block around it.
    pub(super) fn within(&self, outer: &Scope) -> Scope {
        let names = self.names.iter().chain(&outer.names).cloned().collect();
        Scope { names, ..self.clone() }
    }
}

/// Writes one statement.
pub(super) struct Writer<'a> {
    pub(super) schema: &'a Schema,
    pub(super) dice: &'a mut Dice,
    pub(super) way: Way,
    pub(super) params: Vec<Param>,
    pub(super) features: BTreeSet<&'static str>,
    /// Numbers aliases.
    aliases: usize,
    /// Names of WITH, and their columns.
    pub(super) ctes: Vec<(String, Vec<Name>)>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(schema: &'a Schema, dice: &'a mut Dice) -> Self {
        let way = dice.weighted(&[(45, Way::Simple), (30, Way::Text), (25, Way::Binary)]);
        Self { schema, dice, way, params: Vec::new(), features: BTreeSet::new(), aliases: 0, ctes: Vec::new() }
    }

    pub(super) fn statement(self, sql: String, ordered: bool, writes: bool) -> Statement {
        let Self { way, params, mut features, .. } = self;
        features.insert(match way {
            Way::Simple => "simple protocol",
            Way::Text => "parameters in text",
            Way::Binary => "parameters in binary",
        });
        Statement { sql, params, way, ordered, writes, features }
    }

    pub(super) fn has(&mut self, feature: &'static str) {
        self.features.insert(feature);
    }

    pub(super) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("r{}", self.aliases)
    }

    /// A name of a kind that meets a condition, if there is one.
    pub(super) fn name(&mut self, scope: &Scope, wanted: impl Fn(&Name) -> bool) -> Option<Name> {
        let fitting: Vec<&Name> = scope.names.iter().filter(|name| wanted(name)).collect();
        (!fitting.is_empty()).then(|| (*self.dice.pick(&fitting)).clone())
    }

    pub(super) fn any_name(&mut self, scope: &Scope) -> Name {
        self.dice.pick(&scope.names).clone()
    }

    fn value(&mut self, kind: Kind, sealed: bool) -> Option<String> {
        (!self.dice.percent(6)).then(|| (*self.dice.pick(kind.values(sealed))).to_owned())
    }

    /// A constant that a column of this kind is compared with or set to: a literal or a parameter.
    pub(super) fn constant(&mut self, kind: Kind, sealed: bool) -> String {
        if self.way != Way::Simple && self.dice.percent(60) {
            let known =
                |param: &Param| (param.kind, param.sealed) == (kind, sealed) && !matches!(param.value, Value::Many(_));
            if let Some(at) = self.params.iter().position(known).filter(|_| self.dice.percent(25)) {
                self.has("a parameter twice");
                return format!("${}", at + 1);
            }
            let value = self.value(kind, sealed).map_or(Value::Null, Value::One);
            self.params.push(Param { kind, sealed, value });
            return format!("${}", self.params.len());
        }
        let Some(value) = self.value(kind, sealed) else {
            self.has("NULL as a constant");
            return "NULL".to_owned();
        };
        let bare = kind == Kind::Bool || kind.is_number() && self.dice.percent(50);
        match self.dice.below(20) {
            _ if bare => value,
            0 => format!("{}::{}", quoted(&value), kind.sql()),
            1 => format!("CAST({} AS {})", quoted(&value), kind.sql()),
            2 if kind.is_text() => format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
            3 => format!("({})", quoted(&value)),
            _ => quoted(&value),
        }
    }

    /// An array of constants.
    pub(super) fn array(&mut self, kind: Kind, sealed: bool) -> String {
        let members: Vec<_> = (0..self.dice.below(4)).map(|_| self.value(kind, sealed)).collect();
        if self.way != Way::Simple && self.dice.percent(60) {
            self.has("an array as a parameter");
            self.params.push(Param { kind, sealed, value: Value::Many(members) });
            return format!("${}", self.params.len());
        }
        let members: Vec<_> = members.iter().map(|member| member.as_deref().map_or("NULL".into(), quoted)).collect();
        format!("ARRAY[{}]::{}", members.join(", "), kind.array())
    }

    pub(super) fn columns_of(&self, alias: Option<&str>, columns: &[Column]) -> Vec<Name> {
        let text = |name: &str| alias.map_or(name.to_owned(), |alias| format!("{alias}.{name}"));
        let name = |column: &Column| {
            let (text, bare) = (text(&column.name), column.name.clone());
            Name { text, bare, kind: column.kind, sealed: column.sealed }
        };
        columns.iter().map(name).collect()
    }
}
