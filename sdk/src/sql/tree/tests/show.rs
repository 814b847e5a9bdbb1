//! A tree as a text: every node with what it is made of, and the client's own words where a node is a leaf.

use std::fmt::Write;

use super::super::{
    Alias, Arbiter, Arguments, Assignment, Body, Call, Direction, Distinct, Expr, ExprId, GroupKey, Item, ItemKind,
    JoinKind, JoinOn, Limit, Lock, Name, Query, QueryId, RelId, Relation, Returning, Root, Select, SetOperator,
    SortKey, Target, TokenSpan, Tree, TypeName, Window,
};
use crate::sql::lex::Token;

/// A tree with the text that it was made of.
pub(super) struct Show<'a, 't> {
    pub(super) tree: &'a Tree<'t>,
    pub(super) text: &'t str,
    pub(super) tokens: &'t [Token],
}

impl Show<'_, '_> {
    pub(super) fn root(&self, root: &Root<'_>) -> String {
        match root {
            Root::Query(query) => self.query(*query),
            Root::Insert(insert) => {
                assert!(self.begins(insert.span, "insert"));
                let columns = insert.columns.as_ref().map(|(columns, span)| {
                    assert!(self.words(*span).starts_with('('));
                    format!(" ({})", names(columns))
                });
                let overriding = insert.overriding.map(|system| if system { " system" } else { " user" });
                let source = insert.source.map_or("default".to_owned(), |query| self.query(query));
                let conflict = insert.conflict.as_ref().map(|conflict| {
                    assert!(self.begins(conflict.span, "on"));
                    let on = conflict.on.as_ref().map(|on| match on {
                        Arbiter::Columns(columns, condition) => {
                            format!(" ({}){}", names(columns), self.clause("where", *condition))
                        }
                        Arbiter::Constraint(name) => format!(" {}", dotted(name)),
                    });
                    let update = conflict.update.as_ref().map(|(assignments, condition)| {
                        format!("{}{}", self.assignments(assignments), self.clause("where", *condition))
                    });
                    format!(" [conflict{}{}]", on.unwrap_or_default(), update.unwrap_or_default())
                });
                format!(
                    "[insert {}{}{} {source}{}{}]",
                    self.target(&insert.target),
                    columns.unwrap_or_default(),
                    overriding.unwrap_or_default(),
                    conflict.unwrap_or_default(),
                    self.returning(insert.returning.as_ref()),
                )
            }
            Root::Update(update) => {
                assert!(self.begins(update.span, "update"));
                format!(
                    "[update {}{}{}{}{}]",
                    self.target(&update.target),
                    self.assignments(&update.assignments),
                    self.relations("from", &update.from),
                    self.clause("where", update.condition),
                    self.returning(update.returning.as_ref()),
                )
            }
            Root::Delete(delete) => {
                assert!(self.begins(delete.span, "delete"));
                format!(
                    "[delete {}{}{}{}]",
                    self.target(&delete.target),
                    self.relations("using", &delete.using),
                    self.clause("where", delete.condition),
                    self.returning(delete.returning.as_ref()),
                )
            }
        }
    }

    fn words(&self, span: TokenSpan) -> &str {
        let tokens = &self.tokens[span.start..span.end];
        let range =
            tokens.first().map_or(0, |token| token.range.start)..tokens.last().map_or(0, |token| token.range.end);
        &self.text[range]
    }

    fn begins(&self, span: TokenSpan, word: &str) -> bool {
        self.tokens[span.start].is_word(self.text, word) && span.end > span.start
    }

    fn target(&self, target: &Target<'_>) -> String {
        let alias = target.alias.as_ref().map(|alias| format!(" as {}", alias.value));
        let shown =
            format!("{}{}{}", if target.only { "only " } else { "" }, dotted(&target.name), alias.unwrap_or_default());
        assert!(target.span.start < target.span.end);
        shown
    }

