//! float4 and float8: C's text forms, the shortest text that reads back, or as many digits as `extra_float_digits` says.

use super::bool::is_space;
use super::codec::{Codec, Sent, Shape, ShownBy};
use super::{Error, Format, Numeric, Settings, Type, Value, exactly};
use crate::error::SqlState;

pub(super) const FLOAT4: Codec = Codec {
    shape: Shape::Float,
    shown_by: ShownBy::ExtraFloatDigits,
    ..Codec::new(
        |ty, text, _| parse::<f32>(ty, text).map(|value| Value::Float4(value.into())),
        |_, bytes| exactly(bytes).map(|bytes| Value::Float4(Float4(u32::from_be_bytes(bytes)))),
        Sent::By("float4send"),
    )
};

pub(super) const FLOAT8: Codec = Codec {
    shape: Shape::Float,
    shown_by: ShownBy::ExtraFloatDigits,
    ..Codec::new(
        |ty, text, _| parse::<f64>(ty, text).map(|value| Value::Float8(value.into())),
        |_, bytes| exactly(bytes).map(|bytes| Value::Float8(Float8(u64::from_be_bytes(bytes)))),
        Sent::By("float8send"),
    )
};

/// A float4 by its bits, of which none is lost: not the sign of a zero, nor what a NaN carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Float4(u32);

/// A float8 by its bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Float8(u64);

impl From<f32> for Float4 {
    fn from(value: f32) -> Self {
        Self(value.to_bits())
    }
}

impl From<f64> for Float8 {
    fn from(value: f64) -> Self {
        Self(value.to_bits())
    }
}

impl Float4 {
    /// The number.
    pub fn get(self) -> f32 {
        f32::from_bits(self.0)
    }

    /// Appends S.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }

    /// Appends what float4out shows.
    pub(super) fn render(self, extra_digits: i8, out: &mut Vec<u8>) {
        render(self.get(), extra_digits, out);
    }
}

impl Float8 {
    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }

    /// Appends S.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }

    /// Appends what float8out shows.
    pub(super) fn render(self, extra_digits: i8, out: &mut Vec<u8>) {
        render(self.get(), extra_digits, out);
    }
}

/// Appends E: the two zeros are one, and so are all NaN; a float4 is widened.
pub(super) fn write_equality(value: f64, out: &mut Vec<u8>) {
    let bits = match value {
        0.0 => 0,
        nan if nan.is_nan() => 0x7ff8_0000_0000_0000,
        value => value.to_bits(),
    };
    out.extend_from_slice(&bits.to_be_bytes());
}

/// What both widths have in common.
pub(super) trait Binary: Copy + PartialEq + std::str::FromStr + std::fmt::LowerExp {
    /// Decimal digits that every value keeps (FLT_DIG, DBL_DIG).
    const DIGITS: u8;
    /// Outside of these nothing as short as the shortest text lies halfway between two values.
    const HALFWAY: std::ops::Range<Self>;
    const NAN: Self;
    const NEGATIVE_NAN: Self;
    fn wide(self) -> f64;
}

impl Binary for f32 {
    const DIGITS: u8 = 6;
    const HALFWAY: std::ops::Range<Self> = 1e5..1e22;
    const NAN: Self = f32::from_bits(0x7fc0_0000);
    const NEGATIVE_NAN: Self = f32::from_bits(0xffc0_0000);
    fn wide(self) -> f64 {
        self.into()
    }
}

impl Binary for f64 {
    const DIGITS: u8 = 15;
    const HALFWAY: std::ops::Range<Self> = 1e13..1e42;
    const NAN: Self = f64::from_bits(0x7ff8_0000_0000_0000);
    const NEGATIVE_NAN: Self = f64::from_bits(0xfff8_0000_0000_0000);
    fn wide(self) -> f64 {
        self
    }
}

