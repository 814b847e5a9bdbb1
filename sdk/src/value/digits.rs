//! Decimal digits straight into the output: a cell costs no allocation of its own.

/// `value` in decimal.
pub(super) fn push(mut value: u64, out: &mut Vec<u8>) {
    // u64::MAX has 20 digits.
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    for place in digits.iter_mut().rev() {
        *place = b'0' + digit(value % 10);
        value /= 10;
        start -= 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// `value` in decimal with a sign if it is negative.
pub(super) fn push_signed(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    push(value.unsigned_abs(), out);
}

/// `value` in decimal with zeros in front up to `WIDTH` digits; it may have more.
pub(super) fn push_padded<const WIDTH: usize>(value: u64, out: &mut Vec<u8>) {
    let start = out.len();
    let mut rest = value;
    out.resize(start + WIDTH, b'0');
    for place in out[start..].iter_mut().rev() {
        *place = b'0' + digit(rest % 10);
        rest /= 10;
    }
    if rest != 0 {
        out.truncate(start);
        push(value, out);
    }
}

/// A number below ten as a byte.
fn digit(value: u64) -> u8 {
    u8::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_library() {
        for value in [0, 1, 9, 10, 99, 100, 1234, 12_345, u64::MAX] {
            let (mut plain, mut padded) = (Vec::new(), Vec::new());
            push(value, &mut plain);
            push_padded::<4>(value, &mut padded);
            assert_eq!(plain, value.to_string().into_bytes());
            assert_eq!(padded, format!("{value:04}").into_bytes());
        }
        for value in [0, -1, i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            push_signed(value, &mut out);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }
}
