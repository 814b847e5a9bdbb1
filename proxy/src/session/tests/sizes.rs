//! What a session takes while it waits.

use super::super::*;

/// Of what runs a session of these arguments.
fn size<A, B, C, F: Future>(_: fn(A, B, C) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn a_session_that_waits_takes_less_than_four_kilobytes() {
    // Buffers are the thread's, and what only begins and ends a session is on the heap then.
    assert!(size(run) < 4096, "{} bytes", size(run));
}

#[test]
fn a_pipeline_of_thousands_of_messages_is_short() {
    // `queue::LIMIT` of them at most.
    assert!(size_of::<queue::Entry<state::Expected>>() <= 64);
}
