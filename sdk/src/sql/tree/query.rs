//! Queries: WITH, SELECT, VALUES, set operations, and what stands behind them.

use sqlparser::ast::{
    self, CteAsMaterialized, Distinct as AstDistinct, Fetch, GroupByExpr, LimitClause, NamedWindowDefinition,
    NamedWindowExpr, Offset, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, OrderBySort, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetQuantifier, WildcardAdditionalOptions,
};

use super::{
    Body, Cte, Direction, Distinct, ExprId, GroupKey, Item, ItemKind, Limit, Lock, LockStrength, LockWait, Query,
    QueryId, Reader, Select, SetOperator, SortKey, Window, With, unknown, unreadable,
};
use crate::sql::Refusal;

/// What stands behind the body of a query.
#[derive(Default)]
struct Tail<'t> {
    order: Vec<SortKey<'t>>,
    limit: Option<Limit>,
    offset: Option<ExprId>,
    locks: Vec<Lock<'t>>,
}

impl<'t> Reader<'t> {
    /// A query in parentheses.
    pub(super) fn subquery(&mut self, query: &ast::Query) -> Result<QueryId, Refusal> {
        self.cursor.symbol(b'(')?;
        let query = self.query(query)?;
        self.cursor.symbol(b')')?;
        Ok(query)
    }

    /// A query.
    pub(super) fn query(&mut self, query: &ast::Query) -> Result<QueryId, Refusal> {
        self.stack.deeper()?;
        let ast::Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if for_clause.is_some() || settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty() {
            return Err(unknown("a query with this clause"));
        }
        let start = self.cursor.at();
        let with = with.as_ref().map(|with| self.with(with)).transpose()?;
        let body = self.body(body)?;
        let mut tail = Tail::default();
        if let Some(order_by) = order_by {
            tail.order = self.sorted(order_by)?;
        }
        self.tail(&mut tail, limit_clause.as_ref(), fetch.as_ref())?;
        if tail.locks.len() != locks.len() {
            return Err(unreadable());
        }
        let Tail { order, limit, offset, locks } = tail;
        let span = self.cursor.since(start);
        Ok(self.add_query(Query { with, body, order, limit, offset, locks, span }))
    }

