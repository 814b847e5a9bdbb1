//! The schema file as people write it: AWS's spelling for actions and beacon kinds, every known key of every version.
//!
//! Keys of features that are not built yet parse, and `check` refuses them with "not in this version".

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};

use super::located::At;

#[cfg(feature = "config")]
use schemars::JsonSchema;

/// What happens to a column: the attribute actions of the AWS Database Encryption SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[allow(non_camel_case_types, clippy::upper_case_acronyms)]
pub enum Action {
    /// Sealed in a cell; the cell is covered by the row signature.
    ENCRYPT_AND_SIGN,
    /// In the clear, covered by the row signature.
    SIGN_ONLY,
    /// In the clear, covered by the row signature, and bound into every cell of its row.
    SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT,
    /// Not protected.
    DO_NOTHING,
}

/// The row signature that a table asks for (SIG-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
pub enum RowSignature {
    /// No signature: cells are authenticated one by one.
    #[serde(rename = "none")]
    None,
    /// Suite 0x01.
    #[serde(rename = "HMAC-SHA-384")]
    HmacSha384,
    /// Suite 0x02, not in this version.
    #[serde(rename = "ECDSA-P384")]
    EcdsaP384,
    /// Suite 0x03, not in this version.
    #[serde(rename = "BLAKE3")]
    Blake3,
}

/// A schema file of pgseal.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Version of the schema file's format: 1.
    pub version: At<u32>,
    /// What wraps branch keys.
    #[serde(default)]
    pub keyrings: BTreeMap<At<String>, Keyring>,
    /// Branch keys by id, by convention one a table.
    #[serde(default)]
    pub branch_keys: BTreeMap<At<String>, BranchKey>,
    /// Protected tables by their logical names, which are authenticated and so fixed for life.
    #[serde(default)]
    pub tables: BTreeMap<At<String>, Table>,
    /// Beacons that link columns across tables (not in this version).
    #[serde(default)]
    pub beacon_domains: BTreeMap<At<String>, BeaconDomain>,
    /// Settings of the whole database.
    pub settings: Option<Settings>,
    /// What opaque functions may receive (not in this version).
    #[serde(default)]
    pub functions: BTreeMap<At<String>, Function>,
}

/// What wraps branch keys; with children it is a multi-keyring of which any one can open.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Keyring {
    /// The wrapping key that makes new keys: `local:NAME`, `raw:file=PATH`, `raw:env=NAME`.
    pub generator: At<String>,
    /// More wrapping keys under which each key is wrapped too.
    #[serde(default)]
    pub children: Vec<At<String>>,
}

/// A branch key.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BranchKey {
    /// The keyring that wraps it.
    pub keyring: At<String>,
    /// Age at which a new version is made, in days: "365d" (not in this version).
    pub rotate_every: Option<At<String>>,
    /// The tenant column, for one key a tenant (not in this version).
    pub per: Option<At<String>>,
    /// "multi": one beacon key a tenant (not in this version).
    pub beacon_key: Option<At<String>>,
    /// The session setting that names the tenant (not in this version).
    pub session: Option<At<String>>,
    /// Roles that may use every tenant's key (not in this version).
    pub session_roles: Option<At<Vec<String>>>,
    /// "on-first-write": a tenant's key is made when it first writes (not in this version).
    pub create: Option<At<String>>,
}

/// What a column that is not listed means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[allow(non_camel_case_types, clippy::upper_case_acronyms)]
pub enum Unlisted {
    /// The table is refused until it is listed.
    #[serde(rename = "refuse")]
    Refuse,
    /// It is not protected.
    DO_NOTHING,
}

/// How cells are bound to their row (CELL-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RowBinding {
    /// By the primary key in the encryption context.
    PrimaryKey,
    /// Not at all: a cell that is moved to another row of its table is not noticed.
    None,
}

/// What of a table's use is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Audit {
    /// Nothing.
    None,
    /// Each statement (not in this version).
    Statement,
    /// Each row (not in this version).
    Row,
}

