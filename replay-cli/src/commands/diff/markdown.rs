//! The report as Markdown, for a comment on a pull request.
//!
//! What a log says is text that somebody else chose: it stands in code spans, where nothing of it means anything,
//! neither markup nor mentions nor `#4711`, which would point at an issue of that number.

use super::model::{ChangeRow, Document, GroupRow, PartingRow, ReasonRow, WorkloadRow};
use super::words;
use crate::output::counted;

/// Comments take 65,536 characters; some are left for whoever puts a line around it.
const LENGTH_MAX: usize = 60_000;
/// How many nodes of a group are named.
const NAMED_MAX: usize = 40;
/// How many causes of one group are told.
const CAUSES_MAX: usize = 3;

/// The document.
pub fn document(document: &Document) -> String {
    let mut page = Page { text: String::new(), left_out: 0 };
    page.add(&head(document));
    let differs = document.moments.iter().any(|moment| !moment.same);
    for moment in document.moments.iter().filter(|moment| !moment.same) {
        if document.moments.len() > 1 {
            page.add(&format!("#### At {}\n\n", code(&moment.at_b)));
        }
        for workload in moment.daemon_sets.iter().filter(|workload| !workload.same) {
            page.add(&changes(workload));
        }
    }
    for stretch in &document.timeline {
        let to = stretch.to_last.as_deref().unwrap_or("the end");
        let mut block = format!("From {} to {}\n\n", code(&stretch.from), code(to));
        for group in &stretch.groups {
            block += &group_line(group, stretch.change, &stretch.daemon_set);
            block += &reasons(group);
        }
        block += &causes(&stretch.causes, stretch.nodes);
        page.add(&(block + "\n"));
    }
    if !document.same {
        page.add(&folded("Where the logs part", &partings(document)));
        page.add(&folded("Over time", &over_time(document)));
    }
    if differs {
        page.add(&folded("Nodes", &nodes(document)));
    }
    page.finish()
}

/// A page that takes blocks as long as they fit.
struct Page {
    text: String,
    left_out: usize,
}

impl Page {
    fn add(&mut self, block: &str) {
        if self.text.len() + block.len() <= LENGTH_MAX {
            self.text += block;
        } else {
            self.left_out += 1;
        }
    }

    fn finish(mut self) -> String {
        if self.left_out > 0 {
            let parts = counted(self.left_out, "part");
            self.text += &format!(
                "_{parts} left out, because a comment cannot be longer: `--format html` has all._\n"
            );
        }
        self.text
    }
}

fn head(document: &Document) -> String {
    let verdict = match document.same {
        true => "the placements are the same".to_owned(),
        false => words::totals(&document.counts),
    };
    let mut text = format!("### kubetape diff: {verdict}\n\n");
    text += &format!("A is {}, B is {}\n\n", code(&document.a), code(&document.b));
    for gate in &document.gates {
        let sign = if gate.holds { "✅" } else { "❌" };
        text += &format!("- {sign} gate {}: {}\n", code(&gate.gate), gate.found);
    }
    if !document.gates.is_empty() {
        text += "\n";
    }
    if let Some(last) = document.moments.last().filter(|moment| !moment.same) {
        text += "| DaemonSet | pods in A | in B | lost | gained | another revision | pending |\n";
        text += "|---|--:|--:|--:|--:|--:|--:|\n";
        for set in last.daemon_sets.iter().filter(|set| !set.same) {
            let of = |kind: &str| {
                let change = set.changes.iter().find(|change| change.change == kind);
                change.map_or(0, |change: &ChangeRow| change.nodes)
            };
            let name = code(&format!("{}/{}", set.namespace, set.name)).replace('|', "\\|");
            let (lost, gained, revision, pending) = (of("lost"), of("gained"), of("revision"), of("pending"));
            text += &format!(
                "| {name} | {} | {} | {lost} | {gained} | {revision} | {pending} |\n",
                set.pods_a, set.pods_b
            );
        }
        text += "\n";
    }
    text
}

fn changes(workload: &WorkloadRow) -> String {
    let name = format!("{}/{}", workload.namespace, workload.name);
    let mut text = String::new();
    for change in &workload.changes {
        for group in &change.groups {
            text += &group_line(group, change.change, &name);
            text += &causes(&group.causes, group.changed);
            if group.causes.iter().all(|cause| cause.decided == "created") {
                text += &reasons(group);
            }
        }
    }
    text + "\n"
}

fn reasons(group: &GroupRow) -> String {
    let line = |reason: &ReasonRow| format!("  - in {}: {}\n", reason.side, code(&reason.text));
    group.reasons.iter().take(CAUSES_MAX).map(line).collect()
}