    fn with(&mut self, with: &ast::With) -> Result<With<'t>, Refusal> {
        let ast::With { with_token: _, recursive, cte_tables } = with;
        self.cursor.word("with")?;
        if *recursive {
            self.cursor.word("recursive")?;
        }
        let mut ctes = Vec::with_capacity(cte_tables.len());
        for cte in cte_tables {
            if !ctes.is_empty() {
                self.cursor.symbol(b',')?;
            }
            ctes.push(self.cte(cte)?);
        }
        Ok(With { recursive: *recursive, ctes })
    }

    fn cte(&mut self, cte: &ast::Cte) -> Result<Cte<'t>, Refusal> {
        let ast::Cte { alias, query, from, materialized, closing_paren_token: _ } = cte;
        let name = self.cursor.ident(&alias.name)?;
        let (columns, typed) = self.alias_columns(&alias.columns)?;
        if from.is_some() || typed {
            return Err(unknown("a WITH of this form"));
        }
        self.cursor.word("as")?;
        let materialized = match materialized {
            None => None,
            Some(CteAsMaterialized::Materialized) => self.cursor.word("materialized").map(|_| Some(true))?,
            Some(CteAsMaterialized::NotMaterialized) => {
                self.cursor.words(&["not", "materialized"]).map(|()| Some(false))?
            }
        };
        Ok(Cte { name, columns, materialized, query: self.subquery(query)? })
    }

    /// The body of a query. Chains of set operations are read without recursion.
    fn body(&mut self, body: &SetExpr) -> Result<Body<'t>, Refusal> {
        let start = self.cursor.at();
        let (mut first, mut behind) = (body, Vec::new());
        while let SetExpr::SetOperation { left, op, set_quantifier, right } = first {
            behind.push((op, set_quantifier, right));
            first = left;
        }
        let mut read = self.arm(first)?;
        while let Some((op, quantifier, right)) = behind.pop() {
            let left = self.plain(read, start);
            let (operator, word) = match op {
                ast::SetOperator::Union => (SetOperator::Union, "union"),
                ast::SetOperator::Intersect => (SetOperator::Intersect, "intersect"),
                ast::SetOperator::Except => (SetOperator::Except, "except"),
                ast::SetOperator::Minus => return Err(unknown("MINUS")),
            };
            self.cursor.word(word)?;
            let all = match quantifier {
                SetQuantifier::None => false,
                SetQuantifier::All => self.cursor.word("all").map(|_| true)?,
                SetQuantifier::Distinct => self.cursor.word("distinct").map(|_| false)?,
                SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                    return Err(unknown("BY NAME"));
                }
            };
            let right_start = self.cursor.at();
            let right = self.body(right)?;
            let right = self.plain(right, right_start);
            read = Body::Set { operator, all, left, right };
        }
        Ok(read)
    }

    /// An arm of a set operation, as the query that it is.
    fn plain(&mut self, body: Body<'t>, start: usize) -> QueryId {
        let Tail { order, limit, offset, locks } = Tail::default();
        let span = self.cursor.since(start);
        self.add_query(Query { with: None, body, order, limit, offset, locks, span })
    }

    fn arm(&mut self, body: &SetExpr) -> Result<Body<'t>, Refusal> {
        self.stack.deeper()?;
        match body {
            SetExpr::Select(select) => Ok(Body::Select(Box::new(self.select(select)?))),
            SetExpr::Query(query) => self.subquery(query).map(Body::Nested),
            SetExpr::Values(values) => {
                if values.explicit_row || values.value_keyword {
                    return Err(unknown("VALUES of this form"));
                }
                self.cursor.word("values")?;
                let mut rows = Vec::with_capacity(values.rows.len());
                for row in &values.rows {
                    if !rows.is_empty() {
                        self.cursor.symbol(b',')?;
                    }
                    rows.push(self.listed(&row.content)?);
                }
                Ok(Body::Values(rows))
            }
            SetExpr::Table(_) => {
                // The parser's node has no places.
                self.cursor.word("table")?;
                self.cursor.names().map(Body::Table)
            }
            SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement) => {
                Ok(Body::Write(Box::new(self.statement(statement)?)))
            }
            SetExpr::SetOperation { .. } => Err(unreadable()),
            SetExpr::Merge(_) => Err(unknown("MERGE")),
        }
    }

    fn select(&mut self, select: &ast::Select) -> Result<Select<'t>, Refusal> {
        let ast::Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            // Says where WINDOW stands beside a clause that PostgreSQL does not have.
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        if !optimizer_hints.is_empty()
            || select_modifiers.is_some()
            || top.is_some()
            || *top_before_distinct
            || exclude.is_some()
            || !lateral_views.is_empty()
            || prewhere.is_some()
            || !connect_by.is_empty()
            || !cluster_by.is_empty()
            || !distribute_by.is_empty()
            || !sort_by.is_empty()
            || qualify.is_some()
            || value_table_mode.is_some()
            || *flavor != SelectFlavor::Standard
        {
            return Err(unknown("a SELECT with this clause"));
        }
        self.cursor.word("select")?;
        let distinct = self.distinct(distinct.as_ref())?;
        let list = self.items(projection)?;
        let into = match into {
            None => None,
            Some(_) => {
                let start = self.cursor.word("into")?;
                self.cursor.takes_any(&["temporary", "temp", "unlogged"]);
                self.cursor.takes_word("table");
                self.cursor.names()?;
                Some(self.cursor.since(start))
            }
        };
        let from = self.from("from", from)?;
        let condition = self.clause("where", selection.as_ref())?;
        let group = self.group(group_by)?;
        let having = self.clause("having", having.as_ref())?;
        let mut windows = Vec::with_capacity(named_window.len());
        for NamedWindowDefinition(name, window) in named_window {
            if windows.is_empty() {
                self.cursor.word("window")?;
            } else {
                self.cursor.symbol(b',')?;
            }
            let name = self.cursor.ident(name)?;
            self.cursor.word("as")?;
            let window: Window<'t> = match window {
                NamedWindowExpr::WindowSpec(spec) => self.window(spec)?,
                NamedWindowExpr::NamedWindow(_) => return Err(unknown("WINDOW of this form")),
            };
            windows.push((name, window));
        }
        Ok(Select { distinct, list, into, from, condition, group, having, windows })
    }

    fn distinct(&mut self, distinct: Option<&AstDistinct>) -> Result<Distinct, Refusal> {
        match distinct {
            None => {
                // The parser leaves the word out.
                self.cursor.takes_word("all");
                Ok(Distinct::No)
            }
            Some(AstDistinct::All) => self.cursor.word("all").map(|_| Distinct::No),
            Some(AstDistinct::Distinct) => {
                let start = self.cursor.word("distinct")?;
                Ok(Distinct::Yes(self.cursor.since(start)))
            }
            Some(AstDistinct::On(keys)) => {
                self.cursor.words(&["distinct", "on"])?;
                self.listed(keys).map(Distinct::On)
            }
        }
    }

    /// A select list, or what stands behind RETURNING.
    pub(super) fn items(&mut self, items: &[SelectItem]) -> Result<Vec<Item<'t>>, Refusal> {
        let mut read: Vec<Item<'t>> = Vec::with_capacity(items.len());
        for item in items {
            if !read.is_empty() {
                self.cursor.symbol(b',')?;
            }
            let start = self.cursor.at();
            let kind = match item {
                SelectItem::UnnamedExpr(expr) => ItemKind::Expr { expr: self.expr(expr)?, alias: None },
                SelectItem::ExprWithAlias { expr, alias } => {
                    let expr = self.expr(expr)?;
                    self.cursor.takes_word("as");
                    ItemKind::Expr { expr, alias: Some(self.cursor.ident(alias)?) }
                }
                SelectItem::Wildcard(options) => {
                    plain_star(options)?;
                    self.star()?;
                    ItemKind::Star(Vec::new())
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    plain_star(options)?;
                    let name = self.cursor.object(name)?;
                    self.cursor.symbol(b'.')?;
                    self.star()?;
                    ItemKind::Star(name)
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _) => {
                    return Err(unknown("* of an expression"));
                }
                SelectItem::ExprWithAliases { .. } => return Err(unknown("several aliases of one expression")),
            };
            read.push(Item { kind, span: self.cursor.since(start) });
        }
        Ok(read)
    }

    fn group(&mut self, group_by: &GroupByExpr) -> Result<Vec<GroupKey>, Refusal> {
        let GroupByExpr::Expressions(keys, modifiers) = group_by else { return Err(unknown("GROUP BY ALL")) };
        if !modifiers.is_empty() {
            return Err(unknown("GROUP BY with this clause"));
        }
        let mut read = Vec::with_capacity(keys.len());
        for key in keys {
            if read.is_empty() {
                self.cursor.words(&["group", "by"])?;
            } else {
                self.cursor.symbol(b',')?;
            }
            read.push(match key {
                ast::Expr::Rollup(sets) => {
                    self.cursor.word("rollup")?;
                    GroupKey::Rollup(self.sets(sets)?)
                }
                ast::Expr::Cube(sets) => {
                    self.cursor.word("cube")?;
                    GroupKey::Cube(self.sets(sets)?)
                }
                ast::Expr::GroupingSets(sets) => {
                    self.cursor.words(&["grouping", "sets"])?;
                    GroupKey::Sets(self.sets(sets)?)
                }
                key => GroupKey::Expr(self.expr(key)?),
            });
        }
        Ok(read)
    }

    /// `(a, (b, c), ())`
    fn sets(&mut self, sets: &[Vec<ast::Expr>]) -> Result<Vec<Vec<ExprId>>, Refusal> {
        self.cursor.symbol(b'(')?;
        let mut read = Vec::with_capacity(sets.len());
        for set in sets {
            if !read.is_empty() {
                self.cursor.symbol(b',')?;
            }
            // The parser takes a parenthesis here for that of a set.
            read.push(if self.cursor.sees_symbol(0, b'(') { self.listed(set)? } else { self.list(set)? });
        }
        self.cursor.symbol(b')')?;
        Ok(read)
    }

    fn sorted(&mut self, order_by: &OrderBy) -> Result<Vec<SortKey<'t>>, Refusal> {
        let OrderBy { kind, interpolate } = order_by;
        match kind {
            OrderByKind::Expressions(keys) if interpolate.is_none() => self.order_by(keys),
            OrderByKind::Expressions(_) => Err(unknown("an ORDER BY of this form")),
            OrderByKind::All(_) => Err(unknown("ORDER BY ALL")),
        }
    }

    /// ORDER BY and its keys.
    pub(super) fn order_by(&mut self, keys: &[OrderByExpr]) -> Result<Vec<SortKey<'t>>, Refusal> {
        self.cursor.words(&["order", "by"])?;
        let mut read = Vec::with_capacity(keys.len());
        for key in keys {
            if !read.is_empty() {
                self.cursor.symbol(b',')?;
            }
            read.push(self.sort_key(key)?);
        }
        Ok(read)
    }

    fn sort_key(&mut self, key: &OrderByExpr) -> Result<SortKey<'t>, Refusal> {
        let OrderByExpr { expr, options: OrderByOptions { sort, nulls_first }, with_fill } = key;
        if with_fill.is_some() {
            return Err(unknown("an ORDER BY of this form"));
        }
        let expr = self.expr(expr)?;
        let direction = match sort {
            None => Direction::Ascending,
            Some(OrderBySort::Asc) => self.cursor.word("asc").map(|_| Direction::Ascending)?,
            Some(OrderBySort::Desc) => self.cursor.word("desc").map(|_| Direction::Descending)?,
            Some(OrderBySort::Using(_)) => {
                self.cursor.word("using")?;
                Direction::Using(self.cursor.operator()?)
            }
        };
        if let Some(first) = nulls_first {
            self.cursor.words(&["nulls", if *first { "first" } else { "last" }])?;
        }
        Ok(SortKey { expr, direction, nulls_first: *nulls_first })
    }

    /// LIMIT, OFFSET, FETCH and FOR, which PostgreSQL takes in any order.
    fn tail(&mut self, tail: &mut Tail<'t>, limit: Option<&LimitClause>, fetch: Option<&Fetch>) -> Result<(), Refusal> {
        let (mut limit, mut offset) = match limit {
            None => (None, None),
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                (limit.as_ref(), offset.as_ref())
            }
            Some(LimitClause::LimitOffset { .. }) => return Err(unknown("LIMIT BY")),
            Some(LimitClause::OffsetCommaLimit { .. }) => return Err(unknown("LIMIT with a comma")),
        };
        let mut fetch = fetch;
        loop {
            if self.cursor.takes_word("limit") {
                let count = match limit.take() {
                    Some(count) => Some(self.expr(count)?),
                    None => self.cursor.word("all").map(|_| None)?,
                };
                once(&mut tail.limit, Limit { count, ties: false })?;
            } else if self.cursor.takes_word("offset") {
                let Offset { value, rows: _ } = offset.take().ok_or_else(unreadable)?;
                let value = self.expr(value)?;
                self.cursor.takes_any(&["row", "rows"]);
                once(&mut tail.offset, value)?;
            } else if self.cursor.takes_word("fetch") {
                let Fetch { with_ties, percent: false, quantity } = fetch.take().ok_or_else(unreadable)? else {
                    return Err(unknown("FETCH PERCENT"));
                };
                self.one_of(&["first", "next"])?;
                let count = quantity.as_ref().map(|count| self.expr(count)).transpose()?;
                self.one_of(&["row", "rows"])?;
                self.cursor.words(if *with_ties { &["with", "ties"] } else { &["only"] })?;
                once(&mut tail.limit, Limit { count, ties: *with_ties })?;
            } else if self.cursor.sees_word(0, "for") {
                let lock = self.lock()?;
                tail.locks.push(lock);
            } else if limit.is_none() && offset.is_none() && fetch.is_none() {
                return Ok(());
            } else {
                return Err(unreadable());
            }
        }
    }

    fn one_of(&mut self, words: &[&str]) -> Result<(), Refusal> {
        if self.cursor.takes_any(words) { Ok(()) } else { Err(unreadable()) }
    }

    /// A locking clause. The parser knows only a part of it, so that it is read from the tokens alone.
    fn lock(&mut self) -> Result<Lock<'t>, Refusal> {
        let start = self.cursor.word("for")?;
        let strength = if self.cursor.takes_word("update") {
            LockStrength::Update
        } else if self.cursor.takes_word("no") {
            self.cursor.words(&["key", "update"])?;
            LockStrength::NoKeyUpdate
        } else if self.cursor.takes_word("share") {
            LockStrength::Share
        } else {
            self.cursor.words(&["key", "share"])?;
            LockStrength::KeyShare
        };
        let mut of = Vec::new();
        if self.cursor.takes_word("of") {
            of.push(self.cursor.name()?);
            while self.cursor.takes_symbol(b',') {
                of.push(self.cursor.name()?);
            }
        }
        let wait = if self.cursor.takes_word("nowait") {
            LockWait::NoWait
        } else if self.cursor.takes_word("skip") {
            self.cursor.word("locked")?;
            LockWait::SkipLocked
        } else {
            LockWait::Wait
        };
        Ok(Lock { strength, of, wait, span: self.cursor.since(start) })
    }
}

/// A clause that stands once.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(unreadable()),
    }
}

/// `*` without what other dialects put behind it.
fn plain_star(options: &WildcardAdditionalOptions) -> Result<(), Refusal> {
    match options {
        WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike: None,
            opt_exclude: None,
            opt_except: None,
            opt_replace: None,
            opt_rename: None,
            opt_alias: None,
        } => Ok(()),
        _ => Err(unknown("* with a clause")),
    }
}
