//! SQL on sealed tables over a deadpool-postgres pool: the planner, the plan cache, the execution state machine and the
//! session state are those that the proxy drives; here tokio-postgres carries them.

mod connection;
mod de;
mod error;
mod row;
mod steps;
mod store;
mod stream;
mod transaction;

pub use error::{DbError, Error, Link, PoolError, RowCount};
pub use row::{Column, Row, RowIndex};
