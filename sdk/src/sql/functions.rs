//! Functions and operators that a touched statement may use, as a table: what is not in it is refused.

/// A function of `pg_catalog`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// When its result may change.
    pub volatility: Volatility,
    /// How it is called.
    pub kind: FunctionKind,
}

/// `pg_proc.provolatile`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volatility {
    /// Depends on its arguments only.
    Immutable,
    /// Constant within a statement.
    Stable,
    /// Anything.
    Volatile,
}

/// `pg_proc.prokind`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// One value from one row.
    Scalar,
    /// Over a group.
    Aggregate,
    /// Only with OVER.
    Window,
}

/// The function of this name (as PostgreSQL reads it: lower case), unqualified or of `pg_catalog`. Every overload
/// of the name has the same volatility and kind, or the strictest is given.
pub fn lookup(name: &str) -> Option<&'static Function> {
    let _ = name;
    todo!()
}

/// Whether a touched statement may use this operator over plain operands.
pub fn operator(symbol: &str) -> bool {
    let _ = symbol;
    todo!()
}
