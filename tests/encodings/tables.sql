-- Prints sdk/src/encoding/tables.rs as PostgreSQL itself converts. In a database whose encoding is UTF8:
--     psql -XAqt -f tests/encodings/tables.sql > sdk/src/encoding/tables.rs && rustfmt sdk/src/encoding/tables.rs
-- `tests/e2e/encodings/tables.rs` holds the tables against a server, so a run is needed only for a new encoding.
CREATE FUNCTION pg_temp.high(encoding text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    points text[];
    point integer;
BEGIN
    FOR byte IN 128..255 LOOP
        BEGIN
            point := ascii(convert_from(set_byte('\x00', 0, byte), encoding));
        EXCEPTION WHEN untranslatable_character THEN
            point := 0;
        END;
        points := points || CASE point WHEN 0 THEN '0' ELSE '0x' || lpad(to_hex(point), 4, '0') END;
    END LOOP;
    RETURN array_to_string(points, ', ');
END $$;

SELECT E'//! Bytes 0x80 to 0xff of the single-byte encodings as code points, 0 where an encoding has no character. Made by\n'
       '//! `tests/encodings/tables.sql`.\n';
SELECT format(E'pub(super) const %s: [u16; 128] = [%s];\n', name, pg_temp.high(name))
FROM (SELECT pg_encoding_to_char(id), pg_encoding_max_length(id) FROM generate_series(0, 63) id) AS encoding (name, length)
WHERE length = 1 AND name <> 'SQL_ASCII'
ORDER BY name;
