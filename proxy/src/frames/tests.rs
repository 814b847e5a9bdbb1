//! Whole frames in and out, with a plan made by hand.

use std::sync::Arc;

use pgseal::crypto::secret::Secret;
use pgseal::encoding::ClientEncoding;
use pgseal::exec::inputs::Params;
use pgseal::exec::steps::{Step, StepRows};
use pgseal::keys::{self, BeaconKey, BranchKey, KeyRef, KeySource, Uuid};
use pgseal::schema::{Action, Beacon, Column, ColumnDefault, Relation, Table};
use pgseal::seal::row;
use pgseal::sql::{
    Input, Notes, Origin, OutputColumn, OutputSource, ParamRole, PhysicalType, Piece, Plan, ReadRow, Recipe, RowShape,
    Slot, Steps, Template, Verb,
};
use pgseal::value::{Format, Settings, Type, Value};

use super::*;
use crate::wire::{compose, reader};

struct Keys(Arc<BranchKey>, Arc<BeaconKey>);

impl KeySource for Keys {
    fn sealing(&self, _: &str) -> Result<Arc<BranchKey>, keys::Error> {
        Ok(Arc::clone(&self.0))
    }
    fn opening(&self, _: &str, _: KeyRef) -> Result<Arc<BranchKey>, keys::Error> {
        Ok(Arc::clone(&self.0))
    }
    fn beacon(&self, _: &str) -> Result<Arc<BeaconKey>, keys::Error> {
        Ok(Arc::clone(&self.1))
    }
}

fn keys() -> Keys {
    let branch = BranchKey::new("k".into(), Uuid([1; 16]), 1, 0, Secret::new([1; 32]));
    let beacon = BeaconKey::new("k".into(), Uuid([2; 16]), 1, Secret::new([2; 32]));
    Keys(Arc::new(branch), Arc::new(beacon))
}

/// `person(id int4 context, email varchar(40) sealed with a beacon, note text)`, not signed.
fn table() -> Arc<Table> {
    let column = |name: &str, action, ty: Type, attnum| Column {
        logical: name.into(),
        name: name.into(),
        action,
        ty: Some(ty),
        type_oid: ty.oid(),
        typmod: ty.typmod(),
        typlen: ty.typlen(),
        attnum,
        not_null: false,
        default: ColumnDefault::Null,
        pad: None,
        collation: None,
    };
    Arc::new(Table {
        logical: "person".into(),
        relation: Relation { schema: "public".into(), name: "person".into() },
        branch_key: "k".into(),
        signature: None,
        older_sets: vec![],
        columns: vec![
            column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int4, 1),
            column("email", Action::ENCRYPT_AND_SIGN, Type::Varchar(Some(40)), 5),
            column("note", Action::DO_NOTHING, Type::Text, 3),
        ],
        beacons: vec![Beacon {
            full_name: "person.email#exact".into(),
            column: 1,
            helper: "pgseal_exact_email".into(),
        }],
        primary_key: vec![0],
        context: vec![0],
        write_guard: true,
        before_row_trigger: false,
    })
}

/// `SELECT note, email FROM person WHERE email = $1 AND note = $2`; the server sends note, email, int4send(id).
fn plan() -> Arc<Plan> {
    let table = table();
    let input = Input::Param { index: 0, ty: Type::Varchar(None) };
    let slots = vec![
        Slot { recipe: Recipe::Tag { table: Arc::clone(&table), beacon: 0, input }, ty: PhysicalType::Uuid },
        Slot { recipe: Recipe::Pass(1), ty: PhysicalType::Client },
    ];
    let pieces = vec![Piece::Text("SELECT … ".into()), Piece::Slot(0), Piece::Text(" … ".into()), Piece::Slot(1)];
    let read = ReadRow {
        table,
        presence: pgseal::sql::Presence::Required,
        columns: vec![Some(2), Some(1), None],
        tags: vec![None],
        signature: None,
        conditions: Vec::new(),
    };
    Arc::new(Plan {
        verb: Verb::Select,
        template: Template { pieces, origins: vec![Origin::Client(0); 4], slots },
        params: vec![ParamRole::Protected { oid: 1043 }, ParamRole::Plain { slot: 1 }],
        rows: vec![],
        output: Some(RowShape {
            columns: vec![
                OutputColumn { source: OutputSource::Pass, physical: 0 },
                OutputColumn { source: OutputSource::Open { row: 0, column: 1 }, physical: 1 },
            ],
            physical: 3,
            rows: vec![read],
        }),
        steps: Steps::One,
        notes: Notes::default(),
    })
}

