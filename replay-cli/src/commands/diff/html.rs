//! The report as one HTML page: no script, no other file, nothing fetched from anywhere. Everything that a log or a
//! command line says is escaped, and a policy in the page itself forbids what could still slip through.

use super::model::{
    CauseRow, ChangeRow, Document, GroupRow, MomentRow, PartingRow, ReasonRow, Report, WorkloadRow,
};
use super::{svg, words};
use crate::commands::explain::words::told;
use crate::output::counted;
use crate::output::xml::escaped;

const STYLE: &str = "
:root { color-scheme: light dark; --fg: #1c1e21; --bg: #fff; --dim: #667; --line: #d6d9de; --a: #b3541e; --b: #1f6fb2; --bad: #b3261e; --good: #1a7f37;
  --t0: #7a8ca3; --t1: #d08a2e; --t2: #4b9a6a; --t3: #a45fa8; --t4: #c0504d; --t5: #4aa3b8; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6e8eb; --bg: #16181c; --dim: #9aa3af; --line: #3a3f47; --a: #f0a070; --b: #7ab8f5; --bad: #ff8a80; --good: #6fdd8b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid var(--line); } h3 { font-size: 1rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; } code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
.dim { color: var(--dim); } .bad { color: var(--bad); } .good { color: var(--good); } .a { color: var(--a); } .b { color: var(--b); }
details { margin: .3rem 0; } summary { cursor: pointer; color: var(--dim); }
svg { width: 100%; height: auto; display: block; margin: .5rem 0 1.5rem; } .frame { fill: none; stroke: var(--line); }
.course { fill: none; stroke-width: 2; stroke-linejoin: round; } .course.a { stroke: var(--a); } .course.b { stroke: var(--b); stroke-dasharray: 6 3; }
text { fill: var(--fg); font: 12px system-ui, sans-serif; } .name { text-anchor: end; font-weight: 600; } .tick { fill: var(--dim); font-size: 11px; text-anchor: middle; } .tick.end { text-anchor: end; } .tick.start { text-anchor: start; }
.t0 { fill: var(--t0); } .t1 { fill: var(--t1); } .t2 { fill: var(--t2); } .t3 { fill: var(--t3); } .t4 { fill: var(--t4); } .t5 { fill: var(--t5); }
";

/// How many nodes of a group are listed.
const NAMED_MAX: usize = 2_000;

/// The page.
pub fn document(report: &Report) -> String {
    let document = &report.document;
    let verdict = match document.same {
        true => "<span class=\"good\">the placements are the same</span>".to_owned(),
        false => format!("<span class=\"bad\">{}</span>", escaped(&words::totals(&document.counts))),
    };
    let (a, b) = (escaped(&document.a), escaped(&document.b));
    let mut body = format!("<h1>kubetape diff: {verdict}</h1>\n");
    body +=
        &format!("<p><b class=\"a\">A</b> <code>{a}</code><br><b class=\"b\">B</b> <code>{b}</code></p>\n");
    body += &gates(document);
    document.moments.iter().for_each(|one| body += &moment(one));
    body += &timeline(document);
    if !document.same {
        body += &partings(document);
    }
    if !report.charts.is_empty() {
        body += "<h2>Time lines</h2>\n<p class=\"dim\"><span class=\"a\">A is drawn through</span>, <span class=\"b\">B is dashed</span>; of a node's two bars the upper one is A's. A colour is a revision.</p>\n";
    }
    for chart in &report.charts {
        let (name, began) = (escaped(&chart.daemon_set), escaped(&chart.began));
        body += &format!("<h3><code>{name}</code> <span class=\"dim\">since {began}</span></h3>\n");
        body += &svg::draw(chart);
    }
    body += &over_time(document);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>{a} against {b}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn gates(document: &Document) -> String {
    let row = |gate: &super::model::GateRow| {
        let (class, word) = if gate.holds { ("good", "holds") } else { ("bad", "broken") };
        let (name, found) = (escaped(&gate.gate), escaped(&gate.found));
        format!("<li>gate <code>{name}</code>: <b class=\"{class}\">{word}</b>, {found}</li>\n")
    };
    match document.gates.is_empty() {
        true => String::new(),
        false => format!("<ul>\n{}</ul>\n", document.gates.iter().map(row).collect::<String>()),
    }
}

fn moment(moment: &MomentRow) -> String {
    let at = match moment.at_a == moment.at_b {
        true => escaped(&moment.at_a),
        false => format!("{} and {}", escaped(&moment.at_a), escaped(&moment.at_b)),
    };
    let (class, word) = if moment.same { ("good", "same") } else { ("bad", "different") };
    let mut text = format!("<h2>{at}: <span class=\"{class}\">{word}</span></h2>\n");
    for (kind, workload) in moment
        .daemon_sets
        .iter()
        .map(|set| ("DaemonSet", set))
        .chain(moment.replica_sets.iter().map(|set| ("ReplicaSet", set)))
    {
        if !workload.same {
            text += &workload_section(kind, workload);
        }
    }
    text
}

fn workload_section(kind: &str, workload: &WorkloadRow) -> String {
    let name = escaped(&format!("{}/{}", workload.namespace, workload.name));
    let (a, b) = (workload.pods_a, workload.pods_b);
    let mut text = format!("<h3>{kind} <code>{name}</code>: {} → {b}</h3>\n", counted(a, "pod"));
    let differing = workload.revisions.iter().filter(|revision| revision.pods_a != revision.pods_b);
    for revision in differing {
        let name = escaped(&revision.revision);
        text += &format!(
            "<p class=\"dim\">revision <code>{name}</code>: {} → {}</p>\n",
            revision.pods_a, revision.pods_b
        );
    }
    text += "<ul>\n";
    for change in &workload.changes {
        text += &change.groups.iter().map(|group| group_item(group, change)).collect::<String>();
    }
    text + "</ul>\n"
}

fn group_item(group: &GroupRow, change: &ChangeRow) -> String {
    let mut text = group_head(group, change.change);
    text += &causes(&group.causes, group.changed);
    text += &reasons(group);
    if !matches!(change.change, "lost" | "gained") {
        for row in &change.from_to {
            let (from, to) = (escaped(&row.from), escaped(&row.to));
            text += &format!("<br><span class=\"dim\">{}: {from} → {to}</span>", counted(row.nodes, "node"));
        }
    }
    text + &node_list(&group.nodes) + "</li>\n"
}

fn reasons(group: &GroupRow) -> String {
    let line = |reason: &ReasonRow| {
        format!("<br><span class=\"dim\">in {}: {}</span>", reason.side, escaped(&reason.text))
    };
    group.reasons.iter().map(line).collect()
}

fn group_head(group: &GroupRow, change: &str) -> String {
    let (_, word) = words::change(change);
    let class = match change {
        "lost" => "bad",
        "gained" => "good",
        _ => "",
    };
    format!("<li><b class=\"{class}\">{word}</b> {}", escaped(&words::group(group, change)))
}

fn causes(causes: &[CauseRow], of: usize) -> String {
    causes.iter().map(|cause| format!("<br>{}", escaped(&words::cause(cause, of).to_string()))).collect()
}

fn node_list(nodes: &[String]) -> String {
    let names = escaped(&words::some(nodes, NAMED_MAX));
    format!("<details><summary>{}</summary><code>{names}</code></details>", counted(nodes.len(), "node"))
}

fn timeline(document: &Document) -> String {
    if document.timeline.is_empty() {
        return String::new();
    }
    let mut text = "<h2>What differed when</h2>\n<table>\n<tr><th>from</th><th>to</th><th>DaemonSet</th><th></th></tr>\n".to_owned();
    for stretch in &document.timeline {
        let groups = stretch.groups.iter().map(|group| {
            let (head, nodes) = (group_head(group, stretch.change), node_list(&group.nodes));
            format!("{head}{}{nodes}</li>\n", reasons(group))
        });
        let (from, to) = (escaped(&stretch.from), escaped(stretch.to_last.as_deref().unwrap_or("the end")));
        let (name, causes) = (escaped(&stretch.daemon_set), causes(&stretch.causes, stretch.nodes));
        let groups: String = groups.collect();
        text += &format!(
            "<tr><td>{from}</td><td>{to}</td><td><code>{name}</code></td><td><ul>{groups}</ul>{causes}</td></tr>\n"
        );
    }
    text + "</table>\n"
}

fn partings(document: &Document) -> String {
    let mut text = String::new();
    let mut both = |title: &str, sides: [&Option<PartingRow>; 2]| {
        text += &format!("<h3>{}</h3>\n<ul>\n", escaped(title));
        for (side, parting) in ["A", "B"].into_iter().zip(sides) {
            let class = side.to_lowercase();
            let what = match parting {
                None => "nothing more".to_owned(),
                Some(parting) => {
                    let because = words::chain(&parting.because).into_iter();
                    let because: String = because.map(|line| format!("<br>{}", escaped(&line))).collect();
                    format!("{}<span class=\"dim\">{because}</span>", escaped(&told(&parting.event)))
                }
            };
            text += &format!("<li><b class=\"{class}\">{side}</b> {what}</li>\n");
        }
        text += &words::alike(sides[0], sides[1]).map_or(String::new(), |note| format!("<li>{note}</li>\n"));
        text += "</ul>\n";
    };
    if let Some(parting) = &document.first_event {
        both(&format!("The first event that differs is #{}", parting.event), [&parting.a, &parting.b]);
    }
    if let Some(parting) = &document.first_decision {
        let title =
            format!("The first decision that differs is about {} on {}", parting.daemon_set, parting.node);
        both(&title, [&parting.a, &parting.b]);
    }
    if text.is_empty() { text } else { format!("<h2>Where the logs part</h2>\n{text}") }
}

fn over_time(document: &Document) -> String {
    let mut rows = String::new();
    for row in &document.over_time {
        for figure in words::figures(row, true) {
            let (name, what) = (escaped(&row.daemon_set), escaped(figure.what));
            let class = if figure.a == figure.b { " class=\"dim\"" } else { "" };
            let (a, b) = (escaped(&figure.a), escaped(&figure.b));
            rows += &format!(
                "<tr{class}><td><code>{name}</code></td><td>{what}</td><td class=\"n\">{a}</td><td class=\"n\">{b}</td></tr>\n"
            );
        }
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<h2>Over time</h2>\n<table>\n<tr><th>DaemonSet</th><th></th><th class=\"n\">A</th><th class=\"n\">B</th></tr>\n{rows}</table>\n"
    )
}
