//! Whether an error is about something else than what we wrote.

use super::shown;
use crate::encoding::ClientEncoding;
use crate::schema::Protection;

/// Whether an error (`fields`: code and text) of a statement that was forwarded is about nothing of ours, although something
/// of ours was written in its transaction: it shows no name of ours, its table is not protected, or it has none and comes
/// from no code, which may be about any. Its texts are in `encoding`.
pub fn is_of_others(fields: &[(u8, &[u8])], protection: &Protection, encoding: ClientEncoding) -> bool {
    let text = |code: u8| fields.iter().find(|(field, _)| *field == code).map(|(_, text)| *text);
    if fields.iter().any(|(_, text)| shown::is_named(text)) {
        return false;
    }
    match text(b't') {
        // A partition has cells too, and a name of its own.
        Some(_) if text(b'D').is_some_and(|detail| shown::contains(detail, b"\\x")) => false,
        Some(table) => encoding.decode(table).is_ok_and(|table| !is_protected(&table, protection)),
        None => text(b'W').is_none(),
    }
}

fn is_protected(table: &str, protection: &Protection) -> bool {
    protection.by_name.contains_key(table)
        || protection.pending.contains_key(table)
        || protection.drifted.contains_key(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_of_others_if_it_shows_nothing_that_is_protected_and_runs_in_no_code() {
        let protection = Protection { by_name: [("person".to_owned(), 0)].into(), ..Protection::default() };
        let is = |fields: &[(u8, &str)]| {
            let fields: Vec<(u8, &[u8])> = fields.iter().map(|(code, text)| (*code, text.as_bytes())).collect();
            is_of_others(&fields, &protection, ClientEncoding::UTF8)
        };
        assert!(is(&[(b'M', "division by zero")]));
        assert!(is(&[(b'M', "invalid input syntax: \\x00")]));
        assert!(is(&[(b't', "note"), (b'D', "Key (name)=(red) already exists.")]));
        assert!(!is(&[(b't', "person"), (b'D', "Key (id)=(1) already exists.")]));
        assert!(!is(&[(b't', "note"), (b'D', "Key (pgseal_eq_name)=(7) already exists.")]));
        assert!(!is(&[(b't', "person_2026"), (b'D', "Failing row contains (1, \\x00).")]));
        assert!(!is(&[(b'M', "mine"), (b'W', "PL/pgSQL function f() line 1 at RAISE")]));
    }
}
