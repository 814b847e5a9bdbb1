//! One hash over the facts of a table that decide where a plaintext goes (CAT-5): lock and live must agree.

use super::snapshot::Table;

/// BLAKE3, hex, over the canonical JSON of columns, constraints, triggers, rules, policies and children.
///
/// Names instead of OIDs, and ordered lists, so that it survives a dump; what an index, a view or statistics adds
/// does not change it.
pub fn digest(table: &Table) -> String {
    // Plain structs of strings and numbers always serialise; an empty text would match no lock.
    let canonical = serde_json::to_vec(table).unwrap_or_default();
    blake3::hash(&canonical).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::{Column, Index};
    use super::*;

    #[test]
    fn cat_5_a_changed_column_changes_the_digest_and_a_new_index_does_not() {
        let mut table = Table { kind: "r".into(), ..Table::default() };
        table.columns.push(Column { attnum: 1, name: "id".into(), ..Column::default() });
        let before = digest(&table);
        table.oid = 7;
        table.indexes.push(Index { name: "new".into(), ..Index::default() });
        assert_eq!(digest(&table), before);
        table.columns[0].not_null = true;
        assert_ne!(digest(&table), before);
    }

    #[test]
    fn cat_5_what_a_sealed_column_takes_is_part_of_the_digest() {
        let table = |checks: &[&str]| {
            let checks = checks.iter().map(|check| (*check).to_owned()).collect();
            let pan = Column { type_name: "pgseal.sealed_text".into(), checks, ..Column::default() };
            Table { columns: vec![pan], ..Table::default() }
        };
        assert_ne!(digest(&table(&[])), digest(&table(&["CHECK (octet_length(VALUE) >= 50)"])));
    }
}
