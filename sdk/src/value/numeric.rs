//! numeric in PostgreSQL's own base-10000 form, without a limit of its own: text, binary, rounding to a scale, E.
//!
//! The layout of numeric_send is `i16 ndigits ‖ i16 weight ‖ u16 sign ‖ u16 dscale ‖ ndigits × i16`: the value is
//! Σ digit[i] · 10000^(weight - i). Leading and trailing zero digits are always stripped here, as PostgreSQL stores
//! them.

use std::cmp::Ordering;

use super::bool::is_space;
use super::{Error, NumericModifier};
use crate::error::SqlState;
use crate::framing::Reader;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;

/// PostgreSQL's limits: digits after the point, and the weight that an i16 can say.
const MAX_SCALE: i64 = 16_383;
const MAX_WEIGHT: i64 = 0x7fff;
/// Decimal digits before the point that numeric can hold.
const MAX_INTEGER_DIGITS: i64 = (MAX_WEIGHT + 1) * 4;

/// An arbitrary-precision decimal, NaN or ±Infinity, with its display scale.
#[derive(Clone, PartialEq, Eq)]
pub struct Numeric {
    sign: u16,
    weight: i32,
    scale: u16,
    digits: Vec<u16>,
}

fn syntax() -> Error {
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type numeric")
}

fn overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

fn binary(what: &'static str) -> Error {
    Error::new(SqlState::INVALID_BINARY_REPRESENTATION, what)
}

impl Numeric {
    fn special(sign: u16) -> Self {
        Self { sign, weight: 0, scale: 0, digits: Vec::new() }
    }

    /// Whether it is NaN or infinite.
    pub fn is_special(&self) -> bool {
        matches!(self.sign, NAN | INFINITY | NEGATIVE_INFINITY)
    }

