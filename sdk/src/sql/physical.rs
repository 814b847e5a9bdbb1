//! The plan: what is sent to the server, what fills its slots, and how the rows that come back become logical.

use std::sync::Arc;

use super::condition::Condition;
use super::settings::Setting;
use crate::schema::{ColumnId, Table};
use crate::value::Type;

/// A statement that was understood completely. It cannot be built for one that was not.
#[derive(Debug)]
pub struct Plan {
    /// What kind of statement it is.
    pub verb: Verb,
    /// The physical statement (of several steps: the one whose command tag the client sees; empty for
    /// read-modify-write, whose UPDATE depends on the rows found).
    pub template: Template,
    /// By client parameter number, from 0: what it is used for, and so what ParameterDescription says.
    pub params: Vec<ParamRole>,
    /// The rows that the statement writes: one per VALUES row, one for an UPDATE.
    pub rows: Vec<WriteRow>,
    /// How the server's rows become the client's; `None` if the client expects no rows. A physical statement may
    /// still return guard rows then: they are swallowed.
    pub output: Option<RowShape>,
    /// How many round trips.
    pub steps: Steps,
    /// For `explain`.
    pub notes: Notes,
}

impl Plan {
    /// Whether it must be driven to its end before anything behind it is sent: it has several steps, or it changes rows
    /// that are only opened and verified as they come back. An error of ours must still fail its transaction.
    pub fn is_stepped(&self) -> bool {
        match (&self.steps, self.verb) {
            (Steps::Fetch(_) | Steps::ReadModifyWrite(_), _) => true,
            (Steps::One, Verb::Update | Verb::Delete) => {
                self.output.as_ref().is_some_and(|shape| !shape.rows.is_empty())
            }
            // What an INSERT returns is what was sealed for it.
            (Steps::One, Verb::Select | Verb::Insert | Verb::Utility) => false,
        }
    }
}

/// The statements of this version that can touch a protected table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// SELECT, TABLE
    Select,
    /// INSERT
    Insert,
    /// UPDATE
    Update,
    /// DELETE
    Delete,
    /// A utility statement that names a protected table and needs no change of its meaning.
    Utility,
}

/// Physical SQL with slots for what is filled in later.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// In order; concatenated they are the statement. A slot is a `$n` in a Parse, or a literal in a simple query.
    pub pieces: Vec<Piece>,
    /// For each piece, where its first character comes from: field P of an ErrorResponse is mapped back by it.
    pub origins: Vec<Origin>,
    /// Physical parameter n is `slots[n - 1]`.
    pub slots: Vec<Slot>,
}

/// A part of a physical statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The client's own bytes, or ours.
    Text(String),
    /// Index into [`Template::slots`]. One slot may stand at several places: the guard of an INSERT compares with the
    /// very parameters that VALUES writes.
    Slot(usize),
}

/// Where a part of a physical statement comes from: an offset into the client's query text, from 0, in characters, as
/// PostgreSQL counts a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The client's own text, from here on.
    Client(usize),
    /// Ours, in the place of what stands here.
    Ours(usize),
}

/// One physical parameter.
#[derive(Debug, Clone)]
pub struct Slot {
    /// What it is made of.
    pub recipe: Recipe,
    /// Its type at the server.
    pub ty: PhysicalType,
}

/// The type of a physical parameter at the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhysicalType {
    /// What the client declared, or what the server infers.
    Client,
    /// bytea (17), for cells and signatures.
    Bytea,
    /// uuid (2950), for an exact tag.
    Uuid,
    /// uuid\[\] (2951), for a list of exact tags.
    UuidArray,
    /// A logical type sent in the clear by us: a constant default, a fetched value, or a literal of a signed column.
    Logical(Type),
}

