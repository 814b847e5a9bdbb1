//! The listening socket, one current-thread runtime per core over it, and the drain on SIGTERM.
