use proptest::prelude::*;

use super::*;

/// Kind and text of every token, for the eye.
fn read(text: &str) -> Vec<(Kind, &str)> {
    lex(text).unwrap().iter().map(|token| (token.kind, &text[token.range.clone()])).collect()
}

fn texts(text: &str) -> Vec<&str> {
    read(text).into_iter().map(|(_, text)| text).collect()
}

fn kinds(text: &str) -> Vec<Kind> {
    read(text).into_iter().map(|(kind, _)| kind).collect()
}

fn fails(text: &str) -> &'static str {
    lex(text).unwrap_err().what
}

fn value(text: &str) -> String {
    let tokens = lex(text).unwrap();
    assert_eq!(tokens.len(), 1, "{text}");
    unescape(text, &tokens[0]).unwrap().into_owned()
}

fn bad_value(text: &str) -> &'static str {
    let tokens = lex(text).unwrap();
    unescape(text, &tokens[0]).unwrap_err().what
}

#[test]
fn operators_do_not_end_in_a_sign_unless_a_special_character_frees_them() {
    assert_eq!(texts("a>=-1"), ["a", ">=", "-", "1"]);
    assert_eq!(texts("a@-1"), ["a", "@-", "1"]);
    assert_eq!(texts("a<-+-b"), ["a", "<", "-", "+", "-", "b"]);
    assert_eq!(texts("*- 1"), ["*", "-", "1"]);
    assert_eq!(texts("+++"), ["+", "+", "+"]);
    assert_eq!(texts("->>"), ["->>"]);
    assert_eq!(texts("a?|b #>> c"), ["a", "?|", "b", "#>>", "c"]);
    assert_eq!(texts("a||-b"), ["a", "||-", "b"]);
    assert_eq!(kinds("=>"), [Kind::EqualsGreater]);
    assert_eq!(kinds("=>-"), [Kind::EqualsGreater, Kind::Operator]);
    assert_eq!(kinds("=>>"), [Kind::Operator]);
}

#[test]
fn an_operator_stops_where_a_comment_begins() {
    assert_eq!(texts("a<--b\n1"), ["a", "<", "1"]);
    assert_eq!(texts("a-/*x*/-b"), ["a", "-", "-", "b"]);
    assert_eq!(texts("@/**/@"), ["@", "@"]);
    assert_eq!(texts("a */b"), ["a", "*/", "b"]);
    assert_eq!(texts("@-/*x*/1"), ["@-", "1"]);
    assert_eq!(texts("+--"), ["+"]);
}

#[test]
fn an_operator_of_64_bytes_is_too_long_but_a_row_of_signs_is_not() {
    assert_eq!(kinds(&"@".repeat(63)), [Kind::Operator]);
    assert_eq!(fails(&"@".repeat(64)), "operator too long");
    assert_eq!(texts(&"+-".repeat(0).to_string()), [""; 0]);
    assert_eq!(texts(&"+".repeat(1000)).len(), 1000);
}

#[test]
fn block_comments_nest_and_line_comments_end_at_either_newline() {
    assert_eq!(texts("a/*/**/*/b"), ["a", "b"]);
    assert_eq!(texts("a--x\rb"), ["a", "b"]);
    assert_eq!(texts("/***/a"), ["a"]);
    assert_eq!(fails("a /* /* */"), "unterminated /* comment");
    assert_eq!(fails("/*/"), "unterminated /* comment");
}

#[test]
fn strings_continue_over_a_newline_only() {
    assert_eq!(value("'a'\n'b'"), "ab");
    assert_eq!(value("'a' -- comment\n 'b'"), "ab");
    assert_eq!(value("'a'\n--x\n  'b'\r'c'"), "abc");
    assert_eq!(texts("'a' 'b'"), ["'a'", "'b'"]);
    assert_eq!(texts("'a' /* \n */ 'b'"), ["'a'", "'b'"]);
    assert_eq!(texts("'a'\n/* */'b'"), ["'a'", "'b'"]);
    assert_eq!(texts("'a'\n"), ["'a'"]);
    assert_eq!(texts("\"a\"\n\"b\""), ["\"a\"", "\"b\""]);
    assert_eq!(value("E'a\\n'\n'\\n'"), "a\n\n");
    assert_eq!(kinds("b'1'\n'0'"), [Kind::BitString]);
    assert_eq!(texts("$$a$$\n'b'"), ["$$a$$", "'b'"]);
}

#[test]
fn prefixes_belong_to_a_string_only_where_a_token_begins() {
    assert_eq!(
        kinds("e'' E'' b'' X'' n'' u&'' U&\"a\""),
        [
            Kind::EscapeString,
            Kind::EscapeString,
            Kind::BitString,
            Kind::HexString,
            Kind::NationalString,
            Kind::UnicodeString,
            Kind::UnicodeIdentifier
        ]
    );
    assert_eq!(kinds("xe'a'"), [Kind::Word, Kind::String]);
    assert_eq!(texts("b'1''0'"), ["b'1'", "'0'"]);
    assert_eq!(texts("u&x"), ["u", "&", "x"]);
    assert_eq!(texts("u & 'x'"), ["u", "&", "'x'"]);
    assert_eq!(texts("e\"a\""), ["e", "\"a\""]);
}

