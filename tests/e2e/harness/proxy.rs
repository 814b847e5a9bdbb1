//! The real `pgseal` binary: `serve` as a process of its own, and its other commands to their end.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process of ours may take for what should be immediate.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with nothing of this process's environment that it could read.
pub(crate) fn pgseal(state_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("PG") || shown == "DATABASE_URL" {
            command.env_remove(&name);
        }
    }
    command.env("PGSEAL_STATE_DIR", state_dir).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Runs a command that must succeed; what it said otherwise.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A running `pgseal serve`; killed on drop.
pub(crate) struct Proxy {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Proxy {
    /// Starts it and waits for its listening line; its words and status if it does not come up.
    pub(crate) fn try_start(state_dir: &Path, schema: &Path, upstream: &str, more: &[&str]) -> Result<Self, Output> {
        Self::try_run(pgseal(state_dir), schema, upstream, more)
    }

    fn try_run(mut command: Command, schema: &Path, upstream: &str, more: &[&str]) -> Result<Self, Output> {
        command.arg("serve").arg("--schema").arg(schema).args(["--upstream", upstream]);
        if !more.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut child = command.args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = keep(child.stderr.take().unwrap());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.strip_prefix("listening on ") else {
            let status = wait(&mut child);
            let stderr = settled(&log).into_bytes();
            return Err(Output { status, stdout: line.into_bytes(), stderr });
        };
        Ok(Self { child, address: address.trim_end().parse().unwrap(), log })
    }

    pub(crate) fn start(state_dir: &Path, schema: &Path, upstream: &str, more: &[&str]) -> Self {
        Self::try_start(state_dir, schema, upstream, more).unwrap_or_else(|output| down(&output))
    }

    /// The same in an environment that has these variables more.
    pub(crate) fn start_with(state_dir: &Path, schema: &Path, upstream: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = pgseal(state_dir);
        command.envs(environment.iter().copied());
        Self::try_run(command, schema, upstream, &[]).unwrap_or_else(|output| down(&output))
    }

    /// As [`Proxy::start`], by a command of the test's own that runs the binary with the arguments behind it.
    pub(crate) fn start_as(command: Command, schema: &Path, upstream: &str, more: &[&str]) -> Self {
        Self::try_run(command, schema, upstream, more).unwrap_or_else(|output| down(&output))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// Memory that it holds, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the proxy's log:\n{}", self.log());
        }
    }
}

fn down(output: &Output) -> ! {
    panic!("serve: {}: {}", output.status, String::from_utf8_lossy(&output.stderr))
}

fn wait(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < until, "process {} does not end", child.id());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Reads a stream to its end in the background.
fn keep(mut from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let kept = Arc::new(Mutex::new(String::new()));
    let writer = Arc::downgrade(&kept);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            let Some(kept) = writer.upgrade() else { return };
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..len]));
        }
    });
    kept
}

/// The text of a stream whose process has ended: the reader lets go of it at the end of file.
fn settled(kept: &Arc<Mutex<String>>) -> String {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        let text = kept.lock().unwrap().clone();
        if text.ends_with('\n') || Instant::now() > until {
            return text;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Where a test keeps what a proxy needs: state directory and schema file.
pub(crate) fn state_dir(scratch: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let dir = scratch.join("state");
    if !dir.exists() {
        std::fs::create_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    dir
}
