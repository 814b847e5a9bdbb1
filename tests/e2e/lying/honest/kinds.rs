//! What is compared: types, the values that stand in columns, and the constants that they are compared with.

/// One type.
pub(super) struct Kind {
    pub(super) ty: &'static str,
    /// In PostgreSQL's text form; one row for each, and one with NULL.
    pub(super) values: &'static [&'static str],
    /// Expressions, of this type and of others that PostgreSQL compares with it, or does not.
    pub(super) constants: &'static [&'static str],
    /// Parameters in text form, beside the values.
    pub(super) inputs: &'static [&'static str],
    /// Conditions that only this type has.
    pub(super) forms: &'static [&'static str],
    /// The same with parameters.
    pub(super) bound: &'static [&'static str],
    /// What the columns of this type can be.
    pub(super) can_be: CanBe,
    /// Under which the constants mean something else.
    pub(super) settings: &'static [&'static str],
}

#[derive(PartialEq)]
pub(super) enum CanBe {
    /// Context, signed, sealed with a tag.
    All,
    /// The same without a tag.
    Untagged,
    /// Signed.
    Signed,
}

const NONE: &[&str] = &["SET TimeZone = 'UTC'"];
const ZONES: &[&str] = &["SET TimeZone = 'UTC'", "SET TimeZone = 'Europe/Berlin'; SET DateStyle = 'ISO, DMY'"];
const DIGITS: &[&str] = &["SET extra_float_digits = 1", "SET extra_float_digits = -2"];

pub(super) const BOOL: Kind = Kind {
    ty: "bool",
    values: &["t", "f"],
    constants: &["true", "'t'", "' YES '", "'off'", "false", "1::bool", "'1'", "NULL::bool", "true::text", "NOT true"],
    inputs: &["true", "no", " on "],
    forms: &["{c}", "NOT {c}", "{c} IS TRUE", "{c} IS NOT FALSE", "{c} IS UNKNOWN", "{c} AND mark IS NOT NULL"],
    bound: &[],
    can_be: CanBe::Untagged,
    settings: NONE,
};

const INTEGERS: &[&str] = &[
    "1",
    "'1'",
    "' 1 '",
    "-1",
    "- 1",
    "+1",
    "(1)",
    "1.0",
    "1.5",
    "1e0",
    "1::int2",
    "1::int4",
    "1::int8",
    "1::numeric",
    "'1'::text::int4",
    "CAST('1' AS int2)",
    "32767",
    "32768",
    "2147483647",
    "2147483648",
    "3000000000",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999",
    "'NaN'::numeric",
    "NULL",
    "NULL::int8",
    "1::float8",
    "true::int",
    "2 - 1",
    "''",
    "'one'",
];

pub(super) const INT2: Kind = Kind {
    ty: "int2",
    values: &["0", "1", "-1", "32767", "-32768"],
    constants: INTEGERS,
    inputs: &[" 1 ", "+1", "32768", "001", "1.0"],
    forms: &["{c} + 0 = 1", "{c} = id", "-{c} = 1"],
    bound: &["{c} IN ($1, $2::numeric)", "{c} NOT IN ($1, $2::int8)", "{c} = ANY (ARRAY[$1, $2::numeric])"],
    can_be: CanBe::All,
    settings: NONE,
};

pub(super) const INT4: Kind = Kind {
    ty: "int4",
    values: &["0", "1", "-1", "2147483647", "-2147483648"],
    constants: INTEGERS,
    inputs: &[" 1 ", "+1", "2147483648", "001", "1.0"],
    forms: &["{c} + 0 = 1", "{c} = id", "abs({c}) = 1"],
    bound: &["{c} IN ($1, $2::numeric)", "{c} NOT IN ($1, $2::int8)", "{c} = ANY (ARRAY[$1, $2::numeric])"],
    can_be: CanBe::All,
    settings: NONE,
};

pub(super) const INT8: Kind = Kind {
    ty: "int8",
    values: &["0", "1", "-1", "3000000000", "9223372036854775807", "-9223372036854775808"],
    constants: INTEGERS,
    inputs: &[" 1 ", "+1", "9223372036854775808", "001", "1.0"],
    forms: &["{c} + 0 = 1", "{c} = id", "{c} % 2 = 1"],
    bound: &["{c} IN ($1, $2::numeric)", "{c} NOT IN ($1, $2::int2)", "{c} = $1::int2"],
    can_be: CanBe::All,
    settings: NONE,
};

