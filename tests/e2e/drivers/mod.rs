//! Six drivers on the sample tables, unchanged: each runs one script against a plaintext twin and through the proxy,
//! and must observe the same (issue 4, Measures; wire.md, "Clients differ in what they rely on").
//!
//! A script is told where by the PG* variables and prints what it saw, one JSON object a line: `step`, then either
//! `error` with a SQLSTATE or whatever its driver shows.

mod psql;
mod refused;
mod rust;
mod scripts;
mod sides;

/// What this version refuses, in every script: the step, and the SQLSTATE.
const REFUSED: &[(&str, &str)] = &[
    ("like", "0A000"),
    ("arithmetic in an update", "0A000"),
    ("server-side cursor", "0A000"),
    ("copy", "0A000"),
    ("move", "0A000"),
    ("prepared by SQL", "0A000"),
    // pgjdbc declares a string as varchar: its cast to json would have to be applied here.
    ("a string cast to json", "0A000"),
    ("several steps beside another statement", "0A000"),
];
