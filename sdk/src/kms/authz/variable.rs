//! Policy variables (`${aws:PrincipalTag/team}`) in values of conditions and in resources.
//!
//! *IAM User Guide*, "IAM policy elements: variables and tags": only in policies of version 2012-10-17; what a variable
//! brings in stands for itself, wildcards of it are characters; a variable without a value and without a default makes
//! the element fit nothing.

use super::context::Context;
use super::glob::{Atom, atoms};

/// The pattern that an element is for this request, or None where a variable has no value.
pub(super) fn expand(element: &str, variables: bool, context: &Context) -> Option<Vec<Atom>> {
    if !variables || !element.contains("${") {
        return Some(atoms(element));
    }
    let mut pattern = Vec::with_capacity(element.len());
    let mut rest = element;
    while let Some(start) = rest.find("${") {
        pattern.extend(atoms(&rest[..start]));
        let (inside, behind) = rest[start + 2..].split_once('}')?;
        pattern.extend(value(inside, context)?.chars().map(Atom::Is));
        rest = behind;
    }
    pattern.extend(atoms(rest));
    Some(pattern)
}

fn value<'a>(inside: &'a str, context: &'a Context) -> Option<&'a str> {
    if matches!(inside, "*" | "?" | "$") {
        return Some(inside);
    }
    let (name, default) = match inside.split_once(',') {
        Some((name, default)) => {
            (name.trim(), Some(default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\''))?))
        }
        None => (inside.trim(), None),
    };
    // A variable stands for one value: of a key that has several, which one would be a guess.
    match context.get(name).as_slice() {
        [one] => Some(one),
        [] => default,
        _ => None,
    }
}
