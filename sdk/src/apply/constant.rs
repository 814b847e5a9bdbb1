//! Constant defaults of sealed columns: from the expression that PostgreSQL prints to the stored form (SQL-22).

use crate::value::{Format, Settings, Type, Value};

/// It is no constant of the column's type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotConstant;

/// Reads `'active'::text`, `0`, `true`, `NULL::text` as `pg_get_expr` prints them under ISO DateStyle and UTC; `None`
/// is NULL. Anything with an operator, a function or a cast to another type is not constant.
pub(super) fn parse(expression: &str, ty: &Type) -> Result<Option<Vec<u8>>, NotConstant> {
    let text = strip(expression.trim());
    let (literal, cast) = literal(text)?;
    let cast = cast.trim();
    if !cast.is_empty() {
        let name = cast.strip_prefix("::").ok_or(NotConstant)?.trim();
        let named = Type::from_name(name).ok_or(NotConstant)?;
        if !named.same_base(ty) {
            return Err(NotConstant);
        }
    }
    let Some(literal) = literal else { return Ok(None) };
    let value = Value::parse(ty, Format::Text, literal.as_bytes(), &Settings::default()).map_err(|_| NotConstant)?;
    let mut stored = Vec::new();
    value.write_stored(ty, &mut stored);
    Ok(Some(stored))
}

/// Without parentheses around the whole.
fn strip(text: &str) -> &str {
    match text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) if !inner.contains(['(', ')']) => inner.trim(),
        _ => text,
    }
}

/// A literal and what follows it.
fn literal(text: &str) -> Result<(Option<String>, &str), NotConstant> {
    if let Some(rest) = text.strip_prefix("E'") {
        return quoted(rest, true);
    }
    if let Some(rest) = text.strip_prefix('\'') {
        return quoted(rest, false);
    }
    // A parenthesised negative number: ('-5'::integer) prints quoted, (-5) does not.
    let (number, rest) = match text.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        Some((number, rest)) => (number, rest),
        None => text.split_at(text.find("::").unwrap_or(text.len())),
    };
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    match number.trim() {
        "NULL" => Ok((None, rest)),
        word @ ("true" | "false") => Ok((Some(word.to_owned()), rest)),
        number if !number.is_empty() && number.chars().all(numeric) => Ok((Some(number.to_owned()), rest)),
        _ => Err(NotConstant),
    }
}

/// After the opening quote: '' is a quote, and in an E string a backslash doubles too.
fn quoted(text: &str, escapes: bool) -> Result<(Option<String>, &str), NotConstant> {
    let mut out = String::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        match c {
            '\'' if rest.peek().is_some_and(|(_, next)| *next == '\'') => {
                rest.next();
                out.push('\'');
            }
            '\'' => return Ok((Some(out), &text[at + 1..])),
            '\\' if escapes => match rest.next() {
                Some((_, '\\')) => out.push('\\'),
                _ => return Err(NotConstant),
            },
            other => out.push(other),
        }
    }
    Err(NotConstant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_22_constants_as_postgres_prints_them_become_stored_values() {
        assert_eq!(parse("'it''s'::text", &Type::Text), Ok(Some(b"it's".to_vec())));
        assert_eq!(parse("E'a\\\\b'::text", &Type::Text), Ok(Some(b"a\\b".to_vec())));
        assert_eq!(parse("7", &Type::Int4), Ok(Some(vec![0, 0, 0, 7])));
        assert_eq!(parse("'-5'::integer", &Type::Int4), Ok(Some(vec![255, 255, 255, 251])));
        assert_eq!(parse("(-5)", &Type::Int4), Ok(Some(vec![255, 255, 255, 251])));
        assert_eq!(parse("true", &Type::Bool), Ok(Some(vec![1])));
        assert_eq!(parse("NULL::character varying", &Type::Varchar(Some(3))), Ok(None));
        assert_eq!(parse("'abc'::character varying", &Type::Varchar(Some(3))), Ok(Some(b"abc".to_vec())));
    }

    #[test]
    fn sql_22_whatever_the_server_computes_is_no_constant() {
        for (text, ty) in [
            ("now()", Type::Timestamptz(None)),
            ("(1 + 2)", Type::Int4),
            ("upper('a'::text)", Type::Text),
            ("('a'::text || 'b'::text)", Type::Text),
            ("'1'::text", Type::Int4),
            ("'abcd'::character varying", Type::Varchar(Some(3))),
            ("CURRENT_USER", Type::Text),
            ("'open", Type::Text),
        ] {
            assert_eq!(parse(text, &ty), Err(NotConstant), "{text}");
        }
    }
}
