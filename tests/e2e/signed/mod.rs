//! Signed tables (SQL-22, SQL-50 to SQL-54, CELL-6 to CELL-9, SIG-1 to SIG-7): what an application does through the
//! proxy, beside a plaintext twin; and what somebody with the server in hand does behind it.

mod attacks;
mod encoding;
mod pair;
mod pipelines;
mod protocol;
mod races;
mod size;
mod triggers;
mod updates;
mod walk;
mod writes;
