//! E: equal bytes exactly where the server says `=` (VAL-2), in one type and across the types of a family; and the
//! exact carry of a constant into a column's domain (VAL-4, SQL-20).

use pgseal::value::{Error, Format, Settings, Type, Value};

use super::samples::{TYPES, sample, texts};
use super::server::{Server, table};
use super::{Tally, create, of_name, valid};

/// The nasty list and a few generated values of a type, as texts that are read.
fn values(name: &str) -> Vec<String> {
    let ty = of_name(name);
    let mut texts = [valid(name), sample(&texts(name), 8)].concat();
    texts.retain(|text| Value::parse(&ty, Format::Text, text.as_bytes(), &Settings::default()).is_ok());
    texts
}

fn parse<'a>(ty: &Type, text: &'a str) -> Value<'a> {
    Value::parse(ty, Format::Text, text.as_bytes(), &Settings::default()).unwrap()
}

fn equality(value: &Value<'_>, ty: &Type) -> Vec<u8> {
    let mut out = Vec::new();
    value.write_equality(ty, &mut out);
    out
}

/// Fills the table of a type; the texts were all read here, so the server must read them too.
fn fill(server: &mut Server, name: &str) -> Vec<String> {
    let ty = of_name(name);
    create(server, &ty);
    let texts = values(name);
    server.run(&format!("ALTER TABLE {} ADD COLUMN id int", table(&ty)));
    let ids: Vec<String> = (0..texts.len()).map(|id| id.to_string()).collect();
    let sets: Vec<Vec<&[u8]>> = ids.iter().zip(&texts).map(|(id, text)| vec![id.as_bytes(), text.as_bytes()]).collect();
    let sql = format!("INSERT INTO {} (id, value) VALUES ($1, $2) RETURNING id", table(&ty));
    for (text, answer) in texts.iter().zip(server.ask(&sql, Format::Text, &sets, &[Format::Text])) {
        assert!(answer.is_ok(), "{name} {text}: {answer:?}");
    }
    texts
}

/// `left = right` for every pair, as a string of t and f; or the SQLSTATE.
fn pairs(server: &mut Server, left: &Type, right: &Type) -> Result<String, String> {
    pairs_where(server, left, right, "true")
}

/// The same for those pairs of which the condition over `a`, the left one, is true.
fn pairs_where(server: &mut Server, left: &Type, right: &Type, condition: &str) -> Result<String, String> {
    // A name has a collation of its own, which between two columns must be one.
    let string = |ty: &Type| matches!(ty, Type::Text | Type::Varchar(_) | Type::Bpchar(_) | Type::Name);
    let collate = if string(left) && string(right) { " COLLATE \"C\"" } else { "" };
    let sql = format!(
        "SELECT coalesce(string_agg(CASE WHEN a.value{collate} = b.value{collate} THEN 't' ELSE 'f' END, '' ORDER BY a.id, b.id), '')
         FROM {} a, {} b WHERE {condition}",
        table(left),
        table(right)
    );
    server
        .ask(&sql, Format::Text, &[vec![]], &[Format::Text])
        .remove(0)
        .map(|mut columns| String::from_utf8(columns.remove(0).unwrap()).unwrap())
}

#[test]
fn values_are_equal_exactly_if_their_e_is() {
    let mut server = Server::new("equality");
    let mut tally = Tally::default();
    let filled: Vec<(Type, Vec<String>)> = TYPES.iter().map(|name| (of_name(name), fill(&mut server, name))).collect();
    for (left, lefts) in &filled {
        for (right, rights) in &filled {
            // Between arrays there are operators for one type of elements only.
            let arrays = left.element().is_some() && !left.same_base(right);
            if left.equality().is_none() || left.equality() != right.equality() || arrays {
                continue;
            }
            let truth = pairs(&mut server, left, right).unwrap();
            assert_eq!(truth.len(), lefts.len() * rights.len());
            let mut truth = truth.bytes();
            let rights_e: Vec<_> = rights.iter().map(|text| equality(&parse(right, text), right)).collect();
            for a in lefts {
                let a_e = equality(&parse(left, a), left);
                for (b, b_e) in rights.iter().zip(&rights_e) {
                    tally.compared += 1;
                    if (a_e == *b_e) != (truth.next() == Some(b't')) {
                        tally.differ.push(format!("{left} {a:?} = {right} {b:?}: ours {}", a_e == *b_e));
                    }
                }
            }
        }
    }
    tally.finish("E, pairs");
}

/// A constant of one type against a column of another, over all pairs of types.
#[test]
fn a_constant_is_carried_into_the_columns_domain_exactly_or_equals_nothing() {
    let mut server = Server::new("carry");
    let mut tally = Tally::default();
    let filled: Vec<(Type, Vec<String>)> = TYPES.iter().map(|name| (of_name(name), fill(&mut server, name))).collect();
    for (to, columns) in &filled {
        let columns_e: Vec<_> = columns.iter().map(|text| equality(&parse(to, text), to)).collect();
        for (from, constants) in &filled {
            match pairs(&mut server, from, to) {
                // One constant has no value of the operator's type.
                Err(state) if !state.starts_with("42") => {
                    for (id, text) in constants.iter().enumerate() {
                        match pairs_where(&mut server, from, to, &format!("a.id = {id}")) {
                            Ok(truth) => {
                                let row: Vec<bool> = truth.bytes().map(|byte| byte == b't').collect();
                                carried(&mut tally, (from, text), to, &columns_e, &row);
                            }
                            Err(state) => {
                                let ours = parse(from, text).carry(from, to).map(|_| vec![]);
                                tally.compare(&format!("{from} {text:?} for {to}"), ours, Err(state));
                            }
                        }
                    }
                }
                Err(state) => {
                    for text in constants {
                        let ours = parse(from, text).carry(from, to).map(|_| vec![]);
                        tally.compare(&format!("{from} {text:?} for {to}"), ours, Err(state.clone()));
                    }
                }
                Ok(truth) => {
                    let mut truth = truth.bytes();
                    for text in constants {
                        let row: Vec<bool> = truth.by_ref().take(columns.len()).map(|byte| byte == b't').collect();
                        carried(&mut tally, (from, text), to, &columns_e, &row);
                    }
                }
            }
        }
    }
    let kinds = |list: &mut Vec<String>| {
        // One line a pair of types is enough.
        list.iter_mut().for_each(|what| {
            *what = format!("{} for {}", what.split(" \"").next().unwrap(), what.rsplit(" for ").next().unwrap())
        });
        list.sort();
        list.dedup();
    };
    kinds(&mut tally.refused);
    kinds(&mut tally.refused_else);
    tally.finish("constants carried");
}

fn carried(tally: &mut Tally, (from, text): (&Type, &str), to: &Type, columns: &[Vec<u8>], truth: &[bool]) {
    tally.compared += columns.len();
    let what = format!("{from} {text:?} for {to}");
    match parse(from, text).carry(from, to) {
        Ok(carried) => {
            let e = carried.map(|value| equality(&value, to));
            for (column, truth) in columns.iter().zip(truth) {
                if (e.as_ref() == Some(column)) != *truth {
                    tally.differ.push(format!("{what}: the server says {truth} for one value"));
                }
            }
        }
        Err(error) if is_refusal(&error) => tally.refused.push(what),
        Err(error) => tally.differ.push(format!("{what}: error {error}")),
    }
}

fn is_refusal(error: &Error) -> bool {
    error.sqlstate.code() == "0A000"
}
