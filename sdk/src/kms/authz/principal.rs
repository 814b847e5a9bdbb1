//! Who calls, and whom a policy or a grant names.

use std::fmt;

/// The text is no ARN of a principal that can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no ARN of an account, a user, a role or a session of one")]
pub struct NoPrincipal;

/// An identity that can call: the root of an account, a user, a role, or a session of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    arn: String,
    partition: String,
    account: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Root,
    User {
        name: String,
    },
    Role,
    /// A session of a role; `sts` does not say the path of the role, whose name is unique in its account.
    Session {
        role: String,
    },
    FederatedUser,
}

/// How an element of a policy names a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// Not at all.
    No,
    /// By its account: the account's own (IAM) policies decide.
    Account,
    /// By itself, or everybody is named.
    Caller,
}

impl Principal {
    /// From an ARN, for example `arn:aws:iam::111122223333:user/alice`.
    ///
    /// # Errors
    /// [`NoPrincipal`] for anything else.
    pub fn parse(arn: &str) -> Result<Self, NoPrincipal> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next().ok_or(NoPrincipal);
        let (prefix, partition, service, region) = (next()?, next()?, next()?, next()?);
        let (account, resource) = (next()?, next()?);
        if prefix != "arn" || !partition.starts_with("aws") || !region.is_empty() || !is_account(account) {
            return Err(NoPrincipal);
        }
        if resource.contains(['*', '?']) || resource.contains(char::is_whitespace) {
            return Err(NoPrincipal);
        }
        let kind = match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => Kind::Root,
            ("iam", Some(("user", path))) => Kind::User { name: last(path)?.to_owned() },
            ("iam", Some(("role", path))) => last(path).map(|_| Kind::Role)?,
            ("sts", Some(("federated-user", name))) => last(name).map(|_| Kind::FederatedUser)?,
            ("sts", Some(("assumed-role", rest))) => match rest.split_once('/') {
                Some((role, session)) if !role.is_empty() && !session.is_empty() => {
                    Kind::Session { role: role.to_owned() }
                }
                Some(_) | None => return Err(NoPrincipal),
            },
            _ => return Err(NoPrincipal),
        };
        Ok(Self { arn: arn.to_owned(), partition: partition.to_owned(), account: account.to_owned(), kind })
    }

    /// The root of an account.
    ///
    /// # Errors
    /// [`NoPrincipal`] if that is not twelve digits.
    pub fn root(account: &str) -> Result<Self, NoPrincipal> {
        Self::parse(&format!("arn:aws:iam::{account}:root"))
    }

    /// As it was written.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Twelve digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Whether this is the root of its account.
    pub fn is_root(&self) -> bool {
        self.kind == Kind::Root
    }

    /// What `aws:PrincipalArn` says: of a session, its role.
    pub fn principal_arn(&self) -> String {
        match &self.kind {
            Kind::Session { role } => format!("arn:{}:iam::{}:role/{role}", self.partition, self.account),
            Kind::Root | Kind::User { .. } | Kind::Role | Kind::FederatedUser => self.arn.clone(),
        }
    }

    /// What `aws:PrincipalType` says.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Root => "Account",
            Kind::User { .. } => "User",
            Kind::Role | Kind::Session { .. } => "AssumedRole",
            Kind::FederatedUser => "FederatedUser",
        }
    }

    /// What `aws:username` says.
    pub fn user_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::User { name } => Some(name),
            Kind::Root | Kind::Role | Kind::Session { .. } | Kind::FederatedUser => None,
        }
    }

    /// How this element of a policy names the caller. An ARN with a wildcard in it names nobody.
    pub fn named_by(&self, element: &str) -> Named {
        if element == "*" || element == self.arn || self.role_is(element) {
            Named::Caller
        } else if self.account_is(element) {
            Named::Account
        } else {
            Named::No
        }
    }

    /// Whether the element is the ARN of the role that the caller is a session of, whatever the role's path.
    pub fn role_is(&self, element: &str) -> bool {
        let Kind::Session { role } = &self.kind else { return false };
        let path = element
            .strip_prefix("arn:")
            .and_then(|rest| rest.strip_prefix(self.partition.as_str()))
            .and_then(|rest| rest.strip_prefix(":iam::"))
            .and_then(|rest| rest.strip_prefix(self.account.as_str()))
            .and_then(|rest| rest.strip_prefix(":role/"));
        path.and_then(|path| last(path).ok()).is_some_and(|name| name == role)
    }

    /// Whether the element is the caller's account: its number, or the ARN of its root.
    pub fn account_is(&self, element: &str) -> bool {
        if element == self.account {
            return true;
        }
        Self::parse(element).is_ok_and(|other| other.is_root() && other.account == self.account)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

/// Whether this is the number of an account.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}

fn last(path: &str) -> Result<&str, NoPrincipal> {
    path.rsplit('/').next().filter(|name| !name.is_empty()).ok_or(NoPrincipal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_its_role_whatever_the_path() {
        let session = Principal::parse("arn:aws:sts::111122223333:assumed-role/app/s1").unwrap();
        assert_eq!(session.principal_arn(), "arn:aws:iam::111122223333:role/app");
        assert_eq!(session.named_by("arn:aws:iam::111122223333:role/team/app"), Named::Caller);
        assert_eq!(session.named_by("arn:aws:sts::111122223333:assumed-role/app/s1"), Named::Caller);
        for other in [
            "arn:aws:iam::111122223333:role/app2",
            "arn:aws:iam::444455556666:role/app",
            "arn:aws:sts::111122223333:assumed-role/app/s2",
            "arn:aws:iam::111122223333:role/a*",
            "arn:aws:iam::444455556666:root",
        ] {
            assert_eq!(session.named_by(other), Named::No, "{other}");
        }
        assert_eq!(session.named_by("111122223333"), Named::Account);
        assert_eq!(session.named_by("arn:aws:iam::111122223333:root"), Named::Account);
    }

    #[test]
    fn what_is_no_principal_is_refused() {
        for text in [
            "",
            "*",
            "arn:aws:iam::1111:root",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:iam::111122223333:user/a*",
            "arn:aws:iam:eu-west-1:111122223333:user/a",
            "arn:aws:sts::111122223333:assumed-role/app",
            "arn:aws:kms::111122223333:key/x",
        ] {
            assert_eq!(Principal::parse(text), Err(NoPrincipal), "{text}");
        }
    }
}
