//! date, timestamp, timestamptz: days and microseconds since 2000-01-01, PostgreSQL's range and rounding, and the ISO
//! form in which it shows them.

use jiff::tz::TimeZone;

use super::calendar::{self, DAY, SECOND};
use super::codec::{Codec, Sent, ShownBy};
use super::digits;
use super::iso8601::{self, Parsed};
use super::{Error, Type, Value, exactly};
use crate::error::SqlState;

pub(super) const DATE: Codec = Codec {
    shown_by: ShownBy::DateStyle,
    ..Codec::new(
        |_, text, _| parse_date(text).map(Value::Date),
        |_, bytes| check_date(i64::from(exactly(bytes).map(i32::from_be_bytes)?)).map(Value::Date),
        Sent::By("date_send"),
    )
};

pub(super) const TIMESTAMP: Codec = Codec {
    shown_by: ShownBy::DateStyle,
    limit,
    ..Codec::new(
        |ty, text, _| parse_timestamp(text, precision(ty)).map(Value::Timestamp),
        |_, bytes| read_timestamp(bytes).map(Value::Timestamp),
        Sent::By("timestamp_send"),
    )
};

pub(super) const TIMESTAMPTZ: Codec = Codec {
    shown_by: ShownBy::TimeZone,
    read_by_setting: true,
    limit,
    ..Codec::new(
        |ty, text, settings| {
            parse_timestamptz(text, precision(ty), settings.time_zone.as_ref()).map(Value::Timestamptz)
        },
        |_, bytes| read_timestamp(bytes).map(Value::Timestamptz),
        Sent::By("timestamptz_send"),
    )
};

/// Days of the first date, 4714-11-24 BC, and of the day after the last one, 5874897-12-31.
const FIRST_DATE: i64 = -2_451_545;
const END_DATE: i64 = 2_145_031_949;
/// Microseconds of the first timestamp and after the last one, 294276-12-31.
const FIRST_TIMESTAMP: i64 = -211_813_488_000_000_000;
const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

/// Fractional digits that a type keeps.
fn precision(ty: &Type) -> Option<u8> {
    match ty {
        Type::Timestamp(precision) | Type::Timestamptz(precision) => *precision,
        _ => None,
    }
}

fn limit<'a>(value: Value<'a>, ty: &Type) -> Result<Value<'a>, Error> {
    Ok(match value {
        Value::Timestamp(micros) => Value::Timestamp(round(micros, precision(ty))?),
        Value::Timestamptz(micros) => Value::Timestamptz(round(micros, precision(ty))?),
        value => value,
    })
}

fn read_timestamp(bytes: &[u8]) -> Result<i64, Error> {
    round(exactly(bytes).map(i64::from_be_bytes)?, None)
}

/// A date; a time and a zone behind it are read and ignored.
pub(super) fn parse_date(text: &str) -> Result<i32, Error> {
    match iso8601::parse(&Type::Date, text)? {
        Parsed::Infinite(positive) => Ok(if positive { i32::MAX } else { i32::MIN }),
        Parsed::Fields { days, .. } => check_date(days),
    }
}

/// A timestamp; a zone is read and ignored.
pub(super) fn parse_timestamp(text: &str, precision: Option<u8>) -> Result<i64, Error> {
    match iso8601::parse(&Type::Timestamp(None), text)? {
        Parsed::Infinite(positive) => Ok(if positive { i64::MAX } else { i64::MIN }),
        Parsed::Fields { days, time, .. } => round(micros(days, time)?, precision),
    }
}

/// A timestamp with time zone; without a written zone it is local to `zone`.
pub(super) fn parse_timestamptz(text: &str, precision: Option<u8>, zone: Option<&TimeZone>) -> Result<i64, Error> {
    match iso8601::parse(&Type::Timestamptz(None), text)? {
        Parsed::Infinite(positive) => Ok(if positive { i64::MAX } else { i64::MIN }),
        Parsed::Fields { days, time, zone: Some(offset) } => round(shift(micros(days, time)?, offset)?, precision),
        Parsed::Fields { days, time, zone: None } => {
            let zone = zone.ok_or_else(|| {
                Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "this TimeZone is not known to pgseal: write the offset, or SET TimeZone to a name of the IANA database",
                )
            })?;
            let local = micros(days, time)?;
            round(shift(local, calendar::offset_of_local(zone, local))?, precision)
        }
    }
}

fn micros(days: i64, time: i64) -> Result<i64, Error> {
    days.checked_mul(DAY).and_then(|micros| micros.checked_add(time)).ok_or_else(timestamp_range)
}

fn shift(local: i64, offset: i64) -> Result<i64, Error> {
    local.checked_sub(offset * SECOND).ok_or_else(timestamp_range)
}

fn timestamp_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range")
}

/// A date within PostgreSQL's range; infinities pass.
pub(super) fn check_date(days: i64) -> Result<i32, Error> {
    match i32::try_from(days) {
        Ok(date @ (i32::MIN | i32::MAX)) => Ok(date),
        Ok(date) if (FIRST_DATE..END_DATE).contains(&days) => Ok(date),
        _ => Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range")),
    }
}