/// How a physical parameter is made.
#[derive(Debug, Clone)]
pub enum Recipe {
    /// Client parameter (from 0), untouched: same bytes, same format. Only for plain and signed columns.
    Pass(usize),
    /// The value of an unsealed column of [`Plan::rows`]`[row]`, rendered by us.
    Clear {
        /// Index into [`Plan::rows`].
        row: usize,
        /// Which column.
        column: ColumnId,
    },
    /// The cell of a sealed column of a written row.
    Cell {
        /// Index into [`Plan::rows`].
        row: usize,
        /// Which column.
        column: ColumnId,
    },
    /// The exact tag that belongs to a cell of a written row.
    RowTag {
        /// Index into [`Plan::rows`].
        row: usize,
        /// Index into [`Table::beacons`].
        beacon: usize,
    },
    /// The signature of a written row.
    Signature {
        /// Index into [`Plan::rows`].
        row: usize,
    },
    /// S of a signed column of a written row, for the guard of CELL-8.
    Signed {
        /// Index into [`Plan::rows`].
        row: usize,
        /// Which column.
        column: ColumnId,
    },
    /// The exact tag of a constant that a predicate compares with. NULL gives NULL. A constant that equals no value
    /// of the column (VAL-4) gives a random tag, which no row holds.
    Tag {
        /// The table of the beacon.
        table: Arc<Table>,
        /// Index into [`Table::beacons`].
        beacon: usize,
        /// The constant.
        input: Input,
    },
    /// The exact tags of the elements of an array parameter or literal (`= ANY($1)`).
    Tags {
        /// The table of the beacon.
        table: Arc<Table>,
        /// Index into [`Table::beacons`].
        beacon: usize,
        /// The array, in the client's array type.
        input: Input,
    },
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Client parameter, from 0. `ty` is the type it is read as: the declared one, else the column's.
    Param {
        /// Number from 0.
        index: usize,
        /// The type of the client's bytes.
        ty: Type,
    },
    /// A constant of the statement.
    Literal {
        /// What it is.
        literal: Literal,
        /// Where it stands in the client's text, from 0, in characters. The elements of an `ARRAY[…]` are not told apart.
        at: usize,
    },
    /// A constant default from the lock, in S of the column's type.
    Stored(Vec<u8>),
    /// NULL, written or by default.
    Null,
    /// A value that the fetch step brings (SQL-22): its number among all the values of the rows that it returns.
    Fetched(usize),
}

/// A constant as PostgreSQL types it (SQL-20). Holds a value: it has no place in a log, so it prints its shape only.
#[derive(Clone, PartialEq)]
pub enum Literal {
    /// An untyped string constant, unescaped: it takes the column's type.
    Untyped(String),
    /// A constant that PostgreSQL gives a type of its own (`7` is int4, `1.5` numeric, `true` bool, `date '…'`,
    /// `'…'::text`), with the text that the type's input function reads.
    Typed(Type, String),
    /// `ARRAY[…]` of constants, for `= ANY`.
    Array(Vec<Option<Literal>>),
}

impl std::fmt::Debug for Literal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Literal::Untyped(_) => f.write_str("Untyped(…)"),
            Literal::Typed(ty, _) => write!(f, "Typed({ty}, …)"),
            Literal::Array(items) => write!(f, "Array(of {})", items.len()),
        }
    }
}

/// What a client parameter is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamRole {
    /// Only in plain places: the server says its type, at physical parameter `slot`.
    Plain {
        /// Index into [`Template::slots`] of the statement that the server describes.
        slot: usize,
    },
    /// In at least one protected place, or in one that exec renders: never sent as it is. Its type as the client sees it.
    Protected {
        /// Declared, or the column's.
        oid: u32,
    },
}

/// One row that a statement writes.
#[derive(Debug, Clone)]
pub struct WriteRow {
    /// The table.
    pub table: Arc<Table>,
    /// By [`ColumnId`]: the value, `None` if the statement neither writes nor knows it. For an INSERT every
    /// protected column is `Some`; for an UPDATE the assigned columns and the context that the WHERE fixes.
    pub values: Vec<Option<Input>>,
}

