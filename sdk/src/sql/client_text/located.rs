//! Plans of a copy, with the places of the client's text.

use std::sync::Arc;

use super::{ClientText, Places};
use crate::sql::{Decision, Input, Origin, Piece, Plan, Recipe, Statement, Steps, Template};

impl ClientText<'_> {
    /// What was planned of the copy, with the places of plans in the client's text. A plan that others have already is left
    /// as it is, and a refusal ([`ClientText::position`]).
    pub fn located(&self, mut statements: Vec<Statement>) -> Vec<Statement> {
        for statement in &mut statements {
            match &mut statement.decision {
                Decision::Forward | Decision::Refuse(_) => {}
                Decision::Qualify(template) => {
                    if let Some(template) = Arc::get_mut(template) {
                        self.places.locate_template(template);
                    }
                }
                Decision::Rewrite(plan) => {
                    if let Some(plan) = Arc::get_mut(plan) {
                        self.places.locate(plan);
                    }
                }
            }
        }
        statements
    }
}

impl Places {
    /// The parts of a piece of the copy that begins at this character, each with where it comes from.
    pub fn parts<'p>(&self, piece: &'p str, start: usize) -> Vec<(&'p str, Origin)> {
        let mut parts = Vec::new();
        let (mut rest, mut at) = (piece, start);
        while !rest.is_empty() {
            let next = self.runs.partition_point(|run| run.copy <= at);
            let same = next.checked_sub(1).and_then(|run| self.runs.get(run)).is_none_or(|run| run.same);
            let characters = self.runs.get(next).map_or(usize::MAX, |run| run.copy - at);
            let length = rest.char_indices().nth(characters).map_or(rest.len(), |(byte, _)| byte);
            let (part, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            let client = self.client(at);
            parts.push((part, if same { Origin::Client(client) } else { Origin::Ours(client) }));
            (rest, at) = (after, at.saturating_add(characters));
        }
        parts
    }

    fn locate(&self, plan: &mut Plan) {
        let Plan { template, rows, steps, .. } = plan;
        self.locate_template(template);
        match steps {
            Steps::One => {}
            Steps::Fetch(fetch) => self.locate_template(fetch),
            Steps::ReadModifyWrite(work) => self.locate_template(&mut work.lock),
        }
        rows.iter_mut().flat_map(|row| &mut row.values).flatten().for_each(|input| self.locate_input(input));
    }

    fn locate_template(&self, template: &mut Template) {
        let pieces = std::mem::take(&mut template.pieces);
        let origins = std::mem::take(&mut template.origins);
        for (piece, origin) in pieces.into_iter().zip(origins.into_iter().chain(std::iter::repeat(Origin::Ours(0)))) {
            match (piece, origin) {
                (Piece::Text(text), Origin::Client(start)) => {
                    for (part, origin) in self.parts(&text, start) {
                        template.pieces.push(Piece::Text(part.to_owned()));
                        template.origins.push(origin);
                    }
                }
                (piece, Origin::Client(at) | Origin::Ours(at)) => {
                    template.pieces.push(piece);
                    template.origins.push(Origin::Ours(self.client(at)));
                }
            }
        }
        for slot in &mut template.slots {
            match &mut slot.recipe {
                Recipe::Tag { input, .. } | Recipe::Tags { input, .. } => self.locate_input(input),
                Recipe::Pass(_)
                | Recipe::Clear { .. }
                | Recipe::Cell { .. }
                | Recipe::RowTag { .. }
                | Recipe::Signature { .. }
                | Recipe::Signed { .. } => {}
            }
        }
    }

    fn locate_input(&self, input: &mut Input) {
        match input {
            Input::Literal { at, .. } => *at = self.client(*at),
            Input::Param { .. } | Input::Stored(_) | Input::Null | Input::Fetched(_) => {}
        }
    }
}
