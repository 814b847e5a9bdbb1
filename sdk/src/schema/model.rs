//! The schema file as parsed: AWS's spelling for actions and beacon kinds, every known key of every version.
//!
//! Keys of features that are not built yet parse, and `check` refuses them with "not in this version".

/// What happens to a column: the attribute actions of the AWS Database Encryption SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "config", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "config", derive(schemars::JsonSchema))]
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

/// A schema file, or a directory of them, parsed and checked.
#[derive(Debug, Clone)]
pub struct Schema {
    // Fields come with their first reader.
}
