//! Plans made by hand, keys in memory, and a server that is a few byte strings.

mod conditions;
mod describe;
mod encodings;
mod inputs;
mod outputs;
mod steps;

use std::sync::Arc;

use super::inputs::Physical;
use crate::crypto::secret::Secret;
use crate::encoding::ClientEncoding;
use crate::keys::{self, BeaconKey, BranchKey, KeyRef, KeySource, Uuid};
use crate::schema::{Action, Beacon, Column, ColumnDefault, ColumnId, Relation, SignatureSet, Suite, Table};
use crate::seal::row::{self, StoredRow};
use crate::sql::{
    Input, Literal, Notes, Origin, PhysicalType, Piece, Plan, Recipe, RowShape, Slot, Steps, Template, Verb, WriteRow,
};
use crate::value::{Format, NumericModifier, Settings, Type, Value};

/// One branch and one beacon key.
pub(super) struct Keys(Arc<BranchKey>, Arc<BeaconKey>);

pub(super) fn keys() -> Keys {
    let branch = BranchKey::new("cards".into(), Uuid([1; 16]), 1, 0, Secret::new([1; 32]));
    let beacon = BeaconKey::new("cards".into(), Uuid([9; 16]), 1, Secret::new([9; 32]));
    Keys(Arc::new(branch), Arc::new(beacon))
}

impl KeySource for Keys {
    fn sealing(&self, _: &str) -> Result<Arc<BranchKey>, keys::Error> {
        Ok(Arc::clone(&self.0))
    }
    fn opening(&self, id: &str, key_ref: KeyRef) -> Result<Arc<BranchKey>, keys::Error> {
        let found = Some(&self.0).filter(|key| key.key_ref() == key_ref);
        found.cloned().ok_or_else(|| keys::Error::UnknownVersion { id: id.into(), key_ref })
    }
    fn beacon(&self, _: &str) -> Result<Arc<BeaconKey>, keys::Error> {
        Ok(Arc::clone(&self.1))
    }
}

pub(super) const ID: ColumnId = 0;
pub(super) const OWNER: ColumnId = 1;
pub(super) const PAN: ColumnId = 2;
pub(super) const PIN: ColumnId = 3;
pub(super) const CREDIT: ColumnId = 4;

/// `card(id int8 context, owner text signed, pan text sealed NOT NULL, pin varchar(4) sealed, credit numeric(12,2)
/// sealed, note text)`, exact beacons on pan and credit.
pub(super) fn table(signed: bool) -> Arc<Table> {
    let column = |name: &str, action, ty: Type, attnum, not_null| Column {
        logical: name.into(),
        name: name.into(),
        action,
        ty: Some(ty),
        type_oid: ty.oid(),
        typmod: ty.typmod(),
        typlen: ty.typlen(),
        attnum,
        not_null,
        default: ColumnDefault::Null,
        pad: None,
        collation: None,
    };
    let money = Type::Numeric(Some(NumericModifier { precision: 12, scale: 2 }));
    Arc::new(Table {
        logical: "card".into(),
        relation: Relation { schema: "public".into(), name: "card".into() },
        branch_key: "cards".into(),
        signature: signed.then(|| SignatureSet {
            id: 1,
            suite: Suite::HmacSha384,
            columns: vec![CREDIT, ID, OWNER, PAN, PIN],
            beacons: vec![1, 0],
        }),
        older_sets: vec![],
        columns: vec![
            column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8, 1, true),
            column("owner", Action::SIGN_ONLY, Type::Text, 2, false),
            column("pan", Action::ENCRYPT_AND_SIGN, Type::Text, 3, true),
            column("pin", Action::ENCRYPT_AND_SIGN, Type::Varchar(Some(4)), 4, false),
            column("credit", Action::ENCRYPT_AND_SIGN, money, 5, false),
            column("note", Action::DO_NOTHING, Type::Text, 6, false),
        ],
        beacons: vec![
            Beacon { full_name: "card.pan#exact".into(), column: PAN, helper: "pgseal_exact_pan".into() },
            Beacon { full_name: "card.credit#exact".into(), column: CREDIT, helper: "pgseal_exact_credit".into() },
        ],
        primary_key: vec![ID],
        context: vec![ID],
        write_guard: true,
        before_row_trigger: false,
    })
}

pub(super) fn untyped(text: &str) -> Input {
    Input::Literal { literal: Literal::Untyped(text.into()), at: 7 }
}

/// A template of slots between commas.
pub(super) fn template(slots: Vec<(Recipe, PhysicalType)>) -> Template {
    let mut pieces = vec![Piece::Text("SELECT ".into())];
    for index in 0..slots.len() {
        if index > 0 {
            pieces.push(Piece::Text(", ".into()));
        }
        pieces.push(Piece::Slot(index));
    }
    let origins = vec![Origin::Ours(0); pieces.len()];
    Template { pieces, origins, slots: slots.into_iter().map(|(recipe, ty)| Slot { recipe, ty }).collect() }
}

pub(super) fn plan(verb: Verb, template: Template, rows: Vec<WriteRow>) -> Plan {
    Plan { verb, template, params: vec![], rows, output: None, steps: Steps::One, notes: Notes::default() }
}

