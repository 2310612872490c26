//! The piece of a file that a problem is about, with a caret under the place.

use super::tree::Place;

/// Lines longer than this are shown in part.
const WIDTH_MAX: usize = 120;

/// The line at `place` and a caret line below it, with line numbers in the margin:
/// ```text
///   |
/// 5 | template:
///   | ^^^^^^^^
/// ```
/// Empty if the text has no such line. Control characters are shown as `?`.
#[must_use]
pub fn snippet(text: &str, place: Place) -> String {
    let Some(line) = text.split('\n').nth((place.line as usize).wrapping_sub(1)) else {
        return String::new();
    };
    let line: Vec<char> = line.trim_end_matches('\r').chars().map(shown).collect();
    let column = (place.column as usize).saturating_sub(1).min(line.len());
    // A window of a long line, with the place in its first half.
    let start = if line.len() > WIDTH_MAX { column.saturating_sub(WIDTH_MAX / 3) } else { 0 };
    let end = line.len().min(start + WIDTH_MAX);
    let (before, after) = (if start > 0 { "…" } else { "" }, if end < line.len() { "…" } else { "" });
    let visible: String = line[start..end].iter().collect();
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(column - start + before.chars().count());
    let carets = "^".repeat((place.width as usize).clamp(1, (end - column).max(1)));
    format!("{margin} |\n{number} | {before}{visible}{after}\n{margin} | {indent}{carets}\n")
}

/// A tab keeps its width of one column, so that the caret stays under the place.
fn shown(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '?',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_place() {
        let place = Place { line: 2, column: 3, width: 4 };
        assert_eq!(snippet("a: 1\n  name: x\n", place), "  |\n2 |   name: x\n  |   ^^^^\n");
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let line = format!("{}key{}", "x".repeat(5_000), "y".repeat(5_000));
        let shown = snippet(&line, Place { line: 1, column: 5_001, width: 3 });
        assert!(shown.lines().all(|l| l.chars().count() < WIDTH_MAX + 10), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[2].chars().position(|c| c == '^');
        assert_eq!(
            caret.map(|c| lines[1].chars().skip(c).take(3).collect::<String>()).as_deref(),
            Some("key")
        );
    }

    #[test]
    fn places_outside_the_text_show_nothing_or_the_end() {
        assert_eq!(snippet("a", Place { line: 9, column: 1, width: 1 }), "");
        assert_eq!(snippet("a", Place::default()), "");
        assert_eq!(snippet("a", Place { line: 1, column: 99, width: 99 }), "  |\n1 | a\n  |  ^\n");
    }
}