fn body(frame: &[u8], kind: u8) -> &[u8] {
    assert_eq!(frame[0], kind);
    assert_eq!(u32::from_be_bytes(frame[1..5].try_into().unwrap()) as usize + 1, frame.len());
    &frame[5..]
}

#[test]
fn a_parse_keeps_its_name_and_gets_physical_text_and_types() {
    let mut out = Vec::new();
    bind::parse(b"s1", &plan(), &[1043, 25], ClientEncoding::UTF8, &mut out).unwrap();
    let parse = reader::parse(body(&out, b'P')).unwrap();
    assert_eq!(parse.statement, b"s1");
    assert_eq!(parse.text, "SELECT … $1 … $2".as_bytes());
    assert_eq!(parse.types, [2950, 25]);
}

#[test]
fn a_bind_sends_the_tag_and_never_the_value() {
    let (plan, settings) = (plan(), Settings::default());
    let client = reader::Bind {
        portal: b"p",
        statement: b"s1",
        formats: vec![],
        values: vec![Some(b"ada@example.org"), Some(b"n")],
        results: vec![0],
    };
    let mut out = Vec::new();
    let checked = bind::check(&client, &plan).unwrap();
    let params = Params { values: &client.values, formats: &checked.params, encoding: settings.encoding };
    bind::bind(&client, params, &checked.columns, &plan, &keys(), &settings, &mut out).unwrap();
    let physical = reader::bind(body(&out, b'B')).unwrap();
    assert_eq!((physical.portal, physical.statement), (&b"p"[..], &b"s1"[..]));
    assert_eq!(physical.formats, [1, 0]);
    let email = Value::Text("ada@example.org".into());
    let tag = row::exact_tag(&table(), &keys(), 0, &email).unwrap();
    assert_eq!(physical.values, [Some(&tag[..]), Some(&b"n"[..])]);
    assert_eq!(physical.results, [0, 1, 1]);
    assert_eq!(checked.columns.client(), [Format::Text, Format::Text]);
    assert!(!out.windows(3).any(|window| window == b"ada"));
}

#[test]
fn a_bind_that_postgresql_would_refuse_leaves_nothing_behind() {
    let ok =
        || reader::Bind { portal: b"", statement: b"", formats: vec![], values: vec![None, None], results: vec![] };
    let fails = |bind: reader::Bind<'_>| {
        let error = bind::check(&bind, &plan()).err().unwrap();
        assert_eq!(pgseal::error::UserFacing::sqlstate(&error).code(), "08P01");
    };
    fails(reader::Bind { values: vec![None], ..ok() });
    fails(reader::Bind { formats: vec![0; 3], ..ok() });
    fails(reader::Bind { results: vec![0; 3], ..ok() });
    assert!(bind::check(&ok(), &plan()).is_ok());
}

#[test]
fn descriptions_are_logical() {
    let plan = plan();
    let (mut server, mut out) = (Vec::new(), Vec::new());
    compose::parameter_description(&[2950, 25], &mut server);
    describe::parameters(body(&server, b't'), &plan, &mut out).unwrap();
    assert_eq!(reader::parameter_description(body(&out, b't')).unwrap(), [1043, 25]);

    let field = |name: &'static str, attnum, type_oid| reader::Field {
        name: name.as_bytes(),
        table_oid: if attnum == 0 { 0 } else { 16_400 },
        attnum,
        type_oid,
        typlen: -1,
        typmod: -1,
        format: Format::Binary,
    };
    let server_fields = [field("note", 3, 25), field("mail", 5, 17), field("int4send", 0, 17)];
    let (mut server, mut out) = (Vec::new(), Vec::new());
    compose::row_description(&server_fields, &mut server);
    describe::columns(body(&server, b'T'), &plan, Some(&[Format::Text, Format::Binary]), &mut out).unwrap();
    let fields = reader::row_description(body(&out, b'T')).unwrap();
    assert_eq!(fields.len(), 2);
    assert_eq!((fields[0].type_oid, fields[0].format), (25, Format::Text));
    let email = fields[1];
    assert_eq!((email.name, email.table_oid, email.attnum), (&b"mail"[..], 16_400, 5));
    assert_eq!((email.type_oid, email.typlen, email.typmod, email.format), (1043, -1, 44, Format::Binary));
    out.clear();
    describe::columns(body(&server, b'T'), &plan, None, &mut out).unwrap();
    assert!(reader::row_description(&out[5..]).unwrap().iter().all(|field| field.format == Format::Text));
    out.clear();
    assert!(describe::columns(b"\0\0", &plan, None, &mut out).is_err());
}

/// note, cell, id as the server sends them.
fn server_row(cell: Option<&[u8]>) -> Vec<u8> {
    let mut frame = Vec::new();
    compose::data_row(&[Some(b"n"), cell, Some(&7_i32.to_be_bytes())], &mut frame);
    frame
}

