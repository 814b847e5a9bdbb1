//! Checks of a parsed schema file that need no database; what this version does not build is refused by name.