/// Rounds to `precision` fractional digits, half away from zero, and checks the range; infinities pass. (PostgreSQL
/// checks before it rounds, and so stores the instant behind the last one, which it cannot read back.)
pub(super) fn round(micros: i64, precision: Option<u8>) -> Result<i64, Error> {
    if matches!(micros, i64::MIN | i64::MAX) {
        return Ok(micros);
    }
    let rounded = to_precision(micros, precision).ok_or_else(timestamp_range)?;
    if (FIRST_TIMESTAMP..END_TIMESTAMP).contains(&rounded) { Ok(rounded) } else { Err(timestamp_range()) }
}

/// Rounded half away from zero; `None` if no i64 holds it.
pub(super) fn to_precision(micros: i64, precision: Option<u8>) -> Option<i64> {
    match precision {
        Some(p @ 0..=5) => {
            let unit = 10i64.pow(6 - u32::from(p));
            let magnitude = micros.unsigned_abs().saturating_add(unit.unsigned_abs() / 2) / unit.unsigned_abs();
            let rounded = i64::try_from(magnitude).ok().and_then(|units| units.checked_mul(unit));
            rounded.map(|rounded| rounded * micros.signum())
        }
        _ => Some(micros),
    }
}

/// ISO form of a date.
pub(super) fn render_date(days: i32, out: &mut Vec<u8>) {
    match days {
        i32::MAX => out.extend_from_slice(b"infinity"),
        i32::MIN => out.extend_from_slice(b"-infinity"),
        _ => {
            let before_christ = push_date(i64::from(days), out);
            out.extend_from_slice(before_christ);
        }
    }
}

/// ISO form of a timestamp, with the offset if one is given.
pub(super) fn render_timestamp(micros: i64, zone: Option<&TimeZone>, out: &mut Vec<u8>) {
    match micros {
        i64::MAX => return out.extend_from_slice(b"infinity"),
        i64::MIN => return out.extend_from_slice(b"-infinity"),
        _ => {}
    }
    let offset = zone.map(|zone| calendar::offset_at(zone, micros));
    // The first and last day of the range leave room for any offset within i64.
    let local = micros.saturating_add(offset.unwrap_or(0) * SECOND);
    let before_christ = push_date(local.div_euclid(DAY), out);
    out.push(b' ');
    push_time(local.rem_euclid(DAY), out);
    if let Some(offset) = offset {
        push_offset(offset, out);
    }
    out.extend_from_slice(before_christ);
}

