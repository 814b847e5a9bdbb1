//! TLS on both legs: libpq's `sslmode` towards the server and from clients, what each refuses, and what goes on meanwhile.

mod pki;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pgseal::testing::postgres::{Binaries, Postgres};
use tokio_postgres::NoTls;

use crate::harness::proxy::{Proxy, run, state_dir, succeed};
use crate::harness::raw::{Raw, SSL_REQUEST, encryption_request, startup};
use crate::harness::scratch::Scratch;
use pki::{Authority, Pair, shown};

/// A server of its own, an authority that signed its certificate for `localhost`, and one that nobody trusts.
struct Room {
    scratch: Scratch,
    server: Postgres,
    ours: Authority,
    foreign: Authority,
}

impl Room {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let binaries = Binaries::find(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
        let server = Postgres::start(binaries).unwrap();
        let ours = Authority::new(scratch.path(), "ours");
        let foreign = Authority::new(scratch.path(), "foreign");
        Self { scratch, server, ours, foreign }
    }

    /// The same with TLS on at the server.
    fn secured(name: &str) -> Self {
        let room = Self::new(name);
        room.secure(&room.ours.sign(room.scratch.path(), "server", &["localhost"]));
        room
    }

    fn secure(&self, pair: &Pair) {
        let owner = fs::metadata(self.server.data()).unwrap();
        for (from, to) in [(&pair.certificate, "server.crt"), (&pair.key, "server.key")] {
            let to = self.server.data().join(to);
            fs::copy(from, &to).unwrap();
            chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        self.server.psql("postgres", "ALTER SYSTEM SET ssl = on").unwrap();
        self.server.psql("postgres", "SELECT pg_reload_conf()").unwrap();
        // The reload is a signal to the postmaster: a new connection says when it has been heard.
        while !self.server.psql("postgres", "SHOW ssl").unwrap().contains("on") {}
    }

    fn url(&self, host: &str, more: &str) -> String {
        let (port, password) = (self.server.port(), self.server.password());
        format!("host={host} port={port} user=postgres dbname=postgres password={password} {more}")
    }

    fn schema(&self) -> PathBuf {
        self.scratch.write("empty.toml", "version = 1\n")
    }

    fn try_serve(&self, upstream: &str, more: &[&str]) -> Result<Proxy, Output> {
        Proxy::try_start(&state_dir(self.scratch.path()), &self.schema(), upstream, more)
    }

    fn serve(&self, upstream: &str, more: &[&str]) -> Proxy {
        Proxy::start(&state_dir(self.scratch.path()), &self.schema(), upstream, more)
    }

    /// libpq through the proxy: what a statement gives, or what it says.
    fn ask(&self, proxy: &Proxy, more: &str, sql: &str) -> Result<String, String> {
        let mut command = Command::new(self.server.binaries().program("psql"));
        let port = proxy.address().port();
        command.args(["-XAtq", "-d", &format!("port={port} user=postgres dbname=postgres {more}"), "-c", sql]);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(&name);
            }
        }
        command.env("PGPASSWORD", self.server.password()).env("HOME", self.scratch.path()).stdin(Stdio::null());
        let output = run(&mut command);
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

const SEEN: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/// What a mode comes to at the server's side of the proxy: in the clear, under TLS, or an error that has these words.
enum Comes {
    Clear,
    Secured,
    Refused(&'static str),
}
use Comes::{Clear, Refused, Secured};

fn expect(room: &Room, host: &str, settings: &str, comes: &Comes) {
    let what = format!("host={host} {settings}");
    match (room.try_serve(&room.url(host, settings), &[]), comes) {
        (Ok(proxy), Clear | Secured) => {
            let seen = room.ask(&proxy, "host=127.0.0.1 sslmode=disable", SEEN);
            assert_eq!(seen.as_deref(), Ok(if matches!(comes, Clear) { "f" } else { "t" }), "{what}");
        }
        (Err(output), Refused(words)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(words), "{what}: {said}");
        }
        (Ok(_), Refused(words)) => panic!("{what} is served, and not refused with {words:?}"),
        (Err(output), Clear | Secured) => panic!("{what}: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn every_sslmode_towards_a_server_with_tls() {
    let room = Room::secured("tls-server");
    let right = format!("sslrootcert={}", room.ours.file.display());
    let wrong = format!("sslrootcert={}", room.foreign.file.display());
    for (host, settings, comes) in [
        ("localhost", "sslmode=disable".to_owned(), Clear),
        ("localhost", "sslmode=allow".to_owned(), Secured),
        ("localhost", String::new(), Secured),
        ("localhost", "sslmode=require".to_owned(), Secured),
        ("127.0.0.1", "sslmode=require".to_owned(), Secured),
        ("localhost", format!("sslmode=require {wrong}"), Refused("no authority that is trusted here")),
        ("127.0.0.1", format!("sslmode=verify-ca {right}"), Secured),
        ("localhost", format!("sslmode=verify-ca {wrong}"), Refused("no authority that is trusted here")),
        ("localhost", format!("sslmode=verify-full {right}"), Secured),
        ("127.0.0.1", format!("sslmode=verify-full {right}"), Refused("not for the host name")),
        ("localhost", format!("sslmode=verify-full {wrong}"), Refused("no authority that is trusted here")),
        ("localhost", "sslmode=verify-full sslrootcert=system".to_owned(), Refused("")),
        ("localhost", "sslmode=require ssl_max_protocol_version=TLSv1.2".to_owned(), Secured),
    ] {
        expect(&room, host, &settings, &comes);
    }
}

#[test]
fn what_demands_tls_never_falls_to_clear_text() {
    let room = Room::new("tls-none");
    let right = format!("sslrootcert={}", room.ours.file.display());
    for (settings, comes) in [
        ("sslmode=disable".to_owned(), Clear),
        ("sslmode=prefer".to_owned(), Clear),
        ("sslmode=require".to_owned(), Refused("does not support TLS")),
        (format!("sslmode=verify-ca {right}"), Refused("does not support TLS")),
        (format!("sslmode=verify-full {right}"), Refused("does not support TLS")),
    ] {
        expect(&room, "localhost", &settings, &comes);
    }
}

#[test]
fn a_server_that_loses_its_tls_gets_nothing_of_a_session_more() {
    let room = Room::secured("tls-lost");
    let proxy = room.serve(&room.url("localhost", "sslmode=require"), &[]);
    let clear = "host=127.0.0.1 sslmode=disable";
    assert_eq!(room.ask(&proxy, clear, SEEN).as_deref(), Ok("t"));
    room.server.psql("postgres", "ALTER SYSTEM SET ssl = off").unwrap();
    room.server.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    while !room.server.psql("postgres", "SHOW ssl").unwrap().contains("off") {}
    let said = room.ask(&proxy, clear, SEEN).unwrap_err();
    assert!(said.contains("the proxy cannot connect to the database server"), "{said}");
    assert!(proxy.log().contains("sslmode=require demands"), "{}", proxy.log());
}

#[test]
fn an_expired_certificate_of_the_server_is_refused() {
    let room = Room::new("tls-expired");
    room.secure(&room.ours.sign_until(room.scratch.path(), "server", &["localhost"], 2002));
    let verified = format!("sslmode=verify-full sslrootcert={}", room.ours.file.display());
    expect(&room, "localhost", &verified, &Refused("it has expired"));
}

#[tokio::test]
async fn a_cancel_request_reaches_the_server_under_tls() {
    let room = Room::secured("tls-cancel");
    let proxy = room.serve(&room.url("localhost", "sslmode=require"), &[]);
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(proxy.address().port()).user("postgres").dbname("postgres");
    config.password(room.server.password());
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let token = client.cancel_token();
    let canceller = async { while token.cancel_query(NoTls).await.is_ok() {} };
    let failed = tokio::select! {
        failed = client.simple_query("SELECT pg_sleep(60)") => failed.unwrap_err(),
        () = canceller => panic!("a cancel request failed"),
    };
    assert_eq!(failed.code().map(tokio_postgres::error::SqlState::code), Some("57014"));
}

/// Flags of `serve` for a pair.
fn flags(pair: &Pair) -> [&str; 4] {
    ["--tls-cert", shown(&pair.certificate), "--tls-key", shown(&pair.key)]
}

#[test]
fn every_sslmode_of_a_client() {
    let room = Room::new("tls-client");
    let pair = room.ours.sign(room.scratch.path(), "proxy", &["localhost"]);
    let upstream = room.url("localhost", "sslmode=disable");
    let proxy = room.serve(&upstream, &flags(&pair));
    let required = room.serve(&upstream, &[&flags(&pair)[..], &["--require-tls"]].concat());
    let (right, wrong) = (room.ours.file.display(), room.foreign.file.display());
    for (settings, fine, fine_if_required) in [
        ("host=localhost sslmode=disable".to_owned(), true, false),
        ("host=localhost sslmode=allow".to_owned(), true, true),
        ("host=localhost sslmode=prefer".to_owned(), true, true),
        ("host=localhost sslmode=require".to_owned(), true, true),
        (format!("host=127.0.0.1 sslmode=verify-ca sslrootcert={right}"), true, true),
        (format!("host=localhost sslmode=verify-ca sslrootcert={wrong}"), false, false),
        (format!("host=localhost sslmode=verify-full sslrootcert={right}"), true, true),
        (format!("host=127.0.0.1 sslmode=verify-full sslrootcert={right}"), false, false),
    ] {
        let told = room.ask(&proxy, &settings, "SELECT 1");
        assert_eq!(told.is_ok(), fine, "{settings}: {told:?}");
        let told = room.ask(&required, &settings, "SELECT 1");
        assert_eq!(told.is_ok(), fine_if_required, "required, {settings}: {told:?}");
    }
    let told = room.ask(&required, "host=localhost sslmode=disable", "SELECT 1").unwrap_err();
    assert!(told.contains("over TLS only"), "{told}");
}

#[test]
fn a_wide_result_and_a_large_parameter_pass_under_tls_on_both_legs() {
    let room = Room::secured("tls-both");
    let pair = room.ours.sign(room.scratch.path(), "proxy", &["localhost"]);
    let proxy = room.serve(&room.url("localhost", "sslmode=require"), &flags(&pair));
    let bound = "host=localhost sslmode=require channel_binding=disable";
    let sql = "SELECT md5(string_agg(repeat(i::text, 50), '')) FROM generate_series(1, 20000) i";
    let direct = room.server.psql("postgres", sql).unwrap();
    assert_eq!(room.ask(&proxy, bound, sql).unwrap(), direct.trim());
    let rows = room.ask(&proxy, bound, "SELECT repeat(i::text, 50) FROM generate_series(1, 20000) i").unwrap();
    assert_eq!(rows, (1..=20000).map(|i: u32| i.to_string().repeat(50)).collect::<Vec<_>>().join("\n"));
    let long = "x".repeat(100_000);
    assert_eq!(room.ask(&proxy, bound, &format!("SELECT length('{long}')")).unwrap(), "100000");
    // libpq's own default cannot work here, and is told so.
    let told = room.ask(&proxy, "host=localhost sslmode=require", "SELECT 1").unwrap_err();
    assert!(told.contains("channel_binding=disable"), "{told}");
}

#[test]
fn with_the_servers_own_certificate_a_login_is_tied_to_it_through_the_proxy() {
    let room = Room::new("tls-binding");
    let pair = room.ours.sign(room.scratch.path(), "server", &["localhost"]);
    room.secure(&pair);
    let proxy = room.serve(&room.url("localhost", "sslmode=require"), &flags(&pair));
    let bound = "host=localhost sslmode=require channel_binding=require";
    assert_eq!(room.ask(&proxy, bound, SEEN).as_deref(), Ok("t"));
}

#[test]
fn a_new_certificate_is_taken_while_sessions_live_and_a_bad_one_is_not() {
    let room = Room::new("tls-renewed");
    let pair = room.ours.sign(room.scratch.path(), "proxy", &["localhost"]);
    let proxy = room.serve(&room.url("localhost", "sslmode=disable"), &flags(&pair));
    let verified =
        |authority: &Authority| format!("host=localhost sslmode=verify-full sslrootcert={}", authority.file.display());
    let heard = |words: &str| while !proxy.log().contains(words) {};
    assert!(room.ask(&proxy, &verified(&room.ours), "SELECT 1").is_ok());

    room.foreign.sign(room.scratch.path(), "proxy", &["localhost"]);
    proxy.signal("HUP");
    heard("a new certificate is in use");
    assert!(room.ask(&proxy, &verified(&room.ours), "SELECT 1").is_err());
    assert!(room.ask(&proxy, &verified(&room.foreign), "SELECT 1").is_ok());

    fs::write(&pair.certificate, "no certificate").unwrap();
    proxy.signal("HUP");
    heard("those before stay in use");
    assert!(room.ask(&proxy, &verified(&room.foreign), "SELECT 1").is_ok());
}

#[test]
fn a_client_without_a_certificate_of_the_named_authority_is_refused() {
    let room = Room::new("tls-mutual");
    let pair = room.ours.sign(room.scratch.path(), "proxy", &["localhost"]);
    let (own, other) =
        (room.ours.sign(room.scratch.path(), "own", &["me"]), room.foreign.sign(room.scratch.path(), "other", &["me"]));
    let asked = [&flags(&pair)[..], &["--tls-client-ca", shown(&room.ours.file), "--require-tls"]].concat();
    let proxy = room.serve(&room.url("localhost", "sslmode=disable"), &asked);
    let with = |pair: &Pair| {
        format!("host=localhost sslmode=require sslcert={} sslkey={}", pair.certificate.display(), pair.key.display())
    };
    assert_eq!(room.ask(&proxy, &with(&own), "SELECT 1").as_deref(), Ok("1"));
    assert!(room.ask(&proxy, &with(&other), "SELECT 1").is_err());
    assert!(room.ask(&proxy, "host=localhost sslmode=require", "SELECT 1").is_err());
}

#[test]
fn what_came_in_the_clear_behind_an_sslrequest_is_refused() {
    let room = Room::new("tls-injected");
    let pair = room.ours.sign(room.scratch.path(), "proxy", &["localhost"]);
    let proxy = room.serve(&room.url("localhost", "sslmode=disable"), &flags(&pair));
    let mut raw = Raw::dial(proxy.address());
    raw.send(&[encryption_request(SSL_REQUEST), startup(&[("user", "postgres")])].concat());
    let answer = raw.rest();
    let told = String::from_utf8_lossy(&answer);
    assert!(told.contains("received unencrypted data after SSL request"), "{told}");
}

/// A handshake without an SSLRequest, and the first byte of what the proxy then says to an SSLRequest within it.
fn directly(room: &Room, proxy: &Proxy, alpn: &[&[u8]]) -> std::io::Result<u8> {
    use std::io::{Read as _, Write as _};
    let mut roots = rustls::RootCertStore::empty();
    let pem = fs::read(&room.ours.file).unwrap();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = "localhost".try_into().unwrap();
    let session = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(session, std::net::TcpStream::connect(proxy.address())?);
    stream.write_all(&encryption_request(SSL_REQUEST))?;
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}

#[test]
fn a_client_that_begins_with_tls_itself_says_which_protocol_it_means() {
    let room = Room::new("tls-direct");
    let pair = room.ours.sign(room.scratch.path(), "proxy", &["localhost"]);
    let proxy = room.serve(&room.url("localhost", "sslmode=disable"), &flags(&pair));
    // Within TLS there is no second one: an SSLRequest there is an unknown protocol.
    assert_eq!(directly(&room, &proxy, &[b"postgresql"]).unwrap(), b'E');
    assert_eq!(directly(&room, &proxy, &[]).unwrap(), b'E');
    assert!(directly(&room, &proxy, &[b"http/1.1"]).is_err());
    assert!(proxy.log().contains("without ALPN"), "{}", proxy.log());
    let none = room.serve(&room.url("localhost", "sslmode=disable"), &[]);
    assert!(directly(&room, &none, &[b"postgresql"]).is_err());
    assert!(none.log().contains("offers no TLS"), "{}", none.log());
}

#[test]
fn a_handshake_that_does_not_come_to_its_end_is_cut_off() {
    let room = Room::new("tls-slow");
    let pair = room.ours.sign(room.scratch.path(), "proxy", &["localhost"]);
    let config = room.scratch.write("slow.toml", "[limits]\nauthentication_seconds = 1\n");
    let more = [&flags(&pair)[..], &["--config", shown(&config)]].concat();
    let proxy = room.serve(&room.url("localhost", "sslmode=disable"), &more);
    let mut slow = Raw::dial(proxy.address());
    slow.send(&encryption_request(SSL_REQUEST));
    assert_eq!(slow.byte(), Some(b'S'));
    slow.send(&[0x16, 3, 1]);
    assert_eq!(slow.rest(), b"");
    let mut direct = Raw::dial(proxy.address());
    direct.send(&[0x16, 3, 1]);
    assert_eq!(direct.rest(), b"");
}

#[test]
fn a_key_that_others_may_read_and_one_that_does_not_fit_are_refused_at_start() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new("tls-key");
    let upstream = room.url("localhost", "sslmode=disable");
    let pair = room.ours.sign(room.scratch.path(), "proxy", &["localhost"]);
    let other = room.ours.sign(room.scratch.path(), "other", &["localhost"]);
    let said = |flags: &[&str]| match room.try_serve(&upstream, flags) {
        Ok(_) => panic!("{flags:?} is served"),
        Err(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    let mixed = ["--tls-cert", shown(&pair.certificate), "--tls-key", shown(&other.key)];
    assert!(said(&mixed).contains("does not fit"));
    fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(said(&flags(&pair)).contains("may be used by others"));
    assert!(said(&["--require-tls"]).contains("--tls-cert"));
}

#[test]
fn sealed_columns_under_tls_on_both_legs() {
    let room = Room::secured("tls-sealed");
    let verified = room.url("localhost", &format!("sslmode=verify-full sslrootcert={}", room.ours.file.display()));
    room.server.psql("postgres", "CREATE TABLE t (id int PRIMARY KEY, name text)").unwrap();
    let schema = room.scratch.write(
        "sealed.toml",
        "version = 1\n[keyrings.k]\ngenerator = \"local:k\"\n[branch_keys.b]\nkeyring = \"k\"\n[tables.t]\n\
         name = \"public.t\"\nbranch_key = \"b\"\nrow_signature = \"none\"\n[tables.t.columns]\n\
         id = \"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\"\nname = { action = \"ENCRYPT_AND_SIGN\", type = \"text\" }\n",
    );
    let state = state_dir(room.scratch.path());
    let mut apply = crate::harness::proxy::pgseal(&state);
    apply.args(["schema", "apply", "--create-keys", "--schema", shown(&schema), "--database", &verified]);
    succeed(&mut apply);
    let pair = room.ours.sign(room.scratch.path(), "proxy", &["localhost"]);
    let proxy = Proxy::start(&state, &schema, &verified, &flags(&pair));
    let bound = "host=localhost sslmode=require channel_binding=disable";
    room.ask(&proxy, bound, "INSERT INTO t (id, name) VALUES (1, 'Erika Mustermann')").unwrap();
    assert_eq!(room.ask(&proxy, bound, "SELECT name FROM t").as_deref(), Ok("Erika Mustermann"));
    assert!(!room.server.psql("postgres", "SELECT * FROM t").unwrap().contains("Erika"));
}
