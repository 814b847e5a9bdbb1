//! Conversions between types: assignment casts, and the exact carry of a constant into a column's domain (VAL-4).

use std::borrow::Cow;

use super::calendar::DAY;
use super::codec::{Kin, ShownBy};
use super::{Error, Format, Interval, Numeric, Settings, Type, Value, datetime, float, int, json, mac, oid, text};
use crate::error::SqlState;

impl Type {
    /// Whether PostgreSQL has `=` between a column of this type and a constant of the other: what it finds out before
    /// there is a value.
    pub fn compares_with(&self, constant: &Type) -> bool {
        match (self.facts().kin, constant.facts().kin) {
            (Kin::Number(_) | Kin::Float(_), Kin::Number(_) | Kin::Float(_)) | (Kin::Time(_), Kin::Time(_)) => true,
            (Kin::Text, Kin::Text | Kin::Bpchar | Kin::Name) | (Kin::Jsonb, Kin::Jsonb) => true,
            (Kin::Bpchar, Kin::Text | Kin::Bpchar | Kin::Name) | (Kin::Name, Kin::Text | Kin::Bpchar | Kin::Name) => {
                true
            }
            (Kin::Inet, Kin::Inet) | (Kin::Mac, Kin::Mac) | (Kin::Bits, Kin::Bits) | (Kin::Clock, Kin::Clock) => true,
            // A time becomes an interval by itself, one with a zone does not.
            (Kin::Interval, Kin::Clock) => matches!(constant, Type::Time(_)),
            (Kin::Clock, Kin::Interval) => matches!(self, Type::Time(_)),
            (Kin::Oid, Kin::Number(0..=2)) | (Kin::Number(0..=2), Kin::Oid) => true,
            (Kin::Json, _) | (_, Kin::Json) => false,
            _ => self.same_base(constant),
        }
    }

    /// Whether PostgreSQL finds two operators that are as good: `=` between macaddr and macaddr8 is 42725, in a list it is
    /// the column's type that counts.
    pub fn is_ambiguous_beside(&self, constant: &Type) -> bool {
        self.facts().kin == Kin::Mac && constant.facts().kin == Kin::Mac && !self.same_base(constant)
    }

    /// What an untyped constant beside a column of this type is read as: varchar and cidr have no operators of their own.
    pub fn operand(&self) -> Self {
        match self {
            Type::Varchar(_) => Type::Text,
            Type::Cidr => Type::Inet,
            other => other.unmodified(),
        }
    }

    /// Whether a constant of the other type that equals a value of this one can be told from its own type alone (VAL-4).
    pub fn carries(&self, constant: &Type) -> bool {
        self.compares_with(constant)
            && !(self.is_number() && constant.is_float())
            && (self.same_base(constant)
                || !matches!(
                    self.facts().kin,
                    Kin::Bpchar | Kin::Name | Kin::Clock | Kin::Interval | Kin::Oid | Kin::Mac
                ))
    }

    /// Whether a list makes of a constant of the other type what an operator does not: a float4 beside a numeric is
    /// compared as float8, in a list with it as float4. Of the types with several operators for one pair none is tried.
    pub fn is_another_in_lists(&self, constant: &Type) -> bool {
        let several = |kin| match kin {
            Kin::Bpchar
            | Kin::Name
            | Kin::Clock
            | Kin::Interval
            | Kin::Oid
            | Kin::Inet
            | Kin::Mac
            | Kin::Bits
            | Kin::Float(0) => true,
            Kin::Alone
            | Kin::Number(_)
            | Kin::Float(_)
            | Kin::Text
            | Kin::Time(_)
            | Kin::Json
            | Kin::Jsonb
            | Kin::Array => false,
        };
        let (own, other) = (self.facts().kin, constant.facts().kin);
        !self.same_base(constant) && (several(own) || matches!(other, Kin::Bpchar | Kin::Name | Kin::Oid))
    }