#[test]
fn a_backslash_is_plain_text_outside_escape_strings() {
    assert_eq!(texts(r"'\' OR 1"), [r"'\'", "OR", "1"]);
    assert_eq!(value(r"'\'''"), r"\'");
    assert_eq!(value("'O''''Brien'"), "O''Brien");
    assert_eq!(value("''"), "");
    assert_eq!(value("''''"), "'");
    assert_eq!(texts(r"E'\' OR 1=1 --'"), [r"E'\' OR 1=1 --'"]);
    assert_eq!(fails(r"E'\'"), "unterminated quoted string");
    assert_eq!(fails("'a''"), "unterminated quoted string");
}

#[test]
fn escape_strings_have_the_value_that_postgresql_gives_them() {
    assert_eq!(value(r"E'\b\f\n\r\t\\\'\q\x'"), "\u{8}\u{c}\n\r\t\\'qx");
    assert_eq!(value(r"E'\101\x41\x4a\1012'"), "AAJA2");
    assert_eq!(value(r"E'\xc3\xa9\303\251'"), "éé");
    assert_eq!(value(r"E'\u00e9\U0001F600\ud83d\ude00'"), "é😀😀");
    assert_eq!(value("E'\\é\\\n'"), "é\n");
    assert_eq!(value(r"E'a''b'"), "a'b");
    assert_eq!(bad_value(r"E'\xff'"), BYTES);
    assert_eq!(bad_value(r"E'\000'"), BYTES);
    assert_eq!(bad_value(r"E'\x0'"), BYTES);
    assert_eq!(bad_value(r"E'\u12'"), "invalid Unicode escape");
    assert_eq!(bad_value(r"E'\u0000'"), "invalid Unicode escape value");
    assert_eq!(bad_value(r"E'\U00110000'"), "invalid Unicode escape value");
    assert_eq!(bad_value(r"E'\ud83d'"), PAIR);
    assert_eq!(bad_value(r"E'\ud83dx\ude00'"), PAIR);
    assert_eq!(bad_value(r"E'\ude00'"), PAIR);
    assert_eq!(bad_value("E'\\ud83d'\n'\\ude00'"), PAIR);
}

const BYTES: &str = "invalid byte sequence for encoding \"UTF8\"";
const PAIR: &str = "invalid Unicode surrogate pair";

#[test]
fn unicode_strings_have_the_value_that_postgresql_gives_them() {
    assert_eq!(value(r"U&'d\0061t\+000061\\''x'"), r"data\'x");
    assert_eq!(value(r"U&'\d83d\de00'"), "😀");
    assert_eq!(value("U&'\\00'\n'61'"), "a");
    assert_eq!(bad_value(r"U&'\006'"), "invalid Unicode escape");
    assert_eq!(bad_value(r"U&'\zzzz'"), "invalid Unicode escape");
    assert_eq!(bad_value(r"U&'\0000'"), "invalid Unicode escape value");
    assert_eq!(bad_value(r"U&'\d83d'"), PAIR);
    assert_eq!(bad_value(r"U&'\d83dx'"), PAIR);
    assert_eq!(bad_value(r"U&'\'"), "invalid Unicode escape");
    assert_eq!(texts(r"U&'d!0061' UESCAPE '!'"), [r"U&'d!0061'", "UESCAPE", "'!'"]);
}

#[test]
fn dollar_quotes_end_at_their_own_delimiter() {
    assert_eq!(value("$$a$b$c$$"), "a$b$c");
    assert_eq!(value("$a$x$$y$b$a$"), "x$$y$b");
    assert_eq!(value("$é$x$é$"), "x");
    assert_eq!(value("$$$$"), "");
    assert_eq!(value("$$$a$$"), "$a");
    assert_eq!(texts("a$$b$$"), ["a$$b$$"]);
    assert_eq!(fails("$a$ $A$"), "unterminated dollar-quoted string");
    assert_eq!(kinds("$a"), [Kind::Symbol(b'$'), Kind::Word]);
}

