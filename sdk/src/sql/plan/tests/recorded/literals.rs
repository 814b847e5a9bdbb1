//! The string constants of a Rust source, unescaped: where tests write their statements.

/// In order, without those of comments.
pub(super) fn strings(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(char) = rest.chars().next() {
        rest = match char {
            '/' if rest.starts_with("//") => rest.find('\n').map_or("", |end| &rest[end..]),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or("", |end| &rest[end + 2..]),
            '"' => {
                let (text, end) = quoted(&rest[1..]);
                found.push(text);
                &rest[1 + end..]
            }
            'r' if is_raw(rest) => {
                let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
                let (inner, close) = (&rest[hashes + 2..], format!("\"{}", "#".repeat(hashes)));
                let end = inner.find(&close).unwrap_or(inner.len());
                found.push(inner[..end].to_owned());
                inner.get(end + close.len()..).unwrap_or("")
            }
            // A character; a lifetime has no second quote where one would be.
            '\'' => &rest[character(rest)..],
            char if char.is_alphanumeric() || char == '_' => {
                let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len());
                // `b"`, `br"` and `c"` are read as what follows their letter.
                if rest[..end].ends_with('r') && is_raw(&rest[end - 1..]) { &rest[end - 1..] } else { &rest[end..] }
            }
            char => &rest[char.len_utf8()..],
        };
    }
    found
}

fn is_raw(text: &str) -> bool {
    text.strip_prefix('r').is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
}

/// Bytes of what begins with a single quote.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[2..].find('\'').map_or(text.len(), |end| {
            // `'\''` holds a quote.
            if end == 0 { text[3..].find('\'').map_or(text.len(), |end| end + 4) } else { end + 3 }
        }),
        Some((_, _)) => match chars.next() {
            Some((at, '\'')) => at + 1,
            Some(_) | None => 1,
        },
        None => 1,
    }
}

/// The text up to the closing quote, and the bytes behind it.
fn quoted(source: &str) -> (String, usize) {
    let mut out = String::new();
    let mut chars = source.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (out, at + 1),
            '\\' => match chars.next().map(|(_, char)| char) {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some('0') => out.push('\0'),
                Some('x') => {
                    let digits: String = chars.by_ref().take(2).map(|(_, char)| char).collect();
                    out.extend(u8::from_str_radix(&digits, 16).map(char::from));
                }
                Some('u') => {
                    let digits: String =
                        chars.by_ref().map(|(_, char)| char).skip(1).take_while(|char| *char != '}').collect();
                    out.extend(u32::from_str_radix(&digits.replace('_', ""), 16).ok().and_then(char::from_u32));
                }
                Some('\n') => while chars.next_if(|(_, char)| char.is_whitespace()).is_some() {},
                Some(char) => out.push(char),
                None => {}
            },
            char => out.push(char),
        }
    }
    (out, source.len())
}

#[test]
fn strings_are_found_whatever_stands_around_them() {
    let source = r###"
        // "no" it's
        /* "no" */ fn f<'a>(c: char) -> &'a str { let x = ['"', '\'', '\\', '\u{e9}', 'a']; "one" }
        for r in [r"two\n", r#"th"ree"#, br"four", b"fi\x76e", "s\"i\u{78}\n\
            \tq", expr"seven"] {}
    "###;
    assert_eq!(strings(source), ["one", "two\\n", "th\"ree", "four", "five", "s\"ix\n\tq", "seven"]);
}
