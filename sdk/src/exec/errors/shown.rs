//! Which texts of the server show something that only exists physically.

use std::borrow::Cow;

use crate::exec::steps;
use crate::sql::{Piece, Plan, Recipe, Template};

/// Hexadecimal digits in a row, hyphens apart, that are a uuid, or a piece of an envelope.
const LONG: usize = 16;

/// What the fields of one error are held against.
pub(super) struct Shown<'e> {
    /// Of schema, table, column, type and constraint: names, even those that look like a tag.
    names: Vec<&'e [u8]>,
    template: &'e Template,
}

impl<'e> Shown<'e> {
    pub(super) fn new(fields: &[(u8, &'e [u8])], plan: &'e Plan) -> Self {
        let names = fields.iter().filter(|(code, _)| matches!(code, b's' | b't' | b'c' | b'd' | b'n'));
        Self { names: names.map(|(_, name)| *name).collect(), template: steps::described_template(plan) }
    }

    /// What the client may see of a text: nothing if it shows internals; `$n` in the client's numbers.
    pub(super) fn text<'t>(&self, text: &'t [u8]) -> Option<Cow<'t, [u8]>> {
        if self.is_internal(text) { None } else { renumbered(text, self.template) }
    }

    /// Whether a text shows names of ours (`pgseal_…`, schema `pgseal`), or bytes that look like an envelope, a tag or a
    /// signature in hex and are no word of the statement or of a name.
    pub(super) fn is_internal(&self, text: &[u8]) -> bool {
        is_named(text) || contains(text, b"\\x") || long_hex(text).any(|word| !self.explains(word))
    }

    fn explains(&self, word: &[u8]) -> bool {
        let written = |piece: &Piece| match piece {
            Piece::Text(text) => contains(text.as_bytes(), word),
            Piece::Slot(_) => false,
        };
        self.names.iter().any(|name| contains(name, word)) || self.template.pieces.iter().any(written)
    }
}

/// Whether a text has a name of ours.
pub(super) fn is_named(text: &[u8]) -> bool {
    text.windows(6).any(|window| window.eq_ignore_ascii_case(b"pgseal"))
}

pub(super) fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The words that have [`LONG`] hexadecimal digits in a row.
fn long_hex(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = text.split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || !byte.is_ascii()));
    words.filter(|word| {
        let mut run = 0;
        word.iter().any(|byte| {
            match byte {
                b'-' if run > 0 => {}
                byte if byte.is_ascii_hexdigit() => run += 1,
                _ => run = 0,
            }
            run >= LONG
        })
    })
}

/// `$3` counts physical parameters: the client's number, if it is a parameter of the client's alone.
fn renumbered<'t>(text: &'t [u8], template: &Template) -> Option<Cow<'t, [u8]>> {
    if !text.windows(2).any(|pair| matches!(pair, [b'$', digit] if digit.is_ascii_digit())) {
        return Some(Cow::Borrowed(text));
    }
    let mut parts = text.split(|&byte| byte == b'$');
    let mut out = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        out.push(b'$');
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = part.split_at_checked(digits)?;
        if !number.is_empty() {
            let slot: usize = std::str::from_utf8(number).ok()?.parse().ok()?;
            match template.slots.get(slot.checked_sub(1)?)?.recipe {
                Recipe::Pass(index) => out.extend_from_slice((index + 1).to_string().as_bytes()),
                Recipe::Clear { .. }
                | Recipe::Cell { .. }
                | Recipe::RowTag { .. }
                | Recipe::Signature { .. }
                | Recipe::Signed { .. }
                | Recipe::Tag { .. }
                | Recipe::Tags { .. } => return None,
            }
        }
        out.extend_from_slice(rest);
    }
    Some(Cow::Owned(out))
}
