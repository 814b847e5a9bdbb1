//! What a client binds to a planned statement: parameters of every type and format, arrays in both of their forms.
//!
//! What is sent to the server is a whole Bind with as many parameters as the plan has slots, and shows no value that a
//! sealed column gets.
#![no_main]

use std::cell::LazyCell;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pgseal::encoding::ClientEncoding;
use pgseal::exec::inputs::{Params, Physical};
use pgseal::exec::steps::{self, Execution, StepRows};
use pgseal::schema::Protection;
use pgseal::sql::{self, Decision, Plan, Steps};
use pgseal::value::{Format, Settings};
use pgseal_fuzz::fixture::Keys;
use pgseal_fuzz::{Choices, fixture, seeds};
use pgseal_proxy::frames;
use pgseal_proxy::frames::bind::Checked;
use pgseal_proxy::wire::frame::HEADER;
use pgseal_proxy::wire::{compose, reader};

/// Every parameter stands against a sealed column, but for those named `plain` behind the text.
const STATEMENTS: [(&str, &[u32], &[usize]); 12] = [
    ("SELECT id FROM customers WHERE ssn = $1", &[], &[]),
    ("SELECT id FROM customers WHERE ssn = ANY($1) OR email IN ($2, $3)", &[], &[]),
    ("SELECT id FROM customers WHERE dob = $1 AND ext_id = $2", &[], &[]),
    ("SELECT id FROM customers WHERE dob = ANY($1)", &[], &[]),
    ("SELECT id FROM accounts WHERE balance = ANY($1) OR credit_limit = $2", &[1231, 1700], &[]),
    ("INSERT INTO customers (id, ssn, notes, dob, is_vip, ext_id) VALUES (1, $1, $2, $3, $4, $5)", &[], &[]),
    ("INSERT INTO accounts (id, iban, pin, balance, credit_limit) VALUES ($1, $2, $3, $4, $5)", &[], &[0]),
    ("INSERT INTO staff (id, email, pay, ref, team, since) VALUES ($1, $2, $3, $4, $5, $6)", &[], &[0, 4, 5]),
    ("INSERT INTO messages (id, room, body, meta, raw, sent, noted) VALUES ($1, $2, $3, $4, $5, $6, $7)", &[], &[0, 1]),
    ("UPDATE customers SET ssn = $1, notes = $2 WHERE id = 1", &[1043], &[]),
    ("UPDATE staff SET note = $1, pay = $2 WHERE email = $3", &[], &[]),
    ("INSERT INTO shift (staff_id, email, hours) VALUES ($1, $2, $3) RETURNING id", &[], &[0, 2]),
];

struct World {
    keys: Keys,
    plans: Vec<Arc<Plan>>,
}

thread_local! {
    static WORLD: LazyCell<World> = LazyCell::new(|| {
        let protection = fixture::protection();
        World { keys: fixture::keys(), plans: STATEMENTS.iter().map(|case| plan(case.0, case.1, &protection)).collect() }
    });
}

fn plan(text: &str, declared: &[u32], protection: &Protection) -> Arc<Plan> {
    match sql::plan(text, declared, protection).remove(0).decision {
        Decision::Rewrite(plan) => plan,
        Decision::Forward | Decision::Qualify(_) => panic!("forwarded: {text}"),
        Decision::Refuse(refusal) => panic!("refused: {text}: {}", refusal.message),
    }
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut choices = Choices::new(data);
    WORLD.with(|world| {
        let index = choices.below(STATEMENTS.len());
        let (plan, (_, declared, plain)) = (&world.plans[index], &STATEMENTS[index]);
        let zone = *choices.of(&["UTC", "Europe/Berlin", "Nowhere/Land"]);
        let mut settings = Settings::default();
        settings.set("TimeZone", zone);
        settings.set("DateStyle", if choices.yes() { "German" } else { "ISO" });
        match choices.below(4) {
            0 => body(choices.rest(), plan, &world.keys, &settings),
            _ => {
                let (mut formats, mut values) = (Vec::new(), Vec::new());
                for _ in 0..plan.params.len() {
                    let how = choices.byte();
                    formats.push(if how & 1 == 0 { Format::Text } else { Format::Binary });
                    values.push((how & 14 != 14).then(|| choices.part()));
                }
                values_of(plan, declared, plain, &formats, &values, &world.keys, &settings);
            }
        }
    });
});

