//! A row as serde sees it: a map from column names to logical values.
