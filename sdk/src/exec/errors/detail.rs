//! DETAIL of a violated constraint: kept where all its columns are in the clear, told in the client's values where a tag
//! stands for one of them, else dropped (SQL-56).
//!
//! A key is `(names)=(values)` in the messages of every language (`BuildIndexValueDescription`, genam.c, and
//! `ri_ReportViolation`, ri_triggers.c). Values are not quoted in it: where a value could hold what separates two, the
//! detail cannot be taken apart. A failing row is told by [`row`](super::row).

use std::borrow::Cow;
use std::ops::Range;

use super::values::ClientValues;
use super::{row, shown, tables};
use crate::encoding::ClientEncoding;
use crate::schema::Table;
use crate::sql::Plan;
use crate::sql::lex::lex;

/// The key that a detail shows.
struct Key<'t> {
    names: Vec<&'t str>,
    /// Where the list of names stands, and that of the values, without their parentheses.
    listed: Range<usize>,
    values: Range<usize>,
}

/// A column of a key.
enum Part<'p> {
    Clear,
    /// A tag stands for it.
    Tagged {
        table: &'p Table,
        beacon: usize,
    },
}

/// What the client may see of it. `table`: schema and name, of which the error is. `nested`: it has a context, so what
/// failed is a statement of a trigger or of a foreign key, whose rows are not the client's.
pub(super) fn of_constraint<'t>(
    text: &'t [u8],
    sqlstate: &[u8],
    table: Option<(&[u8], &[u8])>,
    nested: bool,
    plan: &Plan,
    sent: Option<ClientValues<'_>>,
) -> Option<Cow<'t, [u8]>> {
    let encoding = sent.map_or(ClientEncoding::UTF8, |sent| sent.settings.encoding);
    let decoded = encoding.decode(text).ok()?;
    let told = match sqlstate {
        // not_null_violation, check_violation
        b"23502" | b"23514" => {
            let (schema, name) = table?;
            let (schema, name) = (encoding.decode(schema).ok()?, encoding.decode(name).ok()?);
            row::told(&decoded, (&*schema, &*name), plan, sent.filter(|_| !nested))?
        }
        _ => {
            let key = key(&decoded)?;
            let parts = key.names.iter().map(|name| part(name, plan)).collect::<Option<Vec<_>>>()?;
            if parts.iter().all(|part| matches!(part, Part::Clear)) {
                // Without a table at hand a cell is told by its bytes.
                let shows = tables(plan).next().is_some() || !shown::contains(text, b"\\x");
                return shows.then_some(Cow::Borrowed(text));
            }
            rebuilt(&decoded, &key, &parts, plan, sent?)?
        }
    };
    Some(encoding.encode(&told).ok()?.into_owned().into())
}

/// The key of the written row whose tags the text shows.
fn rebuilt(text: &str, key: &Key<'_>, parts: &[Part<'_>], plan: &Plan, sent: ClientValues<'_>) -> Option<String> {
    let values: Vec<&str> = text.get(key.values.clone())?.split(", ").collect();
    if values.len() != parts.len() {
        return None;
    }
    let (names, values) = plan.rows.iter().find_map(|row| {
        let mut told = (Vec::new(), Vec::new());
        for ((part, name), value) in parts.iter().zip(&key.names).zip(&values) {
            match *part {
                Part::Clear => {
                    told.0.push(Cow::Borrowed(*name));
                    told.1.push(Cow::Borrowed(*value));
                }
                Part::Tagged { table, beacon } if std::ptr::eq(table, &*row.table) => {
                    told.0.push(quoted(&table.columns.get(table.beacons.get(beacon)?.column)?.name));
                    told.1.push(sent.with_tag(row, beacon, &tag(value)?)?.into());
                }
                Part::Tagged { .. } => return None,
            }
        }
        Some(told)
    })?;
    let (before, between) = (text.get(..key.listed.start)?, text.get(key.listed.end..key.values.start)?);
    let after = text.get(key.values.end..)?;
    Some([before, &names.join(", "), between, &values.join(", "), after].concat())
}

fn key(text: &str) -> Option<Key<'_>> {
    let open = text.find('(')? + 1;
    let (mut depth, mut quoted, mut start) = (0_usize, None, open);
    let mut names = Vec::new();
    for (at, byte) in text.bytes().enumerate().skip(open) {
        match (byte, quoted, depth) {
            (byte, Some(quote), _) if byte == quote => quoted = None,
            (_, Some(_), _) => {}
            (b'"' | b'\'', None, _) => quoted = Some(byte),
            (b',', None, 0) => {
                names.push(text.get(start..at)?.trim());
                start = at + 1;
            }
            (b'(', None, _) => depth += 1,
            (b')', None, 0) => {
                names.push(text.get(start..at)?.trim());
                let values = at + text.get(at..)?.starts_with(")=(").then_some(3)?;
                let end = values + text.get(values..)?.rfind(')')?;
                return Some(Key { names, listed: open..at, values: values..end });
            }
            (b')', None, _) => depth -= 1,
            (_, None, _) => {}
        }
    }
    None
}

/// `None` for a name or an expression that must not be shown.
fn part<'p>(name: &str, plan: &'p Plan) -> Option<Part<'p>> {
    let tokens = lex(name).ok()?;
    let mut names = tokens.iter().filter_map(|token| token.name(name));
    if let ([_], Some(only)) = (tokens.as_slice(), names.next()) {
        let tagged = tables(plan).find_map(|table| {
            let beacon = table.beacons.iter().position(|beacon| beacon.helper == only)?;
            Some(Part::Tagged { table, beacon })
        });
        if tagged.is_some() {
            return tagged;
        }
    }
    let hidden = |name: &str| {
        let mut columns = tables(plan).flat_map(|table| &table.columns);
        shown::is_named(name.as_bytes()) || columns.any(|column| column.is_sealed() && column.name == name)
    };
    let mut names = tokens.iter().filter_map(|token| token.name(name));
    (!names.any(|name| hidden(&name))).then_some(Part::Clear)
}

/// A column as PostgreSQL prints its name.
fn quoted(name: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.bytes().all(plain) && !name.starts_with(|first: char| first.is_ascii_digit()) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(crate::schema::names::quote(name))
    }
}

/// A uuid as the server prints it.
pub(super) fn tag(text: &str) -> Option<[u8; 16]> {
    let digits = text.replace('-', "");
    u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32).map(u128::to_be_bytes)
}
