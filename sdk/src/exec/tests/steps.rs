//! Statements of several steps, driven by hand.

use sha2::{Digest, Sha256};

use super::*;
use crate::error::{SqlState, UserFacing};
use crate::exec::Error;
use crate::exec::inputs::Params;
use crate::exec::steps::{Execution, Step, StepRows, described};
use crate::sql::ReadModifyWrite;

const TABLEOID: [u8; 4] = [0, 0, 0x40, 0];
const CTID: [u8; 6] = [0, 0, 0, 0, 0, 1];

/// `UPDATE card SET … WHERE pan = '4111'`.
fn update(table: &Arc<Table>, values: &[(ColumnId, Input)]) -> Arc<Plan> {
    let mut row = WriteRow { table: Arc::clone(table), values: vec![None; 6] };
    for (id, input) in values {
        row.values[*id] = Some(input.clone());
    }
    let recipe = Recipe::Tag { table: Arc::clone(table), beacon: 0, input: untyped("4111") };
    let work = ReadModifyWrite {
        lock: template(vec![(recipe, PhysicalType::Uuid)]),
        read: read(table, 2),
        assigned: values.iter().map(|(id, _)| *id).collect(),
        returning: "\"c\".\"note\"".into(),
        alias: "\"c\"".into(),
    };
    let mut plan = plan(Verb::Update, Template::default(), vec![row]);
    plan.steps = Steps::ReadModifyWrite(Box::new(work));
    Arc::new(plan)
}

fn next(execution: &mut Execution) -> Result<Step, Error> {
    execution.next(Params::NONE, &keys(), &Settings::default())
}

fn locked(held: &Held) -> Vec<Option<&[u8]>> {
    let mut row: Vec<Option<&[u8]>> = vec![Some(&TABLEOID), Some(&CTID)];
    row.extend(held.row());
    row
}

/// Runs the lock step over these rows and gives the UPDATE.
fn run(plan: &Arc<Plan>, rows: &[Held]) -> Result<(Execution, Step), Error> {
    let mut execution = Execution::new(plan, &[]);
    let lock = next(&mut execution)?;
    assert_eq!(lock.rows, StepRows::Ours);
    assert_eq!(lock.types, [2950]);
    for held in rows {
        execution.row(&locked(held), &keys())?;
    }
    let last = next(&mut execution)?;
    Ok((execution, last))
}

#[test]
fn a_partial_update_writes_cell_tag_and_signature_by_row_address_sql_51() {
    let table = table(true);
    let mut held = Held::new(&table, &keys(), 7, "4111");
    let (execution, last) = run(&update(&table, &[(PAN, untyped("5500"))]), &[held.clone()]).unwrap();
    assert!(
        last.text.starts_with(
            "UPDATE \"public\".\"card\" AS \"c\" SET \"pgseal_exact_pan\" = $1, \"pan\" = \"pgseal_v\".\"c0\", \
             \"pgseal_signature\" = \"pgseal_v\".\"s\" FROM (VALUES ($2, $3, $4, $5, $6)) AS \"pgseal_v\" \
             (\"o\", \"t\", \"c0\", \"s\", \"g\") WHERE \"c\".tableoid OPERATOR(pg_catalog.=) \"pgseal_v\".\"o\" \
             AND \"c\".ctid OPERATOR(pg_catalog.=) \"pgseal_v\".\"t\" RETURNING \"c\".\"note\", (CASE WHEN "
        ),
        "{}",
        last.text
    );
    assert_eq!(last.types, [2950, 26, 27, 17, 17, 17]);
    assert_eq!(last.rows, StepRows::Client { guards: 1 });
    assert_eq!(owned(&last.params[1]), Some(TABLEOID.to_vec()));
    assert_eq!(owned(&last.params[2]), Some(CTID.to_vec()));
    held.tags[0] = owned(&last.params[0]);
    held.columns[PAN] = owned(&last.params[3]);
    held.signature = owned(&last.params[4]);
    held.verify(&table, &keys()).unwrap();
    assert_eq!(held.open(&table, &keys(), PAN).unwrap(), "5500");
    execution.finish(1).unwrap();
}

#[test]
fn the_guard_hashes_the_row_as_it_must_be_stored_cell_8() {
    let table = table(true);
    let mut held = Held::new(&table, &keys(), 7, "4111");
    let (_, last) = run(&update(&table, &[(OWNER, untyped("eve"))]), &[held.clone()]).unwrap();
    assert_eq!(last.types, [25, 26, 27, 17, 17], "owner, address, signature, guard; no cell");
    held.columns[OWNER] = owned(&last.params[0]);
    held.signature = owned(&last.params[3]);
    held.verify(&table, &keys()).unwrap();
    let mut hash = Sha256::new();
    let columns = [CREDIT, ID, OWNER, PAN, PIN].map(|id| held.columns[id].clone());
    let tags = [1, 0].map(|tag: usize| held.tags[tag].clone());
    for field in columns.into_iter().chain(tags).chain([held.signature.clone()]) {
        let field = field.unwrap();
        hash.update(u32::try_from(field.len()).unwrap().to_be_bytes());
        hash.update(&field);
    }
    assert_eq!(owned(&last.params[4]), Some(hash.finalize().to_vec()));
}

