//! The demo's page: 100 columns, bold headings on a terminal, plain text elsewhere and with NO_COLOR.

use std::io::IsTerminal;

/// Columns of the page.
pub(super) const WIDTH: usize = 100;

fn coloured() -> bool {
    // https://no-color.org: any value that is not empty.
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stdout().is_terminal()
}

pub(super) fn title(text: &str) {
    match coloured() {
        true => println!("\n\x1b[1m{text}\x1b[0m"),
        false => println!("\n{text}"),
    }
}

pub(super) fn gap() {
    println!();
}

/// Indented and wrapped at words.
pub(super) fn text(text: &str) {
    wrapped(text, WIDTH - 2).iter().for_each(|line| println!("  {line}"));
}

/// Lines of at most `width` characters, except for a word that is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Something to copy: never wrapped.
pub(super) fn code(text: &str) {
    println!("    {text}");
}

/// A name and what was measured for it, wrapped beside the name.
pub(super) fn fact(name: &str, value: &str) {
    for (number, line) in wrapped(value, WIDTH - 37).iter().enumerate() {
        println!("  {:<34} {line}", if number == 0 { name } else { "" });
    }
}

/// A name and a value that may be long, cut to one line.
pub(super) fn short(name: &str, value: &str) {
    println!("  {name:<34} {}", cut(value, WIDTH - 37));
}

/// One value in three columns, cut to fit.
pub(super) fn three(name: &str, left: &str, right: &str) {
    println!("  {name:<22} {:<26} {}", cut(left, 26), cut(right, WIDTH - 52));
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// 1234567 as 1,234,567.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_wrap_at_words() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("abcdef g", 4), ["abcdef", "g"]);
    }

    #[test]
    fn numbers_are_grouped_and_long_values_cut() {
        assert_eq!((thousands(7).as_str(), thousands(1_234_567).as_str()), ("7", "1,234,567"));
        assert_eq!((cut("abc", 3).as_str(), cut("abcd", 3).as_str()), ("abc", "ab…"));
    }
}
