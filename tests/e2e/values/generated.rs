//! Many texts a type, mutated from the nasty lists and from what the generators give, held against the server: who takes
//! them, what they become, and which of them are equal. It takes minutes, so it is asked for by name.

use pgseal::value::{Format, Settings, Type, Value};

use super::forms::compare;
use super::nasty::nasty;
use super::samples::{TYPES, sample, texts};
use super::server::{Server, table};
use super::{Tally, create, of_name};

/// How many texts a type, without [`COUNT`].
const DEFAULT: usize = 20_000;
/// Another number.
const COUNT: &str = "PGSEAL_TEST_GENERATED";
/// The types to try, with semicolons between, all without it.
const ONLY: &str = "PGSEAL_TEST_GENERATED_TYPES";

/// What is put into a text: signs, digits, blanks of C and of Unicode, words, and what needs two bytes or more.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "0", "1", "5", "9", "00", "99", "4294967296", "-", "+", ".", ",", ":", "/", "\\", "x", "0x", "e", "E", "a", "f", "G", "b", "_", " ", "  ", "\t",
    "\n", "\u{b}", "\r", "\u{a0}", "(", ")", "{", "}", "\"", "'", "T", "Z", "P", "Y", "M", "W", "D", "H", "S", "::", "ffff", "BC", "UTC", "infinity", "nan",
    "inf", "day", "mon", " ago", "@", "é", "😀", "٣", "\u{1}", "\u{7f}", "%", "$", "~", "O",
];

#[test]
#[ignore = "20,000 texts a type take minutes; PGSEAL_TEST_GENERATED sets another number"]
fn what_is_generated_is_read_shown_and_equal_as_the_server_has_it() {
    let count = std::env::var(COUNT).ok().map_or(DEFAULT, |count| count.parse().unwrap());
    let only = std::env::var(ONLY).ok();
    let mut rng = Random(1);
    let mut differ = Vec::new();
    for name in TYPES.iter().filter(|name| only.as_ref().is_none_or(|only| only.split(';').any(|of| of == **name))) {
        let ty = of_name(name);
        // A database a type, so that no table grows for all.
        let mut server = Server::new("generated");
        create(&mut server, &ty);
        let inputs = mutated(name, count, &mut rng);
        let mut tally = Tally::default();
        compare(&mut server, &mut tally, &ty, Format::Text, &inputs);
        let bits = flipped(&ty, &inputs, count / 4, &mut rng);
        compare(&mut server, &mut tally, &ty, Format::Binary, &bits);
        let equal = classes(&mut server, &ty, &inputs, &mut tally);
        let Tally { compared, refused, refused_else, differ: of_type } = tally;
        // Which of several errors is found first is not what this looks for.
        let (errors, of_type): (Vec<String>, Vec<String>) = of_type
            .into_iter()
            .partition(|what| what.contains("\n     ours error") && what.contains("\n   server error"));
        println!(
            "{name}: {compared} compared, {equal} kinds of equal values, {} refused here only, {} refused with another \
             error, {} with another error, {} differ",
            refused.len(),
            refused_else.len(),
            errors.len(),
            of_type.len()
        );
        for what in refused.iter().take(10) {
            println!("    refused: {what}");
        }
        for what in errors.iter().take(5) {
            println!("    another error: {what}");
        }
        let shown = of_type.len().min(25);
        differ.extend(of_type.into_iter().take(shown));
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// Texts with up to three changes, the shorter way round: most of them nearly are values.
fn mutated(name: &str, count: usize, rng: &mut Random) -> Vec<Vec<u8>> {
    let seeds = [nasty(name), sample(&texts(name), 500)].concat();
    let made = (0..count).map(|_| {
        let mut text: Vec<char> = seeds[rng.below(seeds.len())].chars().collect();
        for _ in 0..rng.below(4) {
            let (at, end) = (rng.below(text.len() + 1), rng.below(text.len() + 1));
            match rng.below(6) {
                0 if at < text.len() => drop(text.remove(at)),
                1 | 2 => {
                    let piece = PIECES[rng.below(PIECES.len())];
                    text.splice(at..at, piece.chars());
                }
                3 if at < text.len() => text[at] = char::from(b' ' + u8::try_from(rng.below(95)).unwrap()),
                4 if at < end => {
                    let part = text[at..end].to_vec();
                    text.splice(at..at, part);
                }
                _ => {
                    let other: Vec<char> = seeds[rng.below(seeds.len())].chars().collect();
                    text.truncate(at);
                    text.extend(&other[rng.below(other.len() + 1)..]);
                }
            }
        }
        text.retain(|c| *c != '\0');
        text.truncate(300);
        String::from_iter(text).into_bytes()
    });
    made.collect()
}

/// S of some values, with a byte changed, cut or added.
fn flipped(ty: &Type, texts: &[Vec<u8>], count: usize, rng: &mut Random) -> Vec<Vec<u8>> {
    let read = |text: &Vec<u8>| {
        let value = Value::parse(ty, Format::Text, text, &Settings::default()).ok()?;
        let mut stored = Vec::new();
        value.write_stored(ty, &mut stored);
        Some(stored)
    };
    let stored: Vec<Vec<u8>> = texts.iter().filter_map(read).take(count).collect();
    let made = stored.into_iter().map(|mut bytes| {
        for _ in 0..rng.below(3) {
            let at = rng.below(bytes.len() + 1);
            match rng.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, u8::try_from(rng.below(256)).unwrap()),
                _ if at < bytes.len() => bytes[at] = u8::try_from(rng.below(256)).unwrap(),
                _ => {}
            }
        }
        bytes
    });
    made.collect()
}

