//! A store survives kill -9 at any write.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::House;

/// Each round kills a verb after another time, from its first instruction to behind its last write. What it had
/// acknowledged is there, and the store always opens.
#[test]
fn whoever_is_killed_leaves_the_old_store_or_the_new_one() {
    let house = House::new("killed");
    let started = std::time::Instant::now();
    house.text(&["key", "create"]);
    let whole = started.elapsed();
    let mut acknowledged = BTreeSet::new();
    let rounds = 40;
    for round in 0..rounds {
        let mut child = house.command(&["key", "create"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // Nothing is waited for: when it is killed is what differs between rounds.
        std::thread::sleep(whole * round / rounds + Duration::from_micros(u64::from(round)));
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        let id = String::from_utf8(output.stdout).unwrap();
        if let Some(id) = id.strip_suffix('\n') {
            acknowledged.insert(id.to_owned());
        }
        let listed: Value = serde_json::from_str(&house.text(&["key", "list", "--output", "json"])).unwrap();
        let there: BTreeSet<String> =
            listed["Keys"].as_array().unwrap().iter().map(|key| key["KeyId"].as_str().unwrap().to_owned()).collect();
        assert!(acknowledged.is_subset(&there), "round {round}");
    }
    assert!(house.text(&["audit", "verify"]).starts_with("the log holds"));
}
