//! Records without a database: seal a serde struct, keep the sealed form anywhere, open it again.
//!
//! ```text
//! cargo run -p pgseal --example record              # keys in memory, gone with the process
//! cargo run -p pgseal --example record -- DIR       # keys and sealed records in DIR; run it twice
//! ```
//!
//! `clinic.toml` says what is sealed, `clinic.toml.lock` is what `pgseal schema apply` made of it where the table of
//! `clinic.sql` lives. A record that is sealed here is byte for byte what that table would hold.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use pgseal::crypto::random;
use pgseal::crypto::secret::Secret;
use pgseal::keys::cache::Pins;
use pgseal::keys::keyring::local::{LocalKeyring, Opened, RootKey};
use pgseal::keys::keyring::raw::RawKeyring;
use pgseal::keys::store::{file::FileStore, memory::MemoryStore};
use pgseal::keys::{KeyStore, Keyring, create_key};
use pgseal::sealer::{SealedRecord, Sealer};
use serde::{Deserialize, Serialize};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/record/clinic.toml");

/// A row of the table: fields are called as its columns are.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Patient {
    id: i64,
    ward: String,
    name: String,
    insurance: String,
    born: Option<String>,
    findings: Option<serde_json::Value>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("record: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    match arguments {
        [] => tour(&sealer_in_memory().await?),
        [dir] => persistent(Path::new(dir)).await,
        _ => Err("usage: record [DIR]".into()),
    }
}

/// Everything that a sealer does, once.
fn tour(sealer: &Sealer) -> Result<(), Box<dyn Error>> {
    let [ada, bob] = patients();

    // A sealed record is a type of its own: nothing that takes a `Patient` takes it by mistake.
    let sealed: SealedRecord = sealer.seal("patient", &ada)?;
    println!("sealed, what a store gets to see:");
    for (column, bytes) in sealed.columns() {
        println!("  {column:<20} {}", bytes.map_or("NULL".to_owned(), preview));
    }

    // It goes through serde to wherever it is kept.
    let stored = serde_json::to_string(&sealed)?;
    println!("as JSON it has {} bytes", stored.len());
    let opened: Patient = sealer.open(&serde_json::from_str(&stored)?)?;
    println!("opened: {} in ward {}", opened.name, opened.ward);

    // A search tag is equal for equal values: what a store can look a record up by without knowing the value.
    let tag = sealer.search_tag("patient", "insurance", &ada.insurance)?;
    let column = sealer.search_column("patient", "insurance")?;
    println!("{column} = {tag} finds it: {}", sealed.bytes(&column) == Some(&tag.to_bytes()[..]));

    // Whoever keeps it can give back a cell of another record: an error, never a value.
    let mut forged = sealer.seal("patient", &bob)?;
    forged.set_bytes("name", sealed.bytes("name"));
    match sealer.open::<Patient>(&forged) {
        Ok(_) => return Err("a moved cell was opened".into()),
        Err(error) => println!("a cell that was moved: {error} ({:?})", error.kind()),
    }
    Ok(())
}

/// Seals on the first run, opens on every later one.
async fn persistent(dir: &Path) -> Result<(), Box<dyn Error>> {
    let sealer = sealer_in(dir).await?;
    let file = dir.join("patients.json");
    if !fs::exists(&file)? {
        let sealed = patients().iter().map(|patient| sealer.seal("patient", patient)).collect::<Result<Vec<_>, _>>()?;
        fs::write(&file, serde_json::to_string(&sealed)?)?;
        println!("{} sealed records are in {}; run this again to open them", sealed.len(), file.display());
        return Ok(());
    }
    let sealed: Vec<SealedRecord> = serde_json::from_str(&fs::read_to_string(&file)?)?;
    // All of them or none: what is wrong with which one is in the error.
    let patients: Vec<Patient> = sealer.open_many(&sealed)?;
    for patient in patients {
        println!("{}: {}, born {}", patient.id, patient.name, patient.born.as_deref().unwrap_or("?"));
    }
    Ok(())
}

/// Keys that end with the process: a raw root key, a key store in memory.
async fn sealer_in_memory() -> Result<Sealer, Box<dyn Error>> {
    let root = Secret::new(random::array()?);
    sealer(Arc::new(RawKeyring::new(&root)), Arc::new(MemoryStore::new()?)).await
}

/// Keys that stay: `DIR/root.key`, which opens everything (keep a copy elsewhere), and the branch keys wrapped by it.
async fn sealer_in(dir: &Path) -> Result<Sealer, Box<dyn Error>> {
    let root = match RootKey::open_or_create(&dir.join("root.key"))? {
        Opened::Existing(root) => root,
        Opened::Created(root) => {
            println!("a new root key is in {}", dir.join("root.key").display());
            root
        }
    };
    let store = FileStore::open_or_create(&dir.join("keys.json"))?;
    sealer(Arc::new(LocalKeyring::new("clinic", &root)), Arc::new(store)).await
}

async fn sealer(keyring: Arc<dyn Keyring>, store: Arc<dyn KeyStore>) -> Result<Sealer, Box<dyn Error>> {
    // Sealing never makes a key. Where there is a database, `pgseal keys create patients` does, once.
    create_key("patients", &*keyring, &*store).await?;
    // The lock knows the key store of the database where it was written; here is another one.
    let pins = Pins::default();
    Ok(Sealer::builder().schema_file(SCHEMA).keyring(keyring).store(store).pins("patients", pins).build().await?)
}

