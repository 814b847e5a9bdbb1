//! CancelRequest: passed on to the server, then closed.
