//! Nothing protected: the proxy must be indistinguishable from the server (wire.md, the checklist).

mod awaiting;
mod bytes;
mod clients;
mod descriptors;
mod ends;
mod start;
mod vanished;
