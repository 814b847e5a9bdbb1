//! HKDF-SHA-512 (RFC 5869) without salt.

use hkdf::Hkdf;
use sha2::Sha512;
use zeroize::Zeroizing;

use super::secret::Secret;

/// The longest output that RFC 5869 allows: 255 blocks of SHA-512.
const MAX_OUTPUT: usize = 255 * 64;

/// `N` bytes from the input key. `info` is the concatenation of its parts; whoever calls it frames them.
pub fn derive<const N: usize>(input: &[u8], info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= MAX_OUTPUT) };
    let mut output = Zeroizing::new([0; N]);
    match Hkdf::<Sha512>::new(None, input).expand_multi_info(info, output.as_mut_slice()) {
        Ok(()) => Secret::new(*output),
        Err(_) => unreachable!("the length is checked when this is compiled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869 has no vectors for SHA-512: the input is its test case 3, the output comes from Python's hmac module.
    #[test]
    fn the_output_is_that_of_an_independent_implementation() {
        assert_eq!(
            hex(derive::<42>(&[0x0b; 22], &[]).expose()),
            "f5fa02b18298a72a8c23898a8703472c6eb179dc204c03425c970e3b164bf90fff22d04836d0e2343bac"
        );
    }

    #[test]
    fn the_parts_of_info_are_joined_without_a_separator() {
        assert_eq!(derive::<80>(b"key", &[b"ab", b"", b"c"]).expose(), derive::<80>(b"key", &[b"abc"]).expose());
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
