//! The JSON Schema of the schema file, so that editors complete and check it: `schema/pgseal.schema.json`.

use super::model::File;

/// JSON Schema (draft 2020-12) of [`File`], pretty-printed, with a newline at its end.
pub fn json_schema() -> String {
    let mut schema = schemars::schema_for!(File);
    schema.insert("title".into(), "pgseal schema file".into());
    format!("{:#}\n", schema.as_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `PGSEAL_UPDATE=1 cargo test -p pgseal --features config json_schema` writes the file.
    #[test]
    fn the_json_schema_in_the_tree_is_that_of_the_model() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema/pgseal.schema.json");
        if std::env::var_os("PGSEAL_UPDATE").is_some() {
            std::fs::write(path, json_schema()).unwrap();
        }
        let there = std::fs::read_to_string(path).unwrap();
        assert_eq!(there, json_schema(), "schema/pgseal.schema.json is old: PGSEAL_UPDATE=1 writes it anew");
    }
}