#[test]
fn a_forged_row_is_never_signed_again_sig_5() {
    let table = table(true);
    let plan = update(&table, &[(OWNER, untyped("eve"))]);
    let other = Held::new(&table, &keys(), 8, "5500");
    let forgeries: [fn(&mut Held, &Held); 3] = [
        |held, other| held.columns[PIN] = other.columns[PIN].clone(),
        |held, _| held.columns[ID] = Some(9_i64.to_be_bytes().to_vec()),
        |held, other| held.tags[1] = other.tags[0].clone(),
    ];
    for forge in forgeries {
        let mut held = Held::new(&table, &keys(), 7, "4111");
        forge(&mut held, &other);
        let error = run(&plan, &[held]).err().unwrap();
        assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
    }
}

#[test]
fn an_update_of_no_row_is_sent_with_the_same_columns_sql_51() {
    let (execution, last) =
        run(&update(&table(true), &[(PAN, untyped("5500")), (OWNER, untyped("eve"))]), &[]).unwrap();
    assert_eq!(
        last.text,
        "UPDATE \"public\".\"card\" AS \"c\" SET \"owner\" = NULL, \"pan\" = NULL, \"pgseal_exact_pan\" = NULL, \
         \"pgseal_signature\" = NULL WHERE false RETURNING \"c\".\"note\""
    );
    assert!(last.params.is_empty() && last.types.is_empty());
    assert_eq!(last.rows, StepRows::Client { guards: 0 });
    execution.finish(0).unwrap();
}

#[test]
fn a_changed_context_seals_every_cell_of_the_row_anew_cell_9() {
    let table = table(true);
    let mut held = Held::new(&table, &keys(), 7, "4111");
    let (_, last) = run(&update(&table, &[(ID, untyped("8"))]), &[held.clone()]).unwrap();
    assert_eq!(last.types, [20, 26, 27, 17, 17, 17, 17, 17]);
    held.columns[ID] = owned(&last.params[0]);
    for (column, param) in [(PAN, 3), (PIN, 4), (CREDIT, 5)] {
        held.columns[column] = owned(&last.params[param]);
    }
    held.signature = owned(&last.params[6]);
    held.verify(&table, &keys()).unwrap();
    assert_eq!(held.open(&table, &keys(), PIN).unwrap(), "0000");
    assert_eq!(held.open(&table, &keys(), CREDIT).unwrap(), "10.50");
}

#[test]
fn without_a_signature_only_the_cell_is_written_under_the_locked_context_sql_50() {
    let table = table(false);
    let mut held = Held::new(&table, &keys(), 7, "4111");
    let (_, last) = run(&update(&table, &[(PIN, untyped("9999"))]), &[held.clone()]).unwrap();
    assert_eq!(last.types, [26, 27, 17]);
    assert!(last.text.ends_with("RETURNING \"c\".\"note\""), "no guard: {}", last.text);
    held.columns[PIN] = owned(&last.params[2]);
    assert_eq!(held.open(&table, &keys(), PIN).unwrap(), "9999");
}

#[test]
fn every_locked_row_is_written_exactly_once_sig_6() {
    let table = table(true);
    let held = Held::new(&table, &keys(), 7, "4111");
    let (execution, _) = run(&update(&table, &[(OWNER, Input::Null)]), &[held.clone(), held]).unwrap();
    execution.finish(2).unwrap();
    for wrong in [0, 1, 3] {
        assert_eq!(execution.finish(wrong).unwrap_err().sqlstate(), SqlState::DATA_CORRUPTED);
    }
}

#[test]
fn more_rows_than_one_statement_can_write_are_refused_clearly() {
    let table = table(false);
    let plan = update(&table, &[(PIN, Input::Null)]);
    let held = Held::new(&table, &keys(), 7, "4111");
    let mut execution = Execution::new(&plan, &[]);
    next(&mut execution).unwrap();
    let row = locked(&held);
    let keys = keys();
    let error = (0..=21_845).find_map(|_| execution.row(&row, &keys).err()).unwrap();
    assert_eq!(error.sqlstate(), SqlState::PROGRAM_LIMIT_EXCEEDED);
    assert_eq!(next(&mut execution).unwrap().params.len(), 65_535);
}

