//! A whole session of the proxy between a client and a server that both send what the fuzzer says: start-up packet,
//! relayed authentication, the simple and the extended protocol over sealed and signed tables.
//!
//! It ends when both are gone. What it passes on to either side is whole frames of types that this side takes, behind
//! the start-up packet or the answers to encryption requests; only the last one may be cut, where its sender left.
#![no_main]

use std::io::ErrorKind;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use pgseal::value::Format;
use pgseal_fuzz::{Choices, fixture, seeds};
use pgseal_proxy::config::Limits;
use pgseal_proxy::listener::{Phase, Shortage};
use pgseal_proxy::session::{self, Context, Core, cancel};
use pgseal_proxy::upstream::{Stream, Upstream};
use pgseal_proxy::wire::frame::{Header, client_limit};
use pgseal_proxy::wire::{compose, reader};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::{JoinHandle, LocalSet, spawn_local, yield_now};

struct World {
    runtime: tokio::runtime::Runtime,
    listener: UnixListener,
    context: Arc<Context>,
    phase: watch::Sender<Phase>,
}

thread_local! {
    static WORLD: World = world();
}

fn world() -> World {
    let directory: PathBuf = std::env::temp_dir().join(format!("pgseal-fuzz-session-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a folder");
    let socket = directory.join(".s.PGSQL.5432");
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).expect("a socket");
    listener.set_nonblocking(true).expect("a socket");
    let upstream = Upstream::parse(&format!("host={} user=u dbname=app", directory.display())).expect("an upstream");
    let context = Context {
        tls: None,
        upstream,
        limits: Limits { held_frame: 1 << 20, half_closed: Duration::from_millis(1), ..Limits::default() },
        allow_cleartext_password: false,
        pass_databases: vec!["other".into()],
        cancels: cancel::Registry::default(),
        protection: watch::channel(Arc::new(fixture::protection())).1,
        keys: Arc::new(fixture::keys()),
        control: None,
        shortage: Shortage::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(1).build();
    World {
        runtime: runtime.expect("a runtime"),
        listener,
        context: Arc::new(context),
        phase: watch::channel(Phase::Serving).0,
    }
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| WORLD.with(|world| {
    let (to_client, to_server) = world.runtime.block_on(LocalSet::new().run_until(play(data, world)));
    check_client(&to_client);
    if let Some(to_server) = to_server {
        check_server(&to_server);
    }
}));

/// Plays a script of parts that client or server send. Gives what was sent to the client, and to the server if one was
/// asked for.
async fn play(data: &[u8], world: &World) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut choices = Choices::new(data);
    let (client, theirs) = UnixStream::pair().expect("a pair");
    let core = Rc::new(Core::new(&world.context));
    let session = spawn_local(session::run(Stream::Unix(theirs), core, world.phase.subscribe()));
    let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    let (mut server, mut early): (Option<UnixStream>, Vec<u8>) = (None, Vec::new());
    while !choices.is_over() {
        let who = choices.byte();
        let part = choices.long_part();
        if who & 1 == 0 {
            send(&client, part);
        } else {
            early.extend_from_slice(part);
        }
        for _ in 0..2 + (who >> 1) % 4 {
            yield_now().await;
        }
        if server.is_none() {
            server = accept(&world.listener);
        }
        if let Some(server) = &server {
            send(server, &early);
            early.clear();
        }
        receive(&client, &mut to_client);
        server.iter().for_each(|server| receive(server, &mut to_server));
    }
    settle(&session).await;
    receive(&client, &mut to_client);
    server.iter().for_each(|server| receive(server, &mut to_server));
    let asked = server.is_some();
    drop((client, server));
    while !session.is_finished() {
        yield_now().await;
        // A CancelRequest connects as well.
        drop(accept(&world.listener));
    }
    session.await.expect("a session does not panic");
    while accept(&world.listener).is_some() {}
    (to_client, asked.then_some(to_server))
}

async fn settle(session: &JoinHandle<()>) {
    for _ in 0..12 {
        if session.is_finished() {
            return;
        }
        yield_now().await;
    }
}

/// What fits into the socket; a script is far shorter.
fn send(stream: &UnixStream, part: &[u8]) {
    let _ = stream.try_write(part);
}

fn receive(stream: &UnixStream, into: &mut Vec<u8>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = stream.try_read(&mut buffer) {
        into.extend_from_slice(&buffer[..count]);
    }
}

