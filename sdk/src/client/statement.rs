//! Prepared statements in logical types.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_postgres::types::Type;
use zeroize::Zeroizing;

use super::block::{self, Block};
use super::connection::Connection;
use super::constants::Reading;
use super::prepared::Age;
use super::run::Runner;
use super::{Column, Error};
use super::{commit, constants, ddl};
use crate::exec::facts::reads_settings;
use crate::exec::{describe, inputs, session, steps};
use crate::sql::Plan;
use crate::sql::client_text::{ClientText, depends_on_settings};

/// A prepared statement. It may be used with every client of the same sealer: on another connection than its own it is
/// prepared there when it is used first, and after a change of the schema lock it is planned anew (SQL-12).
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
#[doc = include_str!("doctest.txt")]
/// # example(async |client| {
/// use tokio_postgres::types::Type;
///
/// let statement = client.prepare("UPDATE patient SET diagnosis = $1 WHERE id = $2 RETURNING diagnosis").await?;
/// assert_eq!(statement.params(), [Type::TEXT, Type::INT8]);
/// assert_eq!(statement.columns()[0].type_(), &Type::TEXT); // bytea for the server
/// for (id, diagnosis) in [(7_i64, "J45.9"), (8, "J45.0")] {
///     let row = client.query_one(&statement, &[&diagnosis, &id]).await?;
///     assert_eq!(row.try_get::<_, &str>(0)?, diagnosis);
/// }
/// # Ok(())
/// # });
/// ```
#[derive(Clone)]
pub struct Statement {
    pub(super) prepared: Arc<Prepared>,
    pub(super) connection: Arc<Connection>,
}

impl Statement {
    /// The types of its parameters: those of the columns that the application knows.
    pub fn params(&self) -> &[Type] {
        &self.prepared.params
    }

    /// The columns of its rows, as the application knows them.
    pub fn columns(&self) -> &[Column] {
        &self.prepared.columns
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its text may hold literals.
        f.debug_struct("Statement")
            .field("params", &self.params())
            .field("columns", &self.columns())
            .finish_non_exhaustive()
    }
}

/// What a statement is called by: a text, or a [`Statement`]. A text is prepared when it is used first on a connection,
/// and kept with it; of the texts used last at least 128.
pub trait ToStatement: private::ToStatement {}

impl ToStatement for str {}
impl ToStatement for String {}
impl ToStatement for Statement {}

pub(super) mod private {
    /// What is called.
    #[derive(Clone, Copy)]
    pub enum Source<'s> {
        /// A text.
        Text(&'s str),
        /// A prepared statement.
        Prepared(&'s super::Statement),
    }

    pub trait ToStatement {
        fn source(&self) -> Source<'_>;
    }

    impl ToStatement for str {
        fn source(&self) -> Source<'_> {
            Source::Text(self)
        }
    }

    impl ToStatement for String {
        fn source(&self) -> Source<'_> {
            Source::Text(self)
        }
    }

    impl ToStatement for super::Statement {
        fn source(&self) -> Source<'_> {
            Source::Prepared(self)
        }
    }
}

/// A statement that the server has prepared.
pub(super) struct Prepared {
    /// What the session knows of it.
    pub(super) statement: session::Statement,
    /// The application's own text, if it says it otherwise under other settings (SQL-7).
    own: Option<Zeroizing<String>>,
    /// What its constants were read by.
    pub(super) reading: Reading,
    /// How often the settings may have changed before.
    pub(super) changes: u64,
    pub(super) age: Age,
    /// The server does not have it any more, or not as it was.
    pub(super) lost: AtomicBool,
    /// It is planned, and some parameter in text would be read by settings.
    pub(super) reads_settings: bool,
    /// The block or none that a forwarded statement leads to.
    pub(super) moves: Option<Block>,
    /// It is forwarded, and commits.
    pub(super) commits: bool,
    /// It is forwarded, and defines something in the catalog.
    pub(super) defines: bool,
    /// The physical statement; of several steps: one that is only described.
    pub(super) physical: tokio_postgres::Statement,
    pub(super) params: Vec<Type>,
    pub(super) columns: Arc<[Column]>,
}

impl Prepared {
    /// The application's own text: it may hold literals.
    pub(super) fn text(&self) -> &str {
        self.own.as_ref().map_or_else(|| self.read(), |own| own.as_str())
    }

    /// What its text says.
    pub(super) fn read(&self) -> &str {
        // The session has let go of no text: it keeps the statement under no name.
        self.statement.text().unwrap_or_default()
    }

    /// Its declared types.
    pub(super) fn declared(&self) -> &[u32] {
        self.statement.declared()
    }

    /// Of the protection under which it was planned.
    pub(super) fn epoch(&self) -> u64 {
        self.statement.epoch()
    }

    /// `None` if it is forwarded.
    pub(super) fn plan(&self) -> Option<&Arc<Plan>> {
        self.statement.plan()
    }
}