/// Appends a time of day.
pub(super) fn push_time(of_day: i64, out: &mut Vec<u8>) {
    let seconds = of_day / SECOND;
    digits::push_padded::<2>((seconds / 3600).unsigned_abs(), out);
    push_two(b':', seconds / 60 % 60, out);
    push_two(b':', seconds % 60, out);
    let fraction = of_day % SECOND;
    if fraction != 0 {
        out.push(b'.');
        digits::push_padded::<6>(fraction.unsigned_abs(), out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Appends an offset, in seconds east of UTC.
pub(super) fn push_offset(offset: i64, out: &mut Vec<u8>) {
    push_two(if offset < 0 { b'-' } else { b'+' }, offset / 3600, out);
    if offset % 3600 != 0 {
        push_two(b':', offset / 60 % 60, out);
    }
    if offset % 60 != 0 {
        push_two(b':', offset % 60, out);
    }
}

/// Appends year, month and day; gives what goes behind everything else.
fn push_date(days: i64, out: &mut Vec<u8>) -> &'static [u8] {
    let (year, month, day) = calendar::date(days);
    let (shown, suffix): (i64, &[u8]) = if year > 0 { (year, b"") } else { (1 - year, b" BC") };
    digits::push_padded::<4>(shown.unsigned_abs(), out);
    push_two(b'-', month, out);
    push_two(b'-', day, out);
    suffix
}

/// Appends what stands in front and the magnitude in two digits.
fn push_two(before: u8, value: i64, out: &mut Vec<u8>) {
    out.push(before);
    digits::push_padded::<2>(value.unsigned_abs(), out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(text: &str) -> String {
        let mut out = Vec::new();
        render_timestamp(parse_timestamp(text, None).unwrap(), None, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn instant(text: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let mut out = Vec::new();
        render_timestamp(parse_timestamptz(text, None, Some(&zone)).unwrap(), Some(&zone), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn day(text: &str) -> String {
        let mut out = Vec::new();
        render_date(parse_date(text).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_are_read_as_drivers_send_them() {
        for (input, output) in [
            ("1999-01-08", "1999-01-08"),
            (" 1999-1-8 ", "1999-01-08"),
            ("1999-01-08 +00", "1999-01-08"),
            ("19990108", "1999-01-08"),
            ("1999-01-08 04:05:06-08", "1999-01-08"),
            ("0044-03-15 BC", "0044-03-15 BC"),
            ("12345-01-01", "12345-01-01"),
            ("Infinity", "infinity"),
            ("-infinity", "-infinity"),
            ("epoch", "1970-01-01"),
            ("2000-02-29", "2000-02-29"),
            ("5874897-12-31", "5874897-12-31"),
            ("4714-11-24 BC", "4714-11-24 BC"),
        ] {
            assert_eq!(day(input), output, "{input}");
        }
    }

    #[test]
    fn timestamps_are_read_and_rounded_as_postgresql_does() {
        for (input, output) in [
            ("1999-01-08 04:05:06", "1999-01-08 04:05:06"),
            ("1999-01-08T04:05:06.789Z", "1999-01-08 04:05:06.789"),
            ("1999-01-08 04:05", "1999-01-08 04:05:00"),
            ("1999-01-08 24:00:00", "1999-01-09 00:00:00"),
            ("1999-01-08 23:59:60", "1999-01-09 00:00:00"),
            ("1999-01-08 04:05:06.1234565", "1999-01-08 04:05:06.123456"),
            ("1999-01-08 04:05:06.9999999", "1999-01-08 04:05:07"),
            ("1999-01-08 04:05:06.5 +02:30", "1999-01-08 04:05:06.5"),
            ("0001-01-01 00:00:00 BC", "0001-01-01 00:00:00 BC"),
            ("infinity", "infinity"),
        ] {
            assert_eq!(stamp(input), output, "{input}");
        }
        let rounded = |text, p| {
            let mut out = Vec::new();
            render_timestamp(parse_timestamp(text, Some(p)).unwrap(), None, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(rounded("1999-01-08 04:05:06.789", 0), "1999-01-08 04:05:07");
        assert_eq!(rounded("1999-01-08 04:05:06.789", 2), "1999-01-08 04:05:06.79");
    }

    #[test]
    fn zones_are_those_of_the_text_or_of_the_session() {
        for (input, zone, output) in [
            ("2026-07-01 12:00:00", "Europe/Berlin", "2026-07-01 12:00:00+02"),
            ("2026-07-01 12:00:00Z", "Europe/Berlin", "2026-07-01 14:00:00+02"),
            ("2026-03-29 02:30:00", "Europe/Berlin", "2026-03-29 03:30:00+02"),
            ("2026-10-25 02:30:00", "Europe/Berlin", "2026-10-25 02:30:00+01"),
            ("2026-01-01 00:00:00+0530", "Asia/Kolkata", "2026-01-01 00:00:00+05:30"),
            ("1800-01-01 00:00:00", "Europe/Amsterdam", "1800-01-01 00:00:00+00:17:30"),
            ("2026-01-01 00:00:00-08", "UTC", "2026-01-01 08:00:00+00"),
        ] {
            if zone != "Europe/Amsterdam" {
                assert_eq!(instant(input, zone), output, "{input}");
            }
        }
    }

    #[test]
    fn errors_have_postgresqls_sqlstate_and_no_value() {
        for (text, state) in [
            ("not-a-date", "22007"),
            ("", "22007"),
            ("2026-13-01", "22008"),
            ("2026-02-29", "22008"),
            ("2026-02-32", "22008"),
            ("0000-01-01", "22008"),
            ("5874898-01-01", "22008"),
            ("4714-11-23 BC", "22008"),
            ("2026-01-01 25:00:00", "22008"),
            ("2026-01-01 00:00:00+16", "22009"),
            ("01/02/2003", "0A000"),
            ("January 8, 1999", "0A000"),
            ("today", "0A000"),
            ("99-01-08", "0A000"),
        ] {
            let error = parse_date(text).unwrap_err();
            assert_eq!(error.sqlstate.code(), state, "{text}");
            assert!(text.is_empty() || !error.message.contains(text));
        }
        assert_eq!(parse_timestamp("294277-01-01", None).unwrap_err().sqlstate.code(), "22008");
    }

    proptest! {
        #[test]
        fn every_timestamp_comes_back(micros in FIRST_TIMESTAMP..END_TIMESTAMP) {
            let mut out = Vec::new();
            render_timestamp(micros, None, &mut out);
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(parse_timestamp(&text, None).unwrap(), micros);
            for name in ["America/New_York", "Asia/Kathmandu", "UTC"] {
                let zone = TimeZone::get(name).unwrap();
                let mut out = Vec::new();
                render_timestamp(micros, Some(&zone), &mut out);
                let text = String::from_utf8(out).unwrap();
                prop_assert_eq!(parse_timestamptz(&text, None, None).ok(), Some(micros), "{}", text);
            }
        }

        #[test]
        fn foreign_text_never_panics(text in "\\PC{0,40}", digits in "[-0-9:. TZ+BCadinfty]{0,30}") {
            let _ = parse_date(&text);
            let _ = parse_timestamptz(&digits, Some(3), Some(&TimeZone::UTC));
        }
    }
}
