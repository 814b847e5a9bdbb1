//! Conversions between types: assignment casts, and the exact carry of a constant into a column's domain (VAL-4).