/// E parts the values as `=` does: there are as many E as values that the server tells apart, and as many pairs of both.
/// Gives that number.
fn classes(server: &mut Server, ty: &Type, texts: &[Vec<u8>], tally: &mut Tally) -> String {
    if ty.equality().is_none() {
        return "no".to_owned();
    }
    let settings = server.settings.clone();
    let e: Vec<(&[u8], Vec<u8>)> = texts
        .iter()
        .filter_map(|text| {
            let value = Value::parse(ty, Format::Text, text, &settings).ok()?;
            let mut e = Vec::new();
            value.write_equality(ty, &mut e);
            Some((text.as_slice(), format!("\\x{}", hex(&e)).into_bytes()))
        })
        .collect();
    let table = table(ty);
    server.run(&format!("ALTER TABLE {table} ADD COLUMN e bytea"));
    server.run(&format!("TRUNCATE {table}"));
    let sets: Vec<Vec<&[u8]>> = e.iter().map(|(text, e)| vec![*text, e.as_slice()]).collect();
    let insert = format!("INSERT INTO {table} (value, e) VALUES ($1, $2) RETURNING 1");
    server.ask(&insert, Format::Text, &sets, &[Format::Text]);
    let counts = format!("SELECT count(DISTINCT value), count(DISTINCT e), count(DISTINCT (value, e)) FROM {table}");
    let counts = server.ask(&counts, Format::Text, &[vec![]], &[Format::Text]).remove(0).unwrap();
    let counts: Vec<String> = counts.into_iter().map(|count| String::from_utf8(count.unwrap()).unwrap()).collect();
    if counts.iter().any(|count| *count != counts[0]) {
        let one = format!(
            "SELECT string_agg(DISTINCT value::text || ' ' || e::text, ' | ') FROM {table}
             GROUP BY value HAVING count(DISTINCT e) > 1
             UNION ALL SELECT string_agg(DISTINCT value::text || ' ' || e::text, ' | ') FROM {table}
             GROUP BY e HAVING count(DISTINCT value) > 1 LIMIT 1"
        );
        let one = server.ask(&one, Format::Text, &[vec![]], &[Format::Text]).remove(0).unwrap();
        let one = String::from_utf8_lossy(one[0].as_deref().unwrap_or_default()).into_owned();
        tally.differ.push(format!("{ty}: values, E and pairs of both {counts:?}, such as {one}"));
    }
    counts.into_iter().next().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
