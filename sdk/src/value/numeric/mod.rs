//! numeric in PostgreSQL's own base-10000 form, without a limit of its own: text, binary, rounding to a scale, E.
//!
//! The layout of numeric_send is `i16 ndigits ‖ i16 weight ‖ u16 sign ‖ u16 dscale ‖ ndigits × i16`: the value is
//! Σ digit[i] · 10000^(weight - i). Leading and trailing zero digits are always stripped here, as PostgreSQL stores
//! them.

mod round;
mod text;

use std::cmp::Ordering;

use super::codec::{Codec, Sent, Shape};
use super::{Error, Type, Value, too_long, too_short};
use crate::error::SqlState;
use crate::framing::Reader;

pub(super) const CODEC: Codec = Codec {
    shape: Shape::Number,
    limit: |value, ty| match (value, ty) {
        (Value::Numeric(number), Type::Numeric(Some(modifier))) => number.limit(*modifier).map(Value::Numeric),
        (value, _) => Ok(value),
    },
    ..Codec::new(
        |_, text, _| Numeric::parse(text).map(Value::Numeric),
        |_, bytes| Numeric::read(bytes).map(Value::Numeric),
        Sent::By("numeric_send"),
    )
};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;
/// What numeric_send shows as the display scale of ±Infinity: the bit of its header that tells it from NaN.
const INFINITE_SCALE: u16 = 32;

/// PostgreSQL's limits: digits after the point, and the weight that an i16 can say.
const MAX_SCALE: i64 = 16_383;
const MAX_WEIGHT: i64 = 0x7fff;
/// How many base-10000 digits the largest u64 has.
const MOST_INTEGER_DIGITS: usize = 5;
/// An arbitrary-precision decimal, NaN or ±Infinity, with its display scale.
#[derive(Clone, PartialEq, Eq)]
pub struct Numeric {
    sign: u16,
    weight: i32,
    scale: u16,
    digits: Vec<u16>,
}

fn binary(what: &'static str) -> Error {
    Error::new(SqlState::INVALID_BINARY_REPRESENTATION, what)
}

impl Numeric {
    /// Room in which its binary form fits.
    pub(super) fn stored_room(&self) -> usize {
        8 + 2 * self.digits.len()
    }

    fn special(sign: u16) -> Self {
        Self { sign, weight: 0, scale: 0, digits: Vec::new() }
    }

    /// Whether it is NaN or infinite.
    pub fn is_special(&self) -> bool {
        matches!(self.sign, NAN | INFINITY | NEGATIVE_INFINITY)
    }

    /// From an integer, scale 0.
    pub fn from_i64(value: i64) -> Self {
        let (digits, count) = base_10000(value.unsigned_abs());
        let weight = i32::try_from(count).unwrap_or(0) - 1;
        let sign = if value < 0 { NEGATIVE } else { POSITIVE };
        Self { sign, weight, scale: 0, digits: digits[MOST_INTEGER_DIGITS - count..].to_vec() }.stripped()
    }

    fn stripped(mut self) -> Self {
        let leading = self.digits.iter().take_while(|&&digit| digit == 0).count();
        self.digits.drain(..leading);
        self.weight -= i32::try_from(leading).unwrap_or(0);
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.digits.is_empty() && !self.is_special() {
            (self.sign, self.weight) = (POSITIVE, 0);
        }
        self
    }

