//! The drivers of other languages: their scripts are in tests/drivers.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::REFUSED;
use super::sides::{Side, Sides, file};

#[test]
#[ignore = "needs psycopg 3 in PGSEAL_TEST_PYTHON; .ci/run installs it"]
fn psycopg_sees_plain_postgresql() {
    check("psycopg", || {
        let mut command = Command::new(variable("PGSEAL_TEST_PYTHON", "a Python with psycopg[binary] and asyncpg"));
        command.arg(file("psycopg_driver.py"));
        command
    });
}

#[test]
#[ignore = "needs asyncpg in PGSEAL_TEST_PYTHON; .ci/run installs it"]
fn asyncpg_sees_plain_postgresql() {
    check("asyncpg", || {
        let mut command = Command::new(variable("PGSEAL_TEST_PYTHON", "a Python with psycopg[binary] and asyncpg"));
        command.arg(file("asyncpg_driver.py"));
        command
    });
}

#[test]
#[ignore = "needs pg in PGSEAL_TEST_NODE_PATH; .ci/run installs it"]
fn node_postgres_sees_plain_postgresql() {
    check("nodepg", || {
        let mut command = Command::new("node");
        command.env("NODE_PATH", variable("PGSEAL_TEST_NODE_PATH", "a node_modules with pg 8"));
        command.arg(file("node_postgres.js"));
        command
    });
}

#[test]
#[ignore = "needs PGSEAL_TEST_PGJDBC and a JDK; .ci/run installs it"]
fn pgjdbc_sees_plain_postgresql() {
    check("pgjdbc", || {
        let mut command = Command::new("java");
        command
            .args(["-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp"])
            .arg(variable("PGSEAL_TEST_PGJDBC", "the path of postgresql.jar"));
        command.arg(file("Pgjdbc.java"));
        command
    });
}

/// Runs a script on both sides.
fn check(name: &str, command: impl Fn() -> Command) {
    let sides = Sides::new(name);
    let plain = observe(command(), &sides.plain);
    let sealed = observe(command(), &sides.sealed);
    sides.compare(&sealed, &plain, REFUSED);
}

fn variable(name: &str, holds: &str) -> OsString {
    std::env::var_os(name).unwrap_or_else(|| panic!("set {name} to {holds}; .ci/run shows how to install it"))
}

/// What a script printed. A script that fails prints why.
fn observe(mut command: Command, side: &Side) -> Vec<Value> {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    let output = command.envs(side.environment()).stdin(Stdio::null()).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}\n{said}{complained}", output.status);
    said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}
