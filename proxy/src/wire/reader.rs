//! The fields of the messages that must be understood, read from exactly their frame.
