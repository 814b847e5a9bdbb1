//! One flight per key: while one task loads an id, others that want it wait for that load instead of starting theirs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// The ids that are in flight, each with the tasks that wait for it.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<String, Vec<Waker>>>);

impl Flights {
    /// Waits until nobody else is in flight for `id`. Cancel-safe: the place is given back when the guard drops.
    pub(super) async fn enter(&self, id: &str) -> Flight<'_> {
        poll_fn(|context| match self.lock().entry(id.to_owned()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Vec::new());
                Poll::Ready(())
            }
            Entry::Occupied(mut waiting) => {
                if !waiting.get().iter().any(|waker| waker.will_wake(context.waker())) {
                    waiting.get_mut().push(context.waker().clone());
                }
                Poll::Pending
            }
        })
        .await;
        Flight { flights: self, id: id.to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Waker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to load one id.
pub(super) struct Flight<'a> {
    flights: &'a Flights,
    id: String,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let waiting = self.flights.lock().remove(&self.id);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn at_most_one_is_in_flight_and_everyone_gets_there() {
        let (flights, inside, done) = (Flights::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Arc::new((flights, inside, done));
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let (flights, inside, done) = &*shared;
                    let _flight = flights.enter("id").await;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(shared.2.load(Ordering::SeqCst), 20);
        assert!(shared.0.lock().is_empty());
    }

    #[tokio::test]
    async fn other_ids_do_not_wait() {
        let flights = Flights::default();
        let _one = flights.enter("one").await;
        let _two = flights.enter("two").await;
    }
}
