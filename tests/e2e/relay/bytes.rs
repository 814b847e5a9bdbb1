//! The same script of raw messages direct and through the proxy: the same bytes come back.

use pgseal::testing::tap::Cut;

use crate::harness::World;

use crate::harness::raw::{
    Frame, Raw, bind, bind_formats, close, copy_data, copy_done, copy_fail, describe, execute, flush, kinds, message,
    parse, query, startup, sync, terminate,
};

/// Both connections run the script after log-in; everything the server says must be equal.
#[track_caller]
fn same(world: &World, script: &[Vec<u8>], ready: usize) -> Vec<Frame> {
    let script = script.concat();
    let direct = world.raw_direct().talk(&script, ready);
    let relayed = world.raw().talk(&script, ready);
    assert_same(&relayed, &direct);
    relayed
}

#[track_caller]
fn assert_same(relayed: &[Frame], direct: &[Frame]) {
    assert_eq!(kinds(relayed), kinds(direct));
    for (number, (relayed, direct)) in relayed.iter().zip(direct).enumerate() {
        assert_eq!(relayed, direct, "message {number}");
    }
}

/// What the script works on.
const TABLE: &str = "CREATE TABLE t (id int, v text)";

/// A script of everything that the two query protocols know, errors included.
fn every_kind_of_message() -> (Vec<Vec<u8>>, usize) {
    let script = vec![
        query(""),
        query("SELECT 1 AS one, 'é'::text AS text, NULL::int; SELECT 2; TRUNCATE t"),
        query("BEGIN; INSERT INTO t VALUES (1, 'a'), (2, NULL); SAVEPOINT s; SELECT 1/0; SELECT 'not reached'"),
        query("SELECT 'aborted'"),
        query("ROLLBACK TO s; COMMIT"),
        query("SELECT * FROM nowhere WHERE x = 1"),
        query("SELEKT 1"),
        query("DO $$ BEGIN RAISE NOTICE 'note' USING DETAIL = 'detail', HINT = 'hint'; END $$"),
        query("SET application_name = 'renamed'; SET TimeZone = 'Asia/Tokyo'"),
        parse("s1", "SELECT $1::int + 1, v FROM t WHERE id <= $1 ORDER BY id", &[23]),
        describe(b'S', "s1"),
        bind("p1", "s1", &[Some("2")], 1),
        describe(b'P', "p1"),
        execute("p1", 1),
        execute("p1", 0),
        close(b'P', "p1"),
        parse("s2", "DELETE FROM t WHERE v = $1", &[]),
        describe(b'S', "s2"),
        flush(),
        sync(),
        // An error drops everything up to Sync, and the next batch is served.
        parse("", "SELECT 1/$1::int", &[]),
        bind("", "", &[Some("0")], 0),
        execute("", 0),
        parse("never", "SELECT 1", &[]),
        bind("", "never", &[], 0),
        sync(),
        bind("", "never", &[], 0),
        sync(),
        parse("", "", &[]),
        bind("", "", &[], 0),
        execute("", 0),
        sync(),
        bind_formats("b", "s1", &[1], &[Some(&[0, 0, 0, 1])], &[0, 1]),
        execute("b", 0),
        sync(),
        close(b'S', "s1"),
        sync(),
        bind("", "s1", &[Some("1")], 0),
        sync(),
        // FunctionCall: int4pl(40, 2) is not asked for by any driver, but it is part of the protocol.
        message(
            b'F',
            &[&177_u32.to_be_bytes()[..], &[0, 1, 0, 1, 0, 2, 0, 0, 0, 4, 0, 0, 0, 40, 0, 0, 0, 4, 0, 0, 0, 2, 0, 1]]
                .concat(),
        ),
    ];
    (script, 17)
}

#[test]
fn every_kind_of_message_comes_back_byte_for_byte() {
    let world = World::plain("bytes");
    world.at_server(TABLE);
    let (script, ready) = every_kind_of_message();
    let frames = same(&world, &script, ready);
    for kind in "TDCIENSt12Zn3sV".chars() {
        assert!(frames.iter().any(|frame| frame.kind == kind), "the script provokes no {kind}: {}", kinds(&frames));
    }
}

#[test]
fn a_stream_cut_at_every_byte_gives_the_same_answer() {
    let world = World::cut("cut", Cut::Bytes);
    world.at_server(TABLE);
    let (script, ready) = every_kind_of_message();
    let script = script.concat();
    let direct = world.raw_direct().talk(&script, ready);
    let mut raw = world.raw();
    raw.send_slowly(&script);
    let relayed: Vec<Frame> = (0..ready).flat_map(|_| raw.until('Z')).collect();
    assert_same(&relayed, &direct);
}

#[test]
fn a_stream_cut_at_random_places_gives_the_same_answer() {
    let world = World::cut("random", Cut::Random);
    world.at_server(TABLE);
    let (script, ready) = every_kind_of_message();
    same(&world, &script, ready);
}

