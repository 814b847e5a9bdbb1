//! An example in the making.

fn main() {}
