//! The embedded key service's first form: named wrapping keys under one root key in the state directory.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::raw::read_key_file;
use super::{Keyring, Provider, SivWrap, WrapContext, Wrapped};
use crate::crypto::random;
use crate::crypto::secret::Secret;
use crate::keys::{BoxFuture, Error, Uuid};

/// Names a root key file elsewhere than in the state directory.
pub const ROOT_KEY_FILE_VARIABLE: &str = "PGSEAL_ROOT_KEY_FILE";

/// One named wrapping key.
pub struct LocalKeyring(SivWrap);

impl LocalKeyring {
    /// `local:NAME` under this root.
    pub fn new(name: &str, root: &RootKey) -> Self {
        Self(SivWrap::new(Provider::Local, name, &root.0))
    }
}

impl Keyring for LocalKeyring {
    fn wrap<'a>(&'a self, context: &'a WrapContext, key: &'a Secret<32>) -> BoxFuture<'a, Result<Vec<Wrapped>, Error>> {
        Box::pin(async move { Ok(vec![self.0.wrap(context, key)]) })
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a WrapContext,
        wraps: &'a [Wrapped],
    ) -> BoxFuture<'a, Result<Secret<32>, Error>> {
        Box::pin(async move { self.0.unwrap(context, wraps) })
    }
}

/// The 32 bytes above every `local:` key.
///
/// ```
/// use pgseal::keys::keyring::local::{LocalKeyring, Opened, RootKey};
///
/// # let dir = std::env::temp_dir().join(format!("pgseal-doctest-root-{}", std::process::id()));
/// let file = dir.join("root.key");
/// assert!(RootKey::open(&file).is_err());
/// let Opened::Created(root) = RootKey::open_or_create(&file)? else { panic!("it was there") };
/// let keyring = LocalKeyring::new("shop", &root); // what `local:shop` of a schema file means
/// # drop(keyring);
/// // It is never replaced: what it wraps would be lost.
/// assert!(matches!(RootKey::open_or_create(&file)?, Opened::Existing(_)));
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RootKey(Secret<32>);

/// What [`RootKey::open_or_create`] did.
pub enum Opened {
    /// The file was there.
    Existing(RootKey),
    /// It was made just now; whoever asked for it is told.
    Created(RootKey),
}

impl RootKey {
    /// A root key that somebody else keeps.
    pub fn new(root: Secret<32>) -> Self {
        Self(root)
    }

