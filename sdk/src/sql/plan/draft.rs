//! A physical statement in the making: edits of the client's bytes, slots, and what each parameter is used for.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::source::{Source, unreadable};
use super::work;
use crate::error::SqlState;
use crate::sql::lex::Kind;
use crate::sql::splice::Edits;
use crate::sql::{Input, Origin, ParamRole, PhysicalType, Piece, Recipe, Refusal, Slot, Template};

/// Builds the parts of a splice. Each is ours, or the client's from this byte on.
#[derive(Debug, Clone, Default)]
pub(in crate::sql) struct Parts(Vec<(Piece, Option<usize>)>);

impl Parts {
    pub(in crate::sql) fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push((Piece::Text(text.into()), None));
        self
    }

    pub(in crate::sql) fn slot(mut self, slot: usize) -> Self {
        self.0.push((Piece::Slot(slot), None));
        self
    }

    /// The client's own bytes.
    pub(in crate::sql) fn client(mut self, source: &Source<'_>, bytes: Range<usize>) -> Result<Self, Refusal> {
        let text = source.text.get(bytes.clone()).ok_or_else(unreadable)?.to_owned();
        self.0.push((Piece::Text(text), Some(bytes.start)));
        Ok(self)
    }

    pub(in crate::sql) fn extend(mut self, other: Parts) -> Self {
        self.0.extend(other.0);
        self
    }

    /// With its origins in bytes; what is ours stands for the byte `at`.
    fn placed(self, at: usize) -> impl Iterator<Item = (Piece, Origin)> {
        self.0.into_iter().map(move |(piece, client)| (piece, client.map_or(Origin::Ours(at), Origin::Client)))
    }
}

/// Edits and slots of one template.
#[derive(Debug, Clone, Default)]
pub(in crate::sql) struct Draft {
    edits: Vec<(Range<usize>, Parts)>,
    slots: Vec<Slot>,
}

impl Draft {
    /// A slot of its own; but predicates that compare a column with the same constant share one: to PostgreSQL they are
    /// one expression, which GROUP BY or DISTINCT may name again.
    pub(in crate::sql) fn slot(&mut self, recipe: Recipe, ty: PhysicalType) -> usize {
        let shared = matches!(recipe, Recipe::Tag { .. } | Recipe::Tags { .. });
        let same = |slot: &Slot| {
            work::step();
            is_same_tag(&slot.recipe, &recipe)
        };
        if shared && let Some(same) = self.slots.iter().take(MOST_SHARED).position(same) {
            return same;
        }
        self.slots.push(Slot { recipe, ty });
        self.slots.len() - 1
    }

    /// Puts `parts` in the place of these bytes.
    pub(in crate::sql) fn replace(&mut self, bytes: Range<usize>, parts: Parts) {
        self.edits.push((bytes, parts));
    }

    /// Puts `parts` before the byte `at`; several insertions at one place keep their order.
    pub(in crate::sql) fn insert(&mut self, at: usize, parts: Parts) {
        self.edits.push((at..at, parts));
    }

    /// The client's bytes of `range` with the edits in them, between two parts of ours. Every client parameter that
    /// no edit took out is passed on.
    pub(in crate::sql) fn finish(
        mut self,
        source: &Source<'_>,
        before: Parts,
        range: Range<usize>,
        after: Parts,
    ) -> Result<Template, Refusal> {
        self.edits.retain(|(bytes, _)| range.start <= bytes.start && bytes.end <= range.end);
        // In the order of the tokens, so that each is held against the one that can cover it. Those that overlap are
        // none that can be applied.
        let mut replaced: Vec<Range<usize>> = self.edits.iter().map(|(bytes, _)| bytes.clone()).collect();
        replaced.retain(|bytes| !bytes.is_empty());
        replaced.sort_by_key(|bytes| bytes.start);
        let mut replaced = replaced.into_iter().peekable();
        let mut passes: BTreeMap<usize, usize> = BTreeMap::new();
        for token in source.tokens {
            work::step();
            if token.kind != Kind::Param || token.range.start < range.start || token.range.end > range.end {
                continue;
            }
            while replaced.next_if(|bytes| bytes.end <= token.range.start).is_some() {
                work::step();
            }
            if replaced.peek().is_some_and(|bytes| bytes.start <= token.range.start && token.range.end <= bytes.end) {
                continue;
            }
            let number = param_number(token.text(source.text))?;
            let slot = match passes.get(&number) {
                Some(slot) => *slot,
                None => {
                    let slot = self.slot(Recipe::Pass(number), PhysicalType::Client);
                    passes.insert(number, slot);
                    slot
                }
            };
            self.replace(token.range.clone(), Parts::default().slot(slot));
        }
        let mut edits = Edits::new(source.text, source.tokens);
        for (bytes, parts) in std::mem::take(&mut self.edits) {
            let pieces = parts.0.into_iter().map(|(piece, _)| piece).collect();
            if bytes.is_empty() {
                edits.insert(bytes.start, pieces);
            } else {
                edits.replace(bytes, pieces);
            }
        }
        let spliced = edits.apply(range.clone()).map_err(|_| unreadable())?;
        let own = spliced.pieces.into_iter().zip(spliced.origins);
        self.number(source, before.placed(range.start).chain(own).chain(after.placed(range.end)))
    }

