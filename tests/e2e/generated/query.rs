//! Queries, and the query blocks that they and other things are made of.

use super::kind::Kind;
use super::statement::{Name, Scope, Writer};

#[derive(Clone, Copy)]
enum Shape {
    Rows,
    Grouped,
    Distinct,
    DistinctOn,
    Counted,
    Set,
}

const SHAPES: &[(usize, Shape)] = &[
    (66, Shape::Rows),
    (8, Shape::Grouped),
    (7, Shape::Distinct),
    (4, Shape::DistinctOn),
    (7, Shape::Counted),
    (8, Shape::Set),
];

/// How deep a statement nests at most.
pub(super) const DEPTH: usize = 2;

impl Writer<'_> {
    /// A whole SELECT, and whether its order is total.
    pub(super) fn query(&mut self) -> (String, bool) {
        let mut with = String::new();
        if self.dice.percent(9) {
            self.has("WITH");
            let (sql, columns) = self.block(&Scope::default(), DEPTH - 1);
            let name = format!("w{}", self.alias());
            with = format!("WITH {name} AS ({sql}) ");
            self.ctes.push((name, columns));
        }
        let none = Scope::default();
        let (sql, ordered) = match self.dice.weighted(SHAPES) {
            Shape::Rows => self.rows(),
            Shape::Grouped => (self.grouped(), false),
            Shape::Distinct => {
                self.has("DISTINCT");
                let (from, scope) = self.from(&none, DEPTH);
                let names = self.some_names(&scope);
                let list: Vec<_> = names.iter().map(|name| name.text.clone()).collect();
                let filter = self.filter(&scope);
                (format!("SELECT DISTINCT {} FROM {from}{filter}", list.join(", ")), false)
            }
            Shape::DistinctOn => self.distinct_on(),
            Shape::Counted => (self.counted(), false),
            Shape::Set => (self.set(), false),
        };
        (format!("{with}{sql}"), ordered)
    }

    fn rows(&mut self) -> (String, bool) {
        let (from, scope) = self.from(&Scope::default(), DEPTH);
        let list = self.list(&scope);
        let filter = self.filter(&scope);
        let mut sql = format!("SELECT {list} FROM {from}{filter}");
        if scope.keys.is_empty() || self.dice.percent(50) {
            return (sql, false);
        }
        self.has("ORDER BY");
        let direction = *self.dice.pick(&["", " DESC", " NULLS FIRST"]);
        let mut keys: Vec<_> = scope.keys.iter().map(|key| format!("{key}{direction}")).collect();
        if self.dice.percent(10) {
            keys.insert(0, self.any_name(&scope).text);
        }
        sql = format!("{sql} ORDER BY {}", keys.join(", "));
        if self.dice.percent(30) {
            self.has("LIMIT, OFFSET");
            sql = format!("{sql} LIMIT {}", 1 + self.dice.below(6));
            if self.dice.percent(40) {
                sql = format!("{sql} OFFSET {}", self.dice.below(4));
            }
        }
        (sql, true)
    }

    fn grouped(&mut self) -> String {
        self.has("GROUP BY");
        let (from, scope) = self.from(&Scope::default(), DEPTH);
        let by = self.any_name(&scope);
        let counted = self.any_name(&scope);
        let aggregate = match self.dice.below(4) {
            0 => format!("count({})", counted.text),
            1 => format!("count(DISTINCT {})", counted.text),
            2 if counted.kind.is_number() => format!("max({})", counted.text),
            _ => "count(*)".to_owned(),
        };
        let filter = self.filter(&scope);
        let mut sql = format!("SELECT {}, {aggregate} FROM {from}{filter} GROUP BY {}", by.text, by.text);
        if self.dice.percent(35) {
            self.has("HAVING");
            sql.push_str(" HAVING count(*) > 1");
        }
        sql
    }

    fn distinct_on(&mut self) -> (String, bool) {
        self.has("DISTINCT ON");
        let (from, scope) = self.from(&Scope::default(), DEPTH);
        let by = self.any_name(&scope).text;
        let list = self.list(&scope);
        let filter = self.filter(&scope);
        if scope.keys.is_empty() {
            return (format!("SELECT DISTINCT ON ({by}) {by} FROM {from}{filter}"), false);
        }
        let keys = scope.keys.join(", ");
        (format!("SELECT DISTINCT ON ({by}) {list} FROM {from}{filter} ORDER BY {by}, {keys}"), true)
    }

    fn counted(&mut self) -> String {
        self.has("an aggregate over all rows");
        let (from, scope) = self.from(&Scope::default(), DEPTH);
        let column = self.any_name(&scope).text;
        let filter = self.filter(&scope);
        let what = match self.dice.below(5) {
            0 => format!("count({column})"),
            1 => format!("count(DISTINCT {column})"),
            2 => format!("count(*), max({column})"),
            3 => format!("count(*) FILTER (WHERE {})", self.predicate(&scope, 0)),
            _ => "count(*)".to_owned(),
        };
        format!("SELECT {what} FROM {from}{filter}")
    }

    fn set(&mut self) -> String {
        self.has("UNION, INTERSECT, EXCEPT");
        let (from, scope) = self.from(&Scope::default(), 0);
        let names = self.some_names(&scope);
        let filter = self.filter(&scope);
        let list: Vec<_> = names.iter().map(|name| name.text.clone()).collect();
        let mut sql = format!("SELECT {} FROM {from}{filter}", list.join(", "));
        for _ in 0..1 + self.dice.below(2) {
            let word = *self.dice.pick(&["UNION", "UNION ALL", "UNION ALL", "INTERSECT", "EXCEPT"]);
            let (from, scope) = self.from(&Scope::default(), 0);
            let arm: Vec<_> = names.iter().map(|name| self.fitting(&scope, name)).collect();
            let filter = self.filter(&scope);
            sql = format!("{sql} {word} SELECT {} FROM {from}{filter}", arm.join(", "));
        }
        sql
    }

    /// A column of the same type, or a constant.
    fn fitting(&mut self, scope: &Scope, like: &Name) -> String {
        match self.name(scope, |name| name.kind == like.kind && name.sealed == like.sealed) {
            Some(name) if self.dice.percent(85) => name.text,
            Some(_) | None => self.constant(like.kind, like.sealed),
        }
    }

    fn filter(&mut self, scope: &Scope) -> String {
        if !self.dice.percent(75) {
            return String::new();
        }
        self.has("WHERE");
        format!(" WHERE {}", self.predicate(scope, DEPTH))
    }

    fn some_names(&mut self, scope: &Scope) -> Vec<Name> {
        (0..1 + self.dice.below(3)).map(|_| self.any_name(scope)).collect()
    }

    /// A select list.
    fn list(&mut self, scope: &Scope) -> String {
        match self.dice.below(10) {
            0 | 1 => {
                self.has("*");
                return "*".to_owned();
            }
            2 => {
                self.has("relation.*");
                return format!("{}.*", self.dice.pick(&scope.aliases));
            }
            _ => {}
        }
        let items: Vec<_> = (0..1 + self.dice.below(4)).map(|_| self.item(scope)).collect();
        items.join(", ")
    }

    fn item(&mut self, scope: &Scope) -> String {
        let column = self.any_name(scope);
        match self.dice.below(24) {
            0 => {
                self.has("coalesce, CASE in the list");
                let constant = self.constant(column.kind, column.sealed);
                format!("coalesce({}, {constant})", column.text)
            }
            1 => {
                self.has("coalesce, CASE in the list");
                let condition = self.predicate(scope, 0);
                format!("CASE WHEN {condition} THEN {} END", column.text)
            }
            2 => {
                self.has("a scalar subquery");
                format!("({}) AS v", self.one_value(scope, column.kind, 0))
            }
            3 => format!("{} IS NULL AS n", column.text),
            4 => {
                self.has("a condition in the list");
                format!("({}) AS c", self.predicate(scope, 0))
            }
            5 => {
                self.has("a constant in the list");
                "1 AS one".to_owned()
            }
            6 if column.kind.is_text() => {
                self.has("a function in the list");
                format!("upper({})", column.text)
            }
            7 => {
                self.has("a window function");
                format!("count(*) OVER (PARTITION BY {})", column.text)
            }
            8..=11 => format!("{} AS {}_x", column.text, column.bare),
            _ => column.text,
        }
    }

    /// A query block of its own, and its columns.
    pub(super) fn block(&mut self, outer: &Scope, depth: usize) -> (String, Vec<Name>) {
        let (from, scope) = self.from(outer, depth.min(1));
        let mut names = self.some_names(&scope);
        let mut seen = Vec::new();
        names.retain(|name| {
            let new = !seen.contains(&name.bare);
            seen.push(name.bare.clone());
            new
        });
        let list: Vec<_> = names.iter().map(|name| name.text.clone()).collect();
        let distinct = if self.dice.percent(8) { "DISTINCT " } else { "" };
        let filter = match self.dice.percent(50) {
            true => format!(" WHERE {}", self.predicate(&scope.within(outer), depth.min(1))),
            false => String::new(),
        };
        (format!("SELECT {distinct}{} FROM {from}{filter}", list.join(", ")), names)
    }

    /// A query of one column of a kind.
    pub(super) fn one_column(&mut self, outer: &Scope, kind: Kind, depth: usize) -> String {
        let (from, scope) = self.from(outer, 0);
        let shown = self.name(&scope, |name| name.kind == kind).map_or("NULL".to_owned(), |name| name.text);
        let filter = match self.dice.percent(70) {
            true => format!(" WHERE {}", self.predicate(&scope.within(outer), depth)),
            false => String::new(),
        };
        format!("SELECT {shown} FROM {from}{filter}")
    }

    /// A query of one row at most, often of a row that the outer one names.
    pub(super) fn one_value(&mut self, outer: &Scope, kind: Kind, depth: usize) -> String {
        if depth > 0 && self.dice.percent(20) {
            self.has("an aggregate in a subquery");
            let (from, scope) = self.from(outer, 0);
            let filter = self.predicate(&scope.within(outer), 0);
            return format!("SELECT count(*) FROM {from} WHERE {filter}");
        }
        let table = *self.dice.pick(&self.schema.tables.iter().collect::<Vec<_>>());
        let alias = self.alias();
        let names = self.columns_of(Some(&alias), &table.columns);
        let shown = names.iter().filter(|name| name.kind == kind).map(|name| name.text.clone()).next_back();
        let correlated = self.name(outer, |name| name.kind == Kind::Int8 && !name.sealed);
        let key = match correlated {
            Some(name) if self.dice.percent(60) => {
                self.has("correlated");
                name.text
            }
            Some(_) | None => self.constant(Kind::Int8, false),
        };
        format!("SELECT {} FROM {} {alias} WHERE {alias}.id = {key}", shown.unwrap_or("NULL".into()), table.name)
    }

    pub(super) fn exists(&mut self, outer: &Scope, depth: usize) -> String {
        let table = *self.dice.pick(&self.schema.tables.iter().collect::<Vec<_>>());
        let alias = self.alias();
        let names = self.columns_of(Some(&alias), &table.columns);
        let scope = Scope { names, ..Scope::default() };
        let mut condition = self.predicate(&scope.within(outer), depth);
        let own = self.any_name(&scope);
        if let Some(name) = self.name(outer, |name| name.kind == own.kind && name.sealed == own.sealed) {
            self.has("correlated");
            condition = format!("{} = {} AND ({condition})", own.text, name.text);
        }
        format!("SELECT 1 FROM {} {alias} WHERE {condition}", table.name)
    }
}
