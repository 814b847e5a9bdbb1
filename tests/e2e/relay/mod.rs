//! Nothing protected: the proxy must be indistinguishable from the server (wire.md, the checklist).

mod bytes;
mod clients;
mod ends;
mod start;
mod vanished;
