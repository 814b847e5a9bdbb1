//! Keys with a public half, by aws-lc-rs: made, used to sign, to verify, to encrypt and to decrypt.
//!
//! Private keys are PKCS#8, public keys SubjectPublicKeyInfo (RFC 5280), both in DER.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::error::{Code, KmsError};
use super::secret::Material;
use super::spec::{EncryptionAlgorithm, MessageType, SigningAlgorithm, Spec};

/// A new key: its private half, and the public one.
pub(super) struct Pair {
    /// PKCS#8
    pub private: Material,
    /// SubjectPublicKeyInfo
    pub public: Vec<u8>,
}

/// Why an operation gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key or its input is not usable")]
pub(super) struct Failed;

impl From<Unspecified> for Failed {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

impl From<aws_lc_rs::error::KeyRejected> for Failed {
    fn from(_: aws_lc_rs::error::KeyRejected) -> Self {
        Self
    }
}

impl From<Failed> for KmsError {
    fn from(_: Failed) -> Self {
        Self::internal()
    }
}

/// Makes a key.
///
/// # Errors
/// [`Failed`] if the library does not, or the kind has no public half.
pub(super) fn generate(spec: Spec) -> Result<Pair, Failed> {
    let pair = |private: &[u8], public: PublicKeyX509Der<'_>| Pair {
        private: Material::new(Zeroizing::new(private.to_vec())),
        public: public.as_ref().to_vec(),
    };
    match spec {
        Spec::P256 | Spec::P384 => {
            let key = EcdsaKeyPair::generate(curve(spec)?)?;
            Ok(pair(key.to_pkcs8v1()?.as_ref(), key.public_key().as_der()?))
        }
        Spec::Ed25519 => {
            let key = Ed25519KeyPair::generate()?;
            Ok(pair(key.to_pkcs8v1()?.as_ref(), key.public_key().as_der()?))
        }
        Spec::Rsa2048 | Spec::Rsa3072 | Spec::Rsa4096 => {
            let size = match spec {
                Spec::Rsa2048 => KeySize::Rsa2048,
                Spec::Rsa3072 => KeySize::Rsa3072,
                _ => KeySize::Rsa4096,
            };
            let key = RsaKeyPair::generate(size)?;
            let private: Pkcs8V1Der<'_> = key.as_der()?;
            Ok(pair(private.as_ref(), key.public_key().as_der()?))
        }
        Spec::Symmetric | Spec::Hmac224 | Spec::Hmac256 | Spec::Hmac384 | Spec::Hmac512 => Err(Failed),
    }
}

fn curve(spec: Spec) -> Result<&'static signature::EcdsaSigningAlgorithm, Failed> {
    match spec {
        Spec::P256 => Ok(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
        Spec::P384 => Ok(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        _ => Err(Failed),
    }
}

fn hash(algorithm: SigningAlgorithm) -> Option<&'static digest::Algorithm> {
    match algorithm {
        SigningAlgorithm::PssSha256 | SigningAlgorithm::Pkcs1Sha256 | SigningAlgorithm::EcdsaSha256 => {
            Some(&digest::SHA256)
        }
        SigningAlgorithm::PssSha384 | SigningAlgorithm::Pkcs1Sha384 | SigningAlgorithm::EcdsaSha384 => {
            Some(&digest::SHA384)
        }
        SigningAlgorithm::PssSha512 | SigningAlgorithm::Pkcs1Sha512 => Some(&digest::SHA512),
        SigningAlgorithm::Ed25519 => None,
    }
}

/// What is signed: the digest, made here or by the caller; Ed25519 takes the message itself.
enum Signed<'m> {
    Digest(Digest),
    Message(&'m [u8]),
}

fn signed(algorithm: SigningAlgorithm, kind: MessageType, message: &[u8]) -> Result<Signed<'_>, KmsError> {
    match (hash(algorithm), kind) {
        (Some(hash), MessageType::Raw) => Ok(Signed::Digest(digest::digest(hash, message))),
        (Some(hash), MessageType::Digest) => {
            Digest::import_less_safe(message, hash).map(Signed::Digest).map_err(|_: Unspecified| {
                KmsError::validation(format!("Digest is invalid length for algorithm {}.", algorithm.name()))
            })
        }
        (None, MessageType::Raw) => Ok(Signed::Message(message)),
        (None, MessageType::Digest) => {
            Err(KmsError::validation(format!("MessageType DIGEST is not valid for algorithm {}.", algorithm.name())))
        }
    }
}

