//! Intervals as text: numbers with units, `years-months days hh:mm:ss`, and the designators of ISO 8601.
//!
//! PostgreSQL reads more, some of it by the fields of the type. What is not certainly read alike is refused (0A000).

use super::super::bool::is_space;
use super::super::calendar::{DAY, SECOND};
use super::{Error, Interval, IntervalModifier, IntervalStyle, SqlState, Type, out_of_range, refused};

/// More than any of the four styles needs, and less than PostgreSQL's own buffer holds.
const MOST_BYTES: usize = 200;

/// # Errors
/// 22007 for what is no interval, 22015 for a field that does not fit, 22008 for more months than there can be; 0A000.
pub(super) fn parse(ty: &Type, text: &str, style: IntervalStyle) -> Result<Interval, Error> {
    let invalid = || Error::new(SqlState::INVALID_DATETIME_FORMAT, format!("invalid input syntax for type {ty}"));
    let modifier = match ty {
        Type::Interval(modifier) => *modifier,
        _ => None,
    };
    if text.len() > MOST_BYTES {
        return Err(unread());
    }
    if let Some(designators) = text.strip_prefix('P') {
        return designated(designators).map_err(|failed| failed.error(invalid)).and_then(Sum::interval);
    }
    let tokens = tokens(text).ok_or_else(unread)?;
    if tokens.is_empty() {
        return Err(invalid());
    }
    if tokens.iter().any(|token| matches!(token, Token::Word(word) if !may_be_known(word))) {
        return Err(invalid());
    }
    traditional(&tokens, style, modifier).map_err(|failed| failed.error(invalid)).and_then(Sum::interval)
}

fn unread() -> Error {
    refused(
        "a protected interval is read as numbers with units, as years-months days hh:mm:ss, or in ISO 8601 form only",
    )
}

/// Why a text is not read.
enum Failed {
    /// It is no interval.
    Invalid,
    /// A field does not fit.
    Overflow,
    /// It is not certain what the server makes of it.
    Unread,
}

impl Failed {
    fn error(self, invalid: impl Fn() -> Error) -> Error {
        match self {
            Failed::Invalid => invalid(),
            Failed::Overflow => Error::new(SqlState::INTERVAL_FIELD_OVERFLOW, "interval field value out of range"),
            Failed::Unread => unread(),
        }
    }
}

/// A unit and how many of what is stored it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Months(i32),
    Days(i32),
    Micros(i64),
}

const YEARS: Unit = Unit::Months(12);
const MONTHS: Unit = Unit::Months(1);
const DAYS: Unit = Unit::Days(1);
const HOURS: Unit = Unit::Micros(3600 * SECOND);
const MINUTES: Unit = Unit::Micros(60 * SECOND);
const SECONDS: Unit = Unit::Micros(SECOND);

/// The words of the four styles, of the manual, and of drivers.
#[rustfmt::skip]
const UNITS: &[(&[&str], Unit)] = &[
    (&["us", "usec", "usecs", "microsecond", "microseconds"], Unit::Micros(1)),
    (&["ms", "msec", "msecs", "millisecond", "milliseconds"], Unit::Micros(1000)),
    (&["s", "sec", "secs", "second", "seconds"], SECONDS),
    (&["m", "min", "mins", "minute", "minutes"], MINUTES),
    (&["h", "hr", "hrs", "hour", "hours"], HOURS),
    (&["d", "day", "days"], DAYS),
    (&["w", "week", "weeks"], Unit::Days(7)),
    (&["mon", "mons", "month", "months"], MONTHS),
    (&["y", "yr", "yrs", "year", "years"], YEARS),
    (&["dec", "decs", "decade", "decades"], Unit::Months(120)),
    (&["c", "cent", "century", "centuries"], Unit::Months(1200)),
    (&["mil", "mils", "millennium", "millennia"], Unit::Months(12_000)),
];

fn unit(word: &str) -> Option<Unit> {
    UNITS.iter().find(|(words, _)| words.contains(&word)).map(|(_, unit)| *unit)
}

