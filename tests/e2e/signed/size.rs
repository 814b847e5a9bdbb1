//! What sealing costs on disk.

use super::pair::Pair;

#[test]
fn a_sealed_text_of_15_characters_takes_at_most_90_bytes_with_an_exact_beacon() {
    let mut pair = Pair::empty("ssize");
    pair.world.keep_secret("DE1234567890123");
    pair.rows("INSERT INTO ledger (id, iban) VALUES (1, 'DE1234567890123')");
    let sizes = pair.world.at_server("SELECT pg_column_size(iban) + pg_column_size(pgseal_eq_iban) FROM ledger");
    let size: u32 = sizes.trim().parse().unwrap();
    assert!(size <= 90, "{size} bytes");
}
