//! Clients whose client_encoding is not UTF8, or who have standard_conforming_strings off (SQL-7).

mod sessions;
mod settings;
mod stage;
mod strings;
mod tables;
