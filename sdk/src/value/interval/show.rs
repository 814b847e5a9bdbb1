//! The four styles of `IntervalStyle`.

use super::super::calendar::SECOND;
use super::super::digits;
use super::{Interval, IntervalStyle};

/// Years, months, days, hours, minutes, and microseconds below a minute; those of one part of an interval have one sign.
struct Fields {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    micros: i64,
}

pub(super) fn render(interval: &Interval, style: IntervalStyle, out: &mut Vec<u8>) {
    let fields = Fields {
        years: (interval.months / 12).into(),
        months: (interval.months % 12).into(),
        days: interval.days.into(),
        hours: interval.micros / (3600 * SECOND),
        minutes: interval.micros / (60 * SECOND) % 60,
        micros: interval.micros % (60 * SECOND),
    };
    match style {
        IntervalStyle::Postgres => postgres(&fields, interval, out),
        IntervalStyle::Verbose => verbose(&fields, out),
        IntervalStyle::SqlStandard => sql_standard(&fields, interval, out),
        IntervalStyle::Iso8601 => iso_8601(&fields, out),
    }
}

/// A positive field behind a negative one has its sign.
fn postgres(fields: &Fields, interval: &Interval, out: &mut Vec<u8>) {
    let (mut any, mut behind_negative) = (false, false);
    for (value, unit) in [(fields.years, "year"), (fields.months, "mon"), (fields.days, "day")] {
        if value == 0 {
            continue;
        }
        if any {
            out.push(b' ');
        }
        if behind_negative && value > 0 {
            out.push(b'+');
        }
        digits::push_signed(value, out);
        push_unit(unit, value != 1, out);
        (any, behind_negative) = (true, value < 0);
    }
    if any && interval.micros == 0 {
        return;
    }
    if any {
        out.push(b' ');
    }
    if interval.micros < 0 {
        out.push(b'-');
    } else if behind_negative {
        out.push(b'+');
    }
    digits::push_padded::<2>(fields.hours.unsigned_abs(), out);
    push_minutes_and_seconds(fields, out);
}

/// The sign of the first field stands behind all, as `ago`.
fn verbose(fields: &Fields, out: &mut Vec<u8>) {
    out.push(b'@');
    let Fields { years, months, days, hours, minutes, micros } = *fields;
    let units = [(years, "year"), (months, "mon"), (days, "day"), (hours, "hour"), (minutes, "min")];
    let first = units.iter().map(|(value, _)| *value).chain([micros]).find(|value| *value != 0);
    let ago = first.is_some_and(|value| value < 0);
    let sign = if ago { -1 } else { 1 };
    for (value, unit) in units {
        if value != 0 {
            out.push(b' ');
            digits::push_signed(value * sign, out);
            push_unit(unit, value * sign != 1, out);
        }
    }
    if micros != 0 {
        out.push(b' ');
        if micros * sign < 0 {
            out.push(b'-');
        }
        push_seconds::<1>(micros, out);
        push_unit("sec", micros.abs() != SECOND, out);
    }
    if first.is_none() {
        out.extend_from_slice(b" 0");
    }
    if ago {
        out.extend_from_slice(b" ago");
    }
}

/// What the standard has no form for has a sign at each part.
fn sql_standard(fields: &Fields, interval: &Interval, out: &mut Vec<u8>) {
    let parts = [i64::from(interval.months), interval.days.into(), interval.micros];
    let (negative, positive) = (parts.iter().any(|part| *part < 0), parts.iter().any(|part| *part > 0));
    let [has_months, has_days, has_time] = parts.map(|part| part != 0);
    if !negative && !positive {
        return out.push(b'0');
    }
    let sign = |value: i64| if value < 0 { b'-' } else { b'+' };
    if (negative && positive) || (has_months && (has_days || has_time)) {
        out.push(sign(parts[0]));
        push_months(fields, out);
        out.extend_from_slice(&[b' ', sign(parts[1])]);
        digits::push(fields.days.unsigned_abs(), out);
        out.extend_from_slice(&[b' ', sign(parts[2])]);
        digits::push(fields.hours.unsigned_abs(), out);
        return push_minutes_and_seconds(fields, out);
    }
    if negative {
        out.push(b'-');
    }
    if has_months {
        return push_months(fields, out);
    }
    if has_days {
        digits::push(fields.days.unsigned_abs(), out);
        out.push(b' ');
    }
    digits::push(fields.hours.unsigned_abs(), out);
    push_minutes_and_seconds(fields, out);
}

fn iso_8601(fields: &Fields, out: &mut Vec<u8>) {
    let Fields { years, months, days, hours, minutes, micros } = *fields;
    out.push(b'P');
    let part = |value: i64, unit: u8, out: &mut Vec<u8>| {
        if value != 0 {
            digits::push_signed(value, out);
            out.push(unit);
        }
    };
    for (value, unit) in [(years, b'Y'), (months, b'M'), (days, b'D')] {
        part(value, unit, out);
    }
    let no_time = [hours, minutes, micros] == [0; 3];
    if no_time && [years, months, days] != [0; 3] {
        return;
    }
    out.push(b'T');
    part(hours, b'H', out);
    part(minutes, b'M', out);
    if micros != 0 || no_time {
        if micros < 0 {
            out.push(b'-');
        }
        push_seconds::<1>(micros, out);
        out.push(b'S');
    }
}

fn push_unit(unit: &str, many: bool, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(unit.as_bytes());
    if many {
        out.push(b's');
    }
}

/// `years-months` without a sign.
fn push_months(fields: &Fields, out: &mut Vec<u8>) {
    digits::push(fields.years.unsigned_abs(), out);
    out.push(b'-');
    digits::push(fields.months.unsigned_abs(), out);
}

fn push_minutes_and_seconds(fields: &Fields, out: &mut Vec<u8>) {
    out.push(b':');
    digits::push_padded::<2>(fields.minutes.unsigned_abs(), out);
    out.push(b':');
    push_seconds::<2>(fields.micros, out);
}

/// The magnitude, without zeros at the end of the fraction.
fn push_seconds<const WIDTH: usize>(micros: i64, out: &mut Vec<u8>) {
    let micros = micros.unsigned_abs();
    let second = SECOND.unsigned_abs();
    digits::push_padded::<WIDTH>(micros / second, out);
    if !micros.is_multiple_of(second) {
        out.push(b'.');
        digits::push_padded::<6>(micros % second, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}
