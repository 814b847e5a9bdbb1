//! interval: months, days and microseconds that are kept apart; read as `interval_in` reads what drivers and its own four
//! styles write, and shown in those styles.

mod read;
mod show;

use super::calendar::{DAY, SECOND};
use super::codec::{Codec, Sent, ShownBy};
use super::datetime::to_precision;
use super::modifier::Modifier;
use super::{Error, Type, Value, too_long, too_short};
use crate::error::SqlState;
use crate::framing::Reader;

pub(super) const CODEC: Codec = Codec {
    limit: |value, ty| match (value, ty) {
        (Value::Interval(v), Type::Interval(Some(modifier))) => modifier.applied(v).map(Value::Interval),
        (value, _) => Ok(value),
    },
    shown_by: ShownBy::IntervalStyle,
    read_by_setting: true,
    ..Codec::new(
        |ty, text, settings| read::parse(ty, text, settings.interval_style).map(Value::Interval),
        |_, bytes| receive(bytes).map(Value::Interval),
        Sent::By("interval_send"),
    )
};

/// `IntervalStyle`: how intervals are shown, and how a sign in front of several fields is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IntervalStyle {
    /// postgres: `1 year 2 mons 3 days 04:05:06`
    #[default]
    Postgres,
    /// postgres_verbose: `@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs`
    Verbose,
    /// sql_standard: `1-2`, `3 4:05:06`
    SqlStandard,
    /// iso_8601: `P1Y2M3DT4H5M6S`
    Iso8601,
}

impl IntervalStyle {
    /// By the name that the server reports; `None` for another.
    pub fn reported(name: &str) -> Option<Self> {
        let styles = [
            ("postgres", Self::Postgres),
            ("postgres_verbose", Self::Verbose),
            ("sql_standard", Self::SqlStandard),
            ("iso_8601", Self::Iso8601),
        ];
        styles.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, style)| style)
    }
}

/// An interval in PostgreSQL's three parts, which do not become one another.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    /// Months; twelve are a year.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

impl Interval {
    /// Appends S.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.micros.to_be_bytes());
        out.extend_from_slice(&self.days.to_be_bytes());
        out.extend_from_slice(&self.months.to_be_bytes());
    }

    /// Appends E: microseconds in 128 bits, with a day of 24 hours and a month of 30 days (`interval_cmp_value`).
    pub(super) fn write_equality(&self, out: &mut Vec<u8>) {
        let days = i64::from(self.months) * 30 + i64::from(self.days);
        let micros = i128::from(days) * i128::from(DAY) + i128::from(self.micros);
        out.extend_from_slice(&micros.to_be_bytes());
    }

    /// Appends what interval_out shows in this style.
    pub(super) fn render(&self, style: IntervalStyle, out: &mut Vec<u8>) {
        show::render(self, style, out);
    }

    /// Since PostgreSQL 17 the extremes of all three parts are ±infinity; before, they are very long intervals.
    fn is_ambiguous(&self) -> bool {
        (self.months, self.days, self.micros) == (i32::MAX, i32::MAX, i64::MAX)
            || (self.months, self.days, self.micros) == (i32::MIN, i32::MIN, i64::MIN)
    }
}

fn receive(bytes: &[u8]) -> Result<Interval, Error> {
    let mut reader = Reader::new(bytes);
    let micros = reader.i64().map_err(|_| too_short())?;
    let days = reader.i32().map_err(|_| too_short())?;
    let months = reader.i32().map_err(|_| too_short())?;
    reader.finish().map_err(|_| too_long())?;
    let interval = Interval { months, days, micros };
    if interval.is_ambiguous() { Err(refused("a protected interval is finite")) } else { Ok(interval) }
}

fn refused(message: &'static str) -> Error {
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

fn out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range")
}

/// The fields that a type keeps, and the digits of its seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IntervalModifier {
    /// A bit a field, as PostgreSQL numbers them; all for none that was named.
    fields: u16,
    /// Fractional digits of a second.
    precision: Option<u8>,
}

