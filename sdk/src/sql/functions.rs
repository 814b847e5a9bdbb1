//! Functions and operators that a touched statement may use, as a table: what is not in it is refused.
//!
//! Only functions of `pg_catalog` whose result depends on their arguments (or on the clock, the session, a sequence)
//! are here: none that reads a table, runs SQL given as text, or changes settings, other than `set_config`, which
//! `effect` treats apart. Forms with a syntax of their own (COALESCE, NULLIF, GREATEST, CASE, CAST, EXTRACT, …) are
//! the planner's.

use super::Refusal;

/// A function of `pg_catalog`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// When its result may change.
    pub volatility: Volatility,
    /// How it is called.
    pub kind: FunctionKind,
}

/// `pg_proc.provolatile`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volatility {
    /// Depends on its arguments only.
    Immutable,
    /// Constant within a statement.
    Stable,
    /// Anything.
    Volatile,
}

/// `pg_proc.prokind`, and whether it returns a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// One value from one row.
    Scalar,
    /// Over a group; also with OVER.
    Aggregate,
    /// Only with OVER.
    Window,
    /// Returns a set: only in FROM, or a select list.
    Set,
}

/// The function of this name (as PostgreSQL reads it: lower case), unqualified or of `pg_catalog`. Of several
/// overloads the most volatile is given.
pub fn lookup(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by_key(&name, |function| function.name).ok().and_then(|at| FUNCTIONS.get(at))
}

/// What PostgreSQL's grammar has instead of functions, and the parser gives as one.
const GRAMMAR: [&str; 16] = [
    "coalesce",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "greatest",
    "least",
    "localtime",
    "localtimestamp",
    "nullif",
    "row",
    "session_user",
    "user",
];

/// The kind of a function that a touched statement may call.
///
/// # Errors
/// It is none of the table, and no form of PostgreSQL's grammar that reads like a call.
pub(super) fn callable(name: &str) -> Result<FunctionKind, Refusal> {
    match lookup(name) {
        Some(known) => Ok(known.kind),
        None if GRAMMAR.contains(&name.to_ascii_lowercase().as_str()) => Ok(FunctionKind::Scalar),
        None => Err(Refusal::new(format!("function {name} cannot be used in a statement on a protected table"))
            .hint("builtin functions over unprotected columns can; a function of your own could see what it must not")),
    }
}

/// Whether a touched statement may use this operator over plain operands. Each is immutable or stable, and none of
/// them reads a table.
pub fn operator(symbol: &str) -> bool {
    OPERATORS.contains(&symbol)
}

/// Comparison, arithmetic, text, patterns, arrays, ranges, json, text search.
const OPERATORS: [&str; 51] = [
    "=", "<>", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "^", "|/", "||/", "@", "&", "|", "#", "~", "<<",
    ">>", "||", "^@", "~*", "!~", "!~*", "~~", "~~*", "!~~", "!~~*", "&&", "@>", "<@", "&<", "&>", "-|-", "->", "->>",
    "#>", "#>>", "#-", "?", "?|", "?&", "@?", "@@", "<->", "!!", "<<=", ">>=",
];

macro_rules! functions {
    ($($volatility:ident $kind:ident $name:ident;)*) => {
        const FUNCTIONS: &[Function] = &[$(Function {
            name: stringify!($name),
            volatility: Volatility::$volatility,
            kind: FunctionKind::$kind,
        },)*];
    };
}

