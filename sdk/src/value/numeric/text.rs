//! numeric as text: decimal notation in and out.

use super::super::bool::is_space;
use super::super::{Error, Type, digits, int};
use super::{INFINITY, MAX_SCALE, MAX_WEIGHT, NAN, NEGATIVE, NEGATIVE_INFINITY, Numeric, POSITIVE};
use crate::error::SqlState;

/// Decimal digits before the point that numeric can hold.
const MAX_INTEGER_DIGITS: i64 = (MAX_WEIGHT + 1) * 4;

impl Numeric {
    /// Decimal notation, an exponent allowed; NaN, [+-]Infinity, [+-]inf in any case; blanks around.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim_matches(is_space);
        if text.eq_ignore_ascii_case("nan") {
            return Ok(Self::special(NAN));
        }
        let (negative, body) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if body.eq_ignore_ascii_case("infinity") || body.eq_ignore_ascii_case("inf") {
            return Ok(Self::special(if negative { NEGATIVE_INFINITY } else { INFINITY }));
        }
        let no_number = || int::not_decimal(&Type::Numeric(None), body.as_bytes());
        let (mantissa, behind) = match body.find(['e', 'E']) {
            Some(at) => (&body[..at], Some(&body[at + 1..])),
            None => (body, None),
        };
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let decimals = Decimals { integer: integer.as_bytes(), fraction: fraction.as_bytes() };
        if decimals.len() == 0 || !decimals.iter().all(|byte| byte.is_ascii_digit()) {
            return Err(no_number());
        }
        let exponent = behind.map_or(Ok(0), |text| exponent(text).ok_or_else(no_number)?)?;
        let scale = (length(fraction)? - exponent).max(0);
        if scale > MAX_SCALE {
            return Err(overflow());
        }
        Self::from_decimals(negative, &decimals, length(integer)? + exponent, scale)
    }

    /// From decimal digits of which `point` stand before the decimal point (it may lie outside of them).
    fn from_decimals(negative: bool, decimals: &Decimals<'_>, point: i64, scale: i64) -> Result<Self, Error> {
        let scale = u16::try_from(scale).map_err(|_| overflow())?;
        let leading = decimals.iter().take_while(|&&digit| digit == b'0').count();
        let count = decimals.len() - leading;
        if count == 0 {
            return Ok(Self { sign: POSITIVE, weight: 0, scale, digits: Vec::new() });
        }
        let point = point - i64::try_from(leading).map_err(|_| overflow())?;
        if point > MAX_INTEGER_DIGITS {
            return Err(overflow());
        }
        let weight = (point + 3).div_euclid(4) - 1;
        // Zeros in front so that the point lies between two base-10000 digits, and behind to fill the last one.
        let shift = usize::try_from((weight + 1) * 4 - point).map_err(|_| overflow())?;
        let groups = (shift + count).div_ceil(4);
        let zeros = std::iter::repeat(&b'0');
        let mut padded = zeros.clone().take(shift).chain(decimals.iter().skip(leading)).chain(zeros);
        let digits = (0..groups)
            .map(|_| padded.by_ref().take(4).fold(0, |digit, byte| digit * 10 + u16::from(byte - b'0')))
            .collect();
        let weight = i32::try_from(weight).map_err(|_| overflow())?;
        Ok(Self { sign: if negative { NEGATIVE } else { POSITIVE }, weight, scale, digits }.stripped())
    }

    /// Decimal notation without exponent, as many digits after the point as the scale says.
    pub fn render(&self, out: &mut Vec<u8>) {
        match self.sign {
            NAN => return out.extend_from_slice(b"NaN"),
            INFINITY => return out.extend_from_slice(b"Infinity"),
            NEGATIVE_INFINITY => return out.extend_from_slice(b"-Infinity"),
            NEGATIVE => out.push(b'-'),
            _ => {}
        }
        let start = out.len();
        for position in (0..=self.weight.max(0)).rev() {
            let group = self.digit_at(position);
            if out.len() == start {
                digits::push(u64::from(group), out);
            } else {
                digits::push_padded::<4>(u64::from(group), out);
            }
        }
        if self.scale > 0 {
            out.push(b'.');
            let end = out.len() + usize::from(self.scale);
            let mut position = -1;
            while out.len() < end {
                digits::push_padded::<4>(u64::from(self.digit_at(position)), out);
                position -= 1;
            }
            out.truncate(end);
        }
    }
}

