//! A child process: its end, and the processor time that it has used.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use crate::Result;

/// Linux counts the times in /proc in hundredths of a second on every architecture (`USER_HZ`, proc(5)).
const TICK: Duration = Duration::from_millis(10);

/// Killed on drop.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it without an output of its own.
    pub(crate) fn silent(command: &mut Command) -> Result<Self> {
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// Starts it and waits for its first line; if there is none, what it said on stderr is the error.
    pub(crate) fn announced(command: &mut Command) -> Result<(Self, String)> {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut process = Self(spawned);
        let mut line = String::new();
        if let Some(stdout) = process.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let mut stderr = process.0.stderr.take().ok_or("a process without stderr")?;
        if line.is_empty() {
            stderr.read_to_string(&mut line)?;
            return Err(line.into());
        }
        // Its log must not fill the pipe. It ends with the process.
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Ok((process, line))
    }

    /// User and system time since its start, of all threads.
    pub(crate) fn processor_time(&self) -> Result<(Duration, Duration)> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name in parentheses may hold spaces. State is field 3, utime and stime are 14 and 15.
        let (_, fields) = stat.rsplit_once(')').ok_or("/proc/PID/stat without a name")?;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u32>);
        match (ticks.next(), ticks.next()) {
            (Some(Ok(user)), Some(Ok(system))) => Ok((TICK * user, TICK * system)),
            _ => Err("/proc/PID/stat without times".into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
