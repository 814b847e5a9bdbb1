//! INSERT, UPDATE and DELETE.

use sqlparser::ast::{
    self, AssignmentTarget, ConflictTarget, DoUpdate, FromTable, InsertOverriding, ObjectName, OnConflict,
    OnConflictAction, OnInsert, SelectItem, TableAlias, TableAliasWithoutColumns, TableFactor, TableInheritance,
    TableObject, TableWithJoins, UpdateTableFromKind,
};

use super::{
    Arbiter, Assignment, Conflict, Delete, Insert, Name, Reader, Returning, Target, Update, unknown, unreadable,
};
use crate::sql::Refusal;

impl<'t> Reader<'t> {
    /// An INSERT.
    pub(super) fn insert(&mut self, insert: &ast::Insert) -> Result<Insert<'t>, Refusal> {
        let ast::Insert {
            insert_token: _,
            optimizer_hints,
            or: None,
            ignore: false,
            into: true,
            table: TableObject::TableName(name),
            table_alias,
            columns,
            by_name: false,
            overwrite: false,
            source,
            assignments,
            partitioned: None,
            after_columns,
            overriding,
            has_table_keyword: false,
            on,
            returning,
            output: None,
            replace_into: false,
            priority: None,
            insert_alias: None,
            settings: None,
            format_clause: None,
            multi_table_insert_type: None,
            multi_table_into_clauses,
            multi_table_when_clauses,
            multi_table_else_clause: None,
        } = insert
        else {
            return Err(unknown("an INSERT of this form"));
        };
        if !optimizer_hints.is_empty()
            || !assignments.is_empty()
            || !after_columns.is_empty()
            || !multi_table_into_clauses.is_empty()
            || !multi_table_when_clauses.is_empty()
        {
            return Err(unknown("an INSERT of this form"));
        }
        let start = self.cursor.at();
        self.cursor.words(&["insert", "into"])?;
        let target = self.target(name, None, |reader| match table_alias {
            None => Ok(None),
            Some(TableAliasWithoutColumns { explicit: _, alias }) => {
                reader.cursor.word("as")?;
                reader.cursor.ident(alias).map(Some)
            }
        })?;
        let columns = match columns.as_slice() {
            [] => None,
            columns => {
                let open = self.cursor.at();
                self.cursor.symbol(b'(')?;
                let mut names = Vec::with_capacity(columns.len());
                for column in columns {
                    if !names.is_empty() {
                        self.cursor.symbol(b',')?;
                    }
                    names.push(self.column(column)?);
                }
                self.cursor.symbol(b')')?;
                Some((names, self.cursor.since(open)))
            }
        };
        let overriding = match overriding {
            None => None,
            Some(InsertOverriding::System) => {
                self.cursor.words(&["overriding", "system", "value"]).map(|()| Some(true))?
            }
            Some(InsertOverriding::User) => {
                self.cursor.words(&["overriding", "user", "value"]).map(|()| Some(false))?
            }
        };
        let source = match source {
            None => self.cursor.words(&["default", "values"]).map(|()| None)?,
            Some(query) => Some(self.query(query)?),
        };
        let conflict = match on {
            None => None,
            Some(OnInsert::OnConflict(conflict)) => Some(self.conflict(conflict)?),
            Some(_) => return Err(unknown("an INSERT of this form")),
        };
        let returning = self.returning(returning.as_deref())?;
        Ok(Insert { target, columns, overriding, source, conflict, returning, span: self.cursor.since(start) })
    }

    fn target(
        &mut self,
        name: &ObjectName,
        inheritance: Option<&TableInheritance>,
        alias: impl FnOnce(&mut Self) -> Result<Option<Name<'t>>, Refusal>,
    ) -> Result<Target<'t>, Refusal> {
        let start = self.cursor.at();
        let (name, only) = self.inherited(name, inheritance)?;
        let alias = alias(self)?;
        Ok(Target { name, only, alias, span: self.cursor.since(start) })
    }

    fn conflict(&mut self, conflict: &OnConflict) -> Result<Conflict<'t>, Refusal> {
        let OnConflict { conflict_target, action } = conflict;
        let start = self.cursor.at();
        self.cursor.words(&["on", "conflict"])?;
        let on = match conflict_target {
            None => None,
            Some(ConflictTarget::Columns { columns, predicate }) => {
                self.cursor.symbol(b'(')?;
                let mut names = Vec::with_capacity(columns.len());
                for column in columns {
                    if !names.is_empty() {
                        self.cursor.symbol(b',')?;
                    }
                    names.push(self.cursor.ident(column)?);
                }
                self.cursor.symbol(b')')?;
                Some(Arbiter::Columns(names, self.clause("where", predicate.as_ref())?))
            }
            Some(ConflictTarget::OnConstraint(name)) => {
                self.cursor.words(&["on", "constraint"])?;
                Some(Arbiter::Constraint(self.cursor.object(name)?))
            }
        };
        self.cursor.word("do")?;
        let update = match action {
            OnConflictAction::DoNothing => self.cursor.word("nothing").map(|_| None)?,
            OnConflictAction::DoUpdate(DoUpdate { assignments, selection }) => {
                self.cursor.word("update")?;
                let assignments = self.assignments(assignments)?;
                Some((assignments, self.clause("where", selection.as_ref())?))
            }
        };
        Ok(Conflict { on, update, span: self.cursor.since(start) })
    }

    fn assignments(&mut self, assignments: &[ast::Assignment]) -> Result<Vec<Assignment<'t>>, Refusal> {
        self.cursor.word("set")?;
        let mut read = Vec::with_capacity(assignments.len());
        for ast::Assignment { target, value } in assignments {
            if !read.is_empty() {
                self.cursor.symbol(b',')?;
            }
            let start = self.cursor.at();
            let columns = match target {
                AssignmentTarget::ColumnName(name) => vec![self.column(name)?],
                AssignmentTarget::Tuple(names) => {
                    self.cursor.symbol(b'(')?;
                    let mut columns = Vec::with_capacity(names.len());
                    for name in names {
                        if !columns.is_empty() {
                            self.cursor.symbol(b',')?;
                        }
                        columns.push(self.column(name)?);
                    }
                    self.cursor.symbol(b')')?;
                    columns
                }
            };
            if self.cursor.operator()?.symbol != "=" {
                return Err(unreadable());
            }
            let value = self.expr(value)?;
            read.push(Assignment { columns, value, span: self.cursor.since(start) });
        }
        Ok(read)
    }

    fn returning(&mut self, items: Option<&[SelectItem]>) -> Result<Option<Returning<'t>>, Refusal> {
        let Some(items) = items else { return Ok(None) };
        let start = self.cursor.word("returning")?;
        let list = self.items(items)?;
        Ok(Some(Returning { list, span: self.cursor.since(start) }))
    }

    /// An UPDATE.
    pub(super) fn update(&mut self, update: &ast::Update) -> Result<Update<'t>, Refusal> {
        let ast::Update {
            update_token: _,
            optimizer_hints,
            table,
            on_cluster: None,
            assignments,
            from,
            selection,
            returning,
            output: None,
            or: None,
            order_by,
            limit: None,
            settings: None,
        } = update
        else {
            return Err(unknown("an UPDATE of this form"));
        };
        if !optimizer_hints.is_empty() || !order_by.is_empty() {
            return Err(unknown("an UPDATE of this form"));
        }
        let start = self.cursor.word("update")?;
        let target = self.written(table)?;
        let assignments = self.assignments(assignments)?;
        let from = match from {
            None => Vec::new(),
            Some(UpdateTableFromKind::AfterSet(items)) => self.from("from", items)?,
            Some(UpdateTableFromKind::BeforeSet(_)) => return Err(unknown("an UPDATE of this form")),
        };
        let condition = self.clause("where", selection.as_ref())?;
        let returning = self.returning(returning.as_deref())?;
        Ok(Update { target, assignments, from, condition, returning, span: self.cursor.since(start) })
    }

    /// A DELETE.
    pub(super) fn delete(&mut self, delete: &ast::Delete) -> Result<Delete<'t>, Refusal> {
        let ast::Delete {
            delete_token: _,
            optimizer_hints,
            tables,
            from: FromTable::WithFromKeyword(from),
            on_cluster: None,
            using,
            selection,
            returning,
            output: None,
            order_by,
            limit: None,
            settings: None,
        } = delete
        else {
            return Err(unknown("a DELETE of this form"));
        };
        let ([table], true, true, true) =
            (from.as_slice(), optimizer_hints.is_empty(), tables.is_empty(), order_by.is_empty())
        else {
            return Err(unknown("a DELETE of this form"));
        };
        let start = self.cursor.at();
        self.cursor.words(&["delete", "from"])?;
        let target = self.written(table)?;
        let using = self.from("using", using.as_deref().unwrap_or_default())?;
        let condition = self.clause("where", selection.as_ref())?;
        let returning = self.returning(returning.as_deref())?;
        Ok(Delete { target, using, condition, returning, span: self.cursor.since(start) })
    }

    /// The table of an UPDATE or DELETE.
    fn written(&mut self, table: &TableWithJoins) -> Result<Target<'t>, Refusal> {
        match &table.relation {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_directives,
                inheritance,
            } if with_hints.is_empty()
                && partitions.is_empty()
                && index_directives.is_empty()
                && table.joins.is_empty() =>
            {
                self.target(name, inheritance.as_ref(), |reader| match alias {
                    None => Ok(None),
                    Some(TableAlias { explicit, name, columns, at: None }) if columns.is_empty() => {
                        if *explicit {
                            reader.cursor.word("as")?;
                        }
                        reader.cursor.ident(name).map(Some)
                    }
                    Some(_) => Err(unknown("a list of column aliases")),
                })
            }
            _ => Err(unknown("a table reference of this form")),
        }
    }
}
