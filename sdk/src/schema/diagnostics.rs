//! Errors of the schema file as people read them: code, file, line, column, caret, suggestion.
