//! ErrorResponse: positions mapped back, helper names and ciphertext rebuilt or dropped (SQL-56).

use pgseal::error::UserFacing;
use pgseal::exec::Error;

/// Where a character of the physical text (from 1, as in field P) stands in the client's text; `None` if it is ours.
pub type Positions<'a> = dyn Fn(u32) -> Option<u32> + 'a;

/// The client's ErrorResponse (`kind` 'E') or NoticeResponse ('N') for the server's (`body`), which answers a
/// rewritten statement. Without `positions` field P is dropped.
pub fn translate(kind: u8, body: &[u8], positions: Option<&Positions<'_>>, out: &mut Vec<u8>) -> Result<(), Error> {
    let _ = (kind, body, positions, out);
    todo!()
}

/// An error of ours as ErrorResponse, severity ERROR. `position` counts characters of the client's text from 1.
pub fn report(error: &(impl UserFacing + ?Sized), position: Option<u32>, out: &mut Vec<u8>) {
    let _ = (error, position, out);
    todo!()
}