/// How many round trips a plan takes.
#[derive(Debug)]
pub enum Steps {
    /// One: the template.
    One,
    /// A fetch of values that only the server can compute, then the template (SQL-22). It returns rows of one width: the
    /// n-th of all their values is [`Input::Fetched`]`(n)`, in the type of the column that it is for, without modifier.
    /// It has no slots.
    Fetch(Template),
    /// Lock and read, verify, compute, one UPDATE (SQL-51).
    ReadModifyWrite(Box<ReadModifyWrite>),
}

/// A partial UPDATE of signed rows, or of rows whose context the statement does not fix.
#[derive(Debug)]
pub struct ReadModifyWrite {
    /// `SELECT tableoid, ctid, … FOR [NO KEY] UPDATE OF …`: columns 0 and 1 are the row's address. The server describes
    /// the client's parameters by this template.
    pub lock: Template,
    /// Where the columns of the locked row stand.
    pub read: ReadRow,
    /// The assigned columns, as in `Plan::rows[0]`.
    pub assigned: Vec<ColumnId>,
    /// The physical RETURNING list, without the keyword, columns qualified by the table's own alias; empty for none.
    pub returning: String,
    /// The alias that the physical UPDATE gives its target, quoted.
    pub alias: String,
}

/// How the server's rows become the client's.
#[derive(Debug, Clone)]
pub struct RowShape {
    /// The client's columns, in order.
    pub columns: Vec<OutputColumn>,
    /// How many columns the server sends; those at the end that no output column names are hidden. The guard of an
    /// INSERT with RETURNING is the last of them; the guard of a read-modify-write is exec's and not counted.
    pub physical: usize,
    /// One per protected table reference whose rows come back.
    pub rows: Vec<ReadRow>,
}

/// One column of the client's row. A protected column may occur twice: [`ReadRow::columns`] names the first place, and
/// a signed row shows the others only if they hold the same bytes (SQL-41).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// Where it comes from.
    pub source: OutputSource,
    /// Position in the server's row, from 0.
    pub physical: usize,
}

/// What the client is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputSource {
    /// The server's bytes.
    Pass,
    /// The opened cell at this position.
    Open {
        /// Index into [`RowShape::rows`].
        row: usize,
        /// Which column.
        column: ColumnId,
    },
    /// A signed column: our rendering of the verified S form, which stands at this position (SQL-41).
    Verified {
        /// Index into [`RowShape::rows`].
        row: usize,
        /// Which column.
        column: ColumnId,
    },
}

/// Where the parts of one protected row stand in the server's row.
#[derive(Debug, Clone)]
pub struct ReadRow {
    /// The table.
    pub table: Arc<Table>,
    /// Whether there always is one.
    pub presence: Presence,
    /// By [`ColumnId`]: position of the cell, or of [`crate::value::Type::stored_expression`].
    pub columns: Vec<Option<usize>>,
    /// By beacon: position of the helper column.
    pub tags: Vec<Option<usize>>,
    /// Position of `pgseal_signature`: then the row is verified.
    pub signature: Option<usize>,
    /// What the row must satisfy, else the server made it up (SQL-60). A column that is not read can be anything.
    pub conditions: Vec<Condition>,
}

/// Whether a row of the server has this protected row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has.
    Required,
    /// An outer join may leave it out: then everything that is read of it is NULL (SQL-41).
    Optional,
}

/// What a statement changes in the session, once the server has confirmed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effect {
    /// Nothing that the next statement's plan depends on.
    #[default]
    None,
    /// It may have changed settings that the server does not report (SET, RESET, DISCARD, a function that is not
    /// builtin, DO, CALL, EXECUTE, ROLLBACK): ask with SHOW before the next statement whose values depend on one.
    Opaque,
}

/// What is known of a plan beside its bytes: for `explain`, and for [`Facts`](crate::exec::facts::Facts).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// Helper columns that predicates use: an index on one can serve.
    pub helpers: Vec<String>,
    /// What the server learns from this statement.
    pub reveals: Vec<String>,
    /// Predicates over protected columns that the server decides alone.
    pub decided_by_server: Vec<String>,
    /// Settings that the server does not report and that decide what the statement means (SQL-7).
    pub depends_on: Vec<Setting>,
}
