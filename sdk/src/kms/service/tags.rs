//! TagResource, UntagResource, ListResourceTags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Asked, Done};
use crate::kms::error::{Code, KmsError};

/// Tags of one key: AWS's quota.
const MAX_TAGS: usize = 50;

impl Asked<'_> {
    pub(super) fn tag_resource(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let tags = parse(self.call.body.list("Tags")?.unwrap_or_default())?;
        self.authorize("TagResource", &id, |keys| {
            keys.set_tags("aws:RequestTag", tags.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            keys.set_many("aws:TagKeys", tags.keys().cloned());
        })?;
        self.not_ending(&id)?;
        let mut all = self.state.key(&id)?.tags.clone();
        all.extend(tags);
        if all.len() > MAX_TAGS {
            return Err(KmsError::new(Code::TAG, "Too many tags").into());
        }
        self.state.key_mut(&id)?.tags = all;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let names = self.call.body.texts("TagKeys")?.unwrap_or_default();
        self.authorize("UntagResource", &id, |keys| keys.set_many("aws:TagKeys", names.iter().cloned()))?;
        self.not_ending(&id)?;
        self.state.key_mut(&id)?.tags.retain(|name, _| !names.contains(name));
        Ok(json!({}))
    }

    pub(super) fn list_resource_tags(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.authorize("ListResourceTags", &id, |_| {})?;
        let tags = &self.state.key(&id)?.tags;
        let entries = tags.iter().map(|(name, value)| (name.clone(), json!({ "TagKey": name, "TagValue": value })));
        self.page(entries.collect(), "Tags", 50, 50)
    }
}

/// A list of TagKey and TagValue.
pub(super) fn parse(list: &[Value]) -> Result<BTreeMap<String, String>, KmsError> {
    let tag = |text: &str| KmsError::new(Code::TAG, text);
    if list.len() > MAX_TAGS {
        return Err(tag("Too many tags"));
    }
    let mut tags = BTreeMap::new();
    for (place, entry) in (1..).zip(list) {
        let part = |name: &str| entry.get(name).and_then(Value::as_str);
        let (Some(name), Some(value)) = (part("TagKey"), part("TagValue")) else {
            return Err(KmsError::validation("a tag is a TagKey and a TagValue"));
        };
        for (text, member, least, most) in [(name, "tagKey", 1, 128), (value, "tagValue", 0, 256)] {
            let len = text.chars().count();
            if len < least || len > most {
                let bound = if len < least {
                    format!("greater than or equal to {least}")
                } else {
                    format!("less than or equal to {most}")
                };
                return Err(KmsError::validation(format!(
                    "1 validation error detected: Value at 'tags.{place}.member.{member}' failed to satisfy constraint: \
                     Member must have length {bound}"
                )));
            }
        }
        if name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(tag("Tags beginning with aws: are reserved"));
        }
        if tags.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(tag("Duplicate tag keys"));
        }
    }
    Ok(tags)
}
