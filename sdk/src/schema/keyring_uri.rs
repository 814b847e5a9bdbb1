//! The URIs that name a wrapping key: raw:file=…, raw:env=…, local:NAME; aws-kms: and pkcs11: are known.
