//! Connection strings of `--upstream`: URLs, keywords.
//!
//! What is read has a host for every port and makes a configuration; a password shows in no error and in no `Debug`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgseal_fuzz::seeds;
use pgseal_proxy::upstream::{Host, Upstream};

/// A password that is no part of any word.
const PASSWORD: &str = "Hunter2zQ";

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    read(text);
    // The same with a password that is nowhere else.
    if !text.contains(PASSWORD) {
        let keywords = !text.starts_with("postgres");
        let with = match (keywords, text.split_once("://")) {
            (true, _) => format!("password='{PASSWORD}' {text}"),
            (false, Some((scheme, rest))) => format!("{scheme}://u:{PASSWORD}@{}", rest.rsplit('@').next().unwrap_or("")),
            (false, None) => return,
        };
        assert!(!read(&with).contains(PASSWORD), "{with:?} shows its password");
    }
});

/// All that is said about it.
fn read(text: &str) -> String {
    match Upstream::parse(text) {
        Ok(upstream) => {
            assert!(!upstream.hosts.is_empty());
            for host in &upstream.hosts {
                match host {
                    Host::Tcp { port, .. } | Host::Unix { port, .. } => assert!(*port > 0),
                }
                assert!(!host.to_string().is_empty());
            }
            drop(upstream.control());
            format!("{upstream:?}")
        }
        Err(error) => format!("{error} {error:?}"),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "postgresql://al%40ice:p%3Aw@h1:1,[::1]:2/app%20db?application_name=x&connect_timeout=1",
        "postgres://%2Ftmp%2Fpg/app?sslmode=prefer&keepalives_idle=3",
        "postgresql:///app?host=/tmp/pg&port=5433&user=u",
        r"host=/run/pg  port=5433,1 user='it\'s' password='a b\\c' dbname=d options='-c x=y'",
        "host=a,b hostaddr=127.0.0.1,::1 port=1,2 user=u keepalives=0 keepalives_count=3 target_session_attrs=any",
        "host=h service=x passfile=/nowhere sslrootcert=system gssencmode=require tcp_user_timeout=1",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
