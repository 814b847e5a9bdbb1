//! The one private PostgreSQL of this test process. `PGSEAL_TEST_PG_BINDIR` chooses the server; `DATABASE_URL` is not
//! looked at: tests read log and heap files and would write into somebody's database.

use std::path::Path;
use std::sync::OnceLock;

use pgseal::testing::postgres::{Binaries, Postgres};

/// Starts it at the first call. It ends with the process: its guard thread does.
pub(crate) fn cluster() -> &'static Postgres {
    static CLUSTER: OnceLock<Postgres> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let binaries = Binaries::find(cache).unwrap_or_else(|error| panic!("{error}"));
        eprintln!("PostgreSQL {}: {}", binaries.source, binaries.dir.display());
        let cluster = Postgres::start(binaries).unwrap_or_else(|error| panic!("{error}"));
        // The search for leaks reads what a test wrote, however many checkpoints came in between.
        for sql in ["ALTER SYSTEM SET wal_keep_size = '2GB'", "SELECT pg_reload_conf()"] {
            cluster.psql("postgres", sql).unwrap_or_else(|error| panic!("{error}"));
        }
        cluster
    })
}