    /// Whether PostgreSQL assigns an expression of the other type to a column of this one: to a string it assigns
    /// anything.
    pub fn takes(&self, expression: &Type) -> bool {
        if let (Some(own), Some(expression)) = (self.element(), expression.element()) {
            return own.takes(&expression);
        }
        match (self.facts().kin, expression.facts().kin) {
            (Kin::Text | Kin::Bpchar | Kin::Name, _) => true,
            (Kin::Inet, Kin::Inet) | (Kin::Mac, Kin::Mac) | (Kin::Bits, Kin::Bits) => true,
            (Kin::Clock, Kin::Clock | Kin::Time(1 | 2)) => true,
            (Kin::Interval, Kin::Clock) => matches!(expression, Type::Time(_)),
            (Kin::Clock, Kin::Interval) => matches!(self, Type::Time(_)),
            (Kin::Oid, Kin::Number(0..=2)) | (Kin::Number(1 | 2), Kin::Oid) => true,
            (Kin::Json, Kin::Jsonb) | (Kin::Jsonb, Kin::Json) => true,
            (Kin::Number(_) | Kin::Float(_), Kin::Number(_) | Kin::Float(_)) | (Kin::Time(_), Kin::Time(_)) => true,
            _ => self.same_base(expression),
        }
    }
}

/// See [`Value::assign`].
pub(super) fn assign<'a>(value: Value<'a>, from: &Type, to: &Type) -> Result<Value<'a>, Error> {
    let converted = match (value, to) {
        (Value::Array(array), Type::Array(element)) if to.takes(from) => match from.element() {
            Some(from) if !from.same_base(&element.ty()) => Value::Array(array.assign(&from, &element.ty())?),
            Some(_) | None => Value::Array(array),
        },
        (value, _) if from.same_base(to) => value,
        (Value::Int(v), Type::Int2 | Type::Int4 | Type::Int8) => Value::Int(in_range(to, Some(v))?),
        (Value::Int(v), Type::Numeric(_)) => Value::Numeric(Numeric::from_i64(v)),
        (Value::Numeric(v), Type::Int2 | Type::Int4 | Type::Int8) => {
            if v.is_special() {
                return Err(refused(format!("cannot convert NaN or infinity to {to}")));
            }
            Value::Int(in_range(to, v.rounded_i64())?)
        }
        (
            value @ (Value::Int(_) | Value::Numeric(_) | Value::Float4(_) | Value::Float8(_)),
            Type::Float4 | Type::Float8,
        ) => float::assign(&value, to)?,
        (Value::Float4(v), Type::Int2 | Type::Int4 | Type::Int8) => {
            Value::Int(in_range(to, float::rounded(v.get().into()))?)
        }
        (Value::Float8(v), Type::Int2 | Type::Int4 | Type::Int8) => Value::Int(in_range(to, float::rounded(v.get()))?),
        (Value::Float4(v), Type::Numeric(_)) => Value::Numeric(float::decimal(v.get())?),
        (Value::Float8(v), Type::Numeric(_)) => Value::Numeric(float::decimal(v.get())?),
        // Blanks at the end of a char(n) do not count.
        (Value::Text(v), to) if to.is_string() && matches!(from, Type::Bpchar(_)) => {
            Value::Text(Cow::Owned(v.trim_end_matches(' ').to_owned()))
        }
        (Value::Text(v), to) if to.is_string() => Value::Text(v),
        (Value::Macaddr(v), Type::Macaddr8) => Value::Macaddr8(mac::widened(v)),
        (Value::Macaddr8(v), Type::Macaddr) => Value::Macaddr(mac::narrowed(v).ok_or_else(|| {
            Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "macaddr8 data out of range to convert to macaddr")
        })?),
        (Value::Inet(v), Type::Cidr) => Value::Inet(v.network()),
        (Value::Inet(v), Type::Inet) => Value::Inet(v),
        (Value::Inet(v), Type::Text | Type::Varchar(_) | Type::Bpchar(_)) => {
            let mut out = Vec::new();
            v.render_whole(&mut out);
            Value::Text(Cow::Owned(String::from_utf8_lossy(&out).into_owned()))
        }
        (Value::Bits(v), Type::Bit(_) | Type::Varbit(_)) => Value::Bits(v),
        (Value::Int(v), Type::Oid) => Value::Oid(oid::of_integer(v, from)?),
        (Value::Oid(v), Type::Int4) => Value::Int(v.cast_signed().into()),
        (Value::Oid(v), Type::Int8) => Value::Int(v.into()),
        (Value::Timetz(v), Type::Time(_)) => Value::Time(v.local()),
        (Value::Time(v), Type::Interval(_)) => Value::Interval(Interval { micros: v, ..Interval::default() }),
        // The server wraps around where the time is as long as it can be.
        (Value::Interval(v), Type::Time(_)) if v.micros > i64::MIN + DAY => Value::Time(v.micros.rem_euclid(DAY)),
        (Value::Timestamp(v), Type::Time(_)) if !matches!(v, i64::MIN | i64::MAX) => Value::Time(v.rem_euclid(DAY)),
        (Value::Bool(v), Type::Text | Type::Varchar(_) | Type::Bpchar(_)) => {
            Value::Text(if v { "true" } else { "false" }.into())
        }
        (value, to) if to.is_string() && from.facts().codec.shown_by == ShownBy::Nothing => {
            let mut out = Vec::new();
            value.render(from, Format::Text, &Settings::default(), &mut out)?;
            Value::Text(Cow::Owned(String::from_utf8_lossy(&out).into_owned()))
        }
        (Value::Date(v), Type::Timestamp(_)) => Value::Timestamp(
            midnight(v)
                .ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range for timestamp"))?,
        ),
        (Value::Timestamp(v), Type::Date) => Value::Date(match v {
            i64::MAX => i32::MAX,
            i64::MIN => i32::MIN,
            v => datetime::check_date(v.div_euclid(DAY))?,
        }),
        (Value::Json(v), Type::Jsonb) => Value::Jsonb(json::normal_form(&v)?.into()),
        (Value::Jsonb(v), Type::Json) => Value::Json(v),
        // What they give depends on DateStyle, TimeZone or bytea_output.
        _ if to.takes(from) => {
            return Err(refused(format!(
                "a protected {to} cannot be assigned from {from}: cast it in the application"
            )));
        }
        _ => {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("column is of type {to} but expression is of type {from}"),
            ));
        }
    };
    (to.facts().codec.limit)(converted, to)
}