/// `INSERT` of one row, all values untyped literals but for what `change` makes of them.
pub(super) fn insert(table: &Arc<Table>, change: impl FnOnce(&mut Vec<Option<Input>>)) -> Plan {
    let mut values = vec![
        Some(untyped("7")),
        Some(untyped("ada")),
        Some(untyped("4111")),
        Some(untyped("0000")),
        Some(untyped("10.5")),
        None,
    ];
    change(&mut values);
    let mut slots = vec![
        (Recipe::Clear { row: 0, column: ID }, PhysicalType::Logical(Type::Int8)),
        (Recipe::Clear { row: 0, column: OWNER }, PhysicalType::Logical(Type::Text)),
        (Recipe::Cell { row: 0, column: PAN }, PhysicalType::Bytea),
        (Recipe::Cell { row: 0, column: PIN }, PhysicalType::Bytea),
        (Recipe::Cell { row: 0, column: CREDIT }, PhysicalType::Bytea),
        (Recipe::RowTag { row: 0, beacon: 0 }, PhysicalType::Uuid),
        (Recipe::RowTag { row: 0, beacon: 1 }, PhysicalType::Uuid),
    ];
    if table.signature.is_some() {
        slots.push((Recipe::Signature { row: 0 }, PhysicalType::Bytea));
        slots.push((Recipe::Signed { row: 0, column: ID }, PhysicalType::Bytea));
    }
    plan(Verb::Insert, template(slots), vec![WriteRow { table: Arc::clone(table), values }])
}

/// A row of `card` as the server holds it.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) columns: Vec<Option<Vec<u8>>>,
    pub(super) tags: Vec<Option<Vec<u8>>>,
    pub(super) signature: Option<Vec<u8>>,
}

impl Held {
    pub(super) fn new(table: &Table, keys: &Keys, id: i64, pan: &str) -> Self {
        let text = |text: &str| Some(Value::Text(text.to_owned().into()));
        let money = Type::Numeric(None);
        let credit = Value::parse(&money, Format::Text, b"10.50", &Settings::default()).unwrap();
        let values = [Some(Value::Int(id)), text("ada"), text(pan), text("0000"), Some(credit), None];
        let sealed = row::seal_row(table, keys, &values).unwrap();
        let mut columns = sealed.cells;
        columns[ID] = Some(id.to_be_bytes().to_vec());
        columns[OWNER] = Some(b"ada".to_vec());
        let tags = sealed.tags.into_iter().map(|tag| tag.map(Vec::from)).collect();
        Self { columns, tags, signature: sealed.signature }
    }

    /// In the order of [`shape`]: id, owner, pan, pin, credit, tags, signature.
    pub(super) fn row(&self) -> Vec<Option<&[u8]>> {
        let columns = self.columns.iter().take(5).map(Option::as_deref);
        let tags = self.tags.iter().map(Option::as_deref);
        columns.chain(tags).chain(self.signature.as_ref().map(|signature| Some(signature.as_slice()))).collect()
    }

    pub(super) fn verify(&self, table: &Table, keys: &Keys) -> Result<(), crate::seal::Error> {
        self.with(|row| row::verify_row(table, keys, row))
    }

    pub(super) fn open(&self, table: &Table, keys: &Keys, column: ColumnId) -> Result<String, crate::seal::Error> {
        self.with(|stored| {
            let mut scratch = Vec::new();
            let value = row::open_cell(table, keys, stored, column, &mut scratch)?;
            let mut out = Vec::new();
            let ty = table.columns[column].ty.unwrap();
            value.render(&ty, Format::Text, &Settings::default(), &mut out).unwrap();
            Ok(String::from_utf8(out).unwrap())
        })
    }

    fn with<T>(&self, f: impl FnOnce(&StoredRow<'_>) -> T) -> T {
        let columns: Vec<_> = self.columns.iter().map(|column| Some(column.as_deref())).collect();
        let tags: Vec<_> = self.tags.iter().map(|tag| Some(tag.as_deref())).collect();
        f(&StoredRow { columns: &columns, tags: &tags, signature: Some(self.signature.as_deref()) })
    }
}

/// The bytes of a parameter of ours in binary.
pub(super) fn owned(param: &Physical) -> Option<Vec<u8>> {
    match param {
        Physical::Owned(Format::Binary, bytes) => bytes.clone(),
        Physical::Owned(Format::Text, _) => panic!("a parameter in text"),
        Physical::Pass(_) => panic!("a parameter of the client"),
    }
}

/// The row that a bound [`insert`] would store.
pub(super) fn stored(params: &[Physical]) -> Held {
    let mut columns: Vec<_> = params[..5].iter().map(owned).collect();
    columns.push(None);
    Held { columns, tags: params[5..7].iter().map(owned).collect(), signature: params.get(7).and_then(owned) }
}

/// How many columns a whole row has on the wire.
pub(super) fn physical(table: &Table) -> usize {
    7 + usize::from(table.signature.is_some())
}

/// Shows `columns`, then the whole row hidden behind them.
pub(super) fn read(table: &Arc<Table>, from: usize) -> crate::sql::ReadRow {
    let mut columns: Vec<Option<usize>> = (0..5).map(|id| Some(from + id)).collect();
    columns.push(None);
    let mut tags = vec![Some(from + 5), Some(from + 6)];
    if table.signature.is_none() {
        columns[OWNER] = None;
        tags = vec![None, None];
    }
    crate::sql::ReadRow {
        table: Arc::clone(table),
        presence: crate::sql::Presence::Required,
        columns,
        tags,
        signature: table.signature.as_ref().map(|_| from + 7),
        conditions: Vec::new(),
    }
}

/// A result that shows these columns of a row that is fetched whole.
pub(super) fn shape(table: &Arc<Table>, sources: &[crate::sql::OutputSource], places: &[usize]) -> RowShape {
    let columns =
        sources.iter().zip(places).map(|(&source, &physical)| crate::sql::OutputColumn { source, physical }).collect();
    RowShape { columns, physical: physical(table), rows: vec![read(table, 0)] }
}
