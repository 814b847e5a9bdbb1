//! Certificates and keys in PEM files, with PostgreSQL's rules for who else may read a key.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

/// A chain, the leaf first.
///
/// # Errors
/// A text that names the file.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let text = read(path, "certificate")?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(format!("certificate file {shown} holds no certificate in PEM")),
        Err(_) => Err(format!("certificate file {shown} is not PEM")),
    }
}

/// A private key. A key that others may read is refused: 0600, or 0640 if it is root's, as `be_tls_init` has it.
///
/// # Errors
/// A text that names the file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let shown = path.display();
    let found = fs::metadata(path).map_err(|error| unreadable(path, "private key", error.kind()))?;
    if !found.is_file() {
        return Err(format!("private key file {shown} is not a plain file"));
    }
    let (others, allowed) = match found.uid() {
        0 => (0o037, "0640 or less, since it is root's"),
        _ => (0o077, "0600 or less"),
    };
    if found.mode() & others != 0 {
        return Err(format!("private key file {shown} may be used by others; chmod it to {allowed}"));
    }
    let text = read(path, "private key")?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| match text.windows(9).any(|word| word == b"ENCRYPTED") {
        true => format!("private key file {shown} has a passphrase, which is not in this version; store it without"),
        false => format!("private key file {shown} holds no private key in PEM"),
    })
}

/// The authorities of a file.
///
/// # Errors
/// A text that names the file.
pub(super) fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path)? {
        roots
            .add(certificate)
            .map_err(|_| format!("certificate file {} holds what is no certificate", path.display()))?;
    }
    Ok(roots)
}

/// The authorities that this system trusts.
///
/// # Errors
/// It has none.
pub(super) fn system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err("this system has no certificate authorities; name a file with sslrootcert=FILE".into()),
        false => Ok(roots),
    }
}

fn read(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    fs::read(path).map(Zeroizing::new).map_err(|error| unreadable(path, what, error.kind()))
}

fn unreadable(path: &Path, what: &str, kind: ErrorKind) -> String {
    format!("{what} file {}: {kind}", path.display())
}
