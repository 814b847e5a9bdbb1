//! Arrays of any type of the table: their stored form is `array_send` without type OID and flags (VAL-1), and in memory
//! an array is these bytes (arrayfuncs.c).

mod builder;
mod sent;
mod text;

use std::borrow::Cow;

pub(crate) use builder::Builder;

use super::codec::{Codec, Sent, Shape, Signed};
use super::{Element, Error, Format, Settings, Type, Value, too_long, too_short};
use crate::error::SqlState;
use crate::framing::Reader;

/// High byte of the families of arrays (VAL-3).
pub(super) const FAMILY: u16 = 0x0100;
/// MAXDIM
const MOST_DIMENSIONS: usize = 6;
/// MaxArraySize: how many elements PostgreSQL lets an array have.
const MOST_ELEMENTS: u64 = 134_217_727;

/// FirstGenbkiObjectId: lower ones are given by hand.
const FIRST_FREE_OID: u32 = 10_000;

/// The family of E over that of the elements.
pub(super) const fn equality(element: Option<u16>) -> Option<u16> {
    match element {
        Some(element) => Some(FAMILY | element),
        None => None,
    }
}

/// The codec of arrays over that of their elements.
pub(super) const fn over(element: &Codec) -> Codec {
    Codec {
        parse: |ty, text, settings| text::parse(element_of(ty)?, text, settings).map(Value::Array),
        read: |ty, bytes| receive(element_of(ty)?.unmodified(), bytes).map(Value::Array),
        limit,
        sent: Sent::Array,
        shown_by: element.shown_by,
        read_by_setting: element.read_by_setting,
        signed: Signed::AsStored,
        shape: Shape::List,
        bare: None,
        widest: None,
    }
}

fn element_of(ty: &Type) -> Result<Type, Error> {
    ty.element().ok_or_else(|| Error::new(SqlState::DATATYPE_MISMATCH, "this type has no elements"))
}

/// Applies the modifier to every element.
fn limit<'a>(value: Value<'a>, ty: &Type) -> Result<Value<'a>, Error> {
    match (value, ty.element()) {
        (Value::Array(array), Some(element)) if element != element.unmodified() => {
            array.map(&element, |value| (element.facts().codec.limit)(value, &element)).map(Value::Array)
        }
        (value, _) => Ok(value),
    }
}

/// An array of values of one type, of up to six dimensions. Like a [`Value`], it has no `Debug`.
///
/// ```
/// use pgseal::value::{Array, Format, Settings, Type, Value};
///
/// let tags = Array::new(&Type::Text, [Some(Value::Text("a".into())), None])?;
/// assert_eq!((tags.len(), tags.dimensions().collect::<Vec<_>>()), (2, vec![(2, 1)]));
/// let mut text = Vec::new();
/// let ty = Type::from_name("text[]").unwrap();
/// Value::Array(tags).render(&ty, Format::Text, &Settings::default(), &mut text)?;
/// assert_eq!(text, b"{a,NULL}");
/// # Ok::<(), pgseal::value::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Array<'a> {
    /// Without modifier.
    element: Element,
    /// `u32` number of dimensions, an `i32` length and an `i32` lower bound of each, and an `i32` length (-1 for NULL) and
    /// S of each element. All of it was looked at.
    stored: Cow<'a, [u8]>,
}

