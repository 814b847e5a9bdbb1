//! local: named keys of the embedded key service, sealed under the root key of the state directory.