/// See [`Value::carry`].
pub(super) fn carry<'a>(value: Value<'a>, from: &Type, to: &Type) -> Result<Option<Value<'a>>, Error> {
    if !to.compares_with(from) {
        return Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {to} = {from}")));
    }
    Ok(match (value, to) {
        (Value::Array(_), to) if to.equality().is_none() => {
            return Err(refused(format!("a protected {to} takes no comparison")));
        }
        (Value::Jsonb(_), Type::Jsonb) => return Err(refused("a protected jsonb takes no comparison".into())),
        (Value::Int(v), Type::Int2 | Type::Int4 | Type::Int8) => int::in_range(to, v).ok().map(Value::Int),
        (Value::Numeric(v), Type::Int2 | Type::Int4 | Type::Int8) => {
            v.exact_i64().and_then(|v| int::in_range(to, v).ok()).map(Value::Int)
        }
        (Value::Int(v), Type::Numeric(_)) => Some(Value::Numeric(Numeric::from_i64(v))),
        (
            value @ (Value::Int(_) | Value::Numeric(_) | Value::Float4(_) | Value::Float8(_)),
            Type::Float4 | Type::Float8,
        ) => float::carry(&value, to)?,
        (Value::Date(v), Type::Timestamp(_)) => midnight(v).map(Value::Timestamp),
        (Value::Timestamp(v), Type::Date) => match v {
            i64::MAX => Some(Value::Date(i32::MAX)),
            i64::MIN => Some(Value::Date(i32::MIN)),
            v if v % DAY == 0 => Some(Value::Date(datetime::check_date(v / DAY)?)),
            _ => None,
        },
        (Value::Timestamptz(_), Type::Date | Type::Timestamp(_))
        | (Value::Date(_) | Value::Timestamp(_), Type::Timestamptz(_)) => {
            return Err(refused(format!("comparing a protected {to} with {from} depends on the TimeZone")));
        }
        (Value::Text(v), Type::Text) if matches!(from, Type::Bpchar(_)) => {
            Some(Value::Text(Cow::Owned(v.trim_end_matches(' ').to_owned())))
        }
        // Beside text the blanks of the column do not count, and those of the constant do.
        (Value::Text(v), Type::Bpchar(_)) if *from == Type::Text => (!v.ends_with(' ')).then_some(Value::Text(v)),
        (Value::Text(v), Type::Bpchar(_)) if *from != Type::Name => Some(Value::Text(v)),
        (Value::Int(v), Type::Oid) => Some(Value::Oid(oid::of_integer(v, from)?)),
        (Value::Text(v), Type::Name) if from.is_text() => (v.len() <= text::MOST_OF_NAME).then_some(Value::Text(v)),
        (Value::Text(v), Type::Text | Type::Varchar(_)) if from.is_text() || *from == Type::Name => {
            Some(Value::Text(v))
        }
        (Value::Inet(v), Type::Cidr) => v.is_network().then_some(Value::Inet(v)),
        (Value::Inet(v), Type::Inet) => Some(Value::Inet(v)),
        (Value::Bits(v), Type::Bit(_) | Type::Varbit(_)) => Some(Value::Bits(v)),
        (value, _) if from.same_base(to) => Some(value),
        _ => {
            return Err(refused(format!(
                "a protected {to} cannot be compared with {from}: cast it in the application"
            )));
        }
    })
}

