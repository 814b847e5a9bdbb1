//! Dates and times as text: ISO 8601 and what drivers send, read as PostgreSQL reads them (its manual, appendix B.1).
//!
//! PostgreSQL reads many more spellings, some by the session's DateStyle. They are refused as such (0A000), never
//! guessed.

use super::bool::is_space;
use super::calendar::{self, DAY, SECOND};
use super::{Error, Type};
use crate::error::SqlState;

/// What a text says, before a type decides what to keep.
pub(super) enum Parsed {
    /// infinity (true) or -infinity
    Infinite(bool),
    Fields {
        /// Days since 2000-01-01.
        days: i64,
        /// Microseconds of the day, up to 24:00:00.
        time: i64,
        /// Seconds east of UTC, if a zone was written.
        zone: Option<i64>,
    },
}

/// Reads a date with an optional time and zone.
///
/// # Errors
/// 22007, 22008 and 22009 as PostgreSQL has them; 0A000 for what only PostgreSQL may read.
pub(super) fn parse(ty: &Type, text: &str) -> Result<Parsed, Error> {
    let text = text.trim_matches(is_space);
    for (word, parsed) in [("infinity", Parsed::Infinite(true)), ("-infinity", Parsed::Infinite(false))] {
        if text.eq_ignore_ascii_case(word) {
            return Ok(parsed);
        }
    }
    if text.eq_ignore_ascii_case("epoch") {
        return Ok(Parsed::Fields { days: -calendar::EPOCH_SHIFT, time: 0, zone: Some(0) });
    }
    let mut cursor = Cursor { rest: text.as_bytes() };
    match Written::read(&mut cursor) {
        Some(written) if cursor.rest.is_empty() => written.check(),
        _ if has_fourth_field(text) || !may_be_read_elsewhere(text) => Err(no_date(ty)),
        _ => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("a protected {ty} is read in ISO 8601 form only (YYYY-MM-DD hh:mm:ss.ffffff+hh:mm)"),
        )),
    }
}

fn no_date(ty: &Type) -> Error {
    Error::new(SqlState::INVALID_DATETIME_FORMAT, format!("invalid input syntax for type {ty}"))
}

fn out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "date/time field value out of range")
}

/// The fields as they stand in the text.
struct Written {
    year: i64,
    month: i64,
    day: i64,
    /// Hour, minute, second, microsecond.
    time: Option<[i64; 4]>,
    /// Sign, hours, minutes, seconds.
    zone: Option<[i64; 4]>,
    before_christ: bool,
}

impl Written {
    /// `None`: this is not the syntax that is read here.
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let first = cursor.digits();
        let (year, month, day) = if cursor.eat(b'-') {
            // A year of two digits depends on DateStyle.
            let year = number(first).filter(|_| first.len() >= 4)?;
            let month = two_digits(cursor).filter(|_| cursor.eat(b'-'))?;
            let day = two_digits(cursor)?;
            // A hyphen here would make it a date of four fields, not an offset.
            if cursor.rest.first() == Some(&b'-') {
                return None;
            }
            (year, month, day)
        } else if first.len() == 8 {
            (number(&first[..4])?, number(&first[4..6])?, number(&first[6..])?)
        } else {
            return None;
        };
        let spaced = cursor.spaces();
        let joined = !spaced && cursor.eat(b'T');
        let time = if (spaced || joined) && cursor.rest.first().is_some_and(u8::is_ascii_digit) {
            Some(time_of_day(cursor)?)
        } else if joined {
            return None;
        } else {
            None
        };
        cursor.spaces();
        let zone = zone(cursor)?;
        cursor.spaces();
        let before_christ = cursor.word(b"BC");
        if !before_christ {
            cursor.word(b"AD");
        }
        Some(Self { year, month, day, time, zone, before_christ })
    }

    /// The checks in PostgreSQL's order: the first that fails decides the SQLSTATE.
    fn check(self) -> Result<Parsed, Error> {
        let time = self.time.map_or(Ok(0), micros_of)?;
        let zone = self.zone.map(seconds_of).transpose()?;
        // There is no year 0; 1 BC is the astronomical year 0.
        let year = if self.before_christ { 1 - self.year } else { self.year };
        if self.year == 0
            || !(1..=12).contains(&self.month)
            || !(1..=calendar::month_length(year, self.month)).contains(&self.day)
        {
            return Err(out_of_range());
        }
        Ok(Parsed::Fields { days: calendar::days(year, self.month, self.day), time, zone })
    }
}

