//! The proxy as an endpoint: how sessions begin and end, and what is not protected: there it must be indistinguishable
//! from the server (wire.md, the checklist).

mod awaiting;
mod bytes;
mod clients;
mod descriptors;
mod ends;
mod held;
mod log;
mod start;
mod vanished;
