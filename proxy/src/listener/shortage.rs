//! Out of file descriptors: whoever comes is told, and the log hears it once.

use std::fs::File;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After so long without another one a shortage counts as over, and the next one is logged again.
const OVER: Duration = Duration::from_secs(60);

/// When the last connection found no descriptor.
#[derive(Debug, Default)]
pub struct Shortage(Mutex<Option<Instant>>);

impl Shortage {
    /// A connection found none.
    pub fn felt(&self) {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now());
        if last.is_none_or(|last| last.elapsed() > OVER) {
            tracing::warn!(
                "out of file descriptors: connections are refused (53300) until others end; raise `ulimit -n`"
            );
        }
    }
}

/// A descriptor that is kept for saying that there is none.
#[derive(Debug)]
pub(super) struct Spare(Option<File>);

impl Spare {
    pub(super) fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    /// Gives it up.
    pub(super) fn lend(&mut self) {
        self.0 = None;
    }

    /// Takes one again, if there is one.
    pub(super) fn regain(&mut self) {
        *self = Self::new();
    }
}