const NUMBERS: &[&str] = &[
    "1",
    "1.0",
    "1.00000",
    "'1'",
    "' 1.0 '",
    "1e0",
    "10e-1",
    "-1.5",
    "0",
    "0.0",
    "-0.0",
    "1.01",
    "1.005",
    "1.010",
    "'NaN'",
    "'nan'::numeric",
    "'Infinity'",
    "1::int2",
    "1::int8",
    "1::numeric(5,2)",
    "1.005::numeric(12,2)",
    "99999999999999999999",
    "100000000000000000000.0",
    "1e-20",
    "NULL",
    "NULL::numeric",
    "1::float8",
    "0.1::float4",
    "3 / 2",
    "'x'",
];

pub(super) const NUMERIC: Kind = Kind {
    ty: "numeric",
    values: &[
        "0",
        "1",
        "1.0",
        "1.00",
        "-1.5",
        "0.10",
        "NaN",
        "100000000000000000000",
        "1.005",
        "0.00000000000000000001",
    ],
    constants: NUMBERS,
    inputs: &["1.000", "01", " 1 ", "1e2", "-0", "nan"],
    forms: &["{c} * 1 = 1", "round({c}, 1) = 1.0", "{c} = id"],
    bound: &["{c} IN ($1, $2::int8)", "{c} NOT IN ($1, $2::numeric(12,1))", "{c} = $1::numeric(12,1)"],
    can_be: CanBe::All,
    settings: NONE,
};

pub(super) const MONEY: Kind = Kind {
    ty: "numeric(12,2)",
    values: &["0", "1", "1.01", "-1.5", "9999999999.99", "NaN"],
    constants: NUMBERS,
    inputs: &["1.000", "1.005", " 1 ", "-1.50", "99999999999999"],
    forms: &["{c}::numeric(12,1) = 1.0", "{c} = id"],
    bound: &["{c} IN ($1, $2::int8)", "{c} NOT IN ($1, $2::numeric(12,1))", "{c} = $1::numeric"],
    can_be: CanBe::All,
    settings: NONE,
};

const TEXTS: &[&str] = &[
    "'a'",
    "'a '",
    "'A'",
    "''",
    "' '",
    "E'\\x61'",
    "U&'\\0061'",
    "$$a$$",
    "'a'::text",
    "'a'::varchar",
    "'a '::varchar(1)",
    "'abcdefg'::varchar(5)",
    "'a'::char(3)",
    "'a'::bpchar",
    "'a'::name",
    "'é'",
    "'e\u{301}'",
    "'1'",
    "1",
    "1::text",
    "'a' COLLATE \"C\"",
    "'A' COLLATE anycase",
    "lower('A')",
    "'a' || ''",
    "NULL",
    "NULL::text",
    "NULL::varchar",
    "'x''y\\z'",
    "'a'::bytea",
    "'a'\n''",
    "'😀'",
    "current_user",
];

pub(super) const TEXT: Kind = Kind {
    ty: "text",
    values: &["", " ", "a", "a ", "A", "é", "e\u{301}", "1", "x'y\\z", "abcdefg", "😀"],
    constants: TEXTS,
    inputs: &["B", "a\u{a0}", "NULL", "{a}"],
    forms: &[
        "{c} LIKE 'a%'",
        "lower({c}) = 'a'",
        "{c} COLLATE \"C\" = 'a'",
        "{c} COLLATE anycase = 'a'",
        "{c} || '' = 'a'",
        "{c}::varchar(1) = 'a'",
        "{c}::char(1) = 'a'",
        "{c}::name = 'a'",
        "trim({c}) = 'a'",
        "{c} = mark",
    ],
    bound: &[
        "{c} IN ($1, $2::varchar)",
        "{c} = $1::varchar(1)",
        "{c} NOT IN ($1, $2::bpchar)",
        "{c} = $1::char(3)",
        "{c} = $1::name",
        "{c} IN ($1, $2::name)",
    ],
    can_be: CanBe::All,
    settings: NONE,
};

pub(super) const VARCHAR: Kind = Kind {
    ty: "varchar(5)",
    values: &["", " ", "a", "a ", "A", "é", "1", "abcde"],
    constants: TEXTS,
    inputs: &["B", "abcdefg", "a    "],
    forms: &[
        "{c}::text = 'a'",
        "{c}::varchar(1) = 'a'",
        "{c} COLLATE anycase = 'a'",
        "{c} = mark",
        "{c}::bpchar = 'a'",
    ],
    bound: &[
        "{c} IN ($1, $2::text)",
        "{c} = $1::varchar(1)",
        "{c} NOT IN ($1, $2::bpchar)",
        "{c} = $1::char(3)",
        "{c} = $1::name",
    ],
    can_be: CanBe::All,
    settings: NONE,
};

