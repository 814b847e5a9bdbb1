//! The plan cache: text, declared types and resolution epoch are its key, never the text alone.