fn group_line(group: &GroupRow, change: &str, daemon_set: &str) -> String {
    let (_, word) = words::change(change);
    let nodes = words::group(group, change);
    // The expression comes last in these words.
    let nodes = match nodes.split_once(" with ") {
        Some((count, expression)) => format!("{count} with {}", code(expression)),
        None => nodes,
    };
    format!("- {} **{word}** {nodes}\n", code(daemon_set))
}

fn causes(causes: &[super::model::CauseRow], of: usize) -> String {
    let mut text = String::new();
    for cause in causes.iter().take(CAUSES_MAX) {
        let words::Cause { head, event, others } = words::cause(cause, of);
        text += &match event {
            Some(event) => format!("  - {} because of {}{others}\n", plain(&head), code(&event)),
            None => format!("  - {}\n", plain(&head)),
        };
    }
    match causes.len().saturating_sub(CAUSES_MAX) {
        0 => text,
        more => text + &format!("  - and for {}\n", counted(more, "more reason")),
    }
}

fn folded(title: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<details><summary>{title}</summary>\n\n{body}\n</details>\n\n")
}

fn partings(document: &Document) -> String {
    let mut text = String::new();
    let mut both = |title: String, sides: [&Option<PartingRow>; 2]| {
        text += &format!("{title}\n");
        for (side, parting) in ["A", "B"].into_iter().zip(sides) {
            let Some(parting) = parting else {
                text += &format!("- {side}: nothing more\n");
                continue;
            };
            text += &format!("- {side}: {}\n", code(&crate::commands::explain::words::told(&parting.event)));
            for line in words::chain(&parting.because) {
                text += &format!("  - {}\n", code(&line));
            }
        }
        text += &words::alike(sides[0], sides[1]).map_or(String::new(), |note| format!("- {note}\n"));
        text += "\n";
    };
    if let Some(parting) = &document.first_event {
        both(
            format!("The first event that differs is {}", code(&format!("#{}", parting.event))),
            [&parting.a, &parting.b],
        );
    }
    if let Some(parting) = &document.first_decision {
        let title = format!(
            "The first decision that differs is about {} on {}",
            code(&parting.daemon_set),
            code(&parting.node)
        );
        both(title, [&parting.a, &parting.b]);
    }
    text.trim_end().to_owned() + "\n"
}

fn over_time(document: &Document) -> String {
    let mut rows = String::new();
    for row in document.over_time.iter().filter(|row| !row.same) {
        for figure in words::figures(row, false) {
            let name = code(&row.daemon_set).replace('|', "\\|");
            rows += &format!("| {name} | {} | {} | {} |\n", figure.what, figure.a, figure.b);
        }
    }
    if rows.is_empty() { rows } else { format!("| DaemonSet | | A | B |\n|---|---|--:|--:|\n{rows}") }
}

fn nodes(document: &Document) -> String {
    let mut text = String::new();
    for moment in document.moments.iter().filter(|moment| !moment.same) {
        for workload in &moment.daemon_sets {
            let name = format!("{}/{}", workload.namespace, workload.name);
            for change in &workload.changes {
                for group in &change.groups {
                    let nodes = code(&words::some(&group.nodes, NAMED_MAX));
                    text += &format!("{}  {nodes}\n", group_line(group, change.change, &name));
                }
            }
        }
    }
    text
}

/// A text as a code span, in which nothing has a meaning: fenced by more backticks than it has in a row.
fn code(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut longest = 0;
    let mut row = 0;
    for c in line.chars() {
        row = if c == '`' { row + 1 } else { 0 };
        longest = longest.max(row);
    }
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 || line.is_empty() { " " } else { "" };
    format!("{fence}{space}{line}{space}{fence}")
}

/// Words of our own: only what numbers and times could be taken for is kept from meaning anything.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| if matches!(c, '*' | '_' | '<' | '`' | '|' | '[') { vec!['\\', c] } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_says_means_nothing() {
        assert_eq!(code("@team #4711 <b>|*x*"), "`@team #4711 <b>|*x*`");
        assert_eq!(code("a``b"), "``` a``b ```");
        assert_eq!(code("a\nb"), "`a b`");
    }

    #[test]
    fn a_page_is_cut_between_blocks() {
        let mut page = Page { text: String::new(), left_out: 0 };
        for _ in 0..20 {
            page.add(&"x".repeat(10_000));
        }
        let text = page.finish();
        assert!(text.len() < 65_536);
        assert!(text.ends_with(
            "_14 parts left out, because a comment cannot be longer: `--format html` has all._\n"
        ));
    }
}