pub(super) const BYTEA: Kind = Kind {
    ty: "bytea",
    values: &["\\x", "\\x00", "\\x61", "\\xff5c", "\\x6161"],
    constants: &[
        "'\\x61'",
        "'\\X61'",
        "'a'",
        "E'\\\\141'",
        "'\\x'",
        "''",
        "'\\x00'",
        "E'\\\\000'",
        "'\\x6 1'",
        "'\\x 61'",
        "'a'::bytea",
        "'\\x61'::text",
        "decode('61', 'hex')",
        "NULL",
        "NULL::bytea",
        "'\\xFF5C'",
        "'\\x6'",
        "convert_to('a', 'UTF8')",
    ],
    inputs: &["a", "\\X61", "\\141", "\\x6 1"],
    forms: &["length({c}) = 1", "substring({c} FROM 1) = '\\x61'"],
    bound: &[],
    can_be: CanBe::All,
    settings: NONE,
};

pub(super) const UUID: Kind = Kind {
    ty: "uuid",
    values: &[
        "00000000-0000-0000-0000-000000000000",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ],
    constants: &[
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
        "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
        "'{a0eebc999c0b4ef8bb6d6bb9bd380a11}'",
        "'a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11'",
        "'a0eebc999c0b4ef8bb6d6bb9bd380a11'::uuid",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::text",
        "NULL",
        "NULL::uuid",
        "'00000000-0000-0000-0000-000000000000'",
        "''",
        "1",
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'::text::uuid",
    ],
    inputs: &["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}", "none"],
    forms: &["{c}::text = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    bound: &[],
    can_be: CanBe::All,
    settings: NONE,
};

const TIMES: &[&str] = &[
    "'2024-01-01'",
    "'2024-01-01 00:00:00'",
    "'2024-01-01 00:00:00.0000004'",
    "'20240101'",
    "'January 1, 2024'",
    "'1/2/2024'",
    "'2024-01-01 02:00'",
    "'2024-01-01 01:00+01'",
    "'2024-01-01T00:00:00Z'",
    "'2023-12-31 24:00:00'",
    "date '2024-01-01'",
    "timestamp '2024-01-01 00:00'",
    "timestamptz '2024-01-01 00:00+00'",
    "'2024-01-01'::date",
    "'2024-01-01 12:00'::date",
    "'2024-01-01 00:00:00.4'::timestamp(0)",
    "'2024-01-01 00:00+00'::timestamptz",
    "'2024-01-01 00:00 America/New_York'",
    "'infinity'",
    "'-infinity'::date",
    "'infinity'::timestamp",
    "'epoch'",
    "'today'",
    "'now'",
    "'0044-03-15 BC'",
    "NULL",
    "NULL::date",
    "NULL::timestamptz",
    "'2024-03-31 02:30'",
    "'2024-10-27 02:30'",
    "'2024-01-01'::text",
    "2024",
    "current_date",
    "'yesterday and a day'",
];

pub(super) const DATE: Kind = Kind {
    ty: "date",
    values: &["2024-01-01", "2024-01-02", "2024-02-01", "2000-02-29", "0044-03-15 BC", "infinity", "1970-01-01"],
    constants: TIMES,
    inputs: &["January 1, 2024", "1/2/2024", "2024-01-01 10:00", "epoch", "2024-02-30"],
    forms: &["{c} + 1 = '2024-01-02'", "{c}::timestamp = '2024-01-01'", "extract(year FROM {c}) = 2024"],
    bound: &[
        "{c} IN ($1, $2::timestamp)",
        "{c} NOT IN ($1, $2::timestamp)",
        "{c} IN ($1, $2::timestamptz)",
        "{c} NOT IN ($1, $2::timestamptz)",
        "{c} = $1::timestamp",
    ],
    can_be: CanBe::All,
    settings: ZONES,
};

pub(super) const TIMESTAMP: Kind = Kind {
    ty: "timestamp",
    values: &[
        "2024-01-01 00:00:00",
        "2024-01-02 00:00:00",
        "2024-02-01 00:00:00",
        "2024-01-01 02:00:00",
        "2024-01-01 00:00:00.000001",
        "2024-03-31 02:30:00",
        "infinity",
        "1970-01-01 00:00:00",
    ],
    constants: TIMES,
    inputs: &["2024-01-01", "1/2/2024", "2024-01-01 00:00:00+05", "epoch", "2024-02-30"],
    forms: &["{c}::date = '2024-01-01'", "date_trunc('day', {c}) = '2024-01-01'", "{c}::timestamptz = '2024-01-01'"],
    bound: &[
        "{c} IN ($1, $2::timestamptz)",
        "{c} NOT IN ($1, $2::timestamptz)",
        "{c} IN ($1, $2::date)",
        "{c} NOT IN ($1, $2::date)",
        "{c} = $1::date",
    ],
    can_be: CanBe::All,
    settings: ZONES,
};

pub(super) const TIMESTAMPTZ: Kind = Kind {
    ty: "timestamptz",
    values: &[
        "2024-01-01 00:00:00+00",
        "2023-12-31 23:00:00+00",
        "2024-01-31 23:00:00+00",
        "2024-01-01 01:00:00+00",
        "2024-01-01 05:00:00+00",
        "2024-03-31 01:30:00+00",
        "2024-10-27 00:30:00+00",
        "infinity",
        "1970-01-01 00:00:00+00",
    ],
    constants: TIMES,
    inputs: &["2024-01-01", "1/2/2024", "2024-01-01 01:00+01", "2024-01-01 00:00 Asia/Tokyo", "2024-02-30"],
    forms: &["{c}::date = '2024-01-01'", "{c} AT TIME ZONE 'UTC' = '2024-01-01'", "{c}::timestamp = '2024-01-01'"],
    bound: &[
        "{c} IN ($1, $2::timestamp)",
        "{c} NOT IN ($1, $2::timestamp)",
        "{c} IN ($1, $2::date)",
        "{c} NOT IN ($1, $2::date)",
        "{c} = $1::date",
        "{c} = $1::timestamp",
    ],
    can_be: CanBe::All,
    settings: ZONES,
};

pub(super) const COARSE: Kind = Kind {
    ty: "timestamptz(0)",
    values: &["2024-01-01 00:00:00+00", "2023-12-31 23:00:00+00", "2024-01-01 00:00:01+00"],
    constants: TIMES,
    inputs: &["2024-01-01 00:00:00.4+00", "2024-01-01 00:00:00.6+00"],
    forms: &["{c}::timestamptz(0) = '2024-01-01 00:00:00.4+00'"],
    bound: &["{c} IN ($1, $2::timestamptz)", "{c} NOT IN ($1, $2::timestamptz)", "{c} = $1::timestamptz(3)"],
    can_be: CanBe::All,
    settings: ZONES,
};

const FLOATS: &[&str] = &[
    "1",
    "1.0",
    "'1'",
    "' 1e0 '",
    "0",
    "-0",
    "-0.0",
    "'-0'",
    "0.1",
    "'0.1'",
    "0.1::float4",
    "0.1::float8",
    "'NaN'",
    "'-nan'::float4",
    "'Infinity'::float8",
    "1::int8",
    "9007199254740993",
    "9007199254740993::numeric",
    "'1'::text",
    "NULL",
    "NULL::float8",
    "1.5::numeric(3,1)",
    "true",
    "''",
    "'1e400'",
    "'0x1'",
    "1e400",
];

pub(super) const FLOAT4: Kind = Kind {
    ty: "float4",
    values: &["0", "-0", "1", "0.1", "1.5", "NaN", "-Infinity", "16777216"],
    constants: FLOATS,
    inputs: &["1e0", "+1", "0.10000000149011612", "16777217", "one"],
    forms: &["{c} + 0 = 1", "{c} > 1", "{c}::float8 = 0.1"],
    bound: &["{c} IN ($1, $2::float8)", "{c} = $1::float8", "{c} = $1::numeric", "{c} = ANY (ARRAY[$1, $2::float4])"],
    can_be: CanBe::All,
    settings: DIGITS,
};

pub(super) const FLOAT8: Kind = Kind {
    ty: "float8",
    values: &["0", "-0", "1", "0.1", "1.5", "NaN", "Infinity", "9007199254740992"],
    constants: FLOATS,
    inputs: &["1e0", "+1", "0.1000000000000000055", "9007199254740993", "one"],
    forms: &["{c} + 0 = 1", "{c} > 1", "{c}::int8 = 1"],
    bound: &["{c} IN ($1, $2::float4)", "{c} = $1::float4", "{c} = $1::int8", "{c} = ANY (ARRAY[$1, $2::float8])"],
    can_be: CanBe::All,
    settings: DIGITS,
};

/// Of these, no condition is ours to judge; the columns are signed and not sealed.
pub(super) const JSONB: Kind = Kind {
    ty: "jsonb",
    values: &["{}", "{\"a\": 1}", "{\"a\": 1.0}", "null", "\"a\"", "1"],
    constants: &[
        "'{}'",
        "'{\"a\":1.00}'",
        "'{\"a\": 1}'::jsonb",
        "'null'",
        "NULL",
        "'1'::jsonb",
        "'1'::json",
        "to_jsonb(1)",
    ],
    inputs: &["{\"a\":1}", "1.0"],
    forms: &["{c} ->> 'a' = '1'", "{c} @> '{}'"],
    bound: &[],
    can_be: CanBe::Signed,
    settings: NONE,
};