fn accept(listener: &UnixListener) -> Option<UnixStream> {
    match listener.accept() {
        Ok((stream, _)) => {
            stream.set_nonblocking(true).expect("a socket");
            Some(UnixStream::from_std(stream).expect("a socket"))
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            None
        }
    }
}

/// `N` for each encryption request, then frames of a server.
fn check_client(mut sent: &[u8]) {
    for _ in 0..2 {
        // A notice is an N too, and longer; none comes before the answers to encryption requests.
        if let Some(rest) = sent.strip_prefix(b"N")
            && !matches!(Header::peek(sent), Ok(Some(_)))
        {
            sent = rest;
        }
    }
    frames(sent, |tag| tag.is_ascii_alphanumeric());
}

/// The start-up packet (or a CancelRequest) in its length, then frames of a client.
fn check_server(sent: &[u8]) {
    let Some((length, _)) = sent.split_first_chunk() else { return };
    let length = u32::from_be_bytes(*length) as usize;
    frames(&sent[length..], |tag| tag == b'p' || client_limit(tag).is_some());
}

/// All but the last are whole.
fn frames(mut sent: &[u8], known: impl Fn(u8) -> bool) {
    while let Ok(Some(header)) = Header::peek(sent) {
        assert!(known(header.tag), "a frame of type {}", header.tag);
        match sent.get(header.total..) {
            Some(rest) => sent = rest,
            None => return,
        }
    }
    assert!(sent.len() < 5, "a frame with an impossible length was passed on");
}

/// A part of a script.
fn says(server: bool, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short part").to_be_bytes();
    [&[u8::from(server)], &length[..], bytes].concat()
}

fn startup(parameters: &[u8]) -> Vec<u8> {
    let length = (parameters.len() + 9) as u32;
    [&length.to_be_bytes()[..], &[0, 3, 0, 0], parameters, b"\0"].concat()
}

/// From the start-up packet to the first ReadyForQuery.
fn opened() -> Vec<u8> {
    let mut server = b"R\0\0\0\x08\0\0\0\0".to_vec();
    compose::parameter_status("server_version", "18.0", &mut server);
    compose::parameter_status("client_encoding", "UTF8", &mut server);
    compose::parameter_status("standard_conforming_strings", "on", &mut server);
    compose::parameter_status("DateStyle", "ISO, MDY", &mut server);
    compose::parameter_status("TimeZone", "UTC", &mut server);
    server.extend(b"K\0\0\0\x0c\0\0\0\x07abcd");
    compose::ready_for_query(reader::Status::Idle, &mut server);
    [says(false, &startup(b"user\0u\0database\0app\0")), says(true, &server)].concat()
}

