//! Frames and the fields of messages, from client and server alike.
//!
//! What was read is written again and must be the same bytes; no list holds room for more items than bytes came; a
//! stream is cut into frames of which not one byte is lost.
#![no_main]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;
use pgseal::value::Format;
use pgseal_fuzz::seeds;
use pgseal_proxy::frames;
use pgseal_proxy::wire::buffer::Inbound;
use pgseal_proxy::wire::frame::{HEADER, Header, MAX_LARGE, client_limit};
use pgseal_proxy::wire::{compose, reader};

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    from_client(data);
    from_server(data);
    stream(data);
});

/// The body of the one frame that `write` appends.
fn body(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = Vec::new();
    write(&mut frame);
    let header = Header::peek(&frame).expect("a length").expect("a whole header");
    assert_eq!(header.total, frame.len());
    frame.split_off(HEADER)
}

fn from_client(data: &[u8]) {
    if let Ok(parse) = reader::parse(data) {
        assert!(parse.types.capacity() * 4 <= data.len());
        if let Ok(text) = std::str::from_utf8(parse.text) {
            assert_eq!(body(|out| compose::parse(parse.statement, text, &parse.types, out)), data);
        }
    }
    if let Ok(bind) = reader::bind(data) {
        let held = bind.formats.capacity() * 2 + bind.values.capacity() * 4 + bind.results.capacity() * 2;
        assert!(held <= data.len());
        let results = frames::bind::result_formats(&bind.results, bind.results.len());
        if let (Ok(formats), Ok(results)) = (frames::bind::formats(&bind), results) {
            let params: Vec<_> = formats.iter().copied().zip(bind.values.iter().copied()).collect();
            let again = body(|out| compose::bind(bind.portal, bind.statement, &params, &results, out));
            let again = reader::bind(&again).expect("what was composed");
            let code = |format: Format| match format {
                Format::Text => 0,
                Format::Binary => 1,
            };
            let formats = formats.into_iter().map(code).collect();
            assert!(again == reader::Bind { formats, ..bind.clone() });
        }
    }
    if let Ok((target, name)) = reader::describe(data) {
        assert_eq!(body(|out| compose::describe(target, name, out)), data);
        assert_eq!(body(|out| compose::close(target, name, out)), data);
    }
    if let Ok((portal, limit)) = reader::execute(data) {
        assert_eq!(body(|out| compose::execute(portal, limit, out)), data);
    }
    if let Ok(text) = reader::query(data).map(std::str::from_utf8)
        && let Ok(text) = text
    {
        assert_eq!(body(|out| compose::query(text, out)), data);
    }
}

fn from_server(data: &[u8]) {
    if let Ok(fields) = reader::row_description(data) {
        assert!(fields.capacity() * 19 <= data.len());
        assert_eq!(body(|out| compose::row_description(&fields, out)), data);
    }
    if let Ok(row) = reader::data_row(data) {
        assert!(row.capacity() * 4 <= data.len());
        assert_eq!(body(|out| compose::data_row(&row, out)), data);
    }
    if let Ok(types) = reader::parameter_description(data) {
        assert!(types.capacity() * 4 <= data.len());
        assert_eq!(body(|out| compose::parameter_description(&types, out)), data);
    }
    if let Ok(tag) = reader::command_complete(data) {
        let _ = reader::affected(tag);
        if let Ok(tag) = std::str::from_utf8(tag) {
            assert_eq!(body(|out| compose::command_complete(tag, out)), data);
        }
    }
    if let Ok(fields) = reader::fields(data) {
        assert_eq!(body(|out| compose::fields(b'E', fields.iter().copied(), out)), data);
    }
    if let Ok((name, value)) = reader::parameter_status(data)
        && let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value))
    {
        assert_eq!(body(|out| compose::parameter_status(name, value, out)), data);
    }
    if let Ok(status) = reader::ready_for_query(data) {
        assert_eq!(body(|out| compose::ready_for_query(status, out)), data);
    }
    if let Ok((process, secret)) = reader::backend_key_data(data) {
        assert_eq!([&process.to_be_bytes(), secret].concat(), data);
    }
}

/// Cuts a stream into frames as a session does. What a length claims is asked of the buffer, which must not reserve
/// it: the address space that `run` allows is smaller than the longest frame.
fn stream(data: &[u8]) {
    let (mut source, mut inbound, mut seen) = (data, Inbound::default(), Vec::new());
    loop {
        let wanted = match Header::peek(inbound.bytes()) {
            Err(_) => break,
            Ok(None) => HEADER,
            Ok(Some(header)) => {
                assert!((HEADER..=MAX_LARGE + 1).contains(&header.total));
                let _ = client_limit(header.tag);
                if let Some(frame) = inbound.bytes().get(..header.total) {
                    assert_eq!(frame[0], header.tag);
                    seen.extend_from_slice(frame);
                    inbound.consume(header.total);
                    continue;
                }
                header.total
            }
        };
        // A slice is always ready.
        let Poll::Ready(read) = pin!(inbound.read(&mut source, wanted)).poll(&mut Context::from_waker(Waker::noop()))
        else {
            unreachable!()
        };
        if read.expect("a slice") == 0 {
            break;
        }
    }
    seen.extend_from_slice(inbound.bytes());
    seen.extend_from_slice(source);
    assert_eq!(seen, data);
}

fn seeds() -> Vec<Vec<u8>> {
    use pgseal::value::Format::{Binary, Text};
    let field = reader::Field {
        name: b"pan",
        table_oid: 16_400,
        attnum: 2,
        type_oid: 25,
        typlen: -1,
        typmod: -1,
        format: Text,
    };
    let mut seeds = vec![
        body(|out| compose::parse(b"s1", "SELECT ssn FROM customers WHERE id = $1", &[20, 0], out)),
        body(|out| compose::bind(b"p", b"s1", &[(Text, Some(b"7")), (Binary, None)], &[Binary, Text], out)),
        body(|out| compose::describe(reader::Target::Portal, b"p", out)),
        body(|out| compose::execute(b"p", 100, out)),
        body(|out| compose::query("SELECT 1", out)),
        body(|out| compose::row_description(&[field, field], out)),
        body(|out| compose::data_row(&[Some(b"abc"), None, Some(b"")], out)),
        body(|out| compose::parameter_description(&[25, 20], out)),
        body(|out| compose::command_complete("INSERT 0 12", out)),
        body(|out| compose::fields(b'E', [(b'S', &b"ERROR"[..]), (b'C', b"42P01"), (b'M', b"no")], out)),
        body(|out| compose::parameter_status("TimeZone", "Europe/Berlin", out)),
        body(|out| compose::ready_for_query(reader::Status::InBlock, out)),
        vec![0, 0, 1, 0, 9, 9, 9, 9],
    ];
    let mut frames = Vec::new();
    compose::query("SELECT 1", &mut frames);
    compose::sync(&mut frames);
    compose::data_row(&[Some(b"abc")], &mut frames);
    frames.extend_from_slice(b"Q\x3f\xff\xff\xfeSELECT");
    seeds.push(frames);
    seeds
}