// In alphabetical order: `lookup` searches by halves.
functions! {
    Immutable Scalar abbrev;
    Immutable Scalar abs;
    Immutable Scalar acos;
    Immutable Scalar acosd;
    Immutable Scalar acosh;
    Stable Scalar age;
    Immutable Aggregate array_agg;
    Immutable Scalar array_append;
    Immutable Scalar array_cat;
    Immutable Scalar array_dims;
    Immutable Scalar array_fill;
    Immutable Scalar array_length;
    Immutable Scalar array_lower;
    Immutable Scalar array_ndims;
    Immutable Scalar array_position;
    Immutable Scalar array_positions;
    Immutable Scalar array_prepend;
    Immutable Scalar array_remove;
    Immutable Scalar array_replace;
    Stable Scalar array_to_json;
    Stable Scalar array_to_string;
    Immutable Scalar array_upper;
    Immutable Scalar ascii;
    Immutable Scalar asin;
    Immutable Scalar asind;
    Immutable Scalar asinh;
    Immutable Scalar atan;
    Immutable Scalar atan2;
    Immutable Scalar atan2d;
    Immutable Scalar atand;
    Immutable Scalar atanh;
    Immutable Aggregate avg;
    Immutable Aggregate bit_and;
    Immutable Scalar bit_count;
    Immutable Scalar bit_length;
    Immutable Aggregate bit_or;
    Immutable Aggregate bit_xor;
    Immutable Scalar bool;
    Immutable Aggregate bool_and;
    Immutable Aggregate bool_or;
    Immutable Scalar broadcast;
    Immutable Scalar btrim;
    Immutable Scalar cardinality;
    Immutable Scalar cbrt;
    Immutable Scalar ceil;
    Immutable Scalar ceiling;
    Immutable Scalar char_length;
    Immutable Scalar character_length;
    Immutable Scalar chr;
    Volatile Scalar clock_timestamp;
    Stable Scalar concat;
    Stable Scalar concat_ws;
    Stable Scalar convert;
    Stable Scalar convert_from;
    Stable Scalar convert_to;
    Immutable Aggregate corr;
    Immutable Scalar cos;
    Immutable Scalar cosd;
    Immutable Scalar cosh;
    Immutable Scalar cot;
    Immutable Scalar cotd;
    Immutable Aggregate count;
    Immutable Aggregate covar_pop;
    Immutable Aggregate covar_samp;
    Immutable Window cume_dist;
    Stable Scalar current_database;
    Stable Scalar current_schema;
    Volatile Scalar currval;
    Stable Scalar date;
    Immutable Scalar date_bin;
    Stable Scalar date_part;
    Stable Scalar date_trunc;
    Immutable Scalar daterange;
    Immutable Scalar decode;
    Immutable Scalar degrees;
    Immutable Window dense_rank;
    Immutable Scalar div;
    Immutable Scalar encode;
    Immutable Aggregate every;
    Immutable Scalar exp;
    Stable Scalar extract;
    Immutable Scalar factorial;
    Immutable Scalar family;
    Immutable Window first_value;
    Immutable Scalar float4;
    Immutable Scalar float8;
    Immutable Scalar floor;
    Stable Scalar format;
    Immutable Scalar gcd;
    Volatile Scalar gen_random_uuid;
    Stable Set generate_series;
    Immutable Set generate_subscripts;
    Immutable Scalar get_bit;
    Immutable Scalar get_byte;
    Immutable Scalar hashtext;
    Immutable Scalar host;
    Immutable Scalar hostmask;
    Immutable Scalar initcap;
    Immutable Scalar int2;
    Immutable Scalar int4;
    Immutable Scalar int4range;
    Immutable Scalar int8;
    Immutable Scalar int8range;
    Immutable Scalar isempty;
    Immutable Scalar isfinite;
    Stable Aggregate json_agg;
    Immutable Set json_array_elements;
    Immutable Set json_array_elements_text;
    Immutable Scalar json_array_length;
    Stable Scalar json_build_array;
    Stable Scalar json_build_object;
    Immutable Set json_each;
    Immutable Set json_each_text;
    Immutable Scalar json_extract_path;
    Immutable Scalar json_extract_path_text;
    Immutable Scalar json_object;
    Stable Aggregate json_object_agg;
    Immutable Set json_object_keys;
    Immutable Scalar json_strip_nulls;
    Immutable Scalar json_typeof;
    Stable Aggregate jsonb_agg;
    Immutable Set jsonb_array_elements;
    Immutable Set jsonb_array_elements_text;
    Immutable Scalar jsonb_array_length;
    Stable Scalar jsonb_build_array;
    Stable Scalar jsonb_build_object;
    Immutable Set jsonb_each;
    Immutable Set jsonb_each_text;
    Immutable Scalar jsonb_extract_path;
    Immutable Scalar jsonb_extract_path_text;
    Immutable Scalar jsonb_insert;
    Immutable Scalar jsonb_object;
    Immutable Aggregate jsonb_object_agg;
    Immutable Set jsonb_object_keys;
    Immutable Scalar jsonb_path_exists;
    Immutable Scalar jsonb_path_match;
    Immutable Set jsonb_path_query;
    Immutable Scalar jsonb_path_query_array;
    Immutable Scalar jsonb_path_query_first;
    Immutable Scalar jsonb_pretty;
    Immutable Scalar jsonb_set;
    Immutable Scalar jsonb_set_lax;
    Immutable Scalar jsonb_strip_nulls;
    Immutable Scalar jsonb_typeof;
    Immutable Scalar justify_days;
    Immutable Scalar justify_hours;
    Immutable Scalar justify_interval;
    Immutable Window lag;
    Immutable Window last_value;
    Volatile Scalar lastval;
    Immutable Scalar lcm;
    Immutable Window lead;
    Immutable Scalar left;
    Stable Scalar length;
    Immutable Scalar ln;
    Immutable Scalar log;
    Immutable Scalar log10;
    Immutable Scalar lower;
    Immutable Scalar lower_inc;
    Immutable Scalar lower_inf;
    Immutable Scalar lpad;
    Immutable Scalar ltrim;
    Immutable Scalar make_date;
    Immutable Scalar make_interval;
    Immutable Scalar make_time;
    Immutable Scalar make_timestamp;
    Stable Scalar make_timestamptz;
    Immutable Scalar masklen;
    Immutable Aggregate max;
    Immutable Scalar md5;
    Immutable Aggregate min;
    Immutable Scalar min_scale;
    Immutable Scalar mod;
    Immutable Aggregate mode;
    Immutable Scalar multirange;
    Immutable Scalar netmask;
    Immutable Scalar network;
    Volatile Scalar nextval;
    Immutable Scalar normalize;
    Stable Scalar now;
    Immutable Window nth_value;
    Immutable Window ntile;
    Immutable Scalar num_nonnulls;
    Immutable Scalar num_nulls;
    Stable Scalar numeric;
    Immutable Scalar numnode;
    Immutable Scalar numrange;
    Immutable Scalar octet_length;
    Immutable Scalar overlay;
    Immutable Scalar parse_ident;
    Immutable Window percent_rank;
    Immutable Aggregate percentile_cont;
    Immutable Aggregate percentile_disc;
    Volatile Scalar pg_advisory_lock;
    Volatile Scalar pg_advisory_unlock;
    Volatile Scalar pg_advisory_xact_lock;
    Stable Scalar pg_backend_pid;
    Volatile Scalar pg_notify;
    Volatile Scalar pg_try_advisory_lock;
    Volatile Scalar pg_try_advisory_xact_lock;
    Stable Scalar pg_typeof;
    Stable Scalar phraseto_tsquery;
    Immutable Scalar pi;
    Stable Scalar plainto_tsquery;
    Immutable Scalar position;
    Immutable Scalar power;
    Immutable Scalar querytree;
    Immutable Scalar quote_ident;
    Stable Scalar quote_literal;
    Stable Scalar quote_nullable;
    Immutable Scalar radians;
    Volatile Scalar random;
    Immutable Aggregate range_agg;
    Immutable Scalar range_merge;
    Immutable Window rank;
    Immutable Scalar regexp_count;
    Immutable Scalar regexp_instr;
    Immutable Scalar regexp_like;
    Immutable Scalar regexp_match;
    Immutable Set regexp_matches;
    Immutable Scalar regexp_replace;
    Immutable Scalar regexp_split_to_array;
    Immutable Set regexp_split_to_table;
    Immutable Scalar regexp_substr;
    Immutable Aggregate regr_avgx;
    Immutable Aggregate regr_avgy;
    Immutable Aggregate regr_count;
    Immutable Aggregate regr_intercept;
    Immutable Aggregate regr_r2;
    Immutable Aggregate regr_slope;
    Immutable Aggregate regr_sxx;
    Immutable Aggregate regr_sxy;
    Immutable Aggregate regr_syy;
    Immutable Scalar repeat;
    Immutable Scalar replace;
    Immutable Scalar reverse;
    Immutable Scalar right;
    Immutable Scalar round;
    Immutable Window row_number;
    Stable Scalar row_to_json;
    Immutable Scalar rpad;
    Immutable Scalar rtrim;
    Immutable Scalar scale;
    Volatile Scalar set_config;
    Volatile Scalar setval;
    Immutable Scalar setweight;
    Immutable Scalar sha224;
    Immutable Scalar sha256;
    Immutable Scalar sha384;
    Immutable Scalar sha512;
    Immutable Scalar sign;
    Immutable Scalar sin;
    Immutable Scalar sind;
    Immutable Scalar sinh;
    Immutable Scalar split_part;
    Immutable Scalar sqrt;
    Immutable Scalar starts_with;
    Stable Scalar statement_timestamp;
    Immutable Aggregate stddev;
    Immutable Aggregate stddev_pop;
    Immutable Aggregate stddev_samp;
    Immutable Aggregate string_agg;
    Immutable Scalar string_to_array;
    Immutable Set string_to_table;
    Immutable Scalar strpos;
    Immutable Scalar substr;
    Immutable Scalar substring;
    Immutable Aggregate sum;
    Immutable Scalar tan;
    Immutable Scalar tand;
    Immutable Scalar tanh;
    Immutable Scalar text;
    Volatile Scalar timeofday;
    Stable Scalar timestamp;
    Stable Scalar timestamptz;
    Stable Scalar timezone;
    Immutable Scalar to_ascii;
    Stable Scalar to_char;
    Stable Scalar to_date;
    Immutable Scalar to_hex;
    Stable Scalar to_json;
    Stable Scalar to_jsonb;
    Stable Scalar to_number;
    Stable Scalar to_timestamp;
    Stable Scalar to_tsquery;
    Stable Scalar to_tsvector;
    Stable Scalar transaction_timestamp;
    Immutable Scalar translate;
    Immutable Scalar trim_array;
    Immutable Scalar trim_scale;
    Immutable Scalar trunc;
    Stable Scalar ts_headline;
    Immutable Scalar ts_rank;
    Immutable Scalar ts_rank_cd;
    Immutable Scalar tsrange;
    Immutable Scalar tstzrange;
    Stable Scalar txid_current;
    Immutable Scalar unistr;
    Immutable Set unnest;
    Immutable Scalar upper;
    Immutable Scalar upper_inc;
    Immutable Scalar upper_inf;
    Immutable Aggregate var_pop;
    Immutable Aggregate var_samp;
    Immutable Aggregate variance;
    Stable Scalar version;
    Stable Scalar websearch_to_tsquery;
    Immutable Scalar width_bucket;
    Immutable Aggregate xmlagg;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_so_that_lookup_finds_every_function() {
        assert!(FUNCTIONS.is_sorted_by(|one, other| one.name < other.name));
        for function in FUNCTIONS {
            assert_eq!(lookup(function.name), Some(function));
        }
        assert_eq!(lookup("my_function"), None);
        assert_eq!(lookup("LOWER"), None);
    }

    #[test]
    fn no_function_that_runs_sql_or_reads_tables_is_listed_sql_13() {
        for name in ["query_to_xml", "ts_stat", "dblink", "pg_read_file", "lo_get", "currval_all", "pg_sleep"] {
            assert_eq!(lookup(name), None, "{name}");
        }
        assert!(!operator("@@@"));
    }
}
