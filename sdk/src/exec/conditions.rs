//! Whether a row is one that was asked for (SQL-60): the conditions of a plan with the constants of one execution,
//! evaluated on columns that were verified or opened.
//!
//! A condition's value on a row is a set: what is not known here could be TRUE, FALSE or NULL. A row is the server's
//! lie exactly when TRUE is not among them. Evaluation itself never fails a row: a constant that cannot be read here is
//! one that the server reads, or rejects.

use zeroize::Zeroizing;

use super::Error;
use super::inputs::Params;
use super::outputs::Parts;
use super::resolve::{Compared, Sources, known_type};
use crate::schema::{ColumnId, Table};
use crate::seal::row::RowOpener;
use crate::sql::{Condition, Input, ReadRow};
use crate::value::{Settings, Type, Value};

/// The conditions that the rows of one execution are held against.
#[derive(Default)]
pub(super) struct Conditions(Vec<Check>);

/// A condition with its constants read: equality forms (VAL-2), which are plaintext.
enum Check {
    Unknown,
    In(ColumnId, Constants),
    Same(ColumnId, Option<Form>),
    IsNull(ColumnId),
    Not(Box<Check>),
    All(Vec<Check>),
    Any(Vec<Check>),
}

/// E of a value.
type Form = Zeroizing<Vec<u8>>;

/// What a column is compared with by `=`, IN or ANY.
enum Constants {
    /// The array is NULL.
    NoArray,
    List {
        /// In ascending order. A constant that no value equals (VAL-4) is left out.
        forms: Vec<Form>,
        /// One of them is NULL.
        null: bool,
        /// There are none.
        empty: bool,
    },
}

impl Conditions {
    /// Those of a row that is read.
    pub(super) fn new(read: &ReadRow, params: Params<'_>) -> Self {
        if read.conditions.is_empty() {
            return Self::default();
        }
        // What depends on a setting is not evaluated: without a zone no timestamptz is read that does not write one.
        let settings = Settings { time_zone: None, ..Settings::default() };
        let sources = Sources { params, fetched: &[], settings: &settings };
        Self(read.conditions.iter().map(|condition| Check::new(condition, &read.table, &sources)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the row satisfies them all, as far as they are known. Cells that they look at are opened by `opener`, which
    /// is the row's, and leave plaintext in `scratch`.
    ///
    /// # Errors
    /// XX001 if it does not; that of a cell that does not open.
    pub(super) fn hold(
        &self,
        read: &ReadRow,
        parts: &Parts<'_>,
        opener: &mut RowOpener<'_>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let mut row = Row { table: &read.table, parts, opener, scratch, form: Form::default() };
        for check in &self.0 {
            if !check.value(&mut row)?.may_be_true() {
                return Err(Error::NotAsked(read.table.logical.clone()));
            }
        }
        Ok(())
    }
}

impl Check {
    fn new(condition: &Condition, table: &Table, sources: &Sources<'_>) -> Self {
        let all = |parts: &[Condition]| parts.iter().map(|part| Check::new(part, table, sources)).collect();
        let ty = |column: ColumnId| table.columns.get(column).and_then(|column| column.ty);
        match condition {
            Condition::Unknown => Check::Unknown,
            Condition::In { column, constants } => ty(*column)
                .and_then(|ty| Constants::list(constants, &ty, sources))
                .map_or(Check::Unknown, |constants| Check::In(*column, constants)),
            Condition::AnyOf { column, array } => ty(*column)
                .and_then(|ty| Constants::array(array, &ty, sources))
                .map_or(Check::Unknown, |constants| Check::In(*column, constants)),
            Condition::Same { column, constant } => {
                match ty(*column).and_then(|ty| Some((ty, sources.compared(constant, &ty).ok()?))) {
                    Some((_, Compared::Null)) => Check::Same(*column, None),
                    Some((ty, Compared::Value(value))) => Check::Same(*column, Some(form(&value, &ty))),
                    // No value is this one, and NULL is not either: FALSE.
                    Some((_, Compared::Nowhere)) => Check::Any(Vec::new()),
                    None => Check::Unknown,
                }
            }
            Condition::IsNull(column) => Check::IsNull(*column),
            Condition::Not(inner) => Check::Not(Box::new(Check::new(inner, table, sources))),
            Condition::All(parts) => Check::All(all(parts)),
            Condition::Any(parts) => Check::Any(all(parts)),
        }
    }

    fn value(&self, row: &mut Row<'_, '_>) -> Result<Truths, Error> {
        Ok(match self {
            Check::Unknown => Truths::ANY,
            Check::IsNull(column) => match row.field(*column) {
                None => Truths::ANY,
                Some(field) => Truths::of(field.is_none()),
            },
            Check::In(column, constants) => match (row.field(*column), constants) {
                (None, _) => Truths::ANY,
                (Some(_), Constants::NoArray) => Truths::NULL,
                (Some(_), Constants::List { empty: true, .. }) => Truths::FALSE,
                (Some(None), Constants::List { .. }) => Truths::NULL,
                (Some(Some(field)), Constants::List { forms, null, .. }) => match row.form(*column, field)? {
                    None => Truths::ANY,
                    Some(form) if forms.binary_search_by(|other| other.as_slice().cmp(form)).is_ok() => Truths::TRUE,
                    Some(_) if *null => Truths::NULL,
                    Some(_) => Truths::FALSE,
                },
            },
            Check::Same(column, constant) => match (row.field(*column), constant) {
                (None, _) => Truths::ANY,
                (Some(None), constant) => Truths::of(constant.is_none()),
                (Some(Some(_)), None) => Truths::FALSE,
                (Some(Some(field)), Some(constant)) => match row.form(*column, field)? {
                    None => Truths::ANY,
                    Some(form) => Truths::of(form == constant.as_slice()),
                },
            },
            Check::Not(inner) => inner.value(row)?.not(),
            Check::All(parts) => {
                let mut truths = Truths::TRUE;
                for part in parts {
                    truths = truths.and(part.value(row)?);
                }
                truths
            }
            Check::Any(parts) => {
                let mut truths = Truths::FALSE;
                for part in parts {
                    truths = truths.or(part.value(row)?);
                }
                truths
            }
        })
    }
}

impl Constants {
    /// `None` if one of them cannot be read here.
    fn list(constants: &[Input], ty: &Type, sources: &Sources<'_>) -> Option<Self> {
        let compared = constants.iter().map(|constant| sources.compared(constant, ty).ok());
        compared.collect::<Option<Vec<_>>>().map(|compared| Self::of(compared, ty))
    }

    fn array(array: &Input, ty: &Type, sources: &Sources<'_>) -> Option<Self> {
        Some(match sources.compared_elements(array, ty).ok()? {
            None => Constants::NoArray,
            Some(elements) => Self::of(elements, ty),
        })
    }

    fn of(constants: Vec<Compared<'_>>, ty: &Type) -> Self {
        let (empty, mut null, mut forms) = (constants.is_empty(), false, Vec::with_capacity(constants.len()));
        for constant in constants {
            match constant {
                Compared::Null => null = true,
                Compared::Nowhere => {}
                Compared::Value(value) => forms.push(form(&value, ty)),
            }
        }
        forms.sort_unstable_by(|a, b| a.as_slice().cmp(b));
        Constants::List { forms, null, empty }
    }
}

fn form(value: &Value<'_>, ty: &Type) -> Form {
    let mut form = Form::default();
    value.write_equality(ty, &mut form);
    form
}

/// One row that is held against its conditions.
struct Row<'r, 'o> {
    table: &'r Table,
    parts: &'r Parts<'r>,
    opener: &'r mut RowOpener<'o>,
    scratch: &'r mut Vec<u8>,
    form: Form,
}

impl<'r> Row<'r, '_> {
    /// What was fetched of a column: `None` if nothing was, the inner `None` for NULL.
    fn field(&self, column: ColumnId) -> Option<Option<&'r [u8]>> {
        self.parts.columns().get(column).copied().flatten()
    }

    /// E of a field that is not NULL; `None` if it is no value of its type.
    fn form(&mut self, id: ColumnId, field: &[u8]) -> Result<Option<&[u8]>, Error> {
        let Self { table, parts: _, opener, scratch, form } = self;
        let column = table.columns.get(id).ok_or(Error::Protocol("a condition over a column that is not there"))?;
        let ty = known_type(column)?;
        let value = match column.is_sealed() {
            true => opener.look(id, scratch)?,
            false => match Value::read_stored(&ty, field) {
                Ok(value) => value,
                Err(_) => return Ok(None),
            },
        };
        form.clear();
        value.write_equality(&ty, form);
        Ok(Some(form))
    }
}

/// What a condition could be on a row: a set of truth values that is never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Truths(u8);

impl Truths {
    const TRUE: Self = Self(1);
    const FALSE: Self = Self(2);
    const NULL: Self = Self(4);
    const ANY: Self = Self(7);

