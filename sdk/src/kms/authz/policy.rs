//! A policy document, parsed once into checked types.
//!
//! An element that is not of IAM's grammar makes the whole document unusable ([`Malformed`]): what is not understood
//! must not allow anything, and might have been meant to deny.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::condition::Condition;
use super::context::Context;
use super::glob::{fits, fits_action};
use super::principal::{Named, Principal};
use super::variable::expand;

/// The longest document in bytes: *AWS KMS Developer Guide*, resource quotas, "Key policy document size".
pub const MAX_LEN: usize = 32 * 1024;

/// The document is not one of IAM's grammar. The text names an element, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// A key policy or an IAM policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    variables: bool,
    statements: Vec<Statement>,
}

/// Allow or Deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Effect {
    /// Allow
    Allow,
    /// Deny
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    effect: Effect,
    principals: Option<(Scope, Vec<String>)>,
    actions: (Scope, Vec<String>),
    resources: Option<(Scope, Vec<String>)>,
    conditions: Vec<Condition>,
}

/// Whether an element lists what it is about, or what it is not about (NotAction and its like).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    These,
    AllBut,
}

impl Policy {
    /// From a document's text.
    ///
    /// # Errors
    /// [`Malformed`] if it is longer than [`MAX_LEN`] or not of IAM's grammar.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_LEN {
            return Err(Malformed("the policy is longer than 32 KiB".into()));
        }
        let document: Document = serde_json::from_str(text).map_err(|error| malformed(&error))?;
        document.check()
    }

    /// From a document that is JSON already.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn from_value(value: &Value) -> Result<Self, Malformed> {
        Document::deserialize(value).map_err(|error| malformed(&error))?.check()
    }

    /// What a key policy needs beyond the grammar: each statement says whom it is for, with principals that can exist.
    ///
    /// # Errors
    /// [`Malformed`] naming the element.
    pub fn check_key_policy(&self) -> Result<(), Malformed> {
        for statement in &self.statements {
            let Some((scope, elements)) = &statement.principals else {
                return Err(Malformed("a statement of a key policy needs a Principal".into()));
            };
            if *scope == Scope::AllBut && statement.effect == Effect::Allow {
                return Err(Malformed("NotPrincipal with Allow would allow everybody it does not know".into()));
            }
            let known = |element: &String| {
                element == "*" || super::principal::is_account(element) || Principal::parse(element).is_ok()
            };
            if !elements.iter().all(known) {
                return Err(Malformed("Principal names what is no account, user, role or session".into()));
            }
            if statement.resources.is_none() {
                return Err(Malformed("a statement without a Resource is about no key".into()));
            }
        }
        Ok(())
    }

    /// Statements of this effect that are about the action, the resource and the request, with how they name the
    /// caller.
    pub(super) fn matching<'a>(
        &'a self,
        effect: Effect,
        caller: &'a Principal,
        action: &'a str,
        resource: &'a str,
        context: &'a Context,
    ) -> impl Iterator<Item = Named> + 'a {
        let about = move |statement: &&Statement| {
            statement.effect == effect
                && statement.is_about(action, resource, self.variables, context)
                && statement.conditions.iter().all(|condition| condition.holds(self.variables, context))
        };
        self.statements.iter().filter(about).map(|statement| statement.names(caller))
    }

    /// Whether any statement denies, or none does and one allows; an identity's own policy names nobody.
    pub(super) fn identity(&self, effect: Effect, action: &str, resource: &str, context: &Context) -> bool {
        self.statements.iter().any(|statement| {
            statement.effect == effect
                && statement.principals.is_none()
                && statement.is_about(action, resource, self.variables, context)
                && statement.conditions.iter().all(|condition| condition.holds(self.variables, context))
        })
    }
}

impl Statement {
    fn is_about(&self, action: &str, resource: &str, variables: bool, context: &Context) -> bool {
        let (scope, patterns) = &self.actions;
        if patterns.iter().any(|pattern| fits_action(pattern, action)) != (*scope == Scope::These) {
            return false;
        }
        // KMS: a statement without a Resource applies to no key.
        let Some((scope, patterns)) = &self.resources else { return false };
        let fitting = patterns
            .iter()
            .any(|pattern| expand(pattern, variables, context).is_some_and(|pattern| fits(&pattern, resource)));
        fitting == (*scope == Scope::These)
    }

