use proptest::prelude::*;

use super::*;

fn encoding(name: &str) -> ClientEncoding {
    ClientEncoding::of(name).unwrap()
}

#[test]
fn names_are_read_as_postgresql_reads_them_sql_7() {
    for (name, known) in [
        ("UTF-8", "UTF8"),
        ("unicode", "UTF8"),
        ("latin-1", "LATIN1"),
        ("ISO 8859-15", "LATIN9"),
        ("Windows_1252", "WIN1252"),
        ("win", "WIN1251"),
        ("sql_ascii", "SQL_ASCII"),
        ("Shift_JIS", "SJIS"),
        ("windows-936", "GBK"),
        ("ISO_8859_5", "ISO_8859_5"),
    ] {
        assert_eq!(encoding(name).name(), known, "{name}");
    }
    for name in ["", "windows", "windows+1252x", "windows01252", "latin11", "utf16", "UTF 8 "] {
        assert_eq!(ClientEncoding::of(name).map(ClientEncoding::name), (name == "UTF 8 ").then_some("UTF8"), "{name}");
    }
    assert_eq!(ClientEncoding::of(&format!("utf8{}", "-".repeat(60))), None, "longer than a name");
}

#[test]
fn texts_of_single_byte_encodings_go_both_ways_sql_7() {
    for (name, bytes, text) in [
        ("LATIN1", &b"caf\xe9"[..], "café"),
        ("WIN1252", b"\x80 5", "€ 5"),
        ("LATIN9", b"\xa4 5", "€ 5"),
        ("WIN1251", b"\xcf\xf0\xe8", "При"),
        ("KOI8R", b"\xf0\xd2\xc9", "При"),
        ("SQL_ASCII", "é".as_bytes(), "é"),
        ("UTF8", "é".as_bytes(), "é"),
    ] {
        assert_eq!(encoding(name).decode(bytes).unwrap(), text, "{name}");
        assert_eq!(&*encoding(name).encode(text).unwrap(), bytes, "{name}");
    }
}

#[test]
fn what_cannot_be_taken_over_or_given_out_has_the_error_of_postgresql_sql_7() {
    let fails = |name: &str, bytes: &[u8]| {
        let error = encoding(name).decode(bytes).unwrap_err();
        (error.sqlstate().code(), error.message())
    };
    let invalid = |name: &str| ("22021", format!("invalid byte sequence for encoding \"{name}\""));
    assert_eq!(fails("UTF8", b"\xff"), invalid("UTF8"));
    assert_eq!(fails("SQL_ASCII", b"\xe9"), invalid("UTF8"));
    assert_eq!(fails("SQL_ASCII", b"a\0"), invalid("UTF8"));
    assert_eq!(fails("LATIN1", b"a\0"), invalid("LATIN1"));
    let no_equivalent = |from: &str, to: &str| {
        ("22P05", format!("character in encoding \"{from}\" has no equivalent in encoding \"{to}\""))
    };
    assert_eq!(fails("WIN1252", b"\x81"), no_equivalent("WIN1252", "UTF8"));
    let error = encoding("WIN866").encode("é").unwrap_err();
    assert_eq!((error.sqlstate().code(), error.message()), no_equivalent("UTF8", "WIN866"));
    for text in ["\u{1f600}", "\u{10ffff}", "\u{100e9}"] {
        assert!(encoding("LATIN1").encode(text).is_err(), "no code point is cut");
    }
}

#[test]
fn a_multi_byte_encoding_is_known_and_not_read_sql_7() {
    for name in ["SJIS", "EUC_JP", "GB18030", "JOHAB", "MULE_INTERNAL", "BIG5", "GBK", "UHC"] {
        let unread = Err(EncodingError::Unread(name));
        assert_eq!(encoding(name).check(), unread);
        assert_eq!(encoding(name).decode(b"ascii").map(|_| ()), unread);
        assert_eq!(encoding(name).encode("é").map(|_| ()), unread);
        assert_eq!(&*encoding(name).encode("ascii").unwrap(), b"ascii");
        assert_eq!(&*encoding(name).encode_lossy("é: no"), b"?: no");
    }
    assert_eq!(&*encoding("LATIN1").encode_lossy("é日"), b"\xe9?");
    let later = ClientEncoding::reported("EUC_2030");
    assert!(later.check().is_err() && later.outline(b"a").is_none(), "of another version");
    assert_eq!(ClientEncoding::reported("LATIN1"), encoding("LATIN1"));
}

#[test]
fn an_outline_keeps_the_ascii_of_the_server_and_no_byte_of_a_character_sql_7() {
    let ascii = |name: &str, bytes: &[u8]| -> Option<String> {
        let text = encoding(name).outline(bytes)?;
        Some(text.chars().map(|char| if char.is_ascii() { char } else { '_' }).collect())
    };
    // 表 is 0x95 0x5c, 十 0x8f 0x5c; ﾛ is one byte.
    assert_eq!(ascii("SJIS", b"'\x95\\' \xdb'").as_deref(), Some("'__' _'"));
    assert_eq!(ascii("BIG5", b"'\xa5\\'").as_deref(), Some("'__'"));
    assert_eq!(ascii("GB18030", b"\x81\x30\x81\x30'\x81A'").as_deref(), Some("____'__'"));
    assert_eq!(ascii("EUC_JP", b"\xc9\xbd'").as_deref(), Some("__'"));
    assert_eq!(ascii("SJIS", b"'\x95").as_deref(), Some("'_"), "cut off at the end");
    assert_eq!(ascii("JOHAB", b"\x88a").as_deref(), None, "PostgreSQL rejects it");
    assert_eq!(ascii("LATIN1", b"a"), None);
    assert!(matches!(encoding("SJIS").outline(b"SELECT 1"), Some(Cow::Borrowed("SELECT 1"))));
}

proptest! {
    #[test]
    fn ascii_and_utf_8_are_borrowed_sql_7(ascii in "[ -~\n\t]{0,40}", text in "[^\\x00]{0,40}") {
        for name in ["UTF8", "SQL_ASCII", "LATIN1", "WIN1258", "KOI8U"] {
            let encoding = encoding(name);
            prop_assert!(matches!(encoding.decode(ascii.as_bytes()), Ok(Cow::Borrowed(same)) if same == ascii));
            prop_assert!(matches!(encoding.encode(&ascii), Ok(Cow::Borrowed(same)) if same == ascii.as_bytes()));
        }
        for name in ["UTF8", "SQL_ASCII"] {
            prop_assert!(matches!(encoding(name).decode(text.as_bytes()), Ok(Cow::Borrowed(same)) if same == text));
            prop_assert!(matches!(encoding(name).encode(&text), Ok(Cow::Borrowed(same)) if same == text.as_bytes()));
        }
    }

    #[test]
    fn what_is_taken_over_is_given_out_as_the_same_bytes_sql_7(
        bytes in prop::collection::vec(1_u8.., 0..40),
        name in prop::sample::select(&["LATIN1", "LATIN2", "WIN1252", "WIN1258", "WIN874", "KOI8R", "ISO_8859_8"][..]),
    ) {
        if let Ok(text) = encoding(name).decode(&bytes) {
            prop_assert_eq!(text.chars().count(), bytes.len());
            prop_assert_eq!(&*encoding(name).encode(&text).unwrap(), &bytes[..]);
        }
    }

    #[test]
    fn an_outline_of_any_bytes_is_made_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        for name in ["SJIS", "GB18030", "JOHAB", "EUC_TW", "UHC"] {
            let _ = encoding(name).outline(&bytes);
        }
    }
}
