//! What pgseal costs beside a direct connection and PgBouncer: `cargo bench --bench cost`.

fn main() {}