    fn names(&self, caller: &Principal) -> Named {
        let Some((scope, elements)) = &self.principals else { return Named::No };
        let how = |element: &String| caller.named_by(element);
        let named = elements.iter().map(how).max().unwrap_or(Named::No);
        match (scope, self.effect) {
            (Scope::These, _) => named,
            // Left out is only who is listed whole: IAM asks for the account beside the identity in it.
            (Scope::AllBut, Effect::Deny) => {
                let whole = named == Named::Caller
                    && (caller.is_root() || elements.iter().any(|e| e == "*" || how(e) == Named::Account));
                if whole { Named::No } else { Named::Caller }
            }
            (Scope::AllBut, Effect::Allow) => {
                if named == Named::No {
                    Named::Caller
                } else {
                    Named::No
                }
            }
        }
    }
}

fn malformed(error: &serde_json::Error) -> Malformed {
    // serde's own text may quote the document.
    Malformed(
        match error.classify() {
            serde_json::error::Category::Data => "the policy has an element that is unknown, twice or of a wrong type",
            _ => "the policy is not JSON",
        }
        .into(),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "Version")]
    version: Option<String>,
    #[serde(rename = "Id")]
    #[expect(dead_code, reason = "known, and of no effect")]
    id: Option<de::IgnoredAny>,
    #[serde(rename = "Statement")]
    statement: OneOrMany<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Written {
    #[expect(dead_code, reason = "known, and of no effect")]
    sid: Option<de::IgnoredAny>,
    effect: Effect,
    principal: Option<Principals>,
    not_principal: Option<Principals>,
    action: Option<OneOrMany<String>>,
    not_action: Option<OneOrMany<String>>,
    resource: Option<OneOrMany<String>>,
    not_resource: Option<OneOrMany<String>>,
    #[serde(default)]
    condition: Pairs<Pairs<OneOrMany<Scalar>>>,
}

impl Document {
    fn check(self) -> Result<Policy, Malformed> {
        let variables = match self.version.as_deref() {
            Some("2012-10-17") => true,
            Some("2008-10-17") | None => false,
            Some(_) => return Err(Malformed("Version is 2012-10-17 or 2008-10-17".into())),
        };
        let statements = self.statement.0.into_iter().map(Written::check).collect::<Result<_, _>>()?;
        Ok(Policy { variables, statements })
    }
}

impl Written {
    fn check(self) -> Result<Statement, Malformed> {
        let principals = match either(self.principal.map(|p| p.0), self.not_principal.map(|p| p.0)) {
            Either::One(found) => Some(found),
            Either::None => None,
            Either::Both => return Err(Malformed("Principal and NotPrincipal exclude each other".into())),
        };
        let actions = match either(self.action.map(|list| list.0), self.not_action.map(|list| list.0)) {
            Either::One((scope, patterns)) if patterns.iter().all(|p| p == "*" || p.contains(':')) => (scope, patterns),
            Either::One(_) => return Err(Malformed("an action is written SERVICE:NAME".into())),
            Either::None => return Err(Malformed("a statement needs an Action or a NotAction".into())),
            Either::Both => return Err(Malformed("Action and NotAction exclude each other".into())),
        };
        let resources = match either(self.resource.map(|list| list.0), self.not_resource.map(|list| list.0)) {
            Either::One(found) => Some(found),
            Either::None => None,
            Either::Both => return Err(Malformed("Resource and NotResource exclude each other".into())),
        };
        let mut conditions = Vec::new();
        for (operator, block) in self.condition.0 {
            for (key, values) in block.0 {
                let values = values.0.into_iter().map(|scalar| scalar.0).collect();
                let parsed = Condition::parse(&operator, &key, values);
                conditions.push(parsed.ok_or_else(|| Malformed("a Condition is not of IAM's grammar".into()))?);
            }
        }
        Ok(Statement { effect: self.effect, principals, actions, resources, conditions })
    }
}

enum Either {
    One((Scope, Vec<String>)),
    None,
    Both,
}

fn either(these: Option<Vec<String>>, but: Option<Vec<String>>) -> Either {
    match (these, but) {
        (Some(list), None) => Either::One((Scope::These, list)),
        (None, Some(list)) => Either::One((Scope::AllBut, list)),
        (None, None) => Either::None,
        (Some(_), Some(_)) => Either::Both,
    }
}

