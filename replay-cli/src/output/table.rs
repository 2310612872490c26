//! Tables as kubectl prints them: columns aligned by three spaces, no rules, no padding at the end of a line.

use super::Out;
use super::style::Paint;
use crate::error::CliError;

const GAP: usize = 3;

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// A text with its meaning.
    pub fn painted(text: impl Into<String>, paint: Paint) -> Self {
        Cell { text: text.into(), paint }
    }

    /// A text, or `<none>`.
    pub fn or_none(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Cell::painted("<none>", Paint::Dim) } else { text.into() }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::painted(text, Paint::Plain)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::from(text.to_owned())
    }
}

macro_rules! cell_from_number {
    ($($number:ty),*) => {$(
        impl From<$number> for Cell {
            fn from(number: $number) -> Self {
                Cell::from(number.to_string())
            }
        }
    )*};
}
cell_from_number!(u32, u64, usize, i64);

/// A table that is printed when it is complete.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with its heading.
    pub fn new<const N: usize>(heading: [&str; N]) -> Self {
        Table { rows: vec![heading.iter().map(|h| Cell::painted(*h, Paint::Strong)).collect()] }
    }

    /// Adds columns to the heading.
    pub fn columns<const N: usize>(&mut self, heading: [&str; N]) {
        self.rows[0].extend(heading.iter().map(|h| Cell::painted(*h, Paint::Strong)));
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// Adds cells to the last row.
    pub fn more<const N: usize>(&mut self, cells: [Cell; N]) {
        if let Some(row) = self.rows.last_mut() {
            row.extend(cells);
        }
    }

    /// Prints all of it.
    ///
    /// # Errors
    /// As [`Out::write_fmt`].
    pub fn print(&self, out: &mut Out) -> Result<(), CliError> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0; columns];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        for row in &self.rows {
            for (at, cell) in row.iter().enumerate() {
                let padding = if at + 1 == row.len() { 0 } else { widths[at] + GAP - cell.width() };
                let text = out.style.paint(cell.paint, &cell.text).into_owned();
                write!(out, "{text}{:padding$}", "")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
