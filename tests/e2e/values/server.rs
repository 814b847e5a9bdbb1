//! A real server's word on values: many of them in a round trip, over the extended protocol, errors included.

use pgseal::value::{Format, Settings, Type};

use crate::harness::cluster::cluster;
use crate::harness::raw::{self, Frame, Raw};
use crate::harness::scratch::random;

/// What came back for one set of parameters: the columns of the one row, or the SQLSTATE.
pub(super) type Answer = Result<Vec<Option<Vec<u8>>>, String>;

/// How much is sent before the answers are read; both ends' socket buffers hold it.
const BATCH_MESSAGES: usize = 100;
const BATCH_BYTES: usize = 32 * 1024;

pub(super) struct Server {
    raw: Raw,
    /// As the server reports them.
    pub(super) settings: Settings,
}

impl Server {
    /// A session in a fresh database, in UTC.
    pub(super) fn new(name: &str) -> Self {
        let database = format!("values_{name}_{}", random(5));
        cluster().create_database(&database).unwrap_or_else(|error| panic!("{error}"));
        let mut raw = Raw::dial_unix(cluster().socket_dir(), cluster().port());
        raw.log_in(&database);
        let mut server = Self { raw, settings: Settings::default() };
        // There is nothing to look for in the log here, and it costs more than the statements.
        server.run("SET log_statement = 'none'");
        server.run("SET TimeZone = 'UTC'");
        server
    }

    /// A command that must succeed; what it changes is reported and taken over, as the proxy does.
    pub(super) fn run(&mut self, sql: &str) {
        for frame in self.raw.talk(&raw::query(sql), 1) {
            match frame.kind {
                'E' => panic!("{sql}: {:?}", frame.field('M')),
                'S' => {
                    let text = String::from_utf8(frame.body).unwrap();
                    let mut parts = text.split('\0');
                    self.settings.set(parts.next().unwrap(), parts.next().unwrap());
                }
                _ => {}
            }
        }
    }

    /// Runs `sql` once for each set of parameters, all in `format`; results come as `results` says. If the statement
    /// itself is wrong, every answer is its SQLSTATE.
    pub(super) fn ask(&mut self, sql: &str, format: Format, sets: &[Vec<&[u8]>], results: &[Format]) -> Vec<Answer> {
        let parsed = self.raw.talk(&[raw::parse("", sql, &[]), raw::sync()].concat(), 1);
        if let Some(error) = parsed.iter().find(|frame| frame.kind == 'E') {
            let state = error.field('C').unwrap();
            return sets.iter().map(|_| Err(state.clone())).collect();
        }
        let results: Vec<u16> = results.iter().map(|format| code(*format)).collect();
        let mut answers = Vec::with_capacity(sets.len());
        let (mut script, mut waiting) = (Vec::new(), 0);
        for set in sets {
            let values: Vec<_> = set.iter().map(|value| Some(*value)).collect();
            script.extend(raw::bind_formats("", "", &[code(format)], &values, &results));
            script.extend([raw::execute("", 0), raw::sync()].concat());
            waiting += 1;
            if waiting == BATCH_MESSAGES || script.len() > BATCH_BYTES {
                self.collect(&mut script, &mut waiting, &mut answers);
            }
        }
        self.collect(&mut script, &mut waiting, &mut answers);
        answers
    }

    fn collect(&mut self, script: &mut Vec<u8>, waiting: &mut usize, answers: &mut Vec<Answer>) {
        self.raw.send(script);
        script.clear();
        for _ in 0..std::mem::take(waiting) {
            answers.push(answer(&self.raw.until('Z')));
        }
    }
}

fn answer(frames: &[Frame]) -> Answer {
    for frame in frames {
        match frame.kind {
            'E' => return Err(frame.field('C').unwrap()),
            'D' => return Ok(frame.columns()),
            _ => {}
        }
    }
    panic!("neither a row nor an error");
}

fn code(format: Format) -> u16 {
    match format {
        Format::Text => 0,
        Format::Binary => 1,
    }
}

/// The name of a table with one column of this type: `value`.
pub(super) fn table(ty: &Type) -> String {
    let name: String = ty.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("of_{name}")
}
