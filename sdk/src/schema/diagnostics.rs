//! Errors of the schema file as people read them: code, file, line, column, caret, suggestion.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::problem::{Problem, Problems};

/// Draws every problem, with ANSI colours if asked, and ends with a count.
pub fn render(problems: &Problems, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for problem in &problems.list {
        out.push_str(&renderer.render(&[report(problems, problem)]));
        out.push_str("\n\n");
    }
    let errors = plural(problems.list.len(), "error");
    let files = plural(problems.sources.len().max(1), "file");
    out.push_str(&format!("{files}, {errors}. Nothing was contacted or changed."));
    out
}

fn report<'a>(problems: &'a Problems, problem: &'a Problem) -> Group<'a> {
    let mut group =
        Group::with_title(Level::ERROR.primary_title(problem.message.as_str()).id(problem.code.to_string()));
    if let Some((source, place)) =
        problem.place.as_ref().and_then(|place| Some((problems.sources.get(place.file)?, place)))
    {
        // A span must lie on the text; an end of file has none of its own.
        let end = place.span.end.min(source.text.len());
        let span = place.span.start.min(end)..end;
        let mut annotation = AnnotationKind::Primary.span(span);
        if let Some(label) = &problem.label {
            annotation = annotation.label(label.as_str());
        }
        let path = source.path.to_string_lossy().into_owned();
        group = group.element(Snippet::source(source.text.as_str()).path(path).annotation(annotation));
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

fn plural(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
