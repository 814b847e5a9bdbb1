//! The proleptic Gregorian calendar and time zones, over PostgreSQL's whole range (4714 BC to 294276 AD and beyond).

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// Microseconds of a second and of a day.
pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;
/// Days from 1970-01-01 to PostgreSQL's epoch 2000-01-01.
pub(super) const EPOCH_SHIFT: i64 = 10_957;
/// The calendar repeats after 400 years of exactly this many days.
const CYCLE_DAYS: i64 = 146_097;

/// Days since 2000-01-01 of a date with an astronomical year (0 is 1 BC).
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March put the leap day last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_cycle = of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + day_of_year;
    // 2000-03-01 begins a cycle of such years, 60 days after the epoch.
    (cycle - 5) * CYCLE_DAYS + day_of_cycle + 60
}

/// Astronomical year, month and day of days since 2000-01-01.
pub(super) fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days - 60;
    let (cycle, day_of_cycle) = (shifted.div_euclid(CYCLE_DAYS), shifted.rem_euclid(CYCLE_DAYS));
    let of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * of_cycle + of_cycle / 4 - of_cycle / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    ((cycle + 5) * 400 + of_cycle + i64::from(month <= 2), month, day)
}

/// How many days a month has.
pub(super) fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The offset in seconds east of UTC that is in force in `zone` at an instant.
pub(super) fn offset_at(zone: &TimeZone, micros: i64) -> i64 {
    let seconds = i128::from(micros.div_euclid(SECOND)) + i128::from(EPOCH_SHIFT * 86_400);
    // A year after 9999 has the rules of the year that looks like it (the last rule of a zone repeats for ever).
    let seconds = in_years(seconds, 253_000_000_000);
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or(0, |instant| i64::from(zone.to_offset(instant).seconds()))
}

/// The offset in seconds that `zone` gives to a local time: in a gap the one before it, in an overlap the one after
/// it, as PostgreSQL chooses.
pub(super) fn offset_of_local(zone: &TimeZone, local: i64) -> i64 {
    let seconds = in_years(i128::from(local.div_euclid(SECOND)) + i128::from(EPOCH_SHIFT * 86_400), 253_000_000_000);
    let seconds = i64::try_from(seconds).unwrap_or(0);
    let (year, month, day) = date(seconds.div_euclid(86_400) - EPOCH_SHIFT);
    let of_day = seconds.rem_euclid(86_400);
    let fields = (i16::try_from(year), i8::try_from(month), i8::try_from(day));
    let (Ok(year), Ok(month), Ok(day)) = fields else { return 0 };
    let part = |value: i64| i8::try_from(value).unwrap_or(0);
    let Ok(local) = DateTime::new(year, month, day, part(of_day / 3600), part(of_day / 60 % 60), part(of_day % 60), 0)
    else {
        return 0;
    };
    let offset = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } => before,
        AmbiguousOffset::Fold { after, .. } => after,
    };
    i64::from(offset.seconds())
}

/// Moves seconds since 1970 back by whole calendar cycles until they are below `limit`.
fn in_years(seconds: i128, limit: i128) -> i128 {
    const CYCLE: i128 = CYCLE_DAYS as i128 * 86_400;
    if seconds < limit { seconds } else { seconds - ((seconds - limit) / CYCLE + 1) * CYCLE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse() {
        assert_eq!(days(2000, 1, 1), 0);
        assert_eq!(days(1970, 1, 1), -EPOCH_SHIFT);
        assert_eq!(days(-4713, 11, 24), -2_451_545);
        assert_eq!(days(5_874_897, 12, 31), 2_145_031_948);
        for day in (-2_451_545..3_000_000).step_by(37).chain([59, 60, 61, 365, 366, 146_097 + 60]) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
            assert!((1..=month_length(year, month)).contains(&of_month));
        }
    }

    #[test]
    fn gaps_take_the_offset_before_and_overlaps_the_one_after() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let local = |h: i64, m: i64, month: i64, day: i64| days(2026, month, day) * DAY + (h * 60 + m) * 60 * SECOND;
        assert_eq!(offset_of_local(&berlin, local(2, 30, 3, 29)), 3600);
        assert_eq!(offset_of_local(&berlin, local(2, 30, 10, 25)), 3600);
        assert_eq!(offset_of_local(&berlin, local(2, 30, 7, 1)), 7200);
        // Far beyond jiff's calendar.
        assert_eq!(offset_of_local(&berlin, days(200_000, 7, 1) * DAY), 7200);
        assert_eq!(offset_at(&berlin, days(200_000, 1, 1) * DAY), 3600);
    }
}