fn in_range(to: &Type, value: Option<i64>) -> Result<i64, Error> {
    value.ok_or_else(|| int::out_of_range(to)).and_then(|value| int::in_range(to, value))
}

/// The first instant of a date; `None` if it is too late for a timestamp.
fn midnight(date: i32) -> Option<i64> {
    match date {
        i32::MAX => Some(i64::MAX),
        i32::MIN => Some(i64::MIN),
        date => i64::from(date).checked_mul(DAY).and_then(|micros| datetime::round(micros, None).ok()),
    }
}

fn refused(message: String) -> Error {
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Value<'static> {
        Value::Numeric(Numeric::parse(text).unwrap())
    }

    #[test]
    fn constants_are_carried_exactly_or_equal_nothing() {
        let numeric = Type::Numeric(None);
        assert!(number("7.0").carry(&numeric, &Type::Int4).unwrap() == Some(Value::Int(7)));
        assert!(number("8.5").carry(&numeric, &Type::Int4).unwrap().is_none());
        assert!(Value::Int(i64::MAX).carry(&Type::Int8, &Type::Int4).unwrap().is_none());
        let narrow = Type::from_name("numeric(12,2)").unwrap();
        let carried = number("1.005").carry(&numeric, &narrow).unwrap().unwrap();
        assert!(carried == number("1.005"), "SQL-20: a comparison never applies a modifier");
        assert_eq!(
            Value::Text("x".into()).carry(&Type::Text, &Type::Int4).err().unwrap().sqlstate,
            SqlState::UNDEFINED_FUNCTION
        );
        assert_eq!(
            Value::Date(0).carry(&Type::Date, &Type::Timestamptz(None)).err().unwrap().sqlstate,
            SqlState::FEATURE_NOT_SUPPORTED
        );
        let late = Value::Date(2_145_031_948);
        assert!(late.clone().carry(&Type::Date, &Type::Timestamp(None)).unwrap().is_none(), "no timestamp equals it");
        assert!(late.assign(&Type::Date, &Type::Timestamp(None)).is_err());
        assert!(Value::Timestamp(1).carry(&Type::Timestamp(None), &Type::Date).unwrap().is_none());
        assert!(Value::Timestamp(2 * DAY).carry(&Type::Timestamp(None), &Type::Date).unwrap() == Some(Value::Date(2)));
    }

    #[test]
    fn assignments_round_and_check_as_postgresql_does() {
        let numeric = Type::Numeric(None);
        assert!(number("8.5").assign(&numeric, &Type::Int4).unwrap() == Value::Int(9));
        assert_eq!(
            Value::Int(40_000).assign(&Type::Int4, &Type::Int2).err().unwrap().sqlstate,
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE
        );
        let narrow = Type::from_name("numeric(12,2)").unwrap();
        assert!(number("1.005").assign(&numeric, &narrow).unwrap() == number("1.01"));
        assert!(Value::Int(7).assign(&Type::Int4, &Type::Text).unwrap() == Value::Text("7".into()));
        assert!(Value::Bool(true).assign(&Type::Bool, &Type::Text).unwrap() == Value::Text("true".into()));
        assert_eq!(
            Value::Bool(true).assign(&Type::Bool, &Type::Int4).err().unwrap().sqlstate,
            SqlState::DATATYPE_MISMATCH
        );
        assert_eq!(
            Value::Text("1".into()).assign(&Type::Text, &Type::Int4).err().unwrap().sqlstate,
            SqlState::DATATYPE_MISMATCH
        );
    }
}