/// Signs. ECDSA signatures are in DER (RFC 3279).
///
/// # Errors
/// ValidationException for a digest of a wrong length.
pub(super) fn sign(
    spec: Spec,
    private: &Material,
    algorithm: SigningAlgorithm,
    kind: MessageType,
    message: &[u8],
) -> Result<Vec<u8>, KmsError> {
    let input = signed(algorithm, kind, message)?;
    Ok(sign_input(spec, private, algorithm, &input)?)
}

fn sign_input(
    spec: Spec,
    private: &Material,
    algorithm: SigningAlgorithm,
    input: &Signed<'_>,
) -> Result<Vec<u8>, Failed> {
    let private = private.expose();
    match input {
        Signed::Message(message) => Ok(Ed25519KeyPair::from_pkcs8(private)?.try_sign(message)?.as_ref().to_vec()),
        Signed::Digest(digest) => match padding(algorithm) {
            None => Ok(EcdsaKeyPair::from_pkcs8(curve(spec)?, private)?.sign_digest(digest)?.as_ref().to_vec()),
            Some(padding) => {
                let key = RsaKeyPair::from_pkcs8(private)?;
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign_digest(padding, digest, &mut signature)?;
                Ok(signature)
            }
        },
    }
}

fn padding(algorithm: SigningAlgorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        SigningAlgorithm::PssSha256 => Some(&signature::RSA_PSS_SHA256),
        SigningAlgorithm::PssSha384 => Some(&signature::RSA_PSS_SHA384),
        SigningAlgorithm::PssSha512 => Some(&signature::RSA_PSS_SHA512),
        SigningAlgorithm::Pkcs1Sha256 => Some(&signature::RSA_PKCS1_SHA256),
        SigningAlgorithm::Pkcs1Sha384 => Some(&signature::RSA_PKCS1_SHA384),
        SigningAlgorithm::Pkcs1Sha512 => Some(&signature::RSA_PKCS1_SHA512),
        SigningAlgorithm::EcdsaSha256 | SigningAlgorithm::EcdsaSha384 | SigningAlgorithm::Ed25519 => None,
    }
}

/// Verifies.
///
/// # Errors
/// ValidationException for a digest of a wrong length, KMSInvalidSignatureException for a signature that does not hold.
pub(super) fn verify(
    public: &[u8],
    algorithm: SigningAlgorithm,
    kind: MessageType,
    message: &[u8],
    tag: &[u8],
) -> Result<(), KmsError> {
    let input = signed(algorithm, kind, message)?;
    let verification: &'static dyn signature::VerificationAlgorithm = match algorithm {
        SigningAlgorithm::PssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
        SigningAlgorithm::PssSha384 => &signature::RSA_PSS_2048_8192_SHA384,
        SigningAlgorithm::PssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
        SigningAlgorithm::Pkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        SigningAlgorithm::Pkcs1Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        SigningAlgorithm::Pkcs1Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        SigningAlgorithm::EcdsaSha256 => &signature::ECDSA_P256_SHA256_ASN1,
        SigningAlgorithm::EcdsaSha384 => &signature::ECDSA_P384_SHA384_ASN1,
        SigningAlgorithm::Ed25519 => &signature::ED25519,
    };
    let key = UnparsedPublicKey::new(verification, public);
    let held = match &input {
        Signed::Digest(digest) => key.verify_digest(digest, tag),
        Signed::Message(message) => key.verify(message, tag),
    };
    held.map_err(|_: Unspecified| KmsError::new(Code::INVALID_SIGNATURE, ""))
}

fn oaep(algorithm: EncryptionAlgorithm) -> Result<&'static OaepAlgorithm, Failed> {
    match algorithm {
        EncryptionAlgorithm::OaepSha1 => Ok(&OAEP_SHA1_MGF1SHA1),
        EncryptionAlgorithm::OaepSha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        EncryptionAlgorithm::Symmetric => Err(Failed),
    }
}

