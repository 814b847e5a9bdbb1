//! From TOML files to the checked schema: strict, with the place of every key.

use std::path::Path;

use super::checked::Schema;
use super::model::File;
use super::problem::{Code, Place, Problem, Problems, Source, nearest};

/// Reads and checks a schema: one file, or every `*.toml` of a directory in the order of their names.
///
/// # Errors
/// Everything that is wrong, with its places.
///
/// ```
/// use pgseal::schema::parse;
///
/// let schema = parse::load("../examples/record/clinic.toml".as_ref())?;
/// assert_eq!(schema.tables[0].logical, "patient");
/// assert!(parse::load("no.toml".as_ref()).is_err());
/// # Ok::<(), pgseal::schema::Problems>(())
/// ```
pub fn load(path: &Path) -> Result<Schema, Problems> {
    let sources = read(path).map_err(|problem| Problems { sources: Vec::new(), list: vec![problem] })?;
    parse(sources)
}

/// Checks a schema whose text is already here.
///
/// # Errors
/// Everything that is wrong, with its places.
pub fn parse(sources: Vec<Source>) -> Result<Schema, Problems> {
    let mut files = Vec::new();
    let mut list = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        match toml::from_str::<File>(&source.text) {
            Ok(file) => files.push((index, file)),
            Err(error) => list.push(from_toml(index, &error)),
        }
    }
    if list.is_empty() {
        match super::check::check(&files) {
            Ok(schema) => return Ok(schema),
            Err(found) => list = found,
        }
    }
    Err(Problems { sources, list })
}

fn read(path: &Path) -> Result<Vec<Source>, Problem> {
    let unreadable = |path: &Path, error: std::io::Error| Problem {
        code: Code::Unreadable,
        message: format!("{}: {error}", path.display()),
        place: None,
        label: None,
        help: None,
    };
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, error))?;
        paths = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unreadable(path, error))?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        if paths.is_empty() {
            return Err(unreadable(path, std::io::Error::other("no *.toml in this directory")));
        }
    }
    paths
        .into_iter()
        .map(|path| match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Source { path, text }),
            Err(error) => Err(unreadable(&path, error)),
        })
        .collect()
}

/// Serde says which words it knows; the nearest of them was probably meant.
fn from_toml(file: usize, error: &toml::de::Error) -> Problem {
    let place = Place { file, span: error.span().unwrap_or(0..0) };
    // The message of a syntax error has several lines; the caret shows what the others say.
    let message = error.message().lines().next().unwrap_or_default().trim_end_matches(',').to_owned();
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let unknown = ["unknown field `", "unknown variant `"].iter().any(|start| message.starts_with(start));
    let (Some((word, known)), true) = (words.split_first(), unknown) else {
        return Problem::new(Code::Syntax, place, message);
    };
    let what = if message.starts_with("unknown field") { "key" } else { "word" };
    let problem = Problem::new(Code::Unknown, place, format!("unknown {what} `{word}`"));
    match nearest(word, known.iter().copied()) {
        Some(meant) => problem.label(format!("did you mean `{meant}`?")),
        None => problem.help(format!("known here: {}", known.join(", "))),
    }
}