/// The digits of a number as it is written, without its point.
struct Decimals<'t> {
    integer: &'t [u8],
    fraction: &'t [u8],
}

impl Decimals<'_> {
    fn len(&self) -> usize {
        self.integer.len() + self.fraction.len()
    }

    fn iter(&self) -> impl Iterator<Item = &u8> + Clone {
        self.integer.iter().chain(self.fraction)
    }
}

fn length(text: &str) -> Result<i64, Error> {
    i64::try_from(text.len()).map_err(|_| overflow())
}

fn overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

/// The number behind an `e`; `None` if it is none. Blanks before it are read by servers before version 16 only.
fn exponent(text: &str) -> Option<Result<i64, Error>> {
    if text.starts_with(is_space) {
        let message = "a protected numeric is read without blanks in it only";
        return Some(Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)));
    }
    let sign = usize::from(text.starts_with(['+', '-']));
    let len = text.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
    if len == 0 {
        return None;
    }
    // PostgreSQL's own bound on an exponent, which is found before what follows it.
    match text[..sign + len].parse::<i64>() {
        Ok(exponent) if exponent.abs() < i64::from(i32::MAX / 2) => (text.len() == sign + len).then_some(Ok(exponent)),
        _ => Some(Err(overflow())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &Numeric) -> String {
        let mut out = Vec::new();
        value.render(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn parsed(input: &str) -> String {
        text(&Numeric::parse(input).unwrap())
    }

    #[test]
    fn text_goes_in_and_out_as_in_postgresql() {
        for (input, output) in [
            ("1", "1"),
            ("-0", "0"),
            ("-0.00", "0.00"),
            ("1.0", "1.0"),
            ("1e3", "1000"),
            ("1.5e-3", "0.0015"),
            (" +12345.678900 ", "12345.678900"),
            ("1e-5", "0.00001"),
            (".5", "0.5"),
            ("5.", "5"),
            ("00012", "12"),
            ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
            ("10000", "10000"),
            ("100000000", "100000000"),
            ("0.0001", "0.0001"),
            ("0.00001000", "0.00001000"),
            ("1.10e1", "11.0"),
            ("nan", "NaN"),
            ("-inf", "-Infinity"),
            ("Infinity", "Infinity"),
        ] {
            assert_eq!(parsed(input), output, "{input}");
        }
    }

    #[test]
    fn what_is_no_number_is_an_error_without_it() {
        for (input, state) in [
            ("", "22P02"),
            (".", "22P02"),
            ("1e", "22P02"),
            ("1 2", "22P02"),
            ("0x1", "0A000"),
            ("1_0", "0A000"),
            ("1_0.5_5", "0A000"),
            ("1e 5", "0A000"),
            ("1xe2000000000", "22P02"),
            ("1e2000000000x", "22003"),
            ("--1", "22P02"),
            ("+nan", "22P02"),
            ("1e131072", "22003"),
            ("1e2000000000", "22003"),
            ("1e-16384", "22003"),
        ] {
            assert_eq!(Numeric::parse(input).err().unwrap().sqlstate.code(), state, "{input}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(integer in "[1-9][0-9]{0,30}|0", fraction in "[0-9]{0,20}", minus in any::<bool>()) {
            let point = if fraction.is_empty() { "" } else { "." };
            let zero = integer == "0" && fraction.bytes().all(|b| b == b'0');
            let input = format!("{}{integer}{point}{fraction}", if minus && !zero { "-" } else { "" });
            let value = Numeric::parse(&input).unwrap();
            prop_assert_eq!(text(&value), input);
            let mut bytes = Vec::new();
            value.write(&mut bytes);
            prop_assert!(Numeric::read(&bytes).unwrap() == value);
        }

        #[test]
        fn foreign_text_never_panics(input in "[-+0-9.eE ]{0,12}") {
            let _ = Numeric::parse(&input);
        }
    }
}
