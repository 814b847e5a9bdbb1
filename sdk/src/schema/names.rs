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

/// The constraint of a sealed column's domain that lets only envelopes in.
pub const ENVELOPE_CHECK: &str = "envelope";

/// The index that `apply` makes for a beacon which no other index serves.
pub fn helper_index(table: &str, helper: &str) -> String {
    fit(&format!("{table}_{helper}"))
}

/// What a beacon's tags answer; part of its full name, so that kinds never share a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeaconKind {
    /// Truncated: always rechecked.
    Standard,
    /// 16 bytes: for UNIQUE, JOIN, GROUP BY.
    Exact,
}

/// The full name of a table's beacon in the key derivation (BCN-1): `esc(table).esc(name)#kind`, and `#eN` for an epoch
/// N other than 1.
pub fn beacon_full_name(table: &str, beacon: &str, kind: BeaconKind, epoch: u64) -> String {
    let kind = match kind {
        BeaconKind::Standard => "std",
        BeaconKind::Exact => "exact",
    };
    let epoch = if epoch == 1 { String::new() } else { format!("#e{epoch}") };
    format!("{}.{}#{kind}{epoch}", escape(table), escape(beacon))
}

/// An identifier in double quotes, quotes in it doubled.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Percent-escapes the four characters that separate the parts of a full name, and the escape itself.
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
    fn full_names_cannot_be_mistaken_for_one_another_bcn_1() {
        let exact = |table, beacon| beacon_full_name(table, beacon, BeaconKind::Exact, 1);
        assert_eq!(exact("payment_card", "pan"), "payment_card.pan#exact");
        assert_eq!(exact("a.b", "c#exact:%"), "a%2Eb.c%23exact%3A%25#exact");
        assert_eq!(exact("é ü", "d"), "é ü.d#exact");
        assert_eq!(beacon_full_name("payment_card", "pan", BeaconKind::Standard, 2), "payment_card.pan#std#e2");
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
    }
}
