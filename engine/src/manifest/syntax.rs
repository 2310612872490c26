//! Syntax errors in the words, and with the line numbers, of the API server's YAML reader.
//!
//! That reader descends from libyaml. Where it gives up is not always where our parser does: an unclosed
//! quote is noticed at the end of the text, a key without a colon at the next token. Lines of errors that
//! its scanner finds count from 1, those that its parser finds from 0, and line 0 is not printed.

use super::tree::Place;
use super::yaml::{has_lone_return, place_of_marker};
use granit_parser::{ErrorKind, ScanError};

/// Text that is no YAML.
#[derive(Debug)]
pub(crate) struct Malformed {
    /// The API server's text: `yaml: line 17: …`.
    pub text: String,
    /// Where the parser gave up.
    pub place: Place,
}

/// Which half of the reader notices, which decides how lines are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Scanner,
    Parser,
}

/// The refusal for a syntax error in `text`. The place stays our parser's, which is the better one.
pub(super) fn malformed(error: &ScanError, text: &str) -> Malformed {
    let marker = error.marker();
    let place = place_of_marker(text, has_lone_return(text), marker);
    if matches!(error.kind(), ErrorKind::UnknownAnchor) {
        let line = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or("");
        let rest: String = line.chars().skip(marker.col()).skip_while(|c| *c != '*').skip(1).collect();
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').next().unwrap_or("");
        return Malformed { text: format!("yaml: unknown anchor '{name}' referenced"), place };
    }
    let (stage, problem) = wording(error.kind());
    let line_text = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or("");
    // A template directive on a line of its own is a flow mapping that has to be a key.
    let directive = stage == Stage::Parser && line_text.trim_start().starts_with("{{");
    let (zero_based, stage, problem) = match error.kind() {
        ErrorKind::UnclosedQuotedScalar | ErrorKind::UnclosedFlowCollection { .. } => {
            (text.matches('\n').count(), stage, problem)
        }
        ErrorKind::InvalidSimpleKey | ErrorKind::SimpleKeyExpected => {
            (next_token(text, marker.line()), stage, problem)
        }
        _ if directive => (next_token(text, marker.line()), Stage::Scanner, COLON.to_owned()),
        _ => (marker.line().saturating_sub(1), stage, problem),
    };
    let shown = if stage == Stage::Scanner && zero_based > 0 { zero_based + 1 } else { zero_based };
    let line = if shown == 0 { String::new() } else { format!("line {shown}: ") };
    Malformed { text: format!("yaml: {line}{problem}"), place }
}

/// The line, counted from 0, of the first token after line `line` (counted from 1).
fn next_token(text: &str, line: usize) -> usize {
    let token = |l: &str| {
        let l = l.trim_start();
        !l.is_empty() && !l.starts_with('#')
    };
    let found = text.lines().enumerate().skip(line).find(|(_, l)| token(l));
    found.map_or_else(|| text.matches('\n').count(), |(i, _)| i)
}

const COLON: &str = "could not find expected ':'";

fn wording(kind: &ErrorKind) -> (Stage, String) {
    use Stage::{Parser, Scanner};
    let (stage, text) = match kind {
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (Scanner, COLON),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            (Scanner, "mapping values are not allowed in this context")
        }
        ErrorKind::MappingKeyNotAllowed => (Scanner, "mapping keys are not allowed in this context"),
        ErrorKind::BlockSequenceEntryNotAllowed => {
            (Scanner, "block sequence entries are not allowed in this context")
        }
        ErrorKind::UnclosedQuotedScalar => (Scanner, "found unexpected end of stream"),
        ErrorKind::DocumentIndicatorInQuotedScalar => (Scanner, "found unexpected document indicator"),
        ErrorKind::UnknownQuotedScalarEscape => (Scanner, "found unknown escape character"),
        ErrorKind::InvalidQuotedScalarHexEscape => (Scanner, "did not find expected hexdecimal number"),
        ErrorKind::InvalidUnicodeEscape => (Scanner, "found invalid Unicode character escape code"),
        ErrorKind::InvalidBlockScalarHeader => (Scanner, "did not find expected comment or line break"),
        ErrorKind::ZeroBlockScalarIndent => (Scanner, "found an indentation indicator equal to 0"),
        ErrorKind::MissingAnchorOrAliasName => {
            (Scanner, "did not find expected alphabetic or numeric character")
        }
        ErrorKind::TabInPlainScalar => (Scanner, "found a tab character that violates indentation"),
        ErrorKind::UnexpectedCharacter { .. }
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart => (Scanner, "found character that cannot start any token"),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::InvalidTrailingDoubleQuotedScalar
        | ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::CommentInterceptedScalar => (Parser, "did not find expected key"),
        ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnclosedFlowCollection { open: '{' } => (Parser, "did not find expected ',' or '}'"),
        ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnclosedFlowCollection { .. } => (Parser, "did not find expected ',' or ']'"),
        ErrorKind::MissingDirectiveName => (Scanner, "could not find expected directive name"),
        ErrorKind::ExpectedBlockSequenceEntry => (Parser, "did not find expected '-' indicator"),
        ErrorKind::ExpectedNodeContent
        | ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::UnexpectedEofBlockMapping
        | ErrorKind::UnexpectedEofBlockSequence => (Parser, "did not find expected node content"),
        ErrorKind::ExpectedDocumentStart => (Parser, "did not find expected <document start>"),
        ErrorKind::UndeclaredTagHandle => (Parser, "found undefined tag handle"),
        ErrorKind::RecursionLimitExceeded => (Parser, "exceeded max depth of 500"),
        other => return (Scanner, other.to_string()),
    };
    (stage, text.to_owned())
}
