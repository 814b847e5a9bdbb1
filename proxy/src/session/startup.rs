//! Start-up: SSLRequest, GSSENCRequest, CancelRequest, the start-up message, authentication relayed.