/// What strtod reads, blanks around it.
///
/// # Errors
/// 22P02; 22003 for what is too large, or too small and not 0; 0A000 for hexadecimal digits and the payload of a NaN.
pub(super) fn parse<F: Binary>(ty: &Type, text: &str) -> Result<F, Error> {
    let text = text.trim_matches(is_space);
    let invalid = || Error::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type {ty}"));
    let (negative, unsigned) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if unsigned.eq_ignore_ascii_case(b"nan") {
        return Ok(if negative { F::NEGATIVE_NAN } else { F::NAN });
    }
    let starts = |word: &[u8]| unsigned.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if starts(b"nan(") || (starts(b"0x") && unsigned.len() > 2) {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("a protected {ty} is read in decimal digits only"),
        ));
    }
    let (value, unsigned, whole) = match text.parse::<F>() {
        Ok(value) => (value, unsigned, true),
        // What does not fit is found before what follows it.
        Err(_) => {
            let number = &unsigned[..number_len(unsigned)];
            let start = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
            (start.ok_or_else(invalid)?, number, false)
        }
    };
    let infinite = starts(b"inf");
    let mantissa = unsigned.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    let vanished = value.wide() == 0.0 && mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    if (value.wide().is_infinite() && !infinite) || vanished {
        return Err(out_of_range(ty));
    }
    if whole { Ok(value) } else { Err(invalid()) }
}

/// How much of the text is a decimal number.
fn number_len(text: &[u8]) -> usize {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    if text.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let start = end + 1 + usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let len = digits(start);
        end = if len > 0 { start + len } else { end };
    }
    end
}

pub(super) fn out_of_range(ty: &Type) -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("value is out of range for type {ty}"))
}

