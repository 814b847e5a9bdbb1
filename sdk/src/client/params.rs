//! Parameters and values as bytes: the driver's own conversions are for logical types, what travels is physical.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;

use bytes::BytesMut;
use tokio_postgres::types::{self, BorrowToSql, FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::Error;
use crate::exec::inputs::{Params, Physical};
use crate::value::Format;

/// The application's parameters in their logical types.
pub(super) struct Encoded {
    bytes: BytesMut,
    values: Vec<Option<Range<usize>>>,
    formats: Vec<Format>,
}

impl Encoded {
    /// # Errors
    /// Another number of them, or a value that is none of its type.
    pub(super) fn new<P: BorrowToSql>(params: &[P], types: &[Type]) -> Result<Self, Error> {
        if params.len() != types.len() {
            return Err(Error::Parameters { expected: types.len(), given: params.len() });
        }
        let mut encoded = Self { bytes: BytesMut::new(), values: Vec::new(), formats: Vec::new() };
        for (index, (param, ty)) in params.iter().zip(types).enumerate() {
            let (param, start) = (param.borrow_to_sql(), encoded.bytes.len());
            // What the conversion says may hold the value.
            let null =
                param.to_sql_checked(ty, &mut encoded.bytes).map_err(|_| Error::Parameter { index, ty: ty.clone() })?;
            encoded.values.push(match null {
                IsNull::Yes => None,
                IsNull::No => Some(start..encoded.bytes.len()),
            });
            encoded.formats.push(match param.encode_format(ty) {
                types::Format::Text => Format::Text,
                types::Format::Binary => Format::Binary,
            });
        }
        Ok(encoded)
    }

    /// The values, by number from 0.
    pub(super) fn values(&self) -> Vec<Option<&[u8]>> {
        self.values.iter().map(|range| self.bytes.get(range.clone()?)).collect()
    }

    /// Their formats.
    pub(super) fn formats(&self) -> &[Format] {
        &self.formats
    }
}

/// A parameter that is bytes already. It prints as nothing: the driver logs parameters.
pub(super) struct Raw<'p> {
    format: Format,
    bytes: Option<&'p [u8]>,
}

impl<'p> Raw<'p> {
    /// The application's own parameters.
    pub(super) fn own(params: Params<'p>) -> Vec<Self> {
        params
            .values
            .iter()
            .zip(params.formats)
            .map(|(bytes, format)| Self { format: *format, bytes: *bytes })
            .collect()
    }

    /// Physical parameters, of which some are the application's.
    pub(super) fn physical(physical: &'p [Physical], params: Params<'p>) -> Vec<Self> {
        let raw = |param: &'p Physical| match param {
            // `exec` checked that the parameter is there.
            Physical::Pass(index) => Self {
                format: params.formats.get(*index).copied().unwrap_or_default(),
                bytes: params.values.get(*index).copied().flatten(),
            },
            Physical::Owned(format, bytes) => Self { format: *format, bytes: bytes.as_deref() },
        };
        physical.iter().map(raw).collect()
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Raw<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self.bytes {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> types::Format {
        match self.format {
            Format::Text => types::Format::Text,
            Format::Binary => types::Format::Binary,
        }
    }

    to_sql_checked!();
}

/// The bytes of a column, whatever its type.
struct Bytes<'r>(&'r [u8]);

impl<'r> FromSql<'r> for Bytes<'r> {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The columns of a physical row.
pub(super) fn columns(row: &tokio_postgres::Row) -> Result<Vec<Option<&[u8]>>, Error> {
    let column = |index| Ok(row.try_get::<usize, Option<Bytes<'_>>>(index)?.map(|bytes| bytes.0));
    (0..row.len()).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_in_their_logical_types_and_null_is_null() {
        let params: [&(dyn ToSql + Sync); 2] = [&7_i64, &None::<String>];
        let encoded = Encoded::new(&params, &[Type::INT8, Type::TEXT]).unwrap();
        assert_eq!(encoded.values(), [Some(&7_i64.to_be_bytes()[..]), None]);
        assert_eq!(encoded.formats(), [Format::Binary; 2]);
    }

    #[test]
    fn a_wrong_number_or_type_of_parameters_is_an_error_and_no_panic() {
        let params: [&(dyn ToSql + Sync); 1] = [&"4111"];
        let error = Encoded::new(&params, &[]).err().unwrap();
        assert!(matches!(error, Error::Parameters { expected: 0, given: 1 }));
        let error = Encoded::new(&params, &[Type::INT8]).err().unwrap();
        assert!(matches!(&error, Error::Parameter { index: 0, .. }));
        assert!(!format!("{error} {error:?}").contains("4111"));
    }

    #[test]
    fn a_parameter_prints_nothing_of_itself() {
        let raw = Raw { format: Format::Binary, bytes: Some(b"4111") };
        assert_eq!(format!("{raw:?}"), "…");
    }
}