/// Whether the server may know the word: short ones are configured, and of long ones it compares the start only.
fn may_be_known(word: &str) -> bool {
    const OTHERS: &[&str] = &["ago", "qtr", "quarter", "undefined", "infinity", "epoch", "now", "today"];
    const LONG: &[&str] = &["microsecon", "millisecon", "millennium", "timezone_h", "timezone_m", "timezone"];
    word.len() <= 3
        || unit(word).is_some()
        || OTHERS.contains(&word)
        || LONG.iter().any(|start| word.starts_with(start))
}

/// A number: its digits before the point, and the fraction behind it, both with its sign.
#[derive(Clone, Copy)]
struct Number {
    whole: i64,
    fraction: f64,
}

enum Token {
    /// In lower case.
    Word(String),
    /// `5`, `-5.25`; without a value if no i64 holds it.
    Number(Option<Number>, Sign),
    /// `1-2`, in months; without a value if no i64 holds it or there are twelve months or more.
    Months(Option<i64>, Sign),
    /// `04:05:06.789`, in microseconds; the same.
    Time(Option<i64>, Sign),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    None,
    Plus,
    Minus,
}

impl Sign {
    fn is_minus(self) -> bool {
        self == Sign::Minus
    }
}

/// `None`: something else stands there.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_matches(is_space);
    rest = rest.strip_prefix('@').unwrap_or(rest).trim_start_matches(is_space);
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_alphabetic() {
            let (word, behind) = split(rest, |c| c.is_ascii_alphabetic());
            tokens.push(Token::Word(word.to_ascii_lowercase()));
            rest = behind;
            // With a number or a hyphen behind it it may be a date.
            if rest.starts_with(|c: char| !is_space(c)) {
                return None;
            }
        } else {
            let sign = match first {
                '+' => Sign::Plus,
                '-' => Sign::Minus,
                _ => Sign::None,
            };
            let unsigned = &rest[usize::from(sign != Sign::None)..];
            let (field, behind) = split(unsigned, |c| c.is_ascii_digit() || matches!(c, '.' | ':' | '-'));
            tokens.push(field_of(field, sign)?);
            rest = behind;
            if rest.starts_with(|c: char| !is_space(c) && !c.is_ascii_alphabetic()) {
                return None;
            }
        }
        rest = rest.trim_start_matches(is_space);
    }
    Some(tokens)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn field_of(field: &str, sign: Sign) -> Option<Token> {
    if field.contains(':') {
        return time(field).map(|micros| Token::Time(micros.map(|micros| signed(micros, sign)), sign));
    }
    if let Some((years, months)) = field.split_once('-') {
        if !is_digits(years) || !is_digits(months) {
            return None;
        }
        let months = months.parse::<i64>().ok().filter(|months| *months < 12);
        let years = years.parse::<i64>().ok().and_then(|years| years.checked_mul(12));
        let sum = years.zip(months).and_then(|(years, months)| years.checked_add(months));
        return Some(Token::Months(sum.map(|sum| signed(sum, sign)), sign));
    }
    let (whole, fraction) = match field.split_once('.') {
        Some((whole, fraction)) if is_digits(fraction) => (whole, format!(".{fraction}").parse::<f64>().ok()?),
        Some(_) => return None,
        None => (field, 0.0),
    };
    if !is_digits(whole) {
        return None;
    }
    let number = whole.parse().ok().map(|whole| {
        let fraction = if sign.is_minus() { -fraction } else { fraction };
        Number { whole: signed(whole, sign), fraction }
    });
    Some(Token::Number(number, sign))
}

/// Not below -i64::MAX, which every text can be.
fn signed(value: i64, sign: Sign) -> i64 {
    if sign.is_minus() { -value } else { value }
}

/// `hh:mm` or `hh:mm:ss` with a fraction. `Some(None)`: a field is out of its range.
fn time(field: &str) -> Option<Option<i64>> {
    let mut parts = field.splitn(3, ':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let (seconds, fraction) = match parts.next() {
        Some(seconds) => seconds.split_once('.').map_or((seconds, None), |(whole, part)| (whole, Some(part))),
        None => ("0", None),
    };
    let two = |digits: &str| is_digits(digits) && digits.len() <= 2;
    if !is_digits(hours) || !two(minutes) || !two(seconds) || fraction.is_some_and(|part| !is_digits(part)) {
        return None;
    }
    let micros = match fraction {
        // At most 1,000,000, to even as everywhere where a time of day is read.
        Some(part) => (format!(".{part}").parse::<f64>().ok()? * 1e6).round_ties_even() as i64,
        None => 0,
    };
    let (minutes, seconds) = (minutes.parse::<i64>().ok()?, seconds.parse::<i64>().ok()?);
    if minutes > 59 || seconds > 60 {
        return Some(None);
    }
    let hours = hours.parse::<i64>().ok().and_then(|hours| hours.checked_mul(3600 * SECOND));
    Some(hours.and_then(|hours| hours.checked_add((minutes * 60 + seconds) * SECOND + micros)))
}

