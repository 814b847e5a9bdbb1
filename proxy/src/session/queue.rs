//! The queue of expected responses: one entry for each thing that the server will answer.
