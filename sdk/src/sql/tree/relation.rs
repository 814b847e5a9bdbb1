//! FROM items.

use sqlparser::ast::{
    self, FunctionArg, Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableAliasColumnDef, TableFactor,
    TableFunctionArgs, TableInheritance, TableSample, TableSampleKind, TableSampleModifier, TableSampleQuantity,
    TableWithJoins,
};

use super::{
    Alias, Argument, Arguments, Call, Expr, ExprId, JoinKind, JoinOn, Name, QualifiedName, Reader, RelId, Relation,
    unknown, unreadable,
};
use crate::sql::Refusal;

impl<'t> Reader<'t> {
    /// FROM or USING and its items; nothing if there are none.
    pub(super) fn from(&mut self, word: &str, items: &[TableWithJoins]) -> Result<Vec<RelId>, Refusal> {
        let mut read = Vec::with_capacity(items.len());
        for item in items {
            if read.is_empty() {
                self.cursor.word(word)?;
            } else {
                self.cursor.symbol(b',')?;
            }
            read.push(self.joined(item)?);
        }
        Ok(read)
    }

    fn joined(&mut self, item: &TableWithJoins) -> Result<RelId, Refusal> {
        self.stack.deeper()?;
        let start = self.cursor.at();
        let mut left = self.factor(&item.relation)?;
        for join in &item.joins {
            left = self.join(left, join, start)?;
        }
        Ok(left)
    }

    fn join(&mut self, left: RelId, join: &Join, start: usize) -> Result<RelId, Refusal> {
        let Join { relation, global: false, join_operator } = join else { return Err(unknown("a join of this form")) };
        let (kind, constraint, words): (_, _, &[&str]) = match join_operator {
            JoinOperator::Join(on) => (JoinKind::Inner, on, &[]),
            JoinOperator::Inner(on) => (JoinKind::Inner, on, &["inner"]),
            JoinOperator::Left(on) => (JoinKind::Left, on, &["left"]),
            JoinOperator::LeftOuter(on) => (JoinKind::Left, on, &["left", "outer"]),
            JoinOperator::Right(on) => (JoinKind::Right, on, &["right"]),
            JoinOperator::RightOuter(on) => (JoinKind::Right, on, &["right", "outer"]),
            JoinOperator::FullOuter(on) => (JoinKind::Full, on, &["full"]),
            JoinOperator::CrossJoin(on) => (JoinKind::Cross, on, &["cross"]),
            JoinOperator::Semi(_)
            | JoinOperator::LeftSemi(_)
            | JoinOperator::RightSemi(_)
            | JoinOperator::Anti(_)
            | JoinOperator::LeftAnti(_)
            | JoinOperator::RightAnti(_)
            | JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::AsOf { .. }
            | JoinOperator::StraightJoin(_)
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => return Err(unknown("a join of this form")),
        };
        let natural = match constraint {
            JoinConstraint::Natural => Some(self.cursor.word("natural")?),
            JoinConstraint::On(_)
            | JoinConstraint::Using(_)
            | JoinConstraint::UsingAlias(..)
            | JoinConstraint::None => None,
        };
        self.cursor.words(words)?;
        if kind == JoinKind::Full {
            // The parser has one name for both spellings.
            self.cursor.takes_word("outer");
        }
        self.cursor.word("join")?;
        let right = self.factor(relation)?;
        let on = match (constraint, natural) {
            (JoinConstraint::On(condition), _) => {
                self.cursor.word("on")?;
                JoinOn::Condition(self.expr(condition)?)
            }
            (JoinConstraint::Using(columns), _) => self.using(columns, None)?,
            (JoinConstraint::UsingAlias(columns, alias), _) => self.using(columns, Some(alias))?,
            (JoinConstraint::Natural, Some(keyword)) => JoinOn::Natural(keyword),
            (JoinConstraint::None, _) if kind == JoinKind::Cross => JoinOn::All,
            (JoinConstraint::Natural | JoinConstraint::None, _) => return Err(unreadable()),
        };
        if kind == JoinKind::Cross && !matches!(on, JoinOn::All) {
            return Err(unreadable());
        }
        Ok(self.add_relation(Relation::Join { kind, left, right, on }, start))
    }