/// The three parts while they are added up.
#[derive(Default)]
struct Sum {
    years: i32,
    months: i32,
    days: i32,
    micros: i64,
}

impl Sum {
    fn add(&mut self, Number { whole, fraction }: Number, unit: Unit) -> Result<(), Failed> {
        let narrow = |whole: i64, scale: i32| i32::try_from(whole).ok().and_then(|whole| whole.checked_mul(scale));
        let add = |part: &mut i32, value: Option<i32>| {
            *part = value.and_then(|value| part.checked_add(value)).ok_or(Failed::Overflow)?;
            Ok(())
        };
        match unit {
            Unit::Micros(scale) => {
                let micros = whole.checked_mul(scale).and_then(|micros| self.micros.checked_add(micros));
                self.micros = micros.ok_or(Failed::Overflow)?;
                self.add_fraction(fraction, scale)
            }
            Unit::Days(scale) => {
                add(&mut self.days, narrow(whole, scale))?;
                self.add_days(fraction, scale)
            }
            MONTHS => {
                add(&mut self.months, narrow(whole, 1))?;
                self.add_days(fraction, 30)
            }
            Unit::Months(scale) => {
                add(&mut self.years, narrow(whole, scale / 12))?;
                // Which months a part of one becomes differs between versions.
                let months = fraction * f64::from(scale);
                if months.fract() != 0.0 {
                    return Err(Failed::Unread);
                }
                // Below 12,000.
                add(&mut self.months, Some(months as i32))
            }
        }
    }

    /// A part of `scale` days, whose own part is hours.
    fn add_days(&mut self, fraction: f64, scale: i32) -> Result<(), Failed> {
        if scale == 1 {
            return self.add_fraction(fraction, DAY);
        }
        let days = fraction * f64::from(scale);
        // At most thirty.
        self.days = self.days.checked_add(days.trunc() as i32).ok_or(Failed::Overflow)?;
        self.add_fraction(days.fract(), DAY)
    }

    /// A part of `scale` microseconds, rounded, a half towards 0.
    fn add_fraction(&mut self, fraction: f64, scale: i64) -> Result<(), Failed> {
        // At most a day, which both types hold.
        let micros = fraction * scale as f64;
        let whole = micros.trunc() as i64;
        let rest = micros - micros.trunc();
        let rounded = whole + i64::from(rest > 0.5) - i64::from(rest < -0.5);
        self.micros = self.micros.checked_add(rounded).ok_or(Failed::Overflow)?;
        Ok(())
    }

    fn negated(self) -> Result<Self, Failed> {
        let Self { years, months, days, micros } = self;
        let negated = || {
            Some(Self {
                years: years.checked_neg()?,
                months: months.checked_neg()?,
                days: days.checked_neg()?,
                micros: micros.checked_neg()?,
            })
        };
        negated().ok_or(Failed::Overflow)
    }

    fn interval(self) -> Result<Interval, Error> {
        let months = i64::from(self.years) * 12 + i64::from(self.months);
        let months = i32::try_from(months).map_err(|_| out_of_range())?;
        let interval = Interval { months, days: self.days, micros: self.micros };
        if interval.is_ambiguous() { Err(unread()) } else { Ok(interval) }
    }
}

