//! Whether a text can name a protected object, decided on tokens and never on bytes (SQL-5).
