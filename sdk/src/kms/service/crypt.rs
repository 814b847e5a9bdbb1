//! Encrypt, Decrypt, ReEncrypt, GenerateDataKey, GenerateRandom.

use std::collections::BTreeMap;

use serde_json::json;
use zeroize::Zeroizing;

use super::body::encoded;
use super::{Asked, Done, Stop};
use crate::crypto::random;
use crate::kms::asymmetric;
use crate::kms::authz::Context;
use crate::kms::blob;
use crate::kms::error::{Code, KmsError};
use crate::kms::spec::{EncryptionAlgorithm, Spec, Usage};

/// The longest plaintext in bytes.
const MAX_PLAINTEXT: usize = 4096;
/// The longest ciphertext in bytes.
const MAX_CIPHERTEXT: usize = 6144;

/// How a ciphertext is to be opened: the key, how, and under which context.
struct Opening {
    key: String,
    algorithm: EncryptionAlgorithm,
    sealed: Zeroizing<Vec<u8>>,
    context: BTreeMap<String, String>,
}

impl Asked<'_> {
    pub(super) fn encrypt(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let plaintext = self.call.body.bytes("Plaintext", MAX_PLAINTEXT)?;
        let algorithm = self.algorithm("EncryptionAlgorithm")?;
        let context = self.encryption_context("EncryptionContext")?;
        self.authorize("Encrypt", &id, |keys| about(keys, algorithm, &context))?;
        self.usable(&id, Usage::EncryptDecrypt)?;
        self.check_algorithm(&id, algorithm, &context)?;
        self.dry_run()?;
        let sealed = self.seal(&id, algorithm, &context, &plaintext)?;
        Ok(json!({
            "CiphertextBlob": encoded(&sealed),
            "KeyId": self.state.key_arn(&id),
            "EncryptionAlgorithm": algorithm.name(),
        }))
    }

    pub(super) fn decrypt(&mut self) -> Done {
        self.refuse_recipient()?;
        let opening = self.opening("KeyId", "EncryptionAlgorithm", "EncryptionContext")?;
        self.authorize("Decrypt", &opening.key, |keys| about(keys, opening.algorithm, &opening.context))?;
        self.usable(&opening.key, Usage::EncryptDecrypt)?;
        self.check_algorithm(&opening.key, opening.algorithm, &opening.context)?;
        let plaintext = self.open(&opening)?;
        self.dry_run()?;
        Ok(json!({
            "Plaintext": encoded(&plaintext),
            "KeyId": self.state.key_arn(&opening.key),
            "EncryptionAlgorithm": opening.algorithm.name(),
        }))
    }

    pub(super) fn re_encrypt(&mut self) -> Done {
        let opening = self.opening("SourceKeyId", "SourceEncryptionAlgorithm", "SourceEncryptionContext")?;
        let id = self.key_id("DestinationKeyId")?;
        let algorithm = self.algorithm("DestinationEncryptionAlgorithm")?;
        let context = self.encryption_context("DestinationEncryptionContext")?;
        let same = (id == opening.key).to_string();
        self.authorize("ReEncryptFrom", &opening.key, |keys| {
            about(keys, opening.algorithm, &opening.context);
            keys.set("kms:ReEncryptOnSameKey", &same);
        })?;
        self.authorize("ReEncryptTo", &id, |keys| {
            about(keys, algorithm, &context);
            keys.set("kms:ReEncryptOnSameKey", &same);
        })?;
        for (key, algorithm, context) in
            [(&opening.key, opening.algorithm, &opening.context), (&id, algorithm, &context)]
        {
            self.usable(key, Usage::EncryptDecrypt)?;
            self.check_algorithm(key, algorithm, context)?;
        }
        let plaintext = self.open(&opening)?;
        self.dry_run()?;
        let sealed = self.seal(&id, algorithm, &context, &plaintext)?;
        Ok(json!({
            "CiphertextBlob": encoded(&sealed),
            "SourceKeyId": self.state.key_arn(&opening.key),
            "KeyId": self.state.key_arn(&id),
            "SourceEncryptionAlgorithm": opening.algorithm.name(),
            "DestinationEncryptionAlgorithm": algorithm.name(),
        }))
    }

    pub(super) fn generate_data_key(&mut self, with_plaintext: bool) -> Done {
        self.refuse_recipient()?;
        let id = self.key_id("KeyId")?;
        let body = self.call.body;
        let len = match (body.optional("KeySpec")?, body.number("NumberOfBytes", 1, 1024)?) {
            (Some("AES_256"), None) => 32,
            (Some("AES_128"), None) => 16,
            (Some(other), None) => {
                let set = ["AES_256", "AES_128"].into_iter();
                return Err(crate::kms::spec::not_one_of(other, "keySpec", set).into());
            }
            (None, Some(len)) => len as usize,
            (None, None) | (Some(_), Some(_)) => {
                return Err(KmsError::validation("Please specify either number of bytes or key spec.").into());
            }
        };
        let context = self.encryption_context("EncryptionContext")?;
        let algorithm = EncryptionAlgorithm::Symmetric;
        self.authorize(self.call.action, &id, |keys| about(keys, algorithm, &context))?;
        let key = self.usable(&id, Usage::EncryptDecrypt)?;
        if key.spec != Spec::Symmetric {
            let text = format!("{} is not a symmetric encryption key.", self.state.key_arn(&id));
            return Err(KmsError::new(Code::INVALID_KEY_USAGE, text).into());
        }
        self.dry_run()?;
        let mut plaintext = Zeroizing::new(vec![0; len]);
        random::fill(&mut plaintext)?;
        let sealed = self.seal(&id, algorithm, &context, &plaintext)?;
        let mut response = json!({ "CiphertextBlob": encoded(&sealed), "KeyId": self.state.key_arn(&id) });
        if with_plaintext {
            response["Plaintext"] = encoded(&plaintext);
        }
        Ok(response)
    }

    pub(super) fn generate_random(&mut self) -> Done {
        self.refuse_recipient()?;
        if self.call.body.has("CustomKeyStoreId") {
            return Err(
                KmsError::new(Code::UNSUPPORTED, "custom key stores are not supported by this key service").into()
            );
        }
        let len = self.call.body.number("NumberOfBytes", 1, 1024)?;
        let len = len.ok_or_else(|| KmsError::validation("NumberOfBytes is required."))?;
        self.authorize_account("GenerateRandom", "*".into(), |_| {})?;
        let mut bytes = Zeroizing::new(vec![0; len as usize]);
        random::fill(&mut bytes)?;
        Ok(json!({ "Plaintext": encoded(&bytes) }))
    }

    /// The key of a ciphertext: what the blob names, or for RSA what the request names.
    fn opening(&mut self, key: &str, algorithm: &str, context: &str) -> Result<Opening, KmsError> {
        let sealed = self.call.body.bytes("CiphertextBlob", MAX_CIPHERTEXT)?;
        let algorithm = self.algorithm(algorithm)?;
        let context = self.encryption_context(context)?;
        let named = match self.call.body.has(key) {
            true => Some(self.key_id(key)?),
            false => None,
        };
        if algorithm != EncryptionAlgorithm::Symmetric {
            let missing = "a key must be named to decrypt with an asymmetric key";
            let key = named.ok_or_else(|| KmsError::validation(missing))?;
            return Ok(Opening { key, algorithm, sealed, context });
        }
        let own = blob::named(&sealed).map_err(|_| unopened())?.key.to_string();
        if self.state.keys.get(&own).is_none_or(|key| key.is_gone(self.call.now)) {
            return Err(unopened());
        }
        if named.is_some_and(|named| named != own) {
            let text = "The key ID in the request does not identify a CMK that can perform this operation.";
            return Err(KmsError::new(Code::INCORRECT_KEY, text));
        }
        Ok(Opening { key: own, algorithm, sealed, context })
    }

    fn open(&self, opening: &Opening) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let key = self.state.key(&opening.key)?;
        if opening.algorithm != EncryptionAlgorithm::Symmetric {
            return asymmetric::decrypt(&key.current()?.material, opening.algorithm, &opening.sealed);
        }
        let number = blob::named(&opening.sealed).map_err(|_| unopened())?.version;
        let version = key.versions.iter().find(|version| version.number == number).ok_or_else(unopened)?;
        blob::open(&version.material, &opening.sealed, &opening.context).map_err(|_| unopened())
    }

    fn seal(
        &mut self,
        id: &str,
        algorithm: EncryptionAlgorithm,
        context: &BTreeMap<String, String>,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Stop> {
        self.count(id, plaintext.len())?;
        let key = self.state.key(id)?;
        let version = key.current()?;
        if let (true, Some(public)) = (algorithm != EncryptionAlgorithm::Symmetric, &version.public) {
            return Ok(asymmetric::encrypt(key.spec, public, algorithm, plaintext)?);
        }
        let named = blob::Named { key: key.uuid()?, version: version.number };
        Ok(blob::seal(&version.material, named, context, plaintext)?)
    }

    fn algorithm(&self, parameter: &str) -> Result<EncryptionAlgorithm, KmsError> {
        self.call.body.optional(parameter)?.map_or(Ok(EncryptionAlgorithm::Symmetric), EncryptionAlgorithm::parse)
    }

    fn check_algorithm(
        &self,
        id: &str,
        algorithm: EncryptionAlgorithm,
        context: &BTreeMap<String, String>,
    ) -> Result<(), KmsError> {
        let spec = self.state.key(id)?.spec;
        if !spec.encryption().contains(&algorithm) {
            let text = format!("Algorithm {} is incompatible with key spec {}.", algorithm.name(), spec.name());
            return Err(KmsError::new(Code::INVALID_KEY_USAGE, text));
        }
        if spec != Spec::Symmetric && !context.is_empty() {
            return Err(KmsError::validation("an asymmetric key takes no encryption context"));
        }
        Ok(())
    }

    fn refuse_recipient(&self) -> Result<(), KmsError> {
        if self.call.body.has("Recipient") {
            let text = "attested recipients are not supported by this key service";
            return Err(KmsError::new(Code::UNSUPPORTED, text));
        }
        Ok(())
    }
}

fn about(keys: &mut Context, algorithm: EncryptionAlgorithm, context: &BTreeMap<String, String>) {
    keys.set("kms:EncryptionAlgorithm", algorithm.name());
    keys.set_encryption(context);
}

fn unopened() -> KmsError {
    KmsError::new(Code::INVALID_CIPHERTEXT, "")
}
