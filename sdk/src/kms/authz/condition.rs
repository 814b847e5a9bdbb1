//! Condition operators: *IAM User Guide*, "IAM JSON policy elements: Condition operators" and "Single-valued vs.
//! multivalued context keys".

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::context::Context;
use super::glob::{Atom, fits};
use super::variable::expand;

/// One line of a Condition block: operator, key, values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    operator: Operator,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operator {
    set: Set,
    test: Test,
    negated: bool,
    if_exists: bool,
}

/// How the values of a key that has many are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Single,
    ForAnyValue,
    ForAllValues,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Numeric(Order),
    Date(Order),
    IpAddress,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl Condition {
    /// From its three parts; None if the operator is not one of IAM's or a value cannot be one of its kind.
    pub fn parse(operator: &str, key: &str, values: Vec<String>) -> Option<Self> {
        let operator = Operator::parse(operator)?;
        let fit = match operator.test {
            Test::Null | Test::Bool => {
                values.iter().all(|value| value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"))
            }
            _ => true,
        };
        let found = !key.is_empty() && !values.is_empty() && fit;
        found.then(|| Self { operator, key: key.to_owned(), values })
    }

    /// Whether the request meets it. `variables`: whether the policy's version knows policy variables.
    pub fn holds(&self, variables: bool, context: &Context) -> bool {
        let have = context.get(&self.key);
        let Operator { set, test, negated, if_exists } = self.operator;
        if test == Test::Null {
            return self.values.iter().any(|value| value.eq_ignore_ascii_case("true") == have.is_empty());
        }
        if have.is_empty() {
            return match set {
                Set::ForAllValues => true,
                Set::ForAnyValue => if_exists,
                // "StringNotEquals" of a key that is not there is true: IAM User Guide, negated operators.
                Set::Single => if_exists || negated,
            };
        }
        let one = |value: &&str| {
            self.values
                .iter()
                .any(|wanted| expand(wanted, variables, context).is_some_and(|pattern| fits_one(test, &pattern, value)))
                != negated
        };
        match set {
            Set::ForAllValues => have.iter().all(one),
            Set::Single | Set::ForAnyValue => have.iter().any(one),
        }
    }
}

impl Operator {
    fn parse(text: &str) -> Option<Self> {
        let (set, rest) = match text.split_once(':') {
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAnyValue") => (Set::ForAnyValue, rest),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAllValues") => (Set::ForAllValues, rest),
            Some(_) => return None,
            None => (Set::Single, text),
        };
        let lower = rest.to_ascii_lowercase();
        let (name, if_exists) = match lower.strip_suffix("ifexists") {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        let (test, negated) = match name {
            "stringequals" => (Test::Equals, false),
            "stringnotequals" => (Test::Equals, true),
            "stringequalsignorecase" => (Test::EqualsIgnoreCase, false),
            "stringnotequalsignorecase" => (Test::EqualsIgnoreCase, true),
            "stringlike" => (Test::Like, false),
            "stringnotlike" => (Test::Like, true),
            "binaryequals" => (Test::Equals, false),
            // AWS documents that both look at the six parts of an ARN, with wildcards.
            "arnequals" | "arnlike" => (Test::Arn, false),
            "arnnotequals" | "arnnotlike" => (Test::Arn, true),
            "bool" => (Test::Bool, false),
            "ipaddress" => (Test::IpAddress, false),
            "notipaddress" => (Test::IpAddress, true),
            "null" if !if_exists && set == Set::Single => (Test::Null, false),
            _ => {
                let (test, order) = match (name.strip_prefix("numeric"), name.strip_prefix("date")) {
                    (Some(order), _) => (Test::Numeric as fn(Order) -> Test, order),
                    (None, Some(order)) => (Test::Date as fn(Order) -> Test, order),
                    (None, None) => return None,
                };
                match order {
                    "equals" => (test(Order::Equal), false),
                    "notequals" => (test(Order::Equal), true),
                    "lessthan" => (test(Order::Less), false),
                    "lessthanequals" => (test(Order::LessOrEqual), false),
                    "greaterthan" => (test(Order::Greater), false),
                    "greaterthanequals" => (test(Order::GreaterOrEqual), false),
                    _ => return None,
                }
            }
        };
        Some(Self { set, test, negated, if_exists })
    }
}

fn fits_one(test: Test, pattern: &[Atom], value: &str) -> bool {
    match test {
        Test::Like => fits(pattern, value),
        Test::Arn => fits_arn(pattern, value),
        Test::Equals => literal(pattern) == value,
        Test::EqualsIgnoreCase => literal(pattern).to_lowercase() == value.to_lowercase(),
        Test::Bool => literal(pattern).eq_ignore_ascii_case(value),
        Test::Numeric(order) => match (literal(pattern).trim().parse::<f64>(), value.trim().parse::<f64>()) {
            (Ok(wanted), Ok(value)) => order.holds(value, wanted),
            _ => false,
        },
        Test::Date(order) => match (instant(&literal(pattern)), instant(value)) {
            (Some(wanted), Some(value)) => order.holds(value, wanted),
            _ => false,
        },
        Test::IpAddress => within(&literal(pattern), value),
        Test::Null => false,
    }
}

/// A pattern as text, for operators that know no wildcards.
fn literal(pattern: &[Atom]) -> String {
    pattern
        .iter()
        .map(|atom| match atom {
            Atom::Run => '*',
            Atom::One => '?',
            Atom::Is(one) => *one,
        })
        .collect()
}

/// Each of the six parts of an ARN is a pattern of its own: a `*` does not reach over a colon before the sixth.
fn fits_arn(pattern: &[Atom], value: &str) -> bool {
    let patterns: Vec<&[Atom]> = pattern.splitn(6, |atom| *atom == Atom::Is(':')).collect();
    let values: Vec<&str> = value.splitn(6, ':').collect();
    patterns.len() == 6 && values.len() == 6 && patterns.iter().zip(values).all(|(pattern, value)| fits(pattern, value))
}

/// Seconds since 1970, or ISO 8601 as W3C's profile of it.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    text.parse::<Timestamp>().ok().or_else(|| {
        let day: Date = text.parse().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

fn within(range: &str, address: &str) -> bool {
    let (network, length) = match range.split_once('/') {
        Some((network, length)) => (network, length.parse::<u32>().ok()),
        None => (range, Some(128)),
    };
    let (Ok(network), Ok(address), Some(length)) = (network.parse(), address.parse(), length) else { return false };
    let (network, address, bits) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(network.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let length = if range.contains('/') { length } else { bits };
    length <= bits && (length == 0 || (network ^ address) >> (bits - length) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, values: &[&str], have: &[&str]) -> bool {
        let mut context = Context::default();
        context.set_many("aws:x", have.iter().map(|&value| value.to_owned()));
        context.set("aws:PrincipalTag/team", "a*");
        let values = values.iter().map(|&value| value.to_owned()).collect();
        Condition::parse(operator, "AWS:X", values).unwrap().holds(true, &context)
    }

    #[test]
    fn strings() {
        assert!(holds("StringEquals", &["a", "b"], &["b"]) && !holds("StringEquals", &["a"], &["A"]));
        assert!(holds("StringEqualsIgnoreCase", &["a"], &["A"]) && !holds("StringEquals", &["a*"], &["ab"]));
        assert!(holds("StringLike", &["a*"], &["ab"]) && !holds("StringNotLike", &["a*"], &["ab"]));
        assert!(!holds("StringNotEquals", &["a", "b"], &["b"]) && holds("StringNotEquals", &["a"], &["c"]));
    }

    #[test]
    fn a_missing_key_meets_only_negated_and_if_exists() {
        assert!(!holds("StringEquals", &["a"], &[]) && holds("StringEqualsIfExists", &["a"], &[]));
        assert!(holds("StringNotEquals", &["a"], &[]) && holds("StringNotLike", &["*"], &[]));
        assert!(holds("ForAllValues:StringEquals", &["a"], &[]) && !holds("ForAnyValue:StringEquals", &["a"], &[]));
        assert!(!holds("ForAnyValue:StringNotEquals", &["a"], &[]));
        assert!(holds("Null", &["true"], &[]) && !holds("Null", &["false"], &[]) && holds("Null", &["false"], &["a"]));
        assert!(!holds("Bool", &["false"], &[]) && !holds("NumericLessThan", &["3"], &[]));
    }

    #[test]
    fn many_values() {
        assert!(holds("ForAllValues:StringEquals", &["a", "b"], &["a", "b"]));
        assert!(!holds("ForAllValues:StringEquals", &["a", "b"], &["a", "c"]));
        assert!(holds("ForAnyValue:StringLike", &["c*"], &["a", "cc"]));
        assert!(holds("ForAllValues:StringNotEquals", &["a"], &["b", "c"]));
        assert!(!holds("ForAllValues:StringNotEquals", &["a"], &["b", "a"]));
        assert!(holds("ForAnyValue:StringNotEquals", &["a"], &["b", "a"]));
    }

    #[test]
    fn numbers_dates_addresses_and_arns() {
        assert!(holds("NumericLessThanEquals", &["30"], &["7"]) && !holds("NumericLessThan", &["x"], &["7"]));
        assert!(holds("NumericNotEquals", &["30"], &["7"]));
        assert!(holds("DateLessThan", &["2030-01-01T00:00:00Z"], &["1700000000"]));
        assert!(holds("DateGreaterThan", &["2020-01-01"], &["2023-05-01T00:00:00Z"]));
        assert!(
            holds("IpAddress", &["10.0.0.0/8"], &["10.2.3.4"]) && !holds("IpAddress", &["10.0.0.0/8"], &["11.0.0.1"])
        );
        assert!(
            holds("IpAddress", &["2001:db8::/32"], &["2001:db8::1"]) && holds("NotIpAddress", &["10.0.0.1"], &["::1"])
        );
        assert!(holds("IpAddress", &["10.0.0.1"], &["10.0.0.1"]) && !holds("IpAddress", &["10.0.0.1"], &["10.0.0.2"]));
        let role = ["arn:aws:iam::111122223333:role/app:x"];
        assert!(holds("ArnLike", &["arn:aws:iam::*:role/*"], &role) && holds("ArnEquals", &["arn:*:iam::*:*"], &role));
        assert!(!holds("ArnLike", &["arn:aws:*role/app:x"], &role), "a run does not reach over a colon");
        assert!(holds("Bool", &["TRUE"], &["true"]));
    }

    #[test]
    fn a_variable_stands_for_its_value_and_its_wildcards_are_characters() {
        assert!(holds("StringLike", &["${aws:PrincipalTag/team}-?"], &["a*-1"]));
        assert!(!holds("StringLike", &["${aws:PrincipalTag/team}"], &["abc"]));
        assert!(!holds("StringLike", &["${aws:PrincipalTag/none}"], &["a"]));
        assert!(holds("StringEquals", &["${aws:PrincipalTag/none, 'x'}"], &["x"]));
        assert!(holds("StringLike", &["${*}"], &["*"]) && !holds("StringLike", &["${*}"], &["a"]));
    }

    #[test]
    fn what_is_no_operator_is_refused() {
        for operator in ["", "StringIs", "ForSomeValues:StringEquals", "NullIfExists", "NumericLike", "DateThan"] {
            assert_eq!(Condition::parse(operator, "aws:x", vec!["a".into()]), None, "{operator}");
        }
        assert_eq!(Condition::parse("Bool", "aws:x", vec!["yes".into()]), None);
        assert_eq!(Condition::parse("StringEquals", "aws:x", vec![]), None);
    }
}
