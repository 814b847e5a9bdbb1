//! What the service answers when it does not do what was asked: AWS KMS's codes.

/// A code, with the HTTP status that AWS sends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(&'static str, u16);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $status:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Code = Code($code, $status);)*
        }
    };
}

codes! {
    /// No policy and no grant allows it, or one denies it.
    ACCESS_DENIED = "AccessDeniedException" 400;
    /// There is an alias of this name.
    ALREADY_EXISTS = "AlreadyExistsException" 400;
    /// The key is disabled.
    DISABLED = "DisabledException" 400;
    /// It would have been done, but DryRun says not to.
    DRY_RUN = "DryRunOperationException" 400;
    /// The grant token is none of ours.
    INVALID_GRANT_TOKEN = "InvalidGrantTokenException" 400;
    /// The ciphertext is of another key.
    INCORRECT_KEY = "IncorrectKeyException" 400;
    /// An alias is not of the form alias/NAME.
    INVALID_ALIAS_NAME = "InvalidAliasNameException" 400;
    /// An ARN is none, or of something else.
    INVALID_ARN = "InvalidArnException" 400;
    /// The ciphertext was changed, or its context is another.
    INVALID_CIPHERTEXT = "InvalidCiphertextException" 400;
    /// The key is for something else.
    INVALID_KEY_USAGE = "InvalidKeyUsageException" 400;
    /// A marker is none of ours.
    INVALID_MARKER = "InvalidMarkerException" 400;
    /// Something failed here.
    INTERNAL = "KMSInternalException" 500;
    /// The tag of a message does not hold.
    INVALID_MAC = "KMSInvalidMacException" 400;
    /// The signature does not hold.
    INVALID_SIGNATURE = "KMSInvalidSignatureException" 400;
    /// The key's state does not allow it.
    INVALID_STATE = "KMSInvalidStateException" 400;
    /// A quota.
    LIMIT_EXCEEDED = "LimitExceededException" 400;
    /// The policy is not of the grammar, or would lock its author out.
    MALFORMED_POLICY = "MalformedPolicyDocumentException" 400;
    /// There is no such key, alias or grant.
    NOT_FOUND = "NotFoundException" 400;
    /// Tags.
    TAG = "TagException" 400;
    /// Known, and not done here.
    UNSUPPORTED = "UnsupportedOperationException" 400;
    /// A parameter is missing, or not what it may be.
    VALIDATION = "ValidationException" 400;
    /// No such operation.
    UNKNOWN_OPERATION = "UnknownOperationException" 400;
    /// The body is not JSON.
    SERIALIZATION = "SerializationException" 400;
    /// The signature of the request does not hold.
    BAD_SIGNATURE = "InvalidSignatureException" 400;
    /// The access key is unknown, or the token is.
    UNRECOGNIZED_CLIENT = "UnrecognizedClientException" 400;
    /// The request is not signed.
    MISSING_TOKEN = "MissingAuthenticationTokenException" 400;
    /// The Authorization header is not of the form of Signature Version 4.
    INCOMPLETE_SIGNATURE = "IncompleteSignatureException" 400;
}

impl Code {
    /// For example `NotFoundException`.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.1
    }
}

/// A refusal: AWS's code, and a text for the caller that holds names and never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct KmsError {
    /// AWS's code.
    pub code: Code,
    /// The text; empty where AWS says nothing more on purpose.
    pub message: String,
}

impl KmsError {
    /// With this text.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A parameter is not what it may be.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(Code::VALIDATION, message)
    }

    /// Something failed here; the reason is for the log, not for the caller.
    pub fn internal() -> Self {
        Self::new(Code::INTERNAL, "the key service failed; its log says why")
    }
}

impl From<crate::crypto::random::NoRandomness> for KmsError {
    fn from(_: crate::crypto::random::NoRandomness) -> Self {
        Self::internal()
    }
}