    /// From an integer, scale 0.
    pub fn from_i64(value: i64) -> Self {
        let mut magnitude = value.unsigned_abs();
        let mut digits = Vec::with_capacity(5);
        while magnitude > 0 {
            digits.push(u16::try_from(magnitude % 10_000).unwrap_or(0));
            magnitude /= 10_000;
        }
        digits.reverse();
        let weight = i32::try_from(digits.len()).unwrap_or(0) - 1;
        Self { sign: if value < 0 { NEGATIVE } else { POSITIVE }, weight, scale: 0, digits }.stripped()
    }

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
        let (mantissa, exponent) = match body.find(['e', 'E']) {
            Some(at) => (&body[..at], exponent(&body[at + 1..])?),
            None => (body, 0),
        };
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if integer.len() + fraction.len() == 0 || !integer.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(syntax());
        }
        let written = i64::try_from(fraction.len()).map_err(|_| overflow())?;
        let scale = (written - exponent).max(0);
        if scale > MAX_SCALE {
            return Err(overflow());
        }
        let decimals: Vec<u8> = integer.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
        let point = i64::try_from(integer.len()).map_err(|_| overflow())? + exponent;
        Self::from_decimals(negative, &decimals, point, scale)
    }

    /// From decimal digits of which `point` stand before the decimal point (it may lie outside of them).
    fn from_decimals(negative: bool, decimals: &[u8], point: i64, scale: i64) -> Result<Self, Error> {
        let leading = decimals.iter().take_while(|&&digit| digit == 0).count();
        let scale = u16::try_from(scale).map_err(|_| overflow())?;
        let decimals = &decimals[leading..];
        if decimals.is_empty() {
            return Ok(Self { sign: POSITIVE, weight: 0, scale, digits: Vec::new() });
        }
        let point = point - i64::try_from(leading).map_err(|_| overflow())?;
        if point > MAX_INTEGER_DIGITS {
            return Err(overflow());
        }
        let weight = (point + 3).div_euclid(4) - 1;
        // Zeros in front so that the point lies between two base-10000 digits.
        let shift = usize::try_from((weight + 1) * 4 - point).map_err(|_| overflow())?;
        let mut digits = Vec::with_capacity(decimals.len() / 4 + 2);
        let mut at = 0usize;
        while at < shift + decimals.len() {
            let digit = (at..at + 4).fold(0u16, |digit, i| {
                digit * 10 + u16::from(i.checked_sub(shift).and_then(|i| decimals.get(i)).copied().unwrap_or(0))
            });
            digits.push(digit);
            at += 4;
        }
        let weight = i32::try_from(weight).map_err(|_| overflow())?;
        Ok(Self { sign: if negative { NEGATIVE } else { POSITIVE }, weight, scale, digits }.stripped())
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
        let ends = |_| binary("insufficient data left in message");
        let mut reader = Reader::new(bytes);
        let count = reader.u16().map_err(ends)?;
        let weight = i32::from(reader.i16().map_err(ends)?);
        let sign = reader.u16().map_err(ends)?;
        let scale = reader.u16().map_err(ends)?;
        if !matches!(sign, POSITIVE | NEGATIVE | NAN | INFINITY | NEGATIVE_INFINITY) {
            return Err(binary("invalid sign in external \"numeric\" value"));
        }
        if i64::from(scale) > MAX_SCALE {
            return Err(binary("invalid scale in external \"numeric\" value"));
        }
        let mut body = reader.sub(usize::from(count) * 2).map_err(ends)?;
        reader.finish().map_err(|_| binary("incorrect binary data format"))?;
        let mut digits = Vec::with_capacity(usize::from(count));
        while !body.is_empty() {
            match body.u16().map_err(ends)? {
                digit @ 0..=9999 => digits.push(digit),
                _ => return Err(binary("invalid digit in external \"numeric\" value")),
            }
        }
        if matches!(sign, NAN | INFINITY | NEGATIVE_INFINITY) {
            return Ok(Self::special(sign));
        }
        let mut value = Self { sign, weight, scale, digits };
        value.truncate_to(i64::from(scale));
        Ok(value.stripped())
    }

    /// Appends numeric_send's output (S).
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_with_scale(self.scale, out);
    }

    /// Appends E: the same with display scale 0.
    pub fn write_equality(&self, out: &mut Vec<u8>) {
        self.write_with_scale(0, out);
    }

    fn write_with_scale(&self, scale: u16, out: &mut Vec<u8>) {
        // Every constructor keeps digits and weight within what PostgreSQL can hold.
        out.extend_from_slice(&u16::try_from(self.digits.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(&i16::try_from(self.weight).unwrap_or(i16::MAX).to_be_bytes());
        out.extend_from_slice(&self.sign.to_be_bytes());
        out.extend_from_slice(&scale.to_be_bytes());
        self.digits.iter().for_each(|digit| out.extend_from_slice(&digit.to_be_bytes()));
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
                out.extend_from_slice(group.to_string().as_bytes());
            } else {
                out.extend_from_slice(format!("{group:04}").as_bytes());
            }
        }
        if self.scale > 0 {
            out.push(b'.');
            let end = out.len() + usize::from(self.scale);
            let mut position = -1;
            while out.len() < end {
                out.extend_from_slice(format!("{:04}", self.digit_at(position)).as_bytes());
                position -= 1;
            }
            out.truncate(end);
        }
    }

    /// The base-10000 digit of 10000^position.
    fn digit_at(&self, position: i32) -> u16 {
        usize::try_from(self.weight - position).ok().and_then(|i| self.digits.get(i)).copied().unwrap_or(0)
    }

    /// Rounds half away from zero to the scale and checks the precision (22003), as an assignment does.
    pub fn limit(mut self, modifier: NumericModifier) -> Result<Self, Error> {
        let out_of_range = || Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
        match self.sign {
            NAN => return Ok(self),
            INFINITY | NEGATIVE_INFINITY => return Err(out_of_range()),
            _ => {}
        }
        self.round_to(i64::from(modifier.scale));
        self.scale = u16::try_from(modifier.scale.max(0)).unwrap_or(0);
        let allowed = i64::from(modifier.precision) - i64::from(modifier.scale);
        if self.integer_digits().is_some_and(|digits| digits > allowed) { Err(out_of_range()) } else { Ok(self) }
    }

    /// How many decimal digits stand before the point; zero or negative for a fraction; `None` for zero.
    fn integer_digits(&self) -> Option<i64> {
        let first = self.digits.first()?;
        Some(i64::from(self.weight) * 4 + i64::from(first.ilog10()) + 1)
    }

    /// Cuts every decimal digit after `scale`.
    fn truncate_to(&mut self, scale: i64) {
        let keep = (i64::from(self.weight) + 1) * 4 + scale;
        if keep <= 0 {
            self.digits.clear();
            return;
        }
        let whole = usize::try_from(keep / 4).unwrap_or(usize::MAX);
        let part = u32::try_from(keep % 4).unwrap_or(0);
        if let Some(digit) = self.digits.get_mut(whole) {
            *digit -= *digit % 10u16.pow(4 - part);
            self.digits.truncate(whole + 1);
        }
    }

    /// Rounds half away from zero to `scale` decimal digits after the point (before it, if negative).
    fn round_to(&mut self, scale: i64) {
        // Position of the first digit that goes, counted in decimal digits from the start.
        let keep = (i64::from(self.weight) + 1) * 4 + scale;
        if keep < 0 {
            self.digits.clear();
        } else {
            let whole = usize::try_from(keep / 4).unwrap_or(usize::MAX);
            let part = u32::try_from(keep % 4).unwrap_or(0);
            if let Some(&digit) = self.digits.get(whole) {
                let unit = 10u16.pow(4 - part);
                let rest = digit % unit;
                let up = rest >= unit / 2;
                self.digits.truncate(whole + 1);
                self.digits[whole] = digit - rest;
                if up {
                    self.carry(whole, unit);
                }
            }
        }
        let sign = self.sign;
        let rounded = std::mem::replace(self, Self::special(NAN)).stripped();
        *self = rounded;
        if !self.digits.is_empty() {
            self.sign = sign;
        }
    }

    /// Adds `unit` (1 to 10,000) to the digit at `index` and carries.
    fn carry(&mut self, mut index: usize, mut unit: u16) {
        loop {
            let sum = self.digits[index] + unit;
            self.digits[index] = sum % 10_000;
            if sum < 10_000 {
                return;
            }
            unit = 1;
            match index.checked_sub(1) {
                Some(next) => index = next,
                None => {
                    self.digits.insert(0, 1);
                    self.weight += 1;
                    return;
                }
            }
        }
    }

    /// The integer nearest to it (half away from zero), as a cast to an integer type takes it; `None` if no i64 holds it.
    pub fn rounded_i64(&self) -> Option<i64> {
        let mut rounded = self.clone();
        if rounded.is_special() {
            return None;
        }
        rounded.round_to(0);
        rounded.exact_i64()
    }

    /// The integer that it equals.
    pub fn exact_i64(&self) -> Option<i64> {
        if self.is_special() || self.digits.len() > usize::try_from(self.weight + 1).unwrap_or(0) || self.weight > 5 {
            return self.digits.is_empty().then_some(0).filter(|_| !self.is_special());
        }
        let magnitude =
            (0..=self.weight).rev().fold(0i128, |sum, position| sum * 10_000 + i128::from(self.digit_at(position)));
        i64::try_from(if self.sign == NEGATIVE { -magnitude } else { magnitude }).ok()
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

fn exponent(text: &str) -> Result<i64, Error> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(syntax());
    }
    // PostgreSQL's own bound on an exponent.
    match text.parse::<i64>() {
        Ok(exponent) if exponent.abs() < i64::from(i32::MAX / 2) => Ok(exponent),
        _ => Err(overflow()),
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

    fn limited(input: &str, precision: u16, scale: i16) -> Result<String, Error> {
        Numeric::parse(input)?.limit(NumericModifier { precision, scale }).map(|value| text(&value))
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
            ("0x1", "22P02"),
            ("1_0", "22P02"),
            ("--1", "22P02"),
            ("+nan", "22P02"),
            ("1e131072", "22003"),
            ("1e2000000000", "22003"),
            ("1e-16384", "22003"),
        ] {
            assert_eq!(Numeric::parse(input).err().unwrap().sqlstate.code(), state, "{input}");
        }
    }

    #[test]
    fn a_modifier_rounds_half_away_from_zero_and_checks_the_precision() {
        assert_eq!(limited("1.005", 12, 2).unwrap(), "1.01");
        assert_eq!(limited("-1.005", 12, 2).unwrap(), "-1.01");
        assert_eq!(limited("1.00499999", 12, 2).unwrap(), "1.00");
        assert_eq!(limited("9999.995", 12, 2).unwrap(), "10000.00");
        assert_eq!(limited("0.004", 12, 2).unwrap(), "0.00");
        assert_eq!(limited("-0.004", 12, 2).unwrap(), "0.00");
        assert_eq!(limited("7", 12, 2).unwrap(), "7.00");
        assert_eq!(limited("99999999999.99", 12, 2).unwrap_err().sqlstate, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
        assert_eq!(limited("9999999999.995", 12, 2).unwrap_err().sqlstate, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
        assert_eq!(limited("12345", 3, -2).unwrap(), "12300");
        assert_eq!(limited("50", 3, -2).unwrap(), "100");
        assert_eq!(limited("49", 3, -2).unwrap(), "0");
        assert_eq!(limited("0.00999", 3, 5).unwrap(), "0.00999");
        assert_eq!(limited("0.01", 3, 5).unwrap_err().sqlstate, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
        assert_eq!(limited("NaN", 3, 2).unwrap(), "NaN");
        assert!(limited("inf", 3, 2).is_err());
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
    fn integers_come_out_exactly_or_not_at_all() {
        assert_eq!(Numeric::parse("7.0").unwrap().exact_i64(), Some(7));
        assert_eq!(Numeric::parse("8.5").unwrap().exact_i64(), None);
        assert_eq!(Numeric::parse("8.5").unwrap().rounded_i64(), Some(9));
        assert_eq!(Numeric::parse("-8.5").unwrap().rounded_i64(), Some(-9));
        assert_eq!(Numeric::parse("-9223372036854775808").unwrap().exact_i64(), Some(i64::MIN));
        assert_eq!(Numeric::parse("9223372036854775808").unwrap().exact_i64(), None);
        assert_eq!(Numeric::parse("0.00").unwrap().exact_i64(), Some(0));
        assert_eq!(Numeric::parse("NaN").unwrap().exact_i64(), None);
        assert_eq!(Numeric::parse("0.4").unwrap().exact_i64(), None);
        assert_eq!(Numeric::parse("1e100").unwrap().rounded_i64(), None);
    }

    #[test]
    fn binary_input_is_checked_and_cut_at_its_scale() {
        // 1.2345 with dscale 2: numeric_recv cuts.
        let bytes = [0, 2, 0, 0, 0, 0, 0, 2, 0, 1, 9, 41];
        assert_eq!(text(&Numeric::read(&bytes).unwrap()), "1.23");
        for bytes in [
            &[0u8, 1, 0, 0, 0, 0, 0, 0][..],
            &[0, 0, 0, 0, 0, 0, 0],
            &[0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10],
            &[0, 0, 0, 0, 0x80, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 0x40, 0],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(Numeric::read(bytes).err().unwrap().sqlstate, SqlState::INVALID_BINARY_REPRESENTATION);
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
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = Numeric::read(&bytes) {
                let mut out = Vec::new();
                value.write(&mut out);
                prop_assert!(Numeric::read(&out).unwrap() == value);
                let _ = value.limit(NumericModifier { precision: 5, scale: 2 });
            }
        }

        #[test]
        fn foreign_text_never_panics(input in "[-+0-9.eE ]{0,12}") {
            let _ = Numeric::parse(&input);
        }
    }
}