struct OneOrMany<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Seen<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one element or a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = seq.next_element()? {
                    list.push(element);
                }
                Ok(OneOrMany(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
                T::deserialize(de::value::BoolDeserializer::new(value)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                T::deserialize(de::value::U64Deserializer::new(value)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                T::deserialize(de::value::I64Deserializer::new(value)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
                T::deserialize(de::value::F64Deserializer::new(value)).map(|one| OneOrMany(vec![one]))
            }
        }
        deserializer.deserialize_any(Seen(std::marker::PhantomData))
    }
}

/// A value of a condition: IAM reads `true` and `30` as their texts.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Bool(value) => Ok(Self(value.to_string())),
            Value::Number(value) => Ok(Self(value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(de::Error::custom("not a scalar")),
        }
    }
}

/// An object in its own order, in which no name stands twice: of two, which one counts would be a guess.
struct Pairs<T>(Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Seen<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs: Vec<(String, T)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, T>()? {
                    if pairs.iter().any(|(other, _)| *other == name) {
                        return Err(de::Error::custom("a name stands twice"));
                    }
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Seen(std::marker::PhantomData))
    }
}

/// `"*"`, or an object of kinds of principals. Services, federations and canonical users are nobody who can call here.
struct Principals(Vec<String>);

impl<'de> Deserialize<'de> for Principals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Principals;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"*\" or an object")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                if text == "*" { Ok(Principals(vec![text.into()])) } else { Err(E::custom("a bare principal")) }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let kinds = Pairs::<OneOrMany<String>>::deserialize(de::value::MapAccessDeserializer::new(map))?.0;
                let mut named = Vec::new();
                for (kind, elements) in kinds {
                    match kind.as_str() {
                        "AWS" => named.extend(elements.0),
                        "Service" | "Federated" | "CanonicalUser" => {}
                        _ => return Err(de::Error::custom("an unknown kind of principal")),
                    }
                }
                Ok(Principals(named))
            }
        }
        deserializer.deserialize_any(Seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_the_grammar_is_refused_whole() {
        let ok = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}"#;
        assert!(Policy::parse(ok).unwrap().check_key_policy().is_ok());
        for (from, to) in [
            ("Allow", "allow"),
            ("2012-10-17", "2013-10-17"),
            (r#""Action":"kms:*""#, r#""Action":"kms""#),
            (r#""Action":"kms:*","#, ""),
            (r#""Action":"kms:*""#, r#""Action":"kms:*","NotAction":"kms:x""#),
            (r#""Action":"kms:*""#, r#""Action":"kms:*","Action":"kms:x""#),
            (r#""Resource":"*""#, r#""Resource":"*","Conditions":{}"#),
            (r#""Resource":"*""#, r#""Resource":"*","Condition":{"StringIs":{"aws:x":"a"}}"#),
            (r#""Resource":"*""#, r#""Resource":"*","Condition":{"StringEquals":{"a":"a","a":"b"}}"#),
            (r#""Resource":"*""#, r#""Resource":"*","Condition":{"StringEquals":{"a":{"b":"c"}}}"#),
            (r#""Principal":"*""#, r#""Principal":"111122223333""#),
            (r#""Principal":"*""#, r#""Principal":{"Aws":"*"}"#),
        ] {
            let text = ok.replace(from, to);
            assert_ne!(text, ok);
            assert!(Policy::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_policy_names_principals_that_can_exist() {
        let with = |principal: &str| {
            Policy::parse(&format!(
                r#"{{"Statement":[{{"Effect":"Allow",{principal}"Action":"kms:*","Resource":"*"}}]}}"#
            ))
            .unwrap()
            .check_key_policy()
        };
        assert!(with(r#""Principal":{"AWS":["111122223333","arn:aws:iam::111122223333:role/a"]},"#).is_ok());
        assert!(with("").is_err());
        assert!(with(r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/a*"},"#).is_err());
        assert!(with(r#""NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/a"},"#).is_err());
    }

    #[test]
    fn numbers_and_booleans_in_conditions_are_texts() {
        let text = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":
            {"NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":30},"Bool":{"aws:SecureTransport":[false]}}}]}"#;
        assert!(Policy::parse(text).is_ok());
    }
}