/// The number as one of `to`, rounded.
///
/// # Errors
/// 22003 where it is infinite or 0 by that alone.
pub(super) fn assign(value: &Value<'_>, to: &Type) -> Result<Value<'static>, Error> {
    let narrow = *to == Type::Float4;
    Ok(match value {
        Value::Float8(v) if !narrow => Value::Float8(*v),
        Value::Float8(v) => {
            let (wide, single) = (v.get(), v.get() as f32);
            if (single.is_infinite() && !wide.is_infinite()) || (single == 0.0 && wide != 0.0) {
                return Err(out_of_range(to));
            }
            Value::Float4(single.into())
        }
        Value::Float4(v) if narrow => Value::Float4(*v),
        Value::Float4(v) => Value::Float8(f64::from(v.get()).into()),
        // As the server does it: by way of the number's text.
        exact => {
            let mut text = Vec::new();
            exact.render(&exact.widest_type(), Format::Text, &Settings::default(), &mut text)?;
            let text = String::from_utf8_lossy(&text);
            if narrow {
                Value::Float4(parse::<f32>(to, &text)?.into())
            } else {
                Value::Float8(parse::<f64>(to, &text)?.into())
            }
        }
    })
}

/// The number in a float column's domain: it is compared as float8, and a float4 that is equal has the same value.
pub(super) fn carry(value: &Value<'_>, to: &Type) -> Result<Option<Value<'static>>, Error> {
    let Value::Float8(wide) = assign(value, &Type::Float8)? else { return Ok(None) };
    if *to == Type::Float8 {
        return Ok(Some(Value::Float8(wide)));
    }
    let (wide, single) = (wide.get(), wide.get() as f32);
    let same = f64::from(single) == wide || wide.is_nan();
    Ok(same.then(|| Value::Float4(single.into())))
}

/// As an integer, half to even; `None` if no int8 holds it.
pub(super) fn rounded(value: f64) -> Option<i64> {
    let rounded = value.round_ties_even();
    // 2^63 is a float, the largest int8 is none. What is in range is converted exactly.
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded).then_some(rounded as i64)
}

/// As numeric has it: with the digits that every value of its type keeps.
pub(super) fn decimal<F: Binary>(value: F) -> Result<Numeric, Error> {
    let mut text = Vec::new();
    if value.wide().is_finite() {
        write_general(value, F::DIGITS.into(), &mut text);
    } else {
        render(value, 1, &mut text);
    }
    Numeric::parse(&String::from_utf8_lossy(&text))
}

fn render<F: Binary>(value: F, extra_digits: i8, out: &mut Vec<u8>) {
    let wide = value.wide();
    if wide.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if wide.is_infinite() {
        return out.extend_from_slice(if wide > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
    if extra_digits > 0 {
        let decimal = shortest(value);
        decimal.write(F::DIGITS.into(), out);
    } else {
        write_general(value, i32::from(F::DIGITS) + i32::from(extra_digits), out);
    }
}

/// As printf's `%.*g` shows it.
pub(super) fn write_general<F: Binary>(value: F, digits: i32, out: &mut Vec<u8>) {
    let digits = usize::try_from(digits).unwrap_or(1).clamp(1, 40);
    let decimal = Decimal::of(&format!("{value:.*e}", digits - 1));
    decimal.write(i32::try_from(digits).unwrap_or(1), out);
}

/// The digits of PostgreSQL's shortest text. They are the shortest that lie between the halves to both neighbours, and
/// never on one of them, though a reader that rounds to even would read that back (d2s.c, acceptBounds); of two that are
/// as near the even one.
fn shortest<F: Binary>(value: F) -> Decimal {
    let decimal = Decimal::of(&format!("{value:e}"));
    let magnitude = value.wide().abs();
    if magnitude < F::HALFWAY.start.wide() || magnitude > F::HALFWAY.end.wide() {
        return match decimal.is_odd() && is_short(value) {
            true => decimal.even(value),
            false => decimal,
        };
    }
    let mut longer = (decimal.len..=17).map(|len| Decimal::of(&format!("{value:.*e}", len - 1)));
    longer.find(|decimal| decimal.lies_inside(value)).unwrap_or(decimal)
}

/// Whether a value can have so few binary places that as many decimal digits show it whole, one more than the shortest text
/// may have (18 digits are at most 25 places).
fn is_short<F: Binary>(value: F) -> bool {
    const PLACES: f64 = (1_u64 << 26) as f64;
    (value.wide() * PLACES).fract() == 0.0
}

/// `±d.ddd × 10^exponent` without zeros at the end.
struct Decimal {
    negative: bool,
    digits: [u8; 40],
    len: usize,
    exponent: i32,
}

impl Decimal {
    /// Of what `{:e}` prints.
    fn of(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let mut decimal = Self {
            negative: mantissa.starts_with('-'),
            digits: [b'0'; 40],
            len: 0,
            exponent: exponent.parse().unwrap_or(0),
        };
        for (place, digit) in decimal.digits.iter_mut().zip(mantissa.bytes().filter(u8::is_ascii_digit)) {
            *place = digit;
            decimal.len += 1;
        }
        while decimal.len > 1 && decimal.digits[decimal.len - 1] == b'0' {
            decimal.len -= 1;
        }
        decimal
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }

    fn is_odd(&self) -> bool {
        self.digits().last().is_some_and(|digit| digit % 2 == 1)
    }

    /// As many digits, rounded to even, if they are read as the value, too: Rust's own shortest text rounds a half up.
    fn even<F: Binary>(self, value: F) -> Self {
        let text = format!("{value:.*e}", self.len - 1);
        if text.parse::<F>().is_ok_and(|read| read == value) { Self::of(&text) } else { self }
    }

    /// Whether what is a little more and a little less is read as this value, too. In the range of [`Binary::HALFWAY`] the
    /// halves to its neighbours have few decimals, so that none lies as near and is not met.
    fn lies_inside<F: Binary>(&self, value: F) -> bool {
        const MORE: &str = "00000000000000000000000000000000000000000000001";
        const LESS: &str = "99999999999999999999999999999999999999999999999";
        let Ok(digits) = std::str::from_utf8(self.digits()) else { return false };
        let Some(lower) = digits.parse::<u128>().ok().and_then(|digits| digits.checked_sub(1)) else { return false };
        let sign = if self.negative { "-" } else { "" };
        let scale = i64::from(self.exponent) + 1 - i64::try_from(self.len + MORE.len()).unwrap_or(0);
        let reads_back = |text: String| text.parse::<F>().is_ok_and(|read| read == value);
        reads_back(format!("{sign}{digits}{MORE}e{scale}")) && reads_back(format!("{sign}{lower}{LESS}e{scale}"))
    }

    /// With an exponent where it is below -4, or not below `limit`.
    fn write(&self, limit: i32, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
        let (first, rest) = self.digits().split_at(1);
        if (-4..0).contains(&self.exponent) {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + usize::try_from(-self.exponent - 1).unwrap_or(0), b'0');
            out.extend_from_slice(self.digits());
        } else if (0..limit).contains(&self.exponent) {
            let whole = usize::try_from(self.exponent).unwrap_or(0) + 1;
            out.extend_from_slice(self.digits().get(..whole).unwrap_or(self.digits()));
            match self.digits().get(whole..) {
                Some([]) => {}
                Some(fraction) => {
                    out.push(b'.');
                    out.extend_from_slice(fraction);
                }
                None => out.resize(out.len() + whole - self.len, b'0'),
            }
        } else {
            out.extend_from_slice(first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
            out.extend_from_slice(if self.exponent < 0 { b"e-" } else { b"e+" });
            super::digits::push_padded::<2>(self.exponent.unsigned_abs().into(), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown8(value: f64, extra: i8) -> String {
        let mut out = Vec::new();
        Float8::from(value).render(extra, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn shown4(value: f32, extra: i8) -> String {
        let mut out = Vec::new();
        Float4::from(value).render(extra, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Known answers are those of PostgreSQL's regression tests (float8.out, float4.out).
    #[test]
    fn the_shortest_text_is_postgresqls() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1004.3, "1004.3"),
            (1.2345678901234e200, "1.2345678901234e+200"),
            (5e-324, "5e-324"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            // 2^60, the start of a binade: the shorter 1.152921504606847e18 is no half, and this is.
            (9_007_199_254_740_992.0, "9.007199254740992e+15"),
            // As near to …312 as to …313.
            (10_807_250.0 / 65_536.0, "164.90554809570312"),
            (f64::INFINITY, "Infinity"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            assert_eq!(shown8(value, 1), text);
        }
        for (value, text) in
            [(123_456.0, "123456"), (1e6, "1e+06"), (0.1, "0.1"), (1e-45, "1e-45"), (2f32.powi(-12), "0.00024414062")]
        {
            assert_eq!(shown4(value, 3), text);
        }
        assert_eq!((shown8(0.1, 0), shown8(1.0 / 3.0, 0)), ("0.1".into(), "0.333333333333333".into()));
        assert_eq!((shown8(1e15, 0), shown8(123_456.0, -12)), ("1e+15".into(), "1.23e+05".into()));
        assert_eq!((shown4(1.0 / 3.0, 0), shown8(1234.0, -15)), ("0.333333".into(), "1e+03".into()));
    }

    #[test]
    fn what_does_not_fit_is_22003() {
        let state = |text| parse::<f64>(&Type::Float8, text).map_err(|error| error.sqlstate.code()).err();
        assert_eq!(state("1e400"), Some("22003"));
        assert_eq!(state("-1e-400"), Some("22003"));
        assert_eq!(state("0e-400"), None);
        assert_eq!(state("4.9e-324"), None);
        assert_eq!(state("1 2"), Some("22P02"));
        for text in ["1e400x", "1e400 1", "-1e-400e5", "1e99999.5"] {
            assert_eq!(state(text), Some("22003"), "found before what follows: {text}");
        }
        for text in ["1.5x", "1e+", ".", "e400", "0e400x", "1é", "1.5.5"] {
            assert_eq!(state(text), Some("22P02"), "{text}");
        }
        assert_eq!(state("0x1p3"), Some("0A000"));
        assert_eq!(parse::<f32>(&Type::Float4, "1e40").err().map(|error| error.sqlstate.code()), Some("22003"));
    }
}