    /// A statement of ours, in the place of what stands at the byte `at`.
    pub(in crate::sql) fn compose(self, source: &Source<'_>, parts: Parts, at: usize) -> Result<Template, Refusal> {
        self.number(source, parts.placed(at))
    }

    /// Numbers the slots in the order in which they appear; what no piece mentions is dropped.
    fn number(self, source: &Source<'_>, parts: impl Iterator<Item = (Piece, Origin)>) -> Result<Template, Refusal> {
        let mut template = Template::default();
        let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
        for (part, origin) in parts {
            work::step();
            let piece = match part {
                Piece::Text(text) if text.is_empty() => continue,
                Piece::Text(text) => match (template.pieces.last_mut(), template.origins.last(), origin) {
                    (Some(Piece::Text(last)), Some(Origin::Ours(_)), Origin::Ours(_)) => {
                        last.push_str(&text);
                        continue;
                    }
                    _ => Piece::Text(text),
                },
                Piece::Slot(slot) => {
                    let number = match numbers.get(&slot) {
                        Some(number) => *number,
                        None => {
                            template.slots.push(self.slots.get(slot).ok_or_else(unreadable)?.clone());
                            numbers.insert(slot, template.slots.len() - 1);
                            template.slots.len() - 1
                        }
                    };
                    Piece::Slot(number)
                }
            };
            template.pieces.push(piece);
            template.origins.push(source.origin(origin));
        }
        Ok(template)
    }
}

/// How many slots are looked at for one that can be shared: a long IN list is not compared with itself.
const MOST_SHARED: usize = 64;

/// Whether both are the tags of one constant for one column, wherever it stands.
fn is_same_tag(one: &Recipe, other: &Recipe) -> bool {
    let same = |one: &Input, other: &Input| match (one, other) {
        (Input::Literal { literal: one, at: _ }, Input::Literal { literal: other, at: _ }) => one == other,
        (one, other) => one == other,
    };
    match (one, other) {
        (Recipe::Tag { table, beacon, input }, Recipe::Tag { table: another, beacon: other, input: constant })
        | (Recipe::Tags { table, beacon, input }, Recipe::Tags { table: another, beacon: other, input: constant }) => {
            Arc::ptr_eq(table, another) && beacon == other && same(input, constant)
        }
        _ => false,
    }
}

