//! Utility statements that name a protected table: TRUNCATE goes on with the qualified name, the others are refused by
//! name (SQL-13, SQL-55).

use sqlparser::ast::{ObjectNamePart, Statement as Ast, Truncate, TruncateTableTarget};

use super::Statement;
use super::draft::{Draft, Params, Parts};
use super::scope;
use super::source::unreadable;
use crate::sql::tree::unknown;
use crate::sql::{Notes, Plan, Refusal, Steps, Verb};

/// Plans any other statement that mentions a protected table.
pub(super) fn plan(statement: &Statement<'_>, ast: &Ast) -> Result<Plan, Refusal> {
    let what = match ast {
        Ast::Truncate(truncated) => return truncate(statement, truncated),
        Ast::CreateTable(_) => "CREATE TABLE over or beside",
        Ast::AlterTable(_) => "ALTER TABLE of",
        Ast::Drop { .. } => "DROP of",
        Ast::CreateIndex(_) => "CREATE INDEX on",
        Ast::CreateView(_) => "a view over",
        Ast::CreateFunction(_) | Ast::CreateProcedure { .. } => "a function over",
        Ast::CreateTrigger(_) | Ast::DropTrigger(_) | Ast::AlterTrigger(_) => "a trigger on",
        Ast::CreatePolicy(_) | Ast::AlterPolicy(_) | Ast::DropPolicy(_) => "a policy on",
        Ast::CreateRule(_) | Ast::DropRule(_) => "a rule on",
        Ast::Grant(_) | Ast::Revoke(_) => "GRANT and REVOKE on",
        Ast::Comment { .. } => "COMMENT on",
        Ast::Copy { .. } => "COPY of",
        Ast::Merge(_) => "MERGE into",
        Ast::Prepare { .. } => "PREPARE of a statement on",
        Ast::Execute { .. } => "EXECUTE with",
        Ast::Declare { .. } => "a cursor over",
        Ast::Explain { .. } | Ast::ExplainTable { .. } => "EXPLAIN of a statement on",
        Ast::Lock(_) | Ast::LockTables { .. } => "LOCK TABLE of",
        Ast::Vacuum(_) => "VACUUM of",
        Ast::Analyze(_) => "ANALYZE of",
        Ast::Call(_) => "CALL with",
        _ => "this statement on",
    };
    let refusal = Refusal::new(format!("{what} a protected table cannot be answered in this version"));
    Err(match ast {
        Ast::CreateTable(_)
        | Ast::AlterTable(_)
        | Ast::Drop { .. }
        | Ast::CreateIndex(_)
        | Ast::Grant(_)
        | Ast::Revoke(_) => refusal.hint("change the table at the database, then run `pgseal schema apply`"),
        Ast::Prepare { .. } => refusal.hint("prepare it with the extended protocol (Parse)"),
        Ast::Explain { .. } => {
            refusal.hint("`pgseal explain` prints the physical statement, which can be explained at the database")
        }
        _ => refusal.hint("protected tables take SELECT, INSERT ... VALUES, UPDATE and DELETE"),
    })
}

/// TRUNCATE changes no meaning: only the names are qualified.
fn truncate(statement: &Statement<'_>, truncated: &Truncate) -> Result<Plan, Refusal> {
    let Truncate { table_names, partitions, table: _, if_exists, identity: _, cascade: _, on_cluster } = truncated;
    if partitions.is_some() || *if_exists || on_cluster.is_some() {
        return Err(unknown("a TRUNCATE with this clause"));
    }
    let mut draft = Draft::default();
    let mut found = false;
    for TruncateTableTarget { name, only: _, has_asterisk: _ } in table_names {
        let mut idents = Vec::with_capacity(name.0.len());
        for part in &name.0 {
            let ObjectNamePart::Identifier(ident) = part else { return Err(unreadable()) };
            idents.push(ident);
        }
        let (Some(first), Some(last)) = (idents.first(), idents.last()) else { return Err(unreadable()) };
        let parts: Vec<_> = idents.iter().map(|ident| ident.value.as_str()).collect();
        if let Some(table) = scope::table(statement.protection, &parts)? {
            let extent = statement.source.ident(first)?..statement.source.ident(last)? + 1;
            let bytes = statement.source.bytes(&extent)?;
            draft.replace(bytes, Parts::default().text(scope::physical_name(&table)));
            found = true;
        }
    }
    if !found {
        return Err(unknown("a TRUNCATE of this form"));
    }
    let template = draft.finish(statement.source, Parts::default(), statement.range.clone(), Parts::default())?;
    Ok(Plan {
        verb: Verb::Utility,
        params: Params::new(statement.declared).roles(&template)?,
        template,
        rows: Vec::new(),
        output: None,
        steps: Steps::One,
        notes: Notes::default(),
    })
}