/// Bits of PostgreSQL's `INTERVAL_MASK`.
const MONTH: u16 = 1 << 1;
const YEAR: u16 = 1 << 2;
const DAYS: u16 = 1 << 3;
const HOUR: u16 = 1 << 10;
const MINUTE: u16 = 1 << 11;
const SECONDS: u16 = 1 << 12;
const ALL: u16 = 0x7fff;
/// `INTERVAL_FULL_PRECISION`
const ALL_DIGITS: u16 = 0xffff;

/// What may be named, as `format_type` prints it.
const FIELDS: &[(&str, u16)] = &[
    ("year", YEAR),
    ("month", MONTH),
    ("day", DAYS),
    ("hour", HOUR),
    ("minute", MINUTE),
    ("second", SECONDS),
    ("year to month", YEAR | MONTH),
    ("day to hour", DAYS | HOUR),
    ("day to minute", DAYS | HOUR | MINUTE),
    ("day to second", DAYS | HOUR | MINUTE | SECONDS),
    ("hour to minute", HOUR | MINUTE),
    ("hour to second", HOUR | MINUTE | SECONDS),
    ("minute to second", MINUTE | SECONDS),
];

impl IntervalModifier {
    /// Of the words behind `interval` and the number in parentheses, of which there is one at least. Digits are of seconds.
    pub(super) fn of_words(fields: &str, precision: Option<i32>) -> Option<Self> {
        let precision = match precision {
            Some(p @ 0..=6) => u8::try_from(p).ok(),
            Some(_) => return None,
            None => None,
        };
        let fields = match (fields, precision) {
            ("", Some(_)) => ALL,
            ("", None) => return None,
            (named, _) => FIELDS.iter().find(|(name, _)| *name == named)?.1,
        };
        (precision.is_none() || fields & SECONDS != 0).then_some(Self { fields, precision })
    }

    fn names_fields(self) -> bool {
        self.fields != ALL
    }

    fn begins_with_minutes(self) -> bool {
        self.fields == MINUTE | SECONDS
    }

    /// The smaller fields are cut off, not rounded; then the seconds are rounded (`AdjustIntervalForTypmod`).
    fn applied(self, interval: Interval) -> Result<Interval, Error> {
        let Interval { months, days, micros } = interval;
        let cut = |unit: i64| Interval { months, days, micros: micros / unit * unit };
        let kept = match self.fields {
            YEAR => Interval { months: months / 12 * 12, days: 0, micros: 0 },
            fields if fields & (YEAR | MONTH) == fields => Interval { months, days: 0, micros: 0 },
            DAYS => Interval { months, days, micros: 0 },
            fields if fields & (SECONDS | MINUTE) == 0 => cut(3600 * SECOND),
            fields if fields & SECONDS == 0 => cut(60 * SECOND),
            _ => interval,
        };
        // Servers before version 17 wrap around here.
        let longest = || refused("a protected interval of this length is not rounded");
        to_precision(kept.micros, self.precision).map(|micros| Interval { micros, ..kept }).ok_or_else(longest)
    }
}

impl Modifier for IntervalModifier {
    fn of_numbers(numbers: &[i32]) -> Option<Self> {
        match *numbers {
            [precision] => Self::of_words("", Some(precision)),
            _ => None,
        }
    }

    fn of_typmod(typmod: i32) -> Option<Self> {
        let fields = u16::try_from(typmod >> 16).ok()?;
        let digits = u16::try_from(typmod & 0xffff).ok()?;
        let words = if fields == ALL { "" } else { FIELDS.iter().find(|(_, known)| *known == fields)?.0 };
        Self::of_words(words, (digits != ALL_DIGITS).then_some(digits.into()))
    }

    fn typmod(self) -> i32 {
        i32::from(self.fields) << 16 | self.precision.map_or(ALL_DIGITS.into(), i32::from)
    }

    fn shown(self) -> String {
        let fields = FIELDS.iter().find(|(_, known)| *known == self.fields).map(|(name, _)| format!(" {name}"));
        let precision = self.precision.map(|precision| format!("({precision})"));
        fields.unwrap_or_default() + &precision.unwrap_or_default()
    }
}
