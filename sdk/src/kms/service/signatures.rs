//! Sign, Verify, GetPublicKey, GenerateMac, VerifyMac.

use serde_json::json;
use subtle::ConstantTimeEq;

use super::body::encoded;
use super::{Asked, Done};
use crate::kms::asymmetric;
use crate::kms::authz::Context;
use crate::kms::error::{Code, KmsError};
use crate::kms::mac;
use crate::kms::spec::{MacAlgorithm, MessageType, SigningAlgorithm, Usage};

/// The longest message in bytes; what is longer is signed by its digest.
const MAX_MESSAGE: usize = 4096;
/// The longest signature or tag in bytes.
const MAX_TAG: usize = 6144;

impl Asked<'_> {
    pub(super) fn sign(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let message = self.call.body.bytes("Message", MAX_MESSAGE)?;
        let (algorithm, kind) = self.signing()?;
        self.authorize("Sign", &id, |keys| about(keys, algorithm, kind))?;
        self.check_signing(&id, algorithm)?;
        self.dry_run()?;
        self.count(&id, message.len())?;
        let key = self.state.key(&id)?;
        let signature = asymmetric::sign(key.spec, &key.current()?.material, algorithm, kind, &message)?;
        Ok(json!({
            "KeyId": self.state.key_arn(&id),
            "Signature": encoded(&signature),
            "SigningAlgorithm": algorithm.name(),
        }))
    }

    pub(super) fn verify(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let message = self.call.body.bytes("Message", MAX_MESSAGE)?;
        let signature = self.call.body.bytes("Signature", MAX_TAG)?;
        let (algorithm, kind) = self.signing()?;
        self.authorize("Verify", &id, |keys| about(keys, algorithm, kind))?;
        self.check_signing(&id, algorithm)?;
        let public = self.state.key(&id)?.current()?.public.as_ref().ok_or_else(KmsError::internal)?;
        asymmetric::verify(public, algorithm, kind, &message, &signature)?;
        self.dry_run()?;
        let arn = self.state.key_arn(&id);
        Ok(json!({ "KeyId": arn, "SignatureValid": true, "SigningAlgorithm": algorithm.name() }))
    }

    pub(super) fn get_public_key(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.authorize("GetPublicKey", &id, |_| {})?;
        let key = self.enabled(&id)?;
        let Some(public) = key.current()?.public.as_ref() else {
            return Err(KmsError::new(Code::UNSUPPORTED, "").into());
        };
        let mut response = json!({
            "KeyId": self.state.key_arn(&id),
            "PublicKey": encoded(public),
            "CustomerMasterKeySpec": key.spec.name(),
            "KeySpec": key.spec.name(),
            "KeyUsage": key.usage.name(),
        });
        match key.usage {
            Usage::SignVerify => {
                response["SigningAlgorithms"] = key.spec.signing().iter().map(|one| one.name()).collect();
            }
            Usage::EncryptDecrypt => {
                response["EncryptionAlgorithms"] = key.spec.encryption().iter().map(|one| one.name()).collect();
            }
            Usage::GenerateVerifyMac => {}
        }
        Ok(response)
    }

    pub(super) fn generate_mac(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let message = self.call.body.bytes("Message", MAX_MESSAGE)?;
        let algorithm = MacAlgorithm::parse(self.call.body.text("MacAlgorithm")?)?;
        self.authorize("GenerateMac", &id, |keys| keys.set("kms:MacAlgorithm", algorithm.name()))?;
        self.check_mac(&id, algorithm)?;
        self.dry_run()?;
        self.count(&id, message.len())?;
        let tag = mac::tag(&self.state.key(&id)?.current()?.material, algorithm, &message);
        Ok(json!({ "KeyId": self.state.key_arn(&id), "Mac": encoded(&tag), "MacAlgorithm": algorithm.name() }))
    }

    pub(super) fn verify_mac(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let message = self.call.body.bytes("Message", MAX_MESSAGE)?;
        let given = self.call.body.bytes("Mac", MAX_TAG)?;
        let algorithm = MacAlgorithm::parse(self.call.body.text("MacAlgorithm")?)?;
        self.authorize("VerifyMac", &id, |keys| keys.set("kms:MacAlgorithm", algorithm.name()))?;
        self.check_mac(&id, algorithm)?;
        let tag = mac::tag(&self.state.key(&id)?.current()?.material, algorithm, &message);
        if !bool::from(tag.ct_eq(&given)) {
            return Err(KmsError::new(Code::INVALID_MAC, "").into());
        }
        self.dry_run()?;
        Ok(json!({ "KeyId": self.state.key_arn(&id), "MacValid": true, "MacAlgorithm": algorithm.name() }))
    }

    fn signing(&self) -> Result<(SigningAlgorithm, MessageType), KmsError> {
        let algorithm = SigningAlgorithm::parse(self.call.body.text("SigningAlgorithm")?)?;
        let kind = self.call.body.optional("MessageType")?.map_or(Ok(MessageType::Raw), MessageType::parse)?;
        Ok((algorithm, kind))
    }

    fn check_signing(&self, id: &str, algorithm: SigningAlgorithm) -> Result<(), KmsError> {
        let spec = self.usable(id, Usage::SignVerify)?.spec;
        if spec.signing().contains(&algorithm) {
            return Ok(());
        }
        let text = format!("Algorithm {} is incompatible with key spec {}.", algorithm.name(), spec.name());
        Err(KmsError::new(Code::INVALID_KEY_USAGE, text))
    }

    fn check_mac(&self, id: &str, algorithm: MacAlgorithm) -> Result<(), KmsError> {
        let spec = self.usable(id, Usage::GenerateVerifyMac)?.spec;
        if spec.mac() == Some(algorithm) {
            return Ok(());
        }
        let text = format!("Algorithm {} is incompatible with key spec {}.", algorithm.name(), spec.name());
        Err(KmsError::new(Code::INVALID_KEY_USAGE, text))
    }
}

fn about(keys: &mut Context, algorithm: SigningAlgorithm, kind: MessageType) {
    keys.set("kms:SigningAlgorithm", algorithm.name());
    keys.set("kms:MessageType", kind.name());
}