impl Runner<'_> {
    /// Plans and prepares a text, or takes it from what this connection has prepared.
    pub(super) async fn prepare(self, text: &str, declared: &[u32]) -> Result<Arc<Prepared>, Error> {
        self.readable(text).await?;
        let mut unanswered = None;
        loop {
            let protection = self.shared.protection();
            let epoch = protection.epoch;
            if let Some(known) = self.connection.prepared(text, declared, epoch) {
                return Ok(known);
            }
            // What the text depends on alone: values are looked at when they are bound.
            let depends = !protection.is_empty() && depends_on_settings(text.as_bytes());
            if depends && let Some(asked) = self.connection.must_ask().filter(|_| unanswered.is_none()) {
                unanswered = self.asks_for(asked, text).await?;
                continue;
            }
            let changes = self.connection.changes();
            let read = if depends { self.connection.reads(text) } else { Ok(ClientText::of(text)) };
            let read = match read {
                Ok(read) => read,
                Err(refusal) => {
                    self.connection.refuses(text);
                    return Err(self.refuse(Error::refused(refusal, text)).await);
                }
            };
            let sent = text;
            let text = read.text();
            let statements = self.shared.plan(&read, declared, &protection);
            let turn = self.turn().await?;
            // While it waited another lock may have come into force, under which this text must not travel.
            if epoch != self.shared.epoch() || depends && changes != self.connection.changes() {
                continue;
            }
            let decided = self.connection.prepare(text, declared, &statements, &protection);
            let statement = match decided.map_err(|refusal| Error::refused_in(refusal, &read)).and_then(sendable) {
                Ok(statement) => statement,
                Err(error) => {
                    drop(turn);
                    return Err(self.refuse(error).await);
                }
            };
            let plan = statement.plan();
            // In a failed block only what ends it is answered.
            if plan.is_some()
                && let Some(failed) = unanswered
            {
                return Err(failed);
            }
            let (physical, types) = match (plan, statement.qualified()) {
                (Some(plan), _) => steps::described(plan, declared),
                (None, Some(qualified)) => (inputs::traced(qualified).text, declared.to_vec()),
                (None, None) => (sent.to_owned(), declared.to_vec()),
            };
            let types: Vec<Type> = types.into_iter().map(declared_type).collect();
            let age = self.connection.now();
            // The turn is kept until the end: the driver asks for types that it does not know, and would do so in the
            // middle of another call's transaction, which may have failed.
            let plan = plan.map(|plan| &**plan);
            let position = |at| match (plan, statement.qualified()) {
                (Some(plan), _) => steps::described_positions(plan).client(at),
                (None, Some(qualified)) => inputs::positions(qualified).client(at),
                (None, None) => Some(at),
            };
            let physical = self.prepare_physical(&physical, &types).await?;
            let physical = physical.map_err(|error| self.failed(error, plan, inputs::Params::NONE, position))?;
            drop(turn);
            let (params, columns) = described(plan, &physical)?;
            let forwarded = plan.is_none();
            let prepared = Arc::new(Prepared {
                own: read.is_moved().then(|| Zeroizing::new(sent.to_owned())),
                reading: constants::reading(text),
                changes,
                age,
                lost: AtomicBool::new(false),
                reads_settings: plan.is_some_and(|plan| reads_settings(plan, &[])),
                moves: if forwarded { block::after(text) } else { None },
                commits: forwarded && commit::commits(text),
                defines: forwarded && ddl::defines(text),
                statement,
                physical,
                params,
                columns,
            });
            self.connection.keep(&prepared);
            return Ok(prepared);
        }
    }
}

/// A statement whose physical parameters can be bound.
fn sendable(statement: session::Statement) -> Result<session::Statement, Error> {
    statement.plan().map_or(Ok(()), |plan| inputs::fits(steps::described_template(plan)))?;
    Ok(statement)
}

/// The logical parameters and columns.
fn described(plan: Option<&Plan>, physical: &tokio_postgres::Statement) -> Result<(Vec<Type>, Arc<[Column]>), Error> {
    type Described<'s> = describe::Column<(&'s str, &'s Type)>;
    let columns: Vec<Described<'_>> = physical
        .columns()
        .iter()
        .map(|column| describe::Column {
            name: (column.name(), column.type_()),
            table_oid: column.table_oid().unwrap_or(0),
            attnum: column.column_id().unwrap_or(0),
            type_oid: column.type_().oid(),
            // The driver does not say; nobody asks.
            typlen: 0,
            typmod: column.type_modifier(),
        })
        .collect();
    let logical = |column: &Described<'_>| {
        let (name, ty) = column.name;
        Column {
            name: name.to_owned(),
            ty: if column.type_oid == ty.oid() { ty.clone() } else { type_of(column.type_oid) },
            table_oid: Some(column.table_oid).filter(|oid| *oid != 0),
            column_id: Some(column.attnum).filter(|number| *number != 0),
            type_modifier: column.typmod,
        }
    };
    let Some(plan) = plan else {
        return Ok((physical.params().to_vec(), columns.iter().map(logical).collect()));
    };
    let server: Vec<u32> = physical.params().iter().map(Type::oid).collect();
    let types: HashMap<u32, &Type> = physical.params().iter().map(|ty| (ty.oid(), ty)).collect();
    let known = |oid| types.get(&oid).map_or_else(|| type_of(oid), |ty| Type::clone(ty));
    let params = describe::parameters(&server, plan)?.into_iter().map(known).collect();
    let columns = match &plan.output {
        Some(shape) => describe::columns(&columns, shape)?.iter().map(logical).collect(),
        None => Arc::default(),
    };
    Ok((params, columns))
}

/// A type by its OID. Types of protected columns are PostgreSQL's own.
pub(super) fn type_of(oid: u32) -> Type {
    let unknown = || Type::new(String::new(), oid, tokio_postgres::types::Kind::Simple, String::new());
    Type::from_oid(oid).unwrap_or_else(unknown)
}

/// The type of a parameter that is declared to the server; 0 leaves it to the server, as `unknown` does
/// (variable_paramref_hook in parse_param.c), which the driver can say.
pub(super) fn declared_type(oid: u32) -> Type {
    if oid == 0 { Type::UNKNOWN } else { type_of(oid) }
}