/// A protected table.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its name today, with its schema: `public.payment_card`.
    pub name: At<String>,
    /// Its branch key.
    pub branch_key: At<String>,
    /// Whether and how its rows are signed.
    pub row_signature: Option<At<RowSignature>>,
    /// What a column means that is not listed; "refuse" if not said.
    pub unlisted_columns: Option<At<Unlisted>>,
    /// What of its use is recorded; "none" if not said.
    pub audit: Option<At<Audit>>,
    /// Whether every row gets a hidden random identity (not in this version).
    pub row_id: Option<At<bool>>,
    /// "primary-key" if not said.
    pub row_binding: Option<At<RowBinding>>,
    /// Whether each write checks in the same statement that the row holds what was signed; true if not said.
    pub write_guard: Option<At<bool>>,
    /// "strict" refuses reads whose rows cannot be verified whole (not in this version).
    pub verify: Option<At<String>>,
    /// Which conditions are evaluated again on opened values (not in this version).
    pub recheck: Option<At<String>>,
    /// Public keys of asymmetric signatures (not in this version).
    #[serde(default)]
    pub signing_keys: Vec<At<SigningKey>>,
    /// Triggers that may stay, with the columns they write.
    #[serde(default)]
    pub triggers: Vec<Trigger>,
    /// Columns by their logical names: an action, or a table with more.
    pub columns: BTreeMap<At<String>, At<Column>>,
    /// Searchable tags.
    #[serde(default)]
    pub beacons: Beacons,
    /// Columns that exist for beacons only (not in this version).
    #[serde(default)]
    pub virtual_fields: Vec<At<VirtualField>>,
    /// Who may read what (not in this version).
    #[serde(default)]
    pub access: Vec<At<Access>>,
}

/// A trigger that may stay.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// `pg_trigger.tgname`
    pub name: At<String>,
    /// The columns it may change; none of them signed.
    #[serde(default)]
    pub writes: Vec<At<String>>,
}

/// What happens to a column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its action.
    pub action: Action,
    /// Logical type of a sealed column, as SQL writes it.
    pub ty: Option<At<String>>,
    /// Its physical name, where that is no longer the logical one.
    pub name: Option<At<String>>,
    /// The sealed length is rounded up to a multiple of this, in bytes.
    pub pad: Option<At<u32>>,
    /// Seal NULLs too (not in this version).
    pub hide_nulls: Option<At<bool>>,
    /// Equal values give equal cells (not in this version).
    pub deterministic: Option<At<bool>>,
}

/// The long form of a column.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
struct LongColumn {
    /// What happens to it.
    action: Action,
    /// Logical type of a sealed column, as SQL writes it.
    #[serde(rename = "type")]
    ty: Option<At<String>>,
    /// Its physical name, where that is no longer the logical one.
    name: Option<At<String>>,
    /// The sealed length is rounded up to a multiple of this, in bytes.
    pad: Option<At<u32>>,
    /// Seal NULLs too (not in this version).
    hide_nulls: Option<At<bool>>,
    /// Equal values give equal cells (not in this version).
    deterministic: Option<At<bool>>,
}

/// A visitor instead of serde's untagged enum, which would lose every span and name no key.
impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Column;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an action, or a table with `action`")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Column, E> {
                let action = Action::deserialize(serde::de::value::StrDeserializer::new(word))?;
                Ok(Column { action, ty: None, name: None, pad: None, hide_nulls: None, deterministic: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Column, A::Error> {
                let long = LongColumn::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Column {
                    action: long.action,
                    ty: long.ty,
                    name: long.name,
                    pad: long.pad,
                    hide_nulls: long.hide_nulls,
                    deterministic: long.deterministic,
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(feature = "config")]
impl JsonSchema for Column {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Column".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let short = generator.subschema_for::<Action>();
        let long = generator.subschema_for::<LongColumn>();
        schemars::json_schema!({ "description": "What happens to a column.", "anyOf": [short, long] })
    }
}

/// Searchable tags of a table, by kind.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Beacons {
    /// Equality.
    #[serde(default)]
    pub standard: Vec<At<StandardBeacon>>,
    /// Beginnings of texts (not in this version).
    #[serde(default)]
    pub prefix: Vec<At<PrefixBeacon>>,
    /// Parts of texts (not in this version).
    #[serde(default)]
    pub ngram: Vec<At<NgramBeacon>>,
    /// Order (not in this version).
    #[serde(default)]
    pub range: Vec<At<RangeBeacon>>,
    /// Several parts in one tag (not in this version).
    #[serde(default)]
    pub compound: Vec<At<CompoundBeacon>>,
}

/// Length of a standard beacon: "exact" (16 bytes), or a number of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// 16 bytes: equality without recheck.
    Exact,
    /// 1 to 63 bits, inexact (not in this version).
    Bits(i64),
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"exact\" or a number of bits")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Length, E> {
                if word == "exact" { Ok(Length::Exact) } else { Err(E::unknown_variant(word, &["exact"])) }
            }
            fn visit_i64<E: serde::de::Error>(self, bits: i64) -> Result<Length, E> {
                Ok(Length::Bits(bits))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(feature = "config")]
impl JsonSchema for Length {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Length".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "\"exact\" (16 bytes), or a number of bits (not in this version).",
            "anyOf": [{ "const": "exact" }, { "type": "integer", "minimum": 1, "maximum": 63 }]
        })
    }
}

