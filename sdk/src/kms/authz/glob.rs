//! Patterns with `*` (any run, also an empty one) and `?` (one character).

/// One place of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atom {
    /// `*`
    Run,
    /// `?`
    One,
    /// A character that stands for itself.
    Is(char),
}

/// A pattern as it was written.
pub fn atoms(pattern: &str) -> Vec<Atom> {
    pattern
        .chars()
        .map(|at| match at {
            '*' => Atom::Run,
            '?' => Atom::One,
            other => Atom::Is(other),
        })
        .collect()
}

/// Whether the whole text fits. Only the last `*` is ever taken back, so time is at most the product of the lengths.
pub fn fits(pattern: &[Atom], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut place) = (0, 0);
    let mut retry = None;
    while place < text.len() {
        match pattern.get(at) {
            Some(Atom::Run) => {
                retry = Some((at, place));
                at += 1;
            }
            Some(Atom::One) => (at, place) = (at + 1, place + 1),
            Some(Atom::Is(one)) if *one == text[place] => (at, place) = (at + 1, place + 1),
            Some(Atom::Is(_)) | None => match &mut retry {
                Some((run, from)) => {
                    *from += 1;
                    (at, place) = (*run + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == Atom::Run)
}

/// [`fits`] without regard to case, for names of actions, which are ASCII.
pub fn fits_action(pattern: &str, action: &str) -> bool {
    fits(&atoms(&pattern.to_ascii_lowercase()), &action.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_single_characters() {
        let fit = |pattern, text| fits(&atoms(pattern), text);
        assert!(fit("", "") && fit("*", "") && fit("**", "x") && fit("a*c*e", "abcde") && fit("?", "é"));
        assert!(fit("*ab", "aab") && fit("a*b*b", "abxb") && fit("*a*b", "xaaab"));
        assert!(!fit("?", "") && !fit("a", "") && !fit("", "a") && !fit("a*b", "abx") && !fit("a?", "a"));
        assert!(fits_action("KMS:de*", "kms:Decrypt") && !fits_action("kms:De", "kms:Decrypt"));
    }

    #[test]
    fn many_runs_against_a_long_text_end_soon() {
        let text = "a".repeat(4096);
        assert!(!fits(&atoms(&format!("{}b", "*a".repeat(500))), &text));
    }
}
