//! pgseal kms encrypt, decrypt, sign, verify, mac, verify-mac, random: operations on files and pipes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::open::{Failure, StoreArgs, field, object, pair, read, write};

/// The longest message in bytes.
const MAX_MESSAGE: u64 = 4096;
/// The longest ciphertext, signature or tag in bytes.
const MAX_SEALED: u64 = 6144;

/// Where bytes come from and go to.
#[derive(Debug, clap::Args)]
struct Through {
    /// From this file [default: standard input]
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// Into this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Flags of `pgseal kms encrypt`.
#[derive(Debug, clap::Args)]
pub(super) struct Encrypt {
    /// Id, ARN or alias of the key
    key: String,
    /// A pair of the encryption context; may come again
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
    /// RSAES_OAEP_SHA_256 or RSAES_OAEP_SHA_1 for an RSA key
    #[arg(long, value_name = "NAME")]
    algorithm: Option<String>,
    #[command(flatten)]
    through: Through,
}

/// Flags of `pgseal kms decrypt`.
#[derive(Debug, clap::Args)]
pub(super) struct Decrypt {
    /// Id, ARN or alias of the key; a symmetric key is named by the ciphertext
    key: Option<String>,
    /// A pair of the encryption context; may come again
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
    /// RSAES_OAEP_SHA_256 or RSAES_OAEP_SHA_1 for an RSA key
    #[arg(long, value_name = "NAME")]
    algorithm: Option<String>,
    #[command(flatten)]
    through: Through,
}

/// Flags of `pgseal kms sign`.
#[derive(Debug, clap::Args)]
pub(super) struct Sign {
    /// Id, ARN or alias of the key
    key: String,
    /// ECDSA_SHA_256, RSASSA_PSS_SHA_256, ED25519_SHA_512 …
    #[arg(long, value_name = "NAME")]
    algorithm: String,
    /// The input is a digest
    #[arg(long)]
    digest: bool,
    #[command(flatten)]
    through: Through,
}

/// Flags of `pgseal kms verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// Id, ARN or alias of the key
    key: String,
    /// As it was signed
    #[arg(long, value_name = "NAME")]
    algorithm: String,
    /// The input is a digest
    #[arg(long)]
    digest: bool,
    /// The signature
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
    /// The message [default: standard input]
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
}

/// Flags of `pgseal kms mac`.
#[derive(Debug, clap::Args)]
pub(super) struct Mac {
    /// Id, ARN or alias of the key
    key: String,
    /// HMAC_SHA_256 …
    #[arg(long, value_name = "NAME", default_value = "HMAC_SHA_256")]
    algorithm: String,
    #[command(flatten)]
    through: Through,
}

/// Flags of `pgseal kms verify-mac`.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyMac {
    /// Id, ARN or alias of the key
    key: String,
    /// HMAC_SHA_256 …
    #[arg(long, value_name = "NAME", default_value = "HMAC_SHA_256")]
    algorithm: String,
    /// The tag
    #[arg(long, value_name = "FILE")]
    mac: PathBuf,
    /// The message [default: standard input]
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
}

/// Flags of `pgseal kms random`.
#[derive(Debug, clap::Args)]
pub(super) struct Random {
    /// How many bytes: 1 to 1,024
    bytes: u32,
    /// Into this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn encrypt(store: &StoreArgs, args: &Encrypt) -> Result<ExitCode, Failure> {
    let plaintext = read(args.through.input.as_deref(), MAX_MESSAGE)?;
    let body = json!({
        "KeyId": args.key,
        "Plaintext": STANDARD.encode(&*plaintext),
        "EncryptionContext": object(&args.context),
        "EncryptionAlgorithm": args.algorithm,
    });
    give(store, &store.ask("Encrypt", body)?, "CiphertextBlob", args.through.out.as_deref())
}

pub(super) fn decrypt(store: &StoreArgs, args: &Decrypt) -> Result<ExitCode, Failure> {
    let sealed = read(args.through.input.as_deref(), MAX_SEALED)?;
    let body = json!({
        "KeyId": args.key,
        "CiphertextBlob": STANDARD.encode(&*sealed),
        "EncryptionContext": object(&args.context),
        "EncryptionAlgorithm": args.algorithm,
    });
    give(store, &store.ask("Decrypt", body)?, "Plaintext", args.through.out.as_deref())
}

pub(super) fn sign(store: &StoreArgs, args: &Sign) -> Result<ExitCode, Failure> {
    let message = read(args.through.input.as_deref(), MAX_MESSAGE)?;
    let body = json!({
        "KeyId": args.key,
        "Message": STANDARD.encode(&*message),
        "MessageType": kind(args.digest),
        "SigningAlgorithm": args.algorithm,
    });
    give(store, &store.ask("Sign", body)?, "Signature", args.through.out.as_deref())
}

pub(super) fn verify(store: &StoreArgs, args: &Verify) -> Result<ExitCode, Failure> {
    let message = read(args.input.as_deref(), MAX_MESSAGE)?;
    let signature = read(Some(&args.signature), MAX_SEALED)?;
    let body = json!({
        "KeyId": args.key,
        "Message": STANDARD.encode(&*message),
        "MessageType": kind(args.digest),
        "Signature": STANDARD.encode(&*signature),
        "SigningAlgorithm": args.algorithm,
    });
    let response = store.ask("Verify", body)?;
    store.show(&response, |_| "the signature holds".to_owned());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn mac(store: &StoreArgs, args: &Mac) -> Result<ExitCode, Failure> {
    let message = read(args.through.input.as_deref(), MAX_MESSAGE)?;
    let body = json!({ "KeyId": args.key, "Message": STANDARD.encode(&*message), "MacAlgorithm": args.algorithm });
    give(store, &store.ask("GenerateMac", body)?, "Mac", args.through.out.as_deref())
}

pub(super) fn verify_mac(store: &StoreArgs, args: &VerifyMac) -> Result<ExitCode, Failure> {
    let message = read(args.input.as_deref(), MAX_MESSAGE)?;
    let mac = read(Some(&args.mac), MAX_SEALED)?;
    let body = json!({
        "KeyId": args.key,
        "Message": STANDARD.encode(&*message),
        "Mac": STANDARD.encode(&*mac),
        "MacAlgorithm": args.algorithm,
    });
    let response = store.ask("VerifyMac", body)?;
    store.show(&response, |_| "the tag holds".to_owned());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn random(store: &StoreArgs, args: &Random) -> Result<ExitCode, Failure> {
    let response = store.ask("GenerateRandom", json!({ "NumberOfBytes": args.bytes }))?;
    give(store, &response, "Plaintext", args.out.as_deref())
}

fn kind(digest: bool) -> &'static str {
    if digest { "DIGEST" } else { "RAW" }
}

/// The bytes of one field into a file or a pipe; with `--output json` the answer as it is.
fn give(store: &StoreArgs, response: &Value, name: &str, out: Option<&Path>) -> Result<ExitCode, Failure> {
    if store.is_json() {
        store.show(response, |_| String::new());
        return Ok(ExitCode::SUCCESS);
    }
    let bytes = STANDARD.decode(field(response, name)).map_err(|error| Failure::Failed(error.to_string()))?;
    write(out, &Zeroizing::new(bytes))?;
    Ok(ExitCode::SUCCESS)
}