impl<'a> Array<'a> {
    /// An array of one dimension that counts from 1; of none, if there are no elements. `None` is NULL.
    ///
    /// # Errors
    /// An element that is no value of this type, an element type that is an array itself, more than 134,217,727 elements.
    pub fn new<'v>(
        element: &Type,
        values: impl IntoIterator<Item = Option<Value<'v>>>,
    ) -> Result<Array<'static>, Error> {
        let mut array = Builder::new(element);
        let mut given = Vec::new();
        for value in values {
            array.push(|body| {
                let Some(value) = value else { return Ok(false) };
                let from = value.widest_type();
                if !from.same_base(&element.widest()) {
                    return Err(Error::new(SqlState::DATATYPE_MISMATCH, "an element's type is not that of the array"));
                }
                // A value can be built that PostgreSQL does not have.
                given.clear();
                value.assign(&from, element)?.render(element, Format::Binary, &Settings::default(), &mut given)?;
                Value::parse(element, Format::Binary, &given, &Settings::default())?.write_stored(element, body);
                Ok(true)
            })?;
        }
        array.finish()
    }

    /// Number of elements, in all dimensions.
    pub fn len(&self) -> usize {
        usize::try_from(self.head().count).unwrap_or(usize::MAX)
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.head().count == 0
    }

    /// Length and lower bound of each dimension.
    pub fn dimensions(&self) -> impl Iterator<Item = (i32, i32)> + use<> {
        let head = self.head();
        (0..head.dimensions).filter_map(move |at| head.shape.get(at).copied())
    }

    /// Its elements, in the order in which they are stored; `None` is NULL.
    ///
    /// # Errors
    /// Bytes that are no value of the element type: none where the array was read or made here.
    pub fn elements(&self) -> impl Iterator<Item = Result<Option<Value<'_>>, Error>> {
        let ty = self.element_type();
        self.raw().map(move |stored| stored?.map(|stored| Value::read_stored(&ty, stored)).transpose())
    }

    /// Its own type, without modifier.
    pub(super) fn ty(&self) -> Type {
        Type::Array(self.element)
    }

    /// The type of its elements, without modifier.
    pub fn element_type(&self) -> Type {
        self.element.ty()
    }

    /// The same without a borrow.
    pub fn into_owned(self) -> Array<'static> {
        Array { element: self.element, stored: Cow::Owned(self.stored.into_owned()) }
    }

    /// Reads S.
    pub(super) fn read_stored(ty: &Type, stored: &'a [u8]) -> Result<Self, Error> {
        let element = element_of(ty)?;
        let mut reader = Reader::new(stored);
        let head = Head::read(&mut reader)?;
        if head.count == 0 && head.dimensions > 0 {
            return Err(Error::new(
                SqlState::INVALID_BINARY_REPRESENTATION,
                "an array without elements has no dimensions",
            ));
        }
        let elements = Elements { left: head.count, reader };
        let mut seen = 0_u64;
        for stored in elements {
            if let Some(stored) = stored? {
                Value::read_stored(&element, stored)?;
            }
            seen += 1;
        }
        if seen != head.count {
            return Err(too_short());
        }
        Ok(Self { element: of_type(&element)?, stored: Cow::Borrowed(stored) })
    }

    /// Appends S.
    pub(crate) fn write_stored(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.stored);
    }

    /// Bytes of S.
    pub(super) fn stored_room(&self) -> usize {
        self.stored.len()
    }

    /// Appends E: dimensions, bounds and the elements' E, since `array_eq` compares all of them, and takes two NULLs for
    /// equal.
    pub(super) fn write_equality(&self, out: &mut Vec<u8>) {
        let ty = self.element_type();
        out.extend_from_slice(self.stored.get(..self.head().bytes()).unwrap_or_default());
        for value in self.elements() {
            match value {
                Ok(Some(value)) => put_sized(out, |out| value.write_equality(&ty, out)),
                // It was read before, so that there are no others.
                Ok(None) | Err(_) => put_null(out),
            }
        }
    }

    /// Appends `array_send` in client_encoding.
    pub(super) fn send(&self, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Error> {
        let ty = self.element_type();
        let head = self.stored.get(..self.head().bytes()).unwrap_or_default();
        let (count, shape) = head.split_at_checked(4).unwrap_or_default();
        let nulls = self.raw().any(|stored| matches!(stored, Ok(None)));
        out.extend_from_slice(count);
        out.extend_from_slice(&u32::from(nulls).to_be_bytes());
        out.extend_from_slice(&ty.oid().to_be_bytes());
        out.extend_from_slice(shape);
        if settings.encoding.is_utf8() {
            out.extend_from_slice(self.stored.get(head.len()..).unwrap_or_default());
            return Ok(());
        }
        for value in self.elements() {
            match value? {
                Some(value) => try_put_sized(out, |out| value.render(&ty, Format::Binary, settings, out))?,
                None => put_null(out),
            }
        }
        Ok(())
    }

    /// Appends `array_out` in UTF-8.
    pub(super) fn render(&self, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Error> {
        text::render(self, settings, out)
    }

    /// With every element assigned to another type, without its modifier (ArrayCoerceExpr).
    pub(super) fn assign(&self, from: &Type, to: &Type) -> Result<Array<'static>, Error> {
        self.map(to, |value| value.assign(from, &to.unmodified()))
    }

    fn map<'v>(
        &'v self,
        to: &Type,
        change: impl Fn(Value<'v>) -> Result<Value<'v>, Error>,
    ) -> Result<Array<'static>, Error> {
        let mut body = Vec::with_capacity(self.stored.len());
        for value in self.elements() {
            match value? {
                Some(value) => put(&change(value)?, to, &mut body),
                None => put_null(&mut body),
            }
        }
        let dimensions: Vec<_> = self.dimensions().collect();
        build(to, &dimensions, &body)
    }

    fn head(&self) -> Head {
        // It was read before.
        Head::read(&mut Reader::new(&self.stored)).unwrap_or_default()
    }

    /// The elements' S.
    fn raw(&self) -> Elements<'_> {
        let mut reader = Reader::new(&self.stored);
        Elements { left: Head::read(&mut reader).unwrap_or_default().count, reader }
    }
}

