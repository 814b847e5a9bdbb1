//! Searchable tags by HKDF and HMAC, the AWS Database Encryption SDK's construction (BCN-1, BCN-2).

use crate::crypto::mac::{MacKey, TAG_LEN};

/// Length of an exact tag in bytes: a uuid.
pub const EXACT_LEN: usize = 16;

/// The exact tag of E: for equality without recheck. `key` is the beacon's own.
pub fn exact(key: &MacKey, equality: &[u8]) -> [u8; EXACT_LEN] {
    head(&key.tag(equality))
}

/// The standard tag of E: the low `length` bits (1 to 63) of the first eight bytes, so an int8 that is not negative.
/// Other lengths count as the nearest of these.
pub fn standard(key: &MacKey, equality: &[u8], length: u32) -> i64 {
    let bits = u64::from_be_bytes(head(&key.tag(equality)));
    let mask = u64::MAX >> (64 - length.clamp(1, 63));
    // At most 63 bits are left: the sign is 0.
    (bits & mask).cast_signed()
}

fn head<const N: usize>(tag: &[u8; TAG_LEN]) -> [u8; N] {
    const { assert!(N <= TAG_LEN) };
    let mut bytes = [0; N];
    bytes.copy_from_slice(&tag[..N]);
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::keys::material::beacon_mac;

    fn known_answers() -> Value {
        serde_json::from_str(include_str!("../../../tests/vectors/dbesdk/beacons.json")).unwrap()
    }

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn hex(tag: i64, bits: u64) -> String {
        format!("{tag:0width$x}", width = bits.div_ceil(4) as usize)
    }

    #[test]
    fn the_known_answers_of_aws_hold_for_standard_beacons_bcn_1() {
        let answers = known_answers();
        let root = unhex(answers["beacon_root_key_hex"].as_str().unwrap());
        let cases = answers["standard"].as_array().unwrap();
        assert_eq!(cases.len(), 19);
        for case in cases {
            let key = beacon_mac(&root, case["beacon"].as_str().unwrap());
            let bits = case["bits"].as_u64().unwrap();
            let tag = standard(&key, case["input_utf8"].as_str().unwrap().as_bytes(), bits as u32);
            assert_eq!(hex(tag, bits), case["expect"].as_str().unwrap(), "{case}");
        }
    }

    /// A compound beacon is its parts' tags behind their prefixes: the parts that are hashed are checked here.
    #[test]
    fn the_known_answers_of_aws_hold_for_the_parts_of_compound_beacons_bcn_1() {
        let answers = known_answers();
        let root = unhex(answers["beacon_root_key_hex"].as_str().unwrap());
        let mut hashed = 0;
        for case in answers["compound"].as_array().unwrap() {
            let Some(plain) = case["plain"].as_str() else {
                assert_eq!(case["value"], case["stored"], "signed parts only");
                continue;
            };
            for (plain, stored) in plain.split('.').zip(case["stored"].as_str().unwrap().split('.')) {
                let name = match plain.split_once('_').unwrap().0 {
                    "N" => "Name",
                    "T" => "Title",
                    _ => {
                        assert_eq!(plain, stored);
                        continue;
                    }
                };
                let tag = standard(&beacon_mac(&root, name), &plain.as_bytes()[2..], 32);
                assert_eq!(hex(tag, 32), stored[2..]);
                hashed += 1;
            }
        }
        assert_eq!(hashed, 4);
    }

    /// AWS appends the partition to the input. Ours stands in the key's name (BCN-3); the function is the same.
    #[test]
    fn the_known_answers_of_aws_hold_for_the_bare_function_bcn_2() {
        let answers = known_answers();
        let raw = &answers["raw_basic_hash"];
        let key = MacKey::new(&unhex(raw["hmac_key_hex"].as_str().unwrap()));
        let cases = raw["vectors"].as_array().unwrap();
        assert_eq!(cases.len(), 5);
        for case in cases {
            let mut data = unhex(case["data_hex"].as_str().unwrap());
            data.extend(Some(case["partition"].as_u64().unwrap() as u8).filter(|&partition| partition > 0));
            let bits = case["bits"].as_u64().unwrap();
            assert_eq!(hex(standard(&key, &data, bits as u32), bits), case["expect"].as_str().unwrap());
            if let Some(first) = case["first8_hex"].as_str() {
                assert_eq!(exact(&key, &data)[..8], unhex(first)[..]);
            }
        }
        for (bits, expect) in answers["bytes_to_hex"]["expect"].as_object().unwrap() {
            let bits: u64 = bits.parse().unwrap();
            let first = u64::from_be_bytes(unhex("01020304050607b7").try_into().unwrap());
            assert_eq!(hex((first & ((1 << bits) - 1)) as i64, bits), expect.as_str().unwrap());
        }
    }

    #[test]
    fn a_standard_tag_is_never_negative_and_keeps_its_length_bcn_2() {
        let key = MacKey::new(b"key");
        for length in 1..=63 {
            for input in 0..50u8 {
                let tag = standard(&key, &[input], length);
                assert!(tag >= 0 && tag.unsigned_abs() >> length == 0);
            }
        }
    }
}
