//! sqlx, diesel and sea-orm on sealed tables through an endpoint in their own process: the very code that runs on
//! plain PostgreSQL.
#![forbid(unsafe_code)]

mod with_diesel;
mod with_sea_orm;
mod with_sqlx;
