//! A numeric that goes through JSON, CSV and SQL as what was written, digit by digit: money is no float.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use bytes::BytesMut;
use pgseal::value::Numeric;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// For example `12.50`.
#[derive(Clone, PartialEq)]
pub(crate) struct Amount(Numeric);

/// [`ToSql`] asks for it; it shows no value.
impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Amount(…)")
    }
}

impl FromStr for Amount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Numeric::parse(text) {
            Ok(numeric) if !numeric.is_special() => Ok(Self(numeric)),
            Ok(_) | Err(_) => Err("an amount is a decimal number, in quotes"),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Vec::new();
        self.0.render(&mut digits);
        f.write_str(&String::from_utf8_lossy(&digits))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl ToSql for Amount {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let mut bytes = Vec::new();
        self.0.write(&mut bytes);
        out.extend_from_slice(&bytes);
        Ok(IsNull::No)
    }

    accepts!(NUMERIC);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Amount {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Numeric::read(bytes)?))
    }

    accepts!(NUMERIC);
}
