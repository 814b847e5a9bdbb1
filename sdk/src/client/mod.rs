//! SQL on sealed tables over a deadpool-postgres pool: the planner, the plan cache, the execution state machine and the
//! session state are those that the proxy drives; here tokio-postgres carries them.

mod connection;
mod de;
mod error;
mod row;
mod shared;
mod steps;
mod store;
mod stream;
mod transaction;

use std::sync::Arc;

use deadpool_postgres::Object;

use connection::Connection;
pub use error::{DbError, Error, Link, PoolError, RowCount};
pub use row::{Column, Row, RowIndex};
pub use shared::Shared;
pub use store::PoolStore;

/// A connection of the pool on which sealed tables look as if nothing were sealed.
pub struct Client {
    object: Object,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
}

impl Client {
    fn new(object: Object, connection: Arc<Connection>, shared: Arc<Shared>) -> Self {
        Self { object, connection, shared }
    }
}
