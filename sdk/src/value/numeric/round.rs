//! numeric and its scale: rounding, the modifier of a column, integers.

use super::super::{Error, NumericModifier};
use super::{INFINITY, NAN, NEGATIVE, NEGATIVE_INFINITY, Numeric};
use crate::error::SqlState;

impl Numeric {
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
    pub(super) fn truncate_to(&mut self, scale: i64) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(input: &str, precision: u16, scale: i16) -> Result<String, Error> {
        Numeric::parse(input)?.limit(NumericModifier { precision, scale }).map(|value| {
            let mut out = Vec::new();
            value.render(&mut out);
            String::from_utf8(out).unwrap()
        })
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
}