#[test]
fn copy_in_and_out_are_relayed_with_their_errors() {
    let world = World::plain("copy");
    world.at_server("CREATE TABLE c (id int PRIMARY KEY, v text)");
    // COPY commits: each run gets its own keys.
    let run = |raw: &mut Raw| {
        let mut frames = Vec::new();
        raw.send(&query("BEGIN; COPY c FROM STDIN; SELECT 1"));
        frames.extend(raw.until('G'));
        raw.send(&[copy_data(b"1\ta\n2"), copy_data(b"\t\\N\n"), flush(), sync(), copy_done()].concat());
        frames.extend(raw.until('Z'));
        frames.extend(raw.talk(&query("COPY c TO STDOUT (FORMAT csv, HEADER)"), 1));
        frames.extend(raw.talk(&query("COPY c TO STDOUT (FORMAT binary)"), 1));
        raw.send(&query("COPY c FROM STDIN"));
        frames.extend(raw.until('G'));
        raw.send(&copy_fail("changed my mind"));
        frames.extend(raw.until('Z'));
        // Data sent before the answer, and an error while the client still sends.
        let script =
            [query("ROLLBACK"), query("COPY c FROM STDIN"), copy_data(b"x\ty\n"), copy_data(b"3\tc\n"), copy_done()];
        frames.extend(raw.talk(&script.concat(), 2));
        frames
    };
    let direct = run(&mut world.raw_direct());
    let relayed = run(&mut world.raw());
    assert_same(&relayed, &direct);
    assert!(relayed.iter().any(|frame| frame.field('C').as_deref() == Some("57014")), "CopyFail");
}

#[test]
fn error_fields_arrive_unchanged() {
    let world = World::plain("fields");
    world.at_server("CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent)");
    let frames = same(&world, &[query("INSERT INTO child VALUES (7)"), query("SELECT é, nope FROM parent")], 2);
    let errors: Vec<_> = frames.iter().filter(|frame| frame.kind == 'E').collect();
    assert_eq!(errors[0].field('C').as_deref(), Some("23503"));
    for field in "SVMDstnFLR".chars() {
        assert!(errors[0].field(field).is_some(), "field {field}");
    }
    assert_eq!(errors[1].field('P').as_deref(), Some("8"), "characters, not bytes");
}

#[test]
fn start_up_parameters_reach_the_server_as_they_were_sent() {
    let world = World::plain("params");
    let hello = startup(&[
        ("user", "postgres"),
        ("database", world.database()),
        ("options", "-c work_mem=7MB -c geqo=off"),
        ("application_name", "name with spaces é"),
        ("_pq_.unknown", "x"),
    ]);
    let mut raw = world.raw_unauthenticated();
    raw.send(&hello);
    let greeting = raw.until('Z');
    assert!(kinds(&greeting).starts_with('v'), "NegotiateProtocolVersion comes from the server: {}", kinds(&greeting));
    let frames = raw.talk(&query("SHOW work_mem; SHOW geqo; SHOW application_name"), 1);
    let rows: Vec<_> =
        frames.iter().filter(|frame| frame.kind == 'D').map(|row| row.columns()[0].clone().unwrap()).collect();
    assert_eq!(rows[..2], [b"7MB".to_vec(), b"off".to_vec()]);
    let name = world.raw_direct().talk(&query("SET application_name = 'name with spaces é'; SHOW application_name"), 1);
    let name = name.iter().find(|frame| frame.kind == 'D').unwrap().columns()[0].clone().unwrap();
    assert_eq!(rows[2], name);
}

#[test]
fn what_is_left_when_the_client_says_goodbye_is_still_executed() {
    let world = World::plain("goodbye");
    world.at_server("CREATE TABLE g (id int)");
    let mut raw = world.raw();
    raw.send(&[query("INSERT INTO g VALUES (1)"), terminate()].concat());
    assert!(kinds(&raw.until('-')).ends_with('Z'));
    assert_eq!(world.at_server("SELECT count(*) FROM g"), "1\n");
}

#[test]
fn a_pipeline_that_fills_both_sockets_does_not_deadlock() {
    let world = World::plain("pipeline");
    let (stream, count) = (world.proxy().address(), 400_usize);
    let one = [
        parse("", "SELECT repeat('x', 100000), length($1)", &[25]),
        bind("", "", &[Some(&"y".repeat(100_000))], 0),
        execute("", 0),
        sync(),
    ]
    .concat();
    let mut raw = Raw::dial(stream);
    raw.log_in(world.database());
    // Everything is written before anything is read: both directions must be able to wait for each other.
    let (mut reader, mut writer) = raw.split();
    let writing = std::thread::spawn(move || (0..count).for_each(|_| writer.send(&one)));
    for _ in 0..count {
        assert_eq!(kinds(&reader.until('Z')), "12DCZ");
    }
    writing.join().unwrap();
}
