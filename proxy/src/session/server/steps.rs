//! Answers to the last step of a statement of several, and to the portal that it leaves suspended.

use std::collections::VecDeque;

use super::super::fatal::Fatal;
use super::super::sought::Sought;
use super::super::state::{Bound, Left, Outcome, Portal, Running};
use super::{Fate, Opening, foreign, portal_frame, too_long};
use crate::wire::frame::HEADER;
use crate::wire::{compose, reader};

/// An answer to the last step of a running portal. An error of ours only stops what is shown: the client's Execute
/// then ends in a statement that fails.
pub(super) fn last_step(
    tag: u8,
    portal: &Portal,
    running: &mut Running,
    sought: &mut Sought,
    body: &[u8],
    opening: &Opening<'_>,
    out: &mut Vec<u8>,
) -> Result<Fate, Fatal> {
    if tag == b'E' {
        return opening.error(portal, Some(body), |at| running.execution.positions()?.client(at), out);
    }
    if matches!(running.outcome, Outcome::Failed(_)) {
        return Ok(Fate::Drop);
    }
    if tag != b'C' {
        let begin = out.len();
        out.append(&mut running.description);
        let start = out.len();
        let fate = portal_frame(tag, portal, running.simple, Some(body), opening, out)?;
        if let Fate::Failed(error) = fate {
            if sought.seek(&error) {
                running.description = out.split_off(begin);
                return Ok(Fate::Key);
            }
            out.truncate(begin);
            running.outcome = Outcome::Failed(error);
            return Ok(Fate::Drop);
        }
        if tag == b'D' && out.len() > start {
            running.shown += 1;
            if running.limit > 0 && running.shown > running.limit {
                let row = out.split_off(start);
                running.kept_bytes += row.len();
                running.kept.push_back(row);
                if running.kept_bytes > opening.cap {
                    running.outcome = Outcome::Failed(too_long());
                }
            }
        }
        return Ok(fate);
    }
    let affected = reader::affected(reader::command_complete(body).map_err(foreign)?).unwrap_or(0);
    running.outcome = match running.execution.finish(affected) {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Failed(error),
    };
    match running.outcome {
        Outcome::Done if running.simple => {
            out.append(&mut running.description);
            running.tag = frame_of(b'C', body);
            Ok(Fate::Drop)
        }
        Outcome::Done if running.limit > 0 && running.shown >= running.limit => {
            if let Some(bound) = &portal.bound {
                bound.left.replace(Left::Rows(std::mem::take(&mut running.kept), words(body)));
            }
            compose::portal_suspended(out);
            Ok(Fate::Replaced)
        }
        Outcome::Done => {
            if let Some(bound) = portal.bound.as_ref().filter(|_| portal.plan.output.is_some()) {
                bound.left.replace(Left::Rows(VecDeque::new(), words(body)));
            }
            Ok(Fate::Forward)
        }
        Outcome::Next | Outcome::Refused | Outcome::Failed(_) => Ok(Fate::Drop),
    }
}

/// A command tag without its count.
fn words(tag: &[u8]) -> Vec<u8> {
    tag.iter().rposition(|byte| *byte == b' ').and_then(|end| tag.get(..=end)).unwrap_or(&[]).into()
}

fn frame_of(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER + body.len());
    compose::frame(kind, &mut frame, |out| out.extend_from_slice(body));
    frame
}

/// What a portal with rows has left, up to `limit` rows (0: all of them). When all are shown it is run again for none, as in
/// PostgreSQL, which keeps the rows of such a statement (`PortalRun` in pquery.c).
pub(super) fn show_left(bound: &Bound, limit: usize, out: &mut Vec<u8>) {
    let mut left = bound.left.borrow_mut();
    let Left::Rows(rows, words) = &mut *left else { return };
    let count = if limit == 0 { rows.len() } else { limit.min(rows.len()) };
    rows.drain(..count).for_each(|row| out.extend_from_slice(&row));
    if limit > 0 && count == limit {
        compose::portal_suspended(out);
    } else {
        // The rows of this Execute alone, as PostgreSQL counts them (PortalRun).
        let tag = [words.as_slice(), count.to_string().as_bytes(), b"\0"].concat();
        out.extend_from_slice(&frame_of(b'C', &tag));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use pgseal::encoding::ClientEncoding;

    use super::*;

    #[test]
    fn a_suspended_portal_gives_its_rows_in_portions_and_its_tag_with_the_last_one() {
        let rows = [b"a", b"b", b"c"].map(|row| row.to_vec()).into();
        let left = RefCell::new(Left::Rows(rows, b"UPDATE ".to_vec()));
        let bound = Bound { left, ..Bound::new(None, &[], ClientEncoding::UTF8) };
        let shown = |limit| {
            let mut out = Vec::new();
            show_left(&bound, limit, &mut out);
            out
        };
        assert_eq!(shown(2), b"abs\0\0\0\x04");
        assert_eq!(shown(2), b"cC\0\0\0\x0dUPDATE 1\0", "the count is that of this Execute alone");
        assert_eq!(shown(0), b"C\0\0\0\x0dUPDATE 0\0");
    }
}
