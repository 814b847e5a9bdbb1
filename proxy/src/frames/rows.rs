//! DataRow: opened, verified, hidden columns dropped.

use pgseal::exec::Error;
use pgseal::exec::outputs::Opener;
use pgseal::keys::KeySource;
use pgseal::value::Settings;

use crate::wire::{compose, reader};

/// The client's DataRow for the server's (`body`). On an error nothing of the row is in `out`. Missing key versions
/// ([`pgseal::keys::Error::UnknownVersion`]) can be loaded and the row opened again.
pub fn open(
    body: &[u8],
    opener: &mut Opener,
    keys: &dyn KeySource,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let row = reader::data_row(body)?;
    let start = out.len();
    let width = u16::try_from(opener.width()).map_err(|_| Error::Protocol("a row has too many columns"))?;
    let mut result = Ok(());
    compose::frame(b'D', out, |out| {
        out.extend_from_slice(&width.to_be_bytes());
        result = opener.row(&row, keys, settings, out);
    });
    if result.is_err() {
        out.truncate(start);
    }
    result
}