    fn using(&mut self, columns: &[ObjectName], alias: Option<&ast::Ident>) -> Result<JoinOn<'t>, Refusal> {
        let start = self.cursor.word("using")?;
        self.cursor.symbol(b'(')?;
        let mut names = Vec::with_capacity(columns.len());
        for column in columns {
            if !names.is_empty() {
                self.cursor.symbol(b',')?;
            }
            names.push(self.column(column)?);
        }
        self.cursor.symbol(b')')?;
        let alias = match alias {
            None => None,
            Some(alias) => {
                self.cursor.word("as")?;
                Some(self.cursor.ident(alias)?)
            }
        };
        Ok(JoinOn::Using { columns: names, alias, span: self.cursor.since(start) })
    }

    /// The name of a column, without anything behind it.
    pub(super) fn column(&mut self, name: &ObjectName) -> Result<Name<'t>, Refusal> {
        let mut parts = self.cursor.object(name)?;
        match (parts.pop(), parts.is_empty()) {
            (Some(column), true) => Ok(column),
            (Some(_) | None, _) => Err(unknown("a part of a column")),
        }
    }

    fn factor(&mut self, factor: &TableFactor) -> Result<RelId, Refusal> {
        self.stack.deeper()?;
        let start = self.cursor.at();
        let relation = match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version: None,
                with_ordinality,
                partitions,
                json_path: None,
                sample,
                index_directives,
                inheritance,
            } if with_hints.is_empty() && partitions.is_empty() && index_directives.is_empty() => match args {
                None if !*with_ordinality => {
                    let (name, only) = self.inherited(name, inheritance.as_ref())?;
                    let mut sampled = match sample {
                        Some(TableSampleKind::BeforeTableAlias(sample)) => Some(self.sample(sample)?),
                        Some(TableSampleKind::AfterTableAlias(_)) | None => None,
                    };
                    let alias = self.alias(alias.as_ref())?;
                    if let Some(TableSampleKind::AfterTableAlias(sample)) = sample {
                        sampled = Some(self.sample(sample)?);
                    }
                    Relation::Named { name, only, alias, sample: sampled }
                }
                Some(TableFunctionArgs { args, settings: None }) if inheritance.is_none() && sample.is_none() => {
                    self.function(false, name, args, *with_ordinality, alias.as_ref())?
                }
                Some(_) | None => return Err(unknown("a table reference of this form")),
            },
            TableFactor::Derived { lateral, subquery, alias, sample: None } => {
                if *lateral {
                    self.cursor.word("lateral")?;
                }
                let query = self.subquery(subquery)?;
                Relation::Derived { lateral: *lateral, query, alias: self.alias(alias.as_ref())? }
            }
            TableFactor::Function { lateral, name, args, with_ordinality, alias } => {
                self.function(*lateral, name, args, *with_ordinality, alias.as_ref())?
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality,
            } => {
                let lateral = self.cursor.takes_word("lateral");
                let call = self.cursor.at();
                if !self.cursor.sees_word(0, "unnest") {
                    return Err(unreadable());
                }
                let name = vec![self.cursor.name()?];
                let items = self.listed(array_exprs)?;
                let items = items.into_iter().map(|value| Argument { name: None, value }).collect();
                let arguments = Arguments::List { distinct: false, items, order: Vec::new() };
                self.ranged(lateral, name, arguments, call, *with_ordinality, alias.as_ref())?
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                // `a JOIN b JOIN c ON … ON …` is nested to the parser, without parentheses.
                let join = self.either(
                    |reader| {
                        reader.cursor.symbol(b'(')?;
                        let join = reader.joined(table_with_joins)?;
                        reader.cursor.symbol(b')')?;
                        Ok(join)
                    },
                    |reader| reader.joined(table_with_joins),
                )?;
                match self.alias(alias.as_ref())? {
                    None => {
                        self.relations[join.0].1 = self.cursor.since(start);
                        return Ok(join);
                    }
                    Some(alias) => Relation::Aliased { join, alias },
                }
            }
            TableFactor::Table { .. }
            | TableFactor::Derived { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::TableFunction { .. }
            | TableFactor::JsonTable { .. }
            | TableFactor::OpenJsonTable { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::UnpivotExpr { .. }
            | TableFactor::MatchRecognize { .. }
            | TableFactor::XmlTable { .. }
            | TableFactor::SemanticView { .. } => return Err(unknown("a table reference of this form")),
        };
        Ok(self.add_relation(relation, start))
    }

    /// The name of a table with ONLY before it, or `*` behind it, which is the default.
    pub(super) fn inherited(
        &mut self,
        name: &ObjectName,
        inheritance: Option<&TableInheritance>,
    ) -> Result<(QualifiedName<'t>, bool), Refusal> {
        match inheritance {
            None => Ok((self.cursor.object(name)?, false)),
            Some(TableInheritance::IncludeDescendants) => {
                let name = self.cursor.object(name)?;
                self.star()?;
                Ok((name, false))
            }
            Some(TableInheritance::Only { parenthesized }) => {
                self.cursor.word("only")?;
                if *parenthesized {
                    self.cursor.symbol(b'(')?;
                }
                let name = self.cursor.object(name)?;
                if *parenthesized {
                    self.cursor.symbol(b')')?;
                }
                Ok((name, true))
            }
        }
    }

    fn function(
        &mut self,
        lateral: bool,
        name: &ObjectName,
        args: &[FunctionArg],
        ordinality: bool,
        alias: Option<&TableAlias>,
    ) -> Result<Relation<'t>, Refusal> {
        // The parser tells it apart from an ordinary table only in some places.
        let lateral = if lateral { self.cursor.word("lateral").map(|_| true)? } else { false };
        let call = self.cursor.at();
        let name = self.cursor.object(name)?;
        self.cursor.symbol(b'(')?;
        let items = self.plain_arguments(args)?;
        self.cursor.symbol(b')')?;
        let arguments = Arguments::List { distinct: false, items, order: Vec::new() };
        self.ranged(lateral, name, arguments, call, ordinality, alias)
    }

    fn ranged(
        &mut self,
        lateral: bool,
        name: QualifiedName<'t>,
        arguments: Arguments<'t>,
        start: usize,
        ordinality: bool,
        alias: Option<&TableAlias>,
    ) -> Result<Relation<'t>, Refusal> {
        let call = Call { name, arguments, within_group: Vec::new(), filter: None, over: None };
        let call = self.add(Expr::Call(Box::new(call)), start);
        if ordinality {
            self.cursor.words(&["with", "ordinality"])?;
        }
        Ok(Relation::Function { lateral, call, ordinality, alias: self.alias(alias)? })
    }

    fn alias(&mut self, alias: Option<&TableAlias>) -> Result<Option<Alias<'t>>, Refusal> {
        let Some(TableAlias { explicit, name, columns, at: None }) = alias else {
            return if alias.is_none() { Ok(None) } else { Err(unknown("an alias of this form")) };
        };
        let start = self.cursor.at();
        if *explicit {
            self.cursor.word("as")?;
        }
        let name = self.cursor.ident(name)?;
        let (columns, typed) = self.alias_columns(columns)?;
        Ok(Some(Alias { name, columns, typed, span: self.cursor.since(start) }))
    }

    /// The names of columns in parentheses, if there are any, and whether they have types.
    pub(super) fn alias_columns(&mut self, columns: &[TableAliasColumnDef]) -> Result<(Vec<Name<'t>>, bool), Refusal> {
        let (mut names, mut typed) = (Vec::with_capacity(columns.len()), false);
        for TableAliasColumnDef { name, data_type } in columns {
            self.cursor.symbol(if names.is_empty() { b'(' } else { b',' })?;
            names.push(self.cursor.ident(name)?);
            if let Some(data_type) = data_type {
                self.type_name(data_type)?;
                typed = true;
            }
        }
        if !names.is_empty() {
            self.cursor.symbol(b')')?;
        }
        Ok((names, typed))
    }

    fn sample(&mut self, sample: &TableSample) -> Result<Vec<ExprId>, Refusal> {
        let TableSample {
            modifier: TableSampleModifier::TableSample,
            name: Some(_),
            quantity: Some(TableSampleQuantity { parenthesized: true, value, unit: None }),
            seed,
            bucket: None,
            offset: None,
        } = sample
        else {
            return Err(unknown("a sample of this form"));
        };
        self.cursor.word("tablesample")?;
        self.cursor.name()?;
        self.cursor.symbol(b'(')?;
        let mut arguments = vec![self.expr(value)?];
        self.cursor.symbol(b')')?;
        if let Some(seed) = seed {
            self.cursor.word("repeatable")?;
            self.cursor.symbol(b'(')?;
            let at = self.cursor.at();
            let value = self.value(&seed.value)?;
            arguments.push(self.add(value, at));
            self.cursor.symbol(b')')?;
        }
        Ok(arguments)
    }
}
