use proptest::prelude::*;

use super::*;
use crate::sql::lex::lex;

fn encoding(name: &str) -> ClientEncoding {
    ClientEncoding::of(name).unwrap()
}

fn escape(text: &str) -> ClientText<'_> {
    ClientText::read(text.as_bytes(), ClientEncoding::UTF8, Strings::Escape).unwrap()
}

fn fails(text: &str) -> String {
    ClientText::read(text.as_bytes(), ClientEncoding::UTF8, Strings::Escape).unwrap_err().message
}

#[test]
fn a_plain_string_with_a_backslash_is_written_as_an_escape_string_sql_7() {
    for (text, copy) in [
        (r"SELECT 'a\'b'", r"SELECT E'a\'b'"),
        (r"SELECT 'a\\', 'b'", r"SELECT E'a\\', 'b'"),
        (r"SELECT 'a\\'', ''b'", r"SELECT E'a\\'', ''b'"),
        ("SELECT 'a'\n'b\\'c'", "SELECT E'a'\n'b\\'c'"),
        (r"SELECT date'2020\055'", r"SELECT date E'2020\055'"),
        (r"SELECT $1'\''", r"SELECT $1 E'\''"),
        (r"SELECT n'a\'b', N'c'", r"SELECT nCHAR E'a\'b', N'c'"),
        (r#"SELECT U&"\0061", '\''"#, r#"SELECT U&"\0061", E'\''"#),
        (r"SELECT E'\'', $$'\$$ -- '\", r"SELECT E'\'', $$'\$$ -- '\"),
        (r"SELECT 'a\'; SELECT 'b'", r"SELECT E'a\'; SELECT 'b'"),
        (r"SELECT 'a' || '\", r"SELECT 'a' || E'\"),
        (r"SELECT N'\'", r"SELECT NCHAR E'\'"),
    ] {
        assert_eq!(escape(text).text(), copy);
    }
    assert_eq!(fails("SELECT U&'a'"), "unsafe use of string constant with Unicode escapes");
}

#[test]
fn what_both_settings_read_alike_is_borrowed_sql_7() {
    for text in ["SELECT 'a''b', B'1', X'1f', E'\\''", "SELECT $a$\\$a$ /* '\\' */", "SELECT a&'b'"] {
        assert!(matches!(escape(text).text, Cow::Borrowed(same) if same == text), "{text}");
    }
}

#[test]
fn a_place_in_the_copy_is_found_in_the_text_of_the_client_sql_7() {
    let text = r"SELECT 'é\'', N'\'', nope";
    let copy = escape(text);
    assert_eq!(copy.text(), r"SELECT E'é\'', NCHAR E'\'', nope");
    let client = |found: &str| copy.position(copy.text().find(found));
    let expected = |found: &str| text.find(found).map(|at| u32::try_from(text[..at].chars().count()).unwrap() + 1);
    for same in ["SELECT", "\\'',", "nope"] {
        assert_eq!(client(same), expected(same), "{same}");
    }
    assert_eq!(client("E'é"), expected("'é"));
    assert_eq!(client("CHAR"), expected("'\\'', nope"));
    let latin = ClientText::read(b"SELECT '\xe9', nope", encoding("LATIN1"), Strings::Standard).unwrap();
    assert_eq!(latin.position(latin.text().find("nope")), Some(13));
}

#[test]
fn a_block_runs_under_the_setting_of_its_session_sql_7() {
    let copy = escape(r"DO $$ BEGIN PERFORM 'a\'b'; END $$ LANGUAGE plpgsql; SELECT '\''");
    assert_eq!(copy.text(), r"DO  E' BEGIN PERFORM E''a\\''b''; END ' LANGUAGE plpgsql; SELECT E'\''");
    assert_eq!(escape(r"DO 'BEGIN PERFORM ''\\\\''; END'").text(), r"DO  E'BEGIN PERFORM E''\\\\''; END'");
    assert_eq!(escape(r"DO 'BEGIN\nEND'").text(), r"DO E'BEGIN\nEND'");
    for text in [
        r"DO $$ BEGIN EXECUTE 'SELECT ''\''''; END $$",
        r"DO $$ BEGIN PERFORM 1; DO $a$ BEGIN PERFORM '\''; END $a$; END $$",
        r"SELECT query_to_xml($$SELECT '\'$$, true, true, '')",
        r"SELECT query_to_xml('SELECT ''\\''''', true, true, '')",
    ] {
        assert!(fails(text).contains("standard_conforming_strings is off"), "{text}");
    }
    let text = r"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '\'' $$";
    assert_eq!(escape(text).text(), text, "it may run under another setting");
}

#[test]
fn texts_come_in_the_encoding_of_the_client_sql_7() {
    let read = |bytes: &'static [u8], name: &str| ClientText::read(bytes, encoding(name), Strings::Standard);
    assert_eq!(read(b"SELECT 'caf\xe9'", "LATIN1").unwrap().text(), "SELECT 'café'");
    assert_eq!(read("SELECT 'é'".as_bytes(), "SQL_ASCII").unwrap().text(), "SELECT 'é'");
    assert_eq!(read(b"SELECT '\xe9'", "SQL_ASCII").unwrap_err().sqlstate.code(), "22021");
    assert_eq!(read(b"SELECT '\x81'", "WIN1252").unwrap_err().sqlstate.code(), "22P05");
    for text in
        [&b"SELECT $\x95\\$ x $\x95\\$"[..], b"SELECT $\x95\\$ x", b"DO $$ BEGIN PERFORM $\x95\\$ $\x95\\$; END $$"]
    {
        assert_eq!(read(text, "SJIS").unwrap_err().sqlstate.code(), "0A000", "one character, two spellings");
    }
    for text in [&b"SELECT $$\x95\\$$, $a$\x95\\$a$, '$', \x95\\, $1"[..], b"SELECT a$\x95\\$"] {
        assert!(read(text, "SJIS").is_ok());
    }
    // 表 ends in a backslash.
    let sjis = ClientText::read(b"SELECT '\x95\\'", encoding("SJIS"), Strings::Escape).unwrap();
    assert!(lex(sjis.text()).is_ok() && crate::encoding::is_outline(sjis.text()));
}

/// Pieces out of which texts are made that the two settings read differently.
const PIECES: [&str; 24] = [
    "'", "''", "\\", "\\'", "\\\\", "E'", "N'", "n'", "B'", "\"", "$$", "$a$", "--", "/*", "*/", "\n", " ", ";", "1",
    "a", "é", "\\134", "||", "DO ",
];

proptest! {
    #[test]
    fn standard_texts_in_utf_8_are_their_own_copy_sql_7(text in "[^\\x00]{0,40}") {
        for name in ["UTF8", "SQL_ASCII"] {
            let copy = ClientText::read(text.as_bytes(), encoding(name), Strings::Standard).unwrap();
            prop_assert!(matches!(copy.text, Cow::Borrowed(same) if same == text));
            prop_assert_eq!(copy.places, Places::default());
        }
    }

    #[test]
    fn the_copy_has_the_tokens_of_the_text_and_their_values_sql_7(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..23]), 0..24),
    ) {
        let text = pieces.concat();
        let mut tokens = Vec::new();
        let end = lex::read(&text, Strings::Escape, &mut tokens);
        let Ok(copy) = ClientText::read(text.as_bytes(), ClientEncoding::UTF8, Strings::Escape) else { return Ok(()) };
        let standard = lex(copy.text());
        prop_assert_eq!(end.map_err(|error| error.what), standard.clone().map(|_| ()).map_err(|error| error.what));
        let Ok(standard) = standard else { return Ok(()) };
        let mut standard = standard.iter();
        for token in &tokens {
            let mut twin = standard.next().unwrap();
            if token.kind == Kind::NationalString && twin.kind == Kind::Word {
                prop_assert!(twin.text(copy.text()).eq_ignore_ascii_case("nchar"));
                twin = standard.next().unwrap();
            }
            match value(&text, token) {
                Some(own) => prop_assert_eq!(lex::unescape(copy.text(), twin).unwrap(), own),
                None => prop_assert_eq!(token.text(&text), twin.text(copy.text())),
            }
            let place = copy.position(Some(twin.range.start)).unwrap();
            let own = text[..token.range.start].chars().count() + 1 + usize::from(twin.kind != token.kind && token.kind == Kind::NationalString);
            prop_assert_eq!(usize::try_from(place).unwrap(), own);
        }
        prop_assert!(standard.next().is_none());
    }

    #[test]
    fn no_text_harms_the_reader_sql_7(bytes in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..30)) {
        let text = bytes.concat();
        for name in ["UTF8", "LATIN1", "SJIS", "GB18030"] {
            let _ = ClientText::read(text.as_bytes(), encoding(name), Strings::Escape);
        }
    }
}
