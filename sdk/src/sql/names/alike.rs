//! Names that only look equal: whoever writes `customers` with a letter that is not seen means the protected table, and
//! the server would look for another one, with the values in its hands (SQL-64).

/// Whether a word holds a character that is not seen, or is seen as a space and none for PostgreSQL's lexer.
pub(super) fn hides(word: &str) -> bool {
    !word.is_ascii() && word.chars().any(is_unseen)
}

/// Whether a name holds something that is not seen and is `other` to the eye.
pub(super) fn looks_like(name: &str, other: &str) -> bool {
    let seen = |text: &'_ str| -> Vec<char> {
        text.chars().filter(|char| !is_unseen(*char) && !char.is_ascii_whitespace()).collect()
    };
    hides(name) && seen(name) == seen(other)
}

/// Spaces beyond ASCII (category Z), and characters without a glyph of their own (`Default_Ignorable_Code_Point` and the
/// controls of Unicode 16).
fn is_unseen(char: char) -> bool {
    matches!(
        char,
        '\u{80}'..='\u{a0}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{1680}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2000}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{205f}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3000}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_letters_that_are_not_seen_looks_like_the_one_without_sql_64() {
        for name in [
            "customers\u{a0}",
            "\u{200b}customers",
            "cust\u{ad}omers",
            "customers\u{3000}",
            "c\u{2060}ustomers\u{feff}\u{e0041}",
            "\u{202e}customers",
        ] {
            assert!(looks_like(name, "customers"), "{name:?}");
        }
        assert!(looks_like("order\u{a0}lines", "order lines") && looks_like("order \u{200b}lines", "order lines"));
        for name in ["customers", "customer\u{a0}", "kunden\u{a0}", "custömers", "customers ", "сustomers"] {
            assert!(!looks_like(name, "customers"), "{name:?}");
        }
    }
}