/// Equality.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StandardBeacon {
    /// Its name, which is part of its key; the column's unless `loc` says otherwise.
    pub name: At<String>,
    /// "exact", or bits. Without it the domain's.
    pub length: Option<At<Length>>,
    /// The logical name of its column.
    pub loc: Option<At<String>>,
    /// What is done to the value before it is tagged (not in this version).
    pub trans: Option<At<Vec<String>>>,
    /// The beacon domain it belongs to (not in this version).
    pub domain: Option<At<String>>,
    /// partOnly, asSet, sharedSet (not in this version).
    pub style: Option<At<String>>,
    /// Number of partitions (not in this version).
    pub partitions: Option<At<u32>>,
    /// The leak that is accepted on skewed data.
    pub accept_leakage: Option<At<String>>,
}

/// Beginnings of texts.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PrefixBeacon {
    /// Its name.
    pub name: At<String>,
    /// Its column.
    pub loc: Option<At<String>>,
    /// The longest beginning, in characters.
    pub max_chars: At<u32>,
    /// What is done to the value first.
    pub trans: Option<At<Vec<String>>>,
    /// The leak that is accepted.
    pub accept_leakage: Option<At<String>>,
}

/// Parts of texts.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NgramBeacon {
    /// Its name.
    pub name: At<String>,
    /// Its column.
    pub loc: Option<At<String>>,
    /// Length of a part, in characters.
    pub n: At<u32>,
    /// What is done to the value first.
    pub trans: Option<At<Vec<String>>>,
    /// The leak that is accepted.
    pub accept_leakage: Option<At<String>>,
}

/// Order.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RangeBeacon {
    /// Its name.
    pub name: At<String>,
    /// Its column.
    pub loc: Option<At<String>>,
    /// The smallest value, as SQL writes it.
    pub min: At<String>,
    /// The greatest value.
    pub max: At<String>,
    /// The resolution.
    pub step: Option<At<String>>,
    /// The leak that is accepted.
    pub accept_leakage: Option<At<String>>,
}

/// Several parts in one tag: AWS's model.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CompoundBeacon {
    /// Its name.
    pub name: At<String>,
    /// The character between parts.
    pub split: At<String>,
    /// Sealed parts.
    #[serde(default)]
    pub encrypted: Vec<CompoundPart>,
    /// Signed parts.
    #[serde(default)]
    pub signed: Vec<CompoundPart>,
}

/// A part of a compound beacon.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CompoundPart {
    /// Its name.
    pub name: At<String>,
    /// What stands before it.
    pub prefix: At<String>,
    /// Its column.
    pub loc: Option<At<String>>,
}

/// A column that exists for beacons only: AWS's model.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VirtualField {
    /// Its name.
    pub name: At<String>,
    /// The columns it is made of.
    pub parts: Vec<VirtualPart>,
}

/// A part of a virtual field.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VirtualPart {
    /// Its column.
    pub loc: At<String>,
    /// What is done to it.
    #[serde(default)]
    pub trans: Vec<String>,
}

/// A beacon that links columns across tables.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BeaconDomain {
    /// The branch key whose beacon key it uses.
    pub branch_key: At<String>,
    /// "exact", or bits.
    pub length: At<Length>,
}

/// A public key of asymmetric signatures.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    /// Its id.
    pub id: At<String>,
    /// The public key, PEM.
    pub public: At<String>,
    /// From when it is valid, RFC 3339.
    pub not_before: Option<At<String>>,
    /// sign, verify or revoked.
    pub state: Option<At<String>>,
}

/// Who may read what: the first block that matches wins.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Roles, or "*".
    pub roles: Vec<String>,
    /// Columns, or "*".
    pub columns: Vec<At<String>>,
    /// plain, null, error or mask:…
    pub read: Option<At<String>>,
    /// Whether a condition may name the column.
    pub search: Option<bool>,
    /// Whether it may be written.
    pub write: Option<bool>,
}

/// Settings of the whole database.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Refuse statements that name what the lock does not know (not in this version).
    pub strict_catalog: Option<At<bool>>,
    /// Read the catalog again on change, for development (not in this version).
    pub follow_catalog: Option<At<bool>>,
    /// Relations that share a protected table's last name and are harmless, with their schema.
    #[serde(default)]
    pub unprotected: Vec<At<String>>,
    /// Most rows that are evaluated outside the server (not in this version).
    pub max_residual_rows: Option<At<u64>>,
}

/// What an opaque function may receive.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "config", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// "plain".
    pub may_receive: At<String>,
}
