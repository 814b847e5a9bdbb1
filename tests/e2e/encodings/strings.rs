//! What the copy of a text says under `standard_conforming_strings = on` is what the text says while it is off.

use pgseal::encoding::ClientEncoding;
use pgseal::sql::client_text::ClientText;
use pgseal::sql::lex::Strings;

use crate::harness::World;
use crate::harness::raw::{Frame, Raw, query};

type Row = Vec<Option<Vec<u8>>>;

/// The first row, or SQLSTATE and field P.
fn answer(raw: &mut Raw, sql: &str) -> Result<Row, (String, Option<u32>)> {
    let frames: Vec<Frame> = raw.talk(&query(sql), 1);
    match frames.iter().find(|frame| frame.kind == 'E') {
        Some(error) => Err((error.field('C').unwrap(), error.field('P').map(|place| place.parse().unwrap()))),
        None => Ok(frames.iter().find(|frame| frame.kind == 'D').map(Frame::columns).unwrap_or_default()),
    }
}

#[test]
fn a_text_and_its_copy_are_read_alike_by_postgresql_sql_7() {
    let world = World::plain("enccopies");
    let (mut off, mut on) = (world.raw_direct(), world.raw_direct());
    off.talk(&query("SET standard_conforming_strings = off; SET escape_string_warning = off"), 1);
    let pieces =
        ["'", "''", "\\", "\\'", "\\\\", "E'", "N'", "B'", "\n", " ", "a", "é", "\\134", "||", ", ", "$$", "date'"];
    let (mut compared, mut read) = (0, 0);
    // A generator of its own: the same texts at every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(most).unwrap()).unwrap()
    };
    for _ in 0..4_000 {
        let inner: String = (0..next(10)).map(|_| pieces[next(pieces.len())]).collect();
        for text in [format!("SELECT '{inner}'"), format!("SELECT N'{inner}' AS a, '\\''")] {
            let Ok(copy) = ClientText::read(text.as_bytes(), ClientEncoding::UTF8, Strings::Escape) else { continue };
            let (theirs, ours) = (answer(&mut off, &text), answer(&mut on, copy.text()));
            let ours = ours.map_err(|(code, place)| {
                let client = |place: u32| copy.places().client(usize::try_from(place - 1).unwrap()) + 1;
                (code, place.map(|place| u32::try_from(client(place)).unwrap()))
            });
            read += usize::from(theirs.is_ok());
            compared += 1;
            assert_eq!(ours, theirs, "{text}\n{}", copy.text());
        }
    }
    assert!(compared > 4_000 && read > 1_000, "{compared} {read}");
}

#[test]
fn a_block_and_its_copy_do_the_same_sql_7() {
    let world = World::plain("encblocks");
    let (mut off, mut on) = (world.raw_direct(), world.raw_direct());
    off.talk(&query("SET standard_conforming_strings = off; SET escape_string_warning = off"), 1);
    for text in [
        r"DO $$ BEGIN PERFORM set_config('app.said', 'a\'b\\c', false); END $$",
        r"DO 'BEGIN PERFORM set_config(''app.said'', ''a\\''b\\\\c'', false); END'",
        r"DO $$ BEGIN PERFORM set_config('app.said', $a$\'$a$ || 'a\x41', false); END $$ LANGUAGE plpgsql",
    ] {
        let copy = ClientText::read(text.as_bytes(), ClientEncoding::UTF8, Strings::Escape).unwrap();
        let said = |raw: &mut Raw, sql: &str| {
            let done = answer(raw, sql);
            (done.is_ok(), answer(raw, "SHOW app.said"))
        };
        let theirs = said(&mut off, text);
        assert!(theirs.0, "{text}: {theirs:?}");
        assert_eq!(said(&mut on, copy.text()), theirs, "{text}\n{}", copy.text());
    }
}