    /// Opens the file.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it is not there, is not 32 bytes long, or may be read by others than its owner.
    pub fn open(file: &Path) -> Result<Self, Error> {
        let failed = |reason: &str| unavailable(file, reason);
        let metadata = fs::metadata(file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => failed("there is no such file; pgseal keys create makes it"),
            _ => failed(&error.to_string()),
        })?;
        check_private(&metadata).map_err(|()| failed("others than its owner may use it; chmod 600 it"))?;
        let bytes = read_key_file(file).map_err(|error| failed(&error.to_string()))?;
        match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(root) => Ok(Self(Secret::new(root))),
            Err(_) => Err(failed("it is not 32 bytes long")),
        }
    }

    /// Opens the file, or makes it: only for `keys create` (KEY-6). A missing directory is made with mode 0700.
    /// An existing file is never replaced.
    pub fn open_or_create(file: &Path) -> Result<Opened, Error> {
        let failed = |error: io::Error| unavailable(file, &error.to_string());
        if fs::exists(file).map_err(failed)? {
            return Self::open(file).map(Opened::Existing);
        }
        let directory = file.parent().unwrap_or(Path::new("."));
        create_private_directory(directory).map_err(failed)?;
        let mut root = Zeroizing::new([0; 32]);
        random::fill(root.as_mut_slice()).map_err(|error| unavailable(file, &error.to_string()))?;
        match write_new(file, root.as_slice()) {
            Ok(()) => Ok(Opened::Created(Self(Secret::new(*root)))),
            // Somebody else made it in between: theirs counts.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::open(file).map(Opened::Existing),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Where the root key is: [`ROOT_KEY_FILE_VARIABLE`], else `root.key` in the state directory.
pub fn root_key_file(state_dir: &Path) -> PathBuf {
    std::env::var_os(ROOT_KEY_FILE_VARIABLE).map_or_else(|| state_dir.join("root.key"), PathBuf::from)
}

/// [`root_key_file`], after a look at the state directory if that is where it is.
pub(super) fn checked_root_key_file(state_dir: &Path) -> Result<PathBuf, Error> {
    let file = root_key_file(state_dir);
    if file.parent() == Some(state_dir) {
        check_state_dir(state_dir)?;
    }
    Ok(file)
}

/// The state directory: the given one, else `$XDG_STATE_HOME/pgseal`, else `~/.local/state/pgseal`, for root
/// `/var/lib/pgseal`.
///
/// # Errors
/// [`Error::Unavailable`] if there is none, or others than its owner may enter it.
pub fn state_dir(given: Option<&Path>) -> Result<PathBuf, Error> {
    let directory = given.map(Path::to_owned).or_else(default_state_dir).ok_or_else(|| Error::Unavailable {
        what: "state directory".into(),
        reason: "none is given, and neither XDG_STATE_HOME nor HOME is set".into(),
    })?;
    check_state_dir(&directory)?;
    Ok(directory)
}

fn default_state_dir() -> Option<PathBuf> {
    // The XDG base directory specification: an empty or relative value counts as not set.
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(state) = absolute("XDG_STATE_HOME") {
        return Some(state.join("pgseal"));
    }
    if is_root() {
        return Some(PathBuf::from("/var/lib/pgseal"));
    }
    absolute("HOME").map(|home| home.join(".local/state/pgseal"))
}

/// The owner of /proc/self is the effective user; where there is no /proc, HOME decides.
#[cfg(unix)]
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// Refuses a state directory that others may enter; one that does not exist yet is fine.
pub fn check_state_dir(directory: &Path) -> Result<(), Error> {
    let failed =
        |reason: String| Error::Unavailable { what: format!("state directory {}", directory.display()), reason };
    match fs::metadata(directory) {
        Ok(metadata) if !metadata.is_dir() => Err(failed("it is no directory".to_owned())),
        Ok(metadata) => {
            check_private(&metadata).map_err(|()| failed("others than its owner may enter it; chmod 700 it".to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error.to_string())),
    }
}

#[cfg(unix)]
fn check_private(metadata: &fs::Metadata) -> Result<(), ()> {
    use std::os::unix::fs::PermissionsExt;

    if metadata.permissions().mode() & 0o077 == 0 { Ok(()) } else { Err(()) }
}

#[cfg(not(unix))]
fn check_private(_: &fs::Metadata) -> Result<(), ()> {
    Ok(())
}

/// Makes a directory and its parents; those that are made are the owner's alone.
pub(crate) fn create_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Writes a file that appears whole or not at all, and never over another: written beside it, then linked.
fn write_new(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let draft = directory.join(format!(".root.key.{}", Uuid::random().map_err(io::Error::other)?));
    let written = write_private(&draft, bytes).and_then(|()| fs::hard_link(&draft, file));
    let removed = fs::remove_file(&draft);
    written.and(removed)?;
    fs::File::open(directory)?.sync_all()
}

/// Writes and syncs a file of mode 0600.
pub(in crate::keys) fn write_private(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn unavailable(file: &Path, reason: &str) -> Error {
    Error::Unavailable { what: format!("root key {}", file.display()), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::test_dir::TestDir;
    use crate::keys::{KeyStore, create_key, keyring, store};
    use crate::schema::keyring_uri::KeyringUri;

    #[test]
    fn a_root_key_is_made_only_when_asked_and_never_replaced_key_6() {
        let dir = TestDir::new();
        let file = dir.path().join("state/root.key");
        assert!(matches!(RootKey::open(&file), Err(Error::Unavailable { .. })));
        assert!(!file.exists());
        assert!(matches!(RootKey::open_or_create(&file).unwrap(), Opened::Created(_)));
        let bytes = fs::read(&file).unwrap();
        assert_eq!(bytes.len(), 32);
        assert!(matches!(RootKey::open_or_create(&file).unwrap(), Opened::Existing(_)));
        assert_eq!(fs::read(&file).unwrap(), bytes);
        let names: Vec<_> = fs::read_dir(dir.path().join("state")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["root.key"], "no draft is left");
        check_state_dir(&dir.path().join("state")).unwrap();

        let raw: KeyringUri = "raw:env=X".parse().unwrap();
        let local: KeyringUri = "local:customer-data".parse().unwrap();
        assert_eq!(keyring::create_root_key([&raw], dir.path()).unwrap(), None);
        let made = keyring::create_root_key([&raw, &local], dir.path()).unwrap();
        assert_eq!(made, Some(dir.path().join("root.key")));
        assert_eq!(keyring::create_root_key([&local], dir.path()).unwrap(), None);
        keyring::open(&local, dir.path()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_root_key_or_state_directory_that_others_may_use_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let dir = TestDir::new();
        let file = dir.path().join("root.key");
        RootKey::open_or_create(&file).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let error = RootKey::open(&file).err().unwrap();
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        let local = [&"local:customer-data".parse::<KeyringUri>().unwrap()];
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(keyring::open(local[0], dir.path()).err().unwrap().to_string().contains("chmod 700"));
        assert!(keyring::create_root_key(local, dir.path()).unwrap_err().to_string().contains("chmod 700"));
        assert!(check_state_dir(dir.path()).unwrap_err().to_string().contains("chmod 700"));
    }

    #[test]
    fn a_root_key_of_another_length_is_refused() {
        let dir = TestDir::new();
        for len in [0, 31, 33, 64, 1000] {
            let file = dir.path().join(format!("{len}.key"));
            write_private(&file, &vec![1; len]).unwrap();
            assert!(RootKey::open(&file).err().unwrap().to_string().contains("32 bytes"), "{len}");
        }
    }

    #[tokio::test]
    async fn keys_of_another_name_or_root_do_not_unwrap_key_1() {
        let dir = TestDir::new();
        let root = dir.path().join("root.key");
        let other = dir.path().join("other.key");
        for file in [&root, &other] {
            RootKey::open_or_create(file).unwrap();
        }
        let (root, other) = (RootKey::open(&root).unwrap(), RootKey::open(&other).unwrap());
        let store = store::memory::MemoryStore::new().unwrap();
        create_key("cards", &LocalKeyring::new("one", &root), &store).await.unwrap();
        let item = store.list("cards").await.unwrap().remove(0);
        let context = WrapContext::of(&item, store.uuid().await.unwrap());
        assert!(LocalKeyring::new("one", &root).unwrap(&context, &item.wraps).await.is_ok());
        for wrong in [LocalKeyring::new("two", &root), LocalKeyring::new("one", &other)] {
            assert!(matches!(wrong.unwrap(&context, &item.wraps).await, Err(Error::Unwrap { .. })));
        }
    }

    #[tokio::test]
    async fn a_raw_key_is_read_as_bytes_or_as_hex() {
        let dir = TestDir::new();
        let store = store::memory::MemoryStore::new().unwrap();
        let open = |name: &str, content: &[u8]| {
            let file = dir.path().join(name);
            fs::write(&file, content).unwrap();
            let uri: KeyringUri = format!("raw:file={}", file.display()).parse().unwrap();
            keyring::open(&uri, dir.path())
        };
        create_key("cards", &*open("bytes", &[0xab; 32]).unwrap(), &store).await.unwrap();
        let item = store.list("cards").await.unwrap().remove(0);
        let context = WrapContext::of(&item, store.uuid().await.unwrap());
        let hex = open("hex", format!("{}\n", "aB".repeat(32)).as_bytes()).unwrap();
        assert!(hex.unwrap(&context, &item.wraps).await.is_ok());
        for wrong in [&b""[..], &[1; 31], &[1; 33], "zz".repeat(32).as_bytes(), "ab".repeat(33).as_bytes()] {
            assert!(matches!(open("wrong", wrong), Err(Error::Unavailable { .. })));
        }
        let cut = format!("{}{}ab", " ".repeat(64), "ab".repeat(32));
        assert!(matches!(open("cut", cut.as_bytes()), Err(Error::Unavailable { .. })), "no key is cut to its length");
        let unset: KeyringUri = "raw:env=PGSEAL_TEST_THIS_IS_NOT_SET".parse().unwrap();
        assert!(matches!(keyring::open(&unset, dir.path()), Err(Error::Unavailable { .. })));
    }
}
