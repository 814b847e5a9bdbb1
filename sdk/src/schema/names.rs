//! Names that pgseal makes: helper columns, constraints, indexes, and the full names of beacons.

/// PostgreSQL's NAMEDATALEN - 1, in bytes.
pub const MAX_NAME: usize = 63;

/// `name` if it fits, else its first 44 bytes, `_` and 8 hex digits of its BLAKE3 hash.
pub fn fit(name: &str) -> String {
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    // Cut between characters, as PostgreSQL does.
    let cut = (0..=44).rev().find(|&at| name.is_char_boundary(at)).unwrap_or(0);
    let hash = blake3::hash(name.as_bytes()).to_hex();
    format!("{}_{}", &name[..cut], &hash.as_str()[..8])
}

/// The helper column of an exact beacon.
pub fn exact_helper(beacon: &str) -> String {
    fit(&format!("pgseal_eq_{beacon}"))
}

/// The helper column of the row signature.
pub const SIGNATURE: &str = "pgseal_signature";

/// The constraint that lets only envelopes into a sealed column.
pub fn envelope_check(column: &str) -> String {
    fit(&format!("pgseal_sealed_{column}"))
}

/// The index that `apply` makes for a beacon which no other index serves.
pub fn helper_index(table: &str, helper: &str) -> String {
    fit(&format!("{table}_{helper}"))
}

/// Full name of an exact beacon in the key derivation (BCN-1), epoch 1.
pub fn exact_full_name(table: &str, beacon: &str) -> String {
    format!("{}.{}#exact", escape(table), escape(beacon))
}

/// An identifier in double quotes, quotes in it doubled.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '%' => out.push_str("%25"),
            '.' => out.push_str("%2E"),
            '#' => out.push_str("%23"),
            ':' => out.push_str("%3A"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_is_cut_and_marked_with_its_hash() {
        assert_eq!(exact_helper("email"), "pgseal_eq_email");
        let long = exact_helper(&"x".repeat(60));
        assert_eq!(long.len(), 53);
        assert!(long.starts_with("pgseal_eq_xxxxx"));
        assert_ne!(long, exact_helper(&"x".repeat(61)));
    }

    #[test]
    fn bcn_1_full_names_escape_what_separates_them() {
        assert_eq!(exact_full_name("payment_card", "pan"), "payment_card.pan#exact");
        assert_eq!(exact_full_name("a.b", "c#d:e%"), "a%2Eb.c%23d%3Ae%25#exact");
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
    }
}
