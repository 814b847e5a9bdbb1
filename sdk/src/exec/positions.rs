//! Field P of an ErrorResponse: from a character of a physical text to one of the client's text.

use crate::sql::Origin;

/// Where the characters of a physical text come from.
#[derive(Debug, Clone, Default)]
pub struct Positions {
    /// Where each run begins, in characters from 0, and what its first character comes from.
    runs: Vec<(usize, Origin)>,
    /// Characters so far.
    length: usize,
}

impl Positions {
    /// This much more of the physical text comes from there.
    pub(super) fn push(&mut self, text: &str, origin: Origin) {
        self.runs.push((self.length, origin));
        self.length += text.chars().count();
    }

    /// The client's position for one in the physical text, both in characters from 1. In a part of ours it is what the
    /// part stands for; beyond the end there is none, but for the end itself ("at end of input").
    pub fn client(&self, physical: u32) -> Option<u32> {
        let at = usize::try_from(physical).ok()?.checked_sub(1).filter(|&at| at <= self.length)?;
        let run = self.runs.partition_point(|(start, _)| *start <= at).checked_sub(1)?;
        let (start, origin) = *self.runs.get(run)?;
        let client = match origin {
            Origin::Client(from) => from + (at - start),
            Origin::Ours(from) => from,
        };
        u32::try_from(client + 1).ok()
    }
}

/// A physical text in the making, and where its characters come from.
#[derive(Default)]
pub struct Traced {
    /// The text.
    pub text: String,
    /// Where it comes from.
    pub positions: Positions,
}

impl Traced {
    /// Appends a part.
    pub fn push(&mut self, part: &str, origin: Origin) {
        self.positions.push(part, origin);
        self.text.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_in_the_physical_text_is_found_in_the_text_of_the_client() {
        let mut traced = Traced::default();
        traced.push("SELECT é, ", Origin::Client(3));
        traced.push("b, c", Origin::Ours(13));
        traced.push(" FROM nope", Origin::Client(14));
        let client = |physical| traced.positions.client(physical);
        assert_eq!(client(1), Some(4));
        assert_eq!(client(9), Some(12), "characters, not bytes");
        assert_eq!((client(11), client(14)), (Some(14), Some(14)), "a part of ours is what it stands for");
        assert_eq!(client(21), Some(21));
        assert_eq!(client(25), Some(25), "the end of the text");
        assert_eq!((client(0), client(26)), (None, None));
    }
}