fn composed(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn seeds() -> Vec<Vec<u8>> {
    let ssl = [&8_u32.to_be_bytes()[..], &80_877_103_u32.to_be_bytes()].concat();
    let cancel = [&16_u32.to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), b"\0\0\0\x07abcd"].concat();
    let password = b"R\0\0\0\x0c\0\0\0\x05salt";
    let mut seeds = vec![
        opened(),
        [says(false, &ssl), opened()].concat(),
        says(false, &cancel),
        says(false, &startup(b"user\0u\0database\0nowhere\0")),
        says(false, &startup(b"user\0u\0database\0app\0replication\0database\0")),
        [
            says(false, &startup(b"user\0u\0database\0other\0options\0-c x=y\0")),
            says(true, password),
            says(false, b"p\0\0\0\x0bmd5aaa\0"),
            says(true, b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"),
            says(false, &composed(|out| compose::query("SELECT ssn FROM customers", out))),
        ]
        .concat(),
    ];
    let queries = [
        "SELECT 1",
        "SELECT id, ssn FROM customers WHERE ssn = '123-45'",
        "SELECT id FROM customers ORDER BY ssn",
        "INSERT INTO staff (id, email) VALUES (1, 'ada'); SELECT 2",
        "UPDATE staff SET note = 'n' WHERE id = 1",
        "BEGIN; SAVEPOINT a; INSERT INTO shift (staff_id, email) VALUES (1, 'a') RETURNING id; COMMIT",
        "PREPARE a AS SELECT ssn FROM customers",
        "SET bytea_output = escape",
        "COPY customers FROM STDIN",
        "CREATE VIEW v AS SELECT ssn FROM customers",
        "INSERT INTO customers\u{a0} VALUES (1)",
        "PREPARE s AS SELECT $1::bytea; EXECUTE s('x')",
        "DISCARD ALL",
    ];
    for query in queries {
        let answer = composed(|out| {
            compose::row_description(&[field(b"id", 20), field(b"ssn", 17)], out);
            compose::data_row(&[Some(b"1"), None], out);
            compose::command_complete("SELECT 1", out);
            compose::ready_for_query(reader::Status::Idle, out);
        });
        let asked = composed(|out| compose::query(query, out));
        seeds.push([opened(), says(false, &asked), says(true, &answer)].concat());
    }
    let extended = composed(|out| {
        compose::parse(b"s", "SELECT id, ssn FROM customers WHERE ssn = $1", &[], out);
        compose::describe(reader::Target::Statement, b"s", out);
        compose::bind(b"", b"s", &[(Format::Text, Some(b"123-45"))], &[Format::Text], out);
        compose::describe(reader::Target::Portal, b"", out);
        compose::execute(b"", 0, out);
        compose::close(reader::Target::Statement, b"s", out);
        compose::sync(out);
    });
    let answers = composed(|out| {
        compose::parse_complete(out);
        compose::parameter_description(&[2950], out);
        compose::row_description(&[field(b"id", 20), field(b"ssn", 17)], out);
        compose::bind_complete(out);
        compose::row_description(&[field(b"id", 20), field(b"ssn", 17)], out);
        compose::data_row(&[Some(b"1"), None, Some(b"\0\0\0\0\0\0\0\x01")], out);
        compose::command_complete("SELECT 1", out);
        compose::close_complete(out);
        compose::ready_for_query(reader::Status::Idle, out);
    });
    seeds.push([opened(), says(false, &extended), says(true, &answers)].concat());
    // A Bind that waits for DISCARD ALL, one to a name that nobody made, and data of no COPY.
    let bound = composed(|out| {
        compose::parse(b"s", "SELECT id FROM customers WHERE ssn = $1", &[], out);
        compose::query("DISCARD ALL", out);
        compose::bind(b"", b"s", &[(Format::Text, Some(b"123-45"))], &[], out);
        compose::sync(out);
        compose::bind(b"", b"nobody", &[(Format::Text, Some(b"123-45"))], &[], out);
        out.extend(b"d\0\0\0\x08data");
        compose::sync(out);
    });
    let freed = composed(|out| {
        compose::parse_complete(out);
        compose::command_complete("DISCARD ALL", out);
        compose::ready_for_query(reader::Status::Idle, out);
    });
    let nobody = composed(|out| {
        compose::close_complete(out);
        compose::parse_complete(out);
        compose::bind_complete(out);
        compose::command_complete("SELECT 0", out);
        compose::close_complete(out);
    });
    seeds.push([opened(), says(false, &bound), says(true, &freed), says(true, &nobody)].concat());
    let refused = composed(|out| {
        compose::parse(b"", "SELECT id FROM customers ORDER BY ssn", &[], out);
        compose::bind(b"", b"", &[], &[], out);
        compose::execute(b"", 0, out);
        compose::sync(out);
    });
    let failed = composed(|out| {
        let fields: [(u8, &[u8]); 4] =
            [(b'S', b"ERROR"), (b'V', b"ERROR"), (b'C', b"42883"), (b'M', b"no such function")];
        compose::fields(b'E', fields, out);
        compose::ready_for_query(reader::Status::Idle, out);
    });
    seeds.push([opened(), says(false, &refused), says(true, &failed)].concat());
    let stepped = composed(|out| {
        compose::parse(b"u", "UPDATE staff SET note = $1 WHERE email = $2 RETURNING id, note", &[], out);
        compose::bind(b"", b"u", &[(Format::Text, Some(b"n")), (Format::Text, Some(b"e"))], &[], out);
        compose::execute(b"", 0, out);
        compose::sync(out);
    });
    let steps = composed(|out| {
        compose::parse_complete(out);
        compose::close_complete(out);
        compose::close_complete(out);
        compose::parse_complete(out);
        compose::bind_complete(out);
        compose::command_complete("SELECT 0", out);
    });
    seeds.push([opened(), says(false, &stepped), says(true, &steps), says(true, &failed)].concat());
    seeds
}

fn field(name: &[u8], type_oid: u32) -> reader::Field<'_> {
    reader::Field { name, table_oid: 16_400, attnum: 1, type_oid, typlen: -1, typmod: -1, format: Format::Text }
}