/// The number from 0 of `$n`.
pub(in crate::sql) fn param_number(text: &str) -> Result<usize, Refusal> {
    text.strip_prefix('$')
        .and_then(|digits| digits.parse::<u16>().ok())
        .and_then(|number| usize::from(number).checked_sub(1))
        .ok_or_else(|| Refusal::error(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter {text}")))
}

/// What the client's parameters are used for.
#[derive(Debug, Default)]
pub(in crate::sql) struct Params {
    declared: Vec<u32>,
    uses: BTreeMap<usize, Use>,
}

#[derive(Debug, Clone)]
enum Use {
    /// In the clear; beside which column, if one is known.
    Plain(Option<String>),
    /// Sealed or compared as a tag; as this type, for this column.
    Protected { oid: u32, column: String },
    /// Written by us, in the clear; as this type, for this column.
    Rendered { oid: u32, column: String },
}

impl Params {
    pub(in crate::sql) fn new(declared: &[u32]) -> Self {
        // 705 is `unknown`: as good as not declared.
        let declared = declared.iter().map(|&oid| if oid == 705 { 0 } else { oid }).collect();
        Self { declared, uses: BTreeMap::new() }
    }

    /// The declared type of a parameter, if there is one.
    pub(in crate::sql) fn declared(&self, number: usize) -> Option<u32> {
        self.declared.get(number).copied().filter(|&oid| oid != 0)
    }

    /// It is sent as it is.
    pub(in crate::sql) fn plain(&mut self, number: usize, beside: Option<&str>) -> Result<(), Refusal> {
        match self.uses.get(&number) {
            Some(Use::Protected { column, .. }) => Err(leak(number, column, beside)),
            Some(Use::Rendered { column, .. }) => Err(twice(number, column, beside)),
            Some(Use::Plain(Some(_))) => Ok(()),
            Some(Use::Plain(None)) | None => {
                self.uses.insert(number, Use::Plain(beside.map(str::to_owned)));
                Ok(())
            }
        }
    }

    /// It is never sent as it is (SQL-21).
    pub(in crate::sql) fn protected(&mut self, number: usize, oid: u32, column: &str) -> Result<(), Refusal> {
        match self.uses.get(&number) {
            Some(Use::Plain(beside)) => Err(leak(number, column, beside.as_deref())),
            Some(Use::Rendered { column: beside, .. }) => Err(leak(number, column, Some(beside))),
            Some(Use::Protected { oid: other, column: first }) if *other != oid => {
                Err(two_types(number, first, column))
            }
            Some(Use::Protected { .. }) => Ok(()),
            None => {
                self.uses.insert(number, Use::Protected { oid, column: column.to_owned() });
                Ok(())
            }
        }
    }

    /// We read it and send it in the clear: the value of an unsealed column in a row that we write.
    pub(in crate::sql) fn rendered(&mut self, number: usize, oid: u32, column: &str) -> Result<(), Refusal> {
        match self.uses.get(&number) {
            Some(Use::Protected { column: hidden, .. }) => Err(leak(number, hidden, Some(column))),
            Some(Use::Plain(beside)) => Err(twice(number, column, beside.as_deref())),
            Some(Use::Rendered { oid: other, column: first }) if *other != oid => Err(two_types(number, first, column)),
            Some(Use::Rendered { .. }) => Ok(()),
            None => {
                self.uses.insert(number, Use::Rendered { oid, column: column.to_owned() });
                Ok(())
            }
        }
    }

    /// The role of each parameter, up to the highest that is used or declared. `described` is the template that the
    /// server describes.
    pub(in crate::sql) fn roles(&self, described: &Template) -> Result<Vec<ParamRole>, Refusal> {
        let used = self.uses.keys().next_back().map_or(0, |&number| number + 1);
        let mut passed: BTreeMap<usize, usize> = BTreeMap::new();
        for (slot, Slot { recipe, ty: _ }) in described.slots.iter().enumerate() {
            work::step();
            if let Recipe::Pass(number) = recipe {
                passed.entry(*number).or_insert(slot);
            }
        }
        (0..used.max(self.declared.len()))
            .map(|number| match self.uses.get(&number) {
                Some(Use::Protected { oid, .. } | Use::Rendered { oid, .. }) => Ok(ParamRole::Protected { oid: *oid }),
                Some(Use::Plain(_)) => {
                    passed.get(&number).map(|&slot| ParamRole::Plain { slot }).ok_or_else(unreadable)
                }
                // Nothing uses it: its type must have been declared, and its value goes nowhere.
                None => self.declared(number).map(|oid| ParamRole::Protected { oid }).ok_or_else(|| {
                    Refusal::error(
                        SqlState::INDETERMINATE_DATATYPE,
                        format!("could not determine data type of parameter ${}", number + 1),
                    )
                }),
            })
            .collect()
    }
}

fn two_types(number: usize, first: &str, second: &str) -> Refusal {
    Refusal::new(format!(
        "parameter ${} is used for column {first} and, with another type, for column {second}",
        number + 1
    ))
    .hint("use two parameters")
}

/// The server would give it the type of one place, and we read it with that of the other.
fn twice(number: usize, written: &str, plain: Option<&str>) -> Refusal {
    let beside = plain.map_or("in another place".to_owned(), |column| format!("for column {column}"));
    Refusal::new(format!(
        "parameter ${} is written to column {written} and used {beside} as well: this cannot be answered in this version",
        number + 1
    ))
    .hint("use two parameters")
}

/// A value would be sent both hidden and in the clear (SQL-21, SQL-62).
pub(in crate::sql) fn leak(number: usize, protected: &str, plain: Option<&str>) -> Refusal {
    let beside = plain.map_or("in a place that is not sealed".to_owned(), |column| {
        format!("for column {column}, which is not sealed")
    });
    Refusal::new(format!(
        "parameter ${} is used for the protected column {protected} and {beside}: it would be sent in the clear",
        number + 1
    ))
    .hint("use two parameters, and send the value twice only if it may be seen")
}