    fn assignments(&self, assignments: &[Assignment<'_>]) -> String {
        let one = |assignment: &Assignment<'_>| {
            assert!(self.words(assignment.span).contains('='));
            format!("({} = {})", names(&assignment.columns), self.expr(assignment.value))
        };
        format!(" [set {}]", assignments.iter().map(one).collect::<Vec<_>>().join(" "))
    }

    fn returning(&self, returning: Option<&Returning<'_>>) -> String {
        returning.map_or(String::new(), |returning| {
            assert!(self.begins(returning.span, "returning"));
            format!(" [returning {}]", self.items(&returning.list))
        })
    }

    fn clause(&self, word: &str, expr: Option<ExprId>) -> String {
        expr.map_or(String::new(), |expr| format!(" [{word} {}]", self.expr(expr)))
    }

    fn query(&self, id: QueryId) -> String {
        let Query { with, body, order, limit, offset, locks, span } = self.tree.query(id);
        assert!(span.start < span.end);
        let mut shown = String::new();
        if let Some(with) = with {
            let _ = write!(shown, "[with{} ", if with.recursive { " recursive" } else { "" });
            for cte in &with.ctes {
                let columns =
                    if cte.columns.is_empty() { String::new() } else { format!(" ({})", names(&cte.columns)) };
                let materialized = match cte.materialized {
                    None => "",
                    Some(true) => " materialized",
                    Some(false) => " inline",
                };
                let _ = write!(shown, "({}{columns}{materialized} {})", cte.name.value, self.query(cte.query));
            }
            shown.push_str("] ");
        }
        shown.push_str(&self.body(body));
        shown.push_str(&self.sorted(order));
        if let Some(Limit { count, ties }) = limit {
            let count = count.map_or(String::new(), |count| format!(" {}", self.expr(count)));
            let _ = write!(shown, " [limit{count}{}]", if *ties { " ties" } else { "" });
        }
        shown.push_str(&self.clause("offset", *offset));
        for Lock { strength, of, wait, span } in locks {
            assert!(self.begins(*span, "for"));
            let of = if of.is_empty() { String::new() } else { format!(" {}", names(of)) };
            let _ = write!(shown, " [lock {strength:?}{of} {wait:?}]");
        }
        shown
    }

    fn body(&self, body: &Body<'_>) -> String {
        match body {
            Body::Select(select) => self.select(select),
            Body::Values(rows) => {
                let rows: Vec<_> = rows.iter().map(|row| format!("({})", self.exprs(row))).collect();
                format!("[values {}]", rows.join(" "))
            }
            Body::Table(name) => format!("[table {}]", dotted(name)),
            Body::Set { operator, all, left, right } => {
                let word = match operator {
                    SetOperator::Union => "union",
                    SetOperator::Intersect => "intersect",
                    SetOperator::Except => "except",
                };
                format!("[{word}{} {} {}]", if *all { " all" } else { "" }, self.query(*left), self.query(*right))
            }
            Body::Nested(query) => format!("({})", self.query(*query)),
            Body::Write(root) => self.root(root),
        }
    }

    fn select(&self, select: &Select<'_>) -> String {
        let Select { distinct, list, into, from, condition, group, having, windows } = select;
        let mut shown = "[select".to_owned();
        match distinct {
            Distinct::No => {}
            Distinct::Yes(span) => {
                assert!(self.words(*span).eq_ignore_ascii_case("distinct"));
                shown.push_str(" distinct");
            }
            Distinct::On(keys) => {
                let _ = write!(shown, " distinct on ({})", self.exprs(keys));
            }
        }
        let _ = write!(shown, " {}", self.items(list));
        if let Some(into) = into {
            let _ = write!(shown, " [{}]", self.words(*into));
        }
        shown.push_str(&self.relations("from", from));
        shown.push_str(&self.clause("where", *condition));
        if !group.is_empty() {
            let sets = |word, sets: &[Vec<ExprId>]| {
                let sets: Vec<_> = sets.iter().map(|set| format!("({})", self.exprs(set))).collect();
                format!("[{word} {}]", sets.join(" "))
            };
            let keys: Vec<_> = group
                .iter()
                .map(|key| match key {
                    GroupKey::Expr(key) => self.expr(*key),
                    GroupKey::Rollup(keys) => sets("rollup", keys),
                    GroupKey::Cube(keys) => sets("cube", keys),
                    GroupKey::Sets(keys) => sets("sets", keys),
                })
                .collect();
            let _ = write!(shown, " [group {}]", keys.join(" "));
        }
        shown.push_str(&self.clause("having", *having));
        for (name, window) in windows {
            let _ = write!(shown, " [window {} {}]", name.value, self.window(window));
        }
        shown + "]"
    }