#[test]
fn numbers_are_those_of_postgresql_15_to_18() {
    assert_eq!(
        kinds("1 1. .5 1.5 1e5 1.e-5 .5E+1"),
        [Kind::Integer, Kind::Float, Kind::Float, Kind::Float, Kind::Float, Kind::Float, Kind::Float]
    );
    assert_eq!(texts("1..10"), ["1", "..", "10"]);
    assert_eq!(texts("1.5.5"), ["1.5", ".5"]);
    assert_eq!(
        kinds("1_000 0x1F 0o17 0b1_1 0x_F 1_0.0_1e1_0"),
        [Kind::Integer, Kind::Integer, Kind::Integer, Kind::Integer, Kind::Integer, Kind::Float]
    );
    assert_eq!(texts("15$1 1e+5$2 1.5$3"), ["15", "$1", "1e+5", "$2", "1.5", "$3"]);
    for junk in ["1e5$1", "1_0$1", "0x1F$", "1.5e5$"] {
        assert_eq!(fails(junk), "trailing junk after numeric literal", "{junk}");
    }
    assert_eq!(texts("$1::int, $23"), ["$1", "::", "int", ",", "$23"]);
    for junk in ["1abc", "1_", "1__0", "1._5", "1e", "1e+", "1.5e", "1ea", "0x1g", "0b12x", "100é", "1_000_"] {
        assert_eq!(fails(junk), "trailing junk after numeric literal", "{junk}");
    }
    for invalid in ["0x", "0o8", "0b2", "0xg", "0x_"] {
        assert_eq!(fails(invalid), "invalid integer", "{invalid}");
    }
    assert_eq!(fails("$1abc"), "trailing junk after parameter");
}

#[test]
fn symbols_are_told_apart() {
    assert_eq!(texts("a[1:2]"), ["a", "[", "1", ":", "2", "]"]);
    assert_eq!(
        kinds(":: := : .. ."),
        [Kind::TypeCast, Kind::ColonEquals, Kind::Symbol(b':'), Kind::DotDot, Kind::Symbol(b'.')]
    );
    assert_eq!(texts("a:::b"), ["a", "::", ":", "b"]);
    assert_eq!(kinds("{\\"), [Kind::Symbol(b'{'), Kind::Symbol(b'\\')]);
}

#[test]
fn names_are_folded_unquoted_and_cut_at_63_bytes() {
    let name = |text: &str| lex(text).unwrap()[0].name(text).map(Cow::into_owned);
    assert_eq!(name("CuStomers"), Some("customers".into()));
    assert_eq!(name("ÄB"), Some("Äb".into()));
    assert_eq!(name("\"A\"\"b\""), Some("A\"b".into()));
    assert_eq!(name(r#"U&"d\0061T""#), Some("daT".into()));
    assert_eq!(name(r#"U&"\zz""#), None);
    assert_eq!(name("'a'"), None);
    assert_eq!(name(&"A".repeat(70)), Some("a".repeat(63)));
    assert_eq!(name(&format!("{}éx", "a".repeat(62))), Some("a".repeat(62)));
    assert_eq!(name(&format!("\"{}éx\"", "a".repeat(61))), Some(format!("{}é", "a".repeat(61))));
    assert_eq!(fails("\"\""), "zero-length delimited identifier");
    assert_eq!(fails("U&\"\""), "zero-length delimited identifier");
}

#[test]
fn white_space_is_ascii_and_the_rest_belongs_to_identifiers() {
    assert_eq!(texts("a\u{a0}b \u{2003}c\t\x0b\x0cd"), ["a\u{a0}b", "\u{2003}c", "d"]);
    assert_eq!(fails("a\0b"), "a text cannot hold a zero byte");
}

#[test]
fn a_long_text_of_any_one_piece_takes_linear_work() {
    for piece in ["+", "-", "+/**/", "'", "''", "'a'\n", "$a", "$ ", "$$", "/*", "\\", "E'\\'", "1_", "U&'", "(", "@-"]
    {
        let _ = lex(&piece.repeat(200_000));
    }
}

proptest! {
    #[test]
    fn tokens_cover_the_text_in_order(text in "[ -~\n\té]{0,40}") {
        check(&text)?;
    }

    #[test]
    fn tokens_of_nasty_pieces_cover_the_text_in_order(
        pieces in prop::collection::vec(prop::sample::select(&[
            "'", "\"", "\\", "$", "$$", "$a$", "E'", "U&'", "u&\"", "B'", "--", "/*", "*/", "\n", " ", "1", "0x", ".",
            "e", "_", "-", "+", "<", "=", ">", "@", "::", ";", "(", "a", "é", "''", "N'", "\r",
        ][..]), 0..30)
    ) {
        check(&pieces.concat())?;
    }
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let Ok(tokens) = lex(text) else { return Ok(()) };
    let mut end = 0;
    for token in &tokens {
        prop_assert!(token.range.start >= end && token.range.start < token.range.end);
        let gap = &text[end..token.range.start];
        prop_assert!(lex(gap).is_ok_and(|tokens| tokens.is_empty()), "no token in {gap:?}");
        let alone = &text[token.range.clone()];
        let again = lex(alone).unwrap();
        // `1` before `..` and signs that were cut off an operator read the same alone.
        prop_assert_eq!(again.len(), 1);
        prop_assert_eq!(again[0].kind, token.kind);
        let _ = (unescape(text, token), token.name(text));
        end = token.range.end;
    }
    prop_assert!(lex(&text[end..]).is_ok_and(|tokens| tokens.is_empty()));
    Ok(())
}
