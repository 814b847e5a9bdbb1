//! Settings that change what a text means and that the server never reports (SQL-7).
//!
//! Three doors. Where a harmful value can be seen (start-up parameters, SET, ALTER … SET, CREATE FUNCTION … SET,
//! `set_config` of a constant name) it is refused. What cannot be seen (the settings of a role, a database or a file,
//! a RESET to them, `set_config` of a computed name, code of a function) counts as opaque: the server is asked with SHOW
//! before the next statement that depends on a setting ([`Notes::depends_on`](super::Notes)), and that statement
//! is refused if the answer is harmful. Most statements depend on none, so most sessions are never asked.

use super::lex::{self, Kind, Token};
use super::{Input, Literal, Plan, Recipe, Refusal, Steps, Template};
use crate::schema::Column;

#[cfg(test)]
mod tests;

/// A setting that must have its default meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// On, the server reads `x = NULL` as `x IS NULL`.
    TransformNullEquals,
    /// Off, the server reads `{NULL}` as an array of one text.
    ArrayNulls,
    /// Off, the server rejects `\'` in E'…', which is read here. `on` and `safe_encoding` are the same here: the latter
    /// rejects `\'` for encodings of clients only, such as SJIS (`PG_ENCODING_IS_CLIENT_ONLY`, scan.l), in which nothing
    /// protected is touched.
    BackslashQuote,
}

impl Setting {
    /// All of them.
    pub const ALL: [Setting; 3] = [Setting::TransformNullEquals, Setting::ArrayNulls, Setting::BackslashQuote];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Setting::TransformNullEquals => "transform_null_equals",
            Setting::ArrayNulls => "array_nulls",
            Setting::BackslashQuote => "backslash_quote",
        }
    }

    /// The setting of this name, in any case, as `guc_name_compare` has it.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name().eq_ignore_ascii_case(name))
    }

    /// Whether statements mean under this value what they mean here. A value that the server would reject is not.
    pub fn is_harmless(self, value: &str) -> bool {
        let value = value.to_ascii_lowercase();
        match self {
            Setting::TransformNullEquals => boolean(&value) == Some(false),
            Setting::ArrayNulls => boolean(&value) == Some(true),
            // An enumeration: no word is shortened (`backslash_quote_options`, guc_tables.c).
            Setting::BackslashQuote => ["safe_encoding", "on", "true", "yes", "1"].contains(&value.as_str()),
        }
    }

    /// What a client is told.
    pub fn refusal(self) -> Refusal {
        let name = self.name();
        let (good, others) = match self {
            Setting::TransformNullEquals => ("off", ""),
            Setting::ArrayNulls => ("on", ""),
            Setting::BackslashQuote => ("safe_encoding", " or on"),
        };
        let message =
            format!("{name} must be {good}{others}: another value changes what statements on protected tables mean");
        Refusal::new(message).hint(format!(
            "Leave {name} alone, or SET {name} = {good}; what a role or database sets, ALTER ... RESET takes away."
        ))
    }
}

/// `parse_bool` (utils/adt/bool.c), of a lower-case text.
fn boolean(value: &str) -> Option<bool> {
    let begins = |word: &str, least: usize| value.len() >= least && word.starts_with(value);
    if begins("true", 1) || begins("yes", 1) || value == "on" || value == "1" {
        return Some(true);
    }
    (begins("false", 1) || begins("no", 1) || begins("off", 2) || value == "0").then_some(false)
}

/// A parameter of a start-up packet: a setting, or `options`, which holds settings as a command line would.
///
/// # Errors
/// 0A000 if it gives one of the settings a value that is not harmless.
pub fn check_startup(name: &[u8], value: &[u8]) -> Result<(), Refusal> {
    let texts = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
    match Setting::of(&texts.0) {
        Some(setting) if !setting.is_harmless(&texts.1) => Err(setting.refusal()),
        None if texts.0 == "options" => options(&texts.1),
        Some(_) | None => Ok(()),
    }
}

