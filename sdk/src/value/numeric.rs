//! numeric in PostgreSQL's own base-10000 form, without a limit of its own: text, binary, rounding to a scale, E.

/// An arbitrary-precision decimal, NaN or ±Infinity, with its display scale.
#[derive(Clone, PartialEq, Eq)]
pub struct Numeric {
    // Fields come with their first reader.
    _private: (),
}