#[test]
fn a_row_that_failed_for_want_of_a_key_can_be_given_again() {
    struct NoKeys;
    impl KeySource for NoKeys {
        fn sealing(&self, id: &str) -> Result<Arc<BranchKey>, keys::Error> {
            Err(keys::Error::Missing { id: id.into() })
        }
        fn opening(&self, id: &str, key_ref: KeyRef) -> Result<Arc<BranchKey>, keys::Error> {
            Err(keys::Error::UnknownVersion { id: id.into(), key_ref })
        }
        fn beacon(&self, id: &str) -> Result<Arc<BeaconKey>, keys::Error> {
            Err(keys::Error::Missing { id: id.into() })
        }
    }
    let table = table(true);
    let held = Held::new(&table, &keys(), 7, "4111");
    let mut execution = Execution::new(&update(&table, &[(PIN, untyped("1"))]), &[]);
    next(&mut execution).unwrap();
    assert!(execution.row(&locked(&held), &NoKeys).is_err());
    execution.row(&locked(&held), &keys()).unwrap();
    next(&mut execution).unwrap();
    execution.finish(1).unwrap();
}

#[test]
fn values_of_the_server_are_fetched_first_and_then_signed_sql_22() {
    let table = table(true);
    let mut plan = insert(&table, |values| values[ID] = Some(Input::Fetched(0)));
    plan.steps = Steps::Fetch(Template {
        pieces: vec![Piece::Text("SELECT 1".into())],
        origins: vec![Origin::Ours(0)],
        slots: vec![],
    });
    let plan = Arc::new(plan);
    let mut execution = Execution::new(&plan, &[]);
    let fetch = next(&mut execution).unwrap();
    assert_eq!((fetch.text.as_str(), fetch.rows), ("SELECT 1", StepRows::Ours));
    assert!(next(&mut execution).is_err(), "the row is not here yet");
    execution.row(&[Some(&99_i64.to_be_bytes())], &keys()).unwrap();
    assert!(execution.row(&[None], &keys()).is_err(), "one row only");
    let last = next(&mut execution).unwrap();
    assert_eq!(last.rows, StepRows::Client { guards: 0 });
    let held = stored(&last.params);
    assert_eq!(held.columns[ID].as_deref(), Some(&99_i64.to_be_bytes()[..]));
    held.verify(&table, &keys()).unwrap();
    execution.finish(1).unwrap();
    assert!(next(&mut execution).is_err());
}

#[test]
fn each_row_takes_its_own_of_the_fetched_values_and_there_are_as_many_as_were_asked_for_sql_22() {
    let table = table(true);
    let mut plan = insert(&table, |values| values[ID] = Some(Input::Fetched(0)));
    let mut second = plan.rows[0].clone();
    second.values[ID] = Some(Input::Fetched(1));
    plan.rows.push(second);
    let ids =
        [0, 1].map(|row| Slot { recipe: Recipe::Clear { row, column: ID }, ty: PhysicalType::Logical(Type::Int8) });
    plan.template.slots = ids.into();
    plan.steps = Steps::Fetch(Template::default());
    let plan = Arc::new(plan);
    let mut execution = Execution::new(&plan, &[]);
    next(&mut execution).unwrap();
    execution.row(&[Some(&99_i64.to_be_bytes())], &keys()).unwrap();
    assert!(next(&mut execution).is_err(), "the second row is not here yet");
    assert!(execution.row(&[None, None], &keys()).is_err(), "rows have one width");
    execution.row(&[Some(&98_i64.to_be_bytes())], &keys()).unwrap();
    assert!(execution.row(&[Some(&97_i64.to_be_bytes())], &keys()).is_err(), "no third one was asked for");
    let last = next(&mut execution).unwrap();
    let sent = [99_i64, 98].map(|id| Physical::Owned(Format::Binary, Some(id.to_be_bytes().into())));
    assert!(last.params == sent);
}

#[test]
fn what_is_described_has_the_parameters_of_the_lock_and_the_columns_of_the_update() {
    let (text, types) = described(&update(&table(true), &[(OWNER, Input::Null)]), &[]);
    assert_eq!(
        text,
        "WITH \"pgseal_lock\" AS (SELECT $1\n) UPDATE \"public\".\"card\" AS \"c\" SET \"owner\" = NULL, \
         \"pgseal_signature\" = NULL WHERE false RETURNING \"c\".\"note\""
    );
    assert_eq!(types, [2950]);
}

#[test]
fn a_null_for_a_not_null_column_stops_an_update_at_the_first_row_and_only_there_sql_22() {
    let table = table(true);
    let plan = update(&table, &[(PAN, Input::Null)]);
    let error = run(&plan, &[Held::new(&table, &keys(), 7, "4111")]).err().unwrap();
    assert_eq!(error.sqlstate(), SqlState::NOT_NULL_VIOLATION);
    assert!(run(&plan, &[]).unwrap().1.text.contains(" WHERE false"));
}
