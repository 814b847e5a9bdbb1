//! The names and tables of encodings against PostgreSQL's own.

use pgseal::encoding::ClientEncoding;
use pgseal::error::UserFacing;

use crate::harness::cluster::cluster;
use crate::harness::world::database;

/// `read`: a byte in an encoding as the hexadecimal bytes of UTF-8, or the SQLSTATE. `write`: the other way round.
const FUNCTIONS: &str = r"
    CREATE FUNCTION read(byte bytea, encoding text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        RETURN encode(convert_to(convert_from(byte, encoding), 'UTF8'), 'hex');
    EXCEPTION WHEN others THEN RETURN SQLSTATE; END $$;
    CREATE FUNCTION write(letter text, encoding text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        RETURN encode(convert_to(letter, encoding), 'hex');
    EXCEPTION WHEN others THEN RETURN SQLSTATE; END $$;
    CREATE VIEW single AS SELECT name FROM
        (SELECT pg_encoding_to_char(id), pg_encoding_max_length(id) FROM generate_series(0, 63) id) AS all_of_them (name, length)
        WHERE length = 1 AND name <> 'SQL_ASCII'";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn all_256_bytes_of_the_single_byte_encodings_are_the_characters_of_postgresql_sql_7() {
    let database = database("encbytes", FUNCTIONS);
    let sql = "SELECT name, byte, read(set_byte('\\x00', 0, byte), name) FROM single, generate_series(0, 255) byte";
    let (mut lines, rows) = (0, cluster().psql(&database, sql).unwrap());
    for line in rows.lines() {
        let [name, byte, expected] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let byte: u8 = byte.parse().unwrap();
        let found = match ClientEncoding::of(name).unwrap().decode(&[byte]) {
            Ok(text) => hex(text.as_bytes()),
            Err(error) => error.sqlstate().code().to_owned(),
        };
        assert_eq!(found, expected, "{name} {byte:#04x}");
        lines += 1;
    }
    assert_eq!(lines, 27 * 256, "a new encoding: see tests/encodings/tables.sql");
}

#[test]
fn what_one_encoding_has_is_written_in_the_others_as_postgresql_does_sql_7() {
    let database = database("encchars", FUNCTIONS);
    let sql = "
        WITH letters AS (SELECT DISTINCT convert_from(decode(bytes, 'hex'), 'UTF8') AS letter
                      FROM single, generate_series(128, 255) byte, read(set_byte('\\x00', 0, byte), name) AS bytes
                      WHERE bytes <> '22P05')
        SELECT name, encode(convert_to(letter, 'UTF8'), 'hex'), write(letter, name)
        FROM single, (SELECT letter FROM letters UNION SELECT unnest('{A,日,😀,ÿ,ⁿ}'::text[])) AS all_of_them";
    let rows = cluster().psql(&database, sql).unwrap();
    assert!(rows.lines().count() > 19_000, "{}", rows.lines().count());
    for line in rows.lines() {
        let [name, utf8, expected] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let utf8: Vec<u8> =
            (0..utf8.len()).step_by(2).map(|at| u8::from_str_radix(&utf8[at..at + 2], 16).unwrap()).collect();
        let char = String::from_utf8(utf8).unwrap();
        let found = match ClientEncoding::of(name).unwrap().encode(&char) {
            Ok(bytes) => hex(&bytes),
            Err(error) => error.sqlstate().code().to_owned(),
        };
        assert_eq!(found, expected, "{name} {char}");
    }
}

#[test]
fn every_encoding_and_alias_of_postgresql_is_known_sql_7() {
    let database = database("encnames", "");
    let own = cluster().psql(&database, "SELECT pg_encoding_to_char(id) FROM generate_series(0, 63) id").unwrap();
    for name in own.lines().filter(|name| !name.is_empty()) {
        assert_eq!(ClientEncoding::of(name).map(ClientEncoding::name), Some(name));
    }
    let digits = |prefix: &'static str, numbers: std::ops::RangeInclusive<u16>| {
        numbers.map(move |number| format!("{prefix}{number}"))
    };
    let aliases =
        ["abc", "alt", "koi8", "mskanji", "tcvn", "tcvn5712", "unicode", "utf-8", "vscii", "win", "Shift JIS"]
            .map(str::to_owned)
            .into_iter()
            .chain(
                ["", "windows", "utf", "latin", "ascii", "sql-ascii", "ISO_8859-1", "iso8859", "euc_jis_2004"]
                    .map(str::to_owned),
            )
            .chain(
                ["win", "windows"]
                    .into_iter()
                    .flat_map(|prefix| digits(prefix, 865..=951).chain(digits(prefix, 1249..=1259))),
            )
            .chain(["latin", "iso8859-", "iso_8859_"].into_iter().flat_map(|prefix| digits(prefix, 0..=17)))
            .collect::<Vec<_>>();
    let list = aliases.join("','");
    let sql = format!(
        "SELECT pg_encoding_to_char(pg_char_to_encoding(name)) FROM unnest(ARRAY['{list}']) WITH ORDINALITY AS n (name, i) ORDER BY i"
    );
    let known = cluster().psql(&database, &sql).unwrap();
    assert_eq!(known.lines().count(), aliases.len());
    for (alias, name) in aliases.iter().zip(known.lines()) {
        assert_eq!(ClientEncoding::of(alias).map_or("", ClientEncoding::name), name, "{alias}");
    }
}
