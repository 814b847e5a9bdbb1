//! DataRow: opened, verified, hidden columns dropped.