    fn items(&self, items: &[Item<'_>]) -> String {
        let one = |item: &Item<'_>| {
            assert!(item.span.start < item.span.end);
            match &item.kind {
                ItemKind::Expr { expr, alias: None } => self.expr(*expr),
                ItemKind::Expr { expr, alias: Some(alias) } => format!("({} as {})", self.expr(*expr), alias.value),
                ItemKind::Star(name) if name.is_empty() => "*".to_owned(),
                ItemKind::Star(name) => format!("{}.*", dotted(name)),
            }
        };
        items.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn sorted(&self, keys: &[SortKey<'_>]) -> String {
        if keys.is_empty() {
            return String::new();
        }
        let one = |key: &SortKey<'_>| {
            let direction = match &key.direction {
                Direction::Ascending => String::new(),
                Direction::Descending => " desc".to_owned(),
                Direction::Using(operator) => format!(" using {}", operator.symbol),
            };
            let nulls = match key.nulls_first {
                None => "",
                Some(true) => " nulls first",
                Some(false) => " nulls last",
            };
            format!("{}{direction}{nulls}", self.expr(key.expr))
        };
        format!(" [order {}]", keys.iter().map(one).collect::<Vec<_>>().join(", "))
    }

    fn relations(&self, word: &str, relations: &[RelId]) -> String {
        if relations.is_empty() {
            return String::new();
        }
        format!(" [{word} {}]", relations.iter().map(|id| self.relation(*id)).collect::<Vec<_>>().join(" "))
    }

    fn relation(&self, id: RelId) -> String {
        assert!(!self.words(self.tree.extent(id)).is_empty());
        let aliased = |alias: &Option<Alias<'_>>| alias.as_ref().map_or(String::new(), |alias| self.alias(alias));
        match self.tree.relation(id) {
            Relation::Named { name, only, alias, sample } => {
                let sample = sample.as_ref().map(|sample| format!(" [sample {}]", self.exprs(sample)));
                let only = if *only { "only " } else { "" };
                format!("{only}{}{}{}", dotted(name), aliased(alias), sample.unwrap_or_default())
            }
            Relation::Derived { lateral, query, alias } => {
                format!("{}({}){}", lateral_word(*lateral), self.query(*query), aliased(alias))
            }
            Relation::Function { lateral, call, ordinality, alias } => {
                let ordinality = if *ordinality { " ordinality" } else { "" };
                format!("{}{}{ordinality}{}", lateral_word(*lateral), self.expr(*call), aliased(alias))
            }
            Relation::Join { kind, left, right, on } => {
                let kind = match kind {
                    JoinKind::Inner => "inner",
                    JoinKind::Left => "left",
                    JoinKind::Right => "right",
                    JoinKind::Full => "full",
                    JoinKind::Cross => "cross",
                };
                let on = match on {
                    JoinOn::All => String::new(),
                    JoinOn::Condition(condition) => format!(" [on {}]", self.expr(*condition)),
                    JoinOn::Using { columns, alias, span } => {
                        assert!(self.begins(*span, "using"));
                        let alias = alias.as_ref().map(|alias| format!(" as {}", alias.value));
                        format!(" [using {}{}]", names(columns), alias.unwrap_or_default())
                    }
                    JoinOn::Natural(token) => {
                        assert!(self.tokens[*token].is_word(self.text, "natural"));
                        " natural".to_owned()
                    }
                };
                format!("[{kind} {} {}{on}]", self.relation(*left), self.relation(*right))
            }
            Relation::Aliased { join, alias } => format!("({}){}", self.relation(*join), self.alias(alias)),
        }
    }

    fn alias(&self, alias: &Alias<'_>) -> String {
        let Alias { name, columns, typed, span } = alias;
        assert!(!self.words(*span).is_empty());
        let columns = if columns.is_empty() { String::new() } else { format!(" ({})", names(columns)) };
        format!(" as {}{columns}{}", name.value, if *typed { " typed" } else { "" })
    }

    fn exprs(&self, ids: &[ExprId]) -> String {
        ids.iter().map(|id| self.expr(*id)).collect::<Vec<_>>().join(" ")
    }

    fn expr(&self, id: ExprId) -> String {
        let not = |negated: bool| if negated { "not " } else { "" };
        match self.tree.expr(id) {
            Expr::Column(name) => dotted(name),
            Expr::Star(name) => format!("{}.*", dotted(name)),
            Expr::Param(number) => format!("${}", number + 1),
            Expr::Constant(token) => self.tokens[*token].text(self.text).to_owned(),
            Expr::Bool(value) => value.to_string(),
            Expr::Null => "null".to_owned(),
            Expr::Default => "default".to_owned(),
            Expr::Cast { operand, to } => {
                let TypeName { ty, element, dimensions, named, name: _, span } = to;
                let known = match (ty, element) {
                    (_, Some(element)) => format!("{element} x{dimensions}"),
                    (Some(ty), None) => ty.to_string(),
                    (None, None) => named.as_ref().map_or("?".to_owned(), |name| format!("named {}", dotted(name))),
                };
                format!("[cast {} {} = {known}]", self.expr(*operand), self.words(*span))
            }
            Expr::Interval(value) => format!("[interval {}]", self.expr(*value)),
            Expr::And(operands) => format!("[and {}]", self.exprs(operands)),
            Expr::Or(operands) => format!("[or {}]", self.exprs(operands)),
            Expr::Not(operand) => format!("[not {}]", self.expr(*operand)),
            Expr::Binary { left, operator, right } => {
                assert!(self.tokens.len() > operator.token);
                format!("[{} {} {}]", operator.symbol, self.expr(*left), self.expr(*right))
            }
            Expr::Prefix { operator, operand } => format!("[{} {}]", operator.symbol, self.expr(*operand)),
            Expr::IsNull { operand, negated } => format!("[{}null? {}]", not(*negated), self.expr(*operand)),
            Expr::IsTruth { operand, truth, negated } => {
                let truth = truth.map_or("unknown".to_owned(), |truth| truth.to_string());
                format!("[{}{truth}? {}]", not(*negated), self.expr(*operand))
            }
            Expr::IsDistinct { left, right, negated } => {
                format!("[{}distinct? {} {}]", not(*negated), self.expr(*left), self.expr(*right))
            }
            Expr::In { operand, items, negated } => {
                format!("[{}in {} ({})]", not(*negated), self.expr(*operand), self.exprs(items))
            }
            Expr::InQuery { operand, query, negated } => {
                format!("[{}in {} ({})]", not(*negated), self.expr(*operand), self.query(*query))
            }
            Expr::Quantified { operand, operator, all, array } => {
                let quantifier = if *all { "all" } else { "any" };
                format!("[{} {quantifier} {} {}]", operator.symbol, self.expr(*operand), self.expr(*array))
            }
            Expr::QuantifiedQuery { operand, operator, all, query } => {
                let quantifier = if *all { "all" } else { "any" };
                format!("[{} {quantifier} {} ({})]", operator.symbol, self.expr(*operand), self.query(*query))
            }
            Expr::Between { operand, low, high, symmetric, negated } => format!(
                "[{}between{} {} {} {}]",
                not(*negated),
                if *symmetric { " symmetric" } else { "" },
                self.expr(*operand),
                self.expr(*low),
                self.expr(*high)
            ),
            Expr::Pattern { kind, operand, pattern, escape, negated } => format!(
                "[{}{kind:?} {} {}{}]",
                not(*negated),
                self.expr(*operand),
                self.expr(*pattern),
                self.clause("escape", *escape)
            ),
            Expr::Case { operand, branches, otherwise } => {
                let operand = operand.map_or(String::new(), |operand| format!(" {}", self.expr(operand)));
                let branches: Vec<_> = branches
                    .iter()
                    .map(|(when, then)| format!("({} {})", self.expr(*when), self.expr(*then)))
                    .collect();
                format!("[case{operand} {}{}]", branches.join(" "), self.clause("else", *otherwise))
            }
            Expr::Call(call) => self.call(call),
            Expr::Form { form, operands } => format!("[{form:?} {}]", self.exprs(operands)),
            Expr::Collate { operand, collation } => format!("[collate {} {}]", self.expr(*operand), dotted(collation)),
            Expr::Row(items) => format!("[row {}]", self.exprs(items)),
            Expr::Array(items) => format!("[array {}]", self.exprs(items)),
            Expr::Exists(query) => format!("[exists {}]", self.query(*query)),
            Expr::Scalar(query) => format!("({})", self.query(*query)),
            Expr::Subscript { operand, bounds } => format!("[at {} {}]", self.expr(*operand), self.exprs(bounds)),
            Expr::Field { operand, field } => {
                format!("[field {} {}]", self.expr(*operand), field.as_ref().map_or("*", |field| &field.value))
            }
        }
    }

    fn call(&self, call: &Call<'_>) -> String {
        let Call { name, arguments, within_group, filter, over } = call;
        let arguments = match arguments {
            Arguments::None => String::new(),
            Arguments::Star => "(*)".to_owned(),
            Arguments::List { distinct, items, order } => {
                let one = |argument: &super::super::Argument<'_>| {
                    let name = argument.name.as_ref().map_or(String::new(), |name| format!("{} => ", name.value));
                    name + &self.expr(argument.value)
                };
                let items = items.iter().map(one).collect::<Vec<_>>().join(" ");
                format!("({}{items}{})", if *distinct { "distinct " } else { "" }, self.sorted(order))
            }
            Arguments::Query(query) => format!("({})", self.query(*query)),
        };
        let within =
            if within_group.is_empty() { String::new() } else { format!(" [within{}]", self.sorted(within_group)) };
        let over = over.as_ref().map_or(String::new(), |over| format!(" [over {}]", self.window(over)));
        format!("{}{arguments}{within}{}{over}", dotted(name), self.clause("filter", *filter))
    }

    fn window(&self, window: &Window<'_>) -> String {
        let Window { base, partition, order, frame } = window;
        let base = base.as_ref().map_or("", |base| &base.value);
        format!("{base}({}{}{})", self.exprs(partition), self.sorted(order), self.exprs(frame))
    }

    /// The client's words for an expression, with the parentheses around it.
    pub(super) fn extent(&self, id: ExprId) -> &str {
        self.words(self.tree.span(id))
    }
}

fn dotted(name: &[Name<'_>]) -> String {
    name.iter().map(|part| &*part.value).collect::<Vec<_>>().join(".")
}

fn names(names: &[Name<'_>]) -> String {
    names.iter().map(|name| &*name.value).collect::<Vec<_>>().join(" ")
}

fn lateral_word(lateral: bool) -> &'static str {
    if lateral { "lateral " } else { "" }
}
