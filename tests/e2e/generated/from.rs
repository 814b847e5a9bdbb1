//! Relations and their joins.

use super::kind::Kind;
use super::statement::{Name, Scope, Writer};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    Comma,
    Cross,
    Inner,
    Left,
    Right,
    Full,
    Using,
    Natural,
    Lateral,
}

const JOINS: &[(usize, Join)] = &[
    (10, Join::Comma),
    (5, Join::Cross),
    (35, Join::Inner),
    (18, Join::Left),
    (7, Join::Right),
    (6, Join::Full),
    (8, Join::Using),
    (4, Join::Natural),
    (7, Join::Lateral),
];

impl Writer<'_> {
    /// One relation, now and then several; `outer` can be named inside of it only by its conditions.
    pub(super) fn from(&mut self, outer: &Scope, depth: usize) -> (String, Scope) {
        let more = if depth == 0 { 0 } else { self.dice.weighted(&[(58, 0), (30, 1), (12, 2)]) };
        let (mut sql, mut scope) = self.relation(more > 0, depth);
        for _ in 0..more {
            let join = self.dice.weighted(JOINS);
            (sql, scope) = self.join(join, (sql, scope), outer, depth);
        }
        (sql, scope)
    }

    fn join(&mut self, join: Join, (left, scope): (String, Scope), outer: &Scope, depth: usize) -> (String, Scope) {
        self.has(match join {
            Join::Comma => "a comma join",
            Join::Cross => "CROSS JOIN",
            Join::Inner => "JOIN",
            Join::Left => "LEFT JOIN",
            Join::Right => "RIGHT JOIN",
            Join::Full => "FULL JOIN",
            Join::Using => "JOIN USING",
            Join::Natural => "NATURAL JOIN",
            Join::Lateral => "LATERAL",
        });
        let (right, own) = match join {
            Join::Lateral => self.lateral(&scope),
            _ => self.relation(true, depth),
        };
        let both = Scope {
            names: [scope.names.clone(), own.names.clone()].concat(),
            keys: if scope.keys.is_empty() || own.keys.is_empty() { vec![] } else { [scope.keys, own.keys].concat() },
            aliases: [scope.aliases, own.aliases].concat(),
        };
        let sql = match join {
            Join::Comma => format!("{left}, {right}"),
            Join::Cross => format!("{left} CROSS JOIN {right}"),
            Join::Lateral => format!("{left}, LATERAL {right}"),
            Join::Natural => format!("{left} NATURAL JOIN {right}"),
            Join::Using => {
                let common: Vec<_> =
                    own.names.iter().filter(|name| scope.names.iter().any(|other| other.bare == name.bare)).collect();
                let Some(column) = (!common.is_empty()).then(|| self.dice.pick(&common).bare.clone()) else {
                    return (format!("{left} CROSS JOIN {right}"), both);
                };
                let kind = *self.dice.pick(&["", "LEFT ", "FULL "]);
                format!("{left} {kind}JOIN {right} USING ({column})")
            }
            Join::Inner | Join::Left | Join::Right | Join::Full => {
                let word = match join {
                    Join::Left => "LEFT",
                    Join::Right => "RIGHT",
                    Join::Full => "FULL",
                    _ => "INNER",
                };
                let on = self.on(&scope.names, &own.names, &both.within(outer), join == Join::Full);
                format!("{left} {word} JOIN {right} ON {on}")
            }
        };
        (sql, both)
    }

    /// Mostly what tables are joined by: a key, or columns of one name.
    fn on(&mut self, left: &[Name], right: &[Name], both: &Scope, only_equal: bool) -> String {
        let one = self.dice.pick(left).clone();
        let fitting: Vec<_> = right.iter().filter(|name| name.kind == one.kind).collect();
        let keys = |names: &[Name]| names.iter().find(|name| name.bare == "id" || name.bare == "ref").cloned();
        let mut on = match (keys(left), keys(right)) {
            (Some(left), Some(right)) if self.dice.percent(60) => format!("{} = {}", left.text, right.text),
            _ if !fitting.is_empty() => format!("{} = {}", one.text, self.dice.pick(&fitting).text),
            _ if only_equal => "true".to_owned(),
            _ => self.predicate(both, 0),
        };
        if !only_equal && self.dice.percent(20) {
            on = format!("{on} AND {}", self.predicate(both, 0));
        }
        on
    }

    /// A table, a derived table, or a name of WITH.
    fn relation(&mut self, must_alias: bool, depth: usize) -> (String, Scope) {
        if let Some(at) = (!self.ctes.is_empty() && self.dice.percent(60)).then(|| self.dice.below(self.ctes.len())) {
            let (name, columns) = self.ctes[at].clone();
            let alias = self.alias();
            let names = qualified(&alias, &columns);
            return (format!("{name} AS {alias}"), Scope { names, keys: vec![], aliases: vec![alias] });
        }
        if depth > 0 && self.dice.percent(12) {
            self.has("a derived table");
            let (sql, columns) = self.block(&Scope::default(), depth - 1);
            let alias = self.alias();
            let names = qualified(&alias, &columns);
            return (format!("({sql}) AS {alias}"), Scope { names, keys: vec![], aliases: vec![alias] });
        }
        let weighted: Vec<_> =
            self.schema.tables.iter().zip([40, 30, 15, 15]).map(|(table, weight)| (weight, table)).collect();
        let table = self.dice.weighted(&weighted);
        if !must_alias && self.dice.percent(50) {
            let qualify = self.dice.percent(30).then_some(table.name);
            let names = self.columns_of(qualify, &table.columns);
            let (keys, aliases) = (vec![names[0].text.clone()], vec![table.name.to_owned()]);
            let schema = if self.dice.percent(10) { "public." } else { "" };
            return (format!("{schema}{}", table.name), Scope { names, keys, aliases });
        }
        let alias = self.alias();
        let names = self.columns_of(Some(&alias), &table.columns);
        let keys = vec![names[0].text.clone()];
        let word = if self.dice.percent(50) { "AS " } else { "" };
        (format!("{} {word}{alias}", table.name), Scope { names, keys, aliases: vec![alias] })
    }

    /// A subquery that names what stands left of it.
    fn lateral(&mut self, left: &Scope) -> (String, Scope) {
        let table = *self.dice.pick(&self.schema.tables.iter().collect::<Vec<_>>());
        let inner = self.alias();
        let names = self.columns_of(Some(&inner), &table.columns);
        let shown = self.dice.pick(&names).clone();
        let key = self.name(left, |name| name.kind == Kind::Int8).map_or("1".to_owned(), |name| name.text);
        let alias = self.alias();
        let sql = format!(
            "(SELECT {inner}.id, {} FROM {} {inner} WHERE {inner}.id = {key}) AS {alias}(id, x)",
            shown.text, table.name
        );
        let own = |bare: &str, of: &Name| Name { text: format!("{alias}.{bare}"), bare: bare.to_owned(), ..of.clone() };
        let names = vec![own("id", &names[0]), own("x", &shown)];
        (sql, Scope { names, keys: vec![format!("{alias}.id")], aliases: vec![alias] })
    }
}

/// Columns of a relation by another name.
fn qualified(alias: &str, columns: &[Name]) -> Vec<Name> {
    columns.iter().map(|name| Name { text: format!("{alias}.{}", name.bare), ..name.clone() }).collect()
}
