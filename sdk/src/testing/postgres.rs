//! A private PostgreSQL cluster: where its binaries come from, how it starts, and what makes sure that it ends.
