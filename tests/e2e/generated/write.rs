//! INSERT, UPDATE and DELETE.

use super::query::DEPTH;
use super::schema::{Column, Table};
use super::statement::{Name, Scope, Writer};

impl Writer<'_> {
    pub(super) fn write(&mut self) -> String {
        let table = self.dice.weighted(
            &self.schema.tables.iter().zip([40, 35, 15, 10]).map(|(table, weight)| (weight, table)).collect::<Vec<_>>(),
        );
        match self.dice.below(10) {
            0..=3 => self.insert(table),
            4..=7 => self.update(table),
            _ => self.delete(table),
        }
    }

    fn insert(&mut self, table: &Table) -> String {
        self.has("INSERT");
        let mut columns = vec![&table.columns[0]];
        for column in &table.columns[1..] {
            if self.dice.percent(60) {
                columns.push(column);
            }
        }
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        let head = format!("INSERT INTO {} ({})", table.name, names.join(", "));
        let mut sql = if self.dice.percent(12) {
            self.has("INSERT ... SELECT");
            let (from, scope) = self.from(&Scope::default(), 0);
            let list: Vec<_> = columns[1..].iter().map(|column| self.source(&scope, column)).collect();
            let key = scope.keys.first().map_or("7".to_owned(), |key| format!("{key} + 200"));
            let list = std::iter::once(key).chain(list).collect::<Vec<_>>();
            format!("{head} SELECT {} FROM {from} WHERE {}", list.join(", "), self.predicate(&scope, 0))
        } else {
            let rows: Vec<_> = (0..1 + self.dice.below(3)).map(|row| self.row(&columns, row)).collect();
            format!("{head} VALUES {}", rows.join(", "))
        };
        if self.dice.percent(25) {
            self.has("ON CONFLICT");
            let column = *self.dice.pick(&columns[1.min(columns.len() - 1)..]);
            sql.push_str(&match self.dice.below(4) {
                0 | 1 => " ON CONFLICT DO NOTHING".to_owned(),
                2 => format!(" ON CONFLICT (id) DO UPDATE SET {0} = EXCLUDED.{0}", column.name),
                _ => {
                    let value = self.constant(column.kind, column.sealed);
                    format!(" ON CONFLICT (id) DO UPDATE SET {} = {value}", column.name)
                }
            });
        }
        let names = self.columns_of(None, &table.columns);
        sql + &self.returning(names)
    }

    fn row(&mut self, columns: &[&Column], row: usize) -> String {
        let mut values = Vec::new();
        for column in columns {
            values.push(match (column.name.as_str(), self.dice.below(14)) {
                // A row that is there already, now and then.
                ("id", 0) => "3".to_owned(),
                ("id", _) => (100 + 10 * row + self.dice.below(10)).to_string(),
                (_, 0) => "DEFAULT".to_owned(),
                (_, _) => self.constant(column.kind, column.sealed),
            });
        }
        format!("({})", values.join(", "))
    }

    fn source(&mut self, scope: &Scope, column: &Column) -> String {
        let fits = |name: &Name| name.kind == column.kind && name.sealed == column.sealed;
        self.name(scope, fits).map_or_else(|| self.constant(column.kind, column.sealed), |name| name.text)
    }

    fn update(&mut self, table: &Table) -> String {
        self.has("UPDATE");
        let (alias, mut scope) = self.target(table);
        let mut columns: Vec<&Column> = Vec::new();
        for _ in 0..1 + self.dice.below(3) {
            let column = self.dice.pick(&table.columns[1..]);
            if !columns.iter().any(|other| other.name == column.name) {
                columns.push(column);
            }
        }
        let mut sets = Vec::new();
        for column in columns {
            let value = match self.dice.below(16) {
                0 => "DEFAULT".to_owned(),
                1 => {
                    self.has("SET from a column");
                    self.source(&scope, column)
                }
                _ => self.constant(column.kind, column.sealed),
            };
            sets.push(format!("{} = {value}", column.name));
        }
        let mut sql = format!("UPDATE {alias} SET {}", sets.join(", "));
        if self.dice.percent(8) {
            self.has("UPDATE ... FROM");
            let other = self.alias();
            let beside = *self.dice.pick(&self.schema.tables.iter().collect::<Vec<_>>());
            let names = self.columns_of(Some(&other), &beside.columns);
            let key = &scope.names[0].text;
            sql = format!("{sql} FROM {} {other} WHERE {key} = {other}.id", beside.name);
            scope.names.extend(names);
            sql = format!("{sql} AND {}", self.predicate(&scope, 1));
        } else {
            sql = format!("{sql}{}", self.condition(&scope));
        }
        sql + &self.returning(scope.names)
    }

    fn delete(&mut self, table: &Table) -> String {
        self.has("DELETE");
        let (alias, scope) = self.target(table);
        let condition = self.condition(&scope);
        format!("DELETE FROM {alias}{condition}{}", self.returning(scope.names))
    }

    /// As it is written after the verb.
    fn target(&mut self, table: &Table) -> (String, Scope) {
        let alias = self.dice.percent(35).then(|| self.alias());
        let names = self.columns_of(alias.as_deref().or(Some(table.name)), &table.columns);
        let text = alias.as_ref().map_or(table.name.to_owned(), |alias| format!("{} AS {alias}", table.name));
        (text, Scope { names, ..Scope::default() })
    }

    fn condition(&mut self, scope: &Scope) -> String {
        match self.dice.below(10) {
            0 => String::new(),
            1..=3 => {
                let key = self.constant(scope.names[0].kind, false);
                format!(" WHERE {} = {key}", scope.names[0].text)
            }
            _ => format!(" WHERE {}", self.predicate(scope, DEPTH - 1)),
        }
    }

    fn returning(&mut self, names: Vec<Name>) -> String {
        if !self.dice.percent(45) {
            return String::new();
        }
        self.has("RETURNING");
        if self.dice.percent(25) {
            return " RETURNING *".to_owned();
        }
        let scope = Scope { names, ..Scope::default() };
        let list: Vec<_> = (0..1 + self.dice.below(3)).map(|_| self.any_name(&scope).text).collect();
        format!(" RETURNING {}", list.join(", "))
    }
}
