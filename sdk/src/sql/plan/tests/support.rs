//! The corpus' tables as a lock would describe them, and a compact rendering of plans.

use std::sync::Arc;

use crate::schema::{
    Action, Beacon, Column, ColumnDefault, ColumnId, DependentKind, Protection, Relation, SignatureSet, Suite, Table,
};
use crate::sql::{self, Decision, Input, Piece, Plan, Recipe, Refusal, Steps, Template};
use crate::value::{NumericModifier, Type};

use Action::{DO_NOTHING, ENCRYPT_AND_SIGN, SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, SIGN_ONLY};

fn column(name: &str, action: Action, ty: Type) -> Column {
    Column {
        logical: name.to_owned(),
        name: name.to_owned(),
        action,
        ty: Some(ty),
        type_oid: ty.oid(),
        typmod: ty.typmod(),
        typlen: ty.typlen(),
        attnum: 0,
        not_null: false,
        default: ColumnDefault::Null,
        pad: None,
        collation: None,
    }
}

fn identity(table: &str, always: bool) -> ColumnDefault {
    let sequence = Relation { schema: "public".to_owned(), name: format!("{table}_id_seq") };
    ColumnDefault::Identity { always, sequence }
}

/// A table in schema `public`; `exact` names the columns with an exact beacon.
fn table(name: &str, signed: bool, columns: Vec<Column>, exact: &[&str]) -> Table {
    let id = |name: &str| columns.iter().position(|column| column.name == name).unwrap();
    let beacons: Vec<Beacon> = exact
        .iter()
        .map(|column| Beacon {
            full_name: format!("{name}.{column}#exact"),
            column: id(column),
            helper: format!("pgseal_exact_{column}"),
        })
        .collect();
    let by_name = |pick: &dyn Fn(&Column) -> bool| {
        let mut ids: Vec<ColumnId> = (0..columns.len()).filter(|&id| pick(&columns[id])).collect();
        ids.sort_by_key(|&id| columns[id].logical.clone());
        ids
    };
    Table {
        logical: name.to_owned(),
        relation: Relation { schema: "public".to_owned(), name: name.to_owned() },
        branch_key: "app".to_owned(),
        signature: signed.then(|| SignatureSet {
            id: 1,
            suite: Suite::HmacSha384,
            columns: by_name(&Column::is_signed),
            beacons: (0..beacons.len()).collect(),
        }),
        older_sets: Vec::new(),
        primary_key: vec![id("id")],
        context: by_name(&Column::is_context),
        beacons,
        columns,
        write_guard: true,
        before_row_trigger: false,
    }
}

/// The protected tables of sql-corpus.sql (unsigned) and sql-traps.sql (signed).
pub(in crate::sql) fn protection() -> Protection {
    let context = |table: &str, always| Column {
        not_null: true,
        default: identity(table, always),
        ..column("id", SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8)
    };
    let sealed = |name, ty| column(name, ENCRYPT_AND_SIGN, ty);
    let plain = |name, ty| column(name, DO_NOTHING, ty);
    let money = Type::Numeric(Some(NumericModifier { precision: 12, scale: 2 }));
    let zero = |not_null| Column {
        not_null,
        default: ColumnDefault::Constant(vec![0, 0, 0, 0, 0, 0, 0, 2]),
        ..sealed(if not_null { "balance" } else { "pay" }, money)
    };
    let server = |text: &str| ColumnDefault::Server(text.to_owned());
    let tables = vec![
        table(
            "customers",
            false,
            vec![
                context("customers", false),
                plain("tenant_id", Type::Int4),
                plain("name", Type::Text),
                sealed("email", Type::Text),
                sealed("ssn", Type::Text),
                sealed("notes", Type::Text),
                sealed("dob", Type::Date),
                sealed("is_vip", Type::Bool),
                sealed("ext_id", Type::Uuid),
                Column { default: server("'active'::text"), ..plain("status", Type::Text) },
                Column { default: server("now()"), ..plain("created_at", Type::Timestamptz(None)) },
            ],
            &["email", "ssn", "notes", "dob", "ext_id"],
        ),
        table(
            "accounts",
            false,
            vec![
                context("accounts", false),
                plain("customer_id", Type::Int8),
                Column { not_null: true, ..sealed("iban", Type::Text) },
                sealed("pin", Type::Bytea),
                zero(true),
                sealed("credit_limit", Type::Int4),
                plain("opened", Type::Date),
                plain("currency", Type::Text),
            ],
            &["iban", "balance", "credit_limit"],
        ),
        table(
            "orders",
            false,
            vec![
                context("orders", false),
                plain("customer_id", Type::Int8),
                sealed("customer_ext", Type::Uuid),
                sealed("amount", Type::Int4),
                sealed("card_last4", Type::Varchar(Some(4))),
                sealed("shipping", Type::Jsonb),
                plain("total", money),
                plain("placed_at", Type::Timestamp(None)),
                plain("status", Type::Text),
            ],
            &["customer_ext", "amount", "card_last4"],
        ),
        table(
            "messages",
            false,
            vec![
                context("messages", false),
                plain("sender_id", Type::Int8),
                plain("recipient_id", Type::Int8),
                sealed("subject", Type::Text),
                sealed("body", Type::Text),
                sealed("attachment", Type::Bytea),
                sealed("meta", Type::Jsonb),
                sealed("flagged", Type::Bool),
                plain("sent_at", Type::Timestamptz(None)),
            ],
            &["subject", "body"],
        ),
        table(
            "staff",
            true,
            vec![
                Column { default: ColumnDefault::Null, ..context("staff", false) },
                sealed("email", Type::Text),
                sealed("code", Type::Text),
                sealed("grade", Type::Int4),
                zero(false),
                sealed("tag", Type::Numeric(None)),
                plain("mark", Type::Text),
                sealed("ref", Type::Jsonb),
                sealed("note", Type::Text),
                plain("team", Type::Text),
            ],
            &["email", "code", "grade", "pay", "tag"],
        ),
        table(
            "shift",
            true,
            vec![
                context("shift", true),
                column("staff_id", SIGN_ONLY, Type::Int8),
                sealed("email", Type::Text),
                sealed("code", Type::Text),
                Column { not_null: true, ..column("hours", SIGN_ONLY, Type::Int4) },
            ],
            &["email", "code"],
        ),
    ];
    let mut protection = Protection { epoch: 1, ..Protection::default() };
    for (index, table) in tables.into_iter().enumerate() {
        protection.by_name.insert(table.relation.name.clone(), index);
        protection.tables.push(Arc::new(table));
    }
    protection.dependents.insert(DependentKind::Relation, "customer_view", "a view over customers");
    protection.dependents.insert(DependentKind::Routine, "tbalance", "a function that names customers");
    protection.dependents.insert(DependentKind::SqlRoutine, "run_it", "a function that runs SQL of its own making");
    protection.unprotected.insert(Relation { schema: "archive".to_owned(), name: "orders".to_owned() });
    protection
}

