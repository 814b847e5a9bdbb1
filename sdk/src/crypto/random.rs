//! The operating system's generator: one call for a batch of nonces, nothing carried over (RND-1).

/// The operating system gave no randomness; nothing may be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoRandomness;

/// Fills `bytes` in one call.
///
/// There is no pool behind it: a process that forks, or a virtual machine that is resumed twice from one snapshot,
/// would hand out a pool's bytes twice.
pub fn fill(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    #[cfg(test)]
    CALLS.set(CALLS.get() + 1);
    getrandom::fill(bytes).map_err(|_| NoRandomness)
}

/// `N` random bytes.
pub fn array<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
std::thread_local! {
    static CALLS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How often this thread has asked the operating system.
#[cfg(test)]
pub(crate) fn calls() -> usize {
    CALLS.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(array::<24>().unwrap(), array::<24>().unwrap());
    }
}