/// What stands before the elements.
#[derive(Clone, Copy, Default)]
struct Head {
    dimensions: usize,
    /// Length and lower bound of each.
    shape: [(i32, i32); MOST_DIMENSIONS],
    /// Number of elements.
    count: u64,
}

impl Head {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let dimensions = dimensions(reader)?;
        Self::shape(dimensions, reader)
    }

    /// Lengths and bounds, checked as ArrayGetNItems and ArrayCheckBounds do.
    fn shape(dimensions: usize, reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut head = Self { dimensions, count: u64::from(dimensions > 0), ..Self::default() };
        for place in head.shape.iter_mut().take(dimensions) {
            let length = reader.i32().map_err(|_| too_short())?;
            let lower = reader.i32().map_err(|_| too_short())?;
            *place = (length, lower);
            head.count = elements(head.count, length)?;
            within(length, lower)?;
        }
        Ok(head)
    }

    /// How many bytes it takes in S.
    fn bytes(&self) -> usize {
        4 + 8 * self.dimensions
    }
}

/// So many arrays of this length.
fn elements(arrays: u64, length: i32) -> Result<u64, Error> {
    let length = u64::try_from(length).map_err(|_| too_many())?;
    arrays.checked_mul(length).filter(|count| *count <= MOST_ELEMENTS).ok_or_else(too_many)
}

fn within(length: i32, lower: i32) -> Result<(), Error> {
    let message = "array lower bound is too large";
    lower.checked_add(length).map(drop).ok_or_else(|| Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message))
}

fn dimensions(reader: &mut Reader<'_>) -> Result<usize, Error> {
    let dimensions = reader.i32().map_err(|_| too_short())?;
    let dimensions = usize::try_from(dimensions)
        .map_err(|_| Error::new(SqlState::INVALID_BINARY_REPRESENTATION, "invalid number of dimensions"))?;
    if dimensions > MOST_DIMENSIONS { Err(too_deep()) } else { Ok(dimensions) }
}

/// Lengths and bytes of elements.
struct Elements<'a> {
    reader: Reader<'a>,
    left: u64,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Option<&'a [u8]>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return if self.reader.rest().is_empty() { None } else { Some(Err(too_long())) };
        }
        self.left -= 1;
        let next = element(&mut self.reader);
        if next.is_err() {
            // What follows is not told apart any more.
            *self = Self { reader: Reader::new(&[]), left: 0 };
        }
        Some(next)
    }
}

fn element<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Error> {
    let broken = || Error::new(SqlState::INVALID_BINARY_REPRESENTATION, "insufficient data left in message");
    match reader.i32().map_err(|_| too_short())? {
        -1 => Ok(None),
        length => {
            let length = usize::try_from(length).map_err(|_| broken())?;
            reader.take(length).map(Some).map_err(|_| broken())
        }
    }
}

