//! How much of a statement is looked at. Tests count it: planning must not grow faster than what is planned.

/// One token, edit, slot or piece is looked at.
#[inline(always)]
pub(super) fn step() {
    #[cfg(test)]
    counted::STEPS.set(counted::STEPS.get() + 1);
}

#[cfg(test)]
pub(super) mod counted {
    use std::cell::Cell;

    thread_local! {
        pub(super) static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    /// What `work` looks at, on this thread.
    pub(in crate::sql::plan) fn steps(work: impl FnOnce()) -> usize {
        let before = STEPS.get();
        work();
        STEPS.get() - before
    }
}
