//! Futures of one task that are polled only when they were woken themselves.
//!
//! A session's two directions and its watch for the end of the process are futures of one task. Without this each
//! event of one of them polls all of them, and every poll of a socket that is not ready takes its lock.

use std::cell::{Cell, OnceCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// The future, and whether it was woken.
pub(super) struct Gate<'f, F> {
    future: Pin<&'f mut F>,
    bell: Arc<Bell>,
    waker: Waker,
    /// The task that the bell wakes, as far as this side knows.
    task: Option<Waker>,
}

/// What one direction tells another: that there is something to do.
#[derive(Default)]
pub(super) struct Signal {
    given: Cell<bool>,
    waker: OnceCell<Waker>,
}

impl Signal {
    /// Whom it wakes.
    pub(super) fn wakes(&self, waker: Waker) {
        // Set once: a session has one such direction.
        let _ = self.waker.set(waker);
    }

    /// Gives it.
    pub(super) fn give(&self) {
        self.given.set(true);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// Whether it was given since it was last taken.
    pub(super) fn take(&self) -> bool {
        self.given.take()
    }

    /// Waits until it is given, within the future that it wakes.
    pub(super) async fn taken(&self) {
        poll_fn(|_| if self.take() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

struct Bell {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl<'f, F: Future> Gate<'f, F> {
    /// The first poll goes through.
    pub(super) fn new(future: Pin<&'f mut F>) -> Self {
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), task: Mutex::new(None) });
        Self { future, waker: Waker::from(Arc::clone(&bell)), bell, task: None }
    }

    /// What makes it poll.
    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl<F: Future> Future for Gate<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            let task = Some(context.waker().clone());
            self.bell.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&task);
            self.task = task;
        }
        // Before the poll: what rings during it is for the next one.
        if !self.bell.rung.load(Ordering::Acquire) || !self.bell.rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let this = &mut *self;
        this.future.as_mut().poll(&mut Context::from_waker(&this.waker))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Some(task) = &*self.task.lock().unwrap_or_else(PoisonError::into_inner)
        {
            task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;

    use super::*;

    #[test]
    fn a_gate_polls_when_it_was_woken_and_not_when_its_neighbour_was() {
        let (polls, inner) = (Cell::new(0), Cell::new(None));
        let future = std::future::poll_fn(|context| {
            polls.set(polls.get() + 1);
            inner.set(Some(context.waker().clone()));
            Poll::<()>::Pending
        });
        let future = pin!(future);
        let mut gate = pin!(Gate::new(future));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            assert!(gate.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(polls.get(), 1);
        inner.take().unwrap().wake();
        assert!(gate.as_mut().poll(&mut context).is_pending());
        assert_eq!(polls.get(), 2);
    }

    #[test]
    fn a_bell_wakes_the_task_that_polled_last() {
        struct Count(AtomicBool);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let inner = Cell::new(None);
        let future = std::future::poll_fn(|context| {
            inner.set(Some(context.waker().clone()));
            Poll::<()>::Pending
        });
        let future = pin!(future);
        let mut gate = pin!(Gate::new(future));
        let [first, last] = [(); 2].map(|()| Arc::new(Count(AtomicBool::new(false))));
        for task in [&first, &last] {
            let waker = Waker::from(Arc::clone(task));
            assert!(gate.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        inner.take().unwrap().wake();
        assert_eq!((first.0.load(Ordering::SeqCst), last.0.load(Ordering::SeqCst)), (false, true));
    }
}
