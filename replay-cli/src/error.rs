//! Errors as a person meets them: what is wrong, where, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use kubetape_engine::log::LogError;

use crate::output::style::{Paint, Style};
use crate::tape;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum CliError {
    /// Nobody reads the output any more. Not a failure: `kubetape show … | head` ends so.
    ClosedPipe,
    /// It failed; the exit status is 2.
    Failed(Box<Report>),
}

/// A failure, for a person.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where: a file, with line and column or offset where they are known.
    pub place: Option<String>,
    /// Lines of the input, a caret under the place, to be shown as they are.
    pub snippet: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl CliError {
    /// A failure with its message.
    pub fn new(message: impl Into<String>) -> Self {
        CliError::Failed(Box::new(Report { message: message.into(), ..Report::default() }))
    }

    /// Says where: `file`, `file:3`, `file:3:14` or `file, byte 512`.
    pub fn at(self, place: impl fmt::Display) -> Self {
        self.with(|report| report.place = Some(place.to_string()))
    }

    /// Shows the lines that are meant.
    pub fn snippet(self, lines: impl Into<String>) -> Self {
        self.with(|report| report.snippet = Some(lines.into()))
    }

    /// Says what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.with(|report| report.hint = Some(hint.into()))
    }

    fn with(mut self, change: impl FnOnce(&mut Report)) -> Self {
        if let CliError::Failed(report) = &mut self {
            change(report);
        }
        self
    }

    /// A failure to read or write a file.
    pub fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let no_room = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        // Whether a write that another thread does is missed by the next write or by the sync is chance.
        let doing = if no_room { "write" } else { doing };
        let failed = CliError::new(format!("cannot {doing} {}: {}", path.display(), reason(error)));
        match error.kind() {
            io::ErrorKind::NotFound => failed.hint("is the path right? it is relative to the working folder"),
            _ if no_room => failed.hint("nothing half-written was left behind; make room and try again"),
            _ => failed,
        }
    }

    /// A failure to write to standard output.
    pub fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => CliError::ClosedPipe,
            _ => CliError::new(format!("cannot write to standard output: {}", reason(error))),
        }
    }
}

impl From<LogError> for CliError {
    fn from(error: LogError) -> Self {
        let failed = |error: &LogError| CliError::new(tape::shown(error.to_string()));
        match &error {
            LogError::Io { what, file, source } => {
                let file = tape::shown(file.clone());
                CliError::file(what, &without_draft(&file), source)
            }
            LogError::Exists { path } => CliError::new(format!("{} exists already", path.display()))
                .hint("choose another name, or overwrite it with --force"),
            LogError::Locked { .. } => {
                failed(&error).hint("wait for it to end; a log has one writer at a time")
            }
            LogError::Empty { .. } | LogError::NotALog { .. } => failed(&error).hint(
                "`kubetape import` makes a log from a recording, `kubetape node join` begins one by hand",
            ),
            LogError::Damaged(damage) => {
                let file = tape::shown(damage.file.clone());
                failed(&error).hint(format!(
                    "`kubetape log verify {file}` lists all damage, `kubetape log repair {file} -o GOOD` salvages the rest"
                ))
            }
            LogError::Header { file, .. } => {
                failed(&error).hint(format!("`kubetape log repair {file} -o GOOD` salvages what is whole"))
            }
            _ => failed(&error),
        }
    }
}

/// The output that a draft would have become: people asked for that one, and the draft is gone.
fn without_draft(file: &str) -> PathBuf {
    let path = Path::new(file);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let draft = name.strip_prefix('.').and_then(|name| name.strip_suffix(".draft"));
    match draft.and_then(|name| name.rsplit_once('.')) {
        Some((name, _)) => path.with_file_name(name),
        None => path.to_owned(),
    }
}

/// The words of an I/O error without the platform's number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text,
    }
}

impl Report {
    /// The failure as it is printed.
    pub fn render(&self, style: Style) -> String {
        let mut text = format!("{} {}\n", style.paint(Paint::Bad, "error:"), self.message);
        if let Some(place) = &self.place {
            text += &format!("  {} {place}\n", style.paint(Paint::Dim, "-->"));
        }
        for line in self.snippet.iter().flat_map(|snippet| snippet.lines()) {
            text += &format!("{line}\n");
        }
        if let Some(hint) = &self.hint {
            text += &format!("  {} {hint}\n", style.paint(Paint::Good, "hint:"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_place_snippet_and_hint() {
        let error = CliError::new("unknown field \"template\"")
            .at("ds.yaml:9:3")
            .snippet("   9 | template:\n     | ^")
            .hint("indent it under `spec`");
        let CliError::Failed(report) = error else { panic!("not a failure") };
        let expected = "error: unknown field \"template\"\n  --> ds.yaml:9:3\n   9 | template:\n     | ^\n  hint: indent it under `spec`\n";
        assert_eq!(report.render(Style::plain()), expected);
    }

    #[test]
    fn a_draft_is_called_by_the_name_that_it_was_to_get() {
        assert_eq!(without_draft("runs/.x.tape.123-0.draft"), Path::new("runs/x.tape"));
        assert_eq!(without_draft(".hidden"), Path::new(".hidden"));
    }

    #[test]
    fn io_errors_lose_the_platforms_number() {
        assert_eq!(reason(&io::Error::from_raw_os_error(2)), "no such file or directory");
    }
}
