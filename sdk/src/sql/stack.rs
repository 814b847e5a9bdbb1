//! How deep the walks of a statement may go (SQL-3): as deep as their stack allows, which is measured, not guessed.
//!
//! A tree is as deep as its statement nests and chains, and a stack that overflows is the end of every session of the
//! process. A worker thread of an application has 2 MiB. So a statement that nests little is planned where it comes, and
//! one that nests more on a stack of its own; beyond that it is refused as PostgreSQL refuses what exceeds its
//! `max_stack_depth`.

use std::hint::black_box;
use std::thread;

use super::Refusal;
use crate::error::SqlState;

/// What walks may use of the caller's stack.
const SHARED: usize = 768 << 10;

/// A stack of its own. A page that is never touched takes no memory.
const OWN: usize = 64 << 20;

/// Of that, what walks leave to whatever they call between two looks.
const RESERVE: usize = 1 << 20;

/// The stack on which a statement is planned. Stacks grow downwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stack {
    end: usize,
}

impl Stack {
    /// So many bytes from here on.
    fn of(bytes: usize) -> Self {
        Self { end: address().saturating_sub(bytes) }
    }

    /// Whoever recurses along a tree asks at every level.
    ///
    /// # Errors
    /// 54001 if it must not go deeper.
    pub(super) fn deeper(self) -> Result<(), Refusal> {
        if address() > self.end { Ok(()) } else { Err(too_deep()) }
    }
}

/// Runs `work`, and drops what it makes of the statement, where there is stack enough: on the caller's if `shallow`,
/// unless that proves too small.
///
/// # Errors
/// Those of `work`; 54001 if there can be no thread.
pub(super) fn run<T: Send>(shallow: bool, work: impl Fn(Stack) -> Result<T, Refusal> + Sync) -> Result<T, Refusal> {
    if shallow {
        match work(Stack::of(SHARED)) {
            Err(refusal) if refusal.sqlstate == SqlState::STATEMENT_TOO_COMPLEX => {}
            done => return done,
        }
    }
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("plan".to_owned()).stack_size(OWN);
        let planner = builder.spawn_scoped(scope, || work(Stack::of(OWN - RESERVE))).map_err(|_| too_deep())?;
        planner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The refusal of a statement that would need more stack than there is.
pub(super) fn too_deep() -> Refusal {
    Refusal::error(SqlState::STATEMENT_TOO_COMPLEX, "the statement nests too deeply")
        .hint("Split the statement; a long list of values can be one array parameter, column = ANY ($1).")
}

/// Of a local variable.
#[inline(never)]
fn address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(black_box(&here)).addr()
}
