//! Colour, where there is a terminal to show it.

use std::borrow::Cow;

use super::ColorChoice;

/// Whether text is painted.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    color: bool,
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    /// Nothing in particular.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Not as it should be, or on its way.
    Warn,
    /// Wrong.
    Bad,
    /// A heading.
    Strong,
    /// Beside the point.
    Dim,
}

impl Style {
    /// No colour.
    #[cfg(test)]
    pub fn plain() -> Self {
        Style { color: false }
    }

    /// Follows the choice; `auto` follows the terminal, NO_COLOR (see no-color.org) and TERM=dumb.
    pub fn choose(choice: ColorChoice, terminal: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        Style { color }
    }

    /// The text, painted if this style paints.
    pub fn paint<'a>(self, paint: Paint, text: &'a str) -> Cow<'a, str> {
        let code = match paint {
            _ if !self.color => return Cow::Borrowed(text),
            Paint::Plain => return Cow::Borrowed(text),
            Paint::Good => "32",
            Paint::Warn => "33",
            Paint::Bad => "31",
            Paint::Strong => "1",
            Paint::Dim => "2",
        };
        Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paint_shows_only_where_it_was_chosen() {
        assert_eq!(Style::choose(ColorChoice::Never, true).paint(Paint::Bad, "x"), "x");
        assert_eq!(Style::choose(ColorChoice::Always, false).paint(Paint::Bad, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(Style::choose(ColorChoice::Auto, false).paint(Paint::Bad, "x"), "x");
    }
}
