//! `pgbench -S -c 8 -M prepared`: throughput, and the processor time of what stands between.

use std::time::Duration;

use crate::Result;
use crate::servers::{PLAIN, Proxy, SEALED, Servers, succeed};
use crate::table;

/// Each variant runs that often.
const ROUNDS: usize = 5;
/// Seconds of one run.
const SECONDS: &str = "2";

struct Variant<'s> {
    name: &'static str,
    database: &'static str,
    port: u16,
    /// What stands between.
    proxy: Option<&'s Proxy>,
    rounds: Vec<Round>,
}

struct Round {
    /// Transactions a second.
    throughput: f64,
    /// Microseconds a transaction that the process between used, in user mode and in the kernel.
    user: f64,
    system: f64,
}

/// Runs all variants in turn and prints their medians.
pub(crate) fn report<'s>(servers: &'s Servers) -> Result<()> {
    let through = |name, database, proxy: &'s Proxy| Variant::new(name, database, proxy.port, Some(proxy));
    let mut variants = vec![Variant::new("direct", PLAIN, servers.postgres.port(), None)];
    variants.extend(servers.pgbouncer.iter().map(|proxy| through("PgBouncer, session mode", PLAIN, proxy)));
    variants.push(through("pgseal, empty schema, one thread", PLAIN, &servers.pgseal_single));
    variants.push(through("pgseal, empty schema", PLAIN, &servers.pgseal_plain));
    variants.push(through("pgseal, other tables sealed", SEALED, &servers.pgseal_sealed));
    for variant in &variants {
        // Connections to the server are made, caches are filled.
        variant.run(servers, "1")?;
    }
    for _ in 0..ROUNDS {
        for variant in &mut variants {
            let round = variant.run(servers, SECONDS)?;
            variant.rounds.push(round);
        }
    }
    let median =
        |variant: &Variant<'_>, figure: fn(&Round) -> f64| table::median(variant.rounds.iter().map(figure).collect());
    let direct = variants.first().map_or(f64::NAN, |direct| median(direct, |round| round.throughput));
    let rows: Vec<_> = variants
        .iter()
        .map(|variant| {
            let throughput = median(variant, |round| round.throughput);
            let time = |figure: fn(&Round) -> f64| match variant.proxy {
                Some(_) => format!("{:.1}", median(variant, figure)),
                None => "-".into(),
            };
            let times = [time(|round| round.user + round.system), time(|round| round.user), time(|round| round.system)];
            let mut row = vec![variant.name.into(), format!("{throughput:.0}"), format!("{:.2}", throughput / direct)];
            row.extend(times);
            row
        })
        .collect();
    let title = format!("pgbench -S -c 8 -M prepared, medians of {ROUNDS} alternating rounds of {SECONDS} s");
    table::print(&title, &["", "tps", "of direct", "proxy CPU µs/txn", "user", "system"], &rows);
    Ok(())
}

impl<'s> Variant<'s> {
    fn new(name: &'static str, database: &'static str, port: u16, proxy: Option<&'s Proxy>) -> Self {
        Self { name, database, port, proxy, rounds: Vec::new() }
    }

    fn run(&self, servers: &Servers, seconds: &str) -> Result<Round> {
        let mut command = servers.program("pgbench");
        command.args(["-n", "-S", "-M", "prepared", "-c", "8", "-j", "2", "-T", seconds]);
        command.args(["-p", &self.port.to_string(), self.database]);
        let before = self.used()?;
        let output = succeed(&mut command)?;
        let after = self.used()?;
        let transactions = number(&output, "number of transactions actually processed: ")?;
        let per_transaction = |time: Duration| time.as_secs_f64() * 1e6 / transactions;
        Ok(Round {
            throughput: number(&output, "tps = ")?,
            user: per_transaction(after.0.saturating_sub(before.0)),
            system: per_transaction(after.1.saturating_sub(before.1)),
        })
    }

    fn used(&self) -> Result<(Duration, Duration)> {
        self.proxy.map_or(Ok(Default::default()), |proxy| proxy.process.processor_time())
    }
}

/// The number behind `label` in what pgbench prints.
fn number(output: &str, label: &str) -> Result<f64> {
    let text = output.lines().find_map(|line| line.trim_start().strip_prefix(label));
    let text = text.and_then(|text| text.split_whitespace().next()).ok_or_else(|| format!("pgbench: no {label:?}"))?;
    Ok(text.parse()?)
}