    fn of(truth: bool) -> Self {
        if truth { Self::TRUE } else { Self::FALSE }
    }

    fn has(self, truth: Self) -> bool {
        self.0 & truth.0 != 0
    }

    fn may_be_true(self) -> bool {
        self.has(Self::TRUE)
    }

    fn not(self) -> Self {
        let swapped = [(Self::TRUE, Self::FALSE), (Self::FALSE, Self::TRUE), (Self::NULL, Self::NULL)];
        Self(swapped.iter().filter(|(from, _)| self.has(*from)).fold(0, |set, (_, to)| set | to.0))
    }

    /// Every value that AND can have over one of each: FALSE if one side can be, TRUE if both can, NULL if one can be
    /// while the other need not be FALSE.
    fn and(self, other: Self) -> Self {
        let passes = |set: Self| set.has(Self::TRUE) || set.has(Self::NULL);
        let null = (self.has(Self::NULL) && passes(other)) || (other.has(Self::NULL) && passes(self));
        let mut set = (self.0 | other.0) & Self::FALSE.0 | self.0 & other.0 & Self::TRUE.0;
        if null {
            set |= Self::NULL.0;
        }
        Self(set)
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [Option<bool>; 3] = [Some(true), Some(false), None];

    fn one(value: Option<bool>) -> Truths {
        value.map_or(Truths::NULL, Truths::of)
    }

    fn members(set: Truths) -> impl Iterator<Item = Option<bool>> {
        VALUES.into_iter().filter(move |value| set.has(one(*value)))
    }

    /// SQL's own AND.
    fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
        match (a, b) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    #[test]
    fn sql_60_sets_of_truth_values_hold_exactly_what_their_members_make() {
        for a in (1..=7).map(Truths) {
            for b in (1..=7).map(Truths) {
                let made = |make: fn(Option<bool>, Option<bool>) -> Option<bool>| {
                    let pairs = members(a).flat_map(|a| members(b).map(move |b| (a, b)));
                    Truths(pairs.fold(0, |set, (a, b)| set | one(make(a, b)).0))
                };
                assert_eq!(a.and(b), made(and), "{a:?} AND {b:?}");
                let or = |a: Option<bool>, b: Option<bool>| and(a.map(|a| !a), b.map(|b| !b)).map(|c| !c);
                assert_eq!(a.or(b), made(or), "{a:?} OR {b:?}");
            }
            let negated = members(a).fold(0, |set, value| set | one(value.map(|value| !value)).0);
            assert_eq!(a.not(), Truths(negated), "NOT {a:?}");
        }
    }
}
