//! The words of PostgreSQL's grammar (kwlist.h of PostgreSQL 15 to 18, and some that later ones may add): any other
//! unquoted word is an identifier wherever it stands.

/// Whether a word is one, in any case.
pub(super) fn is_keyword(word: &str) -> bool {
    let folded = || word.bytes().map(|byte| byte.to_ascii_lowercase());
    KEYWORDS.binary_search_by(|keyword| keyword.bytes().cmp(folded())).is_ok()
}

/// In the order of their bytes.
#[rustfmt::skip]
const KEYWORDS: [&str; 512] = [
    "abort", "absent", "absolute", "access", "action", "add", "admin", "after", "aggregate", "all", "also", "alter",
    "always", "analyse", "analyze", "and", "any", "array", "as", "asc", "asensitive", "assertion", "assignment",
    "asymmetric", "at", "atomic", "attach", "attribute", "authorization", "backward", "before", "begin", "between",
    "bigint", "binary", "bit", "boolean", "both", "breadth", "by", "cache", "call", "called", "cascade", "cascaded",
    "case", "cast", "catalog", "chain", "char", "character", "characteristics", "check", "checkpoint", "class",
    "close", "cluster", "coalesce", "collate", "collation", "column", "columns", "comment", "comments", "commit",
    "committed", "compression", "concurrently", "conditional", "configuration", "conflict", "connection",
    "constraint", "constraints", "content", "continue", "conversion", "copy", "cost", "create", "cross", "csv",
    "cube", "current", "current_catalog", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "cursor", "cycle", "data", "database", "day", "deallocate", "dec",
    "decimal", "declare", "default", "defaults", "deferrable", "deferred", "definer", "delete", "delimiter",
    "delimiters", "depends", "depth", "desc", "destination", "detach", "dictionary", "disable", "discard",
    "distinct", "do", "document", "domain", "double", "drop", "each", "edge", "element", "else", "empty", "enable",
    "encoding", "encrypted", "end", "enforced", "enum", "error", "escape", "event", "except", "exclude",
    "excluding", "exclusive", "execute", "exists", "explain", "expression", "extension", "external", "extract",
    "false", "family", "fetch", "filter", "finalize", "first", "float", "following", "for", "force", "foreign",
    "format", "forward", "freeze", "from", "full", "function", "functions", "generated", "global", "grant",
    "granted", "graph", "graph_table", "greatest", "group", "grouping", "groups", "handler", "having", "header",
    "hold", "hour", "identity", "if", "ignore", "ilike", "immediate", "immutable", "implicit", "import", "in",
    "include", "including", "increment", "indent", "index", "indexes", "inherit", "inherits", "initially", "inline",
    "inner", "inout", "input", "insensitive", "insert", "instead", "int", "integer", "intersect", "interval",
    "into", "invoker", "is", "isnull", "isolation", "join", "json", "json_array", "json_arrayagg", "json_exists",
    "json_object", "json_objectagg", "json_query", "json_scalar", "json_serialize", "json_table", "json_value",
    "key", "keys", "label", "language", "large", "last", "lateral", "leading", "leakproof", "least", "left",
    "level", "like", "limit", "listen", "load", "local", "localtime", "localtimestamp", "location", "lock",
    "locked", "logged", "lsn", "mapping", "match", "matched", "materialized", "maxvalue", "merge", "merge_action",
    "method", "minute", "minvalue", "mode", "month", "move", "name", "names", "national", "natural", "nchar",
    "nested", "new", "next", "nfc", "nfd", "nfkc", "nfkd", "no", "node", "none", "normalize", "normalized", "not",
    "nothing", "notify", "notnull", "nowait", "null", "nullif", "nulls", "numeric", "object", "objects", "of",
    "off", "offset", "oids", "old", "omit", "on", "only", "operator", "option", "options", "or", "order",
    "ordinality", "others", "out", "outer", "over", "overlaps", "overlay", "overriding", "owned", "owner",
    "parallel", "parameter", "parser", "partial", "partition", "partitions", "passing", "password", "period",
    "periods", "placing", "plan", "plans", "policy", "portion", "position", "preceding", "precision", "prepare",
    "prepared", "preserve", "primary", "prior", "privileges", "procedural", "procedure", "procedures", "program",
    "properties", "property", "publication", "quote", "quotes", "range", "read", "real", "reassign", "recheck",
    "recursive", "ref", "references", "referencing", "refresh", "reindex", "relationship", "relative", "release",
    "rename", "repack", "repeatable", "replace", "replica", "reset", "respect", "restart", "restrict", "return",
    "returning", "returns", "revoke", "right", "role", "rollback", "rollup", "routine", "routines", "row", "rows",
    "rule", "savepoint", "scalar", "schema", "schemas", "scroll", "search", "second", "security", "select",
    "sequence", "sequences", "serializable", "server", "session", "session_user", "set", "setof", "sets", "share",
    "show", "similar", "simple", "skip", "smallint", "snapshot", "some", "source", "split", "sql", "stable",
    "standalone", "start", "statement", "statistics", "stdin", "stdout", "storage", "stored", "strict", "string",
    "strip", "subscription", "substring", "support", "symmetric", "sysid", "system", "system_user", "table",
    "tables", "tablesample", "tablespace", "target", "temp", "template", "temporary", "text", "then", "ties",
    "time", "timestamp", "to", "trailing", "transaction", "transform", "treat", "trigger", "trim", "true",
    "truncate", "trusted", "type", "types", "uescape", "unbounded", "uncommitted", "unconditional", "unencrypted",
    "union", "unique", "unknown", "unlisten", "unlogged", "until", "update", "user", "using", "vacuum", "valid",
    "validate", "validator", "value", "values", "varchar", "variadic", "varying", "verbose", "version", "vertex",
    "view", "views", "virtual", "volatile", "wait", "when", "where", "whitespace", "window", "with", "within",
    "without", "work", "wrapper", "write", "xml", "xmlattributes", "xmlconcat", "xmlelement", "xmlexists",
    "xmlforest", "xmlnamespaces", "xmlparse", "xmlpi", "xmlroot", "xmlserialize", "xmltable", "year", "yes", "zone",
];

#[test]
fn keywords_are_found_in_any_case_and_are_in_order() {
    assert!(KEYWORDS.is_sorted());
    assert!(is_keyword("SELECT") && is_keyword("zone") && !is_keyword("fro"));
}