/// The settings of a start-up packet, as (name, value) in the order in which the server takes them over: those of
/// `options` first (`process_startup_options`, postinit.c).
pub fn startup<'p>(parameters: impl IntoIterator<Item = (&'p [u8], &'p [u8])>) -> Vec<(String, String)> {
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for (name, value) in parameters {
        let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        if name != "options" {
            then.push((name.into_owned(), value.into_owned()));
            continue;
        }
        for word in words(&value) {
            let Some((name, value)) = word.split_once('=') else { continue };
            let name = name.strip_prefix("--").or_else(|| name.strip_prefix("-c")).unwrap_or(name);
            first.push((name.replace('-', "_"), value.to_owned()));
        }
    }
    first.append(&mut then);
    first
}

/// Words of `options`, cut at white space that no backslash precedes (`pg_split_opts`, postinit.c). `-c name=value`,
/// `-cname=value` and `--name=value` all end in the name before their first `=`; in a name `-` stands for `_`
/// (`ParseLongOption`).
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            // `isspace` of the C locale: vertical tab included.
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => words.push(String::new()),
            '\\' => words.last_mut().into_iter().for_each(|word| word.extend(chars.next())),
            char => words.last_mut().into_iter().for_each(|word| word.push(char)),
        }
    }
    words
}

fn options(text: &str) -> Result<(), Refusal> {
    for word in &words(text) {
        let Some((name, value)) = word.split_once('=') else { continue };
        let name = name.replace('-', "_").to_ascii_lowercase();
        let found = Setting::ALL.into_iter().find(|setting| name.ends_with(setting.name()));
        if let Some(setting) = found.filter(|setting| !setting.is_harmless(value)) {
            return Err(setting.refusal());
        }
    }
    Ok(())
}

/// The refusal of a text, or of one statement of it, that visibly gives a setting a harmful value.
pub(super) fn refusal(text: &str, tokens: &[Token]) -> Option<Refusal> {
    tokens.split(|token| token.is_symbol(b';')).find_map(|statement| {
        let first = statement.first()?;
        let sets = ["set", "alter", "create"].iter().any(|word| first.is_word(text, word));
        (0..statement.len()).find_map(|at| {
            let found = match sets {
                true => set_clause(text, statement, at),
                false => None,
            };
            let (setting, place) = found.or_else(|| set_config(text, statement, at))?;
            Some(setting.refusal().at(place))
        })
    })
}

/// `SET [SESSION | LOCAL] name {= | TO} value` at this token, with a harmful value; and where it stands. DEFAULT and
/// FROM CURRENT name no value: the statement counts as opaque.
fn set_clause(text: &str, tokens: &[Token], at: usize) -> Option<(Setting, usize)> {
    let word = |at: usize, words: &[&str]| {
        tokens.get(at).is_some_and(|token| words.iter().any(|word| token.is_word(text, word)))
    };
    if !word(at, &["set"]) {
        return None;
    }
    let at = at + 1 + usize::from(word(at + 1, &["session", "local"]));
    let name = tokens.get(at)?;
    let setting = Setting::of(&name.name(text)?)?;
    let assigns = word(at + 1, &["to"]) || tokens.get(at + 1).is_some_and(|token| token.text(text) == "=");
    let harmless =
        word(at + 2, &["default"]) || tokens.get(at + 2).is_some_and(|value| is_harmless(setting, text, value));
    (assigns && !harmless).then_some((setting, name.range.start))
}

/// `set_config('name', 'value', …)` at this token, with the name of a setting and anything but a harmless constant.
fn set_config(text: &str, tokens: &[Token], at: usize) -> Option<(Setting, usize)> {
    let is = |at: usize, symbol: u8| tokens.get(at).is_some_and(|token| token.is_symbol(symbol));
    let called = tokens.get(at)?.name(text)? == "set_config" && is(at + 1, b'(');
    if !called || !is(at + 3, b',') {
        return None;
    }
    let name = tokens.get(at + 2).filter(|token| is_string(token))?;
    let setting = Setting::of(&lex::unescape(text, name).ok()?)?;
    let harmless = is(at + 5, b',') && tokens.get(at + 4).is_some_and(|value| is_harmless(setting, text, value));
    (!harmless).then_some((setting, name.range.start))
}

