use std::sync::Mutex;

use super::*;
use crate::crypto::secret::Secret;
use crate::keys::keyring::MultiKeyring;
use crate::keys::keyring::WrapContext;
use crate::keys::keyring::raw::RawKeyring;
use crate::keys::store::memory::MemoryStore;
use crate::keys::store::{Inserted, Item, State};
use crate::keys::{BoxFuture, Creation, create_key};

/// A clock that a test moves.
#[derive(Clone)]
struct Clock(Arc<Mutex<Instant>>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn advance(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }

    fn cache(&self) -> KeyCache {
        let clock = Arc::clone(&self.0);
        KeyCache::with_clock(DEFAULT_TTL, Box::new(move || *clock.lock().unwrap()))
    }
}

fn keyring(root: u8) -> Arc<dyn Keyring> {
    Arc::new(RawKeyring::new(&Secret::new([root; 32])))
}

/// A store that can be switched off and emptied.
struct Faulty {
    inner: MemoryStore,
    broken: Mutex<Option<Error>>,
}

impl KeyStore for Faulty {
    fn uuid(&self) -> BoxFuture<'_, Result<Uuid, Error>> {
        self.inner.uuid()
    }

    fn list<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<Item>, Error>> {
        let broken = self.broken.lock().unwrap().clone();
        Box::pin(async move {
            match broken {
                Some(error) => Err(error),
                None => self.inner.list(id).await,
            }
        })
    }

    fn insert<'a>(&'a self, items: &'a [Item]) -> BoxFuture<'a, Result<Inserted, Error>> {
        self.inner.insert(items)
    }
}

async fn store_with(id: &str) -> Faulty {
    let inner = MemoryStore::new().unwrap();
    create_key(id, &*keyring(1), &inner).await.unwrap();
    Faulty { inner, broken: Mutex::new(None) }
}

/// Adds a version of this generation, as a rotation would.
async fn rotate(store: &dyn KeyStore, id: &str, generation: u64, state: State) -> KeyRef {
    let key = Secret::new([generation as u8; 32]);
    let mut item = store.list(id).await.unwrap().into_iter().find(|item| item.kind == Kind::Branch).unwrap();
    item.version = Uuid::random().unwrap();
    item.generation = generation;
    item.state = state;
    item.commit = KeyCommit::of(&key);
    item.wraps = keyring(1).wrap(&WrapContext::of(&item, store.uuid().await.unwrap()), &key).await.unwrap();
    let key_ref = item.key_ref();
    assert_eq!(store.insert(&[item]).await.unwrap(), Inserted::All);
    key_ref
}

#[tokio::test]
async fn statements_never_reach_store_or_keyring() {
    let (store, cache) = (store_with("cards").await, Clock::new().cache());
    cache.register("cards", keyring(1), Pins::default());
    assert!(matches!(cache.sealing("cards"), Err(Error::Unavailable { .. })), "not loaded, and not loaded by asking");
    cache.load(&store, &["cards"]).await.unwrap();
    let before = cache.counters();
    assert_eq!(before, Counters { store_reads: 1, unwraps: 2 });
    for _ in 0..1000 {
        let key = cache.sealing("cards").unwrap();
        cache.opening("cards", key.key_ref()).unwrap();
        cache.beacon("cards").unwrap();
        cache.opening("cards", KeyRef([0; 8])).err().unwrap();
        cache.load(&store, &["cards"]).await.unwrap();
    }
    assert_eq!(cache.counters(), before);
}

