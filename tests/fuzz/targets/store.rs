//! The key service's files: a sealed store, and its audit log.
//!
//! A store opens only as it was written; a log that holds is the one that was written, up to its end.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use pgseal::crypto::secret::Secret;
use pgseal::kms::audit;
use pgseal::kms::state::State;
use pgseal::kms::store::{Paths, Root, Store, seal};
use pgseal_fuzz::{Choices, seeds};

struct World {
    file: Vec<u8>,
    log: String,
    store: String,
    public: Vec<u8>,
}

thread_local! {
    static WORLD: LazyCell<World> = LazyCell::new(world);
}

fn root() -> Root {
    Root::Key(Secret::new([9; 32]))
}

fn world() -> World {
    let directory = std::env::temp_dir().join(format!("pgseal-fuzz-store-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a folder");
    let paths = Paths::beside(&directory.join("keys.kms"));
    let state = State::new("111122223333", "us-east-1").expect("a state");
    let mut store = Store::create(&paths, &root(), state, 1_700_000_000).expect("a store");
    for now in 1..4 {
        store.checkpoint(now).expect("a checkpoint");
    }
    let world = World {
        file: std::fs::read(&paths.store).expect("the store"),
        log: std::fs::read_to_string(&paths.audit).expect("the log"),
        store: store.state().store.clone(),
        public: store.state().audit_public.clone(),
    };
    let _ = std::fs::remove_dir_all(&directory);
    world
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    WORLD.with(|world| {
        let mut choices = Choices::new(data);
        match choices.below(3) {
            0 => {
                // A seed of another run is a store as well: what opens must end where it does.
                let mut file = choices.rest().to_vec();
                if seal::probe(&file, &root()).is_ok() {
                    let end = file.len() - 1;
                    file[end] ^= 1;
                    assert!(seal::probe(&file, &root()).is_err());
                }
            }
            1 => {
                // The genuine one, with one byte changed.
                let mut file = world.file.clone();
                let place = choices.word() % file.len();
                let change = choices.byte();
                file[place] ^= change;
                assert_eq!(seal::probe(&file, &root()).is_ok(), change == 0);
            }
            _ => {
                let Ok(log) = std::str::from_utf8(choices.rest()) else { return };
                if let Ok(report) = audit::verify(log, &world.store, &world.public, None) {
                    assert!(report.checkpoints == 0 || world.log.starts_with(log.lines().next().expect("a line")));
                }
            }
        }
    });
});

fn seeds() -> Vec<Vec<u8>> {
    WORLD.with(|world| {
        vec![
            [&[0], &world.file[..]].concat(),
            [&[0], &world.file[..60]].concat(),
            vec![1, 0, 0, 0],
            vec![1, 0, 99, 1],
            [&[2], world.log.as_bytes()].concat(),
            [&[2], &world.log.as_bytes()[..100]].concat(),
        ]
    })
}
