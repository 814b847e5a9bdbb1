//! Kinds of keys and algorithms by AWS's names: what goes with what, in one table.

use super::error::{Code, KmsError};

macro_rules! named {
    ($(#[$doc:meta])* $type:ident, $place:literal { $($(#[$vdoc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $type { $($(#[$vdoc])* #[serde(rename = $name)] $variant,)* }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// AWS's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// By AWS's name.
            ///
            /// # Errors
            /// ValidationException with AWS's text.
            pub fn parse(text: &str) -> Result<Self, KmsError> {
                match text {
                    $($name => Ok(Self::$variant),)*
                    _ => Err(not_one_of(text, $place, Self::ALL.iter().map(|one| one.name()))),
                }
            }
        }
    };
}

named! {
    /// What a key is made of.
    Spec, "keySpec" {
        /// 256 bits, for this service alone.
        Symmetric = "SYMMETRIC_DEFAULT",
        /// HMAC, 28 bytes.
        Hmac224 = "HMAC_224",
        /// HMAC, 32 bytes.
        Hmac256 = "HMAC_256",
        /// HMAC, 48 bytes.
        Hmac384 = "HMAC_384",
        /// HMAC, 64 bytes.
        Hmac512 = "HMAC_512",
        /// RSA
        Rsa2048 = "RSA_2048",
        /// RSA
        Rsa3072 = "RSA_3072",
        /// RSA
        Rsa4096 = "RSA_4096",
        /// ECDSA
        P256 = "ECC_NIST_P256",
        /// ECDSA
        P384 = "ECC_NIST_P384",
        /// Ed25519
        Ed25519 = "ECC_NIST_EDWARDS25519",
    }
}

named! {
    /// What a key is for.
    Usage, "keyUsage" {
        /// Encrypt and Decrypt
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        /// Sign and Verify
        SignVerify = "SIGN_VERIFY",
        /// GenerateMac and VerifyMac
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
    }
}

named! {
    /// How a key encrypts.
    EncryptionAlgorithm, "encryptionAlgorithm" {
        /// A blob of this service.
        Symmetric = "SYMMETRIC_DEFAULT",
        /// RSAES-OAEP
        OaepSha1 = "RSAES_OAEP_SHA_1",
        /// RSAES-OAEP
        OaepSha256 = "RSAES_OAEP_SHA_256",
    }
}

named! {
    /// How a key signs.
    SigningAlgorithm, "signingAlgorithm" {
        /// RSASSA-PSS
        PssSha256 = "RSASSA_PSS_SHA_256",
        /// RSASSA-PSS
        PssSha384 = "RSASSA_PSS_SHA_384",
        /// RSASSA-PSS
        PssSha512 = "RSASSA_PSS_SHA_512",
        /// RSASSA-PKCS1-v1_5
        Pkcs1Sha256 = "RSASSA_PKCS1_V1_5_SHA_256",
        /// RSASSA-PKCS1-v1_5
        Pkcs1Sha384 = "RSASSA_PKCS1_V1_5_SHA_384",
        /// RSASSA-PKCS1-v1_5
        Pkcs1Sha512 = "RSASSA_PKCS1_V1_5_SHA_512",
        /// ECDSA on P-256
        EcdsaSha256 = "ECDSA_SHA_256",
        /// ECDSA on P-384
        EcdsaSha384 = "ECDSA_SHA_384",
        /// Ed25519 over the message
        Ed25519 = "ED25519_SHA_512",
    }
}

named! {
    /// How a key makes tags.
    MacAlgorithm, "macAlgorithm" {
        /// HMAC
        Sha224 = "HMAC_SHA_224",
        /// HMAC
        Sha256 = "HMAC_SHA_256",
        /// HMAC
        Sha384 = "HMAC_SHA_384",
        /// HMAC
        Sha512 = "HMAC_SHA_512",
    }
}

named! {
    /// Whether a message comes whole or as its digest.
    MessageType, "messageType" {
        /// Whole
        Raw = "RAW",
        /// Its digest
        Digest = "DIGEST",
    }
}

impl Spec {
    /// What a key of this kind is for, where there is one answer.
    pub fn only_usage(self) -> Option<Usage> {
        match self {
            Self::Symmetric => Some(Usage::EncryptDecrypt),
            Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => Some(Usage::GenerateVerifyMac),
            Self::P256 | Self::P384 | Self::Ed25519 => Some(Usage::SignVerify),
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => None,
        }
    }

    /// Whether a key of this kind can be for that.
    pub fn can(self, usage: Usage) -> bool {
        self.only_usage().map_or(usage != Usage::GenerateVerifyMac, |only| only == usage)
    }

    /// Whether it has a public key.
    pub fn is_asymmetric(self) -> bool {
        !self.signing().is_empty()
    }

    /// Algorithms for encryption.
    pub fn encryption(self) -> &'static [EncryptionAlgorithm] {
        match self {
            Self::Symmetric => &[EncryptionAlgorithm::Symmetric],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => {
                &[EncryptionAlgorithm::OaepSha1, EncryptionAlgorithm::OaepSha256]
            }
            _ => &[],
        }
    }

    /// Algorithms for signatures.
    pub fn signing(self) -> &'static [SigningAlgorithm] {
        match self {
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[
                SigningAlgorithm::Pkcs1Sha256,
                SigningAlgorithm::Pkcs1Sha384,
                SigningAlgorithm::Pkcs1Sha512,
                SigningAlgorithm::PssSha256,
                SigningAlgorithm::PssSha384,
                SigningAlgorithm::PssSha512,
            ],
            Self::P256 => &[SigningAlgorithm::EcdsaSha256],
            Self::P384 => &[SigningAlgorithm::EcdsaSha384],
            Self::Ed25519 => &[SigningAlgorithm::Ed25519],
            Self::Symmetric | Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => &[],
        }
    }

    /// The algorithm for tags.
    pub fn mac(self) -> Option<MacAlgorithm> {
        match self {
            Self::Hmac224 => Some(MacAlgorithm::Sha224),
            Self::Hmac256 => Some(MacAlgorithm::Sha256),
            Self::Hmac384 => Some(MacAlgorithm::Sha384),
            Self::Hmac512 => Some(MacAlgorithm::Sha512),
            _ => None,
        }
    }
}

/// AWS's text for a value that is not of an enumeration.
pub(super) fn not_one_of<'a>(value: &str, place: &str, of: impl Iterator<Item = &'a str>) -> KmsError {
    let set = of.collect::<Vec<_>>().join(", ");
    // What a caller sent comes back cut: an enumeration's longest name has 30 characters.
    let value: String = value.chars().filter(|one| !one.is_control()).take(40).collect();
    KmsError::new(
        Code::VALIDATION,
        format!(
            "1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: Member must \
             satisfy enum value set: [{set}]"
        ),
    )
}
