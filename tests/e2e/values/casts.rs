//! Assignment casts: what a value of one type becomes in a column of another.

use pgseal::value::{Format, Value};

use super::samples::{TYPES, sample, texts};
use super::server::{Server, table};
use super::{Tally, both_forms, create, of_name, valid};

#[test]
fn assignments_convert_as_the_servers_do() {
    let mut server = Server::new("casts");
    let mut tally = Tally::default();
    TYPES.iter().for_each(|name| create(&mut server, &of_name(name)));
    for to in TYPES.iter().map(|name| of_name(name)) {
        // A modifier of the type that is cast from changes the value before the cast, not the cast.
        for name in TYPES.iter().filter(|name| !name.contains('(')) {
            let from = of_name(name);
            let mut texts = [valid(name), sample(&texts(name), 8)].concat();
            texts.retain(|text| Value::parse(&from, Format::Text, text.as_bytes(), &server.settings).is_ok());
            let sql = format!(
                // The inner type first: a value that has it, modifier and all.
                "INSERT INTO {} SELECT x FROM (SELECT CAST($1 AS {from}) OFFSET 0) AS of (x)
                 RETURNING value, {}",
                table(&to),
                to.stored_expression("value")
            );
            let sets: Vec<Vec<&[u8]>> = texts.iter().map(|text| vec![text.as_bytes()]).collect();
            let answers = server.ask(&sql, Format::Text, &sets, &[Format::Text, Format::Binary]);
            for (text, answer) in texts.iter().zip(answers) {
                let ours = Value::parse(&from, Format::Text, text.as_bytes(), &server.settings)
                    .and_then(|value| value.assign(&from, &to))
                    .and_then(|value| both_forms(&value, &to, &server.settings));
                tally.compare(&format!("{from} {text:?} into {to}"), ours, answer);
            }
        }
    }
    let kinds = |list: &mut Vec<String>| {
        // One line a pair of types is enough.
        for what in list.iter_mut() {
            *what = format!("{} into {}", what.split(" \"").next().unwrap(), what.rsplit(" into ").next().unwrap());
        }
        list.sort();
        list.dedup();
    };
    kinds(&mut tally.refused);
    kinds(&mut tally.refused_else);
    tally.finish("assignments");
}