/// The decision about the only statement of a text.
pub(super) fn decide(text: &str) -> Decision {
    declared(text, &[])
}

/// The same with declared parameter types.
pub(super) fn declared(text: &str, oids: &[u32]) -> Decision {
    let mut statements = sql::plan(text, oids, &protection());
    assert_eq!(statements.len(), 1, "{text}");
    statements.remove(0).decision
}

#[track_caller]
pub(in crate::sql) fn plan(text: &str) -> Arc<Plan> {
    match decide(text) {
        Decision::Rewrite(plan) => plan,
        Decision::Forward | Decision::Qualify(_) => panic!("forwarded: {text}"),
        Decision::Refuse(refusal) => panic!("refused: {text}: {refusal:?}"),
    }
}

#[track_caller]
pub(super) fn refusal(text: &str) -> Refusal {
    match decide(text) {
        Decision::Refuse(refusal) => refusal,
        Decision::Forward | Decision::Qualify(_) => panic!("forwarded: {text}"),
        Decision::Rewrite(plan) => panic!("planned: {text}: {}", physical(&plan)),
    }
}

/// The physical statement with each slot as `{recipe}`.
pub(super) fn physical(plan: &Plan) -> String {
    match &plan.steps {
        Steps::One => render(plan, &plan.template),
        Steps::Fetch(fetch) => format!("{}; {}", render(plan, fetch), render(plan, &plan.template)),
        Steps::ReadModifyWrite(work) => {
            format!("{}; RETURNING {}", render(plan, &work.lock), work.returning)
        }
    }
}

fn render(plan: &Plan, template: &Template) -> String {
    let mut out = String::new();
    for piece in &template.pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Slot(slot) => out.push_str(&recipe(plan, &template.slots[*slot].recipe)),
        }
    }
    out
}

fn recipe(plan: &Plan, recipe: &Recipe) -> String {
    let name = |row: &usize, column: &ColumnId| plan.rows[*row].table.columns[*column].name.clone();
    match recipe {
        Recipe::Pass(number) => format!("{{${}}}", number + 1),
        Recipe::Clear { row, column } => format!("{{clear {row} {}}}", name(row, column)),
        Recipe::Cell { row, column } => format!("{{cell {row} {}}}", name(row, column)),
        Recipe::RowTag { row, beacon } => format!("{{tag {row} {}}}", plan.rows[*row].table.beacons[*beacon].helper),
        Recipe::Signature { row } => format!("{{signature {row}}}"),
        Recipe::Signed { row, column } => format!("{{signed {row} {}}}", name(row, column)),
        Recipe::Tag { input, .. } => format!("{{tag {}}}", source(input)),
        Recipe::Tags { input, .. } => format!("{{tags {}}}", source(input)),
    }
}

fn source(input: &Input) -> String {
    match input {
        Input::Literal { literal, at: _ } => format!("Literal({literal:?})"),
        Input::Param { .. } | Input::Stored(_) | Input::Null | Input::Fetched(_) => format!("{input:?}"),
    }
}
