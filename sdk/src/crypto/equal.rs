//! Comparing tags in constant time.

use subtle::{Choice, ConstantTimeEq};

/// Whether two tags are the same, in a time that does not depend on them. By words: byte by byte, 48 of them take as long
/// as a block of the hash.
pub(super) fn equal<const N: usize>(a: &[u8; N], b: &[u8; N]) -> bool {
    const { assert!(N.is_multiple_of(8)) };
    let ((a, _), (b, _)) = (a.as_chunks(), b.as_chunks());
    let same = a.iter().zip(b).map(|(a, b)| u64::from_ne_bytes(*a).ct_eq(&u64::from_ne_bytes(*b)));
    same.fold(Choice::from(1), |all, one| all & one).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_anywhere_makes_a_difference() {
        let tag = [0x5a; 48];
        assert!(equal(&tag, &tag.clone()));
        for bit in 0..48 * 8 {
            let mut other = tag;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!equal(&tag, &other) && !equal(&other, &tag), "bit {bit}");
        }
    }
}
