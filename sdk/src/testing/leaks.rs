//! Looks for values where they should not be, in every form in which a text could travel or lie about.

use std::collections::HashMap;

/// One form of one value.
#[derive(Clone)]
pub struct Needle {
    /// Number of the value in the list that was asked for.
    pub value: usize,
    /// Which form it is.
    pub form: &'static str,
    bytes: Vec<u8>,
}

/// Values shorter than this, in bytes, occur by chance.
pub const SHORTEST: usize = 6;

/// All forms of all values of [`SHORTEST`] bytes or more.
///
/// ```
/// use pgseal::testing::leaks::{needles, search};
///
/// let needles = needles(&["4000000000000002"]);
/// assert_eq!(search(b"pan=4000000000000002", &needles)[0].form, "as it is");
/// assert_eq!(search(b"\\x34303030303030303030303030303032", &needles)[0].form, "hex");
/// assert!(search(b"pan=\\x01f14a98850c0c3460250dbc029aee", &needles).is_empty());
/// ```
pub fn needles<S: AsRef<str>>(values: &[S]) -> Vec<Needle> {
    let long = values.iter().enumerate().filter(|(_, value)| value.as_ref().len() >= SHORTEST);
    long.flat_map(|(number, value)| forms(number, value.as_ref())).collect()
}

/// A value as it is, and nothing else: for controls.
pub fn plain(value: &str) -> Vec<Needle> {
    vec![Needle { value: 0, form: "as it is", bytes: value.as_bytes().to_vec() }]
}

fn forms(value: usize, secret: &str) -> Vec<Needle> {
    let bytes = secret.as_bytes();
    let each = |form: &dyn Fn(u8) -> String| bytes.iter().map(|byte| form(*byte)).collect::<String>().into_bytes();
    let mut forms = vec![
        ("as it is", bytes.to_vec()),
        ("upper case", secret.to_uppercase().into_bytes()),
        ("lower case", secret.to_lowercase().into_bytes()),
        ("hex", each(&|byte| format!("{byte:02x}"))),
        ("HEX", each(&|byte| format!("{byte:02X}"))),
        ("percent-encoded", each(&|byte| format!("%{byte:02X}"))),
        ("octal escapes", each(&|byte| format!("\\{byte:03o}"))),
        ("hex escapes", each(&|byte| format!("\\x{byte:02x}"))),
        ("U& escapes", each(&|byte| format!("\\{byte:04x}"))),
        ("unicode escapes", each(&|byte| format!("\\u{byte:04x}"))),
        ("UTF-16LE", secret.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16BE", secret.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("reversed", bytes.iter().rev().copied().collect()),
    ];
    // Base64 depends on where in the stream the value starts; its first and last digits depend on its neighbours.
    for (name, shift) in [("base64", 0), ("base64 at 1", 1), ("base64 at 2", 2)] {
        let encoded = base64(&[&[0; 2][..shift], bytes].concat());
        let (first, last) = ((shift * 8).div_ceil(6), (shift + bytes.len()) * 8 / 6);
        forms.push((name, encoded.get(first..last).unwrap_or_default().to_vec()));
    }
    forms.retain(|(_, bytes)| bytes.len() >= SHORTEST);
    forms.into_iter().map(|(form, bytes)| Needle { value, form, bytes }).collect()
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = Vec::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        digits.extend((0..=chunk.len()).map(|place| DIGITS[(word >> (18 - 6 * place)) as usize & 63]));
    }
    digits
}

/// The needles that occur. One pass, whatever their number: the first bytes decide where to look closer.
pub fn search<'a>(haystack: &[u8], needles: &'a [Needle]) -> Vec<&'a Needle> {
    let mut starts: HashMap<[u8; SHORTEST], Vec<usize>> = HashMap::new();
    let mut pairs = vec![false; 0x1_0000];
    for (number, needle) in needles.iter().enumerate() {
        if let Some(first) = needle.bytes.first_chunk::<SHORTEST>() {
            starts.entry(*first).or_default().push(number);
            pairs[usize::from(u16::from_be_bytes([first[0], first[1]]))] = true;
        }
    }
    let mut found = vec![false; needles.len()];
    for (at, window) in haystack.windows(SHORTEST).enumerate() {
        if !pairs[usize::from(u16::from_be_bytes([window[0], window[1]]))] {
            continue;
        }
        for number in window.first_chunk().and_then(|first| starts.get(first)).into_iter().flatten() {
            found[*number] |= haystack[at..].starts_with(&needles[*number].bytes);
        }
    }
    needles.iter().zip(found).filter(|(_, found)| *found).map(|(needle, _)| needle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_is_looked_for_is_found() {
        for secret in ["Zqabcdefghijk", "Zqabcdefghijkl", "Zqabcdefghijklm"] {
            let needles = needles(&[secret]);
            for needle in &needles {
                let haystack = [b"....", needle.bytes.as_slice(), b"...."].concat();
                assert!(search(&haystack, &needles).iter().any(|found| found.form == needle.form), "{}", needle.form);
            }
            assert!(search(b"nothing of the kind", &needles).is_empty());
        }
    }

    #[test]
    fn base64_is_found_wherever_in_the_stream_the_value_starts() {
        assert_eq!((base64(b"Man"), base64(b"Ma")), (b"TWFu".to_vec(), b"TWE".to_vec()));
        for length in 12..18 {
            let secret = "Zqabcdefghijklmno".get(..length).unwrap_or("Zqabcdefghijklmno");
            for (before, after) in [("", "tail"), ("x", ""), ("xy", "tai"), ("xyz", "t")] {
                let text = base64(format!("{before}{secret}{after}").as_bytes());
                assert!(!search(&text, &needles(&[secret])).is_empty(), "{before}{secret}{after}");
            }
        }
    }

    #[test]
    fn values_too_short_to_mean_anything_are_left_out() {
        assert!(needles(&["12345"]).is_empty());
    }
}
