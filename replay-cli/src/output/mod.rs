//! Everything that is printed: data to standard output, remarks and progress to standard error.

pub mod age;
pub mod progress;
pub mod style;
pub mod table;
pub mod xml;

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::error::{CliError, Report};
use progress::Progress;
use style::{Paint, Style};

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On terminals, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The form of data on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and sentences, for people.
    #[default]
    Text,
    /// JSON with stable field names, for programs.
    Json,
}

/// `1 node`, `2 nodes`.
pub fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Where a command prints to.
pub struct Out {
    stdout: BufWriter<Box<dyn Write>>,
    /// How standard output is painted.
    pub style: Style,
    stderr_style: Style,
    quiet: bool,
    stderr_is_terminal: bool,
}

impl Out {
    /// Standard output and standard error; `quiet` keeps remarks and progress back, never errors.
    pub fn new(color: ColorChoice, quiet: bool) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        Out {
            style: Style::choose(color, stdout.is_terminal()),
            stderr_style: Style::choose(color, stderr.is_terminal()),
            quiet,
            stderr_is_terminal: stderr.is_terminal(),
            stdout: BufWriter::with_capacity(1 << 16, Box::new(stdout)),
        }
    }

    /// Prints to standard error from now on: standard output is for a log.
    pub fn print_to_stderr(&mut self) {
        self.stdout = BufWriter::new(Box::new(io::stderr()));
        self.style = self.stderr_style;
    }

    /// What `write!` and `writeln!` call.
    ///
    /// # Errors
    /// [`CliError::ClosedPipe`] once nobody reads any more.
    pub fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> Result<(), CliError> {
        self.stdout.write_fmt(text).map_err(|e| CliError::output(&e))
    }

    /// One value as one line of JSON.
    ///
    /// # Errors
    /// As [`Out::write_fmt`].
    pub fn json_line(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        serde_json::to_writer(&mut self.stdout, value).map_err(|e| CliError::output(&e.into()))?;
        writeln!(self)
    }

    /// One value as a JSON document that people can read too.
    ///
    /// # Errors
    /// As [`Out::write_fmt`].
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        serde_json::to_writer_pretty(&mut self.stdout, value).map_err(|e| CliError::output(&e.into()))?;
        writeln!(self)
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// As [`Out::write_fmt`].
    pub fn flush(&mut self) -> Result<(), CliError> {
        self.stdout.flush().map_err(|e| CliError::output(&e))
    }

    /// Bytes as they are.
    ///
    /// # Errors
    /// As [`Out::write_fmt`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.stdout.write_all(bytes).map_err(|e| CliError::output(&e))
    }

    /// A remark for the person who looks on: one or more lines on standard error.
    pub fn note(&mut self, text: impl fmt::Display) {
        if !self.quiet {
            self.complain(&format!("{text}\n"));
        }
    }

    /// A warning on standard error.
    pub fn warn(&mut self, text: impl fmt::Display) {
        if !self.quiet {
            let label = self.stderr_style.paint(Paint::Warn, "warning:");
            self.complain(&format!("{label} {text}\n"));
        }
    }

    /// A failure on standard error.
    pub fn report(&mut self, report: &Report) {
        self.complain(&report.render(self.stderr_style));
    }

    /// What was printed before comes before it, where both go to one place. Where there is nobody left to complain
    /// to, nothing is lost by not complaining.
    fn complain(&mut self, text: &str) {
        let _ = self.stdout.flush();
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// A progress bar for work that may take more than a second. It shows only on a terminal.
    pub fn progress(&self, what: &str) -> Progress {
        Progress::new(what, self.stderr_is_terminal && !self.quiet)
    }
}
