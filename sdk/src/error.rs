//! What a failure is: its SQLSTATE, who can act on it, and the text that a client may see.
//!
//! Each room has an error enum of its own. A text reaches a client only from a type that opted in to
//! [`UserFacing`], so an internal error cannot leak a value by its `Display`.

use std::fmt;

/// A five-character SQLSTATE, PostgreSQL 18 manual, appendix A.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState(&'static str);

macro_rules! sqlstates {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        impl SqlState {
            $($(#[$doc])* pub const $name: SqlState = SqlState($code);)*
        }
    };
}

sqlstates! {
    /// `protocol_violation`
    PROTOCOL_VIOLATION = "08P01";
    /// `connection_failure`
    CONNECTION_FAILURE = "08006";
    /// `sqlclient_unable_to_establish_sqlconnection`
    CANNOT_CONNECT = "08001";
    /// `feature_not_supported`: every refusal of a statement.
    FEATURE_NOT_SUPPORTED = "0A000";
    /// `string_data_right_truncation`
    STRING_DATA_RIGHT_TRUNCATION = "22001";
    /// `string_data_length_mismatch`
    STRING_DATA_LENGTH_MISMATCH = "22026";
    /// `name_too_long`
    NAME_TOO_LONG = "42622";
    /// `numeric_value_out_of_range`
    NUMERIC_VALUE_OUT_OF_RANGE = "22003";
    /// `invalid_datetime_format`
    INVALID_DATETIME_FORMAT = "22007";
    /// `datetime_field_overflow`
    DATETIME_FIELD_OVERFLOW = "22008";
    /// `interval_field_overflow`
    INTERVAL_FIELD_OVERFLOW = "22015";
    /// `invalid_time_zone_displacement_value`
    INVALID_TIME_ZONE_DISPLACEMENT = "22009";
    /// `character_not_in_repertoire`
    CHARACTER_NOT_IN_REPERTOIRE = "22021";
    /// `invalid_parameter_value`
    INVALID_PARAMETER_VALUE = "22023";
    /// `untranslatable_character`
    UNTRANSLATABLE_CHARACTER = "22P05";
    /// `invalid_text_representation`
    INVALID_TEXT_REPRESENTATION = "22P02";
    /// `invalid_binary_representation`
    INVALID_BINARY_REPRESENTATION = "22P03";
    /// `not_null_violation`
    NOT_NULL_VIOLATION = "23502";
    /// `array_subscript_error`
    ARRAY_SUBSCRIPT_ERROR = "2202E";
    /// `active_sql_transaction`
    ACTIVE_SQL_TRANSACTION = "25001";
    /// `no_active_sql_transaction`
    NO_ACTIVE_SQL_TRANSACTION = "25P01";
    /// `in_failed_sql_transaction`
    IN_FAILED_SQL_TRANSACTION = "25P02";
    /// `invalid_sql_statement_name`
    INVALID_SQL_STATEMENT_NAME = "26000";
    /// `invalid_authorization_specification`
    INVALID_AUTHORIZATION = "28000";
    /// `invalid_catalog_name`
    INVALID_CATALOG_NAME = "3D000";
    /// `serialization_failure`
    SERIALIZATION_FAILURE = "40001";
    /// `insufficient_privilege`: a key service that denies a key.
    INSUFFICIENT_PRIVILEGE = "42501";
    /// `syntax_error`
    SYNTAX_ERROR = "42601";
    /// `duplicate_column`
    DUPLICATE_COLUMN = "42701";
    /// `ambiguous_column`
    AMBIGUOUS_COLUMN = "42702";
    /// `undefined_column`
    UNDEFINED_COLUMN = "42703";
    /// `duplicate_alias`
    DUPLICATE_ALIAS = "42712";
    /// `undefined_table`
    UNDEFINED_TABLE = "42P01";
    /// `invalid_recursion`
    INVALID_RECURSION = "42P19";
    /// `undefined_parameter`
    UNDEFINED_PARAMETER = "42P02";
    /// `indeterminate_datatype`
    INDETERMINATE_DATATYPE = "42P18";
    /// `invalid_column_reference`
    INVALID_COLUMN_REFERENCE = "42P10";
    /// `datatype_mismatch`
    DATATYPE_MISMATCH = "42804";
    /// `wrong_object_type`
    WRONG_OBJECT_TYPE = "42809";
    /// `undefined_function` (also: no such operator)
    UNDEFINED_FUNCTION = "42883";
    /// `too_many_connections`
    TOO_MANY_CONNECTIONS = "53300";
    /// `program_limit_exceeded`
    PROGRAM_LIMIT_EXCEEDED = "54000";
    /// `statement_too_complex`
    STATEMENT_TOO_COMPLEX = "54001";
    /// `object_not_in_prerequisite_state`: a table drifted away from its lock.
    OBJECT_NOT_IN_PREREQUISITE_STATE = "55000";
    /// `admin_shutdown`
    ADMIN_SHUTDOWN = "57P01";
    /// `cannot_connect_now`
    CANNOT_CONNECT_NOW = "57P03";
    /// `internal_error`
    INTERNAL_ERROR = "XX000";
    /// `data_corrupted`: a tag, signature, context or envelope that does not hold.
    DATA_CORRUPTED = "XX001";
}

impl SqlState {
    /// The five characters.
    pub const fn code(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An error whose text a client may see. Implementing it is a promise: no value, key or parameter is in any of
/// these texts, only names from the schema file and the statement.
pub trait UserFacing {
    /// The SQLSTATE that the client gets.
    fn sqlstate(&self) -> SqlState;
    /// One line: what failed, and where.
    fn message(&self) -> String;
    /// More about what failed.
    fn detail(&self) -> Option<String> {
        None
    }
    /// What to do about it.
    fn hint(&self) -> Option<String> {
        None
    }
    /// The column that is to blame, where PostgreSQL would name it beside the message.
    fn column(&self) -> Option<&ColumnName> {
        None
    }
}

/// A column by its physical name: fields s, t and c of an ErrorResponse (PostgreSQL 18 manual, 54.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnName {
    /// Its schema.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its own name.
    pub column: String,
}
