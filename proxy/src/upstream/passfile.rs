//! `~/.pgpass` and `passfile` (PostgreSQL 18 manual, 32.16).

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::conninfo::Env;
use super::{Error, Host};

/// The password of the first line that fits the first host, database and user. A file that others may read is not
/// used, as in libpq, but with an error: a proxy has no terminal to ask at.
pub(super) fn lookup(
    named: Option<&str>,
    env: Env<'_>,
    hosts: &[Host],
    database: &str,
    user: &str,
) -> Result<Option<String>, Error> {
    let path = match named {
        Some(path) => PathBuf::from(path),
        None => match env("HOME") {
            Some(home) => PathBuf::from(home).join(".pgpass"),
            None => return Ok(None),
        },
    };
    let shown = path.display();
    let Ok(metadata) = std::fs::metadata(&path) else {
        return match named {
            // libpq is silent too: the file of an environment variable need not exist.
            Some(_) | None => Ok(None),
        };
    };
    if !metadata.is_file() {
        return Err(Error::PassFile(format!("password file {shown} is not a plain file")));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(Error::PassFile(format!("password file {shown} may be read by others; chmod 0600 it")));
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Error::PassFile(format!("password file {shown}: {}", error.kind())))?;
    Ok(hosts.first().and_then(|host| find(&text, host, database, user)))
}

fn find(text: &str, host: &Host, database: &str, user: &str) -> Option<String> {
    let (name, port) = match host {
        Host::Tcp { name, port } => (name.as_str(), port),
        Host::Unix { directory, port } if directory.as_os_str() == "/var/run/postgresql" => ("localhost", port),
        Host::Unix { directory, port } => (directory.to_str()?, port),
    };
    let wanted = [name, &port.to_string(), database, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = split(line);
        let [fields @ .., password] = fields.as_slice() else { return None };
        let fits = fields.len() == wanted.len()
            && fields.iter().zip(wanted).all(|(field, wanted)| field == "*" || field == wanted);
        fits.then(|| password.clone())
    })
}

/// Five fields; `\:` and `\\` are escapes, and the password ends with the line or a colon.
fn split(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let literal = match c {
            '\\' => chars.next().unwrap_or('\\'),
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            ':' => break,
            c => c,
        };
        if let Some(field) = fields.last_mut() {
            field.push(literal);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_gives_the_password() {
        let text = "# note\nother:5432:d:u:no\nh:*:d:u:pa\\:ss\\\\\n*:*:*:*:last\n";
        let host = Host::Tcp { name: "h".into(), port: 5432 };
        assert_eq!(find(text, &host, "d", "u").as_deref(), Some("pa:ss\\"));
        assert_eq!(find(text, &host, "x", "u").as_deref(), Some("last"));
        assert_eq!(find("h:1:d:u:x", &host, "d", "u"), None);
    }
}