/// The physical Bind, as a session makes it of the client's.
fn bound(
    client: &reader::Bind<'_>,
    plan: &Plan,
    keys: &Keys,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<(), pgseal::exec::Error> {
    let Checked { params: formats, columns } = frames::bind::check(client, plan)?;
    columns.check(plan, settings)?;
    let params = Params { values: &client.values, formats: &formats, encoding: settings.encoding };
    frames::bind::bind(client, params, &columns, plan, keys, settings, out)
}

/// A Bind whose body is foreign.
fn body(bytes: &[u8], plan: &Plan, keys: &Keys, settings: &Settings) {
    let Ok(client) = reader::bind(bytes) else { return };
    let mut out = Vec::new();
    if bound(&client, plan, keys, settings, &mut out).is_err() {
        assert!(out.is_empty());
    }
}

fn values_of(
    plan: &Arc<Plan>,
    declared: &[u32],
    plain: &[usize],
    formats: &[Format],
    values: &[Option<&[u8]>],
    keys: &Keys,
    settings: &Settings,
) {
    // Random bytes of tags and cells hold a run this long once in the life of a star.
    let secret = |sent: &[u8]| {
        let open: Vec<&[u8]> = plain.iter().filter_map(|&index| values[index]).collect();
        for (_, value) in values.iter().enumerate().filter(|(index, _)| !plain.contains(index)) {
            let Some(value) = value.filter(|value| value.len() >= 12) else { continue };
            // Zeros are part of a header; what a plain column gets as well is no secret.
            let dull = value.iter().filter(|byte| **byte > 1).count() < 8;
            if !dull && !open.iter().any(|open| contains(open, value)) {
                assert!(!contains(sent, value), "a value of a sealed column is sent as it is");
            }
        }
    };
    let params = Params { values, formats, encoding: ClientEncoding::UTF8 };
    if matches!(plan.steps, Steps::One) {
        let client = reader::Bind {
            portal: b"p",
            statement: b"s",
            formats: formats.iter().map(|format| i16::from(*format == Format::Binary)).collect(),
            values: values.to_vec(),
            results: vec![],
        };
        let mut out = Vec::new();
        if bound(&client, plan, keys, settings, &mut out).is_err() {
            assert!(out.is_empty());
            return;
        }
        let sent = reader::bind(&out[HEADER..]).expect("a Bind of ours");
        sent.values.iter().flatten().for_each(|value| secret(value));
        assert_eq!(sent.values.len(), plan.template.slots.len());
        assert_eq!(sent.formats.len(), sent.values.len());
        let mut parse = Vec::new();
        frames::bind::parse(b"s", plan, declared, ClientEncoding::UTF8, &mut parse).unwrap();
        let parse = reader::parse(&parse[HEADER..]).expect("a Parse of ours");
        assert_eq!(parse.types.len(), sent.values.len());
        assert_eq!(steps::described(plan, declared).1, parse.types);
        return;
    }
    let mut execution = Execution::new(plan, declared);
    for _ in 0..3 {
        let Ok(step) = execution.next(params, keys, settings) else { return };
        let mut out = Vec::new();
        let columns = frames::Columns::extended(plan, &[]).expect("all text");
        frames::bind::step(&step, params, &columns, &mut out).unwrap();
        assert!(!out.is_empty());
        for param in &step.params {
            match param {
                Physical::Pass(index) => assert!(plain.contains(index)),
                Physical::Owned(_, value) => value.iter().for_each(|value| secret(value)),
            }
        }
        match step.rows {
            StepRows::Ours if matches!(plan.steps, Steps::Fetch(_)) => {
                let fetched: [Option<&[u8]>; 1] = [Some(&[0, 0, 0, 0, 0, 0, 0, 7])];
                if execution.row(&fetched, keys).is_err() {
                    return;
                }
            }
            // No row is found.
            StepRows::Ours => {}
            StepRows::Client { .. } => {
                let _ = execution.finish(0);
                return;
            }
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && bytes.windows(part.len()).any(|window| window == part)
}

fn seeds() -> Vec<Vec<u8>> {
    let text =
        |values: &[&str]| values.iter().flat_map(|value| [&[0], &seeds::part(value.as_bytes())[..]].concat()).collect();
    let case = |index: u8, values: Vec<u8>| [&[index, 0, 0, 1], &values[..]].concat();
    let mut array = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, b'a', b'b', b'c'];
    array.extend([0xff; 4]);
    let mut body = Vec::new();
    compose::bind(b"", b"", &[(Format::Text, Some(b"123-45"))], &[Format::Binary], &mut body);
    vec![
        case(0, text(&["123-45-6789"])),
        case(1, text(&["{\"a b\",NULL,c\\,d}", "ada@example.org", "bob@example.org"])),
        case(1, [&[1], &seeds::part(&array)[..], &text(&["x", "y"])].concat()),
        case(2, text(&["1990-05-17", "00000000-0000-4000-8000-000000000001"])),
        case(3, text(&["{1990-05-17,infinity}"])),
        case(4, text(&["{1.5,NULL,-3}", "7.0"])),
        case(5, text(&["123-45-6789", "likes tea", "1990-05-17", "t", "00000000-0000-4000-8000-000000000001"])),
        case(6, text(&["1", "DE00123456789", "\\xdeadbeef", "12.345", "-7"])),
        case(7, text(&["1", "ada@example.org", "1.5", "{\"a\": [1]}", "red", "2020-01-01"])),
        case(
            8,
            text(&[
                "00000000-0000-4000-8000-000000000001",
                "room",
                "hello there",
                "{\"k\": null}",
                "[ 1 ]",
                "2026-01-01 00:00+02",
                "infinity",
            ]),
        ),
        case(9, text(&["123-45-6789", "likes tea"])),
        case(10, text(&["a longer note", "12.50", "ada@example.org"])),
        case(11, text(&["1", "ada@example.org", "8"])),
        case(5, vec![14; 5]),
        [&[0, 0, 0, 0], &body[HEADER..]].concat(),
    ]
}