/// Whether the one token is a harmless value.
fn is_harmless(setting: Setting, text: &str, value: &Token) -> bool {
    match value.name(text) {
        Some(word) => setting.is_harmless(&word),
        None => lex::unescape(text, value).is_ok_and(|value| setting.is_harmless(&value)),
    }
}

fn is_string(token: &Token) -> bool {
    matches!(token.kind, Kind::String | Kind::EscapeString | Kind::UnicodeString | Kind::DollarString)
}

/// The settings that decide what one statement means, given its tokens and its plan.
pub(super) fn dependencies(text: &str, tokens: &[Token], plan: &Plan) -> Vec<Setting> {
    let mut found = Vec::new();
    if compares_with_null(text, tokens) {
        found.push(Setting::TransformNullEquals);
    }
    if has_arrays(plan) {
        found.push(Setting::ArrayNulls);
    }
    if tokens.iter().any(|token| token.kind == Kind::EscapeString && token.text(text).contains("\\'")) {
        found.push(Setting::BackslashQuote);
    }
    found
}

/// `= NULL` or `NULL =`, parentheses apart: what `transformAExprOp` (parse_expr.c) looks for. An assignment looks
/// the same and is taken for one.
fn compares_with_null(text: &str, tokens: &[Token]) -> bool {
    let operands: Vec<&Token> =
        tokens.iter().filter(|token| !token.is_symbol(b'(') && !token.is_symbol(b')')).collect();
    operands.windows(2).any(|pair| match pair {
        [left, right] => {
            let equals = |token: &Token| token.kind == Kind::Operator && token.text(text) == "=";
            equals(left) && right.is_word(text, "null") || left.is_word(text, "null") && equals(right)
        }
        _ => false,
    })
}

/// Whether it reads arrays: lists of what is compared, or values of columns that are arrays.
fn has_arrays(plan: &Plan) -> bool {
    let is_array = |column: &Column| column.ty.is_some_and(|ty| ty.element().is_some());
    // A constant that is one itself, whatever column it is for.
    let of_array = |input: &Input| match input {
        Input::Param { ty, .. } | Input::Literal { literal: Literal::Typed(ty, _), .. } => ty.element().is_some(),
        Input::Literal { literal: Literal::Untyped(_) | Literal::Array(_), .. } => false,
        Input::Stored(_) | Input::Null | Input::Fetched(_) => false,
    };
    let given = |input: &Input| matches!(input, Input::Param { .. } | Input::Literal { .. });
    let written = plan.rows.iter().any(|row| {
        let values = row.values.iter().zip(&row.table.columns);
        values
            .filter_map(|(input, column)| input.as_ref().map(|input| (input, column)))
            .any(|(input, column)| of_array(input) || is_array(column) && given(input))
    });
    let reads = |template: &Template| {
        template.slots.iter().any(|slot| match &slot.recipe {
            Recipe::Tags { .. } => true,
            Recipe::Tag { table, beacon, input } => {
                let column = table.beacons.get(*beacon).and_then(|beacon| table.columns.get(beacon.column));
                of_array(input) || column.is_some_and(is_array)
            }
            Recipe::Pass(_)
            | Recipe::Clear { .. }
            | Recipe::Cell { .. }
            | Recipe::RowTag { .. }
            | Recipe::Signature { .. }
            | Recipe::Signed { .. } => false,
        })
    };
    let step = match &plan.steps {
        Steps::One => false,
        Steps::Fetch(template) => reads(template),
        Steps::ReadModifyWrite(modify) => reads(&modify.lock),
    };
    written || step || reads(&plan.template)
}
