//! One look at the finished plan (SQL-62): nothing that is sealed or turned into a tag is sent in the clear as well,
//! whatever construct put it where it stands.

use std::collections::BTreeMap;

use super::draft::leak;
use super::work;
use crate::schema::{ColumnId, Table};
use crate::sql::{Input, Literal, Origin, Piece, Plan, Recipe, Refusal, Steps, Template};

/// A constant of the client: a parameter by number, or a literal by its place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Constant {
    Param(usize),
    Literal(usize),
}

/// Where constants go, each with the label of a column if one is known.
#[derive(Default)]
struct Places {
    /// Into cells and tags.
    hidden: BTreeMap<Constant, String>,
    /// To the server as they are.
    clear: BTreeMap<Constant, Option<String>>,
}

/// Refuses a plan in which a constant is in both kinds of places.
pub(super) fn apart(plan: &Plan) -> Result<(), Refusal> {
    let mut places = Places::default();
    for template in templates(plan) {
        for slot in &template.slots {
            places.slot(plan, &slot.recipe);
        }
    }
    if let Steps::ReadModifyWrite(work) = &plan.steps {
        for &column in &work.assigned {
            places.written(plan, 0, column);
        }
    }
    let own_text = own_text(plan);
    for (constant, column) in &places.hidden {
        work::step();
        if let Some(beside) = places.clear.get(constant) {
            return Err(refusal(*constant, column, beside.as_deref()));
        }
        if let Constant::Literal(at) = constant
            && own_text.range(..=at).next_back().is_some_and(|(_, end)| at < end)
        {
            return Err(refusal(*constant, column, None));
        }
    }
    Ok(())
}

fn templates(plan: &Plan) -> impl Iterator<Item = &Template> {
    let other = match &plan.steps {
        Steps::One => None,
        Steps::Fetch(fetch) => Some(fetch),
        Steps::ReadModifyWrite(work) => Some(&work.lock),
    };
    std::iter::once(&plan.template).chain(other)
}

impl Places {
    fn slot(&mut self, plan: &Plan, recipe: &Recipe) {
        match recipe {
            Recipe::Pass(number) => {
                self.clear.entry(Constant::Param(*number)).or_insert(None);
            }
            Recipe::Clear { row, column } | Recipe::Cell { row, column } | Recipe::Signed { row, column } => {
                self.written(plan, *row, *column);
            }
            Recipe::RowTag { row, beacon } => {
                let beacon = plan.rows.get(*row).and_then(|written| written.table.beacons.get(*beacon));
                if let Some(beacon) = beacon {
                    self.written(plan, *row, beacon.column);
                }
            }
            Recipe::Tag { table, beacon, input } | Recipe::Tags { table, beacon, input } => {
                if let Some(beacon) = table.beacons.get(*beacon) {
                    self.hide(input, table, beacon.column);
                }
            }
            // A MAC over what the row's other slots send.
            Recipe::Signature { row: _ } => {}
        }
    }

    /// The value of a column of a written row.
    fn written(&mut self, plan: &Plan, row: usize, id: ColumnId) {
        let Some(row) = plan.rows.get(row) else { return };
        let (Some(column), Some(Some(input))) = (row.table.columns.get(id), row.values.get(id)) else { return };
        if column.is_sealed() {
            self.hide(input, &row.table, id);
        } else if let Some(constant) = constant(input) {
            self.clear.insert(constant, Some(label(&row.table, id)));
        }
    }

    fn hide(&mut self, input: &Input, table: &Table, column: ColumnId) {
        if let Some(constant) = constant(input) {
            self.hidden.entry(constant).or_insert_with(|| label(table, column));
        }
    }
}

fn constant(input: &Input) -> Option<Constant> {
    match input {
        Input::Param { index, ty: _ } => Some(Constant::Param(*index)),
        // The elements of a list have no places of their own.
        Input::Literal { literal: Literal::Array(_), .. } => None,
        Input::Literal { literal: Literal::Untyped(_) | Literal::Typed(..), at } => Some(Constant::Literal(*at)),
        Input::Stored(_) | Input::Null | Input::Fetched(_) => None,
    }
}

fn label(table: &Table, column: ColumnId) -> String {
    format!("{}.{}", table.relation.name, table.columns.get(column).map_or("", |column| &column.name))
}

/// What is sent of the client's own text, in characters: where each part begins and the furthest that one of those up to
/// there ends.
fn own_text(plan: &Plan) -> BTreeMap<usize, usize> {
    let mut parts = BTreeMap::new();
    for (piece, origin) in templates(plan).flat_map(|template| template.pieces.iter().zip(&template.origins)) {
        work::step();
        if let (Piece::Text(text), Origin::Client(start)) = (piece, origin) {
            let end = parts.entry(*start).or_insert(0);
            *end = (*end).max(*start + text.chars().count());
        }
    }
    let mut furthest = 0;
    for end in parts.values_mut() {
        furthest = furthest.max(*end);
        *end = furthest;
    }
    parts
}

fn refusal(constant: Constant, column: &str, beside: Option<&str>) -> Refusal {
    match constant {
        Constant::Param(number) => leak(number, column, beside),
        Constant::Literal(_) => {
            Refusal::new(format!("a constant for the protected column {column} would be sent in the clear as well"))
                .hint("write it twice, and send the value twice only if it may be seen")
        }
    }
}
