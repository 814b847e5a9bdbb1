//! Seeds are made, not kept: `PGSEAL_FUZZ_SEEDS=DIR TARGET` writes those of a target into DIR and ends.

use std::path::PathBuf;

use serde_json::Value;

/// The environment variable that asks for seeds.
pub const VARIABLE: &str = "PGSEAL_FUZZ_SEEDS";

/// Writes the seeds and ends the process if somebody asked for them. For the `init` of a target.
pub fn offer(seeds: impl FnOnce() -> Vec<Vec<u8>>) {
    let Some(directory) = std::env::var_os(VARIABLE).map(PathBuf::from) else { return };
    std::fs::create_dir_all(&directory).expect("the folder of the seeds");
    for (number, seed) in seeds().iter().enumerate() {
        std::fs::write(directory.join(format!("seed-{number:04}")), seed).expect("a seed");
    }
    std::process::exit(0);
}

/// The statements of the corpora of the end-to-end tests.
pub fn statements() -> Vec<&'static str> {
    [
        include_str!("../corpus/sql-corpus.sql"),
        include_str!("../corpus/sql-traps.sql"),
        include_str!("../scenarios/sealed.sql"),
        include_str!("../scenarios/signed.sql"),
        include_str!("../scenarios/refusals.sql"),
        include_str!("../scenarios/blocks.sql"),
    ]
    .into_iter()
    .flat_map(str::lines)
    .filter(|line| !line.is_empty() && !line.starts_with("--"))
    .collect()
}

/// The cases of one file of frozen vectors.
pub fn vectors(text: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).expect("a file of vectors");
    file["cases"].as_array().expect("its cases").clone()
}

/// The bytes of a hex string of a vector.
pub fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hex");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// A part as [`Choices::part`](crate::Choices::part) reads it.
pub fn part(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("a short part");
    [&[length], bytes].concat()
}
