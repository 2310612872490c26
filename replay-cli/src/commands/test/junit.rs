//! The same as JUnit XML, which every CI reads.

use std::fmt::Write;
use std::time::Duration;

use super::{EXPECTED, Outcome, Verdict};
use crate::output::ColorChoice;
use crate::output::style::Style;
use crate::output::xml::escaped;

/// The document.
pub fn document(suite: &str, outcomes: &[Outcome], took: Duration) -> String {
    let count = |wanted: fn(&Verdict) -> bool| outcomes.iter().filter(|o| wanted(&o.verdict)).count();
    let failures = count(|v| matches!(v, Verdict::Fail { .. } | Verdict::New { .. }));
    let errors = count(|v| matches!(v, Verdict::Error(_)));
    let (tests, seconds) = (outcomes.len(), took.as_secs_f64());
    let counts =
        format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{seconds:.3}\"");
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"kubetape\" {counts}>\n  <testsuite name=\"{}\" {counts}>\n",
        escaped(suite)
    );
    for outcome in outcomes {
        // Writing to a string cannot fail.
        let _ = case(suite, outcome, &mut text);
    }
    text + "  </testsuite>\n</testsuites>\n"
}

fn case(suite: &str, outcome: &Outcome, text: &mut String) -> std::fmt::Result {
    let (name, class, seconds) = (escaped(&outcome.name), escaped(suite), outcome.took.as_secs_f64());
    let open = format!("    <testcase name=\"{name}\" classname=\"{class}\" time=\"{seconds:.3}\"");
    let (element, message, body) = match &outcome.verdict {
        Verdict::Pass | Verdict::Blessed => return writeln!(text, "{open}/>"),
        Verdict::Fail { diff, .. } => {
            let lines: Vec<_> = diff.lines.iter().map(|(sign, line)| format!("{sign} {line}")).collect();
            ("failure", "the placements are not those expected".to_owned(), lines.join("\n"))
        }
        Verdict::New { .. } => ("failure", format!("there is no {EXPECTED} yet"), String::new()),
        Verdict::Error(report) => {
            ("error", report.message.clone(), report.render(Style::choose(ColorChoice::Never, false)))
        }
    };
    let (message, body) = (escaped(&message), escaped(&body));
    writeln!(text, "{open}>\n      <{element} message=\"{message}\">{body}</{element}>\n    </testcase>")
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::LineDiff;
    use super::*;

    #[test]
    fn the_document_counts_and_escapes() {
        let outcome = |name: &str, verdict| Outcome { name: name.to_owned(), took: Duration::ZERO, verdict };
        let diff = LineDiff { lines: vec![('-', "a <b>".to_owned()), ('+', "\"c\" & d\u{1}".to_owned())] };
        let outcomes = [
            outcome("good", Verdict::Pass),
            outcome("bad", Verdict::Fail { diff, found: String::new() }),
            outcome("broken", Verdict::Error(Box::default())),
        ];
        let text = document("suite", &outcomes, Duration::from_millis(1_500));
        let head = "<testsuite name=\"suite\" tests=\"3\" failures=\"1\" errors=\"1\" time=\"1.500\">";
        assert!(text.contains(head), "{text}");
        assert!(text.contains("- a &lt;b&gt;\n+ &quot;c&quot; &amp; d?</failure>"), "{text}");
        assert!(text.contains("<testcase name=\"good\" classname=\"suite\" time=\"0.000\"/>"), "{text}");
    }
}