/// Nobody real.
fn patients() -> [Patient; 2] {
    let patient = |id, name: &str, insurance: &str, findings| Patient {
        id,
        ward: "B4".into(),
        name: name.into(),
        insurance: insurance.into(),
        born: Some("1971-03-02".into()),
        findings,
    };
    [
        patient(7, "Ada Specimen", "X000-111", Some(serde_json::json!({"icd10": "J45.1", "since": 2019}))),
        patient(8, "Bob Placeholder", "X000-222", None),
    ]
}

/// The first bytes in hex.
fn preview(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > 20 { format!("{hex}… {} bytes", bytes.len()) } else { hex }
}

#[cfg(test)]
mod tests {
    use pgseal::sealer::Kind;
    use pgseal::value::Value;

    use super::*;

    /// A folder of its own, gone at the end.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new() -> Self {
            let name: [u8; 8] = random::array().unwrap();
            Self(std::env::temp_dir().join(format!("pgseal-record-{:016x}", u64::from_be_bytes(name))))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn the_tour_ends_well() {
        tour(&sealer_in_memory().await.unwrap()).unwrap();
    }

    #[tokio::test]
    async fn a_record_comes_back_as_it_was_and_its_stored_form_shows_no_sealed_value() {
        let sealer = sealer_in_memory().await.unwrap();
        for patient in patients() {
            let sealed = sealer.seal("patient", &patient).unwrap();
            let bytes: Vec<u8> = sealed.columns().filter_map(|(_, bytes)| bytes).flatten().copied().collect();
            for value in [&patient.name, &patient.insurance, "J45.1"] {
                assert!(!bytes.windows(value.len()).any(|part| part == value.as_bytes()));
            }
            assert_eq!(sealed.bytes("ward"), Some("B4".as_bytes()), "a signed column is in the clear");
            let stored = serde_json::to_string(&sealed).unwrap();
            assert!(serde_json::from_str::<Patient>(&stored).is_err(), "a sealed record is no plain one");
            assert!(sealer.open::<Patient>(&serde_json::from_str(&stored).unwrap()).unwrap() == patient);
        }
    }

    #[tokio::test]
    async fn whatever_is_moved_edited_or_left_out_is_tampered_with() {
        let sealer = sealer_in_memory().await.unwrap();
        let [ada, bob] = patients().map(|patient| sealer.seal("patient", &patient).unwrap());
        for column in ["id", "name", "insurance", "findings", "pgseal_eq_insurance", "pgseal_signature"] {
            let mut forged = ada.clone();
            forged.set_bytes(column, bob.bytes(column));
            assert_eq!(sealer.open::<Patient>(&forged).err().unwrap().kind(), Kind::Tampered, "{column}");
        }
        let mut forged = ada.clone();
        forged.set_bytes("ward", Some(b"A1"));
        assert_eq!(sealer.open::<Patient>(&forged).err().unwrap().kind(), Kind::Tampered);
    }

    #[tokio::test]
    async fn of_many_records_every_forged_one_is_named() {
        let sealer = sealer_in_memory().await.unwrap();
        let mut sealed = patients().map(|patient| sealer.seal("patient", &patient).unwrap());
        assert!(sealer.open_many::<Patient>(&sealed).unwrap() == patients());
        sealed[1].set_bytes("born", None);
        let error = sealer.open_many::<Patient>(&sealed).err().unwrap();
        assert_eq!(error.kind(), Kind::Tampered);
        assert_eq!(error.failures().map(|(at, _)| at).collect::<Vec<_>>(), [1]);
    }

    #[tokio::test]
    async fn a_record_is_found_by_the_tag_of_its_value_and_by_no_other() {
        let sealer = sealer_in_memory().await.unwrap();
        let sealed = patients().map(|patient| sealer.seal("patient", &patient).unwrap());
        let column = sealer.search_column("patient", "insurance").unwrap();
        let find = |value: &str| {
            let tag = sealer.search_tag("patient", "insurance", value).unwrap().to_bytes();
            sealed.iter().position(|record| record.bytes(&column) == Some(&tag[..]))
        };
        assert_eq!([find("X000-111"), find("X000-222"), find("X000-333")], [Some(0), Some(1), None]);
        assert_eq!(sealer.search_tag("patient", "name", "Ada").err().unwrap().kind(), Kind::Refused, "it has no tag");
    }

    #[tokio::test]
    async fn a_record_whose_columns_are_known_at_run_time_is_the_same_record() {
        let sealer = sealer_in_memory().await.unwrap();
        let [ada, _] = patients();
        let sealed = sealer.seal("patient", &ada).unwrap();
        let mut dynamic = sealer.open_record(&sealed).unwrap();
        dynamic.set("name", Value::Text("Ada Sample".into()));
        let sealed = sealer.seal_record("patient", &dynamic).unwrap();
        assert!(sealer.open::<Patient>(&sealed).unwrap() == Patient { name: "Ada Sample".into(), ..ada });
    }

    #[tokio::test]
    async fn a_field_that_is_no_column_is_refused_without_its_value() {
        let sealer = sealer_in_memory().await.unwrap();
        let mut record = serde_json::to_value(&patients()[0]).unwrap();
        record["password"] = "hunter2".into();
        let error = sealer.seal("patient", &record).err().unwrap();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn what_one_process_sealed_the_next_one_opens() {
        let folder = Folder::new();
        persistent(&folder.0).await.unwrap();
        let stored = fs::read_to_string(folder.0.join("patients.json")).unwrap();
        assert!(!stored.contains("Specimen"));
        let sealer = sealer_in(&folder.0).await.unwrap();
        let sealed: Vec<SealedRecord> = serde_json::from_str(&stored).unwrap();
        assert!(sealer.open::<Patient>(&sealed[1]).unwrap() == patients()[1]);
        let other = sealer_in_memory().await.unwrap();
        assert!(other.open::<Patient>(&sealed[1]).is_err(), "other keys open nothing");
    }
}
