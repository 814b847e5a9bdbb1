//! From client parameters and literals to physical parameters, or to the literals of a simple query.

use super::Error;
use crate::keys::KeySource;
use crate::sql::{Plan, Template};
use crate::value::{Format, Settings};

/// The client's parameters of one Bind.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    /// By number from 0; `None` is NULL.
    pub values: &'a [Option<&'a [u8]>],
    /// One per value (the caller expands the 0/1/n rule of Bind).
    pub formats: &'a [Format],
}

/// One physical parameter of a Bind.
pub enum Physical {
    /// The client's parameter of this number, in its own format.
    Pass(usize),
    /// Ours: bytes in this format, or NULL.
    Owned(Format, Option<Vec<u8>>),
}

/// What plan and parameters make together: one entry a slot of `template`. `fetched` are the values of the fetch
/// step, in binary. Call it once per execution: every call draws fresh nonces.
pub fn bind(
    plan: &Plan,
    template: &Template,
    params: Params<'_>,
    fetched: &[Option<Vec<u8>>],
    keys: &dyn KeySource,
    settings: &Settings,
) -> Result<Vec<Physical>, Error> {
    let _ = (plan, template, params, fetched, keys, settings);
    todo!()
}

/// The physical text of a simple query: slots become literals (`'\x…'` for cells, hex for tags), which hold nothing
/// that a quote could end (SQL-2).
pub fn splice(plan: &Plan, template: &Template, keys: &dyn KeySource, settings: &Settings) -> Result<String, Error> {
    let _ = (plan, template, keys, settings);
    todo!()
}

/// The physical text of a Parse, with `$n`, and the type OID of each physical parameter (0 = the server infers it).
/// `declared` are the client's OIDs.
pub fn parse_text(template: &Template, declared: &[u32]) -> (String, Vec<u32>) {
    let _ = (template, declared);
    todo!()
}