/// Reads a time of day with an optional zone, in seconds east of UTC.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_time(ty: &Type, text: &str) -> Result<(i64, Option<i64>), Error> {
    let text = text.trim_matches(is_space);
    let mut cursor = Cursor { rest: text.as_bytes() };
    let mut read = || {
        let time = time_of_day(&mut cursor)?;
        cursor.spaces();
        let zone = zone(&mut cursor)?;
        cursor.rest.is_empty().then_some((time, zone))
    };
    match read() {
        // A minute or second that is none is found first, then the zone, last that it is more than a day.
        Some(([_, minute, second, _], _)) if minute > 59 || second > 60 => Err(out_of_range()),
        Some((time, zone)) => {
            let zone = zone.map(seconds_of).transpose()?;
            Ok((micros_of(time)?, zone))
        }
        None if !may_be_read_elsewhere(text) && !text.eq_ignore_ascii_case("allballs") => Err(no_date(ty)),
        None => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("a protected {ty} is read in ISO 8601 form only (hh:mm:ss.ffffff+hh:mm)"),
        )),
    }
}

/// Microseconds of a time of day.
fn micros_of([hour, minute, second, micros]: [i64; 4]) -> Result<i64, Error> {
    let time = ((hour * 60 + minute) * 60 + second) * SECOND + micros;
    if minute > 59 || second > 60 || time > DAY { Err(out_of_range()) } else { Ok(time) }
}

/// Seconds east of UTC.
fn seconds_of([sign, hours, minutes, seconds]: [i64; 4]) -> Result<i64, Error> {
    if hours > 15 || minutes > 59 || seconds > 59 {
        return Err(Error::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT, "time zone displacement out of range"));
    }
    Ok(sign * ((hours * 60 + minutes) * 60 + seconds))
}

/// `HH:MM[:SS[.fraction]]`
fn time_of_day(cursor: &mut Cursor<'_>) -> Option<[i64; 4]> {
    let hour = two_digits(cursor).filter(|_| cursor.eat(b':'))?;
    let minute = two_digits(cursor)?;
    let (mut second, mut micros) = (0, 0);
    if cursor.eat(b':') {
        second = two_digits(cursor)?;
        if cursor.eat(b'.') {
            micros = fraction(cursor.digits())?;
        }
    }
    Some([hour, minute, second, micros])
}

/// Microseconds of a fraction, rounded as PostgreSQL does it: through a double, half to even.
fn fraction(digits: &[u8]) -> Option<i64> {
    // A point and at most this many digits: PostgreSQL's own buffer (MAXDATELEN) ends not far behind.
    let mut text = [b'0'; 101];
    let (head, tail) = text.split_at_mut(1);
    head.fill(b'.');
    tail.get_mut(..digits.len())?.copy_from_slice(digits);
    let text = std::str::from_utf8(text.get(..digits.len().max(1) + 1)?).ok()?;
    let fraction: f64 = text.parse().ok()?;
    // At most 1,000,000: exact in both types.
    Some((fraction * 1e6).round_ties_even() as i64)
}

/// `Z`, `UTC`, `GMT`, or a signed offset; `Some(None)` if nothing is written.
fn zone(cursor: &mut Cursor<'_>) -> Option<Option<[i64; 4]>> {
    if [&b"Z"[..], b"UTC", b"GMT"].iter().any(|word| cursor.word(word)) {
        return Some(Some([1, 0, 0, 0]));
    }
    // One sign: "+-05" is no zone.
    let sign = match cursor.rest.first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Some(None),
    };
    cursor.rest = &cursor.rest[1..];
    let first = cursor.digits();
    let (hours, mut minutes, mut seconds) = match first.len() {
        1 | 2 => (number(first)?, 0, 0),
        3 | 4 => (number(&first[..first.len() - 2])?, number(&first[first.len() - 2..])?, 0),
        _ => return None,
    };
    if first.len() <= 2 && cursor.eat(b':') {
        minutes = exactly_two_digits(cursor)?;
        if cursor.eat(b':') {
            seconds = exactly_two_digits(cursor)?;
        }
    }
    Some(Some([sign, hours, minutes, seconds]))
}

/// Digits as a number; at most seven, which is what a year can have.
fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 7 {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// One or two digits.
fn two_digits(cursor: &mut Cursor<'_>) -> Option<i64> {
    let digits = cursor.digits();
    number(digits).filter(|_| digits.len() <= 2)
}

fn exactly_two_digits(cursor: &mut Cursor<'_>) -> Option<i64> {
    let digits = cursor.digits();
    number(digits).filter(|_| digits.len() == 2)
}

/// Walks over ASCII.
struct Cursor<'t> {
    rest: &'t [u8],
}

impl<'t> Cursor<'t> {
    fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if first.eq_ignore_ascii_case(&byte) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Blanks, as the input functions of dates have them (C's isspace).
    fn spaces(&mut self) -> bool {
        let before = self.rest.len();
        while let [first, rest @ ..] = self.rest
            && is_space(char::from(*first))
        {
            self.rest = rest;
        }
        self.rest.len() != before
    }

    fn digits(&mut self) -> &'t [u8] {
        let len = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(len);
        self.rest = rest;
        digits
    }