/// `array_recv`
fn receive(element: Type, bytes: &[u8]) -> Result<Array<'static>, Error> {
    let mut reader = Reader::new(bytes);
    let head = received_head(&element, &mut reader)?;
    // PostgreSQL looks at nothing behind it either.
    if head.count == 0 {
        reader.finish().map_err(|_| too_long())?;
        return build(&element, &[], &[]);
    }
    // So a claim of many elements reserves nothing.
    let mut body = Vec::with_capacity(bytes.len());
    let mut read = 0;
    for value in (Elements { reader, left: head.count }) {
        match value? {
            Some(value) => {
                put(&Value::parse(&element, Format::Binary, value, &Settings::default())?, &element, &mut body);
            }
            None => put_null(&mut body),
        }
        read += 1;
    }
    if read != head.count {
        return Err(too_short());
    }
    build(&element, head.shape.get(..head.dimensions).unwrap_or_default(), &body)
}

fn received_head(element: &Type, reader: &mut Reader<'_>) -> Result<Head, Error> {
    let dimensions = dimensions(reader)?;
    if !matches!(reader.i32().map_err(|_| too_short())?, 0 | 1) {
        return Err(Error::new(SqlState::INVALID_BINARY_REPRESENTATION, "invalid array flags"));
    }
    let oid = reader.u32().map_err(|_| too_short())?;
    // A number that no type of PostgreSQL's own can have is not looked at: the types of extensions differ between servers.
    if oid != element.oid() && oid < FIRST_FREE_OID {
        let message = format!("binary data has another array element type than the expected {}", element.sql_name());
        return Err(Error::new(SqlState::DATATYPE_MISMATCH, message));
    }
    Head::shape(dimensions, reader)
}

/// The binary form of an array with the texts in it in UTF-8: `decode` gives the bytes of one element.
pub(super) fn decoded<'a>(
    element: &Type,
    bytes: &'a [u8],
    decode: impl Fn(&'a [u8]) -> Result<Cow<'a, [u8]>, Error>,
) -> Result<Vec<u8>, Error> {
    let mut reader = Reader::new(bytes);
    let head = received_head(element, &mut reader)?;
    let before = bytes.len() - reader.len();
    let mut out = bytes.get(..before).unwrap_or_default().to_vec();
    for value in (Elements { reader, left: head.count }) {
        match value? {
            Some(value) => {
                let value = decode(value)?;
                put_sized(&mut out, |out| out.extend_from_slice(&value));
            }
            None => put_null(&mut out),
        }
    }
    Ok(out)
}

/// An array of these elements, which are written already. One without elements has no dimensions.
fn build(element: &Type, shape: &[(i32, i32)], body: &[u8]) -> Result<Array<'static>, Error> {
    let mut count = 1;
    for (length, lower) in shape {
        count = elements(count, *length)?;
        within(*length, *lower)?;
    }
    let shape = if count == 0 { &[] } else { shape };
    let mut stored = Vec::with_capacity(4 + 8 * shape.len() + body.len());
    stored.extend_from_slice(&u32::try_from(shape.len()).map_err(|_| too_deep())?.to_be_bytes());
    for (length, lower) in shape {
        stored.extend_from_slice(&length.to_be_bytes());
        stored.extend_from_slice(&lower.to_be_bytes());
    }
    stored.extend_from_slice(body);
    Ok(Array { element: of_type(element)?, stored: Cow::Owned(stored) })
}

fn of_type(element: &Type) -> Result<Element, Error> {
    match element.unmodified().array() {
        Some(Type::Array(element)) => Ok(element),
        _ => Err(Error::new(SqlState::DATATYPE_MISMATCH, "an array has no arrays for elements, but dimensions")),
    }
}

/// Appends S of an element.
fn put(value: &Value<'_>, ty: &Type, body: &mut Vec<u8>) {
    put_sized(body, |body| value.write_stored(ty, body));
}

fn put_null(body: &mut Vec<u8>) {
    body.extend_from_slice(&(-1_i32).to_be_bytes());
}

/// What `write` appends, behind its length.
fn put_sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    // No message of PostgreSQL's protocol is that long.
    let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX).to_be_bytes();
    if let Some(prefix) = out.get_mut(start..start + 4) {
        prefix.copy_from_slice(&length);
    }
}

fn try_put_sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>) -> Result<(), Error> {
    let mut result = Ok(());
    put_sized(out, |out| result = write(out));
    result
}

fn too_deep() -> Error {
    let message = "number of array dimensions exceeds the maximum allowed (6)";
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}

fn too_many() -> Error {
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (134217727)")
}

#[cfg(test)]
mod tests;
