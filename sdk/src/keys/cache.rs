//! The only door of the hot path: keys that are loaded, refreshed in the background, and never fetched per statement.
