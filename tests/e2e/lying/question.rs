//! Another question in the place of the one that was asked: the text of a statement, changed.

use super::lie::Lie;

/// The text with the lies in it; `None` if none of them fits.
pub(super) fn changed(text: &str, lies: &[Lie]) -> Option<String> {
    let mut out = text.to_owned();
    for lie in lies {
        match lie {
            Lie::Where(condition) => out = with_condition(&out, condition)?,
            Lie::Text(from, to) => out = out.replace(from, to),
            Lie::Parameter(..)
            | Lie::SwapColumns(..)
            | Lie::SwapRows(..)
            | Lie::RepeatRow(_)
            | Lie::DropRow(_)
            | Lie::SwapFields { .. }
            | Lie::Field { .. }
            | Lie::Tag(_)
            | Lie::Status(..) => {}
        }
    }
    (out != text).then_some(out)
}

/// What may follow a WHERE.
const CLAUSES: [&str; 8] = ["for", "returning", "order", "limit", "offset", "fetch", "group", "union"];

/// The condition that was asked for stays in the statement, without effect: its parameters keep their types.
fn with_condition(text: &str, condition: &str) -> Option<String> {
    let words = outer_words(text);
    let at = words.iter().position(|word| is(text, word, "where"))?;
    let rest = words.get(at + 1..)?;
    let end = rest.iter().find(|word| CLAUSES.iter().any(|clause| is(text, word, clause)));
    let end = end.map_or(text.trim_end().trim_end_matches(';').len(), |word| word.start);
    let start = words[at].end;
    let asked = text.get(start..end)?.trim();
    Some(format!("{} ({condition}) OR (false AND ({asked})) {}", &text[..start], &text[end..]))
}

fn is(text: &str, word: &std::ops::Range<usize>, expected: &str) -> bool {
    text[word.clone()].eq_ignore_ascii_case(expected)
}

/// The words that stand in no parentheses, quotes or comments.
fn outer_words(text: &str) -> Vec<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut words) = (0, 0_usize, Vec::new());
    let until = |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |found| from + found + end.len());
    while let Some(byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'\'' => at = until(at + 1, "'"),
            b'"' => at = until(at + 1, "\""),
            b'-' if bytes.get(at + 1) == Some(&b'-') => at = until(at, "\n"),
            b'/' if bytes.get(at + 1) == Some(&b'*') => at = until(at, "*/"),
            b'(' | b')' => {
                depth = if *byte == b'(' { depth + 1 } else { depth.saturating_sub(1) };
                at += 1;
            }
            b if b.is_ascii_alphabetic() => {
                at += bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                if depth == 0 {
                    words.push(start..at);
                }
            }
            _ => at += 1,
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_condition_takes_effect_and_the_asked_one_keeps_its_place() {
        for (asked, read) in [
            (
                "SELECT (SELECT 1 WHERE true), 'where' FROM t AS \"where\" WHERE id = $1 FOR NO KEY UPDATE OF \"t\"",
                "SELECT (SELECT 1 WHERE true), 'where' FROM t AS \"where\" WHERE (id = 2) OR (false AND (id = $1)) \
                 FOR NO KEY UPDATE OF \"t\"",
            ),
            (
                "DELETE FROM t where a = 'it''s for' or b /* for */ returning a",
                "DELETE FROM t where (id = 2) OR (false AND (a = 'it''s for' or b /* for */)) returning a",
            ),
            ("SELECT 1 FROM t WHERE x;", "SELECT 1 FROM t WHERE (id = 2) OR (false AND (x)) ;"),
        ] {
            assert_eq!(changed(asked, &[Lie::Where("id = 2".into())]).as_deref(), Some(read));
        }
        assert_eq!(changed("SELECT 1", &[Lie::Where("true".into())]), None);
        assert_eq!(changed("SELECT 1", &[Lie::Text("1".into(), "2".into())]).as_deref(), Some("SELECT 2"));
        assert_eq!(changed("SELECT 1", &[Lie::Text("3".into(), "2".into())]), None);
    }
}
