//! The driver looks types up by statements of its own, which it prepares once and keeps for ever (`get_type` in its
//! prepare.rs). Where the server has forgotten them it would answer 26000 to every type that the driver does not know yet.
//! So their names and texts are noted, and they are prepared again under the same names.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Error as ServerError, SimpleQueryMessage, Statement};

use super::Error;
use super::run::Runner;

/// The driver's three texts, by how they begin, and by their one parameter.
const NOTE: &str = "\
SELECT name, statement FROM pg_catalog.pg_prepared_statements \
WHERE parameter_types::pg_catalog.text OPERATOR(pg_catalog.=) '{oid}' \
AND (pg_catalog.starts_with(statement, 'SELECT t.typname, t.typtype, ') \
OR pg_catalog.starts_with(statement, 'SELECT enumlabel') \
OR pg_catalog.starts_with(statement, 'SELECT attname, atttypid'))";

/// All that are there.
const PRESENT: &str = "SELECT name FROM pg_catalog.pg_prepared_statements";

/// The driver's own statements on one connection.
#[derive(Default)]
pub(super) struct Lookups {
    /// Their texts, by name.
    noted: BTreeMap<String, String>,
    /// The types that were looked up by then.
    types: BTreeSet<u32>,
    /// The server has forgotten them.
    lost: bool,
}

impl Lookups {
    /// The server has forgotten all statements, perhaps.
    pub(super) fn lost(&mut self) {
        self.lost = true;
    }
}

impl Runner<'_> {
    /// Prepares a statement. For who is alone on the connection.
    pub(super) async fn prepare_physical(
        self,
        text: &str,
        types: &[Type],
    ) -> Result<Result<Statement, ServerError>, Error> {
        self.restore().await?;
        let statement = match self.client.prepare_typed(text, types).await {
            Err(error) if is_lost(&error) => {
                self.connection.lookups().lost();
                // There the error has failed the block.
                if self.is_inside().await? {
                    return Ok(Err(error));
                }
                self.restore().await?;
                self.client.prepare_typed(text, types).await
            }
            answered => answered,
        };
        match &statement {
            Ok(statement) => self.note(statement).await?,
            // Nobody knows their names: this driver will never know another type.
            Err(error) if is_lost(error) => self.connection.wears_out(),
            Err(_) => {}
        }
        Ok(statement)
    }

    /// Notes what the driver has prepared to look up the types of a statement.
    async fn note(self, statement: &Statement) -> Result<(), Error> {
        let columns = statement.columns().iter().map(|column| column.type_());
        let types: BTreeSet<u32> = statement.params().iter().chain(columns).map(Type::oid).collect();
        let looked_up = |oid: &u32| Type::from_oid(*oid).is_none();
        let new: Vec<u32> = {
            let lookups = self.connection.lookups();
            types.into_iter().filter(looked_up).filter(|oid| !lookups.types.contains(oid)).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let rows = self.client.simple_query(NOTE).await?;
        let mut lookups = self.connection.lookups();
        for row in &rows {
            if let SimpleQueryMessage::Row(row) = row
                && let (Ok(Some(name)), Ok(Some(text))) = (row.try_get(0), row.try_get(1))
            {
                lookups.noted.insert(name.to_owned(), text.to_owned());
            }
        }
        lookups.types.extend(new);
        Ok(())
    }

    /// Prepares the driver's statements again, if the server may have forgotten them.
    async fn restore(self) -> Result<(), Error> {
        let mut missing = {
            let lookups = self.connection.lookups();
            if !lookups.lost || lookups.noted.is_empty() {
                return Ok(());
            }
            lookups.noted.clone()
        };
        let rows = match self.client.simple_query(PRESENT).await {
            Ok(rows) => rows,
            // In a block that has failed; what is prepared there fails by itself.
            Err(error) if error.as_db_error().is_some() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for row in &rows {
            if let SimpleQueryMessage::Row(row) = row
                && let Ok(Some(name)) = row.try_get(0)
            {
                missing.remove(name);
            }
        }
        if !missing.is_empty() {
            let prepare = |(name, text): (&String, &String)| format!("PREPARE {name} (pg_catalog.oid) AS {text};");
            self.client.batch_execute(&missing.iter().map(prepare).collect::<String>()).await?;
        }
        self.connection.lookups().lost = false;
        Ok(())
    }
}

/// What is prepared has no name yet: it is one of the driver's that is not there.
fn is_lost(error: &ServerError) -> bool {
    error.code() == Some(&SqlState::INVALID_SQL_STATEMENT_NAME)
}