    fn word(&mut self, word: &[u8]) -> bool {
        match self.rest.split_at_checked(word.len()) {
            Some((head, rest))
                if head.eq_ignore_ascii_case(word) && !rest.first().is_some_and(u8::is_ascii_alphabetic) =>
            {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

/// Whether a date as it is read here is followed by a hyphen and a digit, which is no date in any DateStyle.
fn has_fourth_field(text: &str) -> bool {
    let mut parts = text.splitn(4, '-');
    let mut digits = |len: std::ops::RangeInclusive<usize>| {
        parts.next().is_some_and(|part| len.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    digits(4..=7)
        && digits(1..=2)
        && digits(1..=2)
        && parts.next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether PostgreSQL may know a reading: only words that it knows, with digits or one that needs none. This errs on
/// the side of yes, and decides no more than which error is given.
fn may_be_read_elsewhere(text: &str) -> bool {
    // Punctuation that it does not know only separates.
    let readable = |c: char| c.is_ascii_graphic() || is_space(c);
    if text.len() > 128 || !text.chars().all(readable) {
        return false;
    }
    let mut words = text.split(|c: char| !c.is_ascii_alphabetic() && c != '/' && c != '_');
    let needs_none = words.clone().any(|word| WITHOUT_DIGITS.iter().any(|known| word.eq_ignore_ascii_case(known)));
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    (digits || needs_none) && words.all(|word| is_known(word.trim_matches(['/', '_'])))
}

fn is_known(word: &str) -> bool {
    match word.len() {
        // A letter, an abbreviation or the name of a zone: which ones there are is the server's configuration.
        0..=5 => true,
        _ if word.contains('/') => true,
        _ => WITHOUT_DIGITS.iter().chain(LONG_WORDS).any(|known| word.eq_ignore_ascii_case(known)),
    }
}

/// Words that say a date alone.
const WITHOUT_DIGITS: &[&str] = &["epoch", "infinity", "now", "today", "tomorrow", "yesterday"];

/// The other words of more than five letters that PostgreSQL's date input knows.
#[rustfmt::skip]
const LONG_WORDS: &[&str] = &[
    "allballs", "january", "february", "august", "september", "october", "november", "december", "monday", "tuesday",
    "wednesday", "thursday", "friday", "saturday", "sunday", "julian",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> &'static str {
        parse(&Type::Date, text).err().unwrap().sqlstate.code()
    }

    #[test]
    fn the_first_wrong_field_decides() {
        assert_eq!(state("1939-13-20 24:53 -0262"), "22008");
        assert_eq!(state("1939-13-20 23:53 -0262"), "22009");
        assert_eq!(state("1999-01-08 23:59:60.5"), "22008", "no more than a day");
        assert!(parse(&Type::Date, "1999-01-08 23:59:60").is_ok());
        assert!(parse(&Type::Date, "1999-01-08 23:59:59.9999999").is_ok());
    }

    #[test]
    fn a_hyphen_behind_a_date_begins_no_offset() {
        assert_eq!(state("1999-01-08-05"), "22007");
        assert_eq!(state("1999-13-08-05:30"), "22007");
        assert_eq!(state("645-650-276449313789-5"), "0A000", "which error the server gives depends on its reading");
        assert!(parse(&Type::Date, "1999-01-08 -05").is_ok());
        assert!(parse(&Type::Date, "1999-01-08+05").is_ok());
    }

    #[test]
    fn an_offset_has_one_sign() {
        for text in ["19990108+-05", "1999-01-08 04:05:06+-05", "1999-01-08 04:05:06 -+05", "1999-01-08 ++05"] {
            assert!(parse(&Type::Date, text).is_err(), "{text}");
        }
        assert!(parse_time(&Type::Timetz(None), "04:05:06+-05").is_err());
    }

    #[test]
    fn blanks_are_those_of_c() {
        assert!(parse(&Type::Date, "\x0b1999-01-08\x0b04:05:06\x0c").is_ok());
        assert_eq!(state("1999-01-08\u{a0}04:05:06"), "22007");
    }

    #[test]
    fn what_only_the_server_reads_is_refused_as_such() {
        for text in [
            "- infinity",
            "epoch 04:05",
            "1999-01-08 04:05:06 Europe/Berlin",
            "1999-01-08 04:05:06 America/New_York",
            "January 8, 1999",
            "01/02/2003",
            "today",
            "J2451187",
            "1999-01-08'",
            "1999-01-08 =4:05:06",
            "#1999-01-08",
        ] {
            assert_eq!(state(text), "0A000", "{text}");
        }
        for text in ["", "not-a-date", "nowhere 1999", "１９９９-01-08", "1999-01-08 somewhere"] {
            assert_eq!(state(text), "22007", "{text}");
        }
        let long = format!("1999-01-08 04:05:06.{}", "1".repeat(150));
        assert_eq!(state(&long), "22007");
    }
}
