//! Conditions.

use super::kind::Kind;
use super::statement::{Scope, Writer};

#[derive(Clone, Copy)]
enum Form {
    Compare,
    In,
    Any,
    Null,
    Distinct,
    Between,
    Columns,
    Row,
    Like,
    Truth,
    Boolean,
    And,
    Or,
    Not,
    InQuery,
    Exists,
    Scalar,
}

const ATOMS: &[(usize, Form)] = &[
    (34, Form::Compare),
    (12, Form::In),
    (8, Form::Any),
    (10, Form::Null),
    (7, Form::Distinct),
    (4, Form::Between),
    (7, Form::Columns),
    (3, Form::Row),
    (2, Form::Like),
    (2, Form::Boolean),
];

const COMPOUND: &[(usize, Form)] = &[
    (14, Form::And),
    (12, Form::Or),
    (9, Form::Not),
    (3, Form::Truth),
    (5, Form::InQuery),
    (5, Form::Exists),
    (3, Form::Scalar),
];

impl Writer<'_> {
    /// `depth` is how deep it may still nest.
    pub(super) fn predicate(&mut self, scope: &Scope, depth: usize) -> String {
        let atom = depth == 0 || self.dice.percent(60);
        match self.dice.weighted(if atom { ATOMS } else { COMPOUND }) {
            Form::Compare => self.compare(scope),
            Form::In => {
                self.has("IN (list)");
                let column = self.any_name(scope);
                let items: Vec<_> =
                    (0..1 + self.dice.below(3)).map(|_| self.constant(column.kind, column.sealed)).collect();
                format!("{} {}IN ({})", column.text, self.maybe("NOT "), items.join(", "))
            }
            Form::Any => {
                self.has("= ANY (array)");
                let column = self.any_name(scope);
                let array = self.array(column.kind, column.sealed);
                let operator = *self.dice.pick(&["= ANY", "= ANY", "= ANY", "<> ALL", "<> ANY"]);
                format!("{} {operator} ({array})", column.text)
            }
            Form::Null => {
                self.has("IS [NOT] NULL");
                let column = self.any_name(scope);
                format!("{} IS {}NULL", column.text, self.maybe("NOT "))
            }
            Form::Distinct => {
                self.has("IS [NOT] DISTINCT FROM");
                let column = self.any_name(scope);
                let constant = self.constant(column.kind, column.sealed);
                format!("{} IS {}DISTINCT FROM {constant}", column.text, self.maybe("NOT "))
            }
            Form::Between => {
                self.has("BETWEEN");
                let column = self.any_name(scope);
                let [low, high] = [(); 2].map(|()| self.constant(column.kind, column.sealed));
                format!("{} {}BETWEEN {low} AND {high}", column.text, self.maybe("NOT "))
            }
            Form::Columns => self.columns(scope),
            Form::Row => {
                self.has("a row comparison");
                let [one, two] = [(); 2].map(|()| self.any_name(scope));
                let values = [&one, &two].map(|column| self.constant(column.kind, column.sealed));
                let operator = *self.dice.pick(&["=", "<>", "IN"]);
                let values = format!("({})", values.join(", "));
                let values = if operator == "IN" { format!("({values})") } else { values };
                format!("({}, {}) {operator} {values}", one.text, two.text)
            }
            Form::Like => {
                let Some(column) = self.name(scope, |name| name.kind.is_text()) else { return self.compare(scope) };
                self.has("LIKE");
                let pattern = if column.sealed { "'%Zq7xK9%'" } else { "'%e%'" };
                format!("{} LIKE {pattern}", column.text)
            }
            Form::Boolean => {
                let Some(column) = self.name(scope, |name| name.kind == Kind::Bool) else { return self.compare(scope) };
                self.has("a boolean column as a condition");
                column.text
            }
            Form::And => {
                self.has("AND");
                let parts: Vec<_> = (0..2 + self.dice.below(2)).map(|_| self.inner(scope, depth)).collect();
                parts.join(" AND ")
            }
            Form::Or => {
                self.has("OR");
                let parts: Vec<_> = (0..2 + self.dice.below(2)).map(|_| self.inner(scope, depth)).collect();
                format!("({})", parts.join(" OR "))
            }
            Form::Not => {
                self.has("NOT");
                let inner = self.predicate(scope, depth - 1);
                format!("NOT ({inner})")
            }
            Form::Truth => {
                self.has("IS [NOT] TRUE");
                let inner = self.predicate(scope, depth - 1);
                let test = *self.dice.pick(&["TRUE", "FALSE", "UNKNOWN"]);
                format!("({inner}) IS {}{test}", self.maybe("NOT "))
            }
            Form::InQuery => {
                self.has("IN (subquery)");
                let column = self.any_name(scope);
                let query = self.one_column(scope, column.kind, depth - 1);
                format!("{} {}IN ({query})", column.text, self.maybe("NOT "))
            }
            Form::Exists => {
                self.has("EXISTS");
                let query = self.exists(scope, depth - 1);
                format!("{}EXISTS ({query})", self.maybe("NOT "))
            }
            Form::Scalar => {
                self.has("a scalar subquery");
                let column = self.any_name(scope);
                let query = self.one_value(scope, column.kind, depth - 1);
                format!("{} = ({query})", column.text)
            }
        }
    }

    fn inner(&mut self, scope: &Scope, depth: usize) -> String {
        let inner = self.predicate(scope, depth - 1);
        if self.dice.percent(30) { format!("({inner})") } else { inner }
    }

    fn maybe(&mut self, word: &'static str) -> &'static str {
        if self.dice.percent(35) { word } else { "" }
    }

    pub(super) fn compare(&mut self, scope: &Scope) -> String {
        let column = self.any_name(scope);
        let constant = self.constant(column.kind, column.sealed);
        let operator = self.dice.weighted(&[(70, "="), (14, "<>"), (3, "<"), (3, ">="), (2, "!=")]);
        self.has(match operator {
            "=" => "=",
            "<>" | "!=" => "<>",
            _ => "<, >=",
        });
        match self.dice.percent(15) {
            true => format!("{constant} {operator} {}", column.text),
            false => format!("{} {operator} {constant}", column.text),
        }
    }

    /// Two columns, which need not be sealed alike.
    pub(super) fn columns(&mut self, scope: &Scope) -> String {
        let one = self.any_name(scope);
        let Some(other) = self.name(scope, |name| name.kind == one.kind && name.text != one.text) else {
            return self.compare(scope);
        };
        self.has("column = column");
        let operator = self.dice.weighted(&[(80, "="), (10, "<>"), (10, "IS NOT DISTINCT FROM")]);
        format!("{} {operator} {}", one.text, other.text)
    }
}