/// RSAES-OAEP with the public key.
///
/// # Errors
/// ValidationException for a text that is longer than the modulus allows.
pub(super) fn encrypt(
    spec: Spec,
    public: &[u8],
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
) -> Result<Vec<u8>, KmsError> {
    let scheme = oaep(algorithm)?;
    let key = PublicEncryptingKey::from_der(public).map_err(Failed::from)?;
    let key = OaepPublicEncryptingKey::new(key).map_err(Failed::from)?;
    let most = key.max_plaintext_size(scheme);
    if plaintext.len() > most {
        return Err(KmsError::validation(format!(
            "Algorithm {} and key spec {} cannot encrypt data larger than {most} bytes.",
            algorithm.name(),
            spec.name()
        )));
    }
    let mut sealed = vec![0; key.ciphertext_size()];
    let len = key.encrypt(scheme, plaintext, &mut sealed, None).map_err(Failed::from)?.len();
    sealed.truncate(len);
    Ok(sealed)
}

/// RSAES-OAEP with the private key.
///
/// # Errors
/// InvalidCiphertextException, without a reason.
pub(super) fn decrypt(
    private: &Material,
    algorithm: EncryptionAlgorithm,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KmsError> {
    let scheme = oaep(algorithm)?;
    let key = PrivateDecryptingKey::from_pkcs8(private.expose()).map_err(Failed::from)?;
    let key = OaepPrivateDecryptingKey::new(key).map_err(Failed::from)?;
    let mut opened = Zeroizing::new(vec![0; key.min_output_size()]);
    let len = key
        .decrypt(scheme, sealed, &mut opened, None)
        .map_err(|_: Unspecified| KmsError::new(Code::INVALID_CIPHERTEXT, ""))?
        .len();
    opened.truncate(len);
    Ok(opened)
}

/// Signs with an Ed25519 key, for checkpoints of the audit log.
pub(super) fn sign_checkpoint(private: &Material, message: &[u8]) -> Result<Vec<u8>, Failed> {
    sign_input(Spec::Ed25519, private, SigningAlgorithm::Ed25519, &Signed::Message(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_of_every_kind_verifies_what_it_signed_and_nothing_else() {
        for spec in [Spec::P256, Spec::P384, Spec::Ed25519, Spec::Rsa2048] {
            let (pair, other) = (generate(spec).unwrap(), generate(spec).unwrap());
            for &algorithm in spec.signing() {
                let tag = sign(spec, &pair.private, algorithm, MessageType::Raw, b"message").unwrap();
                verify(&pair.public, algorithm, MessageType::Raw, b"message", &tag).unwrap();
                let broken = |error: KmsError| assert_eq!(error.code, Code::INVALID_SIGNATURE);
                broken(verify(&pair.public, algorithm, MessageType::Raw, b"massage", &tag).unwrap_err());
                broken(verify(&other.public, algorithm, MessageType::Raw, b"message", &tag).unwrap_err());
                broken(verify(&pair.public, algorithm, MessageType::Raw, b"message", &tag[1..]).unwrap_err());
                broken(verify(&pair.public, algorithm, MessageType::Raw, b"message", b"").unwrap_err());
                if let Some(hash) = hash(algorithm) {
                    let digest = digest::digest(hash, b"message");
                    verify(&pair.public, algorithm, MessageType::Digest, digest.as_ref(), &tag).unwrap();
                    let tag = sign(spec, &pair.private, algorithm, MessageType::Digest, digest.as_ref()).unwrap();
                    verify(&pair.public, algorithm, MessageType::Raw, b"message", &tag).unwrap();
                    let short = sign(spec, &pair.private, algorithm, MessageType::Digest, b"short").unwrap_err();
                    assert_eq!(short.message, format!("Digest is invalid length for algorithm {}.", algorithm.name()));
                }
            }
        }
    }

    #[test]
    fn oaep_opens_what_it_sealed_up_to_its_limit() {
        let pair = generate(Spec::Rsa2048).unwrap();
        for (algorithm, most) in [(EncryptionAlgorithm::OaepSha1, 214), (EncryptionAlgorithm::OaepSha256, 190)] {
            let sealed = encrypt(Spec::Rsa2048, &pair.public, algorithm, &vec![7; most]).unwrap();
            assert_eq!(**decrypt(&pair.private, algorithm, &sealed).unwrap(), vec![7; most]);
            assert_eq!(
                encrypt(Spec::Rsa2048, &pair.public, algorithm, &vec![7; most + 1]).unwrap_err().message,
                format!(
                    "Algorithm {} and key spec RSA_2048 cannot encrypt data larger than {most} bytes.",
                    algorithm.name()
                )
            );
            let error = decrypt(&pair.private, algorithm, &sealed[1..]).unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (Code::INVALID_CIPHERTEXT, ""));
        }
    }
}
