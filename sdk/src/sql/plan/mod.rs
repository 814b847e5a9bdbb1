//! From a parsed statement to a decision: a file for each kind of statement.

mod delete;
mod expr;
mod insert;
mod scope;
mod select;
mod update;
mod utility;