#[test]
fn a_data_row_is_opened_and_loses_its_hidden_columns() {
    let plan = plan();
    let columns = Columns::extended(&plan, &[]).unwrap();
    let mut opener = columns.opener(&plan, Params::NONE).unwrap();
    let context = [Some(Value::Int(7)), None, None];
    let cells = row::seal_cells(&table(), &keys(), &context, &[(1, Value::Text("ada".into()))]).unwrap();
    let mut out = Vec::new();
    let frame = server_row(Some(&cells[0]));
    rows::open(body(&frame, b'D'), &mut opener, &keys(), &Settings::default(), &mut out).unwrap();
    assert_eq!(reader::data_row(body(&out, b'D')).unwrap(), [Some(&b"n"[..]), Some(&b"ada"[..])]);

    let before = out.clone();
    let mut broken = cells[0].clone();
    *broken.last_mut().unwrap() ^= 1;
    let frame = server_row(Some(&broken));
    assert!(rows::open(body(&frame, b'D'), &mut opener, &keys(), &Settings::default(), &mut out).is_err());
    assert!(rows::open(b"\0\x01", &mut opener, &keys(), &Settings::default(), &mut out).is_err());
    assert_eq!(out, before);
}

#[test]
fn a_plan_without_output_has_no_columns_and_answers_no_data() {
    let mut plan = Arc::try_unwrap(plan()).unwrap();
    plan.output = None;
    let plan = Arc::new(plan);
    assert!(Columns::simple(&plan).opener(&plan, Params::NONE).is_none());
    let mut out = Vec::new();
    describe::columns(b"\0\0", &plan, None, &mut out).unwrap();
    assert_eq!(out, b"n\0\0\0\x04");
}

#[test]
fn a_step_is_closed_parsed_bound_executed_and_flushed() {
    let step = Step {
        text: "UPDATE".into(),
        types: vec![17],
        params: vec![
            pgseal::exec::inputs::Physical::Owned(Format::Binary, Some(vec![1])),
            pgseal::exec::inputs::Physical::Pass(0),
        ],
        rows: StepRows::Client { guards: 1 },
    };
    let plan = plan();
    let columns = Columns::extended(&plan, &[1]).unwrap();
    let params = Params { values: &[Some(b"x")], formats: &[Format::Text], encoding: ClientEncoding::UTF8 };
    let mut out = Vec::new();
    bind::step(&step, params, &columns, &mut out).unwrap();
    let mut kinds = Vec::new();
    let mut rest = out.as_slice();
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize + 1;
        let (frame, after) = rest.split_at(length);
        kinds.push(frame[0]);
        if frame[0] == b'B' {
            let bind = reader::bind(body(frame, b'B')).unwrap();
            assert_eq!(bind.values, [Some(&[1][..]), Some(&b"x"[..])]);
            let mut results: Vec<i16> = columns.physical().iter().map(|f| i16::from(*f == Format::Binary)).collect();
            results.push(0);
            assert_eq!(bind.results, results);
        }
        rest = after;
    }
    assert_eq!(kinds, *b"CCPBEH");
}

#[test]
fn an_error_of_ours_reads_as_one_of_postgresql() {
    let refusal = pgseal::sql::Refusal::new("column email is sealed").hint("compare with =");
    let mut out = Vec::new();
    errors::report(&refusal, Some(3), ClientEncoding::UTF8, &mut out);
    let fields = reader::fields(body(&out, b'E')).unwrap();
    let expected: [(u8, &[u8]); 6] = [
        (b'S', b"ERROR"),
        (b'V', b"ERROR"),
        (b'C', b"0A000"),
        (b'M', b"column email is sealed"),
        (b'H', b"compare with ="),
        (b'P', b"3"),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn an_error_or_notice_of_the_server_keeps_its_kind_and_loses_what_is_internal_sql_56() {
    for kind in [b'E', b'N'] {
        let sent: [(u8, &[u8]); 3] = [(b'C', b"23505"), (b'M', b"duplicate"), (b'D', b"Key (pgseal_exact_email)=(1)")];
        let (mut server, mut out) = (Vec::new(), Vec::new());
        compose::fields(kind, sent, &mut server);
        errors::translate(kind, &server[5..], &plan(), None, |_| None, &mut out).unwrap();
        assert_eq!(reader::fields(body(&out, kind)).unwrap(), sent[..2]);
        out.clear();
        assert!(errors::translate(kind, b"Mno end", &plan(), None, |_| None, &mut out).is_err());
        assert!(out.is_empty());
    }
}
