//! Parameters and values as bytes: the driver's own conversions are for logical types, what travels is physical.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::BytesMut;
use tokio_postgres::types::{self, BorrowToSql, FromSql, IsNull, ToSql, Type, WrongType, to_sql_checked};

use super::Error;
use crate::exec::inputs::{Params, Physical};
use crate::value::Format;

/// Room for the values of most statements.
const ROOM: usize = 128;

/// As many parameters as the statement has.
///
/// # Errors
/// Another number of them.
pub(super) fn fit<P>(params: &[P], types: &[Type]) -> Result<(), Error> {
    if params.len() == types.len() {
        Ok(())
    } else {
        Err(Error::Parameters { expected: types.len(), given: params.len() })
    }
}

/// The application's parameters in their logical types.
pub(super) struct Encoded {
    bytes: BytesMut,
    values: Vec<Option<Range<usize>>>,
    formats: Vec<Format>,
}

impl Encoded {
    /// Of parameters that [`fit`].
    ///
    /// # Errors
    /// A value that is none of its type.
    pub(super) fn new<P: BorrowToSql>(params: &[P], types: &[Type]) -> Result<Self, Error> {
        let (bytes, values) = (BytesMut::with_capacity(ROOM), Vec::with_capacity(params.len()));
        let mut encoded = Self { bytes, values, formats: Vec::with_capacity(params.len()) };
        for (index, (param, ty)) in params.iter().zip(types).enumerate() {
            let (param, start) = (param.borrow_to_sql(), encoded.bytes.len());
            let null = param
                .to_sql_checked(ty, &mut encoded.bytes)
                .map_err(|cause| Unfit::new(index, ty, cause).into_error())?;
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

/// A parameter of the application that goes on as it is. It prints as nothing: the driver logs parameters.
pub(super) struct Own<'p, P> {
    index: usize,
    param: &'p P,
}

impl<'p, P: BorrowToSql> Own<'p, P> {
    /// All of a statement's.
    pub(super) fn all(params: &'p [P]) -> impl ExactSizeIterator<Item = Self> {
        params.iter().enumerate().map(|(index, param)| Self { index, param })
    }
}

impl<P> fmt::Debug for Own<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<P: BorrowToSql> ToSql for Own<'_, P> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let unfit = |cause| Unfit::new(self.index, ty, cause);
        Ok(self.param.borrow_to_sql().to_sql_checked(ty, out).map_err(unfit)?)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, ty: &Type) -> types::Format {
        self.param.borrow_to_sql().encode_format(ty)
    }

    to_sql_checked!();
}

/// A parameter that is none of its type, on its way through the driver's error.
#[derive(Debug, Clone, thiserror::Error)]
#[error("parameter {index} cannot be encoded as {ty}")]
pub(super) struct Unfit {
    index: usize,
    ty: Type,
    wrong: Option<Arc<WrongType>>,
}

impl Unfit {
    /// What the conversion says may hold the value, unless it is about types alone.
    fn new(index: usize, ty: &Type, cause: Box<dyn StdError + Sync + Send>) -> Self {
        Self { index, ty: ty.clone(), wrong: cause.downcast().ok().map(Arc::from) }
    }

    /// The error, if that is what the driver met.
    pub(super) fn of(error: &tokio_postgres::Error) -> Option<Error> {
        error.source()?.downcast_ref().cloned().map(Self::into_error)
    }

    fn into_error(self) -> Error {
        Error::Parameter { index: self.index, ty: self.ty, wrong: self.wrong }
    }
}

/// A parameter that is bytes already. It prints as nothing: the driver logs parameters.
pub(super) struct Raw<'p> {
    format: Format,
    bytes: Option<&'p [u8]>,
}

impl<'p> Raw<'p> {
    /// Physical parameters, of which some are the application's.
    pub(super) fn physical(physical: &'p [Physical], params: Params<'p>) -> impl ExactSizeIterator<Item = Self> {
        physical.iter().map(move |param| match param {
            // `exec` checked that the parameter is there.
            Physical::Pass(index) => Self {
                format: params.formats.get(*index).copied().unwrap_or_default(),
                bytes: params.values.get(*index).copied().flatten(),
            },
            Physical::Owned(format, bytes) => Self { format: *format, bytes: bytes.as_deref() },
        })
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
    let mut columns = Vec::with_capacity(row.len());
    for at in 0..row.len() {
        columns.push(column(row, at)?);
    }
    Ok(columns)
}

/// A column of it.
pub(super) fn column(row: &tokio_postgres::Row, at: usize) -> Result<Option<&[u8]>, Error> {
    Ok(row.try_get::<usize, Option<Bytes<'_>>>(at)?.map(|bytes| bytes.0))
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
        assert!(matches!(fit(&params, &[]), Err(Error::Parameters { expected: 0, given: 1 })));
        let error = Encoded::new(&params, &[Type::INT8]).err().unwrap();
        assert!(matches!(&error, Error::Parameter { index: 0, .. }));
        assert!(error.to_string().contains("cannot convert between the Rust type `&str`"), "{error}");
        assert!(!format!("{error} {error:?}").contains("4111"));
    }

    #[test]
    fn what_a_conversion_says_of_a_value_is_not_passed_on() {
        #[derive(Debug)]
        struct Chatty;
        impl ToSql for Chatty {
            fn to_sql(&self, _: &Type, _: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
                Err("4111 is no number".into())
            }
            fn accepts(_: &Type) -> bool {
                true
            }
            to_sql_checked!();
        }
        let params: [&(dyn ToSql + Sync); 1] = [&Chatty];
        let error = Encoded::new(&params, &[Type::INT8]).err().unwrap();
        assert_eq!(error.to_string(), "parameter $1 cannot be encoded as int8");
        assert!(error.source().is_none() && !format!("{error:?}").contains("4111"));
    }

    #[test]
    fn a_parameter_prints_nothing_of_itself() {
        let raw = Raw { format: Format::Binary, bytes: Some(b"4111") };
        assert_eq!(format!("{raw:?}"), "…");
        let own = Own { index: 0, param: &"4111" };
        assert_eq!(format!("{own:?}"), "…");
        let error = own.to_sql(&Type::INT8, &mut BytesMut::new()).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("4111"));
    }
}