#[tokio::test]
async fn concurrent_loads_are_one_flight() {
    let (store, cache) = (Arc::new(store_with("cards").await), Arc::new(Clock::new().cache()));
    cache.register("cards", keyring(1), Pins::default());
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (store, cache) = (Arc::clone(&store), Arc::clone(&cache));
            tokio::spawn(async move { cache.load(&*store, &["cards"]).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(cache.counters().store_reads, 1);
}

#[tokio::test]
async fn a_missing_key_is_an_error_and_is_not_asked_for_again_at_once_key_6() {
    let (clock, store) = (Clock::new(), MemoryStore::new().unwrap());
    let cache = clock.cache();
    cache.register("cards", keyring(1), Pins::default());
    let missing = Err(Error::Missing { id: "cards".into() });
    assert_eq!(cache.load(&store, &["cards"]).await, missing);
    assert_eq!(cache.load(&store, &["cards"]).await, missing);
    assert_eq!(cache.counters().store_reads, 1);
    create_key("cards", &*keyring(1), &store).await.unwrap();
    clock.advance(6);
    cache.load(&store, &["cards"]).await.unwrap();
    assert!(matches!(cache.sealing("unregistered"), Err(Error::Missing { .. })));
}

#[tokio::test]
async fn another_root_key_is_a_clear_unwrap_error() {
    let (store, cache) = (store_with("cards").await, Clock::new().cache());
    cache.register("cards", keyring(2), Pins::default());
    let error = cache.load(&store, &["cards"]).await.unwrap_err();
    assert!(matches!(&error, Error::Unwrap { id, .. } if id == "cards"), "{error}");
    assert_eq!(cache.sealing("cards").err(), Some(error));
}

#[tokio::test]
async fn an_item_that_was_changed_does_not_unwrap_key_1() {
    let store = store_with("cards").await;
    let items = store.list("cards").await.unwrap();
    let uuid = store.uuid().await.unwrap();
    let open = async |change: &dyn Fn(&mut Item)| {
        let mut items = items.clone();
        items.iter_mut().for_each(change);
        let cache = Clock::new().cache();
        let id = items[0].id.clone();
        cache.register(&id, keyring(1), Pins::default());
        cache.load(&MemoryStore::with_items(uuid, items), &[&id]).await
    };
    assert_eq!(open(&|_| {}).await, Ok(()));
    let changes: [&dyn Fn(&mut Item); 6] = [
        &|item| item.id = "other".into(),
        &|item| item.generation += 1,
        &|item| item.created += 1,
        &|item| item.version.0[0] ^= 1,
        &|item| item.commit.0[31] ^= 1,
        &|item| item.wraps[0].blob[0] ^= 1,
    ];
    for change in changes {
        assert!(matches!(open(change).await, Err(Error::Unwrap { .. })));
    }
    let swap = |item: &mut Item| {
        item.kind = match item.kind {
            Kind::Branch => Kind::Beacon,
            Kind::Beacon => Kind::Branch,
        }
    };
    assert!(matches!(open(&swap).await, Err(Error::Unwrap { .. })));
    let cache = Clock::new().cache();
    cache.register("cards", keyring(1), Pins::default());
    let elsewhere = MemoryStore::with_items(Uuid([9; 16]), items.clone());
    assert!(matches!(cache.load(&elsewhere, &["cards"]).await, Err(Error::Unwrap { .. })), "another store");
}

#[tokio::test]
async fn sealing_uses_the_highest_generation_whatever_the_state_says_key_5() {
    let (clock, store) = (Clock::new(), store_with("cards").await);
    let newest = rotate(&store, "cards", 2, State::DecryptOnly).await;
    let cache = clock.cache();
    cache.register("cards", keyring(1), Pins::default());
    cache.load(&store, &["cards"]).await.unwrap();
    assert_eq!(cache.sealing("cards").unwrap().key_ref(), newest);
}

#[tokio::test]
async fn a_process_never_steps_back_a_generation_key_5() {
    let (clock, store) = (Clock::new(), store_with("cards").await);
    let first = store.list("cards").await.unwrap();
    let older = MemoryStore::with_items(store.uuid().await.unwrap(), first);
    rotate(&store, "cards", 2, State::DecryptOnly).await;
    let cache = clock.cache();
    cache.register("cards", keyring(1), Pins::default());
    cache.load(&store, &["cards"]).await.unwrap();
    clock.advance(250);
    assert!(matches!(&cache.refresh(&older).await[..], [Error::Inconsistent { .. }]));
    assert!(matches!(cache.sealing("cards"), Err(Error::Inconsistent { .. })));
}

#[tokio::test]
async fn below_the_floor_a_version_opens_and_never_seals_key_5() {
    let (store, cache) = (store_with("cards").await, Clock::new().cache());
    cache.register("cards", keyring(1), Pins { min_generation: 2, ..Pins::default() });
    cache.load(&store, &["cards"]).await.unwrap();
    let items = store.list("cards").await.unwrap();
    let branch = items.iter().find(|item| item.kind == Kind::Branch).unwrap();
    assert!(cache.opening("cards", branch.key_ref()).is_ok());
    assert!(matches!(cache.sealing("cards"), Err(Error::Inconsistent { .. })));
}

#[tokio::test]
async fn a_store_or_key_that_contradicts_the_lock_is_refused_key_2() {
    let store = store_with("cards").await;
    let refused = [
        Pins { store: Some(Uuid([1; 16])), ..Pins::default() },
        Pins { commits: vec![(Kind::Branch, 1, KeyCommit([0; 32]))], ..Pins::default() },
        Pins { commits: vec![(Kind::Beacon, 1, KeyCommit([0; 32]))], ..Pins::default() },
    ];
    for pins in refused {
        let cache = Clock::new().cache();
        cache.register("cards", keyring(1), pins);
        assert!(matches!(cache.load(&store, &["cards"]).await, Err(Error::Inconsistent { .. })));
    }
    let cache = Clock::new().cache();
    cache.register("cards", keyring(1), Pins { beacon_epoch: Some(2), ..Pins::default() });
    cache.load(&store, &["cards"]).await.unwrap();
    assert!(matches!(cache.beacon("cards"), Err(Error::Inconsistent { .. })));
}

#[tokio::test]
async fn while_the_store_is_out_of_reach_cells_still_open_and_nothing_is_sealed_after_the_ttl() {
    let (clock, store) = (Clock::new(), store_with("cards").await);
    let cache = clock.cache();
    cache.register("cards", keyring(1), Pins::default());
    cache.load(&store, &["cards"]).await.unwrap();
    let key_ref = cache.sealing("cards").unwrap().key_ref();
    *store.broken.lock().unwrap() = Some(Error::Unavailable { what: "store".into(), reason: "down".into() });
    clock.advance(250);
    assert_eq!(cache.refresh(&store).await.len(), 1);
    assert!(cache.sealing("cards").is_ok(), "the ttl is not over");
    clock.advance(51);
    assert!(matches!(cache.sealing("cards"), Err(Error::Unavailable { .. })));
    assert!(matches!(cache.beacon("cards"), Err(Error::Unavailable { .. })));
    assert!(cache.opening("cards", key_ref).is_ok());
    clock.advance(3300);
    assert!(matches!(cache.opening("cards", key_ref), Err(Error::Unavailable { .. })));
    *store.broken.lock().unwrap() = None;
    assert_eq!(cache.refresh(&store).await, []);
    assert!(cache.sealing("cards").is_ok());
}

#[tokio::test]
async fn a_denied_key_is_purged_at_once() {
    let (clock, store) = (Clock::new(), store_with("cards").await);
    let cache = clock.cache();
    cache.register("cards", keyring(1), Pins::default());
    cache.load(&store, &["cards"]).await.unwrap();
    let key_ref = cache.sealing("cards").unwrap().key_ref();
    *store.broken.lock().unwrap() = Some(Error::Denied { id: "cards".into(), reason: "denied".into() });
    clock.advance(250);
    cache.refresh(&store).await;
    assert!(matches!(cache.opening("cards", key_ref), Err(Error::Denied { .. })));
}

#[tokio::test]
async fn a_refresh_is_due_before_the_ttl_and_keeps_what_was_derived() {
    let (clock, store) = (Clock::new(), store_with("cards").await);
    let start = *clock.0.lock().unwrap();
    let cache = clock.cache();
    assert_eq!(cache.next_refresh(), None);
    cache.register("cards", keyring(1), Pins::default());
    cache.load(&store, &["cards"]).await.unwrap();
    let due = cache.next_refresh().unwrap() - start;
    assert!((Duration::from_secs(210)..=Duration::from_secs(240)).contains(&due), "{due:?}");
    let before = cache.sealing("cards").unwrap();
    clock.advance(240);
    assert_eq!(cache.refresh(&store).await, []);
    assert_eq!(cache.counters(), Counters { store_reads: 2, unwraps: 4 });
    assert!(Arc::ptr_eq(&before, &cache.sealing("cards").unwrap()));
}

#[tokio::test]
async fn an_unknown_version_is_loaded_once_and_then_not_looked_for() {
    let (clock, store) = (Clock::new(), store_with("cards").await);
    let cache = clock.cache();
    cache.register("cards", keyring(1), Pins::default());
    cache.load(&store, &["cards"]).await.unwrap();
    clock.advance(6);
    let new = rotate(&store, "cards", 2, State::DecryptOnly).await;
    assert!(matches!(cache.opening("cards", new), Err(Error::UnknownVersion { .. })));
    cache.load_version(&store, "cards", new).await.unwrap();
    let reads = cache.counters().store_reads;
    for _ in 0..10 {
        let error = cache.load_version(&store, "cards", KeyRef([0; 8])).await.unwrap_err();
        assert!(matches!(error, Error::UnknownVersion { .. }));
    }
    assert_eq!(cache.counters().store_reads, reads);
}

#[tokio::test]
async fn any_member_of_a_multi_keyring_opens() {
    let both = MultiKeyring::new(keyring(1), vec![keyring(2)]);
    let store = MemoryStore::new().unwrap();
    assert!(matches!(create_key("cards", &both, &store).await.unwrap(), Creation::Created { .. }));
    assert_eq!(create_key("cards", &both, &store).await.unwrap(), Creation::Existed);
    for root in [1, 2] {
        let cache = Clock::new().cache();
        cache.register("cards", keyring(root), Pins::default());
        cache.load(&store, &["cards"]).await.unwrap();
    }
    let cache = Clock::new().cache();
    cache.register("cards", keyring(3), Pins::default());
    assert!(matches!(cache.load(&store, &["cards"]).await, Err(Error::Unwrap { .. })));
}

#[tokio::test]
async fn two_makers_of_one_key_cannot_both_win_key_1() {
    let store = store_with("cards").await;
    let stored = store.list("cards").await.unwrap();
    let mut second = stored.clone();
    second.iter_mut().for_each(|item| {
        item.version = Uuid::random().unwrap();
        item.commit.0[0] ^= 1;
    });
    assert_eq!(store.insert(&second).await.unwrap(), Inserted::Conflict);
    assert_eq!(store.list("cards").await.unwrap(), stored);
}

#[tokio::test]
async fn an_id_has_the_form_of_key_4() {
    let store = MemoryStore::new().unwrap();
    for id in ["", "a b", "é", &"a".repeat(129)] {
        assert!(matches!(create_key(id, &*keyring(1), &store).await, Err(Error::Inconsistent { .. })), "{id}");
    }
    create_key("cards/tenant%20a", &*keyring(1), &store).await.unwrap();
}
