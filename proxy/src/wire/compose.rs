//! Messages that the proxy makes itself, encoded with pgwire's message types.
