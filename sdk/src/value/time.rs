//! time and timetz: microseconds of a day up to 24:00, and the offset of a zone.

use super::calendar::DAY;
use super::codec::{Codec, Sent};
use super::datetime::{push_offset, push_time, to_precision};
use super::{Error, Settings, Type, Value, iso8601, too_long, too_short};
use crate::error::SqlState;
use crate::framing::Reader;

pub(super) const TIME: Codec = Codec {
    limit,
    ..Codec::new(
        |ty, text, _| iso8601::parse_time(ty, text).map(|(micros, _)| Value::Time(micros)),
        |_, bytes| read_time(bytes),
        Sent::By("time_send"),
    )
};

pub(super) const TIMETZ: Codec = Codec {
    // Without a written zone it is that of the session.
    read_by_setting: true,
    limit,
    ..Codec::new(
        |ty, text, settings| parse_timetz(ty, text, settings).map(Value::Timetz),
        |_, bytes| read_timetz(bytes),
        Sent::By("timetz_send"),
    )
};

/// PostgreSQL's TZDISP_LIMIT: an offset is less than 16 hours.
const MOST_OFFSET: i32 = 16 * 3600;

/// A time of day in a zone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Timetz {
    micros: i64,
    /// Seconds west of UTC, as it is stored.
    west: i32,
}

impl Timetz {
    /// Microseconds of the zone's day.
    pub fn local(&self) -> i64 {
        self.micros
    }

    /// Appends S.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.micros.to_be_bytes());
        out.extend_from_slice(&self.west.to_be_bytes());
    }

    /// Appends the ISO form.
    pub(super) fn render(&self, out: &mut Vec<u8>) {
        push_time(self.micros, out);
        push_offset(-i64::from(self.west), out);
    }
}

/// Without a written zone it is that of the session, whose offset must be the same on every day.
fn parse_timetz(ty: &Type, text: &str, settings: &Settings) -> Result<Timetz, Error> {
    let (micros, zone) = iso8601::parse_time(ty, text)?;
    let fixed = || settings.time_zone.as_ref()?.to_fixed_offset().ok();
    let offset = zone.or_else(|| fixed().map(|offset| offset.seconds().into())).ok_or_else(|| {
        Error::new(SqlState::FEATURE_NOT_SUPPORTED, "write the offset of a protected time with time zone")
    })?;
    let west = i32::try_from(-offset).ok().filter(|west| west.abs() < MOST_OFFSET).ok_or_else(displaced)?;
    Ok(Timetz { micros, west })
}

fn displaced() -> Error {
    Error::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT, "time zone displacement out of range")
}

fn of_day(micros: i64) -> Result<i64, Error> {
    let range = || Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "time out of range");
    if (0..=DAY).contains(&micros) { Ok(micros) } else { Err(range()) }
}

fn read_time(bytes: &[u8]) -> Result<Value<'static>, Error> {
    super::exactly(bytes).map(i64::from_be_bytes).and_then(of_day).map(Value::Time)
}

fn read_timetz(bytes: &[u8]) -> Result<Value<'static>, Error> {
    let mut reader = Reader::new(bytes);
    let micros = of_day(reader.i64().map_err(|_| too_short())?)?;
    let west = reader.i32().map_err(|_| too_short())?;
    if !(1 - MOST_OFFSET..MOST_OFFSET).contains(&west) {
        return Err(displaced());
    }
    reader.finish().map_err(|_| too_long())?;
    Ok(Value::Timetz(Timetz { micros, west }))
}

fn limit<'a>(value: Value<'a>, ty: &Type) -> Result<Value<'a>, Error> {
    let rounded = |micros: i64, precision: &Option<u8>| to_precision(micros, *precision).unwrap_or(micros);
    Ok(match (value, ty) {
        (Value::Time(micros), Type::Time(precision)) => Value::Time(rounded(micros, precision)),
        (Value::Timetz(v), Type::Timetz(precision)) => {
            Value::Timetz(Timetz { micros: rounded(v.micros, precision), ..v })
        }
        (value, _) => value,
    })
}

/// Appends the ISO form.
pub(super) fn render(micros: i64, out: &mut Vec<u8>) {
    push_time(micros, out);
}