/// Numbers with units, or `years-months days time` in this order, each at most once; the last of them may be seconds.
fn traditional(tokens: &[Token], style: IntervalStyle, modifier: Option<IntervalModifier>) -> Result<Sum, Failed> {
    // What a number alone counts, and whether hh:mm is mm:ss, is by the fields of the type.
    let counts_seconds = modifier.is_none_or(|modifier| !modifier.names_fields());
    let reads_hours = modifier.is_none_or(|modifier| !modifier.begins_with_minutes());
    let (fields, ago) = match tokens.split_last() {
        Some((Token::Word(word), fields)) if word == "ago" => (fields, true),
        _ => (tokens, false),
    };
    let signs = |token: &Token| match token {
        Token::Number(_, sign) | Token::Months(_, sign) | Token::Time(_, sign) => *sign,
        Token::Word(_) => Sign::None,
    };
    // As the standard has it: one sign for all fields.
    let one_sign = style == IntervalStyle::SqlStandard
        && fields.first().is_some_and(|token| signs(token).is_minus())
        && fields.iter().skip(1).all(|token| signs(token) == Sign::None);
    // A time with a sign that is none is tried as a number, which it is not.
    if fields.iter().any(|token| matches!(token, Token::Time(None, Sign::Plus | Sign::Minus))) {
        return Err(Failed::Invalid);
    }
    let mut sum = Sum::default();
    let mut seen: Vec<Unit> = Vec::new();
    let mut rest = fields;
    // The server reads from the end, so the last field that does not fit is found first; all of them say the same.
    while let Some((field, behind)) = rest.split_first() {
        let (number, unit, used) = match (field, behind.first()) {
            (Token::Number(number, _), Some(Token::Word(word))) => {
                (number.ok_or(Failed::Overflow)?, unit(word).ok_or(Failed::Unread)?, 1)
            }
            (Token::Number(number, _), Some(Token::Time(..))) => (number.ok_or(Failed::Overflow)?, DAYS, 0),
            (Token::Number(number, _), None) if !ago && counts_seconds => (number.ok_or(Failed::Overflow)?, SECONDS, 0),
            (Token::Months(months, _), next) if !matches!(next, Some(Token::Word(_))) => {
                (Number { whole: months.ok_or(Failed::Overflow)?, fraction: 0.0 }, MONTHS, 0)
            }
            (Token::Time(micros, _), next) if reads_hours && !matches!(next, Some(Token::Word(_))) => {
                (Number { whole: micros.ok_or(Failed::Overflow)?, fraction: 0.0 }, Unit::Micros(1), 0)
            }
            _ => return Err(Failed::Unread),
        };
        let is_time = matches!(field, Token::Time(..));
        let beside_time = !is_time && fields.iter().any(|token| matches!(token, Token::Time(..)));
        let of_clock = |unit: &Unit| matches!(unit, Unit::Micros(_));
        // A second with a fraction counts as the smaller units, too.
        let smaller = |unit: &Unit| matches!(unit, Unit::Micros(scale) if *scale < SECOND);
        if (unit == SECONDS && seen.iter().any(smaller)) || (smaller(&unit) && seen.contains(&SECONDS)) {
            return Err(Failed::Unread);
        }
        // A unit twice is an error to the server, and so is most of what a time of day says once more.
        if seen.contains(&unit) || (beside_time && (of_clock(&unit) || number.fraction != 0.0)) {
            return Err(Failed::Unread);
        }
        seen.push(unit);
        let number = match one_sign && number.whole >= 0 && number.fraction >= 0.0 {
            true => Number { whole: -number.whole, fraction: -number.fraction },
            false => number,
        };
        sum.add(number, unit)?;
        rest = &behind[used..];
    }
    if seen.is_empty() {
        return Err(Failed::Invalid);
    }
    if ago { sum.negated() } else { Ok(sum) }
}

