//! SELECT and TABLE over one protected table.
