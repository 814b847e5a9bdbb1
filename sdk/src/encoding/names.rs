//! The names of encodings (`pg_encname_tbl`, `pg_enc2name_tbl`, encnames.c).

use super::multibyte::MultiByte::{self, Gb18030, High, Johab, Pair, Sjis};
use super::{ClientEncoding, Kind, tables};

/// NAMEDATALEN: a longer name is none.
const TOO_LONG: usize = 64;

pub(super) fn lookup(name: &str) -> Option<ClientEncoding> {
    if name.len() >= TOO_LONG {
        return None;
    }
    let clean: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
    by_clean_name(&clean)
}

fn by_clean_name(name: &str) -> Option<ClientEncoding> {
    // `windows1252` is an alias of `win1252`, for all of them.
    let digits = |number: &&str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(number) = name.strip_prefix("windows").filter(digits) {
        return by_clean_name(&format!("win{number}"));
    }
    Some(match name {
        "utf8" | "unicode" => ClientEncoding::UTF8,
        "sqlascii" => ClientEncoding { name: "SQL_ASCII", kind: Kind::SqlAscii },
        "iso88591" | "latin1" => single("LATIN1", &tables::LATIN1),
        "iso88592" | "latin2" => single("LATIN2", &tables::LATIN2),
        "iso88593" | "latin3" => single("LATIN3", &tables::LATIN3),
        "iso88594" | "latin4" => single("LATIN4", &tables::LATIN4),
        "iso88595" => single("ISO_8859_5", &tables::ISO_8859_5),
        "iso88596" => single("ISO_8859_6", &tables::ISO_8859_6),
        "iso88597" => single("ISO_8859_7", &tables::ISO_8859_7),
        "iso88598" => single("ISO_8859_8", &tables::ISO_8859_8),
        "iso88599" | "latin5" => single("LATIN5", &tables::LATIN5),
        "iso885910" | "latin6" => single("LATIN6", &tables::LATIN6),
        "iso885913" | "latin7" => single("LATIN7", &tables::LATIN7),
        "iso885914" | "latin8" => single("LATIN8", &tables::LATIN8),
        "iso885915" | "latin9" => single("LATIN9", &tables::LATIN9),
        "iso885916" | "latin10" => single("LATIN10", &tables::LATIN10),
        "koi8" | "koi8r" => single("KOI8R", &tables::KOI8R),
        "koi8u" => single("KOI8U", &tables::KOI8U),
        "alt" | "win866" => single("WIN866", &tables::WIN866),
        "win874" => single("WIN874", &tables::WIN874),
        "win1250" => single("WIN1250", &tables::WIN1250),
        "win" | "win1251" => single("WIN1251", &tables::WIN1251),
        "win1252" => single("WIN1252", &tables::WIN1252),
        "win1253" => single("WIN1253", &tables::WIN1253),
        "win1254" => single("WIN1254", &tables::WIN1254),
        "win1255" => single("WIN1255", &tables::WIN1255),
        "win1256" => single("WIN1256", &tables::WIN1256),
        "win1257" => single("WIN1257", &tables::WIN1257),
        "abc" | "tcvn" | "tcvn5712" | "vscii" | "win1258" => single("WIN1258", &tables::WIN1258),
        "euccn" => multi("EUC_CN", High),
        "eucjis2004" => multi("EUC_JIS_2004", High),
        "eucjp" => multi("EUC_JP", High),
        "euckr" => multi("EUC_KR", High),
        "euctw" => multi("EUC_TW", High),
        "muleinternal" => multi("MULE_INTERNAL", High),
        "mskanji" | "shiftjis" | "sjis" | "win932" => multi("SJIS", Sjis),
        "shiftjis2004" => multi("SHIFT_JIS_2004", Sjis),
        "big5" | "win950" => multi("BIG5", Pair),
        "gbk" | "win936" => multi("GBK", Pair),
        "uhc" | "win949" => multi("UHC", Pair),
        "gb18030" => multi("GB18030", Gb18030),
        "johab" => multi("JOHAB", Johab),
        _ => return None,
    })
}

fn single(name: &'static str, table: &'static [u16; 128]) -> ClientEncoding {
    ClientEncoding { name, kind: Kind::SingleByte(table) }
}

fn multi(name: &'static str, lengths: MultiByte) -> ClientEncoding {
    ClientEncoding { name, kind: Kind::MultiByte(lengths) }
}