/// What stands behind a P.
fn designated(text: &str) -> Result<Sum, Failed> {
    let mut sum = Sum::default();
    let mut seen = Vec::new();
    let (mut rest, mut in_time) = (text, false);
    while let Some(first) = rest.chars().next() {
        if first == 'T' && !in_time {
            (rest, in_time) = (&rest[1..], true);
            continue;
        }
        let negative = first == '-';
        let (digits, behind) = split(&rest[usize::from(negative)..], |c| c.is_ascii_digit() || c == '.');
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        // A double holds fifteen digits, and it is one that the server reads.
        if !is_digits(whole) || !is_digits(fraction) || digits.len() > 15 {
            return Err(if first.is_ascii_alphabetic() { Failed::Invalid } else { Failed::Unread });
        }
        let value: f64 = digits.parse().map_err(|_| Failed::Unread)?;
        let value = if negative { -value } else { value };
        let unit = match (behind.chars().next(), in_time) {
            (Some('Y'), false) => YEARS,
            (Some('M'), false) => MONTHS,
            (Some('W'), false) => Unit::Days(7),
            (Some('D'), false) => DAYS,
            (Some('H'), true) => HOURS,
            (Some('M'), true) => MINUTES,
            (Some('S'), true) => SECONDS,
            _ => return Err(Failed::Unread),
        };
        if seen.contains(&unit) {
            return Err(Failed::Unread);
        }
        seen.push(unit);
        sum.add(Number { whole: value.trunc() as i64, fraction: value - value.trunc() }, unit)?;
        rest = &behind[1..];
    }
    if text.is_empty() { Err(Failed::Invalid) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, style: IntervalStyle) -> Result<(i32, i32, i64), &'static str> {
        parse(&Type::Interval(None), text, style)
            .map(|interval| (interval.months, interval.days, interval.micros))
            .map_err(|error| error.sqlstate.code())
    }

    #[test]
    fn the_four_styles_and_what_drivers_write_are_read() {
        let time = 4 * 3600 * SECOND + 5 * 60 * SECOND + 6_700_000;
        for text in [
            "1 year 2 mons 3 days 04:05:06.7",
            "@ 1 year 2 mons 3 days 4 hours 5 mins 6.7 secs",
            "+1-2 +3 +4:05:06.7",
            "P1Y2M3DT4H5M6.7S",
            "1 YEAR 2 months 3 day 4hours 5m 6700 ms",
            " 1-2 3 4:05:06.7 ",
        ] {
            assert_eq!(read(text, IntervalStyle::Postgres), Ok((14, 3, time)), "{text}");
        }
        assert_eq!(read("1 day ago", IntervalStyle::Postgres), Ok((0, -1, 0)));
        assert_eq!(read("-1 days +02:03:00", IntervalStyle::Postgres), Ok((0, -1, 7_380 * SECOND)));
        assert_eq!(read("P-1DT-0.5S", IntervalStyle::Postgres), Ok((0, -1, -500_000)));
        assert_eq!(read("1.5 days", IntervalStyle::Postgres), Ok((0, 1, DAY / 2)));
        assert_eq!(read("1.5 mon", IntervalStyle::Postgres), Ok((1, 15, 0)));
        assert_eq!(read("5", IntervalStyle::Postgres), Ok((0, 0, 5 * SECOND)));
    }

    #[test]
    fn one_sign_is_that_of_all_fields_in_sql_standard_only() {
        assert_eq!(read("-1 02:00", IntervalStyle::Postgres), Ok((0, -1, 7200 * SECOND)));
        assert_eq!(read("-1 02:00", IntervalStyle::SqlStandard), Ok((0, -1, -7200 * SECOND)));
        assert_eq!(read("-1 +02:00", IntervalStyle::SqlStandard), Ok((0, -1, 7200 * SECOND)));
    }

    #[test]
    fn errors_are_postgresqls_or_a_refusal() {
        for (text, state) in [
            ("", "22007"),
            ("not an interval", "22007"),
            ("P", "22007"),
            ("-1:60", "22007"),
            ("1-12 -1:60", "22007"),
            ("1.5 secs 1 ms", "0A000"),
            ("99999999999999999999 days", "22015"),
            ("3000000000 days", "22015"),
            ("1:60", "22015"),
            ("200000000 years", "22008"),
            ("1.3 decades 1 day 2 days", "0A000"),
            ("1 fortnight", "22007"),
            ("1 qtr", "0A000"),
            ("infinity", "0A000"),
            ("1 day 2 hours 3:00", "0A000"),
            ("5 é", "0A000"),
        ] {
            assert_eq!(read(text, IntervalStyle::Postgres), Err(state), "{text}");
        }
        let minutes = Type::from_name("interval minute to second").unwrap();
        assert!(
            parse(&minutes, "5", IntervalStyle::Postgres).is_err(),
            "it is by the fields of the type what it counts"
        );
    }
}
