//! What a text does to its session, statement by statement: one for each command tag.

use std::ops::Range;

use super::lex::{Kind, Token};
use super::{Decision, Effect, PathEffect, Statement, names};
use crate::schema::Protection;

/// What the statements of some tokens do to a session.
#[derive(Default)]
pub(super) struct Effects {
    effect: Effect,
    pub(super) path: Vec<PathEffect>,
}

impl Effects {
    pub(super) fn read(text: &str, tokens: &[Token], protection: &Protection) -> Self {
        let mut effects = Self::default();
        let atomic = |pair: &[Token]| matches!(pair, [begin, atomic] if begin.is_word(text, "begin") && atomic.is_word(text, "atomic"));
        if tokens.windows(2).any(atomic) {
            // Its semicolons end no statement, so which one follows it is not known.
            return Self { effect: names::effect(text, tokens), path: vec![PathEffect::Opaque { commits: true }] };
        }
        let mut depth = 0_usize;
        let ends = |token: &Token| {
            match token.kind {
                Kind::Symbol(b'(') => depth += 1,
                Kind::Symbol(b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.is_symbol(b';')
        };
        for statement in tokens.split(ends).filter(|statement| !statement.is_empty()) {
            // What sets nothing but the path changes no value.
            let (path, only) = names::path_effect(text, statement, protection);
            if !only && names::effect(text, statement) == Effect::Opaque {
                effects.effect = Effect::Opaque;
            }
            effects.path.push(path);
        }
        if effects.path.iter().all(PathEffect::is_none) {
            effects.path.clear();
        }
        effects
    }

    /// Those of a text that nobody reads.
    pub(super) fn unread() -> Self {
        Self { effect: Effect::Opaque, path: Vec::new() }
    }

    /// The same of a text in which other names may stand than are seen.
    pub(super) fn outlined(mut self) -> Self {
        for effect in self.path.iter_mut().filter(|effect| !effect.is_none()) {
            *effect = PathEffect::Opaque { commits: true };
        }
        self
    }

    /// The statement in this range that does this.
    pub(super) fn of(self, range: Range<usize>, decision: Decision) -> Statement {
        Statement { range, decision, effect: self.effect, path: self.path.into() }
    }
}
