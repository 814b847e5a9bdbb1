//! Parameters of a request, by name and kind; what is of another kind is AWS's ValidationException.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use crate::kms::error::{Code, KmsError};

/// The longest encryption context: AWS documents 8,192 bytes for the whole.
const MAX_CONTEXT: usize = 8192;

/// The parameters. Texts in it may be plaintext: they are overwritten with it.
pub struct Body(Map<String, Value>);

impl Drop for Body {
    fn drop(&mut self) {
        self.0.values_mut().for_each(|value| {
            if let Value::String(text) = value {
                text.zeroize();
            }
        });
    }
}

impl Body {
    /// From JSON text; an empty one has no parameters.
    ///
    /// # Errors
    /// SerializationException.
    pub fn parse(text: &[u8]) -> Result<Self, KmsError> {
        if text.is_empty() {
            return Ok(Self(Map::new()));
        }
        let map = serde_json::from_slice(text).map_err(|_| KmsError::new(Code::SERIALIZATION, ""))?;
        Ok(Self(map))
    }

    /// From parameters.
    pub fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// A text that must be there.
    pub fn text(&self, name: &str) -> Result<&str, KmsError> {
        self.optional(name)?.ok_or_else(|| missing(name))
    }

    /// A text, 1 to 2,048 characters.
    pub fn optional(&self, name: &str) -> Result<Option<&str>, KmsError> {
        let text = self.long(name)?;
        match text.map(|text| text.chars().count()) {
            Some(0) => Err(length(name, "greater than or equal to 1")),
            Some(2049..) => Err(length(name, "less than or equal to 2048")),
            Some(_) | None => Ok(text),
        }
    }

    /// A text of any length.
    pub fn long(&self, name: &str) -> Result<Option<&str>, KmsError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(kind(name)),
        }
    }

    /// False if it is not there.
    pub fn flag(&self, name: &str) -> Result<bool, KmsError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(kind(name)),
        }
    }

    /// A number between two others.
    pub fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, KmsError> {
        let number = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value.as_i64().ok_or_else(|| kind(name))?,
        };
        let (bound, word) = if number < least {
            (least, "greater")
        } else if number > most {
            (most, "less")
        } else {
            return Ok(Some(number));
        };
        Err(KmsError::validation(format!(
            "1 validation error detected: Value '{number}' at '{}' failed to satisfy constraint: Member must have value \
             {word} than or equal to {bound}",
            lower_camel(name)
        )))
    }

    /// Bytes (base64) that must be there, 1 to `most`.
    pub fn bytes(&self, name: &str, most: usize) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let text = self.long(name)?.ok_or_else(|| missing(name))?;
        if text.len() / 4 * 3 > most + 3 {
            return Err(length(name, &format!("less than or equal to {most}")));
        }
        let bytes = STANDARD.decode(text).map(Zeroizing::new).map_err(|_| KmsError::new(Code::SERIALIZATION, ""))?;
        match bytes.len() {
            0 => Err(length(name, "greater than or equal to 1")),
            len if len > most => Err(length(name, &format!("less than or equal to {most}"))),
            _ => Ok(bytes),
        }
    }

    /// An encryption context.
    pub fn context(&self, name: &str) -> Result<BTreeMap<String, String>, KmsError> {
        let pairs = self.texts_by_name(name)?.unwrap_or_default();
        let len: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if len > MAX_CONTEXT {
            return Err(length(name, &format!("less than or equal to {MAX_CONTEXT}")));
        }
        Ok(pairs)
    }

    /// Texts by name.
    pub fn texts_by_name(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, KmsError> {
        let object = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(object)) => object,
            Some(_) => return Err(kind(name)),
        };
        let pairs = object.iter().map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        pairs.collect::<Option<_>>().map(Some).ok_or_else(|| kind(name))
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, KmsError> {
        let Some(list) = self.list(name)? else { return Ok(None) };
        let texts = list.iter().map(|value| value.as_str().map(str::to_owned));
        texts.collect::<Option<_>>().map(Some).ok_or_else(|| kind(name))
    }

    /// A list.
    pub fn list(&self, name: &str) -> Result<Option<&[Value]>, KmsError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(kind(name)),
        }
    }

    /// An object, as a body of its own.
    pub fn object(&self, name: &str) -> Result<Option<Self>, KmsError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Self(object.clone()))),
            Some(_) => Err(kind(name)),
        }
    }

    /// Whether the parameter is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }
}

/// Base64 as the protocol has it.
pub(super) fn encoded(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

fn missing(name: &str) -> KmsError {
    KmsError::validation(format!(
        "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
        lower_camel(name)
    ))
}

fn length(name: &str, bound: &str) -> KmsError {
    KmsError::validation(format!(
        "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must have length {bound}",
        lower_camel(name)
    ))
}

fn kind(name: &str) -> KmsError {
    KmsError::new(Code::SERIALIZATION, format!("{name} is of another type"))
}

/// Names in AWS's texts begin with a small letter.
fn lower_camel(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