    /// Reads numeric_recv's input: anything it would reject is 22P03; digits past the scale are cut, as it does.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let ends = |_| too_short();
        let mut reader = Reader::new(bytes);
        let count = reader.u16().map_err(ends)?;
        let weight = i32::from(reader.i16().map_err(ends)?);
        let sign = reader.u16().map_err(ends)?;
        if !matches!(sign, POSITIVE | NEGATIVE | NAN | INFINITY | NEGATIVE_INFINITY) {
            return Err(binary("invalid sign in external \"numeric\" value"));
        }
        let scale = reader.u16().map_err(ends)?;
        if i64::from(scale) > MAX_SCALE {
            return Err(binary("invalid scale in external \"numeric\" value"));
        }
        // What is missing is found digit by digit, as numeric_recv does: a wrong digit before it is its error.
        let mut digits = Vec::with_capacity(usize::from(count).min(reader.len() / 2));
        for _ in 0..count {
            match reader.u16().map_err(ends)? {
                digit @ 0..=9999 => digits.push(digit),
                _ => return Err(binary("invalid digit in external \"numeric\" value")),
            }
        }
        reader.finish().map_err(|_| too_long())?;
        if matches!(sign, NAN | INFINITY | NEGATIVE_INFINITY) {
            return Ok(Self::special(sign));
        }
        let mut value = Self { sign, weight, scale, digits };
        value.truncate_to(i64::from(scale));
        Ok(value.stripped())
    }

    /// Appends numeric_send's output (S).
    pub fn write(&self, out: &mut Vec<u8>) {
        let scale = match self.sign {
            INFINITY | NEGATIVE_INFINITY => INFINITE_SCALE,
            _ => self.scale,
        };
        self.write_with_scale(scale, out);
    }

    /// Appends E: the same with display scale 0.
    pub fn write_equality(&self, out: &mut Vec<u8>) {
        self.write_with_scale(0, out);
    }

    fn write_with_scale(&self, scale: u16, out: &mut Vec<u8>) {
        write_layout(self.sign, self.weight, scale, &self.digits, out);
    }

    /// The base-10000 digit of 10000^position.
    fn digit_at(&self, position: i32) -> u16 {
        usize::try_from(self.weight - position).ok().and_then(|i| self.digits.get(i)).copied().unwrap_or(0)
    }

    /// Compares as PostgreSQL does: NaN equals NaN and is above everything; the scale does not matter.
    pub fn compare(&self, other: &Self) -> Ordering {
        let rank = |value: &Self| match value.sign {
            NEGATIVE_INFINITY => 0,
            NEGATIVE => 1,
            INFINITY => 3,
            NAN => 4,
            _ => 2,
        };
        rank(self).cmp(&rank(other)).then_with(|| {
            let magnitude = self.is_special() || other.is_special();
            let order = match magnitude {
                true => Ordering::Equal,
                false => self.compare_magnitude(other),
            };
            if self.sign == NEGATIVE { order.reverse() } else { order }
        })
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.weight.cmp(&other.weight).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

/// Appends E of the numeric that equals an integer, without making one.
pub(super) fn write_integer_equality(value: i64, out: &mut Vec<u8>) {
    let (digits, count) = base_10000(value.unsigned_abs());
    let digits = &digits[MOST_INTEGER_DIGITS - count..];
    let used = digits.iter().rposition(|&digit| digit != 0).map_or(0, |last| last + 1);
    let sign = if value < 0 { NEGATIVE } else { POSITIVE };
    let weight = i32::try_from(count.saturating_sub(1)).unwrap_or(0);
    write_layout(sign, weight, 0, &digits[..used], out);
}

/// Base-10000 digits of a u64, and how many of them, at the end, are the number: none for 0.
fn base_10000(mut magnitude: u64) -> ([u16; MOST_INTEGER_DIGITS], usize) {
    let mut digits = [0; MOST_INTEGER_DIGITS];
    let mut count = 0;
    for place in digits.iter_mut().rev() {
        if magnitude == 0 {
            break;
        }
        *place = u16::try_from(magnitude % 10_000).unwrap_or(0);
        magnitude /= 10_000;
        count += 1;
    }
    (digits, count)
}

/// numeric_send. Every constructor keeps digits and weight within what PostgreSQL can hold.
fn write_layout(sign: u16, weight: i32, scale: u16, digits: &[u16], out: &mut Vec<u8>) {
    out.reserve(8 + 2 * digits.len());
    out.extend_from_slice(&u16::try_from(digits.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&i16::try_from(weight).unwrap_or(i16::MAX).to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
    digits.iter().for_each(|digit| out.extend_from_slice(&digit.to_be_bytes()));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::NumericModifier;
    use super::*;

    fn text(value: &Numeric) -> String {
        let mut out = Vec::new();
        value.render(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn equal_numbers_have_equal_e() {
        let e = |input: &str| {
            let mut out = Vec::new();
            Numeric::parse(input).unwrap().write_equality(&mut out);
            out
        };
        for (a, b) in [("1", "1.000"), ("100", "1e2"), ("0", "-0.0"), ("10000.0", "1e4"), ("NaN", "nan")] {
            assert_eq!(e(a), e(b), "{a} = {b}");
        }
        for (a, b) in [("1", "-1"), ("1", "10000"), ("0.1", "1"), ("NaN", "inf"), ("inf", "-inf")] {
            assert_ne!(e(a), e(b), "{a} ≠ {b}");
        }
        let mut out = Vec::new();
        Numeric::from_i64(20_000).write_equality(&mut out);
        assert_eq!(out, e("20000.00"));
    }

    #[test]
    fn binary_input_is_checked_and_cut_at_its_scale() {
        // 1.2345 with dscale 2: numeric_recv cuts.
        let bytes = [0, 2, 0, 0, 0, 0, 0, 2, 0, 1, 9, 41];
        assert_eq!(text(&Numeric::read(&bytes).unwrap()), "1.23");
        for (bytes, state) in [
            (&[0u8, 1, 0, 0, 0, 0, 0, 0][..], "08P01"),
            (&[0, 0, 0, 0, 0, 0, 0], "08P01"),
            (&[0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10], "22P03"),
            (&[0, 2, 0, 0, 0, 0, 0, 0, 0x27, 0x10], "22P03"),
            (&[0, 0, 0, 0, 0x80, 0, 0, 0], "22P03"),
            (&[0, 0, 0, 0, 0, 0, 0x40, 0], "22P03"),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0], "22P03"),
        ] {
            assert_eq!(Numeric::read(bytes).err().unwrap().sqlstate.code(), state);
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = Numeric::read(&bytes) {
                let mut out = Vec::new();
                value.write(&mut out);
                prop_assert!(Numeric::read(&out).unwrap() == value);
                let _ = value.limit(NumericModifier { precision: 5, scale: 2 });
            }
        }

        #[test]
        fn integers_have_one_e(value in prop_oneof![any::<i64>(), -20_000i64..20_000, (0i64..9_000).prop_map(|v| v * 100_000_000)]) {
            let (mut direct, mut numeric) = (Vec::new(), Vec::new());
            write_integer_equality(value, &mut direct);
            Numeric::from_i64(value).write_equality(&mut numeric);
            prop_assert_eq!(direct, numeric);
        }
    }
}
