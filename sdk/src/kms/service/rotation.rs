//! New material under the same key: by its period, and on demand. Old versions open for ever.

use serde_json::json;

use super::keys::new_version;
use super::{Asked, Done};
use crate::kms::error::{Code, KmsError};
use crate::kms::key::{DAY, Key, Origin, Rotation, Seconds, State as KeyState};
use crate::kms::spec::Spec;
use crate::kms::state::State;

/// Rotations on demand of one key: AWS's quota.
const MAX_ON_DEMAND: u32 = 25;

impl Asked<'_> {
    pub(super) fn enable_key_rotation(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let days = self.call.body.number("RotationPeriodInDays", 90, 2560)?.unwrap_or(365);
        self.authorize("EnableKeyRotation", &id, |keys| keys.set("kms:RotationPeriodInDays", days.to_string()))?;
        self.enabled(&id)?;
        self.symmetric(&id)?;
        let next = self.call.now + days * DAY;
        self.state.key_mut(&id)?.rotation = Some(Rotation { days: days as u32, next });
        Ok(json!({}))
    }

    pub(super) fn disable_key_rotation(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.authorize("DisableKeyRotation", &id, |_| {})?;
        self.enabled(&id)?;
        self.symmetric(&id)?;
        self.state.key_mut(&id)?.rotation = None;
        Ok(json!({}))
    }

    pub(super) fn get_key_rotation_status(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.authorize("GetKeyRotationStatus", &id, |_| {})?;
        self.symmetric(&id)?;
        let key = self.state.key(&id)?;
        let mut response = json!({
            "KeyId": self.state.key_arn(&id),
            "KeyRotationEnabled": key.rotation.is_some() && key.state() == KeyState::Enabled,
        });
        if let Some(Rotation { days, next }) = key.rotation {
            response["RotationPeriodInDays"] = days.into();
            response["NextRotationDate"] = next.into();
        }
        Ok(response)
    }

    pub(super) fn rotate_key_on_demand(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.authorize("RotateKeyOnDemand", &id, |_| {})?;
        self.enabled(&id)?;
        self.symmetric(&id)?;
        let (now, arn) = (self.call.now, self.state.key_arn(&id));
        let key = self.state.key_mut(&id)?;
        if key.on_demand >= MAX_ON_DEMAND {
            let text = format!(
                "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be \
                 performed for this key: {arn}"
            );
            return Err(KmsError::new(Code::LIMIT_EXCEEDED, text).into());
        }
        rotate(key, now, Origin::OnDemand)?;
        key.on_demand += 1;
        Ok(json!({ "KeyId": arn }))
    }

    pub(super) fn list_key_rotations(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.authorize("ListKeyRotations", &id, |_| {})?;
        self.symmetric(&id)?;
        let entries = self.state.key(&id)?.versions.iter().filter_map(|version| {
            let kind = match version.origin {
                Origin::Created => return None,
                Origin::Automatic => "AUTOMATIC",
                Origin::OnDemand => "ON_DEMAND",
            };
            let entry = json!({ "KeyId": id, "RotationDate": version.created, "RotationType": kind });
            Some((version.number.to_string(), entry))
        });
        self.page(entries.collect(), "Rotations", 100, 1000)
    }

    fn symmetric(&self, id: &str) -> Result<(), KmsError> {
        if self.state.key(id)?.spec == Spec::Symmetric { Ok(()) } else { Err(KmsError::new(Code::UNSUPPORTED, "")) }
    }
}

fn rotate(key: &mut Key, now: Seconds, origin: Origin) -> Result<(), KmsError> {
    let number = key.current()?.number + 1;
    key.versions.push(new_version(key.spec, number, now, origin)?);
    if let Some(rotation) = &mut key.rotation {
        rotation.next = now + Seconds::from(rotation.days) * DAY;
    }
    Ok(())
}

/// Rotates what is due. A key for which there is no randomness now stays due.
pub(super) fn rotate_due(state: &mut State, now: Seconds) {
    for key in state.keys.values_mut() {
        if key.state() == KeyState::Enabled && key.rotation.is_some_and(|rotation| rotation.next <= now) {
            let _ = rotate(key, now, Origin::Automatic);
        }
    }
}
