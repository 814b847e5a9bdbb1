//! DataRow: opened, verified, hidden columns dropped.

use pgseal::exec::Error;
use pgseal::exec::outputs::Opener;
use pgseal::keys::KeySource;
use pgseal::value::Settings;

/// The client's DataRow for the server's (`body`). On an error nothing of the row is in `out`. Missing key versions
/// ([`pgseal::keys::Error::UnknownVersion`]) can be loaded and the row opened again.
pub fn open(
    body: &[u8],
    opener: &mut Opener,
    keys: &dyn KeySource,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let _ = (body, opener, keys, settings, out);
    todo!()
}
